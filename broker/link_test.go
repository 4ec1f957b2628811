package broker_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

// linking is a house in which people may add Okta and Auth0 to their accounts.
func linking(d *directory.Document) {
	for i := range d.Providers {
		if d.Providers[i].Slug != "google" {
			d.Providers[i].Linking = directory.LinkingAccount
		}
	}
}

// addLink presses "Add …" and comes back from the provider as somebody. The answer is
// the page that follows.
func (b *browser) addLink(slug, person string) *answer {
	b.k.t.Helper()
	return b.get(b.comeBack(slug, person).String())
}

// comeBack goes as far as the provider's answer.
func (b *browser) comeBack(slug, person string) *url.URL {
	b.k.t.Helper()
	a := b.post(b.k.issuer+"/account", b.button("link", slug))
	if a.StatusCode != http.StatusOK {
		b.k.t.Fatalf("add %s: %s %s", slug, a.Status, a.body)
	}
	back, err := persona.SignIn(b.k.t.Context(), b.Client, href(b.k.t, a.body, "continue"), person)
	if err != nil {
		b.k.t.Fatal(err)
	}
	return back
}

func (b *browser) button(end, provider string) url.Values {
	b.k.t.Helper()
	for _, f := range forms(b.account())[end] {
		if f.Get("provider") == provider {
			return f
		}
	}
	b.k.t.Fatalf("there is no button %s %s", end, provider)
	return nil
}

func TestAPersonAddsAWayToSignInAndTakesItAway(t *testing.T) {
	k := newKit(t, linking)
	b := k.browser()
	before := k.login("web").done(b, "google", "alice")
	a := b.addLink("okta", "bob")
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	for _, want := range []string{"alice@", "bob@", "Okta", "Add this way to sign in?"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page that asks does not name %q: %s", want, a.body)
		}
	}
	if body := b.press(hidden(a.body)); !strings.Contains(body, "You can sign in with it from now on.") || !strings.Contains(body, "bob@") {
		t.Errorf("after it: %s", body)
	}
	other := k.browser()
	after := k.login("web").done(other, "okta", "bob")
	if subjectOf(t, before) != subjectOf(t, after) {
		t.Error("the new way leads to another account")
	}
	if rows := k.audited(storage.AuditIdentityLinked); len(rows) != 1 || rows[0].Actor.Kind != "person" || rows[0].Detail["how"] == "" {
		t.Errorf("audit: %+v", rows)
	}
	buttons := forms(b.account())["identity"]
	if len(buttons) != 2 {
		t.Fatalf("%d buttons take one of two ways away", len(buttons))
	}
	for _, f := range buttons {
		if user, _, err := k.db.FindIdentity(t.Context(), f.Get("provider"), f.Get("subject")); err != nil || user == nil {
			t.Fatal(err)
		} else if _, id, _ := k.db.FindIdentity(t.Context(), f.Get("provider"), f.Get("subject")); !strings.Contains(fmt.Sprint(id.Claims["email"]), "bob") {
			continue
		}
		if body := b.press(f); !strings.Contains(body, "You cannot sign in with that any more.") || strings.Contains(body, "bob@") {
			t.Errorf("after taking it away: %s", body)
		}
	}
	if body := b.account(); len(forms(body)["identity"]) != 0 {
		t.Error("the last way to sign in can be taken away")
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(other.get(l.url()).to(t), "login_required") // what rested on it ended
}

// A way in that somebody added, or was added to an account, takes away no right to administer.
func TestA11_AnAdministratorsWayInIsRemovedBySigningInWithIt(t *testing.T) {
	k := newKit(t, linking)
	b, other := k.browser(), k.browser()
	k.login("web").done(b, "google", "alice")
	b.press(hidden(b.addLink("okta", "bob").body))
	bound, err := k.db.BoundProviders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	google := bound["google"].ID
	press := func(b *browser) {
		for _, f := range forms(b.account())["identity"] {
			if f.Get("provider") == google {
				b.post(k.issuer+"/account", f)
			}
		}
	}
	left := func() string {
		all, err := k.db.Admins(t.Context())
		return fmt.Sprint(len(all), err)
	}
	users, err := k.db.Users(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	id, err := k.db.Identity(t.Context(), users[0].ID, google)
	if err == nil {
		err = k.db.SetAdmin(t.Context(), storage.Actor{Kind: "admin"}, google, id.Subject, storage.RoleViewer, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	k.login("web").done(other, "okta", "bob")
	if press(other); left() != "1 <nil>" {
		t.Errorf("after another way in was used: %s", left())
	}
	if press(b); left() != "0 <nil>" {
		t.Error("who signed in by it cannot remove it")
	}
}

func TestL06_AProofIsForOneIdentityOneAccountAndOneBrowser(t *testing.T) {
	k := newKit(t, linking)
	alice, mallory := k.browser(), k.browser()
	k.login("web").done(alice, "google", "alice")
	k.login("web").done(mallory, "google", "mallory")
	form := hidden(alice.addLink("okta", "bob").body)
	offer := form.Get("offer")

	stolen := hidden(mallory.addLink("auth0", "dave").body)
	stolen.Set("offer", offer)
	mustBePage(t, mallory.post(k.issuer+"/account", stolen), http.StatusBadRequest)

	again := k.browser() // alice herself, in another session
	k.login("web").done(again, "google", "alice")
	foreign := hidden(again.addLink("auth0", "dave").body)
	foreign.Set("offer", offer)
	mustBePage(t, again.post(k.issuer+"/account", foreign), http.StatusBadRequest)

	var wins sync.Map // two windows with one proof
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			a, err := try(alice.Client, formRequest(t, k.issuer+"/account", form, map[string]string{"Origin": k.issuer, "Sec-Fetch-Site": "same-origin"}))
			if err == nil && a.StatusCode == http.StatusSeeOther {
				wins.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("one proof was taken %d times", n)
	}
	mustBePage(t, alice.post(k.issuer+"/account", form), http.StatusBadRequest)

	late := hidden(alice.addLink("auth0", "dave").body)
	k.clock.Advance(11 * time.Minute)
	mustBePage(t, alice.post(k.issuer+"/account", late), http.StatusBadRequest)
}

func TestL07_NobodyIsDrivenIntoAddingAnAttackersIdentity(t *testing.T) {
	k := newKit(t, linking)
	victim, attacker := k.browser(), k.browser()
	k.login("web").done(victim, "google", "alice")
	k.login("web").done(attacker, "google", "mallory")
	start := victim.button("link", "okta")

	for why, r := range map[string]*http.Request{
		"from another site":      formRequest(t, k.issuer+"/account", start, map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}),
		"without the form's own": formRequest(t, k.issuer+"/account", url.Values{"end": {"link"}, "provider": {"okta"}}, map[string]string{"Origin": k.issuer, "Sec-Fetch-Site": "same-origin"}),
		"with another account's": formRequest(t, k.issuer+"/account", attacker.button("link", "okta"), map[string]string{"Origin": k.issuer, "Sec-Fetch-Site": "same-origin"}),
	} {
		if a := do(t, victim.Client, r); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	if a := victim.get(k.issuer + "/account?end=link&provider=okta"); strings.Contains(a.body, `id="continue"`) {
		t.Error("a GET starts it")
	}
	// The attacker's own answer of the provider, in the victim's browser.
	back := attacker.comeBack("okta", "bob")
	mustBePage(t, victim.get(back.String()), http.StatusBadRequest)
	// The attacker is in the middle of it and the victim's browser signs in there.
	back = attacker.comeBack("okta", "dave")
	k.login("web", "prompt", "login").done(attacker, "google", "alice")
	if a := attacker.get(back.String()); a.StatusCode != http.StatusForbidden {
		t.Errorf("the session changed on the way: %s %s", a.Status, a.body)
	}
	// A sign-in of long ago is not enough.
	k.clock.Advance(6 * time.Minute)
	a := victim.post(k.issuer+"/account", victim.button("link", "okta"))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Please sign in again") || href(t, a.body, "continue") != k.issuer+"/account?again=1" {
		t.Errorf("an old sign-in: %s %s", a.Status, a.body)
	}
	to := victim.get(href(t, a.body, "continue")).to(t)
	answer, err := persona.SignIn(t.Context(), victim.Client, to.String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	victim.get(answer.String())
	if a := victim.addLink("okta", "bob"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `id="join"`) {
		t.Errorf("after signing in again: %s %s", a.Status, a.body)
	}
}

func TestL08_OneIdentityOpensOneAccount(t *testing.T) {
	k := newKit(t, linking)
	alice, mallory := k.browser(), k.browser()
	k.login("web").done(k.browser(), "okta", "bob") // bob has an account of his own
	k.login("web").done(alice, "google", "alice")
	a := alice.addLink("okta", "bob")
	if a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "opens another account here already") {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	if len(k.audited(storage.AuditLinkRefused)) != 1 {
		t.Error("no audit row tells of it")
	}
	// Two accounts have an offer for the same identity; one gets it.
	k.login("web").done(mallory, "google", "mallory")
	one, two := hidden(alice.addLink("auth0", "dave").body), hidden(mallory.addLink("auth0", "dave").body)
	first := alice.post(k.issuer+"/account", one)
	second := mallory.post(k.issuer+"/account", two)
	if first.StatusCode != http.StatusSeeOther || second.StatusCode != http.StatusConflict {
		t.Errorf("%s, then %s", first.Status, second.Status)
	}
}

func TestLinkingIsOffUnlessTheSettingsSaySo(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	body := b.account()
	if len(forms(body)["link"]) != 0 {
		t.Error("the page offers it")
	}
	k.login("web").done(k.browser(), "google", "alice") // a second session, which has a button
	form := forms(b.account())["session"][0]
	a := b.post(k.issuer+"/account", url.Values{"token": form["token"], "end": {"link"}, "provider": {"okta"}})
	if a.StatusCode != http.StatusForbidden {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

// byAddress is a house that joins people of two providers by their addresses.
func byAddress(d *directory.Document) {
	for i := range d.Providers {
		p := &d.Providers[i]
		if p.Slug != "auth0" {
			p.Linking, p.TrustEmail, p.EmailDomains = directory.LinkingEmail, directory.TrustOwnDomains, []string{"acme.example"}
		}
	}
}

func TestL03_L04_WhoOwnsTheAddressGetsTheAccountAndNobodyKeepsAFootInTheDoor(t *testing.T) {
	k := newKit(t, byAddress)
	squatter := k.browser()
	held := k.login("web").done(squatter, "google", "alice")
	mine := k.browser()
	joined := k.login("web").done(mine, "okta", "alice")
	if subjectOf(t, held) != subjectOf(t, joined) {
		t.Fatal("two verified addresses of one domain were not joined")
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(squatter.get(l.url()).to(t), "login_required")
	if a := l.refresh(held["refresh_token"].(string)); a.StatusCode == http.StatusOK {
		t.Error("a refresh token from before survived")
	}
	if rows := k.audited(storage.AuditIdentityLinked); len(rows) != 1 || rows[0].Detail["how"] != "both addresses are verified" {
		t.Errorf("audit: %+v", rows)
	}
}

// Joining by address needs everything at once; whatever is missing makes a new account.
func TestL01_L05_L10_AnAddressAloneJoinsNobody(t *testing.T) {
	says := func(claims map[string]any) func(*kit) {
		return func(k *kit) { k.okta.Faults().Change(func(f *persona.Fault) { f.Claims = claims }) }
	}
	for _, row := range []struct {
		why    string
		change func(*directory.Document)
		upset  func(*kit) // between the two logins
		second string     // provider of the second login; okta
	}{
		{why: "linking is off at the second provider", change: func(d *directory.Document) { d.Providers[1].Linking = "" }},
		{why: "people add it themselves", change: func(d *directory.Document) { d.Providers[1].Linking = directory.LinkingAccount }},
		{why: "the second provider is no authority of the domain", change: func(d *directory.Document) { d.Providers[1].EmailDomains = []string{"other.example"} }},
		{why: "the first one is none", change: func(d *directory.Document) { d.Providers[0].EmailDomains = []string{"other.example"} }},
		{why: "the first one's word counts without authority", change: func(d *directory.Document) {
			d.Providers[0].TrustEmail, d.Providers[0].Linking, d.Providers[0].EmailDomains = directory.TrustAlways, "", nil
		}},
		{why: "the address is not verified", upset: says(map[string]any{"email_verified": false})},
		{why: "it is verified as a text", upset: says(map[string]any{"email_verified": "true"})},
		{why: "another domain that looks alike", upset: says(map[string]any{"email": "alice@acme.example.evil.example"})},
		{why: "two @", upset: says(map[string]any{"email": "alice@acme.example@acme.example"})},
		{why: "the same provider gave the address to somebody else", upset: func(k *kit) {
			k.google.Faults().Change(func(f *persona.Fault) { f.Claims = map[string]any{"sub": "100000000000000000001"} })
		}, second: "google"},
		{why: "the account was disabled", upset: func(k *kit) {
			users, err := k.db.Users(k.t.Context(), 1)
			if err == nil {
				err = k.db.SetUserDisabled(k.t.Context(), storage.Actor{Kind: "admin"}, users[0].ID, true)
			}
			if err != nil {
				k.t.Fatal(err)
			}
		}},
		{why: "the account administers", upset: func(k *kit) {
			users, err := k.db.Users(k.t.Context(), 1)
			var all []storage.Identity
			if err == nil {
				all, err = k.db.Identities(k.t.Context(), users[0].ID)
			}
			if err == nil {
				err = k.db.SetAdmin(k.t.Context(), storage.Actor{Kind: "admin"}, all[0].ProviderID, all[0].Subject, storage.RoleViewer, false)
			}
			if err != nil {
				k.t.Fatal(err)
			}
		}},
	} {
		changes := []func(*directory.Document){byAddress}
		if row.change != nil {
			changes = append(changes, row.change)
		}
		k := newKit(t, changes...)
		first := k.login("web").done(k.browser(), "google", "alice")
		if row.upset != nil {
			row.upset(k)
		}
		second := k.login("web").done(k.browser(), or(row.second, "okta"), "alice")
		if subjectOf(t, first) == subjectOf(t, second) {
			t.Errorf("%s: joined", row.why)
		}
	}
}

// audited lists the newest rows of one action.
func (k *kit) audited(action string) (rows []storage.AuditRow) {
	k.t.Helper()
	all, err := k.db.Audit(k.t.Context(), 100)
	if err != nil {
		k.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r storage.AuditRow) bool { return r.Action != action })
}

// subjectOf is the sub of a token response.
func subjectOf(t testing.TB, answer map[string]any) string {
	t.Helper()
	_, claims := idToken(t, answer)
	sub, _ := claims["sub"].(string)
	return sub
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// href is where the link with an id leads.
func href(t testing.TB, page, id string) string {
	t.Helper()
	m := regexp.MustCompile(`id="` + id + `" href="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link %s in %s", id, page)
	}
	return html.UnescapeString(m[1])
}
