package broker_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/storage"
)

// What stands between a person and us: browsers that hold cookies back, and proxies.

// A browser sends no Lax cookie with another site's POST. A sign-out that came so must
// find the session all the same: else the person believes in one that did not happen.
func TestD24_ASignOutPostedByAnAppEndsTheSessionInARealBrowser(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	online := k.login("web", "scope", "openid items:read")
	got := online.done(b, "google", "alice")
	form := url.Values{"id_token_hint": {got["id_token"].(string)}, "post_logout_redirect_uri": {appURL + "/bye"}, "state": {"xyz"}}
	posted := func(form url.Values) *answer { // as a browser does it
		return do(t, k.browser().Client, formRequest(t, k.issuer+"/logout", form, map[string]string{"Origin": appURL, "Sec-Fetch-Site": "cross-site"}))
	}
	a := posted(form)
	if to := a.to(t); a.StatusCode != http.StatusSeeOther || to.Host != strings.TrimPrefix(k.issuer, "http://") || len(a.Cookies()) != 0 {
		t.Fatalf("the POST leads to %s and sets %v", to, a.Cookies())
	}
	if to := b.get(a.to(t).String()).to(t); to.String() != appURL+"/bye?state=xyz" {
		t.Errorf("from there it leads to %s", to)
	}
	mustFail(t, online.refresh(got["refresh_token"].(string)), http.StatusBadRequest, oauth.InvalidGrant)
	if a := k.userinfo(got["access_token"].(string)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session is alive: %s", a.Status)
	}
	form.Set("post_logout_redirect_uri", "https://evil.example/")
	mustBePage(t, posted(form), http.StatusBadRequest)
	form.Set("id_token_hint", strings.Repeat("x", 9<<10))
	mustBePage(t, posted(form), http.StatusBadRequest)
}

func TestI11_ATrustedProxySpeaksThroughOneHeaderOnly(t *testing.T) {
	k := newKit(t)
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	if err != nil {
		t.Fatal(err)
	}
	house, err := page.New(page.Brand{}, "/assets")
	if err != nil {
		t.Fatal(err)
	}
	behind, err := broker.New(broker.Options{Issuer: k.issuer, DB: k.db, Sealer: sealer, Ring: k.ring, Pages: house, Life: lives, TrustedProxies: []string{"192.0.2.0/24"},
		Logger: slog.New(slog.DiscardHandler), Now: k.clock.Now}, k.compile(t))
	if err != nil {
		t.Fatal(err)
	}
	held := func(header, address string) (held bool) {
		for i := range 13 {
			req := k.login("web").tokenRequest(url.Values{"grant_type": {"authorization_code"}, "code": {"x"}})
			req.SetBasicAuth("web", "wrong")
			req.RemoteAddr = "192.0.2.1:4444"
			req.Header.Set(header, strings.ReplaceAll(address, "N", strconv.Itoa(i)))
			w := httptest.NewRecorder()
			behind.ServeHTTP(w, req)
			held = held || w.Code == http.StatusTooManyRequests
		}
		return held
	}
	for address, want := range map[string]bool{"6.6.N.1": false, "6.6.6.N, 7.7.7.7": true, "6.6.6.N,8.8.8.8,192.0.2.9": true} {
		if held("X-Forwarded-For", address) != want {
			t.Errorf("X-Forwarded-For: %s: held is %v", address, !want)
		}
	}
	if !held("X-Real-Ip", "6.7.N.1") || !held("Forwarded", "for=6.8.N.1") {
		t.Error("a header that a proxy passes on unseen chooses the address")
	}
}
