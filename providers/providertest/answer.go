package providertest

import (
	"errors"
	"net/url"
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// answers is about what the browser brings back. Whatever is wrong with it must
// be seen before anything is asked of the upstream.
func answers(t *testing.T, h *house) {
	t.Run("U05_an answer of another attempt or another issuer is a mix-up", func(t *testing.T) {
		for _, c := range []struct {
			why   string
			fault persona.Fault
		}{
			{"no state", persona.Fault{DropState: true}},
			{"another state", persona.Fault{WrongState: "x"}},
			{"state twice", persona.Fault{Extra: url.Values{"state": {"x"}}}},
			{"iss of another", persona.Fault{Iss: "https://evil.example"}},
			{"iss of another, discovery silent", persona.Fault{Iss: "https://evil.example", AdvertiseIss: persona.No}},
			{"iss of another beside an error", persona.Fault{Iss: "https://evil.example", AuthorizeError: "access_denied"}},
			{"iss empty", persona.Fault{Iss: persona.IssEmpty}},
			{"iss empty, discovery silent", persona.Fault{Iss: persona.IssEmpty, AdvertiseIss: persona.No}},
			{"iss twice", persona.Fault{Iss: persona.IssTwice, AdvertiseIss: persona.Yes}},
			{"iss missing though promised", persona.Fault{Iss: persona.IssDrop, AdvertiseIss: persona.Yes}},
			{"iss missing though promised, beside an error", persona.Fault{Iss: persona.IssDrop, AdvertiseIss: persona.Yes, AuthorizeError: "access_denied"}},
			{"iss with a slash more", persona.Fault{Iss: persona.IssParam(h.idp.Issuer() + "/")}},
		} {
			p, a := h.provider(t), attempt()
			h.idp.Faults().Set(c.fault)
			before := h.idp.Requests().Count(persona.Token)
			id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
			refused(t, c.why, id, err, providers.ServerError)
			if !errors.Is(err, providers.ErrMixUp) {
				t.Errorf("%s: %v is no mix-up", c.why, err)
			}
			if n := h.idp.Requests().Count(persona.Token) - before; n != 0 {
				t.Errorf("%s: the code was sent out", c.why)
			}
		}
	})

	t.Run("U05_iss is welcome where it is right", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		h.idp.Faults().Set(persona.Fault{Iss: persona.IssHonest, AdvertiseIss: persona.Yes})
		if _, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice")); err != nil {
			t.Error(err)
		}
	})

	t.Run("U17_an error of the upstream becomes one of ours and its text stays outside", func(t *testing.T) {
		for upstream, want := range map[string]string{
			"access_denied":                     providers.AccessDenied,
			"unauthorized":                      providers.AccessDenied, // Auth0's word for a blocked person
			"no_such_word":                      providers.AccessDenied,
			evil:                                providers.AccessDenied,
			"login_required":                    providers.LoginRequired,
			"unmet_authentication_requirements": providers.UnmetAuthentication,
			"interaction_required":              providers.LoginRequired,
			"consent_required":                  providers.LoginRequired,
			"account_selection_required":        providers.LoginRequired,
			"temporarily_unavailable":           providers.TemporarilyUnavailable,
			"server_error":                      providers.ServerError,
			"invalid_scope":                     providers.ServerError,
		} {
			p, a := h.provider(t), attempt()
			h.idp.Faults().Set(persona.Fault{AuthorizeError: upstream, AuthorizeDescription: evil})
			before := h.idp.Requests().Count(persona.Token)
			id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
			refused(t, upstream, id, err, want)
			if n := h.idp.Requests().Count(persona.Token) - before; n != 0 {
				t.Errorf("%s: %d token requests", upstream, n)
			}
		}
	})

	t.Run("an answer without a usable code is refused", func(t *testing.T) {
		for _, c := range []struct {
			why   string
			fault persona.Fault
		}{
			{"neither code nor error", persona.Fault{DropCode: true}},
			{"code twice", persona.Fault{Extra: url.Values{"code": {"x"}}}},
			{"code and error", persona.Fault{Extra: url.Values{"error": {"access_denied"}}}},
			{"a code that was never issued", persona.Fault{WrongCode: "never-issued"}},
		} {
			p, a := h.provider(t), attempt()
			h.idp.Faults().Set(c.fault)
			id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
			refused(t, c.why, id, err, providers.ServerError)
		}
	})

	t.Run("U30_a code of somebody else's login is worth nothing", func(t *testing.T) {
		for _, c := range []struct {
			why   string
			fault persona.Fault
		}{
			{"the upstream checks PKCE", persona.Fault{}},
			{"the upstream forgot PKCE: the nonce stops it", persona.Fault{IgnorePKCE: true}},
		} {
			p, victim, attacker := h.provider(t), attempt(), attempt()
			stolen := h.leave(t, p, victim, "alice")
			injected := h.leave(t, p, attacker, "bob")
			injected.Set("code", stolen.Get("code"))
			h.idp.Faults().Set(c.fault)
			id, err := p.Finish(t.Context(), attacker, injected)
			refused(t, c.why, id, err, providers.ServerError)
		}
	})

	t.Run("U30_PKCE alone stops a stolen code, too", func(t *testing.T) {
		// The attacker's token would even carry the victim's nonce.
		p, victim := h.provider(t), attempt()
		stolen := h.leave(t, p, victim, "alice")
		attacker := attempt()
		attacker.Nonce, attacker.State = victim.Nonce, victim.State
		id, err := p.Finish(t.Context(), attacker, stolen)
		refused(t, "wrong verifier", id, err, providers.ServerError)
	})

	t.Run("a code is redeemed once", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		answer := h.leave(t, p, a, "alice")
		if _, err := p.Finish(t.Context(), a, answer); err != nil {
			t.Fatal(err)
		}
		id, err := p.Finish(t.Context(), a, answer)
		refused(t, "the same code again", id, err, providers.ServerError)
	})
}
