package broker

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// userinfo tells an app about its user (OpenID Connect Core §5.3). Unlike an API's
// guard it asks the book: a revoked grant or a disabled user ends here at once.
func (b *Broker) userinfo(c *gin.Context) error {
	raw, err := presented(c)
	if err != nil {
		return err
	}
	claims, err := b.verifier.Access(c.Request.Context(), raw, b.name)
	if err != nil {
		return invalidToken("the access token is not valid", err)
	}
	g, client, err := b.liveGrant(c, claims)
	if err != nil {
		return err
	}
	scopes := left(claims, g, client)
	if !slices.Contains(scopes, "openid") {
		return &oauth.Error{Code: oauth.InsufficientScope, Description: "the openid scope is needed", Status: http.StatusForbidden}
	}
	answer := grant.UserInfo(g, client, scopes)
	if client.Explain {
		answer["handstamp_why"] = why(g)
	}
	writeJSON(c, http.StatusOK, answer)
	return nil
}

// liveGrant finds the grant behind an access token, if it is still worth something.
func (b *Broker) liveGrant(c *gin.Context, claims *tokens.Claims) (*storage.Grant, *directory.Client, error) {
	dir := b.dir.Load()
	if client, ok := b.desk.Client(dir.Snapshot, claims.ClientID); ok {
		rec(c).client = client.ID
		if !b.allowOrigin(c, client) {
			return nil, nil, invalidToken("this origin is not registered for the client", nil)
		}
	}
	g, client, err := b.grantBehind(c.Request.Context(), dir, claims)
	var dead worthless
	switch {
	case errors.As(err, &dead):
		return nil, nil, invalidToken("the access token was revoked", dead)
	case err != nil:
		return nil, nil, unavailable(err)
	}
	return g, client, nil
}

// presented reads the bearer token of a request: from the Authorization header, or
// from a form body, never from the query, and never from two places (RFC 6750 §2).
func presented(c *gin.Context) (string, error) {
	headers := c.Request.Header["Authorization"]
	var found []string
	for _, h := range headers {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t,") {
			return "", invalidToken("the Authorization header is not a bearer token", nil)
		}
		found = append(found, token)
	}
	if c.Request.Method == http.MethodPost && c.GetHeader("Content-Type") != "" {
		form, oerr := readForm(c)
		if oerr != nil {
			oerr.Status = http.StatusBadRequest
			return "", oerr
		}
		if form.Has("access_token") {
			found = append(found, form.Get("access_token"))
		}
	}
	switch len(found) {
	case 0:
		return "", &oauth.Error{Status: http.StatusUnauthorized} // RFC 6750 §3.1: no error code without a token
	case 1:
		return found[0], nil
	}
	return "", &oauth.Error{Code: oauth.InvalidRequest, Description: "the token is given more than once", Status: http.StatusBadRequest}
}

func invalidToken(description string, cause error) error {
	e := oauth.E(oauth.InvalidToken, description).Because(cause)
	e.Status = http.StatusUnauthorized
	return e
}

// gave is one rule that matched and what it gave.
type gave struct {
	Rule   string   `json:"rule"`
	Scopes []string `json:"scopes,omitempty"`
	Roles  []string `json:"roles,omitempty"`
}

// why lists which rule gave what, for apps that an admin lets see it.
func why(g *storage.Grant) []gave {
	var steps []mapping.Step
	if json.Unmarshal(g.Trace, &steps) != nil {
		return nil
	}
	out := []gave{}
	for _, s := range steps {
		if s.Matched {
			out = append(out, gave{s.Rule, s.Scopes, s.Roles})
		}
	}
	return out
}
