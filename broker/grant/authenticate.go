package grant

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
)

// Authenticate finds the client of a token, revocation or introspection request
// and checks how it proves itself: by HTTP Basic, by the body, or, for a public
// client, by its name alone (RFC 6749 §2.3.1). Credentials in the query never
// count. An unknown client costs the same comparison as a known one.
func Authenticate(snap *directory.Snapshot, authorization []string, form url.Values) (*directory.Client, *oauth.Error) {
	id, secret, method, err := credentials(authorization, form)
	if err != nil {
		return nil, err
	}
	c, known := snap.Client(id)
	if !known {
		directory.UnknownClient.SecretMatches(secret)
		return nil, refused("unknown client " + quote(id))
	}
	switch {
	case c.Public && method == "none":
	case c.Public:
		return nil, refused("public client " + c.ID + " sent a secret")
	case method == "none":
		return nil, refused("client " + c.ID + " sent no secret")
	case !c.SecretMatches(secret):
		return nil, refused("wrong secret of client " + c.ID)
	case c.AuthMethod != "" && c.AuthMethod != method:
		return nil, refused("client " + c.ID + " is registered for " + c.AuthMethod + ", not " + method)
	}
	if c.Disabled {
		return nil, refused("client " + c.ID + " is disabled")
	}
	return c, nil
}

// Named returns the client a request claims to come from, before anything is proven.
func Named(authorization []string, form url.Values) string {
	id, _, _, err := credentials(authorization, form)
	if err != nil {
		return ""
	}
	return id
}

// credentials reads the one mechanism used; two at once are refused (RFC 6749 §2.3).
func credentials(authorization []string, form url.Values) (id, secret, method string, err *oauth.Error) {
	id, secret, method = form.Get("client_id"), form.Get("client_secret"), "none"
	if form.Has("client_secret") {
		method = "client_secret_post"
	}
	if len(authorization) > 1 {
		return "", "", "", oauth.E(oauth.InvalidRequest, "more than one Authorization header")
	}
	if len(authorization) == 1 {
		scheme, rest, _ := strings.Cut(authorization[0], " ")
		if !strings.EqualFold(scheme, "Basic") {
			return "", "", "", refused("Authorization scheme other than Basic")
		}
		if method == "client_secret_post" {
			return "", "", "", oauth.E(oauth.InvalidRequest, "the client authenticates in two ways at once")
		}
		bid, bsecret, ok := basic(rest)
		if !ok {
			return "", "", "", refused("unreadable Basic credentials")
		}
		if id != "" && id != bid {
			return "", "", "", oauth.E(oauth.InvalidRequest, "client_id differs from the Authorization header")
		}
		id, secret, method = bid, bsecret, "client_secret_basic"
	}
	if id == "" {
		return "", "", "", refused("no client_id")
	}
	return id, secret, method, nil
}

// basic decodes the two form-urlencoded parts (RFC 6749 §2.3.1).
func basic(encoded string) (id, secret string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) > 4096 {
		return "", "", false
	}
	user, pass, ok := strings.Cut(string(raw), ":")
	if !ok {
		return "", "", false
	}
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(pass)
	return id, secret, err1 == nil && err2 == nil
}

type reason string

func (r reason) Error() string { return string(r) }

func refused(why string) *oauth.Error {
	e := oauth.E(oauth.InvalidClient, "client authentication failed").Because(reason(why))
	e.Status = 401
	return e
}

func quote(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "?")
}
