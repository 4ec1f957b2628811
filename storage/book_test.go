package storage_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

const (
	issuer   = "https://accounts.google.com"
	appURI   = "https://app.example/cb"
	grace    = 10 * time.Second
	idle     = 30 * time.Minute
	absolute = 12 * time.Hour
)

type contextT = context.Context

var actor = storage.Actor{Kind: "person", ID: "test", IP: "192.0.2.1", RequestID: "req-1"}

// clock is time that a test owns.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) set(o *storage.Options) { o.Now = c.Now }

// hash draws a secret and gives what storage may know of it.
func hash() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	sum := sha256.Sum256(b)
	return sum[:]
}

func random() string { return base64.RawURLEncoding.EncodeToString(hash()) }

// book is a database with a provider, and the shortest words for what tests do.
type book struct {
	testing.TB
	*storage.DB
	clock    *clock
	provider string
}

func newBook(t testing.TB, db *storage.DB, c *clock) *book {
	t.Helper()
	id, err := db.BindProvider(t.Context(), actor, "google", issuer)
	if err != nil {
		t.Fatal(err)
	}
	return &book{TB: t, DB: db, clock: c, provider: id}
}

// eachBook runs a test on both databases with a clock of its own.
func eachBook(t *testing.T, run func(t *testing.T, b *book)) {
	t.Helper()
	c := newClock()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) { run(t, newBook(t, db, c)) }, c.set)
}

// eachPair runs a test with two nodes.
func eachPair(t *testing.T, run func(t *testing.T, a, b *book)) {
	t.Helper()
	c := newClock()
	storagetest.Pair(t, func(t *testing.T, a, b *storage.DB) { run(t, newBook(t, a, c), newBook(t, b, c)) }, c.set)
}

func (b *book) grant(client string) *storage.NewGrant {
	return &storage.NewGrant{ID: random(), ClientID: client, ProviderID: b.provider, Scopes: []string{"openid", "items:read"},
		Audience: []string{"https://api.example"}, Roles: []string{"reader"}, Claims: map[string]any{"person": map[string]any{"name": "Alice"}},
		Trace: []byte(`[{"rule":"everybody"}]`), Snapshot: "v1", AuthTime: b.clock.Now(), ACR: "1", AMR: []string{"pwd"},
		Code: storage.NewCode{Hash: hash(), RedirectURI: appURI, Challenge: "challenge-" + client, Nonce: "nonce", ExpiresAt: b.clock.Now().Add(time.Minute)}}
}

func (b *book) signInOf(subject string, g *storage.NewGrant) storage.SignIn {
	return storage.SignIn{StateHash: hash(), StateExpires: b.clock.Now().Add(10 * time.Minute), ProviderID: b.provider, Issuer: issuer,
		Subject: subject, Claims: map[string]any{"sub": subject, "hd": "acme.example"}, Create: true, NewSubject: random(), Name: "Alice",
		Email: "alice@acme.example", EmailVerified: true, Grant: g,
		Session: storage.NewSession{IDHash: hash(), SID: random(), AuthTime: b.clock.Now(), ACR: "1", AMR: []string{"pwd"}, UpstreamSID: "up",
			Idle: idle, ExpiresAt: b.clock.Now().Add(absolute)}}
}

// signIn signs a subject in and issues a code for a client.
func (b *book) signIn(subject, client string) (*storage.Session, *storage.NewGrant) {
	b.Helper()
	g := b.grant(client)
	s, err := b.SignIn(b.Context(), actor, b.signInOf(subject, g))
	b.must(err)
	return s, g
}

func take(g *storage.NewGrant, f *storage.NewFamily) storage.TakeCode {
	return storage.TakeCode{Hash: g.Code.Hash, ClientID: g.ClientID, RedirectURI: g.Code.RedirectURI, Challenge: g.Code.Challenge, Family: f}
}

var (
	online  = &storage.NewFamily{Idle: 14 * 24 * time.Hour, Absolute: 90 * 24 * time.Hour}
	offline = &storage.NewFamily{Offline: true, Idle: 14 * 24 * time.Hour, Absolute: 90 * 24 * time.Hour}
)

// login signs in and redeems the code: a session, a grant and a refresh token.
func (b *book) login(subject, client string, f *storage.NewFamily) (*storage.Session, *storage.Taken) {
	b.Helper()
	s, g := b.signIn(subject, client)
	t, err := b.TakeCode(b.Context(), actor, take(g, f))
	b.must(err)
	return s, t
}

// refresh does what the token endpoint does.
func (b *book) refresh(raw, client string) (string, error) {
	return b.refreshWith(raw, client, storage.GrantUpdate{})
}

func (b *book) refreshWith(raw, client string, u storage.GrantUpdate) (string, error) {
	r, err := b.FindRefresh(context.Background(), raw, client, grace)
	if err != nil {
		return "", err
	}
	return b.RotateRefresh(context.Background(), actor, r, grace, u)
}

// restored does what handstamp restored does.
func (b *book) restored() *storage.Ended {
	b.Helper()
	_, generation, err := b.Keys(b.Context())
	b.must(err)
	ended, err := b.Restored(b.Context(), actor, storage.NewKeys{Generation: generation, Keys: []storage.StoredKey{{ID: "new", Alg: "ES256", State: "active", PKCS8: []byte("new")}}})
	b.must(err)
	return ended
}

func (b *book) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *book) wants(why string, err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("%s: got %v, want %v", why, err, want)
	}
}

// audited tells how often an action is in the audit.
func (b *book) audited(action string) int {
	b.Helper()
	rows, err := b.Audit(b.Context(), 10000)
	b.must(err)
	n := 0
	for _, r := range rows {
		if r.Action == action {
			n++
		}
	}
	return n
}

// race runs n at once and returns their errors.
func race(n int, run func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = run(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// tally counts errors by meaning; nil is "won".
func tally(errs []error) map[string]int {
	out := map[string]int{}
	for _, err := range errs {
		name := fmt.Sprint(err)
		for known, word := range map[error]string{storage.ErrUsed: "used", storage.ErrRevoked: "revoked", storage.ErrStateSpent: "spent",
			storage.ErrReused: "reused", storage.ErrMismatch: "mismatch", storage.ErrExpired: "expired", storage.ErrNotFound: "not found",
			storage.ErrUnavailable: "unavailable", storage.ErrNoUser: "no user", storage.ErrDisabled: "disabled",
			storage.ErrReplayed: "replayed"} {
			if errors.Is(err, known) {
				name = word
			}
		}
		if err == nil {
			name = "won"
		}
		out[name]++
	}
	return out
}

func TestALoginIsTwoWritesAndARefreshIsOne(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		before := b.WriteTransactions()
		s, taken := b.login("sub-1", "web", offline)
		if n := b.WriteTransactions() - before; n != 2 {
			t.Errorf("a login took %d write transactions", n)
		}
		before = b.WriteTransactions()
		next, err := b.refreshWith(taken.RefreshToken, "web", storage.GrantUpdate{Changed: true, Scopes: []string{"openid"}, Snapshot: "v2"})
		b.must(err)
		if n := b.WriteTransactions() - before; n != 1 {
			t.Errorf("a refresh took %d write transactions", n)
		}
		g, err := b.Grant(t.Context(), taken.Grant.ID)
		b.must(err)
		if len(g.Scopes) != 1 || g.Snapshot != "v2" || g.User.ID != s.UserID {
			t.Errorf("the grant did not take the new decision: %+v", g)
		}
		before = b.WriteTransactions()
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.must(err)
		_, err = b.FindRefresh(t.Context(), next, "web", grace)
		b.must(err)
		if n := b.WriteTransactions() - before; n != 0 {
			t.Errorf("reading wrote %d times", n)
		}
		if taken.Grant.Nonce != "nonce" || taken.Grant.Claims["person"].(map[string]any)["name"] != "Alice" || string(taken.Grant.Trace) != `[{"rule":"everybody"}]` {
			t.Errorf("the grant came back different: %+v", taken.Grant)
		}
	})
}
