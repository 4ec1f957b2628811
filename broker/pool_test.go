package broker_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// Three times as many logins as the pool has connections wait for a provider that does
// not answer. None of them holds a connection, so everybody else goes on.
func TestC22_C25_ASlowProviderHoldsNoConnection(t *testing.T) {
	k := newKitOn(t, storagetest.PostgresURL(t))
	held := k.login("web").done(k.browser(), "okta", "alice")
	k.google.Faults().Set(persona.Fault{At: persona.At{persona.Token: {Hang: true}}})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var waiting sync.WaitGroup
	for range 48 {
		waiting.Go(func() {
			b := k.browser()
			b.Client.Timeout = 20 * time.Second
			l := k.login("web", "provider", "google")
			_, _ = l.trySignIn(ctx, b, "alice") // ends when the test does
		})
	}
	for k.google.Requests().Count(persona.Token) < 40 { // they are all at the provider
		select {
		case <-t.Context().Done():
			t.Fatal("the logins never came to the provider")
		case <-time.After(10 * time.Millisecond):
		}
	}
	for range 20 {
		got := k.login("web").done(k.browser(), "okta", "bob")
		if got["access_token"] == nil {
			t.Fatalf("a login at another provider: %v", got)
		}
	}
	if a := k.login("web").refresh(held["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("a refresh: %s %s", a.Status, a.body)
	}
	if k.google.Requests().Count(persona.Token) < 40 {
		t.Error("nobody waits any more: the test shows nothing")
	}
	stop()
	waiting.Wait()
}
