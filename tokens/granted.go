package tokens

import "time"

// Granted is what a grant has proved: who, for which app, at which audience,
// with which scopes. A grant makes one; only a Mint turns it into a token, so
// no grant can forget the audience, the lifetime or the reserved names.
type Granted struct {
	GrantID   string // goes into jti, so that a token leads back to its grant
	Subject   string
	ClientID  string
	SessionID string // sid, empty without a browser session

	Audience []string // at least one
	Scopes   []string
	Roles    []string
	Claims   map[string]any // more access-token claims; reserved names are stripped

	AuthTime time.Time // when the person last proved who they are
	ACR      string
	AMR      []string

	Alg Alg           // what the resource asked for; "" is ES256
	TTL time.Duration // 0 is the Mint's AccessTTL
}

// IDToken is what an ID token carries beyond Granted. ID tokens are lean: a
// claim is there because the client asked for it, never by default.
type IDToken struct {
	Nonce       string
	AccessToken string         // given beside it; becomes at_hash
	Claims      map[string]any // what id_token_claims of the client names; reserved names are stripped
	Alg         Alg            // what the client registered; "" is RS256
	TTL         time.Duration  // 0 is the Mint's IDTTL
}

// Claims are the verified claims of a token.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  []string
	ClientID  string // client_id, or azp of an ID token
	ID        string // jti
	SessionID string // sid
	Nonce     string
	Scopes    []string
	Roles     []string

	IssuedAt  time.Time
	ExpiresAt time.Time
	AuthTime  time.Time // zero when the token does not say
	ACR       string
	AMR       []string

	Extra map[string]any // every claim as it came, the ones above included

	notBefore time.Time
}

// MachineSubject is the sub of a client that acts for itself. No person's sub begins
// like it, so a client can never be taken for one (RFC 9700 §4.15).
func MachineSubject(clientID string) string { return "client:" + clientID }

// Machine tells whether the token is a client's own, with no person behind it.
func (c *Claims) Machine() bool {
	return c.ClientID != "" && c.Subject == MachineSubject(c.ClientID)
}
