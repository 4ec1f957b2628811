package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits of one authorization request: generous to every real client, and
// checked before anything is split.
const (
	maxParams    = 40
	maxURI       = 2048
	maxScope     = 1024
	maxScopes    = 50
	maxState     = 512
	maxHint      = 320
	maxIDHint    = 8192
	maxWord      = 64
	maxLocales   = 256
	maxResources = 10
	maxResource  = 512
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
	Place           string   `json:"w,omitempty"` // a page of our own that the person is on the way to; no request can name one
	Display         string   `json:"-"`
	UILocales       string   `json:"i,omitempty"`
	ClaimsLocales   string   `json:"-"`

	Claims *ClaimsRequest `json:"k,omitempty"`
}

// PlaceAccount is the Place of a person on the way to the account page. Such a request
// is the broker's own: it has neither client nor redirect URI.
const PlaceAccount = "account"

// PlaceLink is the Place of a person who adds a second way to sign in to their account.
const PlaceLink = "link"

// PlaceTest is the Place of a test sign-in, which ends in the console at RedirectURI.
const PlaceTest = "test"

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
		case len(values[0]) > maxURI || !clean(values[0]):
			return "", "", E(InvalidRequest, name+" is malformed")
		}
	}
	return q.Get("client_id"), q.Get("redirect_uri"), nil
}

// ParseAuthRequest checks everything but client and redirect URI; its errors may
// go back to the app. state is filled in even with an error, whenever it can be echoed.
func ParseAuthRequest(q url.Values, pkceRequired bool) (*AuthRequest, *Error) {
	r := &AuthRequest{ClientID: q.Get("client_id"), RedirectURI: q.Get("redirect_uri"), ResponseType: q.Get("response_type"),
		Nonce: q.Get("nonce"), Challenge: q.Get("code_challenge"), ChallengeMethod: q.Get("code_challenge_method"),
		LoginHint: q.Get("login_hint"), IDTokenHint: q.Get("id_token_hint"), Provider: q.Get("provider"),
		Display: q.Get("display"), UILocales: q.Get("ui_locales"), ClaimsLocales: q.Get("claims_locales")}
	if s := q["state"]; len(s) == 1 && len(s[0]) <= maxState && clean(s[0]) {
		r.State = s[0]
	}
	if mode := q.Get("response_mode"); mode == "form_post" {
		r.ResponseMode = mode
	}
	for _, check := range []func(url.Values) *Error{checkParams, r.checkKinds, r.checkSizes, r.readScopes, r.readPrompt, r.readClaims} {
		if err := check(q); err != nil {
			return r, err
		}
	}
	return r, r.checkPKCE(pkceRequired)
}

func checkParams(q url.Values) *Error { return checkForm(q, maxParams) }

// checkKinds refuses flows we do not offer (OAuth 2.1; OpenID Connect Core §3.1.2.6).
func (r *AuthRequest) checkKinds(q url.Values) *Error {
	switch {
	case q.Get("request") != "": // a parameter without a value counts as left out, RFC 6749 §3.1
		return E(RequestNotSupported, "request objects are not supported")
	case q.Get("request_uri") != "":
		return E(RequestURINotSupported, "request_uri is not supported")
	case q.Get("registration") != "":
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
	case len(r.IDTokenHint) > maxIDHint:
		return E(InvalidRequest, "id_token_hint is longer than 8192 bytes")
	case len(r.Provider) > maxWord, len(r.Display) > maxWord:
		return E(InvalidRequest, "provider or display is longer than 64 bytes")
	case len(r.UILocales) > maxLocales, len(r.ClaimsLocales) > maxLocales:
		return E(InvalidRequest, "ui_locales or claims_locales is longer than 256 bytes")
	}
	if s := q.Get("max_age"); s != "" {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return E(InvalidRequest, "max_age is not a number of seconds")
		}
		seconds := int64(n)
		r.MaxAge = &seconds
	}
	return r.readResources(q)
}

// readResources takes each resource once (RFC 8707 §2).
func (r *AuthRequest) readResources(q url.Values) *Error {
	var err *Error
	r.Resources, err = parseResources(q["resource"])
	return err
}

// parseResources reads the resource parameters of an authorization or token
// request: few, short, each once, empty ones left out (RFC 8707 §2).
func parseResources(values []string) ([]string, *Error) {
	if len(values) > maxResources {
		return nil, E(InvalidTarget, "more than 10 resources")
	}
	var resources []string
	for _, value := range values {
		if len(value) > maxResource {
			return nil, E(InvalidTarget, "a resource is longer than 512 bytes")
		}
		if value != "" && !slices.Contains(resources, value) {
			resources = append(resources, value)
		}
	}
	return resources, nil
}

func (r *AuthRequest) readScopes(q url.Values) *Error {
	var err *Error
	if r.Scopes, err = ParseScope(q.Get("scope")); err != nil {
		return err
	}
	acr := q.Get("acr_values")
	if len(acr) > maxState {
		return E(InvalidRequest, "acr_values is longer than 512 bytes")
	}
	r.ACRValues = words(acr)
	return nil
}

// ParseScope reads a scope parameter (RFC 6749 §3.3): measured before it is split,
// separated by spaces and nothing else, each scope once in the order asked.
func ParseScope(scope string) ([]string, *Error) {
	if len(scope) > maxScope {
		return nil, E(InvalidRequest, "scope is longer than 1024 bytes")
	}
	split := words(scope)
	if len(split) > maxScopes {
		return nil, E(InvalidRequest, "scope has more than 50 items")
	}
	var scopes []string
	for _, s := range split {
		if !ValidScope(s) {
			return nil, E(InvalidScope, "scope is malformed")
		}
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return scopes, nil
}

// words splits at spaces only: a tab or a no-break space is part of a word, and
// makes it an unknown one.
func words(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' })
}

// ValidScope tells whether a string can be one scope, RFC 6749 §3.3:
// 1*( %x21 / %x23-5B / %x5D-7E ).
func ValidScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

func (r *AuthRequest) readPrompt(q url.Values) *Error {
	r.Prompt = words(q.Get("prompt"))
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
	case !validChallenge(r.Challenge):
		return E(InvalidRequest, "code_challenge is not an S256 challenge")
	}
	return nil
}

// Asks tells whether a prompt value was sent.
func (r *AuthRequest) Asks(prompt string) bool { return slices.Contains(r.Prompt, prompt) }
