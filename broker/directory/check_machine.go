package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/tokens"
)

// impliedGrants are the grant types of a client that lists none. An app that people
// come back to has a redirect URI, a machine has machine_scopes, and an API that
// only asks about tokens needs no grant type at all.
func impliedGrants(cl *Client) []string {
	var grants []string
	machine, api := len(cl.MachineScopes) > 0, len(cl.Introspects) > 0
	if len(cl.RedirectURIs) > 0 || cl.RefreshTokens != RefreshNone || !machine && !api && !cl.PasswordGrant {
		if len(cl.RedirectURIs) > 0 || !cl.PasswordGrant {
			grants = append(grants, GrantCode)
		}
		if cl.RefreshTokens != RefreshNone {
			grants = append(grants, GrantRefresh)
		}
	}
	if machine {
		grants = append(grants, GrantClient)
	}
	return grants
}

// forPeople tells whether anybody signs in to the client.
func (c *Client) forPeople() bool {
	return slices.ContainsFunc(c.GrantTypes, func(g string) bool { return g != GrantClient })
}

// clientMachine checks what a client does for itself: machine_scopes and introspects.
func (c *compiler) clientMachine(cl *Client, at report) {
	machine := slices.Contains(cl.GrantTypes, GrantClient)
	switch {
	case machine && cl.Public:
		at.at("grant_types").say("a public client cannot act for itself: anybody can use its name", "remove client_credentials, or public: true")
	case machine && len(cl.MachineScopes) == 0:
		at.at("machine_scopes").say("client_credentials without machine_scopes gives tokens that open nothing", `what the machine may do, for example machine_scopes: ["items:read"]`)
	case !machine && len(cl.MachineScopes) > 0:
		at.at("machine_scopes").say("machine_scopes do nothing without client_credentials", "add client_credentials to grant_types")
	}
	for i, s := range cl.MachineScopes {
		where := at.item("machine_scopes", i)
		switch {
		case strings.HasPrefix(s, reserved) && !isAdminScope(s):
			where.say("the administration has no scope "+quoted(s), choose(s, AdminScopes("owner")))
		case isIdentityScope(s):
			where.say(s+" is about a person, and a machine is none", "remove it")
		case slices.Index(cl.MachineScopes, s) < i:
			where.say(s+" stands twice in this list", "remove one")
		case c.owners[s] == nil && !isAdminScope(s):
			where.say("there is no scope "+quoted(s), chooseOf(at, s, c.owners))
		}
	}
	if cl.Public && len(cl.Introspects) > 0 {
		at.at("introspects").say("a public client cannot ask about tokens: anybody can use its name", "remove introspects, or public: true")
	}
	c.known(at, "introspects", "resource", cl.Introspects, c.audiences)
}

// keysSetting names the setting in which a client's keys stand, or is "".
func keysSetting(cl *Client) string {
	switch {
	case cl.JWKS != "":
		return "jwks"
	case cl.JWKSURI != "":
		return "jwks_uri"
	}
	return ""
}

// clientKeys checks a client that proves itself by a key (private_key_jwt).
func (c *compiler) clientKeys(cl *Client, at report) {
	if len(cl.Secrets) > 0 {
		at.at("secrets").say("a client with private_key_jwt has no secrets: it would be as safe as the weaker of the two", "remove secrets")
	}
	switch {
	case cl.JWKS != "" && cl.JWKSURI != "":
		at.at("jwks_uri").say("the keys stand in jwks already", "keep one of them")
	case cl.JWKSURI != "":
		at.link("jwks_uri", cl.JWKSURI)
	case cl.JWKS != "":
		c.clientKeySet(cl.JWKS, at.at("jwks"))
	default:
		at.at("auth_method").say("private_key_jwt needs the client's public keys", "add jwks with the JSON of its key set, or jwks_uri")
	}
}

// clientKeySet checks every key. A set that is fetched may have keys that we cannot
// use; in one that an administrator writes they are mistakes.
func (c *compiler) clientKeySet(text string, at report) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal([]byte(text), &set) != nil || len(set.Keys) == 0 {
		at.say("jwks is not the JSON of a key set", `write jwks: '{"keys": [ … ]}' with the public keys`)
		return
	}
	before := len(*at.problems)
	for i, raw := range set.Keys {
		var key map[string]json.RawMessage
		if json.Unmarshal(raw, &key) == nil && (key["d"] != nil || key["k"] != nil) {
			at.say(fmt.Sprintf("key %d holds its private part", i+1), "give the public part only, and make a new key: this one was shown")
			continue
		}
		one, err := json.Marshal(map[string]any{"keys": []json.RawMessage{raw}})
		if err == nil {
			_, err = tokens.ParseKeySet(one)
		}
		if err != nil {
			at.say(fmt.Sprintf("key %d cannot be used", i+1), "a public key with a kid: EC P-256 (ES256), RSA of 2048 bits or more (RS256, or PS256 if its alg says so), or Ed25519 (EdDSA); use sig")
		}
	}
	if usable, err := tokens.ParseKeySet([]byte(text)); (err != nil || len(usable) < len(set.Keys)) && len(*at.problems) == before {
		at.say("two keys have the same kid", "give each its own; an RFC 7638 thumbprint never repeats")
	}
}
