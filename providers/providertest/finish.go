package providertest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// mapped is the claim by which rules tell people apart at this upstream, and
// what alice has there.
func (h *house) mapped() (name string, alice any) {
	switch h.idp.Kind() {
	case persona.KindOkta, persona.KindOktaOrg:
		return "groups", []any{"Everyone", "Engineering"}
	case persona.KindAuth0:
		return persona.RolesClaim, []any{"editor"}
	default:
		return "hd", "acme.example"
	}
}

// finish is about an honest upstream.
func finish(t *testing.T, h *house) {
	t.Run("alice is alice", func(t *testing.T) {
		claim, want := h.mapped()
		p := h.provider(t, func(s *providers.Settings) { s.MappedClaims = []string{claim} })
		before := h.idp.Requests().Count(persona.Token)
		id := h.mustLogin(t, p, "alice")
		if n := h.idp.Requests().Count(persona.Token) - before; n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
		if id.Claims["email"] != "alice@acme.example" || id.Claims["name"] != "Alice Acme" || !id.EmailVerified {
			t.Errorf("claims %v, verified %v", id.Claims, id.EmailVerified)
		}
		if fmt.Sprint(id.Claims[claim]) != fmt.Sprint(want) {
			t.Errorf("%s = %v, want %v", claim, id.Claims[claim], want)
		}
	})

	t.Run("the verifier and the redirect URI go to the token endpoint", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		if _, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice")); err != nil {
			t.Fatal(err)
		}
		all := h.idp.Requests().To(persona.Token)
		form := all[len(all)-1].Form
		if form.Get("code_verifier") != a.Verifier || form.Get("redirect_uri") != callback || form.Get("grant_type") != "authorization_code" {
			t.Errorf("token request %v", form)
		}
	})

	t.Run("a person in no group signs in without the claim", func(t *testing.T) {
		claim, _ := h.mapped()
		p := h.provider(t, func(s *providers.Settings) { s.MappedClaims = []string{claim} })
		id := h.mustLogin(t, p, "bob")
		if v, there := id.Claims[claim]; there {
			t.Errorf("%s = %v", claim, v)
		}
	})

	t.Run("an address that nobody verified is not verified", func(t *testing.T) {
		if id := h.mustLogin(t, h.provider(t), "mallory"); id.EmailVerified || id.Claims["email"] != "mallory@acme.example" {
			t.Errorf("email %v, verified %v", id.Claims["email"], id.EmailVerified)
		}
	})

	t.Run("trust_email never trusts nobody", func(t *testing.T) {
		p := h.provider(t, func(s *providers.Settings) { s.TrustEmail = "never" })
		if id := h.mustLogin(t, p, "alice"); id.EmailVerified {
			t.Error("verified")
		}
	})

	t.Run("L02_own_domains trusts a true email_verified only for the upstream's own domains", func(t *testing.T) {
		p := h.provider(t, func(s *providers.Settings) {
			s.TrustEmail, s.EmailDomains = "own_domains", []string{"acme.example"}
		})
		for user, want := range map[string]bool{"alice": true, "bob": false, "mallory": false} {
			if id := h.mustLogin(t, p, user); id.EmailVerified != want {
				t.Errorf("%s: %v counts as verified: %v", user, id.Claims["email"], id.EmailVerified)
			}
		}
	})

	t.Run("a person who cancels, or is disabled, is told so", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, persona.Cancel))
		refused(t, "cancelled", id, err, providers.AccessDenied)
		if h.idp.Kind() == persona.KindGoogle {
			return // Google keeps a disabled person on its own page
		}
		a = attempt()
		id, err = p.Finish(t.Context(), a, h.leave(t, p, a, "carol"))
		refused(t, "disabled", id, err, providers.AccessDenied)
	})

	t.Run("a POST to the callback is an answer like another", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		h.idp.Faults().Set(persona.Fault{FormPost: true})
		if _, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice")); err != nil {
			t.Error(err)
		}
	})

	t.Run("U20_people who sign in at once are never mixed up", func(t *testing.T) {
		p := h.provider(t)
		var all sync.WaitGroup
		for range 8 {
			for _, user := range []string{"alice", "bob", "dave", "erin"} {
				all.Go(func() {
					a := attempt()
					step, err := p.Begin(t.Context(), a)
					if err != nil {
						t.Errorf("begin: %v", err)
						return
					}
					to, err := persona.SignIn(t.Context(), nil, step.Redirect, user)
					if err != nil {
						t.Errorf("sign in: %v", err)
						return
					}
					id, err := p.Finish(t.Context(), a, to.Query())
					if err != nil {
						t.Errorf("finish: %v", err)
						return
					}
					if u, _ := h.idp.User(user); id.Subject != u.Subject {
						t.Errorf("%s is signed in as %s", user, id.Subject)
					}
				})
			}
		}
		all.Wait()
	})
}
