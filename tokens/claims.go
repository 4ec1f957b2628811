package tokens

import (
	"encoding/base64"
	"math"
	"strings"
	"time"
)

// GrantID is the grant that the token came from: its jti up to the last dot, or
// "" when it came from none.
func (c *Claims) GrantID() string {
	if i := strings.LastIndexByte(c.ID, '.'); i >= 0 {
		return c.ID[:i]
	}
	return ""
}

// header is what we admit in a JOSE header.
type header struct{ alg, typ, kid string }

// readHeader reads the first part of a token. Exactly alg, typ and kid may be in
// it: a crit that we do not know must be refused (RFC 7515 §4.1.11), a jku, jwk,
// x5u or x5c would let a token bring its own key (RFC 8725 §3.10), zip and b64
// change what is signed, and our own tokens have none of them.
func readHeader(raw string) (h header, err error) {
	if !compact(raw) {
		return h, refused("it is no signed JWT")
	}
	first, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return h, refused("its header is not base64url")
	}
	members, err := strictObject(b)
	if err != nil {
		return h, refused("its header is not strict JSON")
	}
	for name, value := range members {
		text, ok := value.(string)
		if !ok || text == "" {
			return h, refused("its header has an odd member")
		}
		switch name {
		case "alg":
			h.alg = text
		case "typ":
			h.typ = text
		case "kid":
			h.kid = text
		default:
			return h, refused("its header has a member that is not allowed")
		}
	}
	if h.kid == "" || len(h.kid) > 128 {
		return h, refused("its kid is missing or too long")
	}
	return h, nil
}

// compact checks the outer form of a JWS (RFC 7515 §3.1): three parts of base64url
// (a JWE has five). Go's decoder skips line breaks, in strict mode too, so that a
// token would have as many spellings as one likes.
func compact(raw string) bool {
	dots := 0
	for i := range len(raw) {
		switch c := raw[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.':
			dots++
		default:
			return false
		}
	}
	return dots == 2
}

// readClaims reads the claims of a token whose signature is verified, and
// requires those that every token of ours has.
func readClaims(b []byte) (*Claims, error) {
	all, err := strictObject(b)
	if err != nil {
		return nil, refused("its claims are not strict JSON")
	}
	r := reader{all: all}
	c := &Claims{
		Issuer:    r.text("iss"),
		Subject:   r.text("sub"),
		Audience:  r.listOrOne("aud"),
		ClientID:  r.text("client_id"),
		ID:        r.text("jti"),
		SessionID: r.text("sid"),
		Nonce:     r.text("nonce"),
		Scopes:    strings.Fields(r.text("scope")),
		Roles:     r.list("roles"),
		IssuedAt:  r.time("iat"),
		ExpiresAt: r.time("exp"),
		AuthTime:  r.time("auth_time"),
		ACR:       r.text("acr"),
		AMR:       r.list("amr"),
		Extra:     all,
		notBefore: r.time("nbf"),
	}
	if azp := r.text("azp"); c.ClientID == "" {
		c.ClientID = azp
	}
	switch {
	case r.odd != "":
		return nil, refused(r.odd + " has the wrong type")
	case c.Subject == "" || len(c.Subject) > 255: // OpenID Connect Core §2
		return nil, refused("sub is missing or too long")
	case len(c.Audience) == 0:
		return nil, refused("aud is missing")
	case c.ExpiresAt.IsZero():
		return nil, refused("exp is missing")
	case c.IssuedAt.IsZero():
		return nil, refused("iat is missing")
	}
	return c, nil
}

// reader takes claims by name and type. It remembers the first that has another
// type; one that is absent is zero.
type reader struct {
	all map[string]any
	odd string
}

func (r *reader) text(name string) string {
	value, there := r.all[name]
	text, ok := value.(string)
	if there && !ok {
		r.fault(name)
	}
	return text
}

func (r *reader) list(name string) []string {
	value, there := r.all[name]
	if !there {
		return nil
	}
	items, ok := value.([]any)
	if !ok {
		r.fault(name)
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			r.fault(name)
		}
		list = append(list, text)
	}
	return list
}

func (r *reader) listOrOne(name string) []string {
	if text, ok := r.all[name].(string); ok {
		return []string{text}
	}
	return r.list(name)
}

// lastSecond is the end of the year 9999, after which Go's times stop being dates.
const lastSecond = 253402300799

func (r *reader) time(name string) time.Time {
	value, there := r.all[name]
	if !there {
		return time.Time{}
	}
	seconds, ok := value.(float64)
	if !ok || !(seconds >= 1 && seconds <= lastSecond) {
		r.fault(name)
		return time.Time{}
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC()
}

func (r *reader) fault(name string) {
	if r.odd == "" {
		r.odd = name
	}
}
