package tokens

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	testIssuer   = "https://id.example"
	testAudience = "https://api.example"
)

// noon has a fraction of a second, as real clocks do.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 987654321, time.UTC)

func testMint(t testing.TB, algs ...Alg) *Mint {
	t.Helper()
	var keys []*Key
	for _, alg := range algs {
		k, err := NewKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	ring, err := NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return &Mint{Issuer: testIssuer, Ring: ring, Now: func() time.Time { return noon }}
}

func alice() Granted {
	return Granted{GrantID: "grant1", Subject: "usr_alice", ClientID: "web", SessionID: "sid1", Audience: []string{testAudience},
		Scopes: []string{"openid", "items:read"}, Roles: []string{"reader"}, AuthTime: noon.Add(-time.Minute), ACR: "1", AMR: []string{"pwd"}}
}

func access(t testing.TB, m *Mint, g Granted) string {
	t.Helper()
	raw, _, err := m.Access(context.Background(), g)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func mintID(t testing.TB, m *Mint, g Granted, id IDToken) string {
	t.Helper()
	raw, err := m.ID(context.Background(), g, id)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// part decodes one part of a token without any of our code.
func part(t testing.TB, raw string, i int) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return m
}

func names(m map[string]any) string {
	var list []string
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestAnAccessTokenFollowsRFC9068(t *testing.T) {
	m := testMint(t, RS256, ES256)
	raw, ttl, err := m.Access(context.Background(), alice())
	if err != nil || ttl != 5*time.Minute {
		t.Fatal(ttl, err)
	}
	h, c := part(t, raw, 0), part(t, raw, 1)
	k, _ := m.Ring.signer(ES256, ES256)
	if fmt.Sprint(h) != fmt.Sprint(map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": k.ID}) {
		t.Errorf("header %v", h)
	}
	if got, want := names(c), "acr amr aud auth_time client_id exp iat iss jti roles scope sid sub"; got != want {
		t.Errorf("claims %s, want %s", got, want)
	}
	for name, want := range map[string]any{"iss": testIssuer, "sub": "usr_alice", "aud": testAudience, "client_id": "web",
		"scope": "openid items:read", "sid": "sid1", "iat": float64(noon.Unix()), "exp": float64(noon.Unix() + 300), "auth_time": float64(noon.Unix() - 60)} {
		if c[name] != want {
			t.Errorf("%s is %v, want %v", name, c[name], want)
		}
	}
	if jti := c["jti"].(string); !strings.HasPrefix(jti, "grant1.") || len(jti) < len("grant1.")+22 {
		t.Errorf("jti %s", jti)
	}
	g := alice()
	g.Audience = append(g.Audience, testIssuer)
	if aud := part(t, access(t, m, g), 1)["aud"]; fmt.Sprint(aud) != "["+testAudience+" "+testIssuer+"]" {
		t.Errorf("two audiences are %v", aud)
	}
}

func TestAnIDTokenIsLean(t *testing.T) {
	m := testMint(t, ES256, RS256)
	raw := mintID(t, m, alice(), IDToken{Nonce: "n1", AccessToken: "at"})
	if h := part(t, raw, 0); h["typ"] != "JWT" || h["alg"] != "RS256" {
		t.Errorf("header %v", h)
	}
	c := part(t, raw, 1)
	if got, want := names(c), "acr amr at_hash aud auth_time azp exp iat iss nonce sid sub"; got != want {
		t.Errorf("claims %s, want %s: what the client did not ask for is not there", got, want)
	}
	if c["aud"] != "web" || c["azp"] != "web" {
		t.Errorf("aud %v, azp %v", c["aud"], c["azp"])
	}
	bare := part(t, mintID(t, m, Granted{Subject: "s", ClientID: "web"}, IDToken{}), 1)
	if got, want := names(bare), "aud azp exp iat iss sub"; got != want {
		t.Errorf("without a session: %s, want %s", got, want)
	}
	asked := part(t, mintID(t, m, alice(), IDToken{Claims: map[string]any{"email": "a@acme.example", "groups": []string{"g"}, "roles": []string{"reader"}}}), 1)
	if asked["email"] != "a@acme.example" || fmt.Sprint(asked["groups"], asked["roles"]) != "[g] [reader]" {
		t.Errorf("asked for, but: %v", asked)
	}
}

func TestT24_AtHashBelongsToTheIDTokensAlgorithm(t *testing.T) {
	m := testMint(t, ES256, RS256, PS256, EdDSA)
	const at = "an.access.token"
	short, long := sha256.Sum256([]byte(at)), sha512.Sum512([]byte(at))
	for alg, half := range map[Alg][]byte{ES256: short[:16], RS256: short[:16], PS256: short[:16], EdDSA: long[:32]} {
		c := part(t, mintID(t, m, alice(), IDToken{Alg: alg, AccessToken: at}), 1)
		if want := base64.RawURLEncoding.EncodeToString(half); c["at_hash"] != want {
			t.Errorf("%s: at_hash %v, want %s", alg, c["at_hash"], want)
		}
	}
	// The example of OpenID Connect Core, appendix A.3.
	if got := atHash(RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("the specification's example gives %s", got)
	}
	if c := part(t, mintID(t, m, alice(), IDToken{}), 1); c["at_hash"] != nil {
		t.Error("at_hash without an access token")
	}
}

func TestT24_TheNonceComesBackByteForByte(t *testing.T) {
	m := testMint(t, ES256)
	for _, nonce := range []string{"n-0S6_WzA2Mj", `quote " and \ backslash`, "<script>&", "ünï ☃", strings.Repeat("n", 512)} {
		if got := part(t, mintID(t, m, alice(), IDToken{Nonce: nonce}), 1)["nonce"]; got != nonce {
			t.Errorf("nonce %q came back as %q", nonce, got)
		}
	}
}

func TestT24_TimesAreWholeSecondsAndNeverInTheFuture(t *testing.T) {
	m := testMint(t, ES256)
	g := alice()
	g.AuthTime = noon.Add(3 * time.Second) // a node whose clock is ahead
	for _, c := range []map[string]any{part(t, access(t, m, g), 1), part(t, mintID(t, m, g, IDToken{}), 1)} {
		for _, name := range []string{"iat", "exp", "auth_time"} {
			if v := c[name].(float64); v != float64(int64(v)) || name != "exp" && v > float64(noon.UnixNano())/1e9 {
				t.Errorf("%s is %v at %v", name, v, noon.Unix())
			}
		}
	}
}

func TestT27_NoLifetimeIsLongerThanItsBound(t *testing.T) {
	m := testMint(t, ES256)
	for _, c := range []struct {
		asked, usual, want time.Duration
		why                string
	}{
		{0, 0, 5 * time.Minute, "the default"},
		{0, 2 * time.Minute, 2 * time.Minute, "the Mint's setting"},
		{time.Minute, 2 * time.Minute, time.Minute, "the grant's wish comes first"},
		{90*time.Second + 1, 0, 90 * time.Second, "whole seconds"},
		{24 * time.Hour, 0, MaxTTL, "what is documented as the longest revocation delay"},
		{time.Millisecond, 0, time.Second, "not zero"},
	} {
		m.AccessTTL = c.usual
		g := alice()
		g.TTL = c.asked
		raw, ttl, err := m.Access(context.Background(), g)
		if err != nil {
			t.Fatal(err)
		}
		claims := part(t, raw, 1)
		if inToken := time.Duration(claims["exp"].(float64)-claims["iat"].(float64)) * time.Second; ttl != c.want || inToken != ttl {
			t.Errorf("%s: said %s, in the token %s, want %s", c.why, ttl, inToken, c.want)
		}
	}
	c := part(t, mintID(t, m, alice(), IDToken{}), 1)
	if life := c["exp"].(float64) - c["iat"].(float64); life != 600 {
		t.Errorf("T24: an ID token lives %v s, want 600", life)
	}
}

func TestL17_AMappedClaimNeverOverwritesAReservedOne(t *testing.T) {
	m := testMint(t, ES256)
	evil := map[string]any{"department": "press", "https://handstamp.example/tier": "gold"}
	for name := range reserved {
		evil[name] = "evil"
		evil[strings.ToUpper(name)] = "evil"
		evil[strings.ToUpper(name[:1])+name[1:]] = "evil"
	}
	for _, odd := range []string{"", "ſub", "a b", "quote\"", "tab\t", "\xff", "\x00", strings.Repeat("n", 256)} {
		evil[odd] = "evil"
	}
	g := alice()
	g.Claims = evil
	given := len(evil)
	for kind, c := range map[string]map[string]any{
		"access": part(t, access(t, m, g), 1),
		"id":     part(t, mintID(t, m, alice(), IDToken{Nonce: "n", AccessToken: "at", Claims: without(evil, "roles")}), 1),
	} {
		for name, value := range c {
			if value == "evil" {
				t.Errorf("%s token: %q was set by a rule", kind, name)
			}
		}
		if c["department"] != "press" || c["https://handstamp.example/tier"] != "gold" {
			t.Errorf("%s token: harmless claims are lost: %v", kind, c)
		}
	}
	if len(evil) != given {
		t.Error("the caller's map was changed")
	}
}

func without(m map[string]any, name string) map[string]any {
	less := map[string]any{}
	for k, v := range m {
		if k != name {
			less[k] = v
		}
	}
	return less
}

func TestL17_WhatIsReserved(t *testing.T) {
	for name, want := range map[string]bool{"iss": true, "sub": true, "aud": true, "exp": true, "scope": true, "client_id": true, "amr": true,
		"act": true, "cnf": true, "sid": true, "azp": true, "SUB": true, "ſub": true, "": true, "roles": true,
		"email": false, "groups": false, "name": false, "department": false, "https://acme.example/roles": false} {
		if ReservedClaim(name) != want {
			t.Errorf("ReservedClaim(%q) = %v", name, !want)
		}
	}
}

func TestT22_TooManyGroupsAreLeftOutAsAWhole(t *testing.T) {
	m := testMint(t, ES256, RS256)
	var groups []string
	for i := range 5000 {
		groups = append(groups, fmt.Sprintf("group-%04d", i))
	}
	g := alice()
	g.Claims = map[string]any{"groups": groups, "department": "press"}
	for kind, raw := range map[string]string{"access": access(t, m, g), "id": mintID(t, m, g, IDToken{Claims: g.Claims})} {
		c := part(t, raw, 1)
		if len(raw) > MaxMinted || c["groups"] != nil || c["groups_overflow"] != true || c["department"] != "press" {
			t.Errorf("%s token of %d bytes: %v", kind, len(raw), names(c))
		}
	}
	if len(groups) != len(g.Claims["groups"].([]string)) {
		t.Error("the caller's claims were changed")
	}
}

func TestT22_ATokenThatCannotFitIsNotCoined(t *testing.T) {
	m := testMint(t, ES256)
	g := alice()
	g.Claims = map[string]any{"biography": strings.Repeat("long ", 64<<10/5)}
	if raw, _, err := m.Access(context.Background(), g); !errors.Is(err, ErrTooLarge) || raw != "" || len(err.Error()) > 200 {
		t.Errorf("got %d bytes, %v", len(raw), err)
	}
}

func TestT22_TheSizeIsExact(t *testing.T) {
	m := testMint(t, ES256, RS256, PS256, EdDSA)
	for _, alg := range m.Ring.Algs() {
		g := alice()
		g.Alg = alg
		// Grow until the Mint refuses: the last token it made must fill what it may.
		last := 0
		for n := 1000; n < MaxMinted; n++ {
			g.Claims = map[string]any{"x": strings.Repeat("x", n)}
			raw, _, err := m.Access(context.Background(), g)
			if errors.Is(err, ErrTooLarge) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if last = len(raw); last < MaxMinted-16 {
				n += (MaxMinted - 16 - last) / 2
			}
		}
		if last > MaxMinted || last < MaxMinted-2 {
			t.Errorf("%s: the largest token has %d bytes of %d", alg, last, MaxMinted)
		}
	}
}

func TestT21_EveryTokenHasItsOwnID(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 1000
	}
	seen := make(map[string]bool, n)
	for range n {
		seen[newJTI("grant1")] = true
	}
	if len(seen) != n {
		t.Errorf("%d ids of %d are different", len(seen), n)
	}
	if id := newJTI(""); strings.Contains(id, ".") {
		t.Errorf("without a grant: %s", id)
	}
}

func TestAGrantThatForgotSomethingGetsNoToken(t *testing.T) {
	m := testMint(t, ES256)
	for why, spoil := range map[string]func(*Granted){
		"no subject":  func(g *Granted) { g.Subject = "" },
		"no client":   func(g *Granted) { g.ClientID = "" },
		"no audience": func(g *Granted) { g.Audience = nil },
	} {
		g := alice()
		spoil(&g)
		if _, _, err := m.Access(context.Background(), g); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if _, err := m.ID(context.Background(), Granted{ClientID: "web"}, IDToken{}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("an ID token without subject: %v", err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := m.Access(gone, alice()); !errors.Is(err, context.Canceled) {
		t.Errorf("signed for nobody: %v", err)
	}
}

func TestTheAlgorithmIsTheOneAskedForOrWhatThereIs(t *testing.T) {
	m := testMint(t, EdDSA, ES256)
	if _, err := m.ID(context.Background(), alice(), IDToken{Alg: RS256}); err == nil {
		t.Error("a client that registered RS256 got something else")
	}
	if alg := part(t, mintID(t, m, alice(), IDToken{}), 0)["alg"]; alg != "EdDSA" {
		t.Errorf("without RS256 the operator's first algorithm serves, not %v", alg)
	}
	if alg := part(t, access(t, m, alice()), 0)["alg"]; alg != "ES256" {
		t.Errorf("access tokens are %v by default", alg)
	}
}

func TestT16_NoTokenOutlivesTheKeyThatVerifiesIt(t *testing.T) {
	m := testMint(t, ES256)
	k, _ := m.Ring.signer(ES256, ES256)
	k.GoneAt = noon.Truncate(time.Second).Add(5 * time.Minute)
	if _, _, err := m.Access(context.Background(), alice()); err != nil {
		t.Errorf("it ends with its key: %v", err)
	}
	k.GoneAt = k.GoneAt.Add(-time.Second)
	if _, _, err := m.Access(context.Background(), alice()); !errors.Is(err, ErrKeyEnds) {
		t.Errorf("a node that missed the rotation signed: %v", err)
	}
}
