package providers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// evil is an upstream that does what a test tells it. Left alone it is honest.
type evil struct {
	t      testing.TB
	server *httptest.Server
	issuer string
	secret string
	clock  *clock

	mu       sync.Mutex
	keys     []evilKey // the first signs
	codes    map[string]evilCode
	requests map[string][]evilRequest // by path

	// Knobs. Nil is honest.
	metadata func(m map[string]any)
	claims   func(c map[string]any)
	idToken  func(honest string, c map[string]any) string
	token    func(answer map[string]any)
	userinfo func(c map[string]any)
	jwks     func(keys []any) []any
	on       map[string]http.HandlerFunc // replaces what a path does
	lax      bool                        // does not check PKCE
}

type evilKey struct {
	id  string
	alg jose.SignatureAlgorithm
	key crypto.Signer
}

type evilCode struct{ nonce, challenge, redirectURI string }

type evilRequest struct {
	form   url.Values
	header http.Header
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newECKey() *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

const clientID = "broker"

func newEvil(t testing.TB) *evil {
	t.Helper()
	e := &evil{t: t, secret: "s3cret/with:odd+bytes", clock: &clock{at: time.Unix(1_800_000_000, 0)},
		keys:  []evilKey{{"k1", jose.RS256, rsaKey()}},
		codes: map[string]evilCode{}, requests: map[string][]evilRequest{}, on: map[string]http.HandlerFunc{}}
	e.server = httptest.NewServer(e)
	t.Cleanup(e.server.Close)
	e.issuer = e.server.URL
	return e
}

// provider makes a relying party of e; adjust may change its settings.
func (e *evil) provider(kind string, adjust ...func(*Settings)) *upstream {
	e.t.Helper()
	client, err := NewClient(ClientOptions{AllowLoopback: true})
	if err != nil {
		e.t.Fatal(err)
	}
	s := Settings{Slug: "evil", Kind: kind, Issuer: e.issuer, ClientID: clientID, ClientSecret: Secret(e.secret), UserInfo: "never",
		Client: client, Now: e.clock.Now}
	for _, f := range adjust {
		f(&s)
	}
	return makeProvider(e.t, s)
}

func makeProvider(t testing.TB, s Settings) *upstream {
	t.Helper()
	k, ok := Lookup(s.Kind)
	if !ok {
		t.Fatalf("no kind %q", s.Kind)
	}
	p, err := k.New(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*upstream)
}

func newAttempt() Attempt {
	return Attempt{State: rand.Text() + rand.Text(), Nonce: rand.Text() + rand.Text(), Verifier: rand.Text() + rand.Text(),
		RedirectURI: "https://broker.example/callback/evil"}
}

// login walks the whole way: begin, an honest person at the upstream, finish.
func (e *evil) login(p *upstream) (*Identity, error) {
	return e.loginWith(p, newAttempt(), nil)
}

func (e *evil) loginWith(p *upstream, a Attempt, meddle func(answer url.Values)) (*Identity, error) {
	step, err := p.Begin(context.Background(), a)
	if err != nil {
		return nil, err
	}
	answer := e.signIn(step.Redirect)
	if meddle != nil {
		meddle(answer)
	}
	return p.Finish(context.Background(), a, answer)
}

// signIn is the person who says yes on the upstream's page.
func (e *evil) signIn(authorize string) url.Values {
	u, err := url.Parse(authorize)
	if err != nil {
		e.t.Fatal(err)
	}
	q := u.Query()
	code := rand.Text()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.codes[code] = evilCode{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

func (e *evil) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	e.requests[r.URL.Path] = append(e.requests[r.URL.Path], evilRequest{r.Form, r.Header.Clone()})
	on := e.on[r.URL.Path]
	e.mu.Unlock()
	if on != nil {
		on(w, r)
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		e.serveMetadata(w)
	case r.URL.Path == "/jwks":
		e.serveKeys(w)
	case r.URL.Path == "/token":
		e.serveToken(w, r)
	case r.URL.Path == "/userinfo":
		c := map[string]any{"sub": "alice", "name": "Alice", "email": "alice@acme.example", "groups": []any{"Engineering"}}
		if e.userinfo != nil {
			e.userinfo(c)
		}
		writeJSON(w, 200, c)
	default:
		http.NotFound(w, r)
	}
}

func (e *evil) serveMetadata(w http.ResponseWriter) {
	base := e.server.URL
	m := map[string]any{"issuer": e.issuer, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
		"jwks_uri": base + "/jwks", "userinfo_endpoint": base + "/userinfo", "code_challenge_methods_supported": []any{"plain"}}
	e.mu.Lock()
	if e.metadata != nil {
		e.metadata(m)
	}
	e.mu.Unlock()
	writeJSON(w, 200, m)
}

func (e *evil) serveKeys(w http.ResponseWriter) {
	e.mu.Lock()
	keys := []any{}
	for _, k := range e.keys {
		keys = append(keys, publicJWK(k.id, k.alg, k.key.Public()))
	}
	if e.jwks != nil {
		keys = e.jwks(keys)
	}
	e.mu.Unlock()
	writeJSON(w, 200, map[string]any{"keys": keys})
}

func publicJWK(id string, alg jose.SignatureAlgorithm, key any) map[string]any {
	b := must((jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(alg), Use: "sig"}).MarshalJSON())
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	return m
}

func (e *evil) serveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id != clientID || secret != e.secret {
		writeJSON(w, 401, map[string]any{"error": "invalid_client"})
		return
	}
	e.mu.Lock()
	code, ok := e.codes[r.PostForm.Get("code")]
	delete(e.codes, r.PostForm.Get("code"))
	e.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || code.redirectURI != r.PostForm.Get("redirect_uri") ||
		!e.lax && code.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	now := e.clock.Now().Unix()
	c := map[string]any{"iss": e.issuer, "sub": "alice", "aud": clientID, "iat": now, "exp": now + 3600, "nonce": code.nonce}
	if e.claims != nil {
		e.claims(c)
	}
	idToken := e.sign(must(json.Marshal(c)))
	if e.idToken != nil {
		idToken = e.idToken(idToken, c)
	}
	answer := map[string]any{"access_token": "at-" + rand.Text(), "token_type": "Bearer", "expires_in": 3600, "id_token": idToken}
	if e.token != nil {
		e.token(answer)
	}
	writeJSON(w, 200, answer)
}

// sign makes an honest token of any payload.
func (e *evil) sign(payload []byte) string {
	e.mu.Lock()
	k := e.keys[0]
	e.mu.Unlock()
	return signWith(k, payload, nil)
}

func signWith(k evilKey, payload []byte, header map[jose.HeaderKey]any) string {
	o := (&jose.SignerOptions{}).WithType("JWT")
	if k.id != "" {
		o = o.WithHeader("kid", k.id)
	}
	for name, value := range header {
		o = o.WithHeader(name, value)
	}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.key}, o))
	return must(must(signer.Sign(payload)).CompactSerialize())
}

// count tells how often a path was asked.
func (e *evil) count(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.requests[path])
}

func (e *evil) last(path string) evilRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	rs := e.requests[path]
	if len(rs) == 0 {
		e.t.Fatalf("%s was never asked", path)
	}
	return rs[len(rs)-1]
}

func (e *evil) replace(path string, h http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h == nil {
		delete(e.on, path)
		return
	}
	e.on[path] = h
}

func (e *evil) rotate(keys ...evilKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys = keys
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// wantError checks the code of a refusal and that its words are of this house.
func wantError(t testing.TB, err error, code, why string) *Error {
	t.Helper()
	var pe *Error
	if !errors.As(err, &pe) {
		t.Fatalf("%s: got error %v (%T), want an *Error %s", why, err, err, code)
	}
	if pe.Code != code {
		t.Errorf("%s: got %s (%v), want %s", why, pe.Code, pe, code)
	}
	if pe.Reason == "" || len(pe.Error()) > 1024 {
		t.Errorf("%s: the reason has %d characters", why, len(pe.Error()))
	}
	return pe
}

const discoveryPath = "/.well-known/openid-configuration"

func TestAnHonestUpstreamSignsIn(t *testing.T) {
	for _, kind := range []string{"oidc", "google", "okta"} {
		e := newEvil(t)
		e.claims = func(c map[string]any) {
			c["auth_time"] = e.clock.Now().Unix() - 5
			c["acr"], c["amr"], c["sid"], c["azp"] = "urn:x", []any{"pwd", "otp"}, "s1", clientID
			c["groups"] = []any{"Engineering"}
		}
		id, err := e.login(e.provider(kind))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if id.Issuer != e.issuer || id.Subject != "alice" || id.ACR != "urn:x" || id.SessionID != "s1" || id.AuthTime.Unix() != e.clock.Now().Unix()-5 ||
			fmt.Sprint(id.AMR) != "[pwd otp]" || fmt.Sprint(id.Claims["groups"]) != "[Engineering]" || id.EmailVerified {
			t.Errorf("%s: got %+v", kind, id)
		}
		if n := e.count("/token"); n != 1 {
			t.Errorf("%s: %d token requests, want 1", kind, n)
		}
	}
}

func TestAuth0IssuerEndsWithASlash(t *testing.T) {
	e := newEvil(t)
	e.issuer += "/"
	for _, issuer := range []string{e.issuer, e.server.URL} {
		id, err := e.login(e.provider("auth0", func(s *Settings) { s.Issuer = issuer }))
		if err != nil || id.Issuer != e.issuer {
			t.Errorf("issuer %s: got %+v, %v", issuer, id, err)
		}
	}
}

func TestOktaCustomServerHasItsOwnIssuer(t *testing.T) {
	e := newEvil(t)
	e.issuer += "/oauth2/default"
	id, err := e.login(e.provider("okta", func(s *Settings) { s.Issuer, s.AuthorizationServer = e.server.URL, "default" }))
	if err != nil || id.Issuer != e.issuer {
		t.Fatalf("got %+v, %v", id, err)
	}
	if got := e.last("/oauth2/default" + discoveryPath).form.Get("client_id"); got != clientID {
		t.Errorf("discovery was asked for client %q", got)
	}
}
