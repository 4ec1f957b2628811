package grant

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/tokens"
)

// jwtBearer is the one client_assertion_type (RFC 7523 §2.2).
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Assertions checks how clients with keys prove who they are (private_key_jwt). It
// keeps the keys that clients publish, and the ids of assertions that were used.
type Assertions struct {
	verifier tokens.AssertionVerifier
	client   *http.Client
	private  *http.Client
	now      func() time.Time
	used     usedIDs

	mu   sync.Mutex
	keys map[place]*tokens.RemoteKeys
}

// place is where a client publishes its keys.
type place struct {
	uri     string
	private bool // it may be in a private network
}

// NewAssertions makes it. client is the hardened one, since clients choose where their
// keys lie; private is the one for clients that may stand in a private network.
func NewAssertions(issuer string, client, private *http.Client, now func() time.Time) *Assertions {
	return &Assertions{verifier: tokens.AssertionVerifier{Audience: issuer, Now: now}, client: client, private: private, now: now,
		used: usedIDs{now: now}, keys: map[place]*tokens.RemoteKeys{}}
}

// prove checks an assertion of a client; nil is a client that does not exist, which
// costs the same signature check.
func (a *Assertions) prove(ctx context.Context, s *directory.Snapshot, c *directory.Client, raw string) *oauth.Error {
	id, keys := "", tokens.KeyFinder(tokens.KeySet{})
	if c != nil {
		id, keys = c.ID, a.keysOf(s, c)
	}
	got, err := a.verifier.Verify(ctx, raw, id, keys)
	switch {
	case errors.Is(err, tokens.ErrAssertion): // the signature is right, so this tells nobody but the client
		e := refused("assertion of client " + quote(id) + ": " + err.Error())
		e.Description += ": " + err.Error()
		return e
	case errors.Is(err, tokens.ErrInvalid):
		return refused("assertion of client " + quote(id) + ": " + err.Error())
	case err != nil: // its keys could not be fetched: that is no proof against it
		return Unavailable(fmt.Errorf("keys of client %s: %w", quote(id), err))
	}
	switch fresh, full := a.used.first(id, got.ID); {
	case full: // to forget one would be to let it in again
		return Unavailable(reason("client " + id + " used more assertions than can be remembered"))
	case !fresh:
		e := refused("assertion of client " + id + " was used before")
		e.Description += ": its jti was used before"
		return e
	}
	return nil
}

// keysOf returns the keys of a client: from the settings, or from where it publishes
// them. A client without either has none.
func (a *Assertions) keysOf(s *directory.Snapshot, c *directory.Client) tokens.KeyFinder {
	if c.AuthMethod != directory.AuthKey || c.JWKSURI == "" {
		return c.Keys()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	at := place{c.JWKSURI, c.AllowPrivateNetwork}
	if k := a.keys[at]; k != nil {
		return k
	}
	a.forget(s)
	client := a.client
	if at.private {
		client = a.private
	}
	k := tokens.NewRemoteKeys(func(ctx context.Context) (tokens.KeySet, error) { return FetchKeys(ctx, client, at.uri) }, a.now)
	a.keys[at] = k
	return k
}

// forget drops key sets that no client of the settings names any more.
func (a *Assertions) forget(s *directory.Snapshot) {
	named := map[place]bool{}
	for _, c := range s.Clients() {
		named[place{c.JWKSURI, c.AllowPrivateNetwork}] = true
	}
	for at := range a.keys {
		if !named[at] {
			delete(a.keys, at)
		}
	}
}

// FetchKeys gets the keys that a client publishes. The hardened HTTP client bounds size
// and time and follows nothing; an error has a status, but never a word of the answer.
func FetchKeys(ctx context.Context, client *http.Client, uri string) (tokens.KeySet, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, errors.New("jwks_uri is not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jwks_uri answers %d, not 200", res.StatusCode)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read jwks_uri: %w", err)
	}
	return tokens.ParseKeySet(body)
}

// How many used assertions are remembered: of all clients, and of one, so that one
// cannot take the memory of the others.
const (
	maxUsedIDs   = 100_000
	maxUsedOfOne = 20_000
)

// generation is how long ids are collected before the older half is dropped: longer
// than any assertion is good for.
const generation = tokens.MaxAssertionTTL + 2*time.Minute

// usedIDs remembers which assertions were used, in two halves by age: an entry lives
// between one and two generations, and dropping the old ones costs nothing. It is a
// node's own memory, so that a machine's token costs the database no write.
type usedIDs struct {
	now func() time.Time

	mu         sync.Mutex
	began      time.Time // of the younger half
	young, old map[[sha256.Size]byte]bool
	of         map[string]int // entries of each client in the younger half
}

// first notes an id and tells whether it is new, or that there is no room for it.
func (u *usedIDs) first(clientID, id string) (fresh, full bool) {
	key := [sha256.Size]byte(oauth.Hash("assertion "+clientID, id))
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := u.now(); u.young == nil || now.Sub(u.began) >= generation {
		if now.Sub(u.began) >= 2*generation {
			u.young = nil
		}
		u.old, u.young, u.of, u.began = u.young, map[[sha256.Size]byte]bool{}, map[string]int{}, now
	}
	switch {
	case u.young[key] || u.old[key]:
		return false, false
	case len(u.young) >= maxUsedIDs || u.of[clientID] >= maxUsedOfOne:
		return false, true
	}
	u.young[key] = true
	u.of[clientID]++
	return true, false
}
