package broker_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

const goodPassword = "stamped at the front door"

// withLocal gives the kit a provider of kind local, trusted for acme.example.
func withLocal(d *directory.Document) {
	d.Providers = append(d.Providers, directory.Provider{Slug: "local", Kind: "local", EmailDomains: []string{"acme.example"}})
}

// member makes an account with goodPassword.
func (k *kit) member(login string, change ...func(*storage.NewAccount)) {
	k.t.Helper()
	hash, err := password.Hash(k.t.Context(), goodPassword)
	if err != nil {
		k.t.Fatal(err)
	}
	a := storage.NewAccount{Subject: oauth.NewSecret()[:22], UserSubject: oauth.NewSecret()[:26], Login: login, Hash: hash, Name: "Member " + login,
		Email: login + "@acme.example", EmailVerified: true}
	for _, f := range change {
		f(&a)
	}
	if err := k.db.MakeAccounts(k.t.Context(), storage.Actor{Kind: "admin"}, "local", a); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) accountOf(login string) *storage.Account {
	k.t.Helper()
	a, err := k.db.Account(k.t.Context(), "local", login)
	if err != nil {
		k.t.Fatal(err)
	}
	return a
}

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="(tx|token)" value="([^"]*)">`)
	problemLine = regexp.MustCompile(`<p class="problem" id="problem" role="alert">([^<]*)</p>`)
	valueInput  = regexp.MustCompile(`<input id="username" name="username" type="text" autocomplete="username" value="([^"]*)"`)
)

// form reads the hidden fields of a page of ours and adds what a person types.
func (a *answer) form(t testing.TB, typed ...string) url.Values {
	t.Helper()
	f := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(a.body, -1) {
		f.Set(m[1], html.UnescapeString(m[2]))
	}
	if f.Get("token") == "" {
		t.Fatalf("no form of ours: %s %.400s", a.Status, a.body)
	}
	for i := 0; i+1 < len(typed); i += 2 {
		f.Set(typed[i], typed[i+1])
	}
	return f
}

func (a *answer) problem() string {
	if m := problemLine.FindStringSubmatch(a.body); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// door opens the page that asks for name and password.
func (l *login) door(b *browser) *answer {
	l.k.t.Helper()
	l.extra.Set("provider", "local")
	a := b.get(l.url())
	if a.StatusCode != http.StatusOK {
		l.k.t.Fatalf("no page that asks: %s %s %.300s", a.Status, a.Header.Get("Location"), a.body)
	}
	return a
}

// fill answers it.
func (k *kit) fill(b *browser, page *answer, typed ...string) *answer {
	k.t.Helper()
	return b.post(k.issuer+"/ask", page.form(k.t, typed...))
}

const wrongSentence = "This user name and password do not fit together."

func TestAPersonSignsInWithAPasswordThroughTheSamePages(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice", func(a *storage.NewAccount) { a.Groups = []string{"Staff"} })
	l, b := k.login("web"), k.browser()
	chooser := b.get(l.url())
	if !strings.Contains(chooser.body, `id="provider-local"`) || !strings.Contains(chooser.body, "Continue with <bdi>Password</bdi>") {
		t.Errorf("the chooser does not offer it: %.500s", chooser.body)
	}
	page := l.door(b)
	csp := page.Header.Get("Content-Security-Policy")
	if strings.Contains(csp, "form-action") || strings.Contains(csp, "script") || page.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the page: %v", page.Header)
	}
	for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `type="password"`, `id="cancel"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	a := l.redeem(l.code(k.fill(b, page, "username", " ALICE ", "password", goodPassword).to(t)))
	if a.StatusCode != http.StatusOK {
		t.Fatalf("token: %s %s", a.Status, a.body)
	}
	tok := a.json(t)
	c := k.verify(tok["access_token"].(string), apiURL)
	if !slices.Contains(c.Scopes, "items:read") {
		t.Errorf("a verified address of an own domain must count: %+v", c)
	}
	info := k.userinfo(tok["access_token"].(string)).json(t)
	if info["preferred_username"] != "alice" || info["email"] != "alice@acme.example" || info["email_verified"] != true || info["name"] != "Member alice" {
		t.Errorf("userinfo: %v", info)
	}
	if c.Subject == k.accountOf("alice").Subject || c.Subject != k.accountOf("alice").User.Subject {
		t.Errorf("sub is %q", c.Subject)
	}
	again := k.login("other") // single sign-on, as with every provider
	again.code(b.get(again.url()).to(t))
	if a := l.refresh(tok["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("refresh: %s %s", a.Status, a.body)
	}
}

func TestI21_UnknownUserAndWrongPasswordLookTheSame(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	k.member("invited", func(a *storage.NewAccount) { a.Hash = "" })
	k.member("careful", func(a *storage.NewAccount) { a.TOTP = totpSecret })
	k.member("gone", func(a *storage.NewAccount) { a.Disabled = true })
	pages := map[string]string{}
	for _, who := range []string{"alice", "nobody", "invited", "careful", "gone"} {
		l, b := k.login("web", "login_hint", who), k.browser()
		a := k.fill(b, l.door(b), "username", who, "password", "not the right password")
		if a.StatusCode != http.StatusOK || a.problem() != wrongSentence || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s %q", who, a.Status, a.problem())
		}
		if got := valueInput.FindStringSubmatch(a.body); got == nil || got[1] != who {
			t.Errorf("%s: the name must be typed again: %v", who, got)
		}
		body := hiddenInput.ReplaceAllString(strings.ReplaceAll(a.body, `"`+who+`"`, `"…"`), "")
		pages[regexp.MustCompile(`href="https://app\.example/[^"]*"`).ReplaceAllString(body, "")] = who
	}
	if len(pages) != 1 {
		t.Errorf("the pages differ: %d kinds", len(pages))
	}
	for _, who := range []string{"", "Älice", strings.Repeat("a", 5000), "<script>"} {
		l, b := k.login("web"), k.browser()
		if a := k.fill(b, l.door(b), "username", who, "password", goodPassword); a.problem() != wrongSentence || strings.Contains(a.body, "<script>") {
			t.Errorf("%.20q: %s %q", who, a.Status, a.problem())
		}
	}
}

func TestL12_ADisabledPersonIsRefusedOnEveryPath(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("alice")
	l, b := k.login("web"), k.browser()
	tok := l.redeem(l.code(k.fill(b, l.door(b), "username", "alice", "password", goodPassword).to(t))).json(t)
	running := k.login("web")
	code := running.code(b.get(running.url()).to(t))
	if err := k.db.SetUserDisabled(t.Context(), storage.Actor{Kind: "admin"}, k.accountOf("alice").User.ID, true); err != nil {
		t.Fatal(err)
	}
	fresh, other := k.login("web"), k.browser()
	fresh.mustGoBack(k.fill(other, fresh.door(other), "username", "alice", "password", goodPassword).to(t), oauth.AccessDenied)
	sso := k.login("web", "prompt", "none")
	sso.mustGoBack(b.get(sso.url()).to(t), oauth.LoginRequired)
	mustFail(t, l.refresh(tok["refresh_token"].(string)), 400, oauth.InvalidGrant)
	mustFail(t, running.redeem(code), 400, oauth.InvalidGrant)
	if a := k.userinfo(tok["access_token"].(string)); a.StatusCode != 401 {
		t.Errorf("userinfo: %s", a.Status)
	}
	mustFail(t, k.login("desk").password("alice", goodPassword), 400, oauth.InvalidGrant)
}

func TestL14_NobodyIsMadeUpBySigningIn(t *testing.T) {
	k := newKit(t, withLocal)
	l, b := k.login("web"), k.browser()
	if a := k.fill(b, l.door(b), "username", "root", "password", goodPassword); a.problem() != wrongSentence {
		t.Errorf("%s %q", a.Status, a.problem())
	}
	users, err := k.db.Users(t.Context(), 10)
	if err != nil || len(users) != 0 {
		t.Errorf("%d users, %v", len(users), err)
	}
}

func TestL03_ALocalAccountNeverBecomesOneWithAnUpstreamPerson(t *testing.T) {
	for _, localFirst := range []bool{true, false} {
		k := newKit(t, withLocal)
		k.member("alice", func(a *storage.NewAccount) { a.Email = "alice@acme.example" }) // the very address of Google's alice
		subjects := map[string]bool{}
		for _, local := range []bool{localFirst, !localFirst} {
			l, b := k.login("web"), k.browser()
			var tok map[string]any
			if local {
				tok = l.redeem(l.code(k.fill(b, l.door(b), "username", "alice", "password", goodPassword).to(t))).json(t)
			} else {
				tok = l.done(b, "google", "alice")
			}
			subjects[k.verify(tok["access_token"].(string), apiURL).Subject] = true
		}
		if len(subjects) != 2 {
			t.Errorf("local first %v: two people share a sub", localFirst)
		}
	}
}

func TestL21_AnAddressCountsOnlyWhereTheHouseIsTheAuthority(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("own")
	k.member("foreign", func(a *storage.NewAccount) { a.Email = "ceo@other.example" })
	k.member("unsaid", func(a *storage.NewAccount) { a.EmailVerified = false })
	for who, want := range map[string]bool{"own": true, "foreign": false, "unsaid": false} {
		l, b := k.login("web"), k.browser()
		form := l.door(b).form(t, "username", who, "password", goodPassword, "email_verified", "true", "email", "ceo@acme.example", "roles", "admin")
		tok := l.redeem(l.code(b.post(k.issuer+"/ask", form).to(t))).json(t)
		info := k.userinfo(tok["access_token"].(string)).json(t)
		if info["email_verified"] != want || info["email"] == "ceo@acme.example" {
			t.Errorf("%s: %v", who, info)
		}
	}
}

func TestS05_TheSignInPageTakesOnlyItsOwnAnswerOnce(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	l, b := k.login("web"), k.browser()
	page := l.door(b)
	form := page.form(t, "username", "alice", "password", goodPassword)
	for why, headers := range map[string]map[string]string{
		"cross-site":          {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"a sibling site":      {"Sec-Fetch-Site": "same-site", "Origin": k.issuer},
		"a foreign origin":    {"Origin": "https://evil.example"},
		"neither header":      {},
		"the origin null":     {"Origin": "null"},
		"typed as an address": {"Sec-Fetch-Site": "none"},
	} {
		mustBePage(t, do(t, b.Client, formRequest(t, k.issuer+"/ask", form, headers)), 403)
		_ = why
	}
	for why, change := range map[string][2]string{"another token": {"token", oauth.NewSecret()}, "no token": {"token", ""}, "another tx": {"tx", oauth.NewSecret()[:22]}, "no tx": {"tx", ""}} {
		f := page.form(t, "username", "alice", "password", goodPassword, change[0], change[1])
		if a := b.post(k.issuer+"/ask", f); a.StatusCode != 400 || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	mustBePage(t, k.browser().post(k.issuer+"/ask", form), 400) // another browser: login CSRF, or a stolen form
	mustBePage(t, b.get(k.issuer+"/ask"), 400)
	if a := b.get(k.issuer + "/callback/local?state=" + oauth.NewSecret() + "&code=x"); a.StatusCode != 400 {
		t.Errorf("a callback to a provider that has none: %s", a.Status)
	}
	l.code(b.post(k.issuer+"/ask", form).to(t))
	again := b.post(k.issuer+"/ask", form)
	if again.StatusCode != 400 || again.Header.Get("Location") != "" {
		t.Errorf("sent twice: %s", again.Status)
	}
}

func TestAnAnswerAfterTheTransactionEndedStartsAgain(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	l, b := k.login("web"), k.browser()
	page := l.door(b)
	k.clock.Advance(lives.Transaction + time.Second)
	a := k.fill(b, page, "username", "alice", "password", goodPassword)
	mustBePage(t, a, 400)
	if !strings.Contains(a.body, `id="restart"`) {
		t.Error("no way to start again")
	}
}

func TestAProviderSwitchedOffMeanwhileLetsNobodyIn(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	l, b := k.login("web"), k.browser()
	page := l.door(b)
	k.change(func(d *directory.Document) { d.Providers[3].Disabled = true })
	l.mustGoBack(k.fill(b, page, "username", "alice", "password", goodPassword).to(t), oauth.AccessDenied)
	k.change(func(d *directory.Document) { d.Providers[3].Disabled = false })
	only, b2 := k.login("okta-only"), k.browser()
	only.extra.Set("provider", "local")
	if a := b2.get(only.url()); strings.Contains(a.body, `name="password"`) {
		t.Error("a client that may not use it is asked")
	}
}

func TestAnImportedHashIsUpgradedAtSignIn(t *testing.T) {
	k := newKit(t, withLocal)
	old, err := bcrypt.GenerateFromPassword([]byte(goodPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	line, err := password.Import(string(old))
	if err != nil {
		t.Fatal(err)
	}
	k.member("alice", func(a *storage.NewAccount) { a.Hash = line })
	for range 2 {
		l, b := k.login("web"), k.browser()
		if a := k.fill(b, l.door(b), "username", "alice", "password", "wrong and long enough"); a.problem() != wrongSentence {
			t.Errorf("%s", a.Status)
		}
		l, b = k.login("web"), k.browser()
		l.code(k.fill(b, l.door(b), "username", "alice", "password", goodPassword).to(t))
		if hash := k.accountOf("alice").Hash; password.Outdated(hash) {
			t.Errorf("it is still %.20s", hash)
		}
	}
}

func TestI10_ManyWrongPasswordsAreDelayedAndOthersAreNot(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	k.member("bob")
	l, b := k.login("web"), k.browser()
	page := l.door(b)
	for range 6 {
		page = k.fill(b, page, "username", "alice", "password", "guess after guess")
		if page.problem() != wrongSentence {
			t.Fatalf("%s %q", page.Status, page.problem())
		}
	}
	held := k.fill(b, page, "username", "alice", "password", goodPassword)
	if held.StatusCode != 429 || !strings.HasPrefix(held.problem(), "There were too many failed tries.") || held.Header.Get("Location") != "" {
		t.Fatalf("%s %q", held.Status, held.problem())
	}
	wait, err := strconv.Atoi(held.Header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 60 {
		t.Errorf("Retry-After %q", held.Header.Get("Retry-After"))
	}
	nobody, stranger := k.login("web"), k.browser()
	p := nobody.door(stranger)
	for range 6 {
		p = k.fill(stranger, p, "username", "nobody", "password", "guess after guess")
	}
	if p = k.fill(stranger, p, "username", "nobody", "password", goodPassword); p.StatusCode != 429 || p.problem() != held.problem() {
		t.Errorf("an unknown name is held differently: %s %q", p.Status, p.problem())
	}
	other, mate := k.login("web"), k.browser()
	other.code(k.fill(mate, other.door(mate), "username", "bob", "password", goodPassword).to(t))
	k.clock.Advance(time.Duration(wait) * time.Second)
	l.code(k.fill(b, held, "username", "alice", "password", goodPassword).to(t))
}

func TestI10_ARightPasswordFromElsewhereIsNotHeld(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	accounts := broker.Accounts(k.db, "local")
	for i := range 400 { // somebody guesses from a hundred other networks
		_, _ = accounts.Try(t.Context(), "alice", "10.0."+strconv.Itoa(i%100)+".7", false)
	}
	l, b := k.login("web"), k.browser()
	l.code(k.fill(b, l.door(b), "username", "alice", "password", goodPassword).to(t))
}
