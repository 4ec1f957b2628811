package oauth

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

func honest() url.Values {
	return url.Values{"client_id": {"web"}, "redirect_uri": {"https://app.example/cb"}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
}

// every lists each parameter that the authorization endpoint knows.
var every = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"prompt", "max_age", "acr_values", "login_hint", "id_token_hint", "provider", "display", "ui_locales", "claims_locales", "claims", "resource",
	"request", "request_uri", "registration", "something_else"}

func TestAnHonestRequestIsRead(t *testing.T) {
	q := honest()
	for name, value := range map[string]string{"response_mode": "form_post", "prompt": "login consent", "max_age": "0", "acr_values": "a b", "login_hint": "alice@acme.example",
		"provider": "google", "ui_locales": "de fr"} {
		q.Set(name, value)
	}
	q["resource"] = []string{"https://api.example", "https://api.example", ""}
	r, err := ParseAuthRequest(q, true)
	if err != nil {
		t.Fatal(err)
	}
	if r.ClientID != "web" || r.RedirectURI != "https://app.example/cb" || r.State != "s" || r.Nonce != "n" || r.Challenge != challenge || r.ResponseMode != "form_post" ||
		!slices.Equal(r.Scopes, []string{"openid", "email"}) || !slices.Equal(r.Resources, []string{"https://api.example"}) || !slices.Equal(r.ACRValues, []string{"a", "b"}) ||
		r.MaxAge == nil || *r.MaxAge != 0 || r.LoginHint != "alice@acme.example" || r.Provider != "google" || !r.Asks("login") || !r.Asks("consent") || r.Asks("none") {
		t.Errorf("got %+v", r)
	}
}

func TestBadRequestsNameTheRightError(t *testing.T) {
	for _, row := range []struct {
		why, name, value, code string
	}{
		{"D07: the token would travel in the front channel", "response_type", "token", UnsupportedResponseType},
		{"D07: so would this one", "response_type", "id_token", UnsupportedResponseType},
		{"D07: hybrid is not offered", "response_type", "code token", UnsupportedResponseType},
		{"D07: nothing would come back", "response_type", "none", UnsupportedResponseType},
		{"D07: other letters", "response_type", "CODE", UnsupportedResponseType},
		{"D07: missing", "response_type", "", InvalidRequest},
		{"D08: fragment leaks", "response_mode", "fragment", InvalidRequest},
		{"D08: another window", "response_mode", "web_message", InvalidRequest},
		{"D08: signed answers are not offered", "response_mode", "form_post.jwt", InvalidRequest},
		{"D18: none stands alone", "prompt", "none login", InvalidRequest},
		{"D18: unknown", "prompt", "nonsense", InvalidRequest},
		{"D18: other letters", "prompt", "None", InvalidRequest},
		{"D20: request object", "request", "eyJ", RequestNotSupported},
		{"D20: request by reference", "request_uri", "http://169.254.169.254/", RequestURINotSupported},
		{"D20: registration", "registration", "{}", RegistrationNotSupported},
		{"max_age is seconds", "max_age", "-1", InvalidRequest},
		{"max_age has no sign", "max_age", "+1", InvalidRequest},
		{"max_age is no fraction", "max_age", "1.5", InvalidRequest},
		{"max_age is bounded", "max_age", "99999999999", InvalidRequest},
	} {
		q := honest()
		q.Set(row.name, row.value)
		r, err := ParseAuthRequest(q, true)
		if err == nil || err.Code != row.code {
			t.Errorf("%s: got %v, want %s", row.why, err, row.code)
		}
		if r == nil || r.State != "s" {
			t.Errorf("%s: the app cannot match the answer without its state", row.why)
		}
	}
}

func TestD06_EveryParameterGivenTwiceIsRefused(t *testing.T) {
	for _, name := range every {
		for _, second := range []string{"1", "2"} {
			q := honest()
			q[name] = []string{"1", second}
			_, err := ParseAuthRequest(q, true)
			switch {
			case name == "resource": // the one that may repeat, RFC 8707 §2
				if err != nil {
					t.Errorf("resource twice: got %v", err)
				}
			case err == nil || err.Code != InvalidRequest:
				t.Errorf("%s twice (1 and %s): got %v, want invalid_request", name, second, err)
			}
		}
	}
}

func TestD06_AStateGivenTwiceIsNotEchoed(t *testing.T) {
	q := honest()
	q.Add("state", "other")
	if r, err := ParseAuthRequest(q, true); err == nil || r.State != "" {
		t.Errorf("which of two states is meant? got %q, %v", r.State, err)
	}
}

func TestD06_ClientAndRedirectGivenTwiceNeverReachARedirect(t *testing.T) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		for _, second := range []string{honest().Get(name), "other", ""} {
			q := honest()
			q.Add(name, second)
			if id, uri, err := ParseClientAndRedirect(q); err == nil || id != "" || uri != "" {
				t.Errorf("%s twice: got %q, %q, %v", name, id, uri, err)
			}
		}
		q := honest()
		q.Del(name)
		if _, _, err := ParseClientAndRedirect(q); err == nil {
			t.Errorf("%s is missing, and there is no default", name)
		}
	}
}

func TestD09_WithoutAnS256ChallengeThereIsNoRequest(t *testing.T) {
	for _, row := range []struct {
		why               string
		challenge, method []string
		whenOptional      bool // accepted for a client that is exempted
	}{
		{"neither", nil, nil, true},
		{"no challenge", nil, []string{"S256"}, false},
		{"empty challenge", []string{""}, []string{"S256"}, false},
		{"a missing method means plain", []string{challenge}, nil, false},
		{"plain is no proof", []string{challenge}, []string{"plain"}, false},
		{"other letters", []string{challenge}, []string{"s256"}, false},
		{"42 characters", []string{challenge[1:]}, []string{"S256"}, false},
		{"44 characters", []string{challenge + "A"}, []string{"S256"}, false},
		{"bits behind the last byte", []string{challenge[:42] + "N"}, []string{"S256"}, false},
		{"padded", []string{challenge[:42] + "="}, []string{"S256"}, false},
	} {
		q := honest()
		delete(q, "code_challenge")
		delete(q, "code_challenge_method")
		if row.challenge != nil {
			q["code_challenge"] = row.challenge
		}
		if row.method != nil {
			q["code_challenge_method"] = row.method
		}
		if _, err := ParseAuthRequest(q, true); err == nil || err.Code != InvalidRequest {
			t.Errorf("%s, required: got %v", row.why, err)
		}
		if _, err := ParseAuthRequest(q, false); (err == nil) != row.whenOptional {
			t.Errorf("%s, optional: got %v", row.why, err)
		}
	}
}

func TestI04_BombsAreRefusedByTheirSize(t *testing.T) {
	for _, row := range []struct {
		why, name, value, code string
	}{
		{"many scopes", "scope", strings.Repeat("a ", 51), InvalidRequest},
		{"a long scope", "scope", strings.Repeat("a", 1025), InvalidRequest},
		{"long state", "state", strings.Repeat("s", 513), InvalidRequest},
		{"long nonce", "nonce", strings.Repeat("n", 513), InvalidRequest},
		{"long login_hint", "login_hint", strings.Repeat("l", 321), InvalidRequest},
		{"long hint token", "id_token_hint", strings.Repeat("t", 8193), InvalidRequest},
		{"long provider", "provider", strings.Repeat("p", 65), InvalidRequest},
		{"long locales", "ui_locales", strings.Repeat("l", 257), InvalidRequest},
		{"long acr_values", "acr_values", strings.Repeat("a ", 300), InvalidRequest},
		{"long resource", "resource", "https://" + strings.Repeat("r", 512), InvalidTarget},
		{"long unknown parameter", "something_else", strings.Repeat("x", 17<<10), InvalidRequest},
		{"long name", strings.Repeat("n", 65), "1", InvalidRequest},
	} {
		q := honest()
		q.Set(row.name, row.value)
		if _, err := ParseAuthRequest(q, true); err == nil || err.Code != row.code {
			t.Errorf("%s: got %v, want %s", row.why, err, row.code)
		}
	}
	q := honest()
	for i := range 41 {
		q.Set("p"+strings.Repeat("x", i), "1")
	}
	if _, err := ParseAuthRequest(q, true); err == nil || err.Code != InvalidRequest {
		t.Errorf("41 parameters: got %v", err)
	}
	q = honest()
	for i := range 11 {
		q.Add("resource", "https://api.example/"+strings.Repeat("x", i))
	}
	if _, err := ParseAuthRequest(q, true); err == nil || err.Code != InvalidTarget {
		t.Errorf("11 resources: got %v", err)
	}
	q = honest()
	q.Set("scope", strings.TrimSpace(strings.Repeat("a ", 50)))
	q.Set("state", strings.Repeat("s", 512))
	if _, err := ParseAuthRequest(q, true); err != nil {
		t.Errorf("50 scopes and 512 bytes of state are within the limits, got %v", err)
	}
}

// badBytes break databases, logs, headers or the eye of a reader.
var badBytes = map[string]string{"I06: NUL": "a\x00b", "I06: invalid UTF-8": "a\xffb", "I06: overlong": "\xc0\xaf", "I06: surrogate": "\xed\xa0\x80", "I06: byte order mark": "\ufeffa",
	"I06: right-to-left override": "a\u202eb", "I06: right-to-left mark": "a\u200fb", "I06: isolate": "a\u2066b", "I06: Arabic letter mark": "a\u061cb", "I06: noncharacter": "a\uffffb",
	"I16: CRLF": "a\r\nSet-Cookie: x", "I16: LF": "a\nb", "I16: C1 next line": "a\u0085b", "I16: line separator": "a\u2028b", "I06: escape": "\x1b[2J", "I06: delete": "a\x7f"}

func TestI06_BadBytesInAnyParameterAreRefused(t *testing.T) {
	for why, value := range badBytes {
		for _, name := range every {
			q := honest()
			q.Set(name, value)
			if name == "client_id" || name == "redirect_uri" {
				if _, _, err := ParseClientAndRedirect(q); err == nil {
					t.Errorf("%s in %s reached the look-up of the client", why, name)
				}
			}
			r, err := ParseAuthRequest(q, true)
			if err == nil || err.Code != InvalidRequest {
				t.Errorf("%s in %s: got %v", why, name, err)
			}
			if name == "state" && r.State != "" {
				t.Errorf("%s would be echoed", why)
			}
		}
		q := honest()
		q.Set("x"+value, "1")
		if _, err := ParseAuthRequest(q, true); err == nil {
			t.Errorf("%s in a parameter's name was accepted", why)
		}
	}
}

func TestD17_OnlySpacesSeparateScopes(t *testing.T) {
	for _, row := range []struct{ why, scope, code string }{
		{"no-break space", "openid\u00a0items:write", InvalidScope},
		{"wide space", "openid\u3000items:write", InvalidScope},
		{"quote", `openid "x"`, InvalidScope},
		{"backslash", `openid a\b`, InvalidScope},
		{"not ASCII", "openid é", InvalidScope},
	} {
		if _, err := ParseScope(row.scope); err == nil || err.Code != row.code {
			t.Errorf("%s: got %v", row.why, err)
		}
	}
	got, err := ParseScope("  openid   email openid ")
	if err != nil || !slices.Equal(got, []string{"openid", "email"}) {
		t.Errorf("spaces and doubles: got %q, %v", got, err)
	}
	if got, err := ParseScope("OpenID"); err != nil || !slices.Equal(got, []string{"OpenID"}) {
		t.Errorf("scopes are case-sensitive: got %q, %v", got, err)
	}
}

func TestUnknownParametersAreIgnoredAndEmptyOnesCountAsLeftOut(t *testing.T) {
	q := honest()
	q.Set("extra", "foobar")
	for _, name := range []string{"request", "request_uri", "registration", "response_mode", "prompt", "max_age", "acr_values", "resource", "login_hint"} {
		q.Set(name, "")
	}
	q.Del("nonce")
	if r, err := ParseAuthRequest(q, true); err != nil || r.MaxAge != nil || len(r.Resources) != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func FuzzParseAuthRequest(f *testing.F) {
	f.Add(honest().Encode())
	f.Add("response_type=code&resource=a&resource=b&scope=a%20b&max_age=1&prompt=none")
	for _, bad := range badBytes {
		q := honest()
		q.Set("state", bad)
		f.Add(q.Encode())
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		r, oerr := ParseAuthRequest(q, true)
		if r == nil || len(r.State) > maxState || !clean(r.State) || len(q["state"]) != 1 && r.State != "" {
			t.Fatalf("%q would echo %+v", raw, r)
		}
		if oerr != nil {
			return
		}
		if r.ResponseType != "code" || !validChallenge(r.Challenge) || r.ChallengeMethod != "S256" || len(r.Scopes) > maxScopes || len(r.Resources) > maxResources ||
			len(r.Prompt) > 1 && r.Asks("none") || r.MaxAge != nil && *r.MaxAge < 0 {
			t.Errorf("accepted %q as %+v", raw, r)
		}
		for name, values := range q {
			if name != "resource" && len(values) > 1 || !clean(name) || slices.ContainsFunc(values, func(v string) bool { return !clean(v) }) {
				t.Errorf("accepted %q although %q is given twice or holds bad bytes", raw, name)
			}
		}
	})
}
