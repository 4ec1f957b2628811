package providers

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestU05_TheAnswersIssuerIsAlwaysCompared(t *testing.T) {
	for _, row := range []struct {
		why      string
		promised bool
		iss      []string
		ok       bool
	}{
		{"promised and right", true, []string{"right"}, true},
		{"right though not promised", false, []string{"right"}, true},
		{"absent and not promised", false, nil, true},
		{"absent though promised", true, nil, false},
		{"wrong and promised", true, []string{"https://evil.example"}, false},
		{"wrong though not promised", false, []string{"https://evil.example"}, false},
		{"a trailing slash more", true, []string{"right/"}, false},
		{"empty and promised", true, []string{""}, false},
		{"empty though not promised", false, []string{""}, false},
		{"twice", true, []string{"right", "right"}, false},
		{"right and wrong", false, []string{"right", "https://evil.example"}, false},
	} {
		for _, refusal := range []bool{false, true} {
			e := newEvil(t)
			e.metadata = func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = row.promised }
			p := e.provider("oidc")
			_, err := e.loginWith(p, newAttempt(), func(answer url.Values) {
				if refusal {
					answer.Del("code")
					answer.Set("error", "access_denied")
				}
				for _, iss := range row.iss {
					answer.Add("iss", strings.Replace(iss, "right", e.issuer, 1))
				}
			})
			switch {
			case !row.ok && !errors.Is(err, ErrMixUp):
				t.Errorf("%s: got %v, want a mix-up", row.why, err)
			case row.ok && refusal:
				wantError(t, err, AccessDenied, row.why)
			case row.ok && err != nil:
				t.Errorf("%s: %v", row.why, err)
			}
			if !row.ok && e.count("/token") != 0 {
				t.Errorf("%s: the code was redeemed", row.why)
			}
		}
	}
}

func TestAnAnswerToAnotherAttemptIsAMixUp(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	for _, row := range []struct {
		why    string
		meddle func(url.Values)
	}{
		{"another state", func(v url.Values) { v.Set("state", "x") }},
		{"no state", func(v url.Values) { v.Del("state") }},
		{"two codes", func(v url.Values) { v.Add("code", "x") }},
		{"two states", func(v url.Values) { v.Add("state", v.Get("state")) }},
	} {
		if _, err := e.loginWith(p, newAttempt(), row.meddle); !errors.Is(err, ErrMixUp) {
			t.Errorf("%s: got %v", row.why, err)
		}
	}
	for _, row := range []struct {
		why    string
		meddle func(url.Values)
	}{
		{"no code", func(v url.Values) { v.Del("code") }},
		{"an endless code", func(v url.Values) { v.Set("code", strings.Repeat("x", maxCode+1)) }},
		{"code and error", func(v url.Values) { v.Set("error", "access_denied") }},
	} {
		_, err := e.loginWith(p, newAttempt(), row.meddle)
		wantError(t, err, ServerError, row.why)
	}
	if e.count("/token") != 0 {
		t.Error("a code was redeemed")
	}
}

func TestU17_TheUpstreamsNoIsReadAndNeverRepeated(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	for word, code := range map[string]string{
		"access_denied": AccessDenied, "user_cancelled_login": AccessDenied, "x": AccessDenied, "": AccessDenied,
		"unmet_authentication_requirements": UnmetAuthentication,
		"login_required":                    LoginRequired, "interaction_required": LoginRequired, "consent_required": LoginRequired,
		"temporarily_unavailable": TemporarilyUnavailable, "server_error": ServerError, "invalid_scope": ServerError,
		"<script>alert(1)</script>\r\nX: y" + strings.Repeat("z", 100_000): AccessDenied,
	} {
		_, err := e.loginWith(p, newAttempt(), func(v url.Values) {
			v.Del("code")
			v.Set("error", word)
			v.Set("error_description", "<script>\r\n")
		})
		pe := wantError(t, err, code, "error="+word[:min(len(word), 20)])
		if strings.ContainsAny(pe.Error(), "<\r\n") {
			t.Errorf("the refusal repeats the upstream: %q", pe.Error())
		}
	}
}

func TestU30_ACodeOfAnotherAttemptIsWorthNothing(t *testing.T) {
	for _, row := range []struct {
		why string
		lax bool // the upstream forgets PKCE
		a   func(mine, victims Attempt) Attempt
	}{
		{"an upstream that checks PKCE", false, func(mine, _ Attempt) Attempt { return mine }},
		{"an upstream that does not: the nonce stops it", true, func(mine, _ Attempt) Attempt { return mine }},
		{"the nonce is known: PKCE stops it", false, func(mine, victims Attempt) Attempt { mine.Nonce = victims.Nonce; return mine }},
	} {
		e := newEvil(t)
		e.lax = row.lax
		p := e.provider("oidc")
		victims := newAttempt()
		code := e.signIn(must(p.Begin(t.Context(), victims)).Redirect).Get("code")
		mine := row.a(newAttempt(), victims)
		_, err := p.Finish(t.Context(), mine, url.Values{"code": {code}, "state": {mine.State}})
		wantError(t, err, ServerError, row.why)
		if got := e.last("/token").form.Get("code_verifier"); got != mine.Verifier {
			t.Errorf("%s: verifier %q was sent", row.why, got)
		}
	}
}
