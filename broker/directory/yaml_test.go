package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// written is a document as an administrator writes it.
const written = `
providers:
  - slug: google
    kind: google
    client_id: g
    client_secret: upstream-canary
    hosted_domain: acme.example
    trust_email: own_domains
    allowed_domains: [acme.example]
    signup: existing
    max_upstream_age: 1d12h
    params: {access_type: online}
clients:
  - id: web
    name: Acme Web
    first_party: true
    explain: true
    secrets: [kVbZ3b0n3bYJ7S0bq0yTt0y5gq8m1yQ2]
    auth_method: client_secret_post
    redirect_uris: [https://app.acme.example/cb]
    post_logout_redirect_uris: [https://app.acme.example/]
    allowed_origins: [https://app.acme.example]
    providers: [google]
    scopes: [openid, groups, offline_access, items:read]
    grant_types: [authorization_code, refresh_token]
    pkce: optional
    refresh_tokens: offline
    default_resource: https://items.acme.example
    id_token_claims: [groups]
    id_token_alg: ES256
    tos_uri: https://acme.example/terms
resources:
  - id: https://items.acme.example
    name: Items
    alg: EdDSA
    scopes:
      - name: items:read
        description: See your items
rules:
  - name: everybody reads
    scopes: [items:read]
`

func TestADocumentIsReadFromYAML(t *testing.T) {
	var d Document
	if err := yaml.UnmarshalWithOptions([]byte(written), &d, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	s := compiled(t, d)
	p, c := provider(t, s, "google"), client(t, s, "web")
	if p.HostedDomain != "acme.example" || p.MakesUsers() || p.MaxUpstreamAge.Std() != 36*time.Hour || p.Params["access_type"] != "online" || p.ClientSecret.Reveal() != "upstream-canary" {
		t.Errorf("got %+v", p)
	}
	if !c.FirstParty || !c.Explain || c.AuthMethod != AuthPost || c.RequiresPKCE() || c.RefreshTokens != RefreshOffline || c.IDTokenAlg != "ES256" || c.TOSURI == "" ||
		c.DefaultResource != items || len(c.PostLogoutRedirectURIs) != 1 || !c.SecretMatches("kVbZ3b0n3bYJ7S0bq0yTt0y5gq8m1yQ2") {
		t.Errorf("got %+v", c)
	}
	if r, ok := s.Resource(items); !ok || r.Alg != "EdDSA" || r.Scopes[0].Description != "See your items" {
		t.Errorf("got %+v", r)
	}
	back, err := yaml.Marshal(d)
	if err != nil || strings.Contains(string(back), "canary") || !strings.Contains(string(back), "1d12h") {
		t.Errorf("got %v\n%s", err, back)
	}
}
