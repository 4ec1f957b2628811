package interop

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The two single-page apps of `handstamp dev`: docs/browser-apps.md promises what is judged here.

func TestBothSinglePageAppsOverHTTP(t *testing.T) {
	walkBothApps(t, dev(t), "http")
}

func TestBothSinglePageAppsOverHTTPSWithSeparateHosts(t *testing.T) {
	walkBothApps(t, dev(t, "--tls", "--host", "broker.test"), "https")
}

func walkBothApps(t *testing.T, v village, name string) {
	npm(t, "axe-core")
	npm(t, "playwright-core")
	part(t, "chromium", version(t, need(t, "chromium", "chromium-browser", "google-chrome"), "--version"))
	shots := filepath.Join(shotsDir(t), "apps-"+name)
	port := freePorts(t, 1)[0]
	// On loopback the attacker is the same site, another port; over https another site.
	settings := map[string]any{"bff": v.BFF, "spa": v.SPA, "api": v.API, "issuer": v.Issuer, "shots": shots, "evil": fmt.Sprintf("http://127.0.0.1:%d", port)}
	if v.CAFile != "" {
		settings["caFile"], settings["resolve"], settings["evil"] = v.CAFile, "MAP *.test 127.0.0.1", fmt.Sprintf("http://kittens.test:%d", port)
	}
	walk := node(t, "browser-apps.mjs", settings)
	happened := map[string]string{}
	pages := map[string]bool{}
	for {
		var said struct {
			look
			Did, Saw   string
			Done       bool
			Complaints []string
		}
		walk.says(t, &said)
		switch {
		case said.Done:
			judgeApps(t, v, happened)
			for _, complaint := range said.Complaints {
				if !expected(complaint) {
					t.Errorf("the browser's console: %s", complaint)
				}
			}
			if len(pages) != 6 {
				t.Errorf("looked at %v", pages)
			}
			t.Logf("screenshots are in %s", shots)
			return
		case said.Did != "":
			happened[said.Did] = said.Saw
		case said.Page != "":
			pages[said.Page] = true
			said.judge(t)
		}
	}
}

func judgeApps(t *testing.T, v village, happened map[string]string) {
	t.Helper()
	for _, want := range []struct{ did, saw, why string }{
		{"signed in", "Alice Acme", ""},
		{"read", "A brass key", ""},
		{"was refused", "Your token lacks items:write. 403", "the API decides, and the page can read why"},
		{"reloaded", "Alice Acme", "nobody types a password because of a reload"},
		{"went back", "sees nothing", "the back button shows nothing of the person before"},
		{"is signed out of the broker", "signed out", ""},
		{"wrote, as Erin", "is on the shelf. 201", ""},
		{"wrote, as Erin", "A seal of ", ""},
		{"was not let in", "help desk", "the broker's own words reach the person"},
	} {
		for _, kind := range []string{"bff", "spa"} {
			if saw := happened[kind+": "+want.did]; !strings.Contains(saw, want.saw) {
				t.Errorf("%s: %s: saw %q, want %q: %s", kind, want.did, saw, want.saw, want.why)
			}
		}
	}
	if saw := happened["bff: opened a second tab"]; saw != "signed in" {
		t.Errorf("bff: a second tab %s", saw)
	}
	if saw := happened["spa: opened a second tab"]; saw != "asked to sign in" {
		t.Errorf("spa: a second tab %s: then its tokens are not only in the first one's memory", saw)
	}
	judgeKept(t, v, happened)
	judgeCalls(t, v, happened)
	judgeAttacks(t, happened)
	judgeLies(t, happened)
}

// aToken finds what must not lie in a browser: a JWT, or one of our refresh tokens.
var aToken = regexp.MustCompile(`eyJ[\w-]{10,}|hsr_[\w-]{8,}|_token"`)

func judgeKept(t *testing.T, v village, happened map[string]string) {
	t.Helper()
	for _, did := range []string{"bff: kept in the browser", "bff: kept after signing out", "spa: kept in the browser", "spa: kept after signing out"} {
		var kept struct {
			Local, Tab    map[string]string
			Databases     []any
			Cookies, Name string
			Caches        []string
		}
		saw := happened[did]
		if err := json.Unmarshal([]byte(saw), &kept); err != nil {
			t.Fatalf("%s: %q: %v", did, saw, err)
		}
		if aToken.MatchString(saw) || len(kept.Local)+len(kept.Databases)+len(kept.Caches) > 0 || kept.Cookies != "" || kept.Name != "" {
			t.Errorf("%s: a script can read %s", did, saw)
		}
		switch {
		case did == "spa: kept in the browser" && (len(kept.Tab) != 1 || kept.Tab["signed-in"] != "yes"):
			t.Errorf("%s: %v, want only that this tab was signed in", did, kept.Tab)
		case did != "spa: kept in the browser" && len(kept.Tab) > 0:
			t.Errorf("%s: %v, want nothing", did, kept.Tab)
		}
	}
	var cookies []struct {
		Name, Domain, Path, SameSite string
		HTTPOnly, Secure             bool
	}
	if err := json.Unmarshal([]byte(happened["bff: cookies"]), &cookies); err != nil || len(cookies) != 1 {
		t.Fatalf("bff: cookies: %s, %v; want the session's and no other", happened["bff: cookies"], err)
	}
	c, overTLS := cookies[0], strings.HasPrefix(v.BFF, "https:")
	if !c.HTTPOnly || c.SameSite != "Strict" || c.Path != "/" || strings.HasPrefix(c.Domain, ".") || c.Secure != overTLS || strings.HasPrefix(c.Name, "__Host-") != overTLS {
		t.Errorf("bff: the session's cookie is %+v", c)
	}
	if saw := happened["spa: cookies"]; overTLS && saw != "[]" {
		t.Errorf("spa: cookies %s", saw)
	}
}

// judgeCalls looks at every request that the pages' scripts made.
func judgeCalls(t *testing.T, v village, happened map[string]string) {
	t.Helper()
	calls := func(kind string) (list []struct{ To, Authorization, Sent, Got string }) {
		if err := json.Unmarshal([]byte(happened[kind+": calls"]), &list); err != nil || len(list) < 4 {
			t.Fatalf("%s: calls: %q, %v", kind, happened[kind+": calls"], err)
		}
		return list
	}
	for _, c := range calls("bff") {
		if !strings.HasPrefix(c.To, v.BFF+"/") || c.Authorization != "" || aToken.MatchString(c.Sent+c.Got) {
			t.Errorf("bff: the page met a token: %+v", c)
		}
	}
	toAPI := 0
	for _, c := range calls("spa") {
		switch {
		case strings.HasPrefix(c.To, v.API+"/"):
			toAPI++
			if !strings.HasPrefix(c.Authorization, "Bearer eyJ") {
				t.Errorf("spa: %s without the access token", c.To)
			}
		case !strings.HasPrefix(c.To, v.Issuer+"/"):
			t.Errorf("spa: the page called %s", c.To)
		}
	}
	if toAPI < 2 {
		t.Errorf("spa: %d calls of the API", toAPI)
	}
	if saw := happened["spa: asked five times at once"]; saw != `{"statuses":[200,200,200,200,200],"renewals":1}` {
		t.Errorf("spa: asked five times with an old token: %s, want one renewal", saw)
	}
	if saw := happened["bff: asked five times at once"]; saw != `{"statuses":[200,200,200,200,200],"renewals":0}` {
		t.Errorf("bff: asked five times: %s", saw)
	}
}

// judgeLies looks at what the page did when another answered in the broker's place.
func judgeLies(t *testing.T, happened map[string]string) {
	t.Helper()
	for lie, want := range map[string]string{
		"another iss":               `{"inside":false,"redeemed":0,"notice":"That answer comes from somebody else."}`,
		"no iss":                    `{"inside":false,"redeemed":0,"notice":"That answer comes from somebody else."}`,
		"another state":             `{"inside":false,"redeemed":0,"notice":"That sign-in did not begin in this tab, or is over. Please sign in again."}`,
		"no state":                  `{"inside":false,"redeemed":0,"notice":"That sign-in did not begin in this tab, or is over. Please sign in again."}`,
		"a token for another login": `{"inside":false,"redeemed":1,"notice":"The sign-in could not be finished. Please try again."}`,
		"a token for another app":   `{"inside":false,"redeemed":1,"notice":"The sign-in could not be finished. Please try again."}`,
		"a token for others, too":   `{"inside":false,"redeemed":1,"notice":"The sign-in could not be finished. Please try again."}`,
		"a token of another broker": `{"inside":false,"redeemed":1,"notice":"The sign-in could not be finished. Please try again."}`,
		"a token about nobody":      `{"inside":false,"redeemed":1,"notice":"The sign-in could not be finished. Please try again."}`,
		"a token that is over":      `{"inside":false,"redeemed":1,"notice":"The sign-in could not be finished. Please try again."}`,
		"nothing":                   `{"inside":true,"redeemed":1,"notice":""}`,
	} {
		if saw := happened["spa was lied to: "+lie]; saw != want {
			t.Errorf("spa was lied to: %s: %s, want %s", lie, saw, want)
		}
	}
	for what, want := range map[string]string{
		"is away": "There is no answer. Please try again in a moment. still signed in",
		"refuses": "Your session has ended. Please sign in again. signed out",
	} {
		if saw := happened["spa: at a refresh the broker "+what]; saw != want {
			t.Errorf("spa: at a refresh the broker %s: %q, want %q", what, saw, want)
		}
	}
}

func judgeAttacks(t *testing.T, happened map[string]string) {
	t.Helper()
	saw := happened["bff: another site tried"]
	if !strings.Contains(saw, "Erin") || strings.Contains(saw, "kittens") {
		t.Errorf("S05: another site could write or sign out: %s", saw)
	}
	for _, try := range []string{`"header":"refused by the browser"`, `"read":"refused by the browser"`, `"plain":"refused by the browser"`} {
		if !strings.Contains(saw, try) {
			t.Errorf("S05: another site tried: %s, want %s", saw, try)
		}
	}
	if saw := happened["bff: wrote in a tab of before"]; !strings.Contains(saw, "Bob") || strings.Contains(saw, "secret") {
		t.Errorf("S13: a tab of Erin's wrote as Bob: %s", saw)
	}
}
