package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of one authorization request: generous to every real client, and
// checked before anything is split.
const (
	maxParams    = 40
	maxScope     = 1024
	maxScopes    = 50
	maxState     = 512
	maxHint      = 320
	maxResources = 10
	maxValue     = 4096
)

// AuthRequest is a checked authorization request (OpenID Connect Core §3.1.2.1).
// Its JSON names are short because it travels in a sealed cookie.
type AuthRequest struct {
	ClientID        string   `json:"c"`
	RedirectURI     string   `json:"u"`
	ResponseType    string   `json:"-"`
	ResponseMode    string   `json:"m,omitempty"`
	State           string   `json:"s,omitempty"`
	Nonce           string   `json:"n,omitempty"`
	Challenge       string   `json:"h,omitempty"`
	ChallengeMethod string   `json:"-"`
	Scopes          []string `json:"o,omitempty"`
	Resources       []string `json:"r,omitempty"`
	Prompt          []string `json:"p,omitempty"`
	ACRValues       []string `json:"a,omitempty"`
	MaxAge          *int64   `json:"x,omitempty"` // seconds
	LoginHint       string   `json:"l,omitempty"`
	IDTokenHint     string   `json:"-"`
	Provider        string   `json:"v,omitempty"`
	Display         string   `json:"-"`
	UILocales       string   `json:"i,omitempty"`
	ClaimsLocales   string   `json:"-"`
	Claims          string   `json:"-"`
}

// ParseClientAndRedirect reads the two values that decide whether anything may
// be redirected at all. Its errors are for a page, never for a redirect
// (RFC 6749 §4.1.2.1).
func ParseClientAndRedirect(q url.Values) (clientID, redirectURI string, err *Error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		switch values := q[name]; {
		case len(values) == 0 || values[0] == "":
			return "", "", E(InvalidRequest, name+" is missing")
		case len(values) > 1:
			return "", "", E(InvalidRequest, name+" is given more than once")
		case len(values[0]) > 2048 || !clean(values[0]):
			return "", "", E(InvalidRequest, name+" is malformed")
		}
	}
	return q.Get("client_id"), q.Get("redirect_uri"), nil
}

// CheckForm refuses what no honest client sends: too many parameters, one given
// twice (RFC 6749 §3.1; resource may repeat, RFC 8707 §2), or bytes that are not text.
func CheckForm(v url.Values, maxParams int) *Error {
	n := 0
	for name, values := range v {
		if n += len(values); n > maxParams {
			return E(InvalidRequest, "too many parameters")
		}
		if !clean(name) || len(name) > 64 {
			return E(InvalidRequest, "a parameter's name is malformed")
		}
		if len(values) > 1 && name != "resource" {
			return E(InvalidRequest, "a parameter is given more than once")
		}
		for _, value := range values {
			if !clean(value) || len(value) > maxValue*4 {
				return E(InvalidRequest, "a parameter is malformed")
			}
		}
	}
	return nil
}

// ParseAuthRequest checks everything but client and redirect URI; its errors may
// go back to the app. state is filled in even with an error, whenever it can be echoed.
func ParseAuthRequest(q url.Values, pkceRequired bool) (*AuthRequest, *Error) {
	r := &AuthRequest{ClientID: q.Get("client_id"), RedirectURI: q.Get("redirect_uri"), ResponseType: q.Get("response_type"),
		Nonce: q.Get("nonce"), Challenge: q.Get("code_challenge"), ChallengeMethod: q.Get("code_challenge_method"),
		LoginHint: q.Get("login_hint"), IDTokenHint: q.Get("id_token_hint"), Provider: q.Get("provider"),
		Display: q.Get("display"), UILocales: q.Get("ui_locales"), ClaimsLocales: q.Get("claims_locales"), Claims: q.Get("claims")}
	if s := q["state"]; len(s) == 1 && len(s[0]) <= maxState && clean(s[0]) {
		r.State = s[0]
	}
	if mode := q.Get("response_mode"); mode == "form_post" {
		r.ResponseMode = mode
	}
	for _, check := range []func(url.Values) *Error{checkParams, r.checkKinds, r.checkSizes, r.readScopes, r.readPrompt} {
		if err := check(q); err != nil {
			return r, err
		}
	}
	return r, r.checkPKCE(pkceRequired)
}

func checkParams(q url.Values) *Error { return CheckForm(q, maxParams) }

// checkKinds refuses flows we do not offer (OAuth 2.1; OpenID Connect Core §3.1.2.6).
func (r *AuthRequest) checkKinds(q url.Values) *Error {
	switch {
	case q.Has("request"):
		return E(RequestNotSupported, "request objects are not supported")
	case q.Has("request_uri"):
		return E(RequestURINotSupported, "request_uri is not supported")
	case q.Has("registration"):
		return E(RegistrationNotSupported, "registration is not supported")
	case r.ResponseType == "":
		return E(InvalidRequest, "response_type is missing")
	case r.ResponseType != "code":
		return E(UnsupportedResponseType, "only response_type=code is supported")
	}
	switch q.Get("response_mode") {
	case "", "query", "form_post":
		return nil
	}
	return E(InvalidRequest, "response_mode must be query or form_post")
}

func (r *AuthRequest) checkSizes(q url.Values) *Error {
	switch {
	case len(q.Get("state")) > maxState:
		return E(InvalidRequest, "state is longer than 512 bytes")
	case len(r.Nonce) > maxState:
		return E(InvalidRequest, "nonce is longer than 512 bytes")
	case len(r.LoginHint) > maxHint:
		return E(InvalidRequest, "login_hint is longer than 320 bytes")
	case len(r.IDTokenHint) > 8192:
		return E(InvalidRequest, "id_token_hint is too long")
	}
	r.Resources = q["resource"]
	if len(r.Resources) > maxResources {
		return E(InvalidTarget, "too many resources")
	}
	if s := q.Get("max_age"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 {
			return E(InvalidRequest, "max_age is not a number of seconds")
		}
		r.MaxAge = &n
	}
	return nil
}

func (r *AuthRequest) readScopes(q url.Values) *Error {
	scope := q.Get("scope")
	if len(scope) > maxScope || strings.Count(scope, " ") >= maxScopes {
		return E(InvalidRequest, "scope is too long")
	}
	for _, s := range strings.Fields(scope) {
		if !scopeToken(s) {
			return E(InvalidScope, "scope is malformed")
		}
		if !slices.Contains(r.Scopes, s) {
			r.Scopes = append(r.Scopes, s)
		}
	}
	r.ACRValues = strings.Fields(q.Get("acr_values"))
	if len(r.ACRValues) > maxScopes {
		return E(InvalidRequest, "acr_values is too long")
	}
	return nil
}

// scopeToken is RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E.
func scopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

func (r *AuthRequest) readPrompt(q url.Values) *Error {
	r.Prompt = strings.Fields(q.Get("prompt"))
	for _, p := range r.Prompt {
		switch p {
		case "none", "login", "consent", "select_account":
		default:
			return E(InvalidRequest, "prompt has an unknown value")
		}
	}
	if len(r.Prompt) > 1 && slices.Contains(r.Prompt, "none") {
		return E(InvalidRequest, "prompt=none stands alone")
	}
	return nil
}

// checkPKCE is RFC 7636 §4.4.1: S256 only, and a missing method would mean plain.
func (r *AuthRequest) checkPKCE(required bool) *Error {
	switch {
	case r.Challenge == "" && r.ChallengeMethod == "" && !required:
		return nil
	case r.Challenge == "":
		return E(InvalidRequest, "code_challenge is missing")
	case r.ChallengeMethod != "S256":
		return E(InvalidRequest, "code_challenge_method must be S256")
	case !ValidChallenge(r.Challenge):
		return E(InvalidRequest, "code_challenge is not an S256 challenge")
	}
	return nil
}

// Asks tells whether a prompt value was sent.
func (r *AuthRequest) Asks(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// clean refuses control characters, invalid UTF-8, byte order marks and
// direction overrides: none belongs in a protocol parameter.
func clean(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if c < 0x20 && c != '\t' || c == 0x7f || c == 0xfeff || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			return false
		}
	}
	return true
}
