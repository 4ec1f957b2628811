package persona_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

// rawToken redeems a code without any library and returns the answer as it is.
func (a *app) rawToken(form url.Values) (*http.Response, string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.conf.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.t.Fatalf("token endpoint: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatalf("token endpoint: %v", err)
	}
	return resp, string(body)
}

// redeemable gets a code and the form that redeems it.
func (a *app) redeemable() url.Values {
	a.t.Helper()
	verifier := oauth2.GenerateVerifier()
	q := a.back("alice", a.authURL(verifier))
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {callback},
		"code_verifier": {verifier}, "client_id": {a.idp.ClientID()}, "client_secret": {a.idp.ClientSecret()},
	}
}

// payload signs alice in and returns header and payload of her ID token,
// whatever they are worth.
func (a *app) payload() (raw string, header, claims map[string]any, text string) {
	a.t.Helper()
	_, body := a.rawToken(a.redeemable())
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		a.t.Fatalf("token answer %q: %v", body, err)
	}
	parts := strings.Split(answer.IDToken, ".")
	if len(parts) < 2 {
		return answer.IDToken, nil, nil, ""
	}
	h, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[0], "="))
	b, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	_ = json.Unmarshal(h, &header)
	_ = json.Unmarshal(b, &claims)
	return answer.IDToken, header, claims, string(b)
}

func TestEveryForgeryIsRefusedByAnIndependentVerifierOrNamedHere(t *testing.T) {
	// What go-oidc lets through: a relying party has to look by itself.
	accepted := map[persona.Forgery]string{
		persona.ForgeAccessToken: "go-oidc does not look at typ",
		persona.ForgeLogoutToken: "go-oidc does not look at typ",
	}
	a := newApp(t, persona.Google, persona.Options{})
	for _, forgery := range persona.Forgeries() {
		t.Run(string(forgery), func(t *testing.T) {
			a.idp.Faults().Set(persona.Fault{Forge: forgery})
			raw, _, _, _ := a.payload()
			if raw == "" {
				t.Fatal("no ID token at all")
			}
			_, err := a.provider.Verifier(&oidc.Config{ClientID: a.idp.ClientID()}).Verify(t.Context(), raw)
			if why, known := accepted[forgery]; known != (err == nil) {
				t.Errorf("verify: %v; known to pass: %v (%s)", err, known, why)
			}
		})
	}
	if n := a.idp.Requests().Count(persona.Canary); n != 0 {
		t.Errorf("the canary was asked %d times", n)
	}
	a.idp.Faults().Reset()
	a.signIn("alice")
}

func TestFaultsOfTheIDTokenAreWhatTheySay(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	for _, c := range []struct {
		why   string
		fault persona.Fault
		ok    func(header, claims map[string]any, text string) bool
	}{
		{"nonce left out", persona.Fault{DropNonce: true}, func(_, c map[string]any, _ string) bool { return c["nonce"] == nil }},
		{"another nonce", persona.Fault{WrongNonce: "x"}, func(_, c map[string]any, _ string) bool { return c["nonce"] == "x" }},
		{"a nonce as array", persona.Fault{Claims: persona.Claims{"nonce": []string{"n-1"}}}, func(_, c map[string]any, _ string) bool { _, array := c["nonce"].([]any); return array }},
		{"no subject", persona.Fault{Claims: persona.Claims{"sub": persona.Absent}}, func(_, c map[string]any, _ string) bool { _, there := c["sub"]; return !there }},
		{"two audiences", persona.Fault{Claims: persona.Claims{"aud": []string{"a", "b"}}}, func(_, c map[string]any, _ string) bool { return len(c["aud"].([]any)) == 2 }},
		{"a doubled member", persona.Fault{AppendPayload: `"sub":"victim"`}, func(_, _ map[string]any, s string) bool { return strings.Count(s, `"sub":`) == 2 }},
		{"a number that no reader takes", persona.Fault{AppendPayload: `"x":1e400`}, func(_, _ map[string]any, s string) bool { return strings.Contains(s, "1e400") }},
		{"edited bytes", persona.Fault{Payload: func(b []byte) []byte { return append(b, ' ') }}, func(_, _ map[string]any, s string) bool { return strings.HasSuffix(s, "} ") }},
		{"another header", persona.Fault{Header: persona.Claims{"kid": persona.Absent, "cty": "x"}}, func(h, _ map[string]any, _ string) bool { return h["kid"] == nil && h["cty"] == "x" }},
		{"groups elsewhere", persona.Fault{GroupOverage: true}, func(_, c map[string]any, _ string) bool { return c["groups"] == nil && c["_claim_sources"] != nil }},
	} {
		a.idp.Faults().Set(c.fault)
		if _, header, claims, text := a.payload(); !c.ok(header, claims, text) {
			t.Errorf("%s: header %v payload %s", c.why, header, text)
		}
	}
	a.idp.Faults().Set(persona.Fault{RawIDToken: "as it is"})
	if raw, _, _, _ := a.payload(); raw != "as it is" {
		t.Errorf("raw ID token %q", raw)
	}
}

func TestFaultsOfTheTokenAnswerAreWhatTheySay(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	empty := ""
	for _, c := range []struct {
		why      string
		fault    persona.Fault
		status   int
		has, not string
	}{
		{"an error with its status", persona.Fault{TokenError: "invalid_grant"}, 400, `"error":"invalid_grant"`, "access_token"},
		{"a refused client is 401", persona.Fault{TokenError: "invalid_client"}, 401, `"error":"invalid_client"`, "access_token"},
		{"an error with 200", persona.Fault{Token200Error: "bad_verification_code"}, 200, `"error":"bad_verification_code"`, "access_token"},
		{"a form", persona.Fault{FormEncoded: true}, 200, "token_type=Bearer", "{"},
		{"a lifetime as text", persona.Fault{ExpiresIn: json.RawMessage(`"3600"`)}, 200, `"expires_in":"3600"`, `"expires_in":3599`},
		{"an absurd lifetime", persona.Fault{ExpiresIn: json.RawMessage(`1e400`)}, 200, `"expires_in":1e400`, `"expires_in":3599`},
		{"no ID token", persona.Fault{DropIDToken: true}, 200, "access_token", "id_token"},
		{"no access token", persona.Fault{DropAccess: true}, 200, "id_token", `"access_token"`},
		{"no token type", persona.Fault{TokenType: &empty}, 200, "id_token", "token_type"},
		{"an empty answer", persona.Fault{At: persona.At{persona.Token: {Status: 503}}}, 503, "", "token"},
		{"a page", persona.Fault{At: persona.At{persona.Token: {Body: "<html>", ContentType: "text/html"}}}, 200, "<html>", "token"},
		{"a redirect", persona.Fault{At: persona.At{persona.Token: {Redirect: "http://127.0.0.1:9/"}}}, 307, "", "token"},
	} {
		form := a.redeemable()
		a.idp.Faults().Set(c.fault)
		resp, body := a.rawToken(form)
		a.idp.Faults().Reset()
		if resp.StatusCode != c.status || !strings.Contains(body, c.has) || strings.Contains(body, c.not) {
			t.Errorf("%s: HTTP %d %s", c.why, resp.StatusCode, body)
		}
	}
}

func TestFaultsOfTheCallbackAreWhatTheySay(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	iss := a.idp.Issuer()
	for _, c := range []struct {
		why   string
		fault persona.Fault
		name  string
		want  []string
	}{
		{"honest Google sends iss", persona.Fault{}, "iss", []string{iss}},
		{"iss left out", persona.Fault{Iss: persona.IssDrop}, "iss", nil},
		{"iss empty", persona.Fault{Iss: persona.IssEmpty}, "iss", []string{""}},
		{"iss twice", persona.Fault{Iss: persona.IssTwice}, "iss", []string{iss, iss}},
		{"iss of another", persona.Fault{Iss: "https://evil.example"}, "iss", []string{"https://evil.example"}},
		{"state left out", persona.Fault{DropState: true}, "state", nil},
		{"another state", persona.Fault{WrongState: "x"}, "state", []string{"x"}},
		{"no code", persona.Fault{DropCode: true}, "code", nil},
		{"another code", persona.Fault{WrongCode: "x"}, "code", []string{"x"}},
		{"state doubled", persona.Fault{Extra: url.Values{"state": {"y"}}}, "state", []string{"s-1", "y"}},
		{"an error instead", persona.Fault{AuthorizeError: "temporarily_unavailable"}, "error", []string{"temporarily_unavailable"}},
		{"a POST that nobody asked for", persona.Fault{FormPost: true}, "state", []string{"s-1"}},
	} {
		a.idp.Faults().Set(c.fault)
		got := a.back("alice", a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("prompt", "select_account")))
		if strings.Join(got[c.name], "|") != strings.Join(c.want, "|") || len(got[c.name]) != len(c.want) {
			t.Errorf("%s: %s = %q, want %q", c.why, c.name, got[c.name], c.want)
		}
	}
}

func TestFaultsOfDiscoveryKeysAndUserInfoAreWhatTheySay(t *testing.T) {
	a := newApp(t, persona.Auth0, persona.Options{})
	get := func(path string) map[string]any {
		t.Helper()
		resp, err := http.Get(a.idp.BaseURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return out
	}
	const wellKnown, keys = "/.well-known/openid-configuration", "/.well-known/jwks.json"

	a.idp.Faults().Set(persona.Fault{AdvertiseIss: persona.Yes, Metadata: persona.Claims{"issuer": "https://{tenantid}/", "userinfo_endpoint": persona.Absent}, ExtraKeys: 3})
	doc := get(wellKnown)
	if doc["authorization_response_iss_parameter_supported"] != true || doc["issuer"] != "https://{tenantid}/" || doc["userinfo_endpoint"] != nil {
		t.Errorf("metadata: %v", doc)
	}
	if n := len(get(keys)["keys"].([]any)); n != 4 {
		t.Errorf("%d keys, want three useless ones and the real one", n)
	}
	a.idp.Faults().Set(persona.Fault{DropKeys: true})
	if n := len(get(keys)["keys"].([]any)); n != 0 {
		t.Errorf("%d keys, want none", n)
	}

	a.idp.Faults().Set(persona.Fault{UserInfo: persona.Claims{"sub": "somebody-else", "email": persona.Absent}})
	verifier := oauth2.GenerateVerifier()
	q := a.back("alice", a.authURL(verifier))
	token, err := a.conf.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if info := a.userInfo(token); info["sub"] != "somebody-else" || info["email"] != nil {
		t.Errorf("userinfo: %v", info)
	}
}

func TestAHangingEndpointHangsUntilTheCallerGivesUp(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	ctx, giveUp := context.WithCancel(t.Context())
	a.idp.Faults().Set(persona.Fault{At: persona.At{persona.Token: {Hang: true, Meanwhile: giveUp}}})
	if _, err := a.conf.Exchange(ctx, "x"); err == nil {
		t.Error("a token came from a dead endpoint")
	}
	if n := a.idp.Requests().Count(persona.Token); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

func TestAFloodIsAsLongAsAsked(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	a.idp.Faults().Set(persona.Fault{At: persona.At{persona.JWKS: {Flood: 1 << 20}}})
	resp, err := http.Get(a.idp.BaseURL() + "/oauth2/v3/certs")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestACutLineGivesNoAnswer(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	a.idp.Faults().Set(persona.Fault{At: persona.At{persona.JWKS: {Cut: true}}})
	if resp, err := http.Get(a.idp.BaseURL() + "/oauth2/v3/certs"); err == nil {
		resp.Body.Close()
		t.Errorf("HTTP %d", resp.StatusCode)
	}
}

func TestKeysRotateInTheMiddleOfALogin(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	a.signIn("alice") // the client has the first key now
	form := a.redeemable()
	a.idp.Faults().RotateKeys()
	_, body := a.rawToken(form)
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	verifier := a.provider.Verifier(&oidc.Config{ClientID: a.idp.ClientID()})
	if _, err := verifier.Verify(t.Context(), answer.IDToken); err != nil {
		t.Errorf("a token under the new key: %v", err)
	}
	a.idp.Faults().SwapKeySameID()
	raw, _, _, _ := a.payload()
	if _, err := verifier.Verify(t.Context(), raw); err != nil {
		t.Errorf("other material under the same id; go-oidc asks again after a bad signature: %v", err)
	}
	a.idp.Faults().WithdrawOldKeys()
	a.signIn("alice")
}
