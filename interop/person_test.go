package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A village is `handstamp dev`, running: the broker, three pretend upstreams, an app and an API.
type village struct {
	Issuer, App, API, Data string
	BFF, SPA               string
	Console                string // the owner's link
	Docs                   string
	APIDocs                string `json:"api_docs"`
	Secret                 string `json:"client_secret"`
	Upstreams              map[string]string
	CAFile                 string `json:"ca_file"`
	Hosts                  []string
	Resident               resident // whom the broker knows by a password
}

type resident struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

func dev(t *testing.T, flags ...string) village {
	t.Helper()
	var v village
	start(t, ".", nil, append([]string{binary, "dev", "--json", "--port", "0"}, flags...)...).says(t, &v)
	return v
}

func TestAPersonSignsInAndOutOverHTTP(t *testing.T) {
	walkAsAPerson(t, dev(t), "http")
}

// Over https every part has a host name of its own, as in production: what only works because everything is "localhost" fails here.
func TestAPersonSignsInAndOutOverHTTPSWithSeparateHosts(t *testing.T) {
	v := dev(t, "--tls", "--host", "broker.test")
	if !strings.HasPrefix(v.Issuer, "https://broker.test:") || !strings.HasPrefix(v.App, "https://app.test:") {
		t.Fatalf("dev --tls --host broker.test runs the broker at %s and the app at %s", v.Issuer, v.App)
	}
	walkAsAPerson(t, v, "https")
}

// walkAsAPerson hands the browser over to node/person.mjs and judges what it saw.
func walkAsAPerson(t *testing.T, v village, name string) {
	npm(t, "axe-core")
	npm(t, "playwright-core")
	part(t, "chromium", version(t, need(t, "chromium", "chromium-browser", "google-chrome"), "--version"))
	shots := filepath.Join(shotsDir(t), name)
	settings := map[string]any{"app": v.App, "issuer": v.Issuer, "shots": shots, "resident": v.Resident}
	if v.CAFile != "" {
		settings["caFile"] = v.CAFile
		settings["resolve"] = "MAP *.test 127.0.0.1"
	}
	person := node(t, "person.mjs", settings)

	happened := map[string]string{}
	pages := map[string]bool{}
	for {
		var said struct {
			look
			Did, Saw   string
			Done       bool
			Complaints []string
		}
		person.says(t, &said)
		switch {
		case said.Done:
			judge(t, v, happened)
			for _, complaint := range said.Complaints {
				if !expected(complaint) {
					t.Errorf("the browser's console: %s", complaint)
				}
			}
			if len(pages) < 12 {
				t.Errorf("only %d pages were looked at: %v", len(pages), pages)
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

// judge compares what the person saw with what was promised.
func judge(t *testing.T, v village, happened map[string]string) {
	t.Helper()
	for _, want := range []struct{ did, saw string }{
		{"chose to choose", v.Issuer + "/authorize"},
		{"signed in", "Alice Acme"},
		{"read", "200"},
		{"wrote", "403"},
		{"wrote", `error="insufficient_scope"`},
		{"wrote", `scope="items:write"`},
		{"refreshed", "1 time"},
		{"did not allow", "error=access_denied"},
		{"allowed", "code="},
		{"was not asked twice", "code="},
		{"ended the other sessions", "All other sessions have ended. 1 left"},
		{"ended an app", "no access any more"},
		{"forgot a consent", "forgotten"},
		{"looked from the browser whose session was ended", "Sign in to your account"},
		{"was forgotten", "error=consent_required"},
		{"met an unknown app", v.Issuer + "/authorize"},
		{"signed out", "signed out"},
		{"signed out twice", "signed out"},
		{"signed in elsewhere after signing out", "asked who"},
		{"became somebody else", "Bob Private"},
		{"tried as nobody", v.App},
		{"wrote by keyboard, as Erin", "201"},
		{"emptied the shelf with a young sign-in", "200"},
		{"signed in without JavaScript", "Alice Acme"},
		{"signed out without JavaScript", "signed out"},
		{"mistyped the password", "do not fit together"},
		{"found the name still there", v.Resident.Username},
		{"signed in with a password", "Dana Doorkeeper"},
	} {
		if saw, ok := happened[want.did]; !ok || !strings.Contains(saw, want.saw) {
			t.Errorf("%s: saw %q, want %q", want.did, saw, want.saw)
		}
	}
}

// expected says whether a line of the console is the browser telling of an answer that the walk asked for: 4xx pages.
func expected(complaint string) bool {
	return strings.Contains(complaint, "Failed to load resource: the server responded with a status of 4") && !strings.Contains(complaint, ".css") && !strings.Contains(complaint, ".svg")
}

// shotsDir is where screenshots stay: a folder of this one that git ignores.
func shotsDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HANDSTAMP_SHOTS")
	if dir == "" {
		dir = abs(t, "shots")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
