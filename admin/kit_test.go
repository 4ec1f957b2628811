package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/brokertest"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// The kit is an administration API with real parts: real HTTP, a real SQLite file, the
// real book of revisions, tokens that the real mint made, and a clock that tests move.

const issuer = "https://login.example.com"

type kit struct {
	t      testing.TB
	url    string
	db     *storage.DB
	book   *revision.Book
	ring   *tokens.Ring
	server *admin.Server
	socket *httptest.Server // the shell's handler
	clock  *brokertest.Clock
	logs   *brokertest.Lines
	client *http.Client // that providers are called with
	rotate []string     // what Rotate was asked for
	events []door.Event
	tested []string // what TestSignIn was asked for

	promise contract // the OpenAPI document
	deaf    bool     // answers are not held to it: benchmarks
}

// canaries are secrets that must never be seen again.
const (
	providerCanary = "canary-of-a-provider-0123456789"
	clientCanary   = "canary-of-a-client-0123456789abcdef"
)

// document has a bit of everything; robot may do for itself whatever there is.
func document() directory.Document {
	all := directory.AdminScopes(storage.RoleOwner)
	return directory.Document{
		Providers: []directory.Provider{
			{Slug: "corp", Kind: "oidc", Title: "Corp", Issuer: "https://sso.corp.example", ClientID: "handstamp", ClientSecret: providerCanary, EmailDomains: []string{"corp.example"}},
			{Slug: "google", Kind: "google", ClientID: "handstamp", ClientSecret: "another-secret-of-ours", TrustEmail: "always"},
			{Slug: "local", Kind: "local"},
		},
		Clients: []directory.Client{
			{ID: "web", Name: "Web", Secrets: []providers.Secret{clientCanary}, RedirectURIs: []string{"https://app.example.com/cb"}, Scopes: []string{"openid", "profile", "items:read", "items:write"}, DefaultResource: apiID},
			{ID: "spa", Name: "Browser app", Public: true, RedirectURIs: []string{"https://spa.example.com/cb"}, Providers: []string{"corp"}},
			{ID: "robot", Name: "Robot", Secrets: []providers.Secret{"thirty-two-characters-of-a-robot"}, GrantTypes: []string{"client_credentials"}, MachineScopes: all},
			{ID: "reader", Name: "Reader", Secrets: []providers.Secret{"thirty-two-characters-of-a-reader"}, GrantTypes: []string{"client_credentials"}, MachineScopes: []string{directory.ReadDirectory}},
		},
		Resources: []directory.Resource{{ID: apiID, Name: "Items", Scopes: []directory.Scope{{Name: "items:read", Description: "Read items"}, {Name: "items:write", Description: "Write items"}}}},
		Rules: []mapping.Rule{
			{Name: "everybody reads", Roles: []string{"reader"}, Scopes: []string{"items:read"}},
			{Name: "editors write", When: "'editors' in claims.groups", Roles: []string{"editor"}, Scopes: []string{"items:write"}},
		},
	}
}

const apiID = "https://api.example.com"

func newKit(t testing.TB, edits ...func(*directory.Document)) *kit {
	t.Helper()
	k := &kit{t: t, clock: &brokertest.Clock{}, logs: &brokertest.Lines{}}
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(k.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if k.db, err = storage.Open(t.Context(), storage.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "book.db"), Sealer: sealer, Now: k.clock.Now, Logger: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if k.client, err = providers.NewClient(providers.ClientOptions{Timeout: 2 * time.Second, Resolver: noNames}); err != nil {
		t.Fatal(err)
	}
	k.book = &revision.Book{DB: k.db, Issuer: issuer, OneNode: true, Now: k.clock.Now, Logger: log,
		Resolve: func(source string) (providers.Secret, error) {
			if source == "${THERE}" {
				return "a-secret-from-the-environment", nil
			}
			return "", errors.New("it is not set")
		},
		Upstream: func(ctx context.Context, p *directory.Provider, claims []string) (providers.Provider, error) {
			kind, _ := providers.Lookup(p.Kind)
			s := p.Settings()
			s.Client, s.MappedClaims, s.Now = k.client, claims, k.clock.Now
			return kind.New(ctx, s)
		}}
	if _, err := k.book.Open(t.Context(), nil, ""); err != nil {
		t.Fatal(err)
	}
	doc := document()
	for _, edit := range edits {
		edit(&doc)
	}
	if _, _, err := k.book.Apply(t.Context(), revision.Change{Document: doc, Shell: true, Force: true, Source: "shell", Actor: storage.Actor{Kind: "admin", ID: "shell"}, Reason: "the first one"}); err != nil {
		t.Fatal(err)
	}
	if k.ring, err = tokens.NewRing(testKeys()...); err != nil {
		t.Fatal(err)
	}
	k.listen(sealer, log)
	return k
}

// noNames keeps providers of examples from being asked for outside.
var noNames = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("tests ask nobody outside")
}}

func (k *kit) listen(sealer *storage.Sealer, log *slog.Logger) {
	k.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	k.url = "http://" + l.Addr().String()
	k.server, err = admin.New(admin.Options{Issuer: issuer, URL: k.url, Version: "test", DB: k.db, Book: k.book, Keys: k.ring, Sealer: sealer, Now: k.clock.Now, Logger: log,
		TestSignIn: func(slug, back string) (string, string, error) {
			k.tested = append(k.tested, slug+" "+back)
			return issuer + "/test/" + slug, "REFERENCEOFATEST", nil
		},
		Rotate: func(_ context.Context, a storage.Actor, alg string, atOnce bool) error {
			k.rotate = append(k.rotate, a.ID+" "+alg)
			return nil
		},
		Event: func(e door.Event) { k.events = append(k.events, e) },
		Restored: func(ctx context.Context, a storage.Actor) (*storage.Ended, error) {
			_, generation, err := k.db.Keys(ctx)
			if err != nil {
				return nil, err
			}
			return k.db.Restored(ctx, a, storage.NewKeys{Generation: generation, Keys: []storage.StoredKey{{ID: "new", Alg: "ES256", State: "active", PKCS8: []byte("new")}}})
		},
		YAML: func(d directory.Document, _ map[string]string) []byte {
			b, err := json.Marshal(d) // JSON is YAML
			if err != nil {
				panic(err)
			}
			return b
		}})
	if err != nil {
		k.t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: k.server.Handler()}}
	srv.Start()
	k.t.Cleanup(srv.Close)
	k.socket = httptest.NewServer(k.server.Shell())
	k.t.Cleanup(k.socket.Close)
}

// testKeys are made once: an RSA key costs a tenth of a second.
var testKeys = sync.OnceValue(func() []*tokens.Key {
	k, err := tokens.NewKey(tokens.ES256)
	if err != nil {
		panic(err)
	}
	return []*tokens.Key{k}
})

// mint makes an access token as the broker does.
func (k *kit) mint(g tokens.Granted) string {
	k.t.Helper()
	m := &tokens.Mint{Issuer: issuer, Ring: k.ring, Now: k.clock.Now, AccessTTL: 5 * time.Minute, IDTTL: 10 * time.Minute}
	raw, _, err := m.Access(k.t.Context(), g)
	if err != nil {
		k.t.Fatal(err)
	}
	return raw
}

// signIn signs somebody in at a provider, so that the book knows them.
func (k *kit) signIn(slug, subject string, claims map[string]any) *storage.Session {
	k.t.Helper()
	bound, err := k.db.BoundProviders(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	all := map[string]any{"sub": subject}
	for name, v := range claims {
		all[name] = v
	}
	now := k.clock.Now()
	s, err := k.db.SignIn(k.t.Context(), storage.Actor{Kind: "person"}, storage.SignIn{StateHash: []byte(oauth.NewSecret()), StateExpires: now.Add(time.Minute),
		ProviderID: bound[slug].ID, Issuer: bound[slug].Issuer, Subject: subject, Claims: all, Create: true, NewSubject: oauth.NewSecret()[:26], Name: subject, Email: subject + "@corp.example",
		Session: storage.NewSession{IDHash: []byte(oauth.NewSecret()), SID: oauth.NewSecret(), AuthTime: now, Idle: 30 * time.Minute, ExpiresAt: now.Add(12 * time.Hour)}})
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

// admin signs somebody in as an administrator and returns the token of the console.
func (k *kit) admin(role string) string {
	k.t.Helper()
	s := k.signIn("corp", "the-"+role, nil)
	if err := k.db.SetAdmin(k.t.Context(), storage.Actor{Kind: "admin", ID: "shell"}, s.ProviderID, "the-"+role, role, true); err != nil {
		k.t.Fatal(err)
	}
	return k.consoleToken(s, role)
}

func (k *kit) consoleToken(s *storage.Session, role string) string {
	k.t.Helper()
	return k.mint(tokens.Granted{Subject: s.User.Subject, ClientID: directory.AdminClient, Audience: []string{directory.AdminResource}, Scopes: directory.AdminScopes(role),
		AuthTime: s.AuthTime, SessionID: s.SID})
}

// machine returns the token of a client that acts for itself.
func (k *kit) machine(id string, scopes ...string) string {
	k.t.Helper()
	return k.mint(tokens.Granted{Subject: tokens.MachineSubject(id), ClientID: id, Audience: []string{directory.AdminResource}, Scopes: scopes})
}

// robot is a machine that may do everything.
func (k *kit) robot() string {
	return k.machine("robot", directory.AdminScopes(storage.RoleOwner)...)
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body string
}

func (a *answer) problem(t testing.TB) *api.Problem {
	t.Helper()
	p := &api.Problem{}
	if err := json.Unmarshal([]byte(a.body), p); err != nil || p.Status != a.StatusCode || p.Title == "" || p.Instance == "" || !strings.HasPrefix(p.Type, api.TypeBase) {
		t.Fatalf("%s is no problem: %s (%v)", a.Status, a.body, err)
	}
	return p
}

// into reads the answer as JSON.
func into[T any](t testing.TB, a *answer) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%s %.300s: %v", a.Status, a.body, err)
	}
	return v
}

// do makes a request below api.Base and holds the answer to openapi.yaml. body is JSON
// text, or nil; headers are pairs.
func (k *kit) do(method, path, token, body string, headers ...string) *answer {
	k.t.Helper()
	return k.ask(k.url+api.Base+path, method, token, body, headers...)
}

// shell is do at the socket.
func (k *kit) shell(method, path, body string, headers ...string) *answer {
	k.t.Helper()
	return k.ask(k.socket.URL+api.Base+path, method, "", body, headers...)
}

func (k *kit) ask(address, method, token, body string, headers ...string) *answer {
	k.t.Helper()
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, address, sent)
	if err != nil {
		k.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	a := &answer{resp, string(b)}
	k.keepsPromise(req, a)
	return a
}

// current is the If-Match of the active revision.
func (k *kit) current() string { return api.ETag(k.book.Current().Number) }

// must fails unless the answer has a status.
func must(t testing.TB, a *answer, status int) *answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %s, not %d: %.600s", a.Request.Method, a.Request.URL.Path, a.Status, status, a.body)
	}
	return a
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(bytes.TrimSpace(b))
}
