package broker_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/oauth"
)

// The Basic plan, oidcc-basic-certification-test-plan: who the person is. The other
// half of it is in conformance_request_test.go and conformance_session_test.go.

func TestOIDCC_basic_server(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		v := r.login()
		if len(v.user) != 1 {
			t.Errorf("for openid alone userinfo tells %v", v.user)
		}
	})
}

func TestOIDCC_basic_response_type_missing(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		r.failed(r.ask("response_type", ""), "unsupported_response_type", "invalid_request")
	})
}

func TestOIDCC_basic_idtoken_signature(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if h := r.login().header; h["alg"] != "RS256" || h["kid"] == nil {
			t.Errorf("header %v", h)
		}
	})
}

func TestOIDCC_basic_idtoken_unsigned(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if algs, _ := r.meta["id_token_signing_alg_values_supported"].([]any); slices.Contains(algs, any("none")) || len(algs) == 0 {
			t.Errorf("algorithms %v", algs)
		}
	})
}

func TestOIDCC_basic_userinfo_get(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) { r.login("scope", "openid profile email") })
}

func TestOIDCC_basic_userinfo_post_header(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		v := r.login()
		r.checkUserInfo(v, r.userinfo(http.MethodPost, v.token["access_token"].(string), false))
	})
}

func TestOIDCC_basic_userinfo_post_body(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		v := r.login()
		r.checkUserInfo(v, r.userinfo(http.MethodPost, v.token["access_token"].(string), true))
	})
}

func TestOIDCC_basic_ensure_request_without_nonce_succeeds_for_code_flow(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) { r.login("nonce", "") })
}

func TestOIDCC_basic_scope_profile(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		r.have(r.login("scope", "openid profile").user, byScope["profile"]...)
	})
}

func TestOIDCC_basic_scope_email(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		r.have(r.login("scope", "openid email").user, byScope["email"]...)
	})
}

func TestOIDCC_basic_scope_address(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		v := r.login("scope", "openid address")
		address, _ := v.user["address"].(map[string]any)
		r.have(address, "formatted", "street_address", "locality", "postal_code", "country")
	})
}

func TestOIDCC_basic_scope_phone(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		r.have(r.login("scope", "openid phone").user, byScope["phone"]...)
	})
}

func TestOIDCC_basic_scope_all(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		v := r.login("scope", "openid profile email address phone")
		for _, scope := range []string{"profile", "email", "address", "phone"} {
			r.have(v.user, byScope[scope]...)
		}
	})
}

func TestOIDCC_basic_alternate_happy_flow(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		q := r.request("scope", "email openid")
		parts := strings.Split(q.Encode(), "&")
		slices.Reverse(parts)
		r.have(r.finish(r.follow(q, r.b.get(r.endpoint("authorization_endpoint")+"?"+strings.Join(parts, "&")))).user, byScope["email"]...)
	})
}

func TestOIDCC_basic_codereuse(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		v := r.login()
		r.refused(r.redeem(v.authAnswer), "invalid_grant")
	})
}

func TestOIDCC_basic_codereuse_30seconds(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		v := r.login()
		r.k.clock.Advance(30 * time.Second)
		r.refused(r.redeem(v.authAnswer), "invalid_grant")
		mustFail(r.t, r.userinfo(http.MethodGet, v.token["access_token"].(string), false), http.StatusUnauthorized, "invalid_token")
	})
}

func TestOIDCC_basic_server_client_secret_post(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if methods, _ := r.meta["token_endpoint_auth_methods_supported"].([]any); !slices.Contains(methods, any("client_secret_post")) {
			t.Errorf("methods %v", methods)
		}
		r.k.newRelyingParty("suite-post", r.mode).login()
	})
}

func TestOIDCC_basic_refresh_token(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		ask := []string{"scope", "openid offline_access", "prompt", "consent"}
		one, other := r.login(ask...), r.k.newRelyingParty("suite-2", r.mode)
		other.login(ask...)
		refresh := one.token["refresh_token"].(string)
		r.k.clock.Advance(2 * time.Second)
		other.refused(other.tokenRequest("grant_type", "refresh_token", "refresh_token", refresh), "invalid_grant")
		next := &visited{authAnswer: &authAnswer{sent: r.request("nonce", "", "scope", "openid")}, token: r.tokens(r.tokenRequest("grant_type", "refresh_token", "refresh_token", refresh, "scope", "openid"))}
		next.header, next.id = r.idToken(next.token)
		r.checkIDToken(next)
		r.checkUserInfo(next, r.userinfo(http.MethodGet, next.token["access_token"].(string), false))
		for _, same := range []string{"iss", "sub", "aud", "azp", "auth_time"} {
			if next.id[same] != one.id[same] {
				t.Errorf("%s was %v and is %v", same, one.id[same], next.id[same])
			}
		}
		if next.id["iat"].(float64) <= one.id["iat"].(float64) || next.token["access_token"] == one.token["access_token"] {
			t.Error("a refresh must give new tokens")
		}
	})
}

func TestOIDCC_basic_ensure_request_with_valid_pkce_succeeds(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) {
		verifier := oauth.NewSecret()
		challenge, _ := oauth.S256(verifier)
		a := r.ask("code_challenge", challenge, "code_challenge_method", "S256")
		r.refused(r.redeem(a, "code_verifier", oauth.NewSecret()), "invalid_grant")
		r.tokens(r.redeem(a, "code_verifier", verifier))
	})
}
