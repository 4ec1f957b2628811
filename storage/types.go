package storage

import (
	"context"
	"time"
)

// Actor is who does something; it goes into the audit row.
type Actor struct {
	Kind      string // person client admin system
	ID        string
	IP        string
	RequestID string
}

// User is a person in the book. Subject is random and is what apps see as sub.
type User struct {
	ID, Subject, Name, Email string
	EmailVerified, Disabled  bool
	CreatedAt                time.Time
}

// Identity is a person as one provider knows them.
type Identity struct {
	ProviderID, Issuer, Subject, UserID string
	Claims                              map[string]any // the whole last upstream answer
	ClaimsAt                            time.Time
}

// NewSession is a single sign-on session to begin.
type NewSession struct {
	IDHash      []byte // hash of the cookie's value: the value itself is never stored
	SID         string // the sid claim
	AuthTime    time.Time
	ACR         string
	AMR         []string
	UpstreamSID string
	Idle        time.Duration
	ExpiresAt   time.Time // absolute end
}

// Session is a single sign-on session that is alive.
type Session struct {
	IDHash                                     []byte
	SID, UserID, ProviderID                    string
	AuthTime, LastSeenAt, CreatedAt, ExpiresAt time.Time
	ACR                                        string
	AMR                                        []string
	UpstreamSID                                string
	User                                       User
}

// NewCode is an authorization code to issue.
type NewCode struct {
	Hash                          []byte
	RedirectURI, Challenge, Nonce string // Challenge "" only for a client exempted from PKCE
	ExpiresAt                     time.Time
}

// NewGrant is what a client gets, with the reasons, and the code that fetches it.
type NewGrant struct {
	ID, ClientID, ProviderID, SID string
	Scopes, Audience, Roles       []string
	Claims                        map[string]any
	Trace                         []byte // JSON
	Snapshot                      string
	AuthTime                      time.Time
	ACR                           string
	AMR                           []string
	Code                          NewCode
	RememberConsent               bool // keep (user, client, redirect host) → scopes
	RedirectHost                  string
}

// Grant is what a client was given.
type Grant struct {
	ID, UserID, ClientID, ProviderID, SID string
	Scopes, Audience, Roles               []string
	Claims                                map[string]any
	Trace                                 []byte
	Snapshot                              string
	AuthTime                              time.Time
	ACR                                   string
	AMR                                   []string
	Offline                               bool // survives sign-out
	CreatedAt, RevokedAt                  time.Time
	User                                  User
	Nonce                                 string // only from TakeCode
}

// SignIn is everything that one upstream login changes.
type SignIn struct {
	StateHash                   []byte
	StateExpires                time.Time
	ProviderID, Issuer, Subject string
	Claims                      map[string]any
	Create                      bool   // sign-up is allowed
	NewSubject                  string // random, for a user made now
	Name, Email                 string
	EmailVerified               bool
	Session                     NewSession
	EndSession                  []byte // hash of the browser's old session id, or nil
	Grant                       *NewGrant
}

// NewFamily asks for a refresh token.
type NewFamily struct {
	Offline        bool
	Idle, Absolute time.Duration
}

// TakeCode carries all bindings of a code.
type TakeCode struct {
	Hash                  []byte
	ClientID, RedirectURI string
	Challenge             string // S256 of the verifier, "" if none was sent
	Family                *NewFamily
}

// Taken is what a code gives.
type Taken struct {
	Grant        Grant
	RefreshToken string
}

// Refresh is a refresh token that was recognised.
type Refresh struct {
	FamilyID   string
	Generation int64
	Current    bool
	Offline    bool
	Grant      Grant
	Identity   Identity
}

// GrantUpdate is a decision made anew at refresh.
type GrantUpdate struct {
	Changed                 bool
	Scopes, Audience, Roles []string
	Claims                  map[string]any
	Trace                   []byte
	Snapshot                string
}

// StoredKey is a signing key at rest.
type StoredKey struct {
	ID, Alg, State                        string
	PKCS8                                 []byte
	CreatedAt, ActiveAt, RetireAt, GoneAt time.Time
}

// AuditRow says who did what.
type AuditRow struct {
	ID     string
	At     time.Time
	Actor  Actor
	Action string
	Target string // what it was done to, such as "grant:…"
	Detail map[string]string
}

// BindProvider ties a slug to an internal id and issuer for ever.
func (d *DB) BindProvider(ctx context.Context, a Actor, slug, issuer string) (id string, err error) {
	panic("soon")
}

// FindIdentity finds a person by what a provider calls them.
func (d *DB) FindIdentity(ctx context.Context, providerID, subject string) (*User, *Identity, error) {
	panic("soon")
}

// Identity returns a user's identity at a provider.
func (d *DB) Identity(ctx context.Context, userID, providerID string) (*Identity, error) {
	panic("soon")
}

// Identities lists a user's identities.
func (d *DB) Identities(ctx context.Context, userID string) ([]Identity, error) { panic("soon") }

// User returns a user by id.
func (d *DB) User(ctx context.Context, id string) (*User, error) { panic("soon") }

// UserBySubject returns a user by sub.
func (d *DB) UserBySubject(ctx context.Context, sub string) (*User, error) { panic("soon") }

// Users lists users, newest first.
func (d *DB) Users(ctx context.Context, limit int) ([]User, error) { panic("soon") }

// SetUserDisabled disables or enables a user.
func (d *DB) SetUserDisabled(ctx context.Context, a Actor, userID string, disabled bool) error {
	panic("soon")
}

// DeleteUser removes a user and everything of theirs.
func (d *DB) DeleteUser(ctx context.Context, a Actor, userID string) error { panic("soon") }

// SignIn writes one upstream login.
func (d *DB) SignIn(ctx context.Context, a Actor, in SignIn) (*Session, error) { panic("soon") }

// Session returns a live session.
func (d *DB) Session(ctx context.Context, idHash []byte, idle time.Duration) (*Session, error) {
	panic("soon")
}

// SessionsOf lists a user's live sessions.
func (d *DB) SessionsOf(ctx context.Context, userID string) ([]Session, error) { panic("soon") }

// TouchSession notes that the session was used.
func (d *DB) TouchSession(ctx context.Context, idHash []byte) error { panic("soon") }

// EndSession signs a person out.
func (d *DB) EndSession(ctx context.Context, a Actor, sid string) error { panic("soon") }

// IssueCode makes a grant and its code on a live session.
func (d *DB) IssueCode(ctx context.Context, a Actor, userID string, g NewGrant) error { panic("soon") }

// TakeCode redeems a code.
func (d *DB) TakeCode(ctx context.Context, a Actor, in TakeCode) (*Taken, error) { panic("soon") }

// FindRefresh recognises a refresh token.
func (d *DB) FindRefresh(ctx context.Context, raw, clientID string, grace time.Duration) (*Refresh, error) {
	panic("soon")
}

// RotateRefresh makes the successor.
func (d *DB) RotateRefresh(ctx context.Context, a Actor, r *Refresh, grace time.Duration, u GrantUpdate) (token string, err error) {
	panic("soon")
}

// Grant returns a live grant.
func (d *DB) Grant(ctx context.Context, id string) (*Grant, error) { panic("soon") }

// GrantByRefresh returns the grant of a refresh token.
func (d *DB) GrantByRefresh(ctx context.Context, raw string) (*Grant, error) { panic("soon") }

// RevokeGrant withdraws a grant.
func (d *DB) RevokeGrant(ctx context.Context, a Actor, id, reason string) error { panic("soon") }

// Consent returns the scopes a person agreed to.
func (d *DB) Consent(ctx context.Context, userID, clientID, redirectHost string) (scopes []string, err error) {
	panic("soon")
}

// Keys returns the signing keys and the generation to give to SaveKeys.
func (d *DB) Keys(ctx context.Context) (keys []StoredKey, generation int64, err error) {
	panic("soon")
}

// SaveKeys replaces the signing keys if nobody else did since Keys.
func (d *DB) SaveKeys(ctx context.Context, a Actor, generation int64, keys []StoredKey) error {
	panic("soon")
}

// Note writes an audit row for something that changed no other row.
func (d *DB) Note(ctx context.Context, a Actor, action, target string, detail map[string]string) error {
	panic("soon")
}

// Audit returns the newest audit rows.
func (d *DB) Audit(ctx context.Context, limit int) ([]AuditRow, error) { panic("soon") }

// Sweep deletes what has expired.
func (d *DB) Sweep(ctx context.Context) (int64, error) { panic("soon") }
