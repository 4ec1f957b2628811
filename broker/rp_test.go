package broker_test

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
)

// relyingParty is an app as another house could have written it: it knows an issuer
// and a client, reads all else from discovery, and checks with nothing but the
// standard library, at every step, what the OpenID Foundation's suite checks on the way.
// What the suite only warns of is an error here.
type relyingParty struct {
	t                        testing.TB
	k                        *kit
	b                        *browser
	upstream                 *persona.Persona
	person                   string
	mode                     string // response_mode; "" for the default
	client, secret, redirect string
	post                     bool // client_secret_post instead of basic
	meta                     map[string]any
	fillIn                   func(page *answer) *answer // what the person does with a sign-in page of ours; nil: nothing
}

// authAnswer is what came back from the authorization endpoint.
type authAnswer struct {
	sent     url.Values
	params   url.Values // of the answer; nil when a page was shown instead
	page     *answer
	shown    bool     // the person saw the provider's sign-in page
	upstream *url.URL // the request to the provider, if there was one
}

// visited is one whole login.
type visited struct {
	*authAnswer
	token  map[string]any
	header map[string]any // of the ID token
	id     map[string]any
	user   map[string]any
}

func (r *relyingParty) endpoint(name string) string {
	r.t.Helper()
	where, _ := r.meta[name].(string)
	if where == "" {
		r.t.Fatalf("discovery has no %s", name)
	}
	return where
}

// request is an authorization request; changes are names and values, "" takes one away.
func (r *relyingParty) request(changes ...string) url.Values {
	q := url.Values{"client_id": {r.client}, "redirect_uri": {r.redirect}, "response_type": {"code"}, "scope": {"openid"},
		"state": {oauth.NewSecret()}, "nonce": {oauth.NewSecret()}}
	if r.mode != "" {
		q.Set("response_mode", r.mode)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return q
}

// ask sends an authorization request and follows it until the app has an answer or a
// page of ours waits for the person.
func (r *relyingParty) ask(changes ...string) *authAnswer {
	r.t.Helper()
	q := r.request(changes...)
	return r.follow(q, r.b.get(r.endpoint("authorization_endpoint")+"?"+q.Encode()))
}

func (r *relyingParty) follow(sent url.Values, a *answer) *authAnswer {
	r.t.Helper()
	out := &authAnswer{sent: sent}
	for range 8 {
		location := a.Header.Get("Location")
		if location == "" && r.fillIn != nil && strings.Contains(a.body, `name="password"`) {
			a, out.shown = r.fillIn(a), true
			continue
		}
		if location == "" {
			out.page = a
			if out.params = r.posted(a); out.params != nil {
				r.check(out)
			}
			return out
		}
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Cache-Control") != "no-store" {
			r.t.Errorf("a redirect with %s, Cache-Control %q", a.Status, a.Header.Get("Cache-Control"))
		}
		to, err := url.Parse(location)
		switch {
		case err != nil:
			r.t.Fatal(err)
		case strings.HasPrefix(location, r.redirect+"?"):
			if r.mode == "form_post" || to.Fragment != "" {
				r.t.Errorf("the answer came in the wrong part of the address: %s", location)
			}
			out.params = to.Query()
			r.check(out)
			return out
		case strings.HasPrefix(location, r.upstream.BaseURL()):
			out.upstream = to
			pages := r.upstream.Requests().Count(persona.SignInForm)
			back, err := persona.SignIn(r.t.Context(), r.b.Client, location, r.person)
			if err != nil {
				r.t.Fatal(err)
			}
			out.shown = r.upstream.Requests().Count(persona.SignInForm) > pages
			a = r.b.get(back.String())
		case strings.HasPrefix(location, r.k.issuer):
			a = r.b.get(location)
		default:
			r.t.Fatalf("sent to %s", location)
		}
	}
	r.t.Fatal("too many redirects")
	return nil
}

// posted reads an answer by form_post: a plain form for this app that sends itself, and
// a button where scripts do not run (OAuth 2.0 Form Post Response Mode §2).
func (r *relyingParty) posted(a *answer) url.Values {
	r.t.Helper()
	if r.mode != "form_post" || !strings.Contains(a.body, `action="`+r.redirect+`"`) {
		return nil
	}
	for _, part := range []string{`method="post"`, `<button`, `submit.call(`} {
		if !strings.Contains(a.body, part) {
			r.t.Errorf("the form_post page lacks %s", part)
		}
	}
	if a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		r.t.Errorf("form_post page: %s %v", a.Status, a.Header)
	}
	return hidden(a.body)
}

// check looks at every authorization response, good or bad.
func (r *relyingParty) check(a *authAnswer) {
	r.t.Helper()
	allowed := []string{"state", "iss", "code"}
	if a.params.Has("error") {
		allowed = []string{"state", "iss", "error", "error_description", "error_uri"}
	}
	for name, values := range a.params {
		if !slices.Contains(allowed, name) || len(values) != 1 || values[0] == "" || strings.ContainsAny(values[0], "\r\n\t\"\\") {
			r.t.Errorf("the answer has %s=%q", name, values)
		}
	}
	if a.params.Get("state") != a.sent.Get("state") || a.params.Has("state") != a.sent.Has("state") {
		r.t.Errorf("state %q came back as %q", a.sent.Get("state"), a.params.Get("state"))
	}
	if a.params.Get("iss") != r.meta["issuer"] {
		r.t.Errorf("iss is %q", a.params.Get("iss"))
	}
	if a.params.Has("code") {
		r.mustBeRandom("the code", a.params.Get("code"))
	}
}

// mustBeRandom is the suite's measure: 128 bits long, and more than 96 bits of Shannon entropy.
func (r *relyingParty) mustBeRandom(what, s string) {
	r.t.Helper()
	count, bits := map[rune]float64{}, 0.0
	for _, c := range s {
		count[c]++
	}
	for _, n := range count {
		bits -= n * math.Log2(n/float64(len(s)))
	}
	if len(s)*8 < 128 || bits <= 96 {
		r.t.Errorf("%s has %d characters and %.0f bits of entropy", what, len(s), bits)
	}
}

// failed is ask for a request that must come back with one of these errors.
func (r *relyingParty) failed(a *authAnswer, codes ...string) {
	r.t.Helper()
	if a.params == nil {
		r.t.Fatalf("a page instead of an answer: %s %.300s", a.page.Status, a.page.body)
	}
	if !slices.Contains(codes, a.params.Get("error")) {
		r.t.Errorf("got %v, want one of %v", a.params, codes)
	}
}

// login is a whole login: code, tokens, userinfo, with everything checked.
func (r *relyingParty) login(changes ...string) *visited {
	r.t.Helper()
	return r.finish(r.ask(changes...))
}

func (r *relyingParty) finish(a *authAnswer) *visited {
	r.t.Helper()
	if a.params.Get("code") == "" {
		if a.page != nil {
			r.t.Fatalf("no code: %s %.300s", a.page.Status, a.page.body)
		}
		r.t.Fatalf("no code: %v", a.params)
	}
	v := &visited{authAnswer: a, token: r.tokens(r.redeem(a))}
	v.header, v.id = r.idToken(v.token)
	r.checkIDToken(v)
	v.user = r.checkUserInfo(v, r.userinfo(http.MethodGet, v.token["access_token"].(string), false))
	return v
}

// redeem exchanges the code of an answer.
func (r *relyingParty) redeem(a *authAnswer, more ...string) *answer {
	r.t.Helper()
	return r.tokenRequest(append([]string{"grant_type", "authorization_code", "code", a.params.Get("code"), "redirect_uri", r.redirect}, more...)...)
}

func (r *relyingParty) tokenRequest(pairs ...string) *answer {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	if r.post {
		form.Set("client_id", r.client)
		form.Set("client_secret", r.secret)
	}
	req := formRequest(r.t, r.endpoint("token_endpoint"), form, nil)
	if !r.post {
		req.SetBasicAuth(url.QueryEscape(r.client), url.QueryEscape(r.secret))
	}
	a := do(r.t, http.DefaultClient, req)
	if a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		r.t.Errorf("token endpoint: Cache-Control %q, Content-Type %q", a.Header.Get("Cache-Control"), a.Header.Get("Content-Type"))
	}
	return a
}

// tokens checks a good answer of the token endpoint (RFC 6749 §5.1).
func (r *relyingParty) tokens(a *answer) map[string]any {
	r.t.Helper()
	m := a.json(r.t)
	expires, numeric := m["expires_in"].(float64)
	access, _ := m["access_token"].(string)
	if kind, _ := m["token_type"].(string); a.StatusCode != http.StatusOK || access == "" || !numeric || expires < 1 || !strings.EqualFold(kind, "Bearer") {
		r.t.Fatalf("token: %s %s", a.Status, a.body)
	}
	if refresh, ok := m["refresh_token"].(string); ok {
		r.mustBeRandom("the refresh token", refresh)
	}
	return m
}

// refused checks an error answer of the token endpoint (RFC 6749 §5.2).
func (r *relyingParty) refused(a *answer, code string) {
	r.t.Helper()
	mustFail(r.t, a, http.StatusBadRequest, code)
}
