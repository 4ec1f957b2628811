package bff

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func TestAnOldAccessTokenIsRenewedBehindTheScenes(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	w.advance(5*time.Minute - spare + time.Second)
	if res, body := b.call("GET", "/api/items", ""); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if got := w.api.asked[0].Header.Get("Authorization"); got != "Bearer "+w.broker.seen[1] || w.broker.renewed != 1 {
		t.Errorf("renewed %d times, the API got the old token: %v", w.broker.renewed, got == "Bearer "+w.broker.seen[0])
	}
	b.call("GET", "/api/items", "")
	if got := b.open(); w.broker.renewed != 1 || got.Renewed != 1 {
		t.Errorf("renewed %d times, told %d", w.broker.renewed, got.Renewed)
	}
}

// A refresh token is good for one use; a broker takes a second one for a theft.
func TestManyRequestsShareOneRefresh(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	w.advance(6 * time.Minute)
	hold := make(chan struct{})
	w.broker.set(func() { w.broker.hold = hold })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if res, body := b.call("GET", "/api/items", ""); res.StatusCode != 200 {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
	close(hold)
	all.Wait()
	if w.broker.renewed != 1 || w.broker.spent != 0 {
		t.Errorf("%d refreshes, %d tokens spent twice", w.broker.renewed, w.broker.spent)
	}
}

func TestWhoeverWaitsForARefreshSharesItsOutcomeAndMayGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let, asked := make(chan struct{}), 0
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked++
			select {
			case <-let:
				return nil, errors.New("the broker is away")
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})}
		a := &app{Config: Config{HTTPClient: client, Now: time.Now, Logger: quiet}, sessions: newSessions(time.Now)}
		a.broker = newBroker(a.Config)
		a.broker.known = &metadata{oauth: oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: "https://login.example/token", AuthStyle: oauth2.AuthStyleInHeader}}}
		s := &session{tokens: &tokens{refresh: "r"}}
		outcomes := make(chan error, 3)
		ctx, leave := context.WithCancel(t.Context())
		go func() { outcomes <- a.renew(ctx, s) }()
		synctest.Wait()
		for range 2 {
			go func() { outcomes <- a.renew(t.Context(), s) }()
		}
		synctest.Wait()
		leave() // the first goes away; nobody else notices
		synctest.Wait()
		close(let)
		var canceled, shared int
		for range 3 {
			if err := <-outcomes; err == context.Canceled {
				canceled++
			} else if err != nil && strings.Contains(err.Error(), "the broker is away") {
				shared++
			}
		}
		if asked != 1 || canceled != 1 || shared != 2 || s.renewing != nil {
			t.Errorf("%d asked the broker, %d went away, %d shared its answer", asked, canceled, shared)
		}
	})
}

func TestARefusedRefreshEndsTheSession(t *testing.T) {
	for why, refuse := range map[string]func(f *fakeBroker){
		"invalid_grant":  func(f *fakeBroker) { f.status = 400 },
		"another person": func(f *fakeBroker) { f.subject = "usr_mallory" },
		"another app":    func(f *fakeBroker) { f.azp = "other" },
	} {
		w := newTown(t)
		b := w.browser()
		b.signIn()
		stolen := b.cookie("-session").Value
		w.broker.set(func() { refuse(w.broker) })
		w.advance(6 * time.Minute)
		res, body := b.call("GET", "/api/items", "")
		if res.StatusCode != 401 || !strings.Contains(body, "no_session") || b.cookie("-session") != nil {
			t.Errorf("%s: %d %s, cookies %v", why, res.StatusCode, body, b.Jar.Cookies(b.url()))
		}
		w.broker.set(func() { w.broker.status, w.broker.subject, w.broker.azp = 0, "usr_alice", "" })
		thief := w.browser()
		thief.Jar.SetCookies(b.url(), []*http.Cookie{{Name: newCookies(b.url()).prefix + "-session", Value: stolen, Path: "/"}})
		if got := thief.open(); got.Person != nil || w.api.calls() != 0 {
			t.Errorf("%s: the session lives on: %+v; the API was called %d times", why, got, w.api.calls())
		}
	}
}

// A broker that is away for a moment signs nobody out.
func TestABrokerThatDoesNotAnswerEndsNoSession(t *testing.T) {
	for _, status := range []int{500, 503, 429} {
		w := newTown(t)
		b := w.browser()
		b.signIn()
		w.advance(6 * time.Minute)
		w.broker.set(func() { w.broker.status = status })
		res, body := b.call("GET", "/api/items", "")
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "temporarily_unavailable") {
			t.Errorf("while the broker says %d: %d %s", status, res.StatusCode, body)
		}
		w.broker.set(func() { w.broker.status = 0 })
		if res, body := b.call("GET", "/api/items", ""); res.StatusCode != 200 {
			t.Errorf("after %d: %d %s", status, res.StatusCode, body)
		}
	}
}

func TestTheButtonRenewsAtOnce(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	if res, body := b.call("POST", "/session/renew", ""); res.StatusCode != 200 || !strings.Contains(body, `"renewed":1`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	w.broker.set(func() { w.broker.status = 400 })
	if res, _ := b.call("POST", "/session/renew", ""); res.StatusCode != 401 {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestASessionEndsWhenItIsIdleAndWhenItIsOld(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	for range 15 { // busy for 7½ hours: every 29 minutes and a bit
		w.advance(sessionIdle - time.Minute)
		if got := b.open(); got.Person == nil {
			t.Fatal("a busy session ended")
		}
	}
	w.advance(sessionIdle - time.Minute)
	b.open()
	w.advance(sessionIdle - time.Minute)
	if got := b.open(); got.Person != nil {
		t.Error("a session lives for ever while somebody is busy")
	}
	b.signIn()
	w.advance(sessionIdle)
	if got := b.open(); got.Person != nil || b.cookie("-session") != nil {
		t.Error("an idle session lives on")
	}
}

func TestSessionsInMemoryAreBounded(t *testing.T) {
	now := time.Now()
	all := newSessions(func() time.Time { return now })
	all.most = 50
	first := all.begin(&tokens{}, seat{})
	now = now.Add(time.Second)
	second := all.begin(&tokens{}, seat{})
	all.find(first) // so the second is idle for longest
	for range all.most {
		now = now.Add(time.Millisecond)
		all.find(first)
		all.begin(&tokens{}, seat{})
	}
	if len(all.seats) != all.most || all.find(second) != nil || all.find(first) == nil {
		t.Errorf("%d sessions", len(all.seats))
	}
}
