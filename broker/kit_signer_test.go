package broker_test

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/tokens"
)

// signer is a client that proves itself by a key (private_key_jwt), written with
// golang-jwt as its developers would.
type signer struct {
	k       *kit
	id, kid string
	method  jwt.SigningMethod
	key     crypto.Signer
}

func newSigner(t *testing.T, k *kit, id, kid string, alg tokens.Alg) *signer {
	t.Helper()
	key, err := tokens.NewKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{k, id, kid, jwt.GetSigningMethod(string(alg)), key.Private}
}

// jwk is the public half; alg says so where a key could have two.
func (s *signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.kid, Algorithm: s.method.Alg(), Use: "sig"}
}

func keySet(t *testing.T, signers ...*signer) string {
	t.Helper()
	set := jose.JSONWebKeySet{}
	for _, s := range signers {
		set.Keys = append(set.Keys, s.jwk())
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *signer) claims() jwt.MapClaims {
	now := s.k.clock.Now()
	return jwt.MapClaims{"iss": s.id, "sub": s.id, "aud": s.k.issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
}

// assert signs; changes are names and values, nil takes a claim away.
func (s *signer) assert(changes ...any) string {
	s.k.t.Helper()
	c := s.claims()
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(c, changes[i].(string))
		} else {
			c[changes[i].(string)] = changes[i+1]
		}
	}
	return s.sign(c, nil)
}

func (s *signer) sign(c jwt.Claims, header map[string]any) string {
	s.k.t.Helper()
	tok := jwt.NewWithClaims(s.method, c)
	tok.Header["kid"] = s.kid
	for name, value := range header {
		if value == nil {
			delete(tok.Header, name)
		} else {
			tok.Header[name] = value
		}
	}
	raw, err := tok.SignedString(s.key)
	if err != nil {
		s.k.t.Fatal(err)
	}
	return raw
}

// post sends an assertion to one of the doors.
func (k *kit) assert(path, assertion string, form ...string) *answer {
	k.t.Helper()
	v := url.Values{"client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	if path == "/token" {
		v.Set("grant_type", "client_credentials")
	}
	for i := 0; i+1 < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	return do(k.t, http.DefaultClient, formRequest(k.t, k.issuer+path, v, nil))
}

// signing makes a kit with the client "job", which has keys.
func signing(t *testing.T, alg tokens.Alg) (*kit, *signer) {
	t.Helper()
	k := newKit(t, machines)
	s := newSigner(t, k, "job", "key-1", alg)
	k.change(func(d *directory.Document) {
		d.Clients = append(d.Clients, directory.Client{ID: "job", JWKS: keySet(t, s), MachineScopes: []string{"items:read"}, Introspects: []string{apiURL}})
	})
	return k, s
}

// publisher serves a client's keys and counts who asks.
type publisher struct {
	*httptest.Server
	asked atomic.Int64
	mu    sync.Mutex
	serve http.HandlerFunc
}

func publish(t *testing.T) *publisher {
	p := &publisher{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		serve := p.serve
		p.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) set(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = h
}

func (p *publisher) keys(t *testing.T, signers ...*signer) {
	set := keySet(t, signers...)
	p.set(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) })
}
