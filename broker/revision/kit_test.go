package revision_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

const issuer = "https://login.example.com"

// clock is time that moves only when a test says so.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// node is one node of a house, with what it did.
type node struct {
	*revision.Book
	clock *clock
	log   *bytes.Buffer
	built []string          // slugs, in the order in which their providers were made
	env   map[string]string // of this node
	used  []int64           // revisions that became what requests see
	keys  int               // how often the signing keys were read
	told  []revision.State
}

func newNode(db *storage.DB, set ...func(*node)) *node {
	n := &node{clock: &clock{at: time.Now()}, log: &bytes.Buffer{}, env: map[string]string{"CORP_SECRET": "from-the-environment"}}
	client, err := providers.NewClient(providers.ClientOptions{})
	if err != nil {
		panic(err)
	}
	n.Book = &revision.Book{DB: db, Issuer: issuer, OneNode: true, Now: n.clock.now, Logger: slog.New(slog.NewTextHandler(n.log, nil)),
		Resolve: func(source string) (providers.Secret, error) {
			if value, ok := n.env[source[2:max(2, len(source)-1)]]; ok {
				return providers.Secret(value), nil
			}
			return "", errors.New("the environment variable is not set")
		},
		Upstream: n.build(client),
		Use:      func(a *revision.Active) error { n.used = append(n.used, a.Number); return nil },
		Keys:     func(context.Context) error { n.keys++; return nil },
		Stands:   func(s revision.State) { n.told = append(n.told, s) }}
	for _, f := range set {
		f(n)
	}
	return n
}

func (n *node) build(client *http.Client) func(context.Context, *directory.Provider, []string) (providers.Provider, error) {
	return func(ctx context.Context, p *directory.Provider, claims []string) (providers.Provider, error) {
		n.built = append(n.built, p.Slug)
		kind, _ := providers.Lookup(p.Kind)
		s := p.Settings()
		s.Client, s.MappedClaims = client, claims
		return kind.New(ctx, s)
	}
}

// opened is a node of an empty book with the document in it, as revision 1.
func opened(t *testing.T, db *storage.DB, set ...func(*node)) *node {
	t.Helper()
	n := newNode(db, set...)
	if _, err := n.Open(t.Context(), nil, ""); err != nil {
		t.Fatal(err)
	}
	if n.Current().Number == 0 {
		n.apply(t, n.change(document()))
	}
	return n
}

var alice = storage.Actor{Kind: "admin", ID: "alice"}

// change is one that an owner makes over the network.
func (n *node) change(d directory.Document) revision.Change {
	return revision.Change{Base: n.Current().Number, Document: d, Actor: alice, Reason: "a test", Source: "console", CanOwn: true}
}

// edit is change of the active document.
func (n *node) edit(edit func(*directory.Document)) revision.Change {
	return n.change(edited(n.Current().Document, edit))
}

func edited(d directory.Document, edit func(*directory.Document)) directory.Document {
	d.Providers = append([]directory.Provider(nil), d.Providers...)
	d.Clients = append([]directory.Client(nil), d.Clients...)
	d.Rules = append([]mapping.Rule(nil), d.Rules...)
	edit(&d)
	return d
}

func (n *node) apply(t *testing.T, c revision.Change) *revision.Plan {
	t.Helper()
	_, plan, err := n.Apply(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

const webSecret = "thirty-two-characters-of-web-app"

func document() directory.Document {
	return directory.Document{
		Providers: []directory.Provider{
			{Slug: "corp", Kind: "oidc", Issuer: "https://sso.corp.example", ClientID: "handstamp", ClientSecret: "a-secret-that-was-typed", EmailDomains: []string{"corp.example"}},
			{Slug: "other", Kind: "oidc", Issuer: "https://sso.other.example", ClientID: "handstamp", ClientSecret: "another-secret"},
		},
		Clients: []directory.Client{
			{ID: "web", Secrets: []providers.Secret{webSecret}, RedirectURIs: []string{"https://app.example.com/cb"}, Scopes: []string{"openid", "items:read"}},
		},
		Resources: []directory.Resource{{ID: "https://api.example.com", Scopes: []directory.Scope{{Name: "items:read"}}}},
		Rules:     []mapping.Rule{{Name: "everybody reads", Roles: []string{"reader"}, Scopes: []string{"items:read"}}},
	}
}

// person signs somebody in at a provider, so that the book knows them.
func person(t *testing.T, n *node, slug, subject string, claims map[string]any) *storage.Session {
	t.Helper()
	bound, err := n.DB.BoundProviders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	claims["sub"] = subject
	s, err := n.DB.SignIn(t.Context(), storage.Actor{Kind: "person"}, storage.SignIn{StateHash: []byte(oauth.NewSecret()), StateExpires: now.Add(time.Minute),
		ProviderID: bound[slug].ID, Issuer: bound[slug].Issuer, Subject: subject, Claims: claims, Create: true, NewSubject: oauth.NewSecret(), Name: subject,
		Session: storage.NewSession{IDHash: []byte(oauth.NewSecret()), SID: oauth.NewSecret(), AuthTime: now, Idle: time.Hour, ExpiresAt: now.Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	err = n.DB.KeepLogins(t.Context(), []storage.Login{{Reference: fmt.Sprintf("REF%s", subject), At: now, ClientID: "web", Provider: slug, ProviderID: bound[slug].ID, UserID: s.UserID,
		Subject: subject, Person: subject, Outcome: storage.LoginSignedIn, Asked: []string{"openid", "items:read"}, Claims: claims}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// owner signs somebody in and makes them an owner.
func owner(t *testing.T, n *node, slug, subject string) *storage.Session {
	t.Helper()
	s := person(t, n, slug, subject, map[string]any{})
	if err := n.DB.SetAdmin(t.Context(), storage.Actor{Kind: "admin", ID: "shell"}, s.ProviderID, subject, storage.RoleOwner, false); err != nil {
		t.Fatal(err)
	}
	return s
}

func each(t *testing.T, run func(t *testing.T, n *node)) {
	t.Helper()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) { run(t, opened(t, db)) })
}

// two runs a test with two nodes on one book.
func two(t *testing.T, run func(t *testing.T, a, b *node)) {
	t.Helper()
	storagetest.Pair(t, func(t *testing.T, one, other *storage.DB) {
		a, b := opened(t, one), newNode(other)
		if _, err := b.Open(t.Context(), nil, ""); err != nil {
			t.Fatal(err)
		}
		run(t, a, b)
	})
}
