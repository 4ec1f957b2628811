package broker_test

import (
	"context"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// twoNodes is one issuer served by two brokers on one PostgreSQL, behind a balancer
// that sends every connection to the other one.
func twoNodes(t *testing.T) *kit {
	t.Helper()
	k := newKitOn(t, storagetest.PostgresURL(t))
	one := k.broker
	k.open(t) // a second broker with a database connection, memory and limits of its own
	two := httptest.NewServer(k.broker)
	t.Cleanup(two.Close)
	k.broker = one
	front := strings.TrimPrefix(k.issuer, "http://")
	var turn atomic.Int64
	k.transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == front && turn.Add(1)%2 == 0 {
			address = two.Listener.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	return k
}

func TestC06_OneAnswerAtTwoNodesHasOneWinner(t *testing.T) {
	k := twoNodes(t)
	for range 5 {
		b := k.browser()
		_, answer := begun(t, k, b, "google", "alice")
		u, _ := url.Parse(k.issuer)
		cookies := b.jar.Cookies(u)
		won := make(chan string, 20)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				jar, _ := cookiejar.New(nil)
				jar.SetCookies(u, cookies)
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, answer, nil)
				a, err := try(&http.Client{Transport: k.transport, Jar: jar, CheckRedirect: b.CheckRedirect}, req)
				if err != nil {
					t.Error(err)
				} else if q, _ := url.Parse(a.Header.Get("Location")); a.StatusCode == http.StatusSeeOther && q.Query().Has("code") {
					won <- q.Query().Get("code")
				}
			})
		}
		all.Wait()
		if len(won) > 1 {
			t.Errorf("%d winners", len(won))
		}
	}
}

func TestC01_C02_TwoNodesRedeemACodeOnceAndMakeOneSuccessor(t *testing.T) {
	k := twoNodes(t)
	client := &http.Client{Transport: k.transport}
	l := k.login("web")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	burst := func(form url.Values) (bodies []string) {
		out := make(chan string, 40)
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				f := url.Values{}
				for name, values := range form {
					f[name] = values
				}
				a, err := try(client, l.tokenRequest(f))
				switch {
				case err != nil:
					t.Error(err)
				case a.StatusCode == http.StatusOK:
					out <- a.json(t)["refresh_token"].(string)
				case a.StatusCode != http.StatusBadRequest:
					t.Errorf("%s %s", a.Status, a.body)
				}
			})
		}
		all.Wait()
		close(out)
		for s := range out {
			bodies = append(bodies, s)
		}
		return bodies
	}
	if won := burst(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}); len(won) > 1 {
		t.Errorf("a code was redeemed %d times", len(won))
	}
	next := burst(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.login("web").done(k.browser(), "google", "bob")["refresh_token"].(string)}})
	for _, s := range next {
		if s != next[0] {
			t.Error("one refresh token has two successors")
		}
	}
	if len(next) == 0 {
		t.Error("nobody could refresh")
	}
}

// explosive is a provider with a bug.
type explosive struct{ providers.Provider }

func (explosive) Begin(context.Context, providers.Attempt) (providers.Step, error) {
	panic("a bug with a secret: " + string(webSecret))
}

func TestI18_C25_APanicIsAPageWithAReferenceAndTheOthersGoOn(t *testing.T) {
	k := newKit(t)
	dir := k.compile(t)
	upstreams := map[string]providers.Provider{}
	for slug, p := range dir.Upstreams {
		upstreams[slug] = p
	}
	upstreams["google"] = explosive{}
	if err := k.broker.Swap(&broker.Directory{Snapshot: dir.Snapshot, Upstreams: upstreams}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustBePage(t, k.browser().get(k.login("web", "provider", "google").url()), http.StatusInternalServerError)
	}
	if log := k.logs.String(); !strings.Contains(log, `"panic"`) || !strings.Contains(log, "stack") || strings.Contains(log, webSecret.Reveal()) {
		t.Error("the log must hold the stack and no secret")
	}
	k.login("web").done(k.browser(), "okta", "alice")
}

func TestS15_NoParameterChoosesWhereAPersonGoes(t *testing.T) {
	k := newKit(t)
	for _, name := range []string{"next", "return_to", "returnTo", "redirect", "rd", "url", "continue", "RelayState", "target_link_uri"} {
		for _, value := range []string{"//evil.example", `/\evil.example`, "https:evil.example", "/%09/evil.example", "https://evil.example/", "javascript:alert(1)"} {
			q := url.Values{name: {value}}
			for _, path := range []string{"/logout", "/consent", "/callback/google", "/authorize"} {
				if a := k.browser().get(k.issuer + path + "?" + q.Encode()); strings.Contains(a.Header.Get("Location"), "evil") || strings.Contains(a.body, "evil.example") {
					t.Errorf("%s?%s: %s", path, q.Encode(), a.Header.Get("Location"))
				}
			}
		}
	}
}

func TestS13_TheAnswerToOnePersonsPageIsNotTakenFromAnother(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("notes")
	form := hidden(b.get(l.signIn(b, "google", "alice").String()).body)
	form.Set("decision", "allow")
	k.login("web", "prompt", "login").done(b, "google", "bob") // the same browser, another person
	mustBePage(t, b.post(k.issuer+"/consent", form), http.StatusBadRequest)
}
