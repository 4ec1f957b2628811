package broker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
)

// The Basic plan: what a request may look like, and which are refused where.

// requestObject is an unsigned one (OpenID Connect Core §6.1): {"alg":"none"} and claims.
func requestObject(claims string) string {
	return "eyJhbGciOiJub25lIn0." + b64url(claims) + "."
}

func TestOIDCC_basic_ensure_request_with_unknown_parameter_succeeds(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) { r.login("extra", "foobar") })
}

func TestOIDCC_basic_ensure_registered_redirect_uri(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		mustBePage(t, r.ask("redirect_uri", r.redirect+"/"+oauth.NewSecret()[:10]).page, http.StatusBadRequest)
	})
}

func TestOIDCC_basic_ensure_post_request_succeeds(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		q := r.request("scope", "openid email")
		// a form on the app's own page: cross-site, and so without our cookies
		a := do(t, r.k.browser().Client, formRequest(t, r.endpoint("authorization_endpoint"), q, map[string]string{"Origin": "https://suite.example", "Sec-Fetch-Site": "cross-site"}))
		r.have(r.finish(r.follow(q, a)).user, "email")
	})
}

func TestOIDCC_basic_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if r.meta["request_uri_parameter_supported"] != false {
			t.Error("what is left out of discovery counts as supported")
		}
		r.failed(r.ask("request_uri", "https://suite.example/request.jwt"), "request_uri_not_supported")
	})
}

func TestOIDCC_basic_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if r.meta["request_parameter_supported"] != false || r.meta["request_object_signing_alg_values_supported"] != nil {
			t.Errorf("discovery: %v", r.meta)
		}
		r.failed(r.ask("request", requestObject(`{"scope":"openid email","state":"other","nonce":"other"}`)), "request_not_supported")
	})
}

func TestOIDCC_basic_claims_essential(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if r.meta["claims_parameter_supported"] != true {
			t.Error("claims_parameter_supported")
		}
		v := r.login("claims", `{"userinfo":{"name":{"essential":true}}}`)
		if v.user["name"] != "Paula Profile" || v.id["name"] != nil {
			t.Errorf("userinfo %v, ID token %v", v.user, v.id)
		}
	})
}

func TestOIDCC_basic_ensure_request_object_with_redirect_uri(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		a := r.ask("redirect_uri", r.redirect+"/bad", "request", requestObject(`{"redirect_uri":"`+r.redirect+`"}`))
		mustBePage(t, a.page, http.StatusBadRequest)
	})
}

// Beyond the plan: what FAPI's long-state modules ask for, and a sum of everything.
func TestALongStateAndNonceComeBackWhole(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		for _, length := range []int{128, 384, 512} {
			r.b = r.k.browser()
			r.login("state", random(length), "nonce", random(length), "scope", "openid profile email", "claims", `{"userinfo":{"given_name":{"essential":true},"phone_number":null},"id_token":{"email":null}}`,
				"login_hint", "paula@acme.example", "ui_locales", "fr-FR fr en", "claims_locales", "fr", "display", "page", "acr_values", classOne)
		}
	})
	l := suiteKit(t).login("web", "state", random(513)) // refused, and never cut
	if q := l.k.browser().get(l.url()).to(t).Query(); q.Get("error") != "invalid_request" || q.Has("state") {
		t.Errorf("a state of 513 bytes: %v", q)
	}
}

func random(length int) string {
	var s strings.Builder
	for s.Len() < length {
		s.WriteString(oauth.NewSecret())
	}
	return s.String()[:length]
}
