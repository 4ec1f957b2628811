package broker_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers/persona"
)

// everythingKept is all that traces and log tell, at the most talkative level.
func (k *kit) everythingKept() string {
	k.t.Helper()
	var all strings.Builder
	for _, l := range k.traces() {
		b, err := json.Marshal(k.traceOf(l.Reference)) // claims are open here, sealed in the book
		if err != nil {
			k.t.Fatal(err)
		}
		all.Write(b)
		all.Write(k.traceOf(l.Reference).Steps)
		all.Write(k.traceOf(l.Reference).Trace)
	}
	return all.String() + k.logs.String()
}

// An upstream that says back whatever it was told, in claims and in errors: nothing of it
// is kept, in no log at debug level and in no trace.
func TestO04_O05_AnUpstreamThatEchoesSecretsLeavesNoneOfThem(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant, machines)
	k.member("olga")
	var canaries []string
	login := func(fault func(up url.Values) persona.Fault) (*login, *url.URL) {
		t.Helper()
		b := k.browser()
		l := k.login("web")
		l, answer := begun(t, k, b, "google", "alice")
		up, err := url.Parse(answer)
		if err != nil {
			t.Fatal(err)
		}
		canaries = append(canaries, l.state, l.nonce, l.verifier, l.secret, up.Query().Get("code"), up.Query().Get("state"), k.google.ClientSecret())
		k.google.Faults().Set(fault(up.Query()))
		to := b.get(answer).to(t)
		u, _ := url.Parse(k.issuer)
		for _, c := range b.jar.Cookies(u) {
			if strings.HasPrefix(c.Name, "hs") {
				canaries = append(canaries, c.Value)
			}
		}
		return l, to
	}
	l, to := login(func(up url.Values) persona.Fault {
		return persona.Fault{Claims: persona.Claims{"nickname": "my code is " + up.Get("code"), "website": up.Get("state"), "profile": k.google.ClientSecret(),
			"groups": []string{"staff", up.Get("code")}, "address": map[string]any{"locality": up.Get("state")}, "access_token": "canary-access-token", "picture": "eyJhbGciOiJub25lIn0.canary.canary"}}
	})
	canaries = append(canaries, "canary-access-token", "eyJhbGciOiJub25lIn0")
	code := l.code(to)
	got := l.redeem(code).json(t)
	l.redeem(code)
	canaries = append(canaries, code, got["access_token"].(string), got["refresh_token"].(string), got["id_token"].(string))
	mine := k.traceOf(k.traces()[0].Reference)
	if mine.Claims["email"] != alice || mine.Claims["nickname"] != "[redacted]" || !slices.Equal(mine.Claims["groups"].([]any), []any{"staff", "[redacted]"}) {
		t.Errorf("claims %v", mine.Claims)
	}
	for _, fault := range []persona.Fault{
		{At: persona.At{persona.Token: {Status: 400, Body: `{"error":"invalid_grant","error_description":"canary-upstream-words"}`}}},
		{At: persona.At{persona.Token: {Status: 500, Body: "canary-upstream-words"}}},
		{WrongNonce: "canary-wrong-nonce"},
		{Claims: persona.Claims{"iss": "https://canary-issuer.example"}},
	} {
		login(func(url.Values) persona.Fault { return fault })
	}
	canaries = append(canaries, "canary-upstream-words", "canary-wrong-nonce")
	k.google.Faults().Reset()
	wrong := "a wrong password nobody has"
	k.login("desk").password("olga", wrong)
	k.login("desk").password("olga", goodPassword)
	b := k.browser()
	page := b.get(k.login("web", "provider", "local").url())
	page = k.fill(b, page, "username", "olga", "password", wrong)
	k.fill(b, page, "username", "olga", "password", goodPassword)
	canaries = append(canaries, wrong, goodPassword)

	kept := k.everythingKept()
	if n := len(k.traces()); n != 8 || !strings.Contains(kept, alice) {
		t.Fatalf("%d traces, %d bytes: nothing was looked at", n, len(kept))
	}
	for i, secret := range canaries {
		if len(secret) > 8 && strings.Contains(kept, secret) {
			at := strings.Index(kept, secret)
			t.Errorf("canary %d (%.16s…) is in …%s…", i, secret, kept[max(0, at-80):at])
		}
	}
}

// What a trace says of claims, and what the reasons of rules repeat of them, is sealed in
// the book: a dump of it tells nobody's.
func TestO01_ClaimsOfATraceLieSealed(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "no canaries", When: "claims.nickname.startsWith('canary')", Deny: "no canaries"})
	})
	k.google.Faults().Set(persona.Fault{Claims: persona.Claims{"nickname": "canary-nickname"}})
	k.login("web").signIn(k.browser(), "google", "alice")
	if got := k.traceOf(k.traces()[0].Reference); got.Claims["nickname"] != "canary-nickname" || !strings.Contains(string(got.Trace), "canary-nickname") {
		t.Fatalf("%v %s", got.Claims, got.Trace)
	}
	files, _ := filepath.Glob(k.dbFile + "*")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err != nil || strings.Contains(string(raw), "canary-nickname") {
			t.Errorf("a claim lies open in %s (%v)", file, err)
		}
	}
}

// Nobody fills the book from outside: what strangers cause has a budget of rows.
func TestI09_TracesOfStrangersHaveABudget(t *testing.T) {
	k := newKitAs(t, func(k *kit) {
		k.dbURL, k.keep.Strangers = "sqlite:"+filepath.Join(t.TempDir(), "book.db"), 10
	})
	b := k.browser()
	q := k.login("web").query()
	q.Set("redirect_uri", "https://evil.example/")
	for range 60 {
		if a := b.get(k.issuer + "/authorize?" + q.Encode()); a.StatusCode != http.StatusBadRequest {
			t.Fatal(a.Status)
		}
	}
	k.login("web").done(k.browser(), "google", "alice")
	all := k.traces()
	known := 0
	for _, l := range all {
		if l.UserID != "" {
			known++
		}
	}
	if len(all) > 12 || known != 1 {
		t.Errorf("%d traces, %d of people we know", len(all), known)
	}
}
