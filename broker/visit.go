package broker

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/storage"
)

// visit is one person at the door on behalf of one app. It holds the directory
// that the request took once, so that a change of settings cannot fall between
// two steps of it.
type visit struct {
	dir     *Directory
	client  *directory.Client
	request *oauth.AuthRequest
	hint    string // subject that id_token_hint named, or ""
}

// expects tells whether the app would take this person: one who is named by
// id_token_hint, or by a sub with a value in the claims parameter, or anybody.
func (v *visit) expects(subject string) bool {
	return (v.hint == "" || v.hint == subject) && v.request.SubjectSuffices(subject)
}

// revisit finds the client of a transaction again: it may have been disabled, or
// have lost a redirect URI, since the person left.
func (b *Broker) revisit(c *gin.Context, request *oauth.AuthRequest, hint string) (*visit, error) {
	v := &visit{dir: b.dir.Load(), request: request, hint: hint}
	rec(c).locales = request.UILocales
	if v.tests() {
		v.client = testClient
		rec(c).trace.visits(v)
		return v, nil
	}
	if v.own() {
		v.client = v.dir.Account()
		rec(c).trace.visits(v)
		return v, nil
	}
	var err error
	v.client, err = b.welcome(c, v.dir, request.ClientID, request.RedirectURI)
	if err == nil {
		rec(c).trace.visits(v)
	}
	return v, err
}

// welcome checks the two things that must hold before anything may be redirected:
// the client exists and is enabled, and the redirect URI is its own (RFC 6749 §4.1.2.1).
func (b *Broker) welcome(c *gin.Context, dir *Directory, clientID, redirectURI string) (*directory.Client, error) {
	client, known := b.desk.Client(dir.Snapshot, clientID)
	if !known || client.Disabled {
		return nil, refuse(400, "The app that sent you here is not known to this sign-in service.", reason("unknown or disabled client "+door.Cut(clientID)))
	}
	rec(c).client = client.ID
	b.begin(c, client.ID)
	if !oauth.MatchRedirect(b.redirectURIs(client), redirectURI) {
		return nil, refuse(400, "The app asked to send you to an address that is not registered for it.", reason("redirect_uri is not registered: "+door.Cut(redirectURI)))
	}
	return client, nil
}

// app is what pages say about the client.
func (v *visit) app() page.App {
	return page.App{Name: nameOf(v.client), Logo: v.client.Logo, PolicyURI: v.client.PolicyURI, TOSURI: v.client.TOSURI, Accent: v.client.Accent}
}

func nameOf(c *directory.Client) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// nameOfPerson is what pages call the person.
func nameOfPerson(u storage.User) string {
	switch {
	case u.Name != "" && u.Email != "":
		return u.Name + " (" + u.Email + ")"
	case u.Name != "":
		return u.Name
	case u.Email != "":
		return u.Email
	}
	return "this account"
}

// link returns the address that repeats this visit's request with some parameters
// changed; an empty value removes one. It is how pages lead on: every such link is
// an authorization request like any other and trusts nothing from the page before.
func (b *Broker) link(r *oauth.AuthRequest, changes ...string) string {
	switch r.Place {
	case oauth.PlaceTest:
		return r.RedirectURI // begun in the console, begun again there
	case oauth.PlaceAccount, oauth.PlaceLink:
		return b.accountLink(changes...)
	}
	q := url.Values{"client_id": {r.ClientID}, "redirect_uri": {r.RedirectURI}, "response_type": {"code"}}
	for name, value := range map[string]string{"response_mode": r.ResponseMode, "state": r.State, "nonce": r.Nonce, "scope": strings.Join(r.Scopes, " "),
		"prompt": strings.Join(r.Prompt, " "), "acr_values": strings.Join(r.ACRValues, " "), "login_hint": r.LoginHint,
		"id_token_hint": r.IDTokenHint, "provider": r.Provider, "ui_locales": r.UILocales, "display": r.Display, "claims": r.Claims.String()} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if r.Challenge != "" {
		q.Set("code_challenge", r.Challenge)
		q.Set("code_challenge_method", "S256")
	}
	if r.MaxAge != nil {
		q.Set("max_age", strconv.FormatInt(*r.MaxAge, 10))
	}
	if len(r.Resources) > 0 {
		q["resource"] = r.Resources
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return b.path("/authorize?" + q.Encode())
}

// cancel is where a person goes who changes their mind: back to the app.
func (b *Broker) cancel(r *oauth.AuthRequest) string {
	switch r.Place {
	case oauth.PlaceTest:
		return r.RedirectURI
	case oauth.PlaceAccount, oauth.PlaceLink:
		return "" // they came from nowhere
	}
	return b.responseURL(r, url.Values{"error": {oauth.AccessDenied}, "error_description": {"the person cancelled"}})
}

// without returns the prompt parameter less one value.
func without(r *oauth.AuthRequest, prompt string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(r.Prompt), func(p string) bool { return p == prompt }), " ")
}

// reason is a cause in fixed words, for the operator.
type reason string

func (r reason) Error() string { return string(r) }
