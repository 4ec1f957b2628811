package directory

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers"
)

// told folds the secrets as a book does and puts a diff into sentences; sensitive ones
// begin with a "!".
func told(old, new Document) (out []string) {
	for _, d := range []*Document{&old, &new} {
		*d = d.clone()
		d.FoldSecrets(func(owner, secret string) string {
			return fmt.Sprintf("%x", DigestSecret(providers.Secret(owner+secret)).Reveal())
		}, nil)
	}
	for _, c := range Diff(old, new) {
		text := c.String()
		if c.Sensitive {
			text = "!" + text
		}
		out = append(out, text)
	}
	return out
}

func TestADiffSpeaksOfWhatAChangeMeans(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(d *Document)
		want   []string
	}{
		{"nothing", func(*Document) {}, nil},
		{"defaults written out", func(d *Document) {
			d.Clients[1].Name, d.Clients[1].PKCE, d.Providers[0].Signup, d.Resources[1].Name = "spa", "required", "automatic", orders
			d.Clients[2].Scopes, d.Clients[1].GrantTypes = []string{"openid", "profile", "email"}, []string{"authorization_code"}
		}, nil},
		{"clients and resources in another order", func(d *Document) { slices.Reverse(d.Clients); slices.Reverse(d.Resources) }, nil},
		{"another place in the file", func(d *Document) { d.Rules[0].File, d.Rules[0].Line = "other.yaml", 9 }, nil},
		{"a rule moved", func(d *Document) { slices.Reverse(d.Rules) }, []string{"rule editors write moved before everybody reads"}},
		{"a rule more, before the others", func(d *Document) {
			d.Rules = slices.Insert(d.Rules, 0, d.Rules[1])
			d.Rules[0].Name, d.Rules[0].Roles = "new", []string{"x"}
		}, []string{"rule new is new: it gives role x, scope items:write"}},
		{"a denial gone", func(d *Document) { d.Rules = d.Rules[:1] }, []string{"rule editors write is gone: it gives scope items:write"}},
		{"a condition", func(d *Document) { d.Rules[1].When = "true" }, []string{`rule editors write: when was "Editors" in claims.groups, is true`}},
		{"a rule's role", func(d *Document) { d.Rules[0].Roles = []string{"reader", "guest"} }, []string{"rule everybody reads: roles has guest now"}},
		{"a rule's claim", func(d *Document) { d.Rules[0].Claims = map[string]string{"dep": "claims.x"} }, []string{"rule everybody reads: claims.dep has claims.x now"}},
		{"a scope at a resource", func(d *Document) { d.Resources[1].Scopes = append(d.Resources[1].Scopes, Scope{Name: "orders:pay"}) },
			[]string{"scope orders:pay is new: of " + orders}},
		{"a scope that moved to another resource", func(d *Document) {
			d.Resources[0].Scopes = append(d.Resources[0].Scopes, d.Resources[1].Scopes[0])
			d.Resources[1].Scopes = d.Resources[1].Scopes[1:]
		}, []string{"!scope orders:read: resource was " + orders + ", is " + items}},
		{"words of a scope", func(d *Document) { d.Resources[0].Scopes[0].Description = "Look" }, []string{"scope items:read: description was See your items, is Look"}},
		{"a resource gone", func(d *Document) { d.Resources = d.Resources[:1] }, []string{"resource " + orders + " is gone", "scope orders:read is gone: of " + orders, "scope orders:cancel is gone: of " + orders}},
		{"a secret rotated", func(d *Document) { d.Clients[0].Secrets = []providers.Secret{secret + "new-canary", secret} }, []string{"!client web: a secret was added"}},
		{"the old secret gone", func(d *Document) { d.Clients[0].Secrets = []providers.Secret{secret + "new-canary"} },
			[]string{"!client web: a secret was removed", "!client web: a secret was added"}},
		{"a secret by reference", func(d *Document) {
			d.Clients[0].Secrets, d.Clients[0].SecretSources = []providers.Secret{"resolved-canary-resolved-canary"}, []string{"${WEB}"}
		}, []string{"!client web: a secret was removed", "!client web: secrets has ${WEB} now"}},
		{"an upstream secret", func(d *Document) { d.Providers[0].ClientSecret = "canary-4" }, []string{"!provider google: client_secret is another secret now"}},
		{"an upstream secret by file", func(d *Document) { d.Providers[0].ClientSecretSource = "file:/run/x" }, []string{"!provider google: client_secret was a secret, is file:/run/x"}},
		{"no upstream secret", func(d *Document) { d.Providers[0].ClientSecret, d.Providers[0].AuthMethod = "", "none" },
			[]string{"!provider google: auth_method was not set, is none", "!provider google: a secret was removed"}},
		{"another issuer", func(d *Document) { d.Providers[1].Issuer = "https://evil.okta.com" }, []string{"!provider okta: issuer was https://acme.okta.com, is https://evil.okta.com"}},
		{"a provider more", func(d *Document) {
			d.Providers = append(d.Providers, Provider{Slug: "new", Kind: "oidc", Issuer: "https://new.example", ClientID: "x", ClientSecret: "canary-5"})
		}, []string{"!provider new is new: oidc https://new.example"}},
		{"a provider less", func(d *Document) { d.Providers = d.Providers[:2] }, []string{"provider auth0 is gone: auth0 https://acme.eu.auth0.com/"}},
		{"the chooser's order", func(d *Document) { d.Providers[0], d.Providers[2] = d.Providers[2], d.Providers[0] },
			[]string{"provider auth0 moved before okta", "provider okta moved before google"}},
		{"a redirect URI", func(d *Document) {
			d.Clients[0].RedirectURIs = append(d.Clients[0].RedirectURIs, "https://evil.example/cb")
		},
			[]string{"!client web: redirect_uris has https://evil.example/cb now"}},
		{"fewer scopes than the default", func(d *Document) { d.Clients[2].Scopes = []string{"openid"} },
			[]string{"client partner.portal_1: scopes has no longer profile", "client partner.portal_1: scopes has no longer email"}},
		{"a list in another order", func(d *Document) { d.Clients[1].Scopes = []string{"items:read", "openid"} }, []string{"client spa: scopes was openid, items:read, is items:read, openid"}},
		{"machine scopes", func(d *Document) { d.Clients[0].MachineScopes = []string{"items:read"} }, []string{"!client web: machine_scopes has items:read now"}},
		{"back to the default", func(d *Document) { d.Clients[0].RefreshTokens = "" }, []string{"client web: refresh_tokens was offline, is none"}},
		{"a duration", func(d *Document) { d.Providers[0].MaxUpstreamAge = Duration(36 * 3600e9) }, []string{"provider google: max_upstream_age was 0s, is 1d12h"}},
		{"a parameter", func(d *Document) { d.Providers[0].Params = map[string]string{"access_type": "offline"} }, []string{"!provider google: params.access_type has offline now"}},
		{"the house's name", func(d *Document) { d.Brand.Name = "Acme" }, []string{"brand: name was not set, is Acme"}},
		{"an app less", func(d *Document) { d.Clients = d.Clients[:2] }, []string{"client partner.portal_1 is gone: https://partner.example/cb"}},
	} {
		d := acme().clone()
		row.change(&d)
		got := told(acme(), d)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.want)
		}
		if strings.Contains(fmt.Sprint(got, told(d, acme())), "canary") {
			t.Errorf("%s: a secret is told", row.why)
		}
		if (len(told(d, acme())) == 0) != (len(row.want) == 0) {
			t.Errorf("%s: the way back says %q", row.why, told(d, acme()))
		}
	}
}

// Whatever setting is changed, the diff names it, and nothing else of the same thing.
func TestADiffOverlooksNoSetting(t *testing.T) {
	seen := map[string]bool{}
	base := full(t)
	for _, part := range []string{"Providers", "Clients", "Resources", "Rules"} {
		thing := reflect.ValueOf(&base).Elem().FieldByName(part).Index(0)
		for name, index := range jsonFields(thing.Type()) {
			if name == "slug" || name == "id" || name == "name" && part == "Rules" || name == "scopes" && part == "Resources" {
				continue
			}
			d := full(t)
			other := reflect.ValueOf(&d).Elem().FieldByName(part).Index(0).FieldByIndex(index)
			other.SetZero()
			got := Diff(base, d)
			named := slices.ContainsFunc(got, func(c Change) bool { f, _, _ := strings.Cut(c.Field, "."); return f == name })
			if other.Kind() == reflect.Bool && !named || len(got) == 0 || !named {
				t.Errorf("%s.%s: got %v", part, name, got)
			}
			seen[name] = true
		}
	}
	for kind, list := range sensitive {
		for _, name := range list {
			if name != "" && name != "resource" && !seen[name] {
				t.Errorf("%s is sensitive for %s and is no setting", name, kind)
			}
		}
	}
}

// As few things as possible are said to have moved.
func TestADiffMovesAsLittleAsPossible(t *testing.T) {
	order := strings.Split("abcdefgh", "")
	place := map[string]int{}
	for i, id := range order {
		place[id] = i
	}
	for text, want := range map[string]string{"abcdefgh": "", "bcdefgha": "a", "habcdefg": "h", "abdcefgh": "d", "hgfedcba": "hgfedcb", "cdabefgh": "cd", "": ""} {
		moved := ""
		for i, stays := range rising(strings.Split(text, ""), place) {
			if !stays && text != "" {
				moved += text[i : i+1]
			}
		}
		if moved != want {
			t.Errorf("%s: %s moved, want %s", text, moved, want)
		}
	}
}
