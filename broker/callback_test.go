package broker_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
)

// begun leads a browser to the provider and has the person sign in there; what
// comes back is the address that would end the login.
func begun(t *testing.T, k *kit, b *browser, provider, person string) (*login, string) {
	t.Helper()
	l := k.login("web", "provider", provider)
	to, err := persona.SignIn(t.Context(), b.Client, b.get(l.url()).to(t).String(), person)
	if err != nil {
		t.Fatal(err)
	}
	return l, to.String()
}

// redeemed counts the token requests that a provider has seen.
func redeemed(p *persona.Persona) int { return p.Requests().Count(persona.Token) }

// sessions counts the session cookies a browser holds.
func sessions(t *testing.T, b *browser) (n int) {
	t.Helper()
	u, err := url.Parse(b.k.issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "-sid") {
			n++
		}
	}
	return n
}

func TestU01_AForeignCodeSignsNobodyIn(t *testing.T) {
	k := newKit(t)
	attacker, victim := k.browser(), k.browser()
	l, answer := begun(t, k, attacker, "google", "mallory")
	before := redeemed(k.google)
	mustBePage(t, victim.get(answer), http.StatusBadRequest)
	if sessions(t, victim) != 0 || redeemed(k.google) != before {
		t.Error("the victim got a session, or the code was redeemed")
	}
	l.code(attacker.get(answer).to(t)) // the attacker's own transaction was not consumed
}

func TestU02_APersonWhoSignsInForAnotherBrowserIsTold(t *testing.T) {
	k := newKit(t)
	attacker, victim := k.browser(), k.browser()
	l := k.login("web", "provider", "google")
	upstream := attacker.get(l.url()).to(t)
	answer, err := persona.SignIn(t.Context(), victim.Client, upstream.String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	mustBePage(t, victim.get(answer.String()), http.StatusBadRequest)
}

func TestU03_IDsSeenOnTheWireOpenNothing(t *testing.T) {
	k := newKit(t)
	victim, attacker := k.browser(), k.browser()
	l := k.login("notes", "provider", "google")
	consent := l.signIn(victim, "google", "alice")
	mustBePage(t, attacker.get(consent.String()), http.StatusBadRequest)
	form := hidden(victim.get(consent.String()).body)
	form.Set("decision", "allow")
	if a := attacker.post(k.issuer+"/consent", form); a.Header.Get("Location") != "" {
		t.Errorf("another browser finished the login: %s", a.Header.Get("Location"))
	}
	l.code(victim.post(k.issuer+"/consent", form).to(t))
}

func TestU04_U06_AnAnswerAtAnotherProvidersAddressIsNotRedeemed(t *testing.T) {
	k := newKit(t)
	slugs := map[string]*persona.Persona{"google": k.google, "okta": k.okta, "auth0": k.auth0}
	for from := range slugs {
		for at := range slugs {
			if from == at {
				continue
			}
			b := k.browser()
			_, answer := begun(t, k, b, from, "alice")
			before := redeemed(slugs[from]) + redeemed(slugs[at])
			moved := strings.Replace(answer, "/callback/"+from, "/callback/"+at, 1)
			mustBePage(t, b.get(moved), http.StatusBadRequest)
			if redeemed(slugs[from])+redeemed(slugs[at]) != before || sessions(t, b) != 0 {
				t.Errorf("%s answered at %s: a token endpoint was asked or a session made", from, at)
			}
		}
	}
}

func TestU05_AWrongIssuerInTheAnswerIsAPageAndNoRedirect(t *testing.T) {
	k := newKit(t)
	for _, row := range []struct{ why, iss string }{
		{"another issuer", "&iss=https%3A%2F%2Fevil.example"}, {"empty", "&iss="}, {"twice", "&iss=" + url.QueryEscape(k.okta.Issuer()) + "&iss=x"},
	} {
		b := k.browser()
		_, answer := begun(t, k, b, "okta", "alice")
		if at := strings.Index(answer, "&iss="); at >= 0 {
			answer = answer[:at]
		}
		before := redeemed(k.okta)
		mustBePage(t, b.get(answer+row.iss), http.StatusBadRequest)
		if redeemed(k.okta) != before {
			t.Errorf("%s: the code was redeemed", row.why)
		}
	}
}

func TestU17_AnErrorAnswerIsToldInConstantWords(t *testing.T) {
	k := newKit(t)
	evil := "<script>alert(1)</script>\r\nSet-Cookie: x=y" + strings.Repeat("A", 5000)
	b := k.browser()
	l := k.login("web", "provider", "google")
	state := b.get(l.url()).to(t).Query().Get("state")
	q := url.Values{"state": {state}, "iss": {k.google.Issuer()}, "error": {"access_denied"}, "error_description": {evil}}
	a := b.get(k.issuer + "/callback/google?" + q.Encode())
	l.mustGoBack(a.to(t), "access_denied")
	if strings.Contains(a.Header.Get("Location"), "alert") || a.Header.Get("X") != "" {
		t.Error("the upstream's words were passed on")
	}
	mustBePage(t, b.get(k.issuer+"/callback/google?"+q.Encode()), http.StatusBadRequest) // consumed
	for _, foreign := range []string{"", "x", oauth.NewSecret()} {
		q.Set("state", foreign)
		a := k.browser().get(k.issuer + "/callback/google?" + q.Encode())
		mustBePage(t, a, http.StatusBadRequest)
		if strings.Contains(a.body, "alert") {
			t.Error("the page reflects the request")
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(k.logs.String()), "\n") {
		if len(line) > 4096 || strings.Contains(line, "<script>") {
			t.Errorf("log line: %.300s", line)
		}
	}
}

func TestACancelledUpstreamLoginIsAccessDenied(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	l.mustGoBack(l.signIn(k.browser(), "google", persona.Cancel), "access_denied")
}

func TestU19_FiftyCopiesOfAnAnswerAreRedeemedOnce(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	_, answer := begun(t, k, b, "google", "alice")
	before := redeemed(k.google)
	u, _ := url.Parse(k.issuer)
	cookies := b.jar.Cookies(u)
	codes, pages := make(chan string, 50), make(chan int, 50)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			jar, _ := cookiejar.New(nil)
			jar.SetCookies(u, cookies)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, answer, nil)
			a, err := try(&http.Client{Jar: jar, CheckRedirect: b.CheckRedirect}, req)
			switch {
			case err != nil:
				t.Error(err)
			case a.StatusCode == http.StatusSeeOther:
				codes <- a.Header.Get("Location")
			default:
				pages <- a.StatusCode
			}
		})
	}
	all.Wait()
	close(pages)
	if len(codes) != 1 || redeemed(k.google) != before+1 {
		t.Errorf("%d codes, %d upstream redemptions", len(codes), redeemed(k.google)-before)
	}
	for status := range pages {
		if status != http.StatusBadRequest {
			t.Errorf("a copy was answered with %d", status)
		}
	}
}

func TestU20_C21_ManyPeopleAtOnceAreNeverMixedUp(t *testing.T) {
	k := newKit(t)
	people := []string{"alice", "bob", "dave", "erin", "mallory"}
	var all sync.WaitGroup
	turns := make(chan int, 200)
	for i := range 200 {
		turns <- i
	}
	close(turns)
	for range 16 {
		all.Go(func() {
			for i := range turns {
				provider, person := []string{"google", "okta", "auth0"}[i%3], people[i%len(people)]
				b := k.browser()
				l := k.login("web", "provider", provider, "scope", "openid email", "resource", "")
				to, err := l.trySignIn(t.Context(), b, person)
				if err != nil {
					t.Error(err)
					return
				}
				a, err := try(http.DefaultClient, l.tokenRequest(url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}))
				if err != nil || a.StatusCode != http.StatusOK {
					t.Errorf("%v %s", err, a.body)
					return
				}
				who := k.userinfo(a.json(t)["access_token"].(string)).json(t)
				if email, _ := who["email"].(string); !strings.HasPrefix(email, person+"@") {
					t.Errorf("%s signed in as %v", person, who)
				}
			}
		})
	}
	all.Wait()
	users, err := k.db.Users(t.Context(), 100)
	if err != nil || len(users) != 15 {
		t.Errorf("%d users for 5 people at 3 providers, %v", len(users), err)
	}
}

func TestU20_FiveTabsKeepFourTransactions(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	var answers []string
	var logins []*login
	for range 5 {
		l, answer := begun(t, k, b, "google", "alice")
		logins, answers = append(logins, l), append(answers, answer)
		k.clock.Advance(time.Second)
	}
	mustBePage(t, b.get(answers[0]), http.StatusBadRequest)
	for i := 1; i < 5; i++ {
		logins[i].code(b.get(answers[i]).to(t))
	}
}

func TestU21_AStaleTransactionLeadsToANewStart(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	_, answer := begun(t, k, b, "google", "alice")
	k.clock.Advance(11 * time.Minute)
	a := b.get(answer)
	mustBePage(t, a, http.StatusBadRequest)
	if !strings.Contains(a.body, "/authorize?") {
		t.Error("no way to start again")
	}
	l, answer := begun(t, k, b, "google", "alice")
	k.change(func(d *directory.Document) { d.Providers[0].Disabled = true })
	l.mustGoBack(b.get(answer).to(t), "access_denied")
}

func TestS16_APrefetchOrHeadDoesNotSpendTheAnswer(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l, answer := begun(t, k, b, "google", "alice")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, answer, nil)
	if a := do(t, b.Client, req); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %s", a.Status)
	}
	req, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, answer, nil)
	req.Header.Set("Sec-Purpose", "prefetch")
	if a := do(t, b.Client, req); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("prefetch: %s", a.Status)
	}
	l.code(b.get(answer).to(t))
}

func TestI09_AFloodOfStrangersWritesNothing(t *testing.T) {
	k := newKit(t)
	size := func() (n int64) {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(k.dbFile + suffix); err == nil {
				n += info.Size()
			}
		}
		return n
	}
	before, writes := size(), k.db.WriteTransactions()
	for i := range 300 {
		b := k.browser()
		l := k.login("web")
		if i%2 == 0 {
			l.extra.Set("provider", "google")
		}
		b.get(l.url())
		b.get(k.issuer + "/callback/google?code=x&state=" + oauth.NewSecret())
		l.redeem(oauth.NewSecret())
	}
	if after := size(); after != before || k.db.WriteTransactions() != writes {
		t.Errorf("strangers made the book grow from %d to %d bytes, in %d writes", before, after, k.db.WriteTransactions()-writes)
	}
}

func TestL01_TheSameMailAtTwoProvidersIsTwoPeople(t *testing.T) {
	k := newKit(t)
	one := k.verify(k.login("web").done(k.browser(), "google", "alice")["access_token"].(string), apiURL)
	two := k.verify(k.login("web").done(k.browser(), "okta", "alice")["access_token"].(string), apiURL)
	again := k.verify(k.login("web").done(k.browser(), "google", "alice")["access_token"].(string), apiURL)
	if one.Subject == two.Subject || one.Subject != again.Subject {
		t.Errorf("subjects %s %s %s", one.Subject, two.Subject, again.Subject)
	}
}

func TestL14_WhereSignUpIsClosedNobodyNewComesIn(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Providers[0].Signup = directory.SignupExisting })
	l := k.login("web")
	l.mustGoBack(l.signIn(k.browser(), "google", "alice"), "access_denied")
	if users, err := k.db.Users(t.Context(), 10); err != nil || len(users) != 0 {
		t.Errorf("%d users, %v", len(users), err)
	}
	k.change(func(d *directory.Document) { d.Providers[0].Signup = directory.SignupAutomatic })
	k.login("web").done(k.browser(), "google", "alice")
	k.change(func(d *directory.Document) { d.Providers[0].Signup = directory.SignupExisting })
	k.login("web").done(k.browser(), "google", "alice") // who is known may come back
}
