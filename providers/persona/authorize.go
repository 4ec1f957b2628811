package persona

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authRequest is an authorization request that passed the checks.
type authRequest struct {
	redirectURI, state, nonce   string
	responseMode                string
	scopes                      []string
	prompt                      []string
	challenge, challengeMethod  string
	loginHint, hd, organization string
	accessType, audience        string
	maxAge                      *int64
	class                       *class // of acr_values; nil: none that the vendor knows
}

func (r *authRequest) has(scope string) bool   { return slices.Contains(r.scopes, scope) }
func (r *authRequest) asks(prompt string) bool { return slices.Contains(r.prompt, prompt) }

// requestError is what is wrong with an authorization request, and whether it
// may be told to the client or only to the person.
type requestError struct {
	code, description string
	onPage            bool
}

// authorize answers an authorization request: with the sign-in page, with a
// code for the person who is signed in already, or with an error.
func (p *Persona) authorize(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	req, bad := p.readAuthRequest(r.Form)
	if bad != nil {
		p.refuseRequest(w, r, req, bad)
		return
	}
	if f := p.faults.Current(); f.AuthorizeError != "" {
		p.sendBack(w, r, req, url.Values{"error": {f.AuthorizeError}, "error_description": {f.AuthorizeDescription}})
		return
	}

	here, user, signedIn := p.sessionOf(r)
	switch {
	case req.asks("none") && !(signedIn && p.fits(req, here, user)):
		p.sendBack(w, r, req, url.Values{"error": {"login_required"}})
	case signedIn && p.fits(req, here, user) && (req.asks("none") || len(req.prompt) == 0):
		p.answer(w, r, req, user, here)
	default:
		p.showSignIn(w, r, http.StatusOK, req, "")
	}
}

// signIn takes the press of a button on the sign-in page. The page's form
// carries the authorization request in its address, so it is read again here:
// nothing was remembered, and the back button works.
func (p *Persona) signIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	req, bad := p.readAuthRequest(r.URL.Query())
	if bad != nil {
		p.refuseRequest(w, r, req, bad)
		return
	}
	if r.PostForm.Has("cancel") {
		p.sendBack(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {"The person cancelled the sign-in."}})
		return
	}
	user, ok := p.User(r.PostForm.Get("user"))
	if !ok {
		p.showSignIn(w, r, http.StatusBadRequest, req, "There is no such person here.")
		return
	}
	if user.Disabled {
		code, description := p.vendor.disabled()
		if code == "" {
			p.showSignIn(w, r, http.StatusForbidden, req, description)
			return
		}
		p.sendBack(w, r, req, url.Values{"error": {code}, "error_description": {description}})
		return
	}
	// Auth0: only members of the organization that was asked for come in.
	if req.organization != "" && req.organization != user.Organization {
		p.sendBack(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {"user " + user.Subject + " is not part of the " + req.organization + " organization"}})
		return
	}
	if user.OneFactor && req.needs() > 1 {
		p.sendBack(w, r, req, url.Values{"error": {"unmet_authentication_requirements"}, "error_description": {"The person cannot satisfy the acr_values."}})
		return
	}
	p.answer(w, r, req, user, p.startSession(w, user, req.needs()))
}

// readAuthRequest checks in the order that matters: until the client and its
// redirect URI are known, nothing may be sent back (RFC 6749 §4.1.2.1).
func (p *Persona) readAuthRequest(q url.Values) (*authRequest, *requestError) {
	req := &authRequest{redirectURI: q.Get("redirect_uri"), state: q.Get("state")}
	p.mu.Lock()
	registered := p.redirects[req.redirectURI]
	p.mu.Unlock()
	switch {
	case len(q["client_id"]) > 1 || len(q["redirect_uri"]) > 1:
		return req, &requestError{"invalid_request", "OAuth 2 parameters can only have a single value: client_id, redirect_uri", true}
	case q.Get("client_id") != p.clientID:
		return req, &requestError{"invalid_client", fmt.Sprintf("The client_id %q is not known here; this persona knows %q.", q.Get("client_id"), p.clientID), true}
	case !registered:
		return req, &requestError{"redirect_uri_mismatch", fmt.Sprintf("The redirect_uri %q is not registered. It must be equal to a registered one, byte by byte.", req.redirectURI), true}
	}
	fail := func(code, format string, args ...any) (*authRequest, *requestError) {
		return req, &requestError{code, fmt.Sprintf(format, args...), p.vendor.errorsOnPage}
	}
	for name, values := range q {
		if len(values) > 1 {
			return fail("invalid_request", "OAuth 2 parameters can only have a single value: %s", name)
		}
	}

	switch mode := q.Get("response_mode"); mode {
	case "", "query", "form_post":
		req.responseMode = mode
	default:
		return fail("invalid_request", "The response_mode %q is not supported.", mode)
	}
	switch t := q.Get("response_type"); t {
	case "code":
	case "":
		return fail("invalid_request", "The response_type is missing.")
	default:
		return fail("unsupported_response_type", "The response_type %q is not supported.", t)
	}
	if p.vendor.needsState && req.state == "" {
		return fail("invalid_request", "The authentication request has an invalid 'state' parameter.")
	}

	req.scopes = strings.Fields(q.Get("scope"))
	if len(req.scopes) == 0 {
		return fail("invalid_scope", "The scope is missing.")
	}
	if p.vendor.strictScopes {
		for _, s := range req.scopes {
			if !slices.Contains(p.vendor.scopes, s) {
				return fail("invalid_scope", "The scope %q is not known here.", s)
			}
		}
	}

	req.prompt = strings.Fields(q.Get("prompt"))
	for _, word := range req.prompt {
		if !slices.Contains(p.vendor.prompts, word) {
			return fail("invalid_request", "Invalid parameter value for prompt: Invalid prompt: %s", word)
		}
	}
	// OIDC Core §3.1.2.1: none stands alone.
	if req.asks("none") && len(req.prompt) > 1 {
		return fail("invalid_request", "The prompt none goes with no other.")
	}

	if age := q.Get("max_age"); age != "" && p.vendor.honoursAge {
		n, err := strconv.ParseInt(age, 10, 64)
		if err != nil || n < 0 {
			return fail("invalid_request", "The max_age is no number of seconds.")
		}
		req.maxAge = &n
	}

	req.class = p.vendor.classOf(q.Get("acr_values"))

	// RFC 7636 §4.3: without a method, plain is meant.
	req.challenge, req.challengeMethod = q.Get("code_challenge"), q.Get("code_challenge_method")
	if req.challenge != "" && req.challengeMethod == "" {
		req.challengeMethod = "plain"
	}
	switch {
	case req.challenge == "" && req.challengeMethod == "":
	case req.challenge == "":
		return fail("invalid_request", "A code_challenge_method without a code_challenge.")
	case len(req.challenge) < 43 || len(req.challenge) > 128:
		return fail("invalid_request", "The code_challenge must have 43 to 128 characters.")
	case req.challengeMethod == "S256":
	case req.challengeMethod == "plain" && p.vendor.plainPKCE:
	default:
		return fail("invalid_request", "The code_challenge_method %q is not supported.", req.challengeMethod)
	}

	req.nonce = q.Get("nonce")
	req.loginHint, req.hd = q.Get("login_hint"), q.Get("hd")
	req.accessType, req.audience = q.Get("access_type"), q.Get("audience")
	if p.vendor.kind == KindAuth0 {
		req.organization = q.Get("organization")
	}
	return req, nil
}

// refuseRequest answers a faulty request: on the page where nobody can be
// trusted with the answer, or where the vendor does so.
func (p *Persona) refuseRequest(w http.ResponseWriter, r *http.Request, req *authRequest, bad *requestError) {
	if bad.onPage {
		p.showError(w, http.StatusBadRequest, bad.code, bad.description)
		return
	}
	p.sendBack(w, r, req, url.Values{"error": {bad.code}, "error_description": {bad.description}})
}

// fits tells whether the person who is signed in already answers the request.
func (p *Persona) fits(req *authRequest, s session, u User) bool {
	switch {
	case u.Disabled:
		return false
	case req.maxAge != nil && p.now().Sub(s.at) > time.Duration(*req.maxAge)*time.Second:
		return false
	case req.maxAge != nil && *req.maxAge == 0:
		return false
	case s.level < req.needs():
		return false
	case req.loginHint != "" && !u.answersTo(req.loginHint):
		return false
	case req.organization != "" && req.organization != u.Organization:
		return false
	}
	return true
}

func (u User) answersTo(hint string) bool {
	return strings.EqualFold(hint, u.Email) || hint == u.Subject || hint == u.ID
}

// answer issues a code.
func (p *Persona) answer(w http.ResponseWriter, r *http.Request, req *authRequest, u User, s session) {
	g := &given{
		user: u.ID, subject: u.Subject, req: *req,
		sessionID: s.id, authTime: s.at, issuedAt: p.now(),
		offline: p.vendor.offline(p, req, u),
	}
	code := p.vendor.newCode()
	p.mu.Lock()
	p.state.codes.put(code, g)
	p.mu.Unlock()

	q := url.Values{"code": {code}}
	if p.vendor.callback != nil {
		p.vendor.callback(req, u, q)
	}
	f := p.faults.Current()
	if f.WrongCode != "" {
		q.Set("code", f.WrongCode)
	}
	if f.DropCode {
		q.Del("code")
	}
	p.sendBack(w, r, req, q)
}

// sendBack brings the browser back to the client.
func (p *Persona) sendBack(w http.ResponseWriter, r *http.Request, req *authRequest, q url.Values) {
	f := p.faults.Current()
	if req.state != "" && !f.DropState {
		q.Set("state", req.state)
	}
	if f.WrongState != "" {
		q.Set("state", f.WrongState)
	}
	switch f.Iss {
	case "":
		if p.vendor.sendsIss {
			q.Set("iss", p.Issuer())
		}
	case IssDrop:
	case IssHonest:
		q.Set("iss", p.Issuer())
	case IssEmpty:
		q.Set("iss", "")
	case IssTwice:
		q["iss"] = []string{p.Issuer(), p.Issuer()}
	default:
		q.Set("iss", string(f.Iss))
	}
	for name, values := range f.Extra {
		q[name] = append(q[name], values...)
	}
	if q.Has("error_description") && q.Get("error_description") == "" {
		q.Del("error_description")
	}

	noStore(w)
	if req.responseMode == "form_post" || f.FormPost {
		p.showFormPost(w, req.redirectURI, q)
		return
	}
	to := req.redirectURI
	if strings.Contains(to, "?") {
		to += "&" + q.Encode()
	} else {
		to += "?" + q.Encode()
	}
	w.Header().Set("Location", to)
	// Chrome replays a POST after 307; 303 is a GET for certain.
	w.WriteHeader(http.StatusSeeOther)
}

// proves checks a code_verifier. RFC 7636 §4.6.
func (r *authRequest) proves(verifier string) bool {
	switch r.challengeMethod {
	case "":
		// A verifier for a request without a challenge proves nothing: it is a
		// downgrade, RFC 9700 §2.1.1.
		return verifier == ""
	case "plain":
		return verifier == r.challenge
	default:
		sum := sha256.Sum256([]byte(verifier))
		return b64(sum[:]) == r.challenge
	}
}

func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}
