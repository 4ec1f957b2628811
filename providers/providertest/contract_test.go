package providertest_test

import (
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/providers/providertest"
)

// kindOf makes a provider of a registered kind.
func kindOf(name string, change func(idp *persona.Persona, s *providers.Settings)) providertest.New {
	return func(t *testing.T, idp *persona.Persona, s providers.Settings) providers.Provider {
		t.Helper()
		kind, ok := providers.Lookup(name)
		if !ok {
			t.Fatalf("there is no kind %q", name)
		}
		s.Kind = name
		if change != nil {
			change(idp, &s)
		}
		issuer, err := kind.Issuer(s)
		if err != nil || issuer != idp.Issuer() {
			t.Fatalf("issuer %q (%v), want %q", issuer, err, idp.Issuer())
		}
		p, err := kind.New(t.Context(), s)
		if err != nil {
			t.Fatalf("make a %s provider: %v", name, err)
		}
		return p
	}
}

func TestGoogleKeepsTheContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, persona.Google, kindOf("google", nil))
}

func TestOktaCustomServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, persona.Okta, kindOf("okta", func(idp *persona.Persona, s *providers.Settings) {
		s.Issuer, s.AuthorizationServer = idp.BaseURL(), "default"
	}))
}

func TestOktaOrgServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, persona.OktaOrg, kindOf("okta", nil))
}

func TestAuth0KeepsTheContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, persona.Auth0, kindOf("auth0", func(idp *persona.Persona, s *providers.Settings) {
		s.Issuer = idp.BaseURL() // the kind adds the slash
	}))
}

func TestPlainOIDCKeepsTheContractAtEveryPersona(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]func(persona.Options) *persona.Persona{
		"okta": persona.Okta, "okta-org": persona.OktaOrg, "auth0": persona.Auth0,
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, kind, kindOf("oidc", nil))
		})
	}
}
