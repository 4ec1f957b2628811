package oauth

import (
	"net/url"
	"strings"
	"testing"
)

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

func honest() url.Values {
	return url.Values{"client_id": {"web"}, "redirect_uri": {"https://app.example/cb"}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
}

func TestAnHonestRequestIsRead(t *testing.T) {
	r, err := ParseAuthRequest(honest(), true)
	if err != nil || r.State != "s" || len(r.Scopes) != 2 || r.Challenge != challenge {
		t.Fatalf("got %+v, %v", r, err)
	}
}

func TestD06_D07_D08_D09_D20_I04_I06_BadRequestsNameTheRightError(t *testing.T) {
	for _, row := range []struct {
		why, name, value, code string
	}{
		{"D07: the token would travel in the front channel", "response_type", "token", UnsupportedResponseType},
		{"D07: hybrid is not offered", "response_type", "code token", UnsupportedResponseType},
		{"D07: missing", "response_type", "", InvalidRequest},
		{"D08: fragment leaks", "response_mode", "fragment", InvalidRequest},
		{"D08: unknown", "response_mode", "web_message", InvalidRequest},
		{"D09: plain is no proof", "code_challenge_method", "plain", InvalidRequest},
		{"D09: a missing method means plain", "code_challenge_method", "", InvalidRequest},
		{"D09: no challenge", "code_challenge", "", InvalidRequest},
		{"D09: 42 characters", "code_challenge", challenge[1:], InvalidRequest},
		{"D18: none stands alone", "prompt", "none login", InvalidRequest},
		{"D20: request object", "request", "eyJ", RequestNotSupported},
		{"D20: request by reference", "request_uri", "http://169.254.169.254/", RequestURINotSupported},
		{"D20: registration", "registration", "{}", RegistrationNotSupported},
		{"I04: scope bomb", "scope", strings.Repeat("a ", 600), InvalidRequest},
		{"I04: long state", "state", strings.Repeat("s", 513), InvalidRequest},
		{"I06: NUL", "nonce", "a\x00b", InvalidRequest},
		{"I06: invalid UTF-8", "nonce", "\xff", InvalidRequest},
		{"I16: CRLF", "login_hint", "a\r\nSet-Cookie: x", InvalidRequest},
		{"max_age is seconds", "max_age", "-1", InvalidRequest},
	} {
		q := honest()
		q.Set(row.name, row.value)
		if _, err := ParseAuthRequest(q, true); err == nil || err.Code != row.code {
			t.Errorf("%s: got %v, want %s", row.why, err, row.code)
		}
	}
	for name := range honest() {
		q := honest()
		q.Add(name, q.Get(name))
		if _, err := ParseAuthRequest(q, true); err == nil || err.Code != InvalidRequest {
			t.Errorf("D06: %s twice: got %v", name, err)
		}
	}
}

func TestD06_ClientAndRedirectGivenTwiceNeverReachARedirect(t *testing.T) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		q := honest()
		q.Add(name, "other")
		if _, _, err := ParseClientAndRedirect(q); err == nil {
			t.Errorf("%s twice must be refused", name)
		}
	}
}

func TestUnknownParametersAreIgnoredAndNonceIsOptional(t *testing.T) {
	q := honest()
	q.Set("extra", "foobar")
	q.Del("nonce")
	if _, err := ParseAuthRequest(q, true); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseAuthRequest(f *testing.F) {
	f.Add(honest().Encode())
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		r, oerr := ParseAuthRequest(q, true)
		if oerr == nil && (r.ResponseType != "code" || !ValidChallenge(r.Challenge) || len(r.State) > maxState || len(r.Scopes) > maxScopes) {
			t.Errorf("accepted %q as %+v", raw, r)
		}
	})
}
