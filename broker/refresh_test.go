package broker_test

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
)

func TestT01_T02_AnOldRefreshTokenRevokesTheFamily(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	tokens := []string{l.done(k.browser(), "google", "alice")["refresh_token"].(string)}
	var access string
	for range 5 {
		a := l.refresh(tokens[len(tokens)-1])
		if a.StatusCode != http.StatusOK {
			t.Fatal(a.body)
		}
		got := a.json(t)
		tokens, access = append(tokens, got["refresh_token"].(string)), got["access_token"].(string)
	}
	mustFail(t, l.refresh(tokens[2]), http.StatusBadRequest, "invalid_grant")
	mustFail(t, l.refresh(tokens[5]), http.StatusBadRequest, "invalid_grant")
	mustFail(t, k.userinfo(access), http.StatusUnauthorized, "invalid_token")
}

func TestC02_C05_ARetryWithinTheGraceGetsTheSameSuccessor(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	first := l.done(k.browser(), "google", "alice")["refresh_token"].(string)
	successors := make(chan string, 50)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a, err := try(http.DefaultClient, l.tokenRequest(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}}))
			if err != nil || a.StatusCode != http.StatusOK {
				t.Errorf("%v %s", err, a.body)
				return
			}
			successors <- a.json(t)["refresh_token"].(string)
		})
	}
	all.Wait()
	close(successors)
	next := <-successors
	for s := range successors {
		if s != next {
			t.Error("two different successors exist")
		}
	}
	if a := l.refresh(next); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	mustFail(t, l.refresh(first), http.StatusBadRequest, "invalid_grant") // the successor was used: no retry any more
}

func TestC02_ARetryAfterTheGraceIsReuse(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	first := l.done(k.browser(), "google", "alice")["refresh_token"].(string)
	next := l.refresh(first).json(t)["refresh_token"].(string)
	k.clock.Advance(11 * time.Second)
	mustFail(t, l.refresh(first), http.StatusBadRequest, "invalid_grant")
	mustFail(t, l.refresh(next), http.StatusBadRequest, "invalid_grant")
}

func TestD17_ARefreshMayNarrowButNeverWiden(t *testing.T) {
	k := newKit(t)
	l := k.login("web", "scope", "openid offline_access items:read")
	rt := l.done(k.browser(), "google", "alice")["refresh_token"].(string)
	mustFail(t, l.refresh(rt, "scope", "openid groups"), http.StatusBadRequest, "invalid_scope")
	got := l.refresh(rt, "scope", "items:read").json(t)
	if got["scope"] != "items:read" || got["id_token"] != nil {
		t.Errorf("narrowed: %v", got)
	}
	if again := l.refresh(got["refresh_token"].(string)).json(t); again["scope"] != "openid offline_access items:read" {
		t.Errorf("the next full refresh: %v", again)
	}
}

func TestT05_RefreshTokensEnd(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	rt := l.done(k.browser(), "google", "alice")["refresh_token"].(string)
	for range 8 { // every 13 days: the idle limit of 14 never bites, the absolute one of 90 must
		k.clock.Advance(13 * 24 * time.Hour)
		a := l.refresh(rt)
		if a.StatusCode != http.StatusOK {
			mustFail(t, a, http.StatusBadRequest, "invalid_grant")
			return
		}
		rt = a.json(t)["refresh_token"].(string)
	}
	t.Error("104 days of refreshing went through")
}

func TestOnlineTokensDieWithTheSessionAndOfflineOnesDoNot(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	offline, online := k.login("web"), k.login("spa")
	stays := offline.done(b, "google", "alice")
	goes := online.done(b, "google", "alice")
	a := b.get(k.issuer + "/logout?" + url.Values{"id_token_hint": {stays["id_token"].(string)}, "post_logout_redirect_uri": {appURL + "/bye"}, "state": {"s&t"}}.Encode())
	if to := a.to(t); to.String() != appURL+"/bye?state=s%26t" {
		t.Errorf("after sign-out: %s", to)
	}
	mustFail(t, online.refresh(goes["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	if a := offline.refresh(stays["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("an offline token died with the session: %s", a.body)
	}
	silent := k.login("web", "prompt", "none")
	silent.mustGoBack(b.get(silent.url()).to(t), "login_required")
	next := k.login("web", "provider", "google")
	if to := b.get(next.url()).to(t); to.Query().Get("prompt") != "select_account" {
		t.Errorf("after a sign-out the provider must ask who it is: %s", to)
	}
}

func TestAnAppThatMayHaveOfflineAccessButDidNotAskForItIsOnline(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web", "scope", "openid items:read")
	got := l.done(b, "google", "alice")
	if got["refresh_token"] == nil {
		t.Fatal("an online refresh token is missing")
	}
	b.post(k.issuer+"/logout", hidden(b.get(k.issuer+"/logout").body))
	mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
}

// Offline access is a permission of the settings: where it is taken away, what was given
// under it ends, and does not go on until the person happens to sign in again.
func TestL19_OfflineAccessEndsWithItsPermission(t *testing.T) {
	k := newKit(t, machines)
	l, b := k.login("web"), k.browser()
	got := l.done(b, "google", "alice")["refresh_token"].(string)
	k.change(func(d *directory.Document) {
		d.Clients[0].RefreshTokens = directory.RefreshOnline
		d.Clients[0].Scopes = slices.DeleteFunc(slices.Clone(d.Clients[0].Scopes), func(s string) bool { return s == "offline_access" })
	})
	if k.active(k.caller("web", webSecret), got) {
		t.Error("introspection says that it is active")
	}
	mustFail(t, l.refresh(got), http.StatusBadRequest, "invalid_grant")
	again := k.login("web", "scope", "openid items:read")
	fresh := again.redeem(again.code(b.get(again.url()).to(t))).json(t)
	if a := again.refresh(fresh["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("an online one: %s", a.body)
	}
}
