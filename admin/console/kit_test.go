package console_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/admin/console"
	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/brokertest"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// The kit is a whole house with real parts: broker, admin API and console over real
// HTTP, a real SQLite file, two pretend providers, and a clock that tests move.

const apiID = "https://api.example"

type kit struct {
	t            testing.TB
	issuer, url  string
	events       []door.Event // what the console had counted
	db           *storage.DB
	book         *revision.Book
	ring         *tokens.Ring
	broker       *broker.Broker
	journal      *broker.Journal
	api          *admin.Server
	console      *console.Console
	google, okta *persona.Persona
	clock        *brokertest.Clock
	logs         *brokertest.Lines
	inside       http.Handler // console and API at one address, as the roof joins them
}

var lives = grant.Lifetimes{Access: 5 * time.Minute, ID: 10 * time.Minute, Code: time.Minute, Transaction: 10 * time.Minute, SessionIdle: 30 * time.Minute,
	SessionAbsolute: 12 * time.Hour, RefreshIdle: 14 * 24 * time.Hour, RefreshAbsolute: 90 * 24 * time.Hour, RefreshGrace: 10 * time.Second}

func document(k *kit) directory.Document {
	scopes := []string{"openid", "profile", "email", "groups", "offline_access", "items:read", "items:write"}
	return directory.Document{
		Providers: []directory.Provider{
			{Slug: "google", Kind: "google", Issuer: k.google.Issuer(), ClientID: k.google.ClientID(), ClientSecret: providers.Secret(k.google.ClientSecret()), TrustEmail: "always"},
			{Slug: "okta", Kind: "okta", Issuer: k.okta.BaseURL(), AuthorizationServer: "default", Scopes: []string{"openid", "profile", "email", "groups"}, ClientID: k.okta.ClientID(), ClientSecret: providers.Secret(k.okta.ClientSecret()), TrustEmail: "always"},
		},
		Clients: []directory.Client{
			{ID: "web", Name: "Web", FirstParty: true, Explain: true, Secrets: []providers.Secret{providers.Secret(oauth.NewSecret())}, RedirectURIs: []string{"https://app.example/callback"}, Scopes: scopes, RefreshTokens: "offline"},
			{ID: "okta-only", Name: "Okta only", FirstParty: true, Secrets: []providers.Secret{providers.Secret(oauth.NewSecret())}, RedirectURIs: []string{"https://app.example/callback"}, Scopes: scopes[:4], Providers: []string{"okta"}},
		},
		Resources: []directory.Resource{{ID: apiID, Name: "Items", Scopes: []directory.Scope{{Name: "items:read", Description: "Read items"}, {Name: "items:write", Description: "Change items"}}}},
		Rules: []mapping.Rule{
			{Name: "readers", When: "user.email_verified", Roles: []string{"reader"}, Scopes: []string{"items:read"}},
			{Name: "editors", When: "'editors' in claims.groups", Providers: []string{"okta"}, Roles: []string{"editor"}, Scopes: []string{"items:write"}},
			{Name: "no guests", When: "claims.email.endsWith('@gmail.example')", Deny: "private addresses are not welcome"},
		},
	}
}

// newKit opens a house. Its document may be edited before.
func newKit(t testing.TB, edits ...func(*directory.Document)) *kit {
	t.Helper()
	k := &kit{t: t, clock: &brokertest.Clock{}, logs: &brokertest.Lines{}}
	broker, office := listen(t), listen(t)
	k.issuer, k.url = "http://"+broker.Addr().String(), "http://"+office.Addr().String()
	k.google = persona.Start(t, persona.Google, persona.Options{RedirectURIs: []string{k.issuer + "/callback/google"}, Now: k.clock.Now})
	k.okta = persona.Start(t, persona.Okta, persona.Options{RedirectURIs: []string{k.issuer + "/callback/okta"}, Now: k.clock.Now})
	k.open(edits)
	serve(t, broker, k.broker)
	serve(t, office, k.inside)
	return k
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t testing.TB, l net.Listener, h http.Handler) {
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	srv.Start()
	t.Cleanup(srv.Close)
}

func (k *kit) open(edits []func(*directory.Document)) {
	t := k.t
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	must(err)
	log := slog.New(slog.NewJSONHandler(k.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	k.db, err = storage.Open(t.Context(), storage.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "book.db"), Sealer: sealer, Now: k.clock.Now, Logger: log})
	must(err)
	outgoing, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true, Timeout: 5 * time.Second})
	must(err)
	k.book = &revision.Book{DB: k.db, Issuer: k.issuer, OneNode: true, Now: k.clock.Now, Logger: log,
		Resolve: func(string) (providers.Secret, error) { return "", errors.New("it is not set") },
		Upstream: func(ctx context.Context, p *directory.Provider, claims []string) (providers.Provider, error) {
			kind, _ := providers.Lookup(p.Kind)
			s := p.Settings()
			s.Client, s.MappedClaims, s.Now, s.Logger = outgoing, claims, k.clock.Now, log
			if kind.OwnBook {
				s.Accounts = broker.Accounts(k.db, p.Slug)
			}
			return kind.New(ctx, s)
		},
		Use: func(a *revision.Active) error { return k.broker.Swap(view(a)) }}
	_, err = k.book.Open(t.Context(), nil, "")
	must(err)
	k.ring, err = tokens.NewRing(testKeys()...)
	must(err)
	pages, err := page.New(page.Brand{Name: "Test"}, "/assets")
	must(err)
	k.journal = broker.NewJournal(k.db.KeepLogins, log)
	k.broker, err = broker.New(broker.Options{Issuer: k.issuer, DB: k.db, Sealer: sealer, Ring: k.ring, Pages: pages, Life: lives, Outgoing: outgoing, Private: outgoing, Logger: log, Now: k.clock.Now,
		Admin: &broker.AdminDoor{RedirectURI: k.url + "/callback", Base: k.url}, Journal: k.journal}, view(k.book.Current()))
	must(err)
	doc := document(k)
	for _, edit := range edits {
		edit(&doc)
	}
	_, _, err = k.book.Apply(t.Context(), revision.Change{Document: doc, Shell: true, Force: true, Source: "shell", Actor: storage.Actor{Kind: "admin", ID: "shell"}, Reason: "the first one"})
	must(err)
	k.api, err = admin.New(admin.Options{Issuer: k.issuer, URL: k.url, Version: "test", DB: k.db, Book: k.book, Keys: k.ring, Sealer: sealer, Now: k.clock.Now, Logger: log,
		TestSignIn: k.broker.TestSignIn, Rotate: func(context.Context, storage.Actor, string, bool) error { return nil },
		YAML: func(directory.Document, map[string]string) []byte { return []byte("providers: []\n") }})
	must(err)
	k.console, err = console.New(console.Options{URL: k.url, Issuer: k.issuer, API: k.api.Handler(), Broker: k.broker, Sealer: sealer, Now: k.clock.Now, Logger: log,
		Event: func(e door.Event) { k.events = append(k.events, e) }})
	must(err)
	k.inside = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			k.api.Handler().ServeHTTP(w, r)
			return
		}
		k.console.Handler().ServeHTTP(w, r)
	})
	t.Cleanup(func() {
		k.journal.Close()
		if err := k.db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func view(a *revision.Active) *broker.Directory {
	return &broker.Directory{Snapshot: a.Snapshot, Upstreams: a.Upstreams, Revision: a.Number}
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

// shell is the API as the shell speaks to it.
func (k *kit) shell() *api.Client {
	srv := httptest.NewServer(k.api.Shell())
	k.t.Cleanup(srv.Close)
	return api.New(srv.URL, srv.Client())
}

// link makes an owner's link.
func (k *kit) link() string {
	k.t.Helper()
	l, err := k.shell().NewAdminLink(k.t.Context(), "a test")
	if err != nil {
		k.t.Fatal(err)
	}
	return l.Link
}

// person lets somebody sign in to an app once, so that the book knows them.
func (k *kit) person(client, provider, who string) (landed string) {
	k.t.Helper()
	b := k.browser()
	challenge, _ := oauth.S256(strings.Repeat("v", 43))
	to, err := b.follow(fmt.Sprintf("%s/authorize?client_id=%s&redirect_uri=https%%3A%%2F%%2Fapp.example%%2Fcallback&response_type=code&scope=openid+profile+email+items:read+items:write&state=s&nonce=n&code_challenge=%s&code_challenge_method=S256&provider=%s",
		k.issuer, client, challenge, provider), who)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := k.journal.Flush(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return to
}

// signedIn makes a person of Okta an administrator of a role and signs them in.
func (k *kit) signedIn(who, role string) *visitor {
	k.t.Helper()
	k.person("web", "okta", who)
	u, ok := k.okta.User(who)
	if !ok {
		k.t.Fatalf("nobody is called %s", who)
	}
	if err := k.shell().SetAdmin(k.t.Context(), "okta", u.Subject, role, "a test", false); err != nil {
		k.t.Fatal(err)
	}
	v := k.browser()
	v.signIn("/", who)
	return v
}

// visitor is a browser that keeps cookies and follows nothing by itself.
type visitor struct {
	k *kit
	*http.Client
}

func (k *kit) browser() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return &visitor{k: k, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}
