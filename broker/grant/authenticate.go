package grant

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/tokens"
)

// Authenticate finds the client of a token, revocation or introspection request
// and checks how it proves itself: by HTTP Basic, by the body, by a signed assertion
// (RFC 7523), or, for a public client, by its name alone (RFC 6749 §2.3.1). Credentials
// in the query never count. An unknown client costs the same comparison, or signature
// check, as a known one.
func (d *Desk) Authenticate(ctx context.Context, snap *directory.Snapshot, authorization []string, form url.Values) (*directory.Client, *oauth.Error) {
	cred, err := readCredentials(authorization, form)
	if err != nil {
		return nil, err
	}
	c, known := d.Client(snap, cred.id)
	if cred.method == directory.AuthKey {
		if err := d.Assertions.prove(ctx, snap, c, cred.assertion); err != nil {
			return nil, err
		}
	} else if err := checkSecret(c, known, cred); err != nil {
		return nil, err
	}
	if !known || c.Disabled {
		return nil, refused("client " + quote(cred.id) + " is disabled")
	}
	return c, nil
}

// checkSecret compares what was sent with what the client must send.
func checkSecret(c *directory.Client, known bool, cred credentials) *oauth.Error {
	if !known {
		directory.UnknownClient.SecretMatches(cred.secret)
		return refused("unknown client " + quote(cred.id))
	}
	switch {
	case c.Public && cred.method == directory.AuthNone:
	case c.Public:
		return refused("public client " + c.ID + " sent a secret")
	case cred.method == directory.AuthNone:
		return refused("client " + c.ID + " sent no secret")
	case !c.SecretMatches(cred.secret):
		return refused("wrong secret of client " + c.ID)
	case c.AuthMethod != "" && c.AuthMethod != cred.method:
		return refused("client " + c.ID + " is registered for " + c.AuthMethod + ", not " + cred.method)
	}
	return nil
}

// AuthMethods are the ways in which a client may authenticate, for discovery.
func AuthMethods() []string {
	return []string{directory.AuthBasic, directory.AuthPost, directory.AuthKey, directory.AuthNone}
}

// Named returns the client a request claims to come from, before anything is proven.
func Named(authorization []string, form url.Values) string {
	cred, err := readCredentials(authorization, form)
	if err != nil {
		return ""
	}
	return cred.id
}

// credentials are what a request shows of its client, by one method.
type credentials struct{ id, secret, assertion, method string }

// readCredentials reads the one mechanism used; two at once are refused (RFC 6749 §2.3).
func readCredentials(authorization []string, form url.Values) (credentials, *oauth.Error) {
	cred := credentials{id: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion"), method: directory.AuthNone}
	var ways int
	if form.Has("client_secret") {
		cred.method = directory.AuthPost
		ways++
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		cred.method = directory.AuthKey
		ways++
	}
	if len(authorization) > 1 {
		return credentials{}, oauth.E(oauth.InvalidRequest, "more than one Authorization header")
	}
	if len(authorization) == 1 {
		scheme, rest, _ := strings.Cut(authorization[0], " ")
		if !strings.EqualFold(scheme, "Basic") {
			return credentials{}, refused("Authorization scheme other than Basic")
		}
		id, secret, ok := basic(rest)
		if ways == 0 && !ok {
			return credentials{}, refused("unreadable Basic credentials")
		}
		if ways == 0 && cred.id != "" && cred.id != id {
			return credentials{}, oauth.E(oauth.InvalidRequest, "client_id differs from the Authorization header")
		}
		cred.id, cred.secret, cred.method = id, secret, directory.AuthBasic
		ways++
	}
	if ways > 1 {
		return credentials{}, oauth.E(oauth.InvalidRequest, "the client authenticates in two ways at once")
	}
	if cred.method == directory.AuthKey {
		if err := cred.readAssertion(form.Get("client_assertion_type")); err != nil {
			return credentials{}, err
		}
	}
	if cred.id == "" {
		return credentials{}, refused("no client_id")
	}
	return cred, nil
}

// readAssertion finds whom an assertion claims to come from. client_id may be left out,
// and must be the same where it is there (RFC 7521 §4.2).
func (cred *credentials) readAssertion(kind string) *oauth.Error {
	if kind != jwtBearer {
		return refused("client_assertion_type is another one than " + jwtBearer)
	}
	sub := tokens.UnverifiedSubject(cred.assertion)
	if cred.id != "" && cred.id != sub {
		return refused("client_id is not the sub of the assertion")
	}
	cred.id = sub
	return nil
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
