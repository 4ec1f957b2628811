package providertest_test

import (
	"crypto/rand"
	"errors"
	"net/url"
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

// begun is a login at a persona up to the callback, for settings that only one
// kind has.
func begun(t *testing.T, idp *persona.Persona, name, user string, change func(*providers.Settings)) (providers.Provider, providers.Attempt, url.Values) {
	t.Helper()
	client, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	s := providers.Settings{Slug: "upstream", Issuer: idp.BaseURL(), ClientID: idp.ClientID(), ClientSecret: providers.Secret(idp.ClientSecret()), TrustEmail: "always", Client: client}
	change(&s)
	p := kindOf(name, nil)(t, idp, s)
	a := providers.Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURI: "http://127.0.0.1:1/callback"}
	step, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	back, err := persona.SignIn(t.Context(), nil, step.Redirect, user)
	if err != nil {
		t.Fatal(err)
	}
	return p, a, back.Query()
}

func TestU35_GooglesHostedDomainIsEnforcedOnTheClaimAndNotOnlySent(t *testing.T) {
	idp := persona.Start(t, persona.Google, persona.Options{RedirectURIs: []string{"http://127.0.0.1:1/callback"}})
	for _, c := range []struct {
		why, user, domain string
		fault             persona.Fault
		welcome           bool
	}{
		{"of the domain", "alice", "acme.example", persona.Fault{}, true},
		{"of some company", "alice", "*", persona.Fault{}, true},
		{"a private account, although the hint was sent", "bob", "acme.example", persona.Fault{}, false},
		{"a private account, where any company will do", "bob", "*", persona.Fault{}, false},
		{"an address of the domain without hd", "mallory", "acme.example", persona.Fault{}, false},
		{"of another company", "alice", "other.example", persona.Fault{}, false},
		{"hd in the callback, where anybody can write it", "bob", "acme.example", persona.Fault{Extra: url.Values{"hd": {"acme.example"}}}, false},
		{"hd in userinfo alone", "bob", "acme.example", persona.Fault{UserInfo: persona.Claims{"hd": "acme.example"}}, false},
		{"hd as a list", "alice", "acme.example", persona.Fault{Claims: persona.Claims{"hd": []string{"acme.example"}}}, false},
	} {
		idp.Faults().Set(c.fault)
		p, a, answer := begun(t, idp, "google", c.user, func(s *providers.Settings) {
			s.HostedDomain, s.UserInfo, s.MappedClaims = c.domain, "always", []string{"hd"}
		})
		id, err := p.Finish(t.Context(), a, answer)
		var e *providers.Error
		if welcome := err == nil; welcome != c.welcome || !c.welcome && (!errors.As(err, &e) || e.Code != providers.AccessDenied) {
			t.Errorf("%s: %v, %v", c.why, id, err)
		}
	}
}

func TestU35_Auth0sOrganizationIsEnforcedOnTheClaimAndNotOnlySent(t *testing.T) {
	idp := persona.Start(t, persona.Auth0, persona.Options{RedirectURIs: []string{"http://127.0.0.1:1/callback"}})
	for _, c := range []struct {
		why     string
		fault   persona.Fault
		welcome bool
	}{
		{"a member", persona.Fault{}, true},
		{"a member of another", persona.Fault{Claims: persona.Claims{"org_id": "org_other"}}, false},
		{"a token that does not say", persona.Fault{Claims: persona.Claims{"org_id": persona.Absent}}, false},
		{"userinfo alone says so", persona.Fault{Claims: persona.Claims{"org_id": persona.Absent}, UserInfo: persona.Claims{"org_id": "org_acme"}}, false},
	} {
		idp.Faults().Set(c.fault)
		p, a, answer := begun(t, idp, "auth0", "alice", func(s *providers.Settings) {
			s.Organization, s.UserInfo = "org_acme", "always"
		})
		id, err := p.Finish(t.Context(), a, answer)
		var e *providers.Error
		if welcome := err == nil; welcome != c.welcome || !c.welcome && (!errors.As(err, &e) || e.Code != providers.AccessDenied) {
			t.Errorf("%s: %v, %v", c.why, id, err)
		}
	}
}
