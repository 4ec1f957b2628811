package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// Refusal says why a request is not let through, and how to answer it (RFC 6750 §3).
type Refusal struct {
	Status      int           // 400, 401, 403 or 503
	Code        string        // invalid_token, insufficient_scope, insufficient_user_authentication, … for programs
	Description string        // one sentence for a developer; nothing of the request is in it
	Challenge   string        // the WWW-Authenticate header, "" with 503
	RetryAfter  time.Duration // with 503
	Cause       error         // for the log; nil when there was no token to check
}

// Error is the description and its cause.
func (r *Refusal) Error() string {
	if r.Cause != nil {
		return r.Description + ": " + r.Cause.Error()
	}
	return r.Description
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Write answers a request with the refusal: status, headers, and a small JSON body
// with error and error_description.
func (r *Refusal) Write(w http.ResponseWriter) {
	h := w.Header()
	if r.Challenge != "" {
		h.Set("WWW-Authenticate", r.Challenge)
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	w.WriteHeader(r.Status)
	body, _ := json.Marshal(struct { // two strings: it cannot fail
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{r.Code, r.Description})
	w.Write(append(body, '\n'))
}

// The words for programs. missingToken is ours and only in the body: RFC 6750 §3.1
// wants no error in the challenge when the request brought no token.
const (
	missingToken  = "missing_token"
	invalidReq    = "invalid_request"
	invalidTok    = "invalid_token"
	tooFewScopes  = "insufficient_scope"
	weakSignIn    = "insufficient_user_authentication" // RFC 9470 §3
	tryAgainLater = "temporarily_unavailable"
)

func noToken() *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: missingToken, Description: "send an access token as Authorization: Bearer"}
}

func malformed(why string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: invalidReq, Description: why}
}

func insufficientScope() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: tooFewScopes, Description: "the access token does not have the scopes that this needs"}
}

// explain turns an error of Verify into a refusal. A failure that is not the
// token's fault is never called invalid_token: the client would throw it away.
func explain(err error) *Refusal {
	r := &Refusal{Status: http.StatusUnauthorized, Code: invalidTok, Cause: err}
	switch {
	case errors.Is(err, tokens.ErrExpired):
		r.Description = "the access token has expired"
	case errors.Is(err, tokens.ErrAudience):
		r.Description = "the access token is for another audience"
	case errors.Is(err, tokens.ErrInvalid):
		r.Description = "the access token is not valid"
	default:
		r.Status, r.Code, r.Description = http.StatusServiceUnavailable, tryAgainLater, "access tokens cannot be checked at the moment"
		r.RetryAfter = tokens.RetryAfter(err)
	}
	return r
}

// refuse counts a refusal and writes its challenge.
func (g *Guard) refuse(r *Refusal, need *needs) *Refusal {
	switch r.Code {
	case missingToken, invalidReq:
		g.count.missing.Add(1)
	case weakSignIn:
		g.count.tooWeak.Add(1)
	default:
		g.count.failed(r.Status)
	}
	if r.Status == http.StatusServiceUnavailable {
		return r
	}
	var b strings.Builder
	b.WriteString("Bearer ")
	sep := ""
	param := func(name, value string) { // values have no quotes: New, Require and we saw to it
		if value != "" {
			fmt.Fprintf(&b, `%s%s="%s"`, sep, name, value)
			sep = ", "
		}
	}
	param("realm", g.realm)
	if r.Code != missingToken {
		param("error", r.Code)
		param("error_description", r.Description)
	}
	param("scope", strings.Join(need.scopes, " "))
	if r.Code == weakSignIn {
		need.stepUp(param)
	}
	r.Challenge = strings.TrimSpace(b.String())
	return r
}

// mustScopes copies scopes, each of which must be a scope-token (RFC 6749 §3.3).
func mustScopes(scopes []string) []string {
	for _, scope := range scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r == ' ' || notQuotable(r) }) {
			panic(fmt.Sprintf("guard: %q is not one scope (RFC 6749 §3.3)", scope))
		}
	}
	return append([]string(nil), scopes...)
}

// notQuotable tells which characters a quoted parameter of ours may not have.
func notQuotable(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
