package broker_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/brokertest"
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
	appURL     = "https://app.example"
	apiURL     = "https://api.example"
	otherAPI   = "https://other.example"
	consoleURL = "http://127.0.0.1:8081"
)

type kit struct {
	t                   testing.TB
	issuer              string
	dbURL, dbFile       string // dbFile only where it is SQLite
	broker              *broker.Broker
	db                  *storage.DB
	ring                *tokens.Ring
	google, okta, auth0 *persona.Persona
	clock               *brokertest.Clock
	logs                *brokertest.Lines
	doc                 directory.Document
	transport           http.RoundTripper // nil is the default one
	docs                *broker.Docs
	journal             *broker.Journal
	admin               *broker.AdminDoor
	telemetry           broker.Telemetry
	keep                storage.Retention
	busy                sync.RWMutex // held for reading by each request
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
	if err := os.WriteFile(file, emptyBook(), 0o600); err != nil {
		t.Fatal(err)
	}
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
	return newKitAs(t, func(k *kit) { k.dbURL, k.docs = dbURL, docs }, changes...)
}

// ServeHTTP lets settled know which requests are under way.
func (k *kit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.busy.RLock()
	defer k.busy.RUnlock()
	k.broker.ServeHTTP(w, r)
}

// settled returns when every request has written its record: a large page is in the
// browser a moment before that.
func (k *kit) settled() {
	k.busy.Lock()
	defer k.busy.Unlock()
}

// newKitAs is a kit with parts of the caller's.
func newKitAs(t testing.TB, parts func(*kit), changes ...func(*directory.Document)) *kit {
	t.Helper()
	k := &kit{t: t, clock: &brokertest.Clock{}, logs: &brokertest.Lines{}, admin: &broker.AdminDoor{RedirectURI: consoleURL + "/session", Base: consoleURL + "/"}}
	parts(k)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k.issuer = "http://" + l.Addr().String()
	k.google = persona.Start(t, persona.Google, persona.Options{RedirectURIs: []string{k.issuer + "/callback/google"}, Now: k.clock.Now})
	k.okta = persona.Start(t, persona.Okta, persona.Options{RedirectURIs: []string{k.issuer + "/callback/okta"}, Now: k.clock.Now})
	k.auth0 = persona.Start(t, persona.Auth0, persona.Options{RedirectURIs: []string{k.issuer + "/callback/auth0"}, Now: k.clock.Now})
	k.doc = document(k)
	for _, change := range changes {
		change(&k.doc)
	}
	k.open(t)
	promise(l.Addr().String(), k.broker)
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: k}}
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
	if k.db, err = storage.Open(t.Context(), storage.Options{URL: k.dbURL, Sealer: sealer, Now: k.clock.Now, Logger: log, Retention: k.keep, Metrics: k.telemetry.Metrics}); err != nil {
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
	k.journal = broker.NewJournal(k.db.KeepLogins, log)
	t.Cleanup(k.journal.Close)
	k.broker, err = broker.New(broker.Options{Journal: k.journal, Admin: k.admin,
		Issuer: k.issuer, DB: k.db, Sealer: sealer, Ring: k.ring, Pages: pages, Life: lives, Outgoing: outgoing, Logger: log, Now: k.clock.Now, Docs: k.docs, Telemetry: k.telemetry}, k.compile(t))
	if err != nil {
		t.Fatal(err)
	}
}

// emptyBook is a fresh database file: to bring its tables up to date takes longer than
// most tests.
var emptyBook = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "handstamp-book")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "book.db")
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	if err != nil {
		panic(err)
	}
	db, err := storage.Open(context.Background(), storage.Options{URL: "sqlite:" + file, Sealer: sealer})
	if err != nil {
		panic(err)
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return raw
})

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
		s.Client, s.Now, s.Logger, s.MappedClaims = client, k.clock.Now, slog.New(slog.DiscardHandler), snap.ClaimNames(p.Slug)
		s.Metrics = k.telemetry.Metrics
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
	c, err := (&tokens.Verifier{Issuer: k.issuer, Keys: k.ring, Now: k.clock.Now}).Access(k.t.Context(), accessToken, audience)
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}
