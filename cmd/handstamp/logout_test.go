package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

// The whole way in dev: an administrator at a provider signs somebody out, the broker
// is told and ends its session, the app is told and shows it.
func TestDevShowsThatASessionEnded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	v, err := openVillage(ctx, devOptions{data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := v.serve(ctx)
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	open := func(to string) string {
		t.Helper()
		resp, err := browser.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	signIn := func(provider string) {
		t.Helper()
		still := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		to := v.app + "/login?provider=" + provider
		for !strings.HasPrefix(to, v.at(provider).url) {
			resp, err := still.Get(to)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			to = resp.Header.Get("Location")
		}
		back, err := persona.SignIn(ctx, still, to, "alice")
		if err != nil {
			t.Fatal(err)
		}
		if body := open(back.String()); !strings.Contains(body, "Alice Acme") {
			t.Fatalf("not signed in: %.500s", body)
		}
	}
	for _, provider := range []string{"okta", "auth0"} {
		signIn(provider)
		resp, err := http.PostForm(v.at(provider).url+"/persona/signout", url.Values{"user": {"alice"}})
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(page), "answered 200") {
			t.Fatalf("%s: the broker did not take the logout token: %s", provider, page)
		}
		v.waitTold(t)
		if body := open(v.app + "/"); strings.Contains(body, "Alice Acme") || !strings.Contains(body, "ended at Handstamp") {
			t.Errorf("%s: the app does not show it: %.800s", provider, body)
		}
	}
}

// waitTold waits until every app was told.
func (v *village) waitTold(t *testing.T) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		all, err := v.house.db.Notices(t.Context(), "web", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 && all[0].Outcome == storage.NoticeDelivered {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the app was not told: %+v", all)
		}
	}
}
