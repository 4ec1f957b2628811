package broker_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
)

// twins are n browsers that hold copies of one browser's cookies.
func (b *browser) twins(n int) []*browser {
	u, _ := url.Parse(b.k.issuer)
	out := make([]*browser, n)
	for i := range out {
		out[i] = b.k.browser()
		out[i].jar.SetCookies(u, b.jar.Cookies(u))
	}
	return out
}

// race posts one form from many browsers at once and returns the answers.
func (k *kit) race(browsers []*browser, to string, form url.Values) []*answer {
	k.t.Helper()
	var all sync.WaitGroup
	answers, start := make([]*answer, len(browsers)), make(chan struct{})
	for i, b := range browsers {
		req := formRequest(k.t, to, form, map[string]string{"Origin": k.issuer, "Sec-Fetch-Site": "same-origin"})
		all.Go(func() {
			<-start
			a, err := try(b.Client, req)
			if err != nil {
				k.t.Error(err)
				return
			}
			answers[i] = a
		})
	}
	close(start)
	all.Wait()
	return answers
}

func TestFiftyCopiesOfOneAnswerHaveOneWinner(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice", careful)
	count := func(answers []*answer, won func(*answer) bool) (n int) {
		for _, a := range answers {
			if a != nil && won(a) {
				n++
			}
			if a != nil && a.StatusCode >= 500 {
				t.Errorf("%s %.200s", a.Status, a.body)
			}
		}
		return n
	}
	hasCode := func(a *answer) bool {
		to, err := url.Parse(a.Header.Get("Location"))
		return err == nil && to.Query().Has("code")
	}

	l, b := k.login("web"), k.browser() // one page with a code of the second factor
	form := k.atCode(l, b).form(t, "code", codeAt(k.clock.Now()))
	if n := count(k.race(b.twins(50), k.issuer+"/ask", form), hasCode); n != 1 {
		t.Errorf("%d of 50 copies of one page signed in", n)
	}

	k.clock.Advance(time.Minute) // one code typed into pages of many browsers
	code := codeAt(k.clock.Now())
	var pages []*answer
	var browsers []*browser
	for range 5 {
		one := k.browser()
		browsers, pages = append(browsers, one), append(pages, k.atCode(k.login("web"), one))
	}
	var won atomic.Int64
	var all sync.WaitGroup
	for i, one := range browsers {
		req := formRequest(t, k.issuer+"/ask", pages[i].form(t, "code", code), map[string]string{"Origin": k.issuer, "Sec-Fetch-Site": "same-origin"})
		all.Go(func() {
			if a, err := try(one.Client, req); err != nil {
				t.Error(err)
			} else if hasCode(a) {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("one code signed %d browsers in", won.Load())
	}

	link := k.invite("bob") // one invitation
	form = b.get(link).form(t, "password", goodPassword, "again", goodPassword)
	if n := count(k.race(b.twins(20), k.issuer+"/invitation", form), func(a *answer) bool { return strings.Contains(a.body, "Your password is set") }); n != 1 {
		t.Errorf("one invitation set %d passwords", n)
	}

	c := k.browser() // one consent
	notes := k.login("notes")
	consent := c.get(notes.signIn(c, "google", "alice").String())
	form = consent.form(t, "decision", "allow")
	if n := count(k.race(c.twins(50), k.issuer+"/consent", form), hasCode); n != 1 {
		t.Errorf("one consent gave %d codes", n)
	}
}

// Every page of ours that takes an answer has a stage of its own: what a browser holds
// for one opens no other, whatever names and values are carried over.
func TestS13_ATransactionOfOneStepOpensNoOther(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	type step struct {
		why  string
		b    *browser
		form url.Values
	}
	asks, agrees, away := k.browser(), k.browser(), k.browser()
	ask := k.login("web").door(asks).form(t, "username", "alice", "password", goodPassword)
	notes := k.login("notes")
	consent := agrees.get(notes.signIn(agrees, "google", "alice").String()).form(t, "decision", "allow")
	l, answer := begun(t, k, away, "google", "bob")
	up, _ := url.Parse(answer)
	for _, s := range []step{{"ask", asks, ask}, {"consent", agrees, consent}} {
		for _, door := range []string{"/ask", "/consent", "/logout", "/account", "/invitation"} {
			if door == "/"+s.why {
				continue
			}
			a := s.b.post(k.issuer+door, s.form)
			if door == "/logout" && s.why == "ask" && a.StatusCode == http.StatusOK {
				continue // nobody was signed in, and nobody is
			}
			if a.StatusCode < 400 || a.StatusCode >= 500 || a.Header.Get("Location") != "" {
				t.Errorf("the form of %s at %s: %s %q", s.why, door, a.Status, a.Header.Get("Location"))
			}
		}
		for _, slug := range []string{"local", "google", ""} {
			if a := s.b.get(k.issuer + "/callback/" + slug + "?code=x&state=" + strings.Repeat("A", 43)); a.Header.Get("Location") != "" {
				t.Errorf("%s at callback %q leads to %s", s.why, slug, a.Header.Get("Location"))
			}
		}
		for _, other := range []*browser{asks, agrees, away, k.browser()} {
			if other == s.b {
				continue
			}
			a := other.post(k.issuer+"/"+s.why, s.form)
			mustBePage(t, a, http.StatusBadRequest)
		}
	}
	for _, c := range away.jar.Cookies(&url.URL{Scheme: "http", Host: up.Host, Path: "/"}) {
		if strings.Contains(c.Name, "-tx-") {
			key := c.Name[len(c.Name)-22:]
			mustBePage(t, away.get(k.issuer+"/consent?tx="+key), http.StatusBadRequest)
			mustBePage(t, away.post(k.issuer+"/ask", url.Values{"tx": {key}, "token": {""}, "username": {"alice"}, "password": {goodPassword}}), http.StatusBadRequest)
			mustBePage(t, away.post(k.issuer+"/consent", url.Values{"tx": {key}, "token": {""}, "decision": {"allow"}}), http.StatusBadRequest)
			for _, twisted := range []string{"farewell", "sid"} { // the sealed value under another name of ours
				u, _ := url.Parse(k.issuer)
				odd := k.browser()
				odd.jar.SetCookies(u, []*http.Cookie{{Name: "hs" + u.Port() + "-" + twisted, Value: c.Value, Path: "/"}})
				if a := odd.get(k.issuer + "/logout/return"); a.Header.Get("Location") != "" {
					t.Errorf("a login as a farewell leads to %s", a.Header.Get("Location"))
				}
				if a := odd.get(k.issuer + "/account"); strings.Contains(a.body, "Your account</h1>") {
					t.Error("a login as a session opens the account page")
				}
			}
		}
	}
	// None of that cost the honest anything.
	l.code(away.get(answer).to(t))
	if to := asks.post(k.issuer+"/ask", ask).to(t); !to.Query().Has("code") {
		t.Errorf("ask leads to %s", to)
	}
	notes.code(agrees.post(k.issuer+"/consent", consent).to(t))
}

// TestO04_T23_NoSecretOfThisHouseIsLoggedOrLiesOpenInTheBook walks the doors that the
// other canary test does not: passwords, codes, invitations, keys, upstream logout.
func TestO04_T23_NoSecretOfThisHouseIsLoggedOrLiesOpenInTheBook(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant, machines, func(d *directory.Document) { d.Providers[1].UpstreamLogout = true })
	k.member("alice", careful)
	var canaries, shown []string
	keep := func(a *answer, secrets ...string) *answer {
		canaries, shown = append(canaries, secrets...), append(shown, a.body)
		return a
	}
	wrong := "a wrong password nobody has"
	link := k.invite("bob")
	b := k.browser()
	page := keep(b.get(link), strings.TrimPrefix(link, k.issuer+"/invitation?token="))
	shown = shown[:0] // that page carries the token on purpose
	fresh := "the password that bob has chosen"
	keep(k.choose(b, page, fresh, fresh), fresh)
	keep(k.choose(b, page, fresh, fresh)) // once more, an error
	l := k.login("web")
	door := l.door(b)
	door = keep(k.fill(b, door, "username", "alice", "password", wrong), wrong)
	door = keep(k.fill(b, door, "username", "alice", "password", goodPassword), goodPassword, totpSecret)
	door = keep(k.fill(b, door, "code", "000000"))
	code := l.code(k.fill(b, door, "code", codeAt(k.clock.Now())).to(t))
	got := l.redeem(code).json(t)
	keep(l.refresh("hsr_"+got["refresh_token"].(string)), code, got["access_token"].(string), got["refresh_token"].(string), got["id_token"].(string))
	desk := k.login("desk").password("bob", fresh).json(t)
	keep(k.login("desk").password("bob", wrong), desk["access_token"].(string), desk["refresh_token"].(string))
	nightly := k.caller("nightly", nightlySecret)
	machine := nightly.token()
	keep(k.caller("items", apiSecret).post("/introspect", "token", machine), machine, nightlySecret.Reveal(), apiSecret.Reveal())
	keep(nightly.post("/revoke", "token", machine))
	keep(k.caller("items", apiSecret).post("/introspect", "token", machine))
	sid := func(b *browser) (id string) {
		u, _ := url.Parse(k.issuer)
		for _, c := range b.jar.Cookies(u) {
			if strings.HasSuffix(c.Name, "-sid") {
				id = c.Value
			}
		}
		return id
	}
	away := k.browser()
	okta := k.login("web").done(away, "okta", "alice")
	canaries = append(canaries, sid(b), sid(away), okta["id_token"].(string))
	to := keep(away.get(k.issuer + "/logout?id_token_hint=" + url.QueryEscape(okta["id_token"].(string)))).to(t)
	if hint := to.Query().Get("id_token_hint"); hint == "" {
		t.Fatalf("no upstream logout: %s", to)
	} else {
		canaries = append(canaries, hint, to.Query().Get("state"))
	}
	forged := okta["id_token"].(string)
	keep(do(t, http.DefaultClient, formRequest(t, k.issuer+"/backchannel/okta", url.Values{"logout_token": {forged}}, nil)))
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	book := ""
	files, _ := filepath.Glob(k.dbFile + "*")
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		book += string(raw)
	}
	if !strings.Contains(book, "alice@acme.example") || len(canaries) < 18 {
		t.Fatalf("nothing was looked at: %d canaries, %d bytes", len(canaries), len(book))
	}
	for i, secret := range canaries {
		for where, text := range map[string]string{"log": k.logs.String(), "book": book, "pages": strings.Join(shown, "\n")} {
			if len(secret) > 8 && strings.Contains(text, secret) {
				t.Errorf("canary %d (%.12s…) is in the %s", i, secret, where)
			}
		}
	}
}
