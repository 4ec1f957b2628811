package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/tokens"
)

func TestNewTouchesNoNetwork(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	if n := b.discoveries.Load() + b.keySets.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
	want(t, "the first token fetches the keys", call(g, "Bearer "+b.token(), "items:read"), 200)
	want(t, "and the second doesn't", call(g, "Bearer "+b.token(), "items:read"), 200)
	if b.discoveries.Load() != 1 || b.keySets.Load() != 1 {
		t.Errorf("%d discoveries and %d key sets", b.discoveries.Load(), b.keySets.Load())
	}
}

func TestAnAPIStartsWhileItsBrokerIsDown(t *testing.T) {
	b := newBroker(t)
	b.down()
	g := b.guard()
	if err := g.Ready(context.Background()); !errors.Is(err, guard.ErrKeysUnavailable) {
		t.Fatalf("ready: %v", err)
	}
	raw := b.token()
	w := call(g, "Bearer "+raw)
	want(t, "nothing is known about the token", w, 503)
	if retry, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || retry < 1 || retry > 30 {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	if w.Header().Get("WWW-Authenticate") != "" || !strings.Contains(w.Body.String(), `"error":"temporarily_unavailable"`) {
		t.Errorf("a client must not throw its token away: %v %s", w.Header(), w.Body)
	}
	b.misbehave(nil)
	want(t, "not asked again at once", call(g, "Bearer "+raw), 503)
	b.advance(time.Second)
	want(t, "after the pause", call(g, "Bearer "+raw), 200)
	if err := g.Ready(context.Background()); err != nil {
		t.Errorf("ready: %v", err)
	}
}

func TestABrokerThatFailsIsAskedLessAndLess(t *testing.T) {
	b := newBroker(t)
	b.down()
	g := b.guard()
	raw := b.token()
	for range 10 * 60 { // ten minutes, a request a second
		want(t, "down", call(g, "Bearer "+raw), 503)
		b.advance(time.Second)
	}
	if n := b.keySets.Load(); n < 10 || n > 30 {
		t.Errorf("asked %d times in ten minutes", n)
	}
	b.misbehave(nil)
	b.advance(30 * time.Second)
	want(t, "back", call(g, "Bearer "+b.token()), 200)
}

func TestM04_U22_InventedKeyIDsCannotStampede(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "honest", call(g, "Bearer "+b.token()), 200)
	bad := make([]string, 50)
	for i := range bad {
		bad[i] = b.tokenBy(strange(t))
	}
	before := b.keySets.Load()
	for range 20 { // a thousand tokens in one instant
		for _, raw := range bad {
			want(t, "invented", call(g, "Bearer "+raw), 401)
		}
	}
	if n := b.keySets.Load() - before; n != 0 {
		t.Errorf("%d fetches in the minute after one", n)
	}
	for range 5 * 60 { // and one a second for five minutes
		b.advance(time.Second)
		want(t, "invented", call(g, "Bearer "+bad[0]), 401)
	}
	if n := b.keySets.Load() - before; n > 5 {
		t.Errorf("%d fetches in five minutes, want one a minute", n)
	}
	want(t, "honest, during the flood", call(g, "Bearer "+b.token()), 200)
	if s := g.Stats(); s.Keys != 1 {
		t.Errorf("the flood is remembered: %+v", s)
	}
}

func TestOneFetchServesAllWhoWait(t *testing.T) {
	b := newBroker(t)
	open := make(chan struct{})
	b.misbehave(func(w http.ResponseWriter, _ *http.Request) {
		<-open
		body, _ := b.ring.JWKS()
		w.Write(body)
	})
	g := b.guard()
	raw := b.token()
	var wg sync.WaitGroup
	codes := make([]int, 40)
	for i := range codes {
		wg.Go(func() { codes[i] = call(g, "Bearer "+raw).Code })
	}
	for b.keySets.Load() == 0 {
		runtime.Gosched()
	}
	close(open)
	wg.Wait()
	for _, code := range codes {
		if code != 200 {
			t.Fatalf("%v", codes)
		}
	}
	if n := b.keySets.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestWhoeverLeavesDoesNotTakeTheFetchAlong(t *testing.T) {
	b := newBroker(t)
	open := make(chan struct{})
	b.misbehave(func(w http.ResponseWriter, _ *http.Request) {
		<-open
		body, _ := b.ring.JWKS()
		w.Write(body)
	})
	g := b.guard()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Verify(gone, b.token()); !errors.Is(err, guard.ErrKeysUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := g.Ready(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(open)
	if _, err := g.Verify(context.Background(), b.token()); err != nil {
		t.Errorf("%v", err)
	}
	if n := b.keySets.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestAKeySetThatHangsDoesNotSlowKnownKeys(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "fetch", call(g, "Bearer "+b.token()), 200)
	done := make(chan struct{})
	b.misbehave(func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	b.advance(6 * time.Minute)
	for range 3 { // it would block here
		want(t, "while a fetch hangs", call(g, "Bearer "+b.token()), 200)
	}
}

func TestAnIssuerThatHangsAfterItFailedDoesNotSlowKnownKeys(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "fetch", call(g, "Bearer "+b.token()), 200)
	b.down()
	b.advance(20 * time.Minute)
	want(t, "stale: asked once, in vain", call(g, "Bearer "+b.token()), 200)
	done := make(chan struct{})
	b.misbehave(func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	b.advance(time.Minute)
	want(t, "asked in the background", call(g, "Bearer "+b.token()), 200)
	if s := g.Stats(); s.KeyFailures != 1 {
		t.Errorf("it waited until the fetch had failed: %+v", s)
	}
}

func TestAnUnknownKeyWaitsForAFetchThatRunsAnyway(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	known := b.token()
	want(t, "fetch", call(g, "Bearer "+known), 200)
	b.rotate(true)
	open := make(chan struct{})
	b.misbehave(func(w http.ResponseWriter, _ *http.Request) {
		<-open
		body, _ := b.ring.JWKS()
		w.Write(body)
	})
	b.advance(5 * time.Minute)
	before := b.keySets.Load()
	want(t, "starts a fetch in the background", call(g, "Bearer "+known), 200)
	for b.keySets.Load() == before {
		runtime.Gosched()
	}
	// It waits, so somebody who cannot wait is told that nothing is known yet.
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Verify(gone, b.token()); !errors.Is(err, guard.ErrKeysUnavailable) {
		t.Errorf("it did not wait: %v", err)
	}
	close(open)
	want(t, "the new key is in that answer", call(g, "Bearer "+b.token()), 200)
}

func TestKeysThatMovedAreFoundAgain(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "fetch", call(g, "Bearer "+b.token()), 200)
	b.misbehave(http.NotFound)
	b.announce(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, b.URL, b.URL+"/moved")
	})
	b.rotate(true)
	b.advance(20 * time.Minute)
	want(t, "the old address fails", call(g, "Bearer "+b.token()), 503)
	b.advance(time.Minute)
	want(t, "discovery names the new one", call(g, "Bearer "+b.token()), 200)
}

func TestKnownKeysServeForADayWhileTheBrokerIsAway(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "fetch", call(g, "Bearer "+b.token()), 200)
	b.down()
	for range 24*2 - 1 {
		b.advance(30 * time.Minute)
		want(t, "away", call(g, "Bearer "+b.token()), 200)
	}
	for _, why := range []string{"asking in vain", "not asking again yet"} {
		want(t, "a key that we could not learn is no proof against a token: "+why, call(g, "Bearer "+b.tokenBy(strange(t))), 503)
	}
	b.advance(30 * time.Minute)
	want(t, "after a day", call(g, "Bearer "+b.token()), 503)
	if err := g.Ready(context.Background()); !errors.Is(err, guard.ErrKeysUnavailable) {
		t.Errorf("ready: %v", err)
	}
}

func TestU28_ANewKeyIsLearnedAndAWithdrawnOneForgotten(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "fetch", call(g, "Bearer "+b.token()), 200)
	old, err := tokens.NewRing(b.keys[0])
	if err != nil {
		t.Fatal(err)
	}
	b.rotate(true)
	b.advance(time.Minute)
	want(t, "a new key costs one fetch", call(g, "Bearer "+b.token()), 200)
	b.keys[0].State = tokens.Active
	want(t, "the old one is still published", call(g, "Bearer "+b.tokenBy(old)), 200)

	b.keys[0].State = tokens.Gone
	if err := b.ring.Swap(b.keys); err != nil {
		t.Fatal(err)
	}
	b.advance(15 * time.Minute)
	want(t, "a withdrawn key is refused within a quarter of an hour", call(g, "Bearer "+b.tokenBy(old)), 401)
	want(t, "the new one is not", call(g, "Bearer "+b.token()), 200)
}
