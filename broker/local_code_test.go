package broker_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

const totpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // that of RFC 6238's examples

// codeAt is an authenticator app of its own.
func codeAt(at time.Time) string {
	key, _ := base32.StdEncoding.DecodeString(totpSecret)
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1000000)
}

func careful(a *storage.NewAccount) { a.TOTP = totpSecret }

// atCode leads a browser to the page that asks for the code.
func (k *kit) atCode(l *login, b *browser) *answer {
	k.t.Helper()
	a := k.fill(b, l.door(b), "username", "alice", "password", goodPassword)
	if a.StatusCode != 200 || !strings.Contains(a.body, `autocomplete="one-time-code"`) || a.problem() != "" {
		k.t.Fatalf("no page that asks for the code: %s %q", a.Status, a.problem())
	}
	return a
}

func TestASecondFactorIsAskedAfterThePassword(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice", careful)
	l, b := k.login("web"), k.browser()
	page := k.atCode(l, b)
	if s := b.get(k.issuer + "/authorize?" + k.login("web", "prompt", "none").query().Encode()); s.to(t).Query().Get("error") != oauth.LoginRequired {
		t.Error("half a sign-in is none")
	}
	a := k.fill(b, page, "code", codeAt(k.clock.Now())[:3]+" "+codeAt(k.clock.Now())[3:])
	tok := l.redeem(l.code(a.to(t))).json(t)
	c := k.verify(tok["access_token"].(string), apiURL)
	if !slices.Equal(c.AMR, []string{"pwd", "otp", "mfa"}) {
		t.Errorf("amr %v", c.AMR)
	}
}

func TestACodeWorksOnceAndOneStepAround(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice", careful)
	used := codeAt(k.clock.Now())
	l, b := k.login("web"), k.browser()
	l.code(k.fill(b, k.atCode(l, b), "code", used).to(t))
	l, b = k.login("web"), k.browser()
	page := k.atCode(l, b)
	if page = k.fill(b, page, "code", used); !strings.Contains(page.problem(), "used before") {
		t.Errorf("used twice: %s %q", page.Status, page.problem())
	}
	for _, off := range []time.Duration{-90 * time.Second, 90 * time.Second} {
		if page = k.fill(b, page, "code", codeAt(k.clock.Now().Add(off))); page.problem() == "" {
			t.Errorf("a code %s off: %s", off, page.Status)
		}
	}
	if page = k.fill(b, page, "code", "000000x"); page.problem() == "" {
		t.Error("no code at all")
	}
	l.code(k.fill(b, page, "code", codeAt(k.clock.Now().Add(30*time.Second))).to(t)) // a clock that runs ahead
}

func TestI10_CodesCannotBeGuessedWithoutEnd(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice", careful)
	l, b := k.login("web"), k.browser()
	page := k.atCode(l, b)
	for range 6 {
		page = k.fill(b, page, "code", "000000")
	}
	if page = k.fill(b, page, "code", codeAt(k.clock.Now())); page.StatusCode != 429 {
		t.Fatalf("the seventh: %s %q", page.Status, page.problem())
	}
	l2, b2 := k.login("web"), k.browser() // beginning anew washes nothing clean
	if page = k.fill(b2, k.atCode(l2, b2), "code", codeAt(k.clock.Now())); page.StatusCode != 429 {
		t.Errorf("from another tab: %s %q", page.Status, page.problem())
	}
}

func TestACodeIsWorthNothingAfterThePasswordChanged(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice", careful)
	l, b := k.login("web"), k.browser()
	page := k.atCode(l, b)
	a := k.accountOf("alice")
	if err := k.db.SetPassword(t.Context(), storage.Actor{Kind: "admin"}, "local", a.Subject, a.Hash+" "); err != nil {
		t.Fatal(err)
	}
	page = k.fill(b, page, "code", codeAt(k.clock.Now()))
	if page.StatusCode != 200 || !strings.Contains(page.body, `name="password"`) {
		t.Errorf("%s %q", page.Status, page.problem())
	}
}

// ---- the password grant

// withPasswordGrant adds a client that may send passwords.
func withPasswordGrant(d *directory.Document) {
	d.Clients = append(d.Clients, directory.Client{ID: "desk", Name: "Desk", FirstParty: true, PasswordGrant: true, Secrets: d.Clients[0].Secrets,
		RedirectURIs: d.Clients[0].RedirectURIs, Scopes: d.Clients[0].Scopes, RefreshTokens: "offline"})
}

func (l *login) password(name, typed string, changes ...string) *answer {
	l.k.t.Helper()
	return l.token(url.Values{"grant_type": {"password"}, "username": {name}, "password": {typed}, "scope": {"openid profile email items:read items:write offline_access"}, "resource": {apiURL}}, changes...)
}

func TestThePasswordGrantIsASignInWithAllThatFollows(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("alice")
	l := k.login("desk")
	a := l.password("Alice", goodPassword)
	if a.StatusCode != 200 {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	tok := a.json(t)
	c := k.verify(tok["access_token"].(string), apiURL)
	if c.Subject != k.accountOf("alice").User.Subject || !slices.Contains(c.Scopes, "items:read") || slices.Contains(c.Scopes, "items:write") || tok["id_token"] == nil {
		t.Errorf("claims %+v", c)
	}
	next := l.refresh(tok["refresh_token"].(string))
	if next.StatusCode != 200 {
		t.Fatalf("refresh: %s %s", next.Status, next.body)
	}
	if info := k.userinfo(tok["access_token"].(string)); info.StatusCode != 200 {
		t.Errorf("userinfo: %s", info.Status)
	}
	mustFail(t, k.login("other").refresh(tok["refresh_token"].(string)), 400, oauth.InvalidGrant)
	plain := l.password("alice", goodPassword, "scope", "items:read")
	if plain.StatusCode != 200 || plain.json(t)["id_token"] != nil {
		t.Errorf("without openid: %s %s", plain.Status, plain.body)
	}
}

func TestD16_ThePasswordGrantExistsOnlyWhereTheSettingsSaySo(t *testing.T) {
	without := newKit(t, withLocal)
	without.member("alice")
	mustFail(t, without.login("web").password("alice", goodPassword), 400, oauth.UnsupportedGrantType)
	if grants := discovered(t, without); slices.Contains(grants, "password") {
		t.Errorf("discovery offers it: %v", grants)
	}
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("alice")
	mustFail(t, k.login("web").password("alice", goodPassword), 400, oauth.UnauthorizedClient)
	mustFail(t, k.login("spa").password("alice", goodPassword), 400, oauth.UnauthorizedClient)
	if grants := discovered(t, k); !slices.Contains(grants, "password") {
		t.Errorf("discovery hides it: %v", grants)
	}
	k.change(func(d *directory.Document) { d.Providers[3].Disabled = true })
	mustFail(t, k.login("desk").password("alice", goodPassword), 400, oauth.UnauthorizedClient)
}

func discovered(t *testing.T, k *kit) (grants []string) {
	t.Helper()
	for _, g := range k.browser().get(k.issuer + "/.well-known/openid-configuration").json(t)["grant_types_supported"].([]any) {
		grants = append(grants, g.(string))
	}
	return grants
}

func TestI21_ThePasswordGrantSaysTheSameToEveryWrongAnswer(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("alice")
	k.member("careful", careful)
	k.member("gone", func(a *storage.NewAccount) { a.Disabled = true })
	k.member("invited", func(a *storage.NewAccount) { a.Hash = "" })
	bodies := map[string]bool{}
	for who, typed := range map[string]string{"alice": "not the right one", "nobody": goodPassword, "careful": goodPassword, "gone": goodPassword, "invited": goodPassword} {
		a := k.login("desk").password(who, typed)
		mustFail(t, a, 400, oauth.InvalidGrant)
		bodies[a.body] = true
	}
	if len(bodies) != 1 {
		t.Errorf("different answers: %v", bodies)
	}
	l := k.login("desk")
	mustFail(t, l.password("alice", goodPassword, "username", ""), 400, oauth.InvalidRequest)
	mustFail(t, l.password("alice", goodPassword, "password", ""), 400, oauth.InvalidRequest)
	mustFail(t, l.password("alice", goodPassword, "scope", "a\"b"), 400, oauth.InvalidScope)
	mustFail(t, l.password("alice", goodPassword, "resource", "https://nowhere.example"), 400, oauth.InvalidTarget)
}

func TestI10_ThePasswordGrantIsThrottledAlike(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("alice")
	l := k.login("desk")
	for range 6 {
		mustFail(t, l.password("alice", "guess after guess"), 400, oauth.InvalidGrant)
	}
	a := l.password("alice", goodPassword)
	mustFail(t, a, 429, oauth.TemporarilyUnavailable)
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	page, b := k.login("web"), k.browser() // one count for both doors
	if held := k.fill(b, page.door(b), "username", "alice", "password", goodPassword); held.StatusCode != 429 {
		t.Errorf("the page: %s", held.Status)
	}
	k.clock.Advance(time.Minute)
	if a := l.password("alice", goodPassword); a.StatusCode != 200 {
		t.Errorf("after the wait: %s %s", a.Status, a.body)
	}
}
