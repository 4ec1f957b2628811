package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// The kit is a whole broker with real parts: real HTTP, a real SQLite file, three
// pretend providers over real HTTP, and a clock that tests may move.

const (
	appURL   = "https://app.example"
	apiURL   = "https://api.example"
	otherAPI = "https://other.example"
)

type kit struct {
	t                   testing.TB
	issuer              string
	dbURL, dbFile       string // dbFile only where it is SQLite
	broker              *broker.Broker
	db                  *storage.DB
	ring                *tokens.Ring
	google, okta, auth0 *persona.Persona
	clock               *clock
	logs                *lines
	doc                 directory.Document
	transport           http.RoundTripper // nil is the default one
	docs                *broker.Docs
}

// clock is time that moves only when a test says so, on top of the real one.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// lines keeps what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var lives = grant.Lifetimes{Access: 5 * time.Minute, ID: 10 * time.Minute, Code: time.Minute, Transaction: 10 * time.Minute, SessionIdle: 30 * time.Minute,
	SessionAbsolute: 12 * time.Hour, RefreshIdle: 14 * 24 * time.Hour, RefreshAbsolute: 90 * 24 * time.Hour, RefreshGrace: 10 * time.Second}

// clients that the kit's broker knows: web is first-party and confidential, notes asks
// for consent, spa is public, other is a second confidential one.
func document(k *kit) directory.Document {
	redirect := []string{appURL + "/callback"}
	online := []string{"openid", "profile", "email", "groups", "items:read", "items:write", "other:read"}
	scopes := append([]string{"offline_access"}, online...)
	return directory.Document{
		Providers: []directory.Provider{
			{Slug: "google", Kind: "google", Issuer: k.google.Issuer(), ClientID: k.google.ClientID(), ClientSecret: providers.Secret(k.google.ClientSecret()), TrustEmail: "always"},
			{Slug: "okta", Kind: "okta", Issuer: k.okta.BaseURL(), AuthorizationServer: "default", Scopes: []string{"openid", "profile", "email", "groups"}, ClientID: k.okta.ClientID(), ClientSecret: providers.Secret(k.okta.ClientSecret()), TrustEmail: "always"},
			{Slug: "auth0", Kind: "auth0", Issuer: k.auth0.Issuer(), ClientID: k.auth0.ClientID(), ClientSecret: providers.Secret(k.auth0.ClientSecret()), TrustEmail: "always"},
		},
		Clients: []directory.Client{
			{ID: "web", Name: "Web", FirstParty: true, Explain: true, Secrets: []providers.Secret{webSecret}, RedirectURIs: redirect, PostLogoutRedirectURIs: []string{appURL + "/bye"}, Scopes: scopes, RefreshTokens: "offline"},
			{ID: "notes", Name: "Notes", Secrets: []providers.Secret{notesSecret}, RedirectURIs: []string{"https://notes.example/cb"}, Scopes: online, RefreshTokens: "online"},
			{ID: "spa", Name: "SPA", Public: true, FirstParty: true, RedirectURIs: []string{"https://spa.example/cb"}, AllowedOrigins: []string{"https://spa.example"}, Scopes: online, RefreshTokens: "online"},
			{ID: "other", Name: "Other", FirstParty: true, Secrets: []providers.Secret{otherSecret}, RedirectURIs: redirect, Scopes: scopes, RefreshTokens: "offline"},
			{ID: "okta-only", Name: "Okta only", FirstParty: true, Secrets: []providers.Secret{otherSecret}, RedirectURIs: redirect, Providers: []string{"okta"}},
		},
		Resources: []directory.Resource{
			{ID: apiURL, Name: "Items", Scopes: []directory.Scope{{Name: "items:read", Description: "Read items"}, {Name: "items:write", Description: "Change items"}}},
			{ID: otherAPI, Name: "Other", Scopes: []directory.Scope{{Name: "other:read", Description: "Read others"}}},
		},
		Rules: []mapping.Rule{
			{Name: "readers", When: "user.email_verified", Roles: []string{"reader"}, Scopes: []string{"items:read", "other:read"}},
			{Name: "admins", When: "'Admins' in claims.groups", Providers: []string{"okta"}, Roles: []string{"admin"}, Scopes: []string{"items:write"}},
			{Name: "no guests", When: "claims.email.endsWith('@banned.example')", Deny: "this domain is not welcome"},
		},
	}
}

var (
	webSecret   = providers.Secret(oauth.NewSecret())
	notesSecret = providers.Secret(oauth.NewSecret())
	otherSecret = providers.Secret(oauth.NewSecret())
)

func newKit(t testing.TB, changes ...func(*directory.Document)) *kit {
	t.Helper()
	file := filepath.Join(t.TempDir(), "book.db")
	k := newKitOn(t, "sqlite:"+file, changes...)
	k.dbFile = file
	return k
}

// newKitOn is newKit on a database of the caller's.
func newKitOn(t testing.TB, dbURL string, changes ...func(*directory.Document)) *kit {
	t.Helper()
	return newKitWith(t, dbURL, &broker.Docs{}, changes...)
}

// newKitWith is newKitOn with the documentation page of the caller's, or without one.
func newKitWith(t testing.TB, dbURL string, docs *broker.Docs, changes ...func(*directory.Document)) *kit {
	t.Helper()
	k := &kit{t: t, clock: &clock{}, logs: &lines{}, dbURL: dbURL, docs: docs}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k.issuer = "http://" + l.Addr().String()
	k.google = persona.Start(t, persona.Google, persona.Options{RedirectURIs: []string{k.issuer + "/callback/google"}, Now: k.clock.now})
	k.okta = persona.Start(t, persona.Okta, persona.Options{RedirectURIs: []string{k.issuer + "/callback/okta"}, Now: k.clock.now})
	k.auth0 = persona.Start(t, persona.Auth0, persona.Options{RedirectURIs: []string{k.issuer + "/callback/auth0"}, Now: k.clock.now})
	k.doc = document(k)
	for _, change := range changes {
		change(&k.doc)
	}
	k.open(t)
	promise(l.Addr().String(), k.broker)
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: k.broker}}
	srv.Start()
	t.Cleanup(srv.Close)
	return k
}

func (k *kit) open(t testing.TB) {
	t.Helper()
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(k.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if k.db, err = storage.Open(t.Context(), storage.Options{URL: k.dbURL, Sealer: sealer, Now: k.clock.now, Logger: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if k.ring, err = tokens.NewRing(testKeys()...); err != nil {
		t.Fatal(err)
	}
	pages, err := page.New(page.Brand{Name: "Test"}, "/assets")
	if err != nil {
		t.Fatal(err)
	}
	outgoing, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	k.broker, err = broker.New(broker.Options{Issuer: k.issuer, DB: k.db, Sealer: sealer, Ring: k.ring, Pages: pages, Life: lives, Outgoing: outgoing, Logger: log, Now: k.clock.now, Docs: k.docs}, k.compile(t))
	if err != nil {
		t.Fatal(err)
	}
}

// testKeys are made once: an RSA key costs a tenth of a second.
var testKeys = sync.OnceValue(func() []*tokens.Key {
	var keys []*tokens.Key
	for _, alg := range []tokens.Alg{tokens.ES256, tokens.RS256} {
		k, err := tokens.NewKey(alg)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
})

// compile turns k.doc into what the broker takes.
func (k *kit) compile(t testing.TB) *broker.Directory {
	t.Helper()
	snap, problems := directory.Compile(k.issuer, k.doc)
	if len(problems) > 0 {
		t.Fatalf("the kit's document: %v", problems)
	}
	client, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	ids, upstreams := map[string]string{}, map[string]providers.Provider{}
	for _, p := range snap.Providers() {
		kind, _ := providers.Lookup(p.Kind)
		s := p.Settings()
		s.Client, s.Now, s.Logger, s.MappedClaims = client, k.clock.now, slog.New(slog.DiscardHandler), snap.ClaimNames(p.Slug)
		if kind.OwnBook {
			s.Accounts = broker.Accounts(k.db, p.Slug)
		}
		if upstreams[p.Slug], err = kind.New(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		issuer, err := kind.Issuer(s)
		if err != nil {
			t.Fatal(err)
		}
		if ids[p.Slug], err = k.db.BindProvider(t.Context(), storage.Actor{Kind: "system"}, p.Slug, issuer); err != nil {
			t.Fatal(err)
		}
	}
	snap.BindInternalIDs(ids)
	return &broker.Directory{Snapshot: snap, Upstreams: upstreams}
}

// change edits the directory while the broker runs.
func (k *kit) change(edit func(*directory.Document)) {
	k.t.Helper()
	edit(&k.doc)
	if err := k.broker.Swap(k.compile(k.t)); err != nil {
		k.t.Fatal(err)
	}
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	k   *kit
	jar *cookiejar.Jar
	*http.Client
}

func (k *kit) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return &browser{k: k, jar: jar, Client: &http.Client{Transport: k.transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a response that was read to the end.
type answer struct {
	*http.Response
	body string
}

func (a *answer) to(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		t.Fatalf("no Location: %s %.300s", a.Status, a.body)
	}
	return u
}

func (a *answer) json(t testing.TB) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("not JSON: %s %.300s", a.Status, a.body)
	}
	return m
}

func do(t testing.TB, c *http.Client, req *http.Request) *answer {
	t.Helper()
	a, err := try(c, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range kept(req, a) {
		t.Errorf("%s %s: %d %s (broker/openapi/openapi.yaml)", req.Method, req.URL.Path, a.StatusCode, broken)
	}
	return a
}

// try is do for goroutines that must not end the test.
func try(c *http.Client, req *http.Request) (*answer, error) {
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return &answer{res, string(body)}, err
}

func (b *browser) get(to string) *answer {
	b.k.t.Helper()
	req, err := http.NewRequestWithContext(b.k.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		b.k.t.Fatal(err)
	}
	return do(b.k.t, b.Client, req)
}

func (b *browser) post(to string, form url.Values) *answer {
	b.k.t.Helper()
	return do(b.k.t, b.Client, formRequest(b.k.t, to, form, map[string]string{"Origin": b.k.issuer, "Sec-Fetch-Site": "same-origin"}))
}

func formRequest(t testing.TB, to string, form url.Values, headers map[string]string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	return req
}

// login is one app's login: what it sent and must find again.
type login struct {
	k                      *kit
	client, redirect       string
	secret                 string
	state, nonce, verifier string
	extra                  url.Values
	absent                 []string // parameters that this app forgets to send
}

func (k *kit) login(client string, extra ...string) *login {
	l := &login{k: k, client: client, state: oauth.NewSecret(), nonce: oauth.NewSecret(), verifier: oauth.NewSecret(), extra: url.Values{}}
	for _, c := range k.doc.Clients {
		if c.ID == client {
			l.redirect = c.RedirectURIs[0]
			if len(c.Secrets) > 0 {
				l.secret = c.Secrets[0].Reveal()
			}
		}
	}
	l.extra.Set("scope", "openid profile email groups offline_access items:read items:write")
	l.extra.Set("resource", apiURL)
	for i := 0; i+1 < len(extra); i += 2 {
		l.extra.Del(extra[i])
		if extra[i+1] != "" {
			l.extra.Set(extra[i], extra[i+1])
		} else {
			l.absent = append(l.absent, extra[i])
		}
	}
	return l
}

// query is the authorization request.
func (l *login) query() url.Values {
	challenge, _ := oauth.S256(l.verifier)
	q := url.Values{"client_id": {l.client}, "redirect_uri": {l.redirect}, "response_type": {"code"}, "state": {l.state}, "nonce": {l.nonce},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for name, values := range l.extra {
		q[name] = values
	}
	for _, name := range l.absent {
		q.Del(name)
	}
	return q
}

func (l *login) url() string { return l.k.issuer + "/authorize?" + l.query().Encode() }

// signIn leads a browser through a whole login and returns where it ends up.
func (l *login) signIn(b *browser, provider, person string) *url.URL {
	l.k.t.Helper()
	l.extra.Set("provider", provider)
	to, err := l.trySignIn(l.k.t.Context(), b, person)
	if err != nil {
		l.k.t.Fatal(err)
	}
	return to
}

// trySignIn is signIn for goroutines. It stops where the broker's own pages begin.
func (l *login) trySignIn(ctx context.Context, b *browser, person string) (*url.URL, error) {
	to, err := b.hop(ctx, l.url())
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(to.String(), l.redirect) {
		return to, nil
	}
	if to, err = persona.SignIn(ctx, b.Client, to.String(), person); err != nil {
		return nil, err
	}
	return b.hop(ctx, to.String())
}

// hop opens an address and returns where it leads.
func (b *browser) hop(ctx context.Context, to string) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, err
	}
	a, err := try(b.Client, req)
	if err != nil {
		return nil, err
	}
	if a.Header.Get("Location") == "" {
		return nil, errors.New(a.Status + " " + a.body)
	}
	return url.Parse(a.Header.Get("Location"))
}

// code reads the code of a good answer and checks state and iss on the way.
func (l *login) code(to *url.URL) string {
	l.k.t.Helper()
	q := to.Query()
	if !strings.HasPrefix(to.String(), l.redirect) || q.Get("code") == "" || q.Get("state") != l.state || q.Get("iss") != l.k.issuer {
		l.k.t.Fatalf("not a good answer to the app: %s", to)
	}
	return q.Get("code")
}

// redeem exchanges a code.
func (l *login) redeem(code string, changes ...string) *answer {
	l.k.t.Helper()
	return l.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}, changes...)
}

// refresh exchanges a refresh token.
func (l *login) refresh(token string, changes ...string) *answer {
	l.k.t.Helper()
	return l.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, changes...)
}

// token posts to the token endpoint as this login's client.
func (l *login) token(form url.Values, changes ...string) *answer {
	l.k.t.Helper()
	return do(l.k.t, http.DefaultClient, l.tokenRequest(form, changes...))
}

func (l *login) tokenRequest(form url.Values, changes ...string) *http.Request {
	for i := 0; i+1 < len(changes); i += 2 {
		form.Del(changes[i])
		if changes[i+1] != "" {
			form.Set(changes[i], changes[i+1])
		}
	}
	if l.secret == "" {
		form.Set("client_id", l.client)
	}
	req := formRequest(l.k.t, l.k.issuer+"/token", form, nil)
	if l.secret != "" {
		req.SetBasicAuth(url.QueryEscape(l.client), url.QueryEscape(l.secret))
	}
	return req
}

// done is a login to the end: the token answer.
func (l *login) done(b *browser, provider, person string) map[string]any {
	l.k.t.Helper()
	a := l.redeem(l.code(l.signIn(b, provider, person)))
	if a.StatusCode != http.StatusOK {
		l.k.t.Fatalf("token: %s %s", a.Status, a.body)
	}
	return a.json(l.k.t)
}

// userinfo asks the userinfo endpoint.
func (k *kit) userinfo(accessToken string) *answer {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, k.issuer+"/userinfo", nil)
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	return do(k.t, http.DefaultClient, req)
}

// verify checks an access token as an API would.
func (k *kit) verify(accessToken, audience string) *tokens.Claims {
	k.t.Helper()
	c, err := (&tokens.Verifier{Issuer: k.issuer, Keys: k.ring, Now: k.clock.now}).Access(k.t.Context(), accessToken, audience)
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// mustFail checks an OAuth error answer.
func mustFail(t testing.TB, a *answer, status int, code string) {
	t.Helper()
	if a.StatusCode != status || a.json(t)["error"] != code {
		t.Errorf("got %s %.300s; want %d %s", a.Status, a.body, status, code)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("an error answer must not be cached")
	}
}

// mustBePage checks that a person was told, and nobody was sent anywhere.
func mustBePage(t testing.TB, a *answer, status int) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Location") != "" || a.Header.Get("Refresh") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, `id="reference"`) {
		t.Errorf("want our own page with %d and no redirect; got %s, Location %q: %.300s", status, a.Status, a.Header.Get("Location"), a.body)
	}
}

// mustGoBack checks that the app was told an error, with state and iss.
func (l *login) mustGoBack(to *url.URL, code string) {
	l.k.t.Helper()
	q := to.Query()
	if !strings.HasPrefix(to.String(), l.redirect) || q.Get("error") != code || q.Get("state") != l.state || q.Get("iss") != l.k.issuer || q.Has("code") {
		l.k.t.Errorf("want %s with state and iss; got %s", code, to)
	}
}
