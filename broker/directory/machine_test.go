package directory

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
)

// A public key of each kind that a client may prove itself by (RFC 8037 §A.2, RFC 7515 §A.3).
const (
	edKey = `{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	ecKey = `{"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
)

func keySet(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// working adds to acme a machine with a secret, one with a key, and an API that asks
// about tokens.
func working() Document {
	d := acme()
	d.Clients = append(d.Clients,
		Client{ID: "nightly", Secrets: []providers.Secret{secret + "3"}, MachineScopes: []string{"items:read", "orders:read"}},
		Client{ID: "signer", JWKS: keySet(edKey, ecKey), MachineScopes: []string{"items:write"}},
		Client{ID: "items-api", JWKSURI: "https://items.acme.example/jwks", Introspects: []string{items}})
	return d
}

func TestGrantTypesFollowFromWhatAClientIs(t *testing.T) {
	d := working()
	d.Clients[0].MachineScopes = []string{"items:read"}
	s := compiled(t, d)
	for id, want := range map[string]string{"web": "authorization_code refresh_token client_credentials", "spa": "authorization_code", "nightly": "client_credentials", "signer": "client_credentials", "items-api": ""} {
		if got := strings.Join(client(t, s, id).GrantTypes, " "); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	for _, id := range []string{"nightly", "signer", "items-api"} {
		if c := client(t, s, id); len(c.Scopes) != 0 {
			t.Errorf("nobody signs in to %s, and it may ask people for %v", id, c.Scopes)
		}
	}
	if signer := client(t, s, "signer"); signer.AuthMethod != AuthKey || len(signer.Keys()) != 2 {
		t.Errorf("signer: %s with %d keys", signer.AuthMethod, len(signer.Keys()))
	}
	if api := client(t, s, "items-api"); api.AuthMethod != AuthKey || api.Keys() != nil {
		t.Error("keys that are fetched are not there yet")
	}
}

func TestEachFaultOfAMachineIsFoundAtItsPlace(t *testing.T) {
	const nightly, signer, api = 3, 4, 5
	private := strings.Replace(edKey, `"x"`, `"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x"`, 1)
	for _, row := range []struct {
		why, path, hint string
		break_          func(d *Document)
	}{
		{"a slip", "clients[3].machine_scopes[0]", "did you mean items:read?", func(d *Document) { d.Clients[nightly].MachineScopes[0] = "items:raed" }},
		{"an identity scope", "clients[3].machine_scopes[0]", "remove it", func(d *Document) { d.Clients[nightly].MachineScopes[0] = "openid" }},
		{"the administration", "clients[3].machine_scopes[0]", "one of: handstamp:directory:read", func(d *Document) { d.Clients[nightly].MachineScopes[0] = "handstamp:admin" }},
		{"twice", "clients[3].machine_scopes[1]", "remove one", func(d *Document) { d.Clients[nightly].MachineScopes[1] = "items:read" }},
		{"nothing to do", "clients[3].machine_scopes", "what the machine may do", func(d *Document) {
			d.Clients[nightly].MachineScopes, d.Clients[nightly].GrantTypes = nil, []string{GrantClient}
		}},
		{"scopes in the place of machine_scopes", "clients[3].scopes", "machine_scopes", func(d *Document) { d.Clients[nightly].Scopes = []string{"items:read"} }},
		{"scopes without the grant type", "clients[0].machine_scopes", "add client_credentials", func(d *Document) {
			d.Clients[0].MachineScopes, d.Clients[0].GrantTypes = []string{"items:read"}, []string{GrantCode, GrantRefresh}
		}},
		{"a public machine", "clients[1].grant_types", "public: true", func(d *Document) { d.Clients[1].MachineScopes = []string{"items:read"} }},
		{"a slip in the grant type", "clients[3].grant_types[0]", "did you mean client_credentials?", func(d *Document) {
			d.Clients[nightly].MachineScopes, d.Clients[nightly].GrantTypes = nil, []string{"client_credential"}
		}},
		{"an unknown audience", "clients[5].introspects[0]", "did you mean " + items + "?", func(d *Document) { d.Clients[api].Introspects[0] = items + "/" }},
		{"a public client asks", "clients[1].introspects", "public: true", func(d *Document) { d.Clients[1].Introspects = []string{items} }},

		{"neither secret nor key", "clients[4].secrets", "public: true", func(d *Document) { d.Clients[signer].JWKS = "" }},
		{"the method without keys", "clients[4].auth_method", "jwks", func(d *Document) { d.Clients[signer].JWKS, d.Clients[signer].AuthMethod = "", AuthKey }},
		{"keys for another method", "clients[4].auth_method", "private_key_jwt", func(d *Document) { d.Clients[signer].AuthMethod = AuthBasic }},
		{"keys and secrets", "clients[4].secrets", "remove secrets", func(d *Document) { d.Clients[signer].Secrets = []providers.Secret{secret} }},
		{"keys in two places", "clients[4].jwks_uri", "keep one", func(d *Document) { d.Clients[signer].JWKSURI = "https://a.example/jwks" }},
		{"keys of a public client", "clients[1].jwks", "public: true", func(d *Document) { d.Clients[1].JWKS = keySet(edKey) }},
		{"keys by http", "clients[5].jwks_uri", "https", func(d *Document) { d.Clients[api].JWKSURI = "http://items.acme.example/jwks" }},
		{"no JSON", "clients[4].jwks", "jwks: '{", func(d *Document) { d.Clients[signer].JWKS = "keys" }},
		{"no keys", "clients[4].jwks", "jwks: '{", func(d *Document) { d.Clients[signer].JWKS = keySet() }},
		{"a private key", "clients[4].jwks", "make a new key", func(d *Document) { d.Clients[signer].JWKS = keySet(ecKey, private) }},
		{"a symmetric key", "clients[4].jwks", "make a new key", func(d *Document) { d.Clients[signer].JWKS = keySet(`{"kty":"oct","kid":"s","k":"c2VjcmV0"}`) }},
		{"a key without kid", "clients[4].jwks", "with a kid", func(d *Document) {
			d.Clients[signer].JWKS = keySet(ecKey, strings.Replace(edKey, `"kid":"ed",`, "", 1))
		}},
		{"an encryption key", "clients[4].jwks", "use sig", func(d *Document) {
			d.Clients[signer].JWKS = keySet(strings.Replace(edKey, `"kid"`, `"use":"enc","kid"`, 1))
		}},
		{"one kid twice", "clients[4].jwks", "its own", func(d *Document) {
			d.Clients[signer].JWKS = keySet(ecKey, edKey, strings.Replace(edKey, "11q", "11r", 1))
		}},
	} {
		d := working()
		row.break_(&d)
		_, problems := Compile(issuer, d)
		i := slices.IndexFunc(problems, func(p Problem) bool { return p.Path == row.path && strings.Contains(p.Hint, row.hint) })
		if i < 0 {
			t.Errorf("%s: want %s (%s), got %v", row.why, row.path, row.hint, problems)
		}
		for _, p := range problems {
			if strings.Contains(p.String(), "nWGx") {
				t.Errorf("%s: the private key is in %s", row.why, p)
			}
		}
	}
}

func TestD17_AMachineNeverGetsMoreThanItHasOrAsks(t *testing.T) {
	s := compiled(t, working())
	for range 2000 {
		c := client(t, s, []string{"nightly", "signer", "web", "items-api"}[rand.N(4)])
		var asked, resources []string
		for range rand.N(4) {
			asked = append(asked, hostileScopes[rand.N(len(hostileScopes))])
		}
		if rand.N(2) == 0 {
			resources = []string{items, orders, issuer, ""}[rand.N(4):][:1]
		}
		target, err := s.MachineTarget(c, resources, asked)
		if err != nil {
			if err.Code != oauth.InvalidScope && err.Code != oauth.InvalidTarget {
				t.Fatalf("%s %v %v: %v", c.ID, resources, asked, err)
			}
			continue
		}
		if len(target.Scopes) == 0 || len(target.Audience) != 1 || target.Audience[0] != target.Resource.ID || target.Audience[0] == issuer {
			t.Fatalf("%s %v %v: %+v", c.ID, resources, asked, target)
		}
		for _, name := range target.Scopes {
			owned := slices.ContainsFunc(target.Resource.Scopes, func(sc Scope) bool { return sc.Name == name })
			if !owned || !slices.Contains(c.MachineScopes, name) || len(asked) > 0 && !slices.Contains(asked, name) {
				t.Fatalf("%s %v %v: got %s", c.ID, resources, asked, name)
			}
		}
	}
}

func TestAMachineIsAdmittedAsTheSettingsHaveItNow(t *testing.T) {
	d := working()
	stale := client(t, compiled(t, d), "nightly")
	for _, row := range []struct {
		why    string
		change func(c *Client)
		in     bool
	}{
		{"as it is", func(*Client) {}, true},
		{"disabled", func(c *Client) { c.Disabled = true }, false},
		{"an app only", func(c *Client) { c.MachineScopes, c.RedirectURIs = nil, []string{"https://n.example/cb"} }, false},
		{"another name", func(c *Client) { c.ID = "other" }, false},
	} {
		d := working()
		row.change(&d.Clients[3])
		if refusal := compiled(t, d).AdmitMachine(stale); (refusal == nil) != row.in {
			t.Errorf("%s: %v", row.why, refusal)
		}
	}
	if compiled(t, d).AdmitMachine(UnknownClient) == nil || compiled(t, d).AdmitMachine(nil) == nil {
		t.Error("a client that does not exist is no machine")
	}
}
