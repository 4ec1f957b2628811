package broker_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/tokens"
)

func TestAClientProvesItselfByItsKey(t *testing.T) {
	for _, alg := range []tokens.Alg{tokens.ES256, tokens.RS256, tokens.PS256, tokens.EdDSA} {
		k, s := signing(t, alg)
		a := k.assert("/token", s.assert())
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", alg, a.Status, a.body)
		}
		raw := a.json(t)["access_token"].(string)
		if c := k.verify(raw, apiURL); c.Subject != "client:job" {
			t.Errorf("%s: sub is %s", alg, c.Subject)
		}
		if a := k.assert("/token", s.assert(), "client_id", "job"); a.StatusCode != http.StatusOK { // RFC 7521 §4.2
			t.Errorf("%s: with client_id: %s", alg, a.body)
		}
		if a := k.assert("/introspect", s.assert(), "token", raw); a.json(t)["active"] != true {
			t.Errorf("%s: introspection: %s", alg, a.body)
		}
		if a := k.assert("/revoke", s.assert(), "token", raw); a.StatusCode != http.StatusOK {
			t.Errorf("%s: revocation: %s", alg, a.body)
		}
		if a := k.assert("/introspect", s.assert(), "token", raw); a.json(t)["active"] != false {
			t.Errorf("%s: after revocation: %s", alg, a.body)
		}
	}
}

func TestT25_U32_AnAssertionIsForUsForNowAndForOnce(t *testing.T) {
	k, s := signing(t, tokens.ES256)
	stranger := newSigner(t, k, "job", "key-1", tokens.ES256)
	forgedClient := newSigner(t, k, "nobody", "key-1", tokens.ES256)
	var unsigned = func(header string) string {
		b, _ := json.Marshal(s.claims())
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
	}
	for _, row := range []struct {
		why  string
		make func() string // now, not when the table is made: else it is only late
	}{
		{"aud is the token endpoint", func() string { return s.assert("aud", k.issuer+"/token") }},
		{"aud is another server", func() string { return s.assert("aud", "https://evil.example") }},
		{"aud is a list of one", func() string { return s.assert("aud", []string{k.issuer}) }},
		{"aud is a list with another server (U32)", func() string { return s.assert("aud", []string{k.issuer, "https://evil.example"}) }},
		{"aud is missing", func() string { return s.assert("aud", nil) }},
		{"aud with a slash", func() string { return s.assert("aud", k.issuer+"/") }},
		{"iss is another client", func() string { return s.assert("iss", "web") }},
		{"sub is another client", func() string { return s.assert("sub", "web") }},
		{"both are another client's", func() string { return s.assert("iss", "web", "sub", "web") }},
		{"both are nobody's", func() string { return forgedClient.assert() }},
		{"no sub", func() string { return s.assert("sub", nil) }},
		{"no iss", func() string { return s.assert("iss", nil) }},
		{"no jti", func() string { return s.assert("jti", nil) }},
		{"empty jti", func() string { return s.assert("jti", "") }},
		{"jti is a number", func() string { return s.assert("jti", 7) }},
		{"no exp", func() string { return s.assert("exp", nil) }},
		{"exp now", func() string { return s.assert("exp", k.clock.Now().Unix()) }},
		{"exp in a day", func() string { return s.assert("exp", k.clock.Now().Add(24*time.Hour).Unix()) }},
		{"exp in six minutes", func() string { return s.assert("exp", k.clock.Now().Add(6*time.Minute).Unix()) }},
		{"exp is a text", func() string { return s.assert("exp", "soon") }},
		{"iat in the future", func() string { return s.assert("iat", k.clock.Now().Add(time.Minute).Unix()) }},
		{"nbf in the future", func() string { return s.assert("nbf", k.clock.Now().Add(time.Minute).Unix()) }},
		{"signed by another key of the same kid", func() string { return stranger.assert() }},
		{"unknown kid", func() string { return s.sign(s.claims(), map[string]any{"kid": "key-2"}) }},
		{"no kid", func() string { return s.sign(s.claims(), map[string]any{"kid": nil}) }},
		{"its own key in the header", func() string { return stranger.sign(stranger.claims(), map[string]any{"jwk": stranger.jwk()}) }},
		{"a URL of keys in the header", func() string {
			return stranger.sign(stranger.claims(), map[string]any{"jku": "https://evil.example/jwks"})
		}},
		{"crit", func() string { return s.sign(s.claims(), map[string]any{"crit": []string{"x"}}) }},
		{"T08: typ of an access token", func() string { return s.sign(s.claims(), map[string]any{"typ": "at+jwt"}) }},
		{"alg none", func() string { return unsigned(`{"alg":"none","kid":"key-1"}`) }},
		{"HS256", func() string { return unsigned(`{"alg":"HS256","kid":"key-1"}`) + "AAAA" }},
		{"not a JWT", func() string { return "garbage" }}, {"empty", func() string { return "" }}, {"T15: dots", func() string { return strings.Repeat(".", 9000) }},
	} {
		mustFail(t, k.assert("/token", row.make()), http.StatusUnauthorized, "invalid_client")
		if t.Failed() {
			t.Fatalf("at: %s", row.why)
		}
		k.clock.Advance(time.Minute) // past the wait of who guesses
	}
	if a := k.assert("/token", s.assert("iat", nil, "exp", k.clock.Now().Add(5*time.Minute).Unix())); a.StatusCode != http.StatusOK {
		t.Errorf("five minutes without iat: %s", a.body)
	}
	if a := k.assert("/token", s.sign(s.claims(), map[string]any{"typ": "client-authentication+jwt"})); a.StatusCode != http.StatusOK {
		t.Errorf("the newer typ: %s", a.body)
	}
}

func TestT25_AnAssertionIsUsedOnce(t *testing.T) {
	k, s := signing(t, tokens.EdDSA)
	once := s.assert("jti", "one")
	if a := k.assert("/token", once); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	for _, door := range []string{"/token", "/introspect", "/revoke"} { // whichever door
		mustFail(t, k.assert(door, once, "token", "x"), http.StatusUnauthorized, "invalid_client")
	}
	mustFail(t, k.assert("/token", s.assert("jti", "one")), http.StatusUnauthorized, "invalid_client") // signed anew, the same jti
	k.clock.Advance(20 * time.Minute)
	if a := k.assert("/token", s.assert("jti", "one")); a.StatusCode != http.StatusOK {
		t.Errorf("long after the first has expired: %s", a.body)
	}
	race, won := s.assert(), atomic.Int64{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			form := url.Values{"grant_type": {"client_credentials"}, "client_assertion": {race}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
			a, err := try(http.DefaultClient, formRequest(t, k.issuer+"/token", form, nil))
			if err == nil && a.StatusCode == http.StatusOK {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("one assertion was used %d times", won.Load())
	}
}

func TestD15_KeysAreTheOnlyWayForAClientThatHasThem(t *testing.T) {
	k, s := signing(t, tokens.ES256)
	web := newSigner(t, k, "web", "key-1", tokens.ES256)
	for _, row := range []struct {
		why    string
		answer *answer
		status int
		code   string
	}{
		{"a client with a secret signs", k.assert("/token", web.assert()), 401, "invalid_client"},
		{"an assertion and a secret", k.assert("/token", s.assert(), "client_secret", "x"), 400, "invalid_request"},
		{"client_id of another", k.assert("/token", s.assert(), "client_id", "web"), 401, "invalid_client"},
		{"another type", k.assert("/token", s.assert(), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), 401, "invalid_client"},
		{"its name alone", k.caller("job", "").post("/token", "grant_type", "client_credentials"), 401, "invalid_client"},
		{"an assertion as a secret", k.caller("job", providers.Secret(s.assert())).post("/token", "grant_type", "client_credentials"), 401, "invalid_client"},
		{"Basic beside it", func() *answer {
			v := url.Values{"grant_type": {"client_credentials"}, "client_assertion": {s.assert()}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
			req := formRequest(t, k.issuer+"/token", v, nil)
			req.SetBasicAuth("job", "")
			return do(t, http.DefaultClient, req)
		}(), 400, "invalid_request"},
	} {
		mustFail(t, row.answer, row.status, row.code)
		if t.Failed() {
			t.Fatalf("at: %s", row.why)
		}
	}
	k.change(func(d *directory.Document) { d.Clients[len(d.Clients)-1].Disabled = true })
	mustFail(t, k.assert("/token", s.assert()), http.StatusUnauthorized, "invalid_client")
	// I20: who does not exist hears what somebody with a wrong key hears.
	stranger, nobody := newSigner(t, k, "job", "key-1", tokens.ES256), newSigner(t, k, "nobody", "key-1", tokens.ES256)
	if a, b := k.assert("/token", stranger.assert()), k.assert("/token", nobody.assert()); a.body != b.body || a.StatusCode != b.StatusCode {
		t.Errorf("an unknown client hears %s, a wrong key %s", b.body, a.body)
	}
	var told map[string]string
	if err := json.Unmarshal([]byte(k.assert("/token", stranger.assert("aud", "https://evil.example")).body), &told); err != nil || strings.Contains(told["error_description"], "aud") {
		t.Errorf("a wrong key learns about its claims: %v", told)
	}
}

// A client that has proved its key is told what is wrong with the rest.
func TestAGenuineAssertionIsToldWhatItLacks(t *testing.T) {
	k, s := signing(t, tokens.ES256)
	if told := k.assert("/token", s.assert("aud", k.issuer+"/token")).json(t)["error_description"].(string); !strings.Contains(told, "aud must be the issuer") {
		t.Errorf("told %q", told)
	}
}

func TestAClientMayChangeItsKeysWhereItPublishesThem(t *testing.T) {
	k := newKit(t, machines)
	p := publish(t)
	older, newer := newSigner(t, k, "job", "key-1", tokens.ES256), newSigner(t, k, "job", "key-2", tokens.EdDSA)
	p.keys(t, older)
	k.change(func(d *directory.Document) {
		d.Clients = append(d.Clients, directory.Client{ID: "job", JWKSURI: p.URL + "/jwks", MachineScopes: []string{"items:read"}})
	})
	if p.asked.Load() != 0 {
		t.Error("the keys were fetched before anybody needed them")
	}
	for range 5 {
		if a := k.assert("/token", older.assert()); a.StatusCode != http.StatusOK {
			t.Fatal(a.body)
		}
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("%d fetches for five tokens", n)
	}
	p.keys(t, older, newer)
	k.clock.Advance(2 * time.Minute)
	if a := k.assert("/token", newer.assert()); a.StatusCode != http.StatusOK {
		t.Errorf("a new key: %s", a.body)
	}
	p.keys(t, newer)
	k.clock.Advance(16 * time.Minute)
	mustFail(t, k.assert("/token", older.assert()), http.StatusUnauthorized, "invalid_client") // withdrawn
	if a := k.assert("/token", newer.assert()); a.StatusCode != http.StatusOK {
		t.Errorf("the key that is left: %s", a.body)
	}
}

func TestU22_AFloodOfUnknownKeysCausesOneFetchAMinute(t *testing.T) {
	k := newKit(t, machines)
	p := publish(t)
	s := newSigner(t, k, "job", "key-1", tokens.ES256)
	p.keys(t, s)
	k.change(func(d *directory.Document) {
		d.Clients = append(d.Clients, directory.Client{ID: "job", JWKSURI: p.URL + "/jwks", MachineScopes: []string{"items:read"}})
	})
	if a := k.assert("/token", s.assert()); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	for i := range 40 {
		if a := k.assert("/token", s.sign(s.claims(), map[string]any{"kid": rand.Text()})); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("%d: %s", i, a.Status)
		}
	}
	if n := p.asked.Load(); n > 2 {
		t.Errorf("%d fetches", n)
	}
}

func TestU23_U25_KeysThatCannotBeFetchedAreNoProofAgainstTheClient(t *testing.T) {
	for why, h := range map[string]http.HandlerFunc{
		"down":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) },
		"HTML":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>canary-words</html>")) },
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			block := []byte(strings.Repeat(" ", 1<<16))
			for range 64 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
	} {
		k := newKit(t, machines)
		p := publish(t)
		p.set(h)
		s := newSigner(t, k, "job", "key-1", tokens.ES256)
		k.change(func(d *directory.Document) {
			d.Clients = append(d.Clients, directory.Client{ID: "job", JWKSURI: p.URL + "/jwks", MachineScopes: []string{"items:read"}})
		})
		a := k.assert("/token", s.assert())
		mustFail(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
		if a.Header.Get("Retry-After") == "" || p.asked.Load() != 1 || strings.Contains(k.logs.String(), "canary-words") {
			t.Errorf("%s: Retry-After %q, %d fetches", why, a.Header.Get("Retry-After"), p.asked.Load())
		}
		p.keys(t, s)
		k.clock.Advance(time.Minute)
		if a := k.assert("/token", s.assert()); a.StatusCode != http.StatusOK {
			t.Errorf("%s: afterwards: %s", why, a.body)
		}
	}
}

// T18 and more: weak and private keys that a client publishes are not its keys.
func TestT19_WeakOrPrivateKeysAreNoKeys(t *testing.T) {
	k := newKit(t, machines)
	p := publish(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ed, KeyID: "private"}, {Key: &p384.PublicKey, KeyID: "p384"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.set(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })
	k.change(func(d *directory.Document) {
		d.Clients = append(d.Clients, directory.Client{ID: "job", JWKSURI: p.URL + "/jwks", MachineScopes: []string{"items:read"}})
	})
	s := &signer{k, "job", "private", jwt.SigningMethodEdDSA, ed}
	if a := k.assert("/token", s.assert()); a.StatusCode == http.StatusOK {
		t.Error("a key whose private half is published proves nothing")
	}
}

func TestDiscoveryTellsHowClientsProveThemselves(t *testing.T) {
	k := newKit(t)
	meta := k.browser().get(k.issuer + "/.well-known/openid-configuration").json(t)
	for name, want := range map[string]string{
		"token_endpoint_auth_methods_supported":                    "client_secret_basic client_secret_post private_key_jwt none",
		"token_endpoint_auth_signing_alg_values_supported":         "ES256 RS256 PS256 EdDSA Ed25519",
		"revocation_endpoint_auth_methods_supported":               "client_secret_basic client_secret_post private_key_jwt none",
		"revocation_endpoint_auth_signing_alg_values_supported":    "ES256 RS256 PS256 EdDSA Ed25519",
		"introspection_endpoint_auth_methods_supported":            "client_secret_basic client_secret_post private_key_jwt",
		"introspection_endpoint_auth_signing_alg_values_supported": "ES256 RS256 PS256 EdDSA Ed25519",
	} {
		var got []string
		list, _ := meta[name].([]any)
		for _, v := range list {
			got = append(got, v.(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	if meta["introspection_endpoint"] != k.issuer+"/introspect" || !strings.Contains(k.browser().get(k.issuer+"/.well-known/openid-configuration").body, "client_credentials") {
		t.Errorf("metadata: %v", meta)
	}
}

// Who guesses keys is slowed down like who guesses secrets, and nobody else with them.
func TestFailedAssertionsAreSlowedDown(t *testing.T) {
	k, s := signing(t, tokens.ES256)
	stranger := newSigner(t, k, "job", "key-1", tokens.ES256)
	for range 11 {
		mustFail(t, k.assert("/token", stranger.assert()), http.StatusUnauthorized, "invalid_client")
	}
	a := k.assert("/token", stranger.assert())
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("the twelfth guess: %s %v", a.Status, a.Header)
	}
	if a := k.caller("nightly", nightlySecret).post("/token", "grant_type", "client_credentials"); a.StatusCode != http.StatusOK {
		t.Errorf("another client waits with it: %s", a.body)
	}
	k.clock.Advance(2 * time.Second)
	if a := k.assert("/token", s.assert()); a.StatusCode != http.StatusOK {
		t.Errorf("after the wait: %s", a.body)
	}
}
