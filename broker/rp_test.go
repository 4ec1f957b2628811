package broker_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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

// keys fetches the JWKS and checks each key: public, its own kid, use and alg.
func (r *relyingParty) keys() map[string]map[string]any {
	r.t.Helper()
	a := r.b.get(r.endpoint("jwks_uri"))
	list, _ := a.json(r.t)["keys"].([]any)
	keys := map[string]map[string]any{}
	for _, item := range list {
		key, _ := item.(map[string]any)
		kid, _ := key["kid"].(string)
		if _, twice := keys[kid]; kid == "" || twice || key["use"] != "sig" || key["alg"] == nil {
			r.t.Errorf("a key without its own kid, use and alg: %v", key)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if key[private] != nil || key["kty"] == "oct" {
				r.t.Errorf("key %s is not public", kid)
			}
		}
		keys[kid] = key
	}
	if a.StatusCode != http.StatusOK || len(keys) == 0 {
		r.t.Fatalf("JWKS: %s %s", a.Status, a.body)
	}
	return keys
}

// idToken opens an ID token with plain cryptography.
func (r *relyingParty) idToken(token map[string]any) (header, claims map[string]any) {
	r.t.Helper()
	raw, _ := token["id_token"].(string)
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		r.t.Fatalf("no ID token: %v", token)
	}
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil {
			r.t.Fatal(err)
		}
		return b
	}
	if json.Unmarshal(decode(parts[0]), &header) != nil || json.Unmarshal(decode(parts[1]), &claims) != nil {
		r.t.Fatal("the ID token is not JSON")
	}
	kid, _ := header["kid"].(string)
	key := r.keys()[kid]
	number := func(name string) *big.Int {
		s, _ := key[name].(string)
		return new(big.Int).SetBytes(decode(s))
	}
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(parts[2])
	good := false
	switch header["alg"] {
	case "RS256":
		pub := &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
		good = key["alg"] == "RS256" && rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], signature) == nil
	case "ES256":
		pub := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number("x"), Y: number("y")}
		good = key["alg"] == "ES256" && len(signature) == 64 && ecdsa.Verify(pub, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	if !good {
		r.t.Fatalf("the ID token is signed by no key of the JWKS: %v", header)
	}
	return header, claims
}

// checkIDToken is OpenID Connect Core §3.1.3.7, and that nothing is in the token that
// nobody asked for.
func (r *relyingParty) checkIDToken(v *visited) {
	r.t.Helper()
	now, id := float64(r.k.clock.now().Unix()), v.id
	whole := func(name string) float64 {
		n, ok := id[name].(float64)
		if !ok || n != math.Trunc(n) {
			r.t.Errorf("ID token: %s is %v", name, id[name])
		}
		return n
	}
	if id["iss"] != r.meta["issuer"] || id["aud"] != r.client || id["azp"] != nil && id["azp"] != r.client {
		r.t.Errorf("ID token: iss %v, aud %v, azp %v", id["iss"], id["aud"], id["azp"])
	}
	if iat, exp := whole("iat"), whole("exp"); math.Abs(now-iat) > 300 || iat > now || exp <= now || exp > now+86400 {
		r.t.Errorf("ID token: iat %v, exp %v, now %v", iat, exp, now)
	}
	if at := whole("auth_time"); at > now || at < now-float64(lives.SessionAbsolute/time.Second) {
		r.t.Errorf("ID token: auth_time %v, now %v", at, now)
	}
	if v.sent != nil && (id["nonce"] != nil) != v.sent.Has("nonce") || id["nonce"] != nil && id["nonce"] != v.sent.Get("nonce") {
		r.t.Errorf("ID token: nonce %v, sent %q", id["nonce"], v.sent.Get("nonce"))
	}
	if acr, there := id["acr"]; there && (acr == "" || !isText(acr)) {
		r.t.Errorf("ID token: acr %v", acr)
	}
	if sub, _ := id["sub"].(string); sub == "" || len(sub) > 255 {
		r.t.Errorf("ID token: sub %v", id["sub"])
	}
	sum := sha256.Sum256([]byte(v.token["access_token"].(string)))
	if id["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		r.t.Errorf("ID token: at_hash %v", id["at_hash"])
	}
	lean := []string{"iss", "sub", "aud", "azp", "exp", "iat", "nonce", "at_hash", "sid", "auth_time", "acr", "amr"}
	for name := range id {
		if !slices.Contains(append(lean, r.named(v.sent, "id_token")...), name) {
			r.t.Errorf("ID token: %s, which nobody asked for", name)
		}
	}
}

// named lists the claims that a request's claims parameter asks for in one place.
func (r *relyingParty) named(sent url.Values, place string) []string {
	var asked map[string]map[string]any
	_ = json.Unmarshal([]byte(sent.Get("claims")), &asked)
	return slices.Collect(maps.Keys(asked[place]))
}

// userinfo asks the userinfo endpoint: GET or POST, with the header or in the form.
func (r *relyingParty) userinfo(method, token string, inBody bool) *answer {
	r.t.Helper()
	form := url.Values{}
	if inBody {
		form.Set("access_token", token)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.endpoint("userinfo_endpoint"), strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if inBody {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(r.t, http.DefaultClient, req)
}

// byScope is OpenID Connect Core §5.4.
var byScope = map[string][]string{
	"profile": {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
		"birthdate", "zoneinfo", "locale", "updated_at"},
	"email": {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"}, "groups": {"groups"},
}

// checkUserInfo is §5.3.2 and the types of §5.1, and that no claim is there for which
// neither a scope nor a name was sent.
func (r *relyingParty) checkUserInfo(v *visited, a *answer) map[string]any {
	r.t.Helper()
	m := a.json(r.t)
	if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") || a.Header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("userinfo: %s %v", a.Status, a.Header)
	}
	if m["sub"] != v.id["sub"] {
		r.t.Errorf("userinfo speaks of %v, the ID token of %v", m["sub"], v.id["sub"])
	}
	may := append(r.named(v.sent, "userinfo"), "sub")
	for _, scope := range strings.Fields(v.sent.Get("scope")) {
		may = append(may, byScope[scope]...)
	}
	for name, value := range m {
		if !slices.Contains(may, name) {
			r.t.Errorf("userinfo: %s, which nobody asked for", name)
		}
		if !rightType(name, value) {
			r.t.Errorf("userinfo: %s is %#v", name, value)
		}
	}
	return m
}

func rightType(name string, value any) bool {
	switch name {
	case "email_verified", "phone_number_verified":
		_, ok := value.(bool)
		return ok
	case "updated_at":
		n, ok := value.(float64)
		return ok && n == math.Trunc(n)
	case "groups":
		_, ok := value.([]any)
		return ok
	case "address":
		members, ok := value.(map[string]any)
		for _, member := range members {
			ok = ok && isText(member)
		}
		return ok
	}
	return isText(value)
}

func isText(v any) bool {
	s, ok := v.(string)
	return ok && s != ""
}

func b64url(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// have checks that claims are there.
func (r *relyingParty) have(claims map[string]any, names ...string) {
	r.t.Helper()
	for _, name := range names {
		if _, there := claims[name]; !there {
			r.t.Errorf("%s is missing in %v", name, claims)
		}
	}
}
