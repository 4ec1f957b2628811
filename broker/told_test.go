package broker_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// idToken reads an ID token's claims without checking it.
func idToken(t testing.TB, got map[string]any) (raw string, claims map[string]any) {
	t.Helper()
	raw, _ = got["id_token"].(string)
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("no ID token: %v", got)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw, claims
}

// signOut sends a browser to our end_session_endpoint.
func (b *browser) signOut(pairs ...string) *answer {
	b.k.t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return b.get(b.k.issuer + "/logout?" + q.Encode())
}

func TestOIDCC_backchannel_logout_discovery_endpoint_verification(t *testing.T) {
	k := newKit(t)
	meta := k.browser().get(k.issuer + "/.well-known/openid-configuration").json(t)
	for _, name := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported"} {
		if meta[name] != true {
			t.Errorf("%s is %v", name, meta[name])
		}
	}
}

func TestOIDCC_backchannel_rp_initiated_logout(t *testing.T) {
	web, other := newReceiver(t, "web"), newReceiver(t, "other")
	k := tells(t, web, other)
	b := k.browser()
	raw, id := idToken(t, k.login("web").done(b, "google", "alice"))
	second := k.login("other")
	if a := second.redeem(second.code(b.get(second.url()).to(t))); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status)
	}
	elsewhere := k.login("other").done(k.browser(), "google", "bob") // somebody else's session stays
	if to := b.signOut("id_token_hint", raw, "post_logout_redirect_uri", appURL+"/bye", "state", "xyz").to(t); to.String() != appURL+"/bye?state=xyz" {
		t.Errorf("sent to %s", to)
	}
	if n := k.tellNow(); n != 2 {
		t.Errorf("told %d apps", n)
	}
	for _, r := range []*receiver{web, other} {
		if got := r.told(); len(got) != 1 || got[0].sub != id["sub"] || got[0].sid != id["sid"] {
			t.Errorf("%s was told %+v, its ID token says sub %v and sid %v", r.client, got, id["sub"], id["sid"])
		}
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(b.get(l.url()).to(t), "login_required")
	if a := k.userinfo(elsewhere["access_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("another person's session ended as well: %s", a.Status)
	}
	if n := k.tellNow(); n != 0 {
		t.Errorf("told %d more", n)
	}
}

func TestAnAppIsToldAtOnce(t *testing.T) {
	web := newReceiver(t, "web")
	k := tells(t, web)
	go k.broker.TellApps(t.Context())
	b := k.browser()
	raw, _ := idToken(t, k.login("web").done(b, "google", "alice"))
	b.signOut("id_token_hint", raw)
	began := time.Now()
	select {
	case <-web.came:
	case <-time.After(20 * time.Second):
		t.Fatal("the app was never told")
	}
	if took := time.Since(began); took > 4*time.Second { // without being woken, the next look is after five
		t.Errorf("the app was told after %s", took)
	}
}

func TestAnAppThatIsDownIsToldAgainAndHoldsUpNobody(t *testing.T) {
	web, other := newReceiver(t, "web"), newReceiver(t, "other")
	web.answer = func(n int) int {
		return []int{503, 500, 302, 200}[min(n, 4)-1]
	}
	k := tells(t, web, other)
	b := k.browser()
	raw, _ := idToken(t, k.login("web").done(b, "google", "alice"))
	l := k.login("other")
	l.redeem(l.code(b.get(l.url()).to(t)))
	b.signOut("id_token_hint", raw)
	state := func() storage.Notice {
		t.Helper()
		all, err := k.db.Notices(t.Context(), "web", 10)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d notices, %v", len(all), err)
		}
		return all[0]
	}
	for try, want := range []struct {
		status int
		reason string
	}{{503, "503"}, {500, "500"}, {302, "302"}} {
		k.tellNow()
		n := state()
		if len(web.told()) != try+1 || n.Outcome != storage.NoticeWaiting || n.LastStatus != want.status || !strings.Contains(n.LastError, want.reason) || n.Attempts != try+1 {
			t.Errorf("after try %d: %+v", try+1, n)
		}
		if wait, most := n.DueAt.Sub(k.clock.Now()), 5*time.Second<<try; wait > most || wait < most/2-5*time.Second {
			t.Errorf("after try %d the next is in %s", try+1, wait)
		}
		if k.tellNow() != 0 {
			t.Error("it was told again at once")
		}
		k.clock.Advance(5 * time.Second << try)
	}
	k.tellNow()
	if n := state(); n.Outcome != storage.NoticeDelivered || n.LastStatus != 200 || n.SettledAt.IsZero() {
		t.Errorf("in the end: %+v", n)
	}
	seen := map[string]bool{}
	for _, h := range web.told() {
		seen[h.jti] = true
	}
	if len(seen) != 4 {
		t.Errorf("four tries had %d different jti", len(seen))
	}
	if len(other.told()) != 1 {
		t.Errorf("the other app was told %d times", len(other.told()))
	}
}

func TestAfterADayNoMoreTriesAreMade(t *testing.T) {
	web := newReceiver(t, "web")
	web.answer = func(int) int { return http.StatusBadRequest }
	k := tells(t, web)
	b := k.browser()
	raw, _ := idToken(t, k.login("web").done(b, "google", "alice"))
	b.signOut("id_token_hint", raw)
	for range 100 {
		k.tellNow()
		k.clock.Advance(time.Hour)
	}
	all, err := k.db.Notices(t.Context(), "web", 10)
	if err != nil || len(all) != 1 || all[0].Outcome != storage.NoticeGaveUp || all[0].LastStatus != 400 {
		t.Fatalf("%+v, %v", all, err)
	}
	if n := len(web.told()); n < 20 || n > 30 {
		t.Errorf("%d tries in a day", n)
	}
	if !strings.Contains(k.logs.String(), "no more tries") {
		t.Error("the log does not tell")
	}
}

func TestAnAppThatWantsNothingAnyMoreIsLeftAlone(t *testing.T) {
	web := newReceiver(t, "web")
	k := tells(t, web)
	b := k.browser()
	raw, _ := idToken(t, k.login("web").done(b, "google", "alice"))
	b.signOut("id_token_hint", raw)
	k.change(func(d *directory.Document) {
		d.Clients[0].BackchannelLogoutURI, d.Clients[0].BackchannelLogoutSessionRequired = "", false
	})
	k.tellNow()
	if all, err := k.db.Notices(t.Context(), "", 10); err != nil || len(all) != 1 || all[0].Outcome != storage.NoticeUnwanted || len(web.told()) != 0 {
		t.Errorf("%+v, %v; %d requests", all, err, len(web.told()))
	}
}

func TestDisablingAPersonTellsTheirApps(t *testing.T) {
	web := newReceiver(t, "web")
	k := tells(t, web)
	_, one := idToken(t, k.login("web").done(k.browser(), "google", "alice"))
	_, two := idToken(t, k.login("web").done(k.browser(), "google", "alice"))
	u, err := k.db.UserBySubject(t.Context(), one["sub"].(string))
	if err == nil {
		err = k.db.SetUserDisabled(t.Context(), storage.Actor{Kind: "admin", ID: "root"}, u.ID, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	k.tellNow()
	var sids []any
	for _, h := range web.told() {
		sids = append(sids, h.sid)
	}
	if len(sids) != 2 || !slices.Contains(sids, one["sid"]) || !slices.Contains(sids, two["sid"]) {
		t.Errorf("told of %v, the sessions were %v and %v", sids, one["sid"], two["sid"])
	}
}

// A person works in an app all day; the broker's own session has long been idle when
// they sign out. Their other apps are told all the same.
func TestS11_SigningOutOfAnIdleSessionTellsItsApps(t *testing.T) {
	web, other := newReceiver(t, "web"), newReceiver(t, "other")
	k := tells(t, web, other)
	b := k.browser()
	raw, _ := idToken(t, k.login("web").done(b, "google", "alice"))
	l := k.login("other")
	l.redeem(l.code(b.get(l.url()).to(t)))
	k.clock.Advance(8 * time.Hour)
	stranger := k.browser()
	stranger.signOut("id_token_hint", raw) // D24: a hint alone, in another browser, ends nothing
	if n := k.tellNow(); n != 0 {
		t.Errorf("an ID token in a foreign browser ended a session: %d apps told", n)
	}
	b.signOut("id_token_hint", raw, "post_logout_redirect_uri", appURL+"/bye")
	if k.tellNow(); len(web.told()) != 1 || len(other.told()) != 1 {
		t.Errorf("told %d and %d times", len(web.told()), len(other.told()))
	}
}

func TestS11_AStolenCookieIsWorthNothingAfterTheSignOut(t *testing.T) {
	k := newKit(t)
	b, thief := k.browser(), k.browser()
	raw, _ := idToken(t, k.login("web").done(b, "google", "alice"))
	at, _ := url.Parse(k.issuer)
	thief.jar.SetCookies(at, b.jar.Cookies(at))
	l := k.login("web", "prompt", "none")
	if thief.get(l.url()).to(t).Query().Get("code") == "" {
		t.Fatal("the copy of the cookie does not work at all")
	}
	b.signOut("id_token_hint", raw)
	l = k.login("web", "prompt", "none")
	l.mustGoBack(thief.get(l.url()).to(t), "login_required")
}

func TestT08_ALogoutTokenIsNothingElse(t *testing.T) {
	web := newReceiver(t, "web")
	k := tells(t, web)
	b := k.browser()
	got := k.login("web").done(b, "google", "alice")
	raw, _ := idToken(t, got)
	b.signOut("id_token_hint", raw)
	k.tellNow()
	token := web.told()[0].raw
	if a := k.userinfo(token); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("as an access token: %s", a.Status)
	}
	v := &tokens.Verifier{Issuer: k.issuer, Keys: k.ring, Now: k.clock.Now}
	for _, audience := range []string{apiURL, "web", k.issuer} {
		if c, err := v.Access(t.Context(), token, audience); err == nil {
			t.Errorf("at an API: %+v", c)
		}
	}
	k.login("web").done(b, "google", "alice")
	mustBePage(t, b.signOut("id_token_hint", token, "post_logout_redirect_uri", appURL+"/bye"), http.StatusBadRequest)
	l := k.login("web", "id_token_hint", token)
	l.mustGoBack(b.get(l.url()).to(t), "invalid_request")
	if a := do(t, http.DefaultClient, formRequest(t, k.issuer+"/backchannel/google", url.Values{"logout_token": {token}}, nil)); a.StatusCode != http.StatusBadRequest {
		t.Errorf("as an upstream's: %s", a.Status)
	}
	if a := k.login("web").refresh(token); a.StatusCode == http.StatusOK {
		t.Error("as a refresh token")
	}
	// And the other way round: what apps hold is no logout token.
	p, err := oidc.NewProvider(t.Context(), k.issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{raw, got["access_token"].(string)} {
		if _, err := p.Verifier(&oidc.Config{ClientID: "web", Now: k.clock.Now}).VerifyLogout(t.Context(), other); err == nil {
			t.Error("another token of ours passes for a logout token")
		}
	}
}

// An app's address is written by whoever registers the app. It never leads inside,
// however it is spelled, unless the settings say so.
func TestU26_AnAppsAddressNeverLeadsInside(t *testing.T) {
	k := newKit(t)
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	reached := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := canary.Accept()
			if err != nil {
				return
			}
			reached <- struct{}{}
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(canary.Addr().String())
	public, err := providers.NewClient(providers.ClientOptions{Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	private, err := providers.NewClient(providers.ClientOptions{AllowPrivate: true, Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		host    string
		private bool // allow_private_network
		allowed bool
	}{
		{"127.0.0.1", false, false}, {"127.1", false, false}, {"0x7f.1", false, false}, {"2130706433", false, false}, {"[::1]", false, false}, {"[::ffff:127.0.0.1]", false, false},
		{"localhost", false, false}, {"10.0.0.1", false, false}, {"192.168.1.1", false, false}, {"[fd00::1]", false, false}, {"169.254.169.254", false, false},
		{"169.254.169.254", true, false}, {"127.0.0.1", true, false}, {"[::1]", true, false}, {"[64:ff9b::a9fe:a9fe]", true, false},
		{"10.255.255.1", true, true},
	} {
		client := &directory.Client{ID: "app-" + row.host, BackchannelLogoutURI: "https://" + net.JoinHostPort(strings.Trim(row.host, "[]"), port) + "/bye", AllowPrivateNetwork: row.private}
		outbox := &session.Outbox{DB: k.db, Mint: &tokens.Mint{Issuer: k.issuer, Ring: k.ring, Now: k.clock.Now}, Public: public, Private: private,
			Client: func(string) (*directory.Client, bool) { return client, true }, Log: slog.New(slog.DiscardHandler), Now: k.clock.Now}
		k.db.TellOfLogout(func(string) bool { return true })
		b := k.browser()
		raw, id := idToken(t, k.login("web").done(b, "google", "alice"))
		b.signOut("id_token_hint", raw)
		if _, err := outbox.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := k.db.Notices(t.Context(), "web", 100)
		if err != nil {
			t.Fatal(err)
		}
		n := all[slices.IndexFunc(all, func(n storage.Notice) bool { return n.SID == id["sid"] })]
		blocked := strings.Contains(n.LastError, "not allowed") || strings.Contains(n.LastError, "does not resolve")
		if n.Outcome == storage.NoticeDelivered || blocked == row.allowed {
			t.Errorf("%s with allow_private_network %v: %s, %q", row.host, row.private, n.Outcome, n.LastError)
		}
		k.clock.Advance(48 * time.Hour) // what failed is given up in the next round
	}
	if len(reached) != 0 {
		t.Errorf("a listener on this machine was reached %d times", len(reached))
	}
}
