package interop

import (
	"encoding/json"
	"testing"
)

// A job without a person, as a Node developer writes one: keys that it publishes, tokens for itself, and what they are worth.
func TestOpenIDClientActsForItselfByKeyAndBySecret(t *testing.T) {
	npm(t, "openid-client")
	npm(t, "jose")
	b := brokerWithOkta(t)
	person := web(t, b, "items:read").login(t, "okta", "Alice Acme", resource(items)).token.AccessToken
	program := node(t, "machine.mjs", map[string]any{"issuer": b.issuer, "app": b.app, "keyClient": "nightly", "secretClient": "items-api",
		"secret": b.secret, "scope": "items:read", "elsewhere": orders, "personToken": person})
	type worth struct {
		Active    bool
		Sub       string
		ClientID  string `json:"client_id"`
		Scope     string
		TokenType string `json:"token_type"`
	}
	var got struct {
		Error, Message string
		Cause          json.RawMessage
		Result         struct {
			ByKey map[string]struct {
				TokenType, Scope string
				ExpiresIn        int
				Refresh          any
			}
			Fetched                                                           int
			Own, ByAPI, Person, PersonForJob, Revoked                         worth
			SecretMachine, Widened, Elsewhere, ForeignRevocation, AccessToken string
			Stranger                                                          any // openid-client tells a 401 by its status
		}
	}
	program.says(t, &got)
	if got.Error != "" {
		t.Fatalf("openid-client refused the broker's answer: %s: %s (%s)", got.Error, got.Message, got.Cause)
	}
	r := got.Result
	for _, kid := range []string{"ec", "rsa", "pss", "ed"} {
		if k := r.ByKey[kid]; k.Scope != "items:read" || k.ExpiresIn <= 0 || k.Refresh != nil {
			t.Errorf("by the key %s: %+v", kid, k)
		}
	}
	for _, check := range []struct {
		why       string
		got, want any
	}{
		{"the keys are fetched once, not for each token", r.Fetched, 1},
		{"the job sees its own token", r.Own, worth{true, "client:nightly", "nightly", "items:read", "Bearer"}},
		{"the API sees it, since it is for its audience", r.ByAPI, r.Own},
		{"the API sees a person's", r.Person.Active, true},
		{"and through which app", r.Person.ClientID, "web"},
		{"the job does not: RFC 7662 §4", r.PersonForJob, worth{}},
		{"a machine with a secret gets what it has", r.SecretMachine, "orders:read"},
		{"openid is for people", r.Widened, "invalid_scope"},
		{"an API where it has nothing", r.Elsewhere, "invalid_target"},
		{"a key that is not the client's", r.Stranger, 401.0},
		{"another client's token (RFC 7009 §2.1)", r.ForeignRevocation, "invalid_grant"},
		{"after revocation", r.Revoked, worth{}},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %+v, want %+v", check.why, check.got, check.want)
		}
	}
}
