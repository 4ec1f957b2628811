package broker_test

import (
	"strings"
	"testing"
	"time"
)

// The Basic plan: when the person is asked to sign in, and when not.

// sameSignIn checks that two ID tokens tell of one sign-in of one person.
func sameSignIn(t *testing.T, one, two *visited) {
	t.Helper()
	if two.shown || one.id["sub"] != two.id["sub"] || one.id["auth_time"] != two.id["auth_time"] || one.id["sid"] != two.id["sid"] {
		t.Errorf("asked again (%v), or told of another sign-in: %v and %v", two.shown, one.id, two.id)
	}
}

// newSignIn checks that the person was asked again, and that auth_time says so.
func newSignIn(t *testing.T, one, two *visited) {
	t.Helper()
	if !two.shown || one.id["sub"] != two.id["sub"] || two.id["auth_time"].(float64) <= one.id["auth_time"].(float64) {
		t.Errorf("not asked again (%v), or told of the old sign-in: %v and %v", two.shown, one.id, two.id)
	}
}

func TestOIDCC_basic_prompt_login(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		one := r.login()
		r.k.clock.Advance(time.Second)
		newSignIn(t, one, r.login("prompt", "login"))
	})
}

func TestOIDCC_basic_prompt_none_not_logged_in(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		a := r.ask("prompt", "none", "state", strings.Repeat("0123456789abcdef", 8))
		r.failed(a, "login_required", "interaction_required", "account_selection_required", "consent_required")
		if a.upstream != nil {
			t.Error("prompt=none went to the provider")
		}
	})
}

func TestOIDCC_basic_prompt_none_logged_in(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		one := r.login()
		r.k.clock.Advance(time.Minute)
		two := r.login("prompt", "none")
		sameSignIn(t, one, two)
		if two.upstream != nil {
			t.Error("prompt=none went to the provider")
		}
	})
}

func TestOIDCC_basic_max_age_1(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		one := r.login()
		r.k.clock.Advance(2 * time.Second)
		two := r.login("max_age", "1")
		newSignIn(t, one, two)
		if age := float64(r.k.clock.Now().Unix()) - two.id["auth_time"].(float64); age > 5 {
			t.Errorf("the sign-in is %.0f seconds old", age)
		}
	})
}

func TestOIDCC_basic_max_age_10000(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		one := r.login("max_age", "15000")
		r.k.clock.Advance(2 * time.Second)
		sameSignIn(t, one, r.login("max_age", "10000"))
	})
}

func TestOIDCC_basic_id_token_hint(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		one := r.login()
		sameSignIn(t, one, r.login("prompt", "none", "id_token_hint", one.token["id_token"].(string)))
	})
}

func TestOIDCC_basic_login_hint(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if v := r.login("login_hint", "paula+one@acme.example"); v.upstream.Query().Get("login_hint") != "paula+one@acme.example" {
			t.Errorf("the provider was not told: %s", v.upstream)
		}
	})
}

func TestOIDCC_basic_ui_locales(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		if v := r.login("ui_locales", "se"); v.upstream.Query().Get("ui_locales") != "se" {
			t.Errorf("the provider was not told: %s", v.upstream)
		}
	})
}

func TestOIDCC_basic_claims_locales(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) { r.login("claims_locales", "se") })
}

func TestOIDCC_basic_display_page(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) { r.login("display", "page") })
}

func TestOIDCC_basic_display_popup(t *testing.T) {
	inBothPlans(t, func(_ *testing.T, r *relyingParty) { r.login("display", "popup") })
}

func TestOIDCC_basic_ensure_request_with_acr_values_succeeds(t *testing.T) {
	inBothPlans(t, func(t *testing.T, r *relyingParty) {
		supported, _ := r.meta["acr_values_supported"].([]any)
		if len(supported) != 1 {
			t.Fatalf("acr_values_supported %v", supported)
		}
		v := r.login("acr_values", supported[0].(string))
		if v.id["acr"] != supported[0] || v.upstream.Query().Get("acr_values") != supported[0] {
			t.Errorf("acr %v, asked of the provider %q", v.id["acr"], v.upstream.Query().Get("acr_values"))
		}
	})
}
