package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

func TestAProviderIsCheckedAndTriedBeforeAnybodySignsIn(t *testing.T) {
	k := newKit(t)
	c, ctx := k.goClient(k.robot()), t.Context()
	upstream := persona.Start(t, persona.Okta, persona.Options{RedirectURIs: []string{issuer + "/callback/okta"}})
	var err error
	if k.client, err = providers.NewClient(providers.ClientOptions{AllowLoopback: true}); err != nil {
		t.Fatal(err)
	}
	draft := &directory.Provider{Kind: "okta", Issuer: upstream.BaseURL(), AuthorizationServer: "default", ClientID: upstream.ClientID(), ClientSecret: "not typed yet"}
	result := ok[*api.CheckResult](t)(c.CheckProvider(ctx, "okta", draft))
	if result.State != "answers" || result.Issuer != upstream.Issuer() || result.RedirectURI != issuer+"/callback/okta" {
		t.Errorf("%+v", result)
	}
	if own := ok[*api.CheckResult](t)(c.CheckProvider(ctx, "local", nil)); own.State != "own" {
		t.Errorf("%+v", own)
	}
	for _, row := range []struct {
		slug  string
		draft *directory.Provider
		kind  string
	}{{"nobody", nil, api.NotFound}, {"x", &directory.Provider{Kind: "magic"}, api.Invalid}, {"x", &directory.Provider{Slug: "y", Kind: "oidc"}, api.Invalid}, {"x", &directory.Provider{Kind: "oidc"}, api.Invalid}} {
		if _, err := c.CheckProvider(ctx, row.slug, row.draft); !api.IsKind(err, row.kind) {
			t.Errorf("%s: %v", row.slug, err)
		}
	}
	started := ok[*api.TestStarted](t)(c.TestProvider(ctx, "corp", k.url+"/providers/corp"))
	if started.Reference != "REFERENCEOFATEST" || started.URL != issuer+"/test/corp" || len(k.tested) != 1 || k.tested[0] != "corp "+k.url+"/providers/corp" {
		t.Errorf("%+v %v", started, k.tested)
	}
	for _, back := range []string{"https://evil.example/", k.url + "@evil.example/", "/providers", k.url + "/..//evil", "", strings.Replace(k.url, "http:", "https:", 1) + "/x"} {
		if _, err := c.TestProvider(ctx, "corp", back); !api.IsInvalid(err) {
			t.Errorf("%s: %v", back, err)
		}
	}
	if _, err := c.TestProvider(ctx, "local", k.url+"/x"); !api.IsInvalid(err) {
		t.Errorf("%v", err)
	}
}

func TestEachKindSaysWhatItWantsAndWhereToClick(t *testing.T) {
	k := newKit(t)
	kinds := ok[*api.Page[api.Kind]](t)(k.goClient(k.robot()).Kinds(t.Context())).Items
	if len(kinds) != len(providers.Kinds()) {
		t.Fatalf("%d kinds", len(kinds))
	}
	for _, kind := range kinds {
		text := strings.Join(kind.Steps, "\n")
		if kind.Title == "" || kind.Summary == "" || len(kind.Steps) == 0 || strings.Contains(text, "{redirect_uri}") || strings.Contains(text, "{logout_uri}") {
			t.Errorf("%+v", kind)
		}
		if kind.OwnBook {
			continue
		}
		if kind.RedirectURI != issuer+"/callback/{slug}" || !strings.Contains(text, kind.RedirectURI) || !strings.HasPrefix(kind.Docs, "https://") {
			t.Errorf("%s: %q %v", kind.Name, kind.RedirectURI, kind.Steps)
		}
		// A form that is filled in with its examples makes a provider.
		in := map[string]any{"kind": kind.Name, "slug": "made"}
		for _, f := range kind.Fields {
			if f.Required && f.Name != "slug" {
				if in[f.Name] = f.Example; f.Example == "" {
					in[f.Name] = "something"
				}
			}
			if f.Type == "choice" && len(f.Options) > 1 && f.Name != "auth_method" {
				in[f.Name] = f.Options[0]
			}
		}
		if plan := into[api.Plan](t, must(t, k.do("POST", "/providers?plan=true", k.robot(), asJSON(in)), http.StatusOK)); len(plan.Problems) > 0 {
			t.Errorf("%s: %v", kind.Name, plan.Problems)
		}
	}
}
