package broker_test

import (
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// The tests named TestOIDCC_… follow the modules of the OpenID Foundation's plans for
// OpenID Providers, one test a module, with the clients that those plans ask for. The
// Form Post plan is the Basic plan with response_mode=form_post: every module of it
// runs both ways.

const (
	suiteURL   = "https://suite.example/test/a/handstamp"
	suiteLogin = "paula" // a person about whom the provider knows everything
	classOne   = "urn:example:loa:1"
)

var suiteSecrets = map[string]providers.Secret{
	"suite-1": providers.Secret(oauth.NewSecret()), "suite-2": providers.Secret(oauth.NewSecret()), "suite-post": providers.Secret(oauth.NewSecret()),
}

// suiteClients are two confidential clients and one for client_secret_post. No module
// but one sends PKCE, so none of them may be required to (RFC 9700 lets an
// administrator exempt a confidential client by name).
func suiteClients(d *directory.Document) {
	for _, id := range []string{"suite-1", "suite-2", "suite-post"} {
		c := directory.Client{ID: id, Name: "Suite", FirstParty: true, Secrets: []providers.Secret{suiteSecrets[id]}, PKCE: directory.PKCEOptional,
			RedirectURIs: []string{suiteURL + "/callback"}, PostLogoutRedirectURIs: []string{suiteURL + "/post_logout_redirect"}, Providers: []string{"okta"},
			Scopes: []string{"openid", "profile", "email", "address", "phone", "offline_access"}, RefreshTokens: directory.RefreshOffline}
		if id == "suite-post" {
			c.AuthMethod = directory.AuthPost
		}
		d.Clients = append(d.Clients, c)
	}
	d.Providers[1].Scopes = []string{"openid", "profile", "email", "address", "phone"}
	d.Providers[1].ACRValues = []string{classOne}
}

// everything is a person with every claim of OpenID Connect Core §5.1.
func everything() persona.User {
	return persona.User{ID: suiteLogin, Subject: "00u1pau1aeveryth1ng5", Name: "Paula Profile", GivenName: "Paula", FamilyName: "Profile",
		Email: "paula@acme.example", EmailVerified: true, Claims: persona.Claims{
			"middle_name": "P.", "nickname": "Pau", "preferred_username": "paula", "profile": "https://people.example/paula", "picture": "https://people.example/paula.jpg",
			"website": "https://paula.example", "gender": "female", "birthdate": "1990-01-31", "zoneinfo": "Europe/Paris", "locale": "fr-FR", "updated_at": 1700000000,
			"phone_number": "+33 1 23 45 67 89", "phone_number_verified": true, "acr": classOne,
			"address": map[string]any{"formatted": "1 rue Exemple\n75001 Paris", "street_address": "1 rue Exemple", "locality": "Paris", "postal_code": "75001", "country": "FR"},
		}}
}

// newRelyingParty is one of the suite's clients in a browser of its own.
func (k *kit) newRelyingParty(client, mode string) *relyingParty {
	k.t.Helper()
	r := &relyingParty{t: k.t, k: k, b: k.browser(), upstream: k.okta, person: suiteLogin, mode: mode, client: client, secret: suiteSecrets[client].Reveal(),
		redirect: suiteURL + "/callback", post: client == "suite-post"}
	r.meta = r.b.get(k.issuer + "/.well-known/openid-configuration").json(k.t)
	return r
}

func suiteKit(t testing.TB) *kit {
	t.Helper()
	k := newKit(t, suiteClients)
	k.okta.SetUsers(append(persona.People(persona.KindOkta), everything())...)
	return k
}

// inBothPlans runs a module of the Basic plan and again as one of the Form Post plan.
func inBothPlans(t *testing.T, module func(t *testing.T, r *relyingParty)) {
	for plan, mode := range map[string]string{"basic": "", "formpost": "form_post"} {
		t.Run(plan, func(t *testing.T) { module(t, suiteKit(t).newRelyingParty("suite-1", mode)) })
	}
}
