package broker_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

// tryProvider leads a browser through a test sign-in and returns where it ends.
func (k *kit) tryProvider(b *browser, slug, person string) (to *url.URL, reference string) {
	k.t.Helper()
	address, reference, err := k.broker.TestSignIn(slug, consoleURL+"/providers/"+slug+"?step=3")
	if err != nil {
		k.t.Fatal(err)
	}
	up := b.get(address).to(k.t)
	answer, err := persona.SignIn(k.t.Context(), b.Client, up.String(), person)
	if err != nil {
		k.t.Fatal(err)
	}
	return b.get(answer.String()).to(k.t), reference
}

func TestATestSignInTellsWhatAProviderSaysAndSignsNobodyIn(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Providers[1].Disabled = true })
	b := k.browser()
	u, _ := url.Parse(k.issuer)
	for _, slug := range []string{"google", "okta"} { // one in use, one that is still switched off
		before := k.rows()
		to, reference := k.tryProvider(b, slug, "alice")
		if want := consoleURL + "/providers/" + slug + "?reference=" + reference + "&step=3"; to.String() != want {
			t.Fatalf("%s ends at %s, want %s", slug, to, want)
		}
		got := k.traceOf(reference)
		if got.Outcome != storage.LoginTest || got.Provider != slug || got.ProviderID == "" || got.Subject == "" || got.Claims["email"] != alice || got.ClientID != "" || got.UserID != "" || got.Code != "" || got.Cause != "" {
			t.Errorf("%s: %+v", slug, got)
		}
		if steps := stepsOf(t, got); !slices.Equal(steps, []string{"provider", "sent", "back", "recognised"}) {
			t.Errorf("%s: steps %v", slug, steps)
		}
		if after := k.rows(); after != before {
			t.Errorf("%s: rows %s, before %s", slug, after, before)
		}
		for _, c := range b.jar.Cookies(u) {
			if strings.HasPrefix(c.Name, "hs") && c.Value != "" {
				t.Errorf("%s leaves the cookie %s", slug, c.Name)
			}
		}
		if a := b.get(k.issuer + "/account"); strings.Contains(a.body, alice) {
			t.Errorf("%s signs in", slug)
		}
	}
}

// rows are what a sign-in would leave.
func (k *kit) rows() string {
	k.t.Helper()
	users, err := k.db.Users(k.t.Context(), 10)
	if err != nil {
		k.t.Fatal(err)
	}
	audit, err := k.db.Audit(k.t.Context(), 1000)
	if err != nil {
		k.t.Fatal(err)
	}
	return fmt.Sprint(len(users), " users, ", len(audit), " audit rows")
}

func TestATestSignInTellsWhatWentWrong(t *testing.T) {
	for why, row := range map[string]struct {
		fault persona.Fault
		code  string
		cause string
	}{
		"a wrong nonce":          {persona.Fault{WrongNonce: "x"}, "server_error", "nonce"},
		"a dead token endpoint":  {persona.Fault{At: persona.At{persona.Token: {Status: 503}}}, "temporarily_unavailable", "503"},
		"no sub":                 {persona.Fault{Claims: persona.Claims{"sub": persona.Absent}}, "server_error", "sub"},
		"another's issuer":       {persona.Fault{Claims: persona.Claims{"iss": "https://evil.example"}}, "server_error", "iss"},
		"an error in the answer": {persona.Fault{AuthorizeError: "temporarily_unavailable"}, "temporarily_unavailable", ""},
	} {
		k := newKit(t)
		k.google.Faults().Set(row.fault)
		to, reference := k.tryProvider(k.browser(), "google", "alice")
		if to.Query().Get("reference") != reference || !strings.HasPrefix(to.String(), consoleURL) || to.Query().Has("error") {
			t.Errorf("%s: ends at %s", why, to)
			continue
		}
		if got := k.traceOf(reference); got.Outcome != storage.LoginTest || got.Code != row.code || !strings.Contains(got.Cause, row.cause) || got.Cause == "" {
			t.Errorf("%s: %s %s %q", why, got.Outcome, got.Code, got.Cause)
		}
	}
}

func TestATestSignInWorksWhereWeAskForThePasswordOurselves(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("olga")
	b := k.browser()
	address, reference, err := k.broker.TestSignIn("local", consoleURL+"/")
	if err != nil {
		t.Fatal(err)
	}
	page := b.get(address)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Sign in to") {
		t.Fatalf("%s %s", page.Status, page.body)
	}
	a := k.fill(b, page, "username", "olga", "password", goodPassword)
	if a.Header.Get("Location") != consoleURL+"/?reference="+reference {
		t.Fatalf("%s %s", a.Status, a.Header.Get("Location"))
	}
	if got := k.traceOf(reference); got.Outcome != storage.LoginTest || got.Subject == "" || got.UserID != "" {
		t.Errorf("%+v", got)
	}
}

func TestATicketIsGoodOnceForTenMinutesAndForTheConsoleOnly(t *testing.T) {
	k := newKit(t)
	for _, back := range []string{"", "/", "https://evil.example/", "http://127.0.0.1:8082/", "https://127.0.0.1:8081/", consoleURL + "@evil.example/", consoleURL + ".evil.example/",
		"http://user@127.0.0.1:8081/", consoleURL + "/a/../../b", consoleURL + "/\\evil", consoleURL + "/#x", "javascript:alert(1)", "//127.0.0.1:8081/"} {
		if to, _, err := k.broker.TestSignIn("google", back); err == nil {
			t.Errorf("back to %q: %s", back, to)
		}
	}
	if _, _, err := k.broker.TestSignIn("nobody", consoleURL+"/"); err == nil {
		t.Error("a provider that there is not")
	}
	address, _, err := k.broker.TestSignIn("google", consoleURL+"/")
	if err != nil {
		t.Fatal(err)
	}
	look, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	look.Header.Set("Sec-Purpose", "prefetch")
	if a := do(t, k.browser().Client, look); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a prefetch: %s", a.Status)
	}
	b := k.browser()
	b.get(address).to(t)
	mustBePage(t, b.get(address), http.StatusBadRequest)
	mustBePage(t, k.browser().get(address), http.StatusBadRequest)
	address, _, err = k.broker.TestSignIn("google", consoleURL+"/")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{address[:len(address)-1], address + "A", k.issuer + "/test", k.issuer + "/test?ticket=" + strings.Repeat("A", 3000)} {
		mustBePage(t, b.get(bad), http.StatusBadRequest)
	}
	k.clock.Advance(11 * time.Minute)
	mustBePage(t, b.get(address), http.StatusBadRequest)
}

// The two ways to mix a test up with a login: neither its state at a login's end, nor the
// other way round.
func TestU02_ATestIsOfItsBrowserAndNeverBecomesALogin(t *testing.T) {
	k := newKit(t)
	address, reference, err := k.broker.TestSignIn("google", consoleURL+"/")
	if err != nil {
		t.Fatal(err)
	}
	attacker, victim := k.browser(), k.browser()
	up := attacker.get(address).to(t)
	answer, err := persona.SignIn(t.Context(), victim.Client, up.String(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	mustBePage(t, victim.get(answer.String()), http.StatusBadRequest)
	if l, err := k.findTrace(reference); err == nil {
		t.Errorf("it left %+v", l)
	}
	to := attacker.get(answer.String()).to(t) // even in the browser that began: no code for anybody
	if to.Query().Has("code") || !strings.HasPrefix(to.String(), consoleURL) {
		t.Errorf("it ends at %s", to)
	}
}
