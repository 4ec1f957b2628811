package broker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// The same plan with a password of this house instead of a provider: what the modules
// ask about the sign-in holds there too, on pages of our own.

func plainParty(t *testing.T) *relyingParty {
	t.Helper()
	k := newKit(t, suiteClients, withLocal, func(d *directory.Document) {
		for i := range d.Clients {
			d.Clients[i].Providers = []string{"local"}
		}
	})
	k.member("paula", func(a *storage.NewAccount) { a.Name = "Paula Profile" })
	r := k.newRelyingParty("suite-1", "")
	r.fillIn = func(page *answer) *answer { return k.fill(r.b, page, "username", "paula", "password", goodPassword) }
	return r
}

func TestOIDCC_plain_prompts_and_ages(t *testing.T) {
	r := plainParty(t)
	r.failed(r.ask("prompt", "none"), "login_required")
	one := r.login("scope", "openid profile email", "max_age", "15000")
	r.have(one.user, "name", "preferred_username", "email", "email_verified")
	r.k.clock.Advance(2 * time.Second)
	sameSignIn(t, one, r.login("prompt", "none", "id_token_hint", one.token["id_token"].(string)))
	sameSignIn(t, one, r.login("max_age", "10000"))
	two := r.login("prompt", "login")
	newSignIn(t, one, two)
	r.k.clock.Advance(2 * time.Second)
	newSignIn(t, two, r.login("max_age", "1"))
	r.failed(r.ask("claims", `{"id_token":{"acr":{"essential":true}}}`), "unmet_authentication_requirements")
}

func TestOIDCC_plain_wishes_and_claims(t *testing.T) {
	r := plainParty(t)
	v := r.login("display", "popup", "ui_locales", "se", "claims_locales", "se", "login_hint", "paula", "acr_values", "1 2", "nonce", "", "state", random(384),
		"claims", `{"userinfo":{"name":{"essential":true}}}`)
	if v.user["name"] != "Paula Profile" || v.id["acr"] != nil {
		t.Errorf("userinfo %v, ID token %v", v.user, v.id)
	}
	if methods, _ := v.id["amr"].([]any); !slices.Contains(methods, any("pwd")) {
		t.Errorf("amr %v", v.id["amr"])
	}
	r.refused(r.redeem(v.authAnswer), "invalid_grant")
}

func TestOIDCC_plain_logout(t *testing.T) {
	r := plainParty(t)
	hint := r.login().token["id_token"].(string)
	if to := r.b.get(r.endpoint("end_session_endpoint") + "?id_token_hint=" + hint + "&state=s&post_logout_redirect_uri=" + afterLogout).to(t); to.String() != afterLogout+"?state=s" {
		t.Errorf("to %s", to)
	}
	r.signedOut()
}
