package persona

import (
	"encoding/json"
	"net/url"
	"sync"
)

// Fault is one way, or several, in which a persona misbehaves. The zero value
// is an honest provider. A test states what it wants and nothing else:
//
//	p.Faults().Set(persona.Fault{DropNonce: true})
//	p.Faults().Set(persona.Fault{Claims: persona.Claims{"sub": persona.Absent}})
//	p.Faults().Set(persona.Fault{At: persona.At{persona.Token: {Hang: true}}})
type Fault struct {
	// At breaks whole endpoints: silence, redirects, floods, dead lines.
	At At

	// The answer that the browser brings back.

	AuthorizeError       string     // every authorization request ends in this error code
	AuthorizeDescription string     // and this error_description
	Iss                  IssParam   // the iss response parameter, RFC 9207
	AdvertiseIss         Announce   // what discovery says about it
	DropState            bool       // no state
	WrongState           string     // another state
	DropCode             bool       // neither code nor error
	WrongCode            string     // a code that was never issued
	Extra                url.Values // added parameters; a name that is there already becomes a duplicate
	FormPost             bool       // comes by a cross-site POST though nobody asked for that

	// The answer of the token endpoint.

	TokenError    string          // an error code with its status of RFC 6749 §5.2
	Token200Error string          // an error code with HTTP 200, as some do
	FormEncoded   bool            // a form instead of JSON
	ExpiresIn     json.RawMessage // `"3600"`, `-1`, `1e400`, `"soon"`
	TokenType     *string         // another token_type; "" omits it
	DropIDToken   bool
	DropAccess    bool // no access_token
	DropRefresh   bool // no refresh_token, not even where one is due
	RawIDToken    string
	IgnorePKCE    bool // redeems a code whatever the verifier
	IgnoreSecret  bool // and whoever asks
	ReplayCodes   bool // and any number of times
	RefuseRefresh bool // every refresh is invalid_grant

	// The ID token.

	DropNonce  bool
	WrongNonce string
	Claims     Claims // other values; Absent removes one
	// AppendPayload is written into the payload after the honest members, for
	// what a map cannot say: `"sub":"victim"` a second time, `"SUB":"victim"`,
	// `"exp":1e400`.
	AppendPayload string
	Payload       func(honest []byte) []byte // edits the exact bytes that are signed
	Header        Claims                     // other JOSE header values; Absent removes one
	Forge         Forgery                    // how the signature lies

	// Userinfo, discovery, keys.

	UserInfo     Claims // other values; Absent removes one
	UserInfoJWT  string // a signed JWT for this audience instead of JSON
	GroupOverage bool   // groups only as _claim_names and _claim_sources, pointing to the canary
	Metadata     Claims // other members of the discovery document; Absent removes one
	ExtraKeys    int    // so many useless keys in front of the real ones
	DropKeys     bool   // a JWKS without keys
}

// Claims maps a name to the value that replaces the honest one.
type Claims map[string]any

type absent struct{}

// Absent, as a value of Claims, removes the member.
var Absent any = absent{}

// At maps an endpoint to how it is broken.
type At map[Endpoint]Break

// Break is how one endpoint fails before it did anything. Of the fields after
// Meanwhile the first that is set decides; with Meanwhile alone the endpoint
// answers honestly.
type Break struct {
	Meanwhile func() // runs when a request arrives: hang up, rotate keys, stop a clock

	Hang     bool   // accepts the request and says nothing until the caller gives up
	Cut      bool   // closes the connection without an answer
	Redirect string // sends the caller there, with Status or 307
	Flood    int64  // so many bytes of valid-looking JSON, -1 for ever
	Body     string // exactly this, with Status or 200 and ContentType or application/json
	Status   int    // an empty answer
	// ContentType of Body and Flood.
	ContentType string
}

// IssParam says what to do with the iss authorization response parameter. Any
// other text is sent as it is.
type IssParam string

// Ways to treat iss; the zero value is what the vendor does: Google sends it,
// Okta and Auth0 don't.
const (
	IssHonest IssParam = "honest" // sent, also where the vendor does not
	IssDrop   IssParam = "drop"
	IssEmpty  IssParam = "empty" // iss=
	IssTwice  IssParam = "twice" // the honest value two times
)

// Announce overrides a boolean of the discovery document.
type Announce int

// What discovery says; the zero value is what the vendor says.
const (
	AsVendor Announce = iota
	Yes
	No
)

// Faults is the switchboard of one persona. It is safe for concurrent use;
// a change holds from the next request on.
type Faults struct {
	p *Persona

	mu  sync.RWMutex
	now Fault
}

// Set replaces the faults.
func (f *Faults) Set(x Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = x
}

// Change edits the faults in place, for a fault that comes on top of others.
func (f *Faults) Change(edit func(*Fault)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit(&f.now)
}

// Reset makes the persona honest again.
func (f *Faults) Reset() { f.Set(Fault{}) }

// Current is what is set now.
func (f *Faults) Current() Fault {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.now
}

// RotateKeys signs with a new key from now on; the old one stays published, as
// in an orderly rotation. Set between authorize and token it is a rotation in
// the middle of a login.
func (f *Faults) RotateKeys() { f.p.keys.rotate() }

// WithdrawOldKeys unpublishes every key but the one that signs.
func (f *Faults) WithdrawOldKeys() { f.p.keys.withdraw() }

// SwapKeySameID signs with new key material under the old key id.
func (f *Faults) SwapKeySameID() { f.p.keys.swap() }
