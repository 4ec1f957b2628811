package providertest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// tokenEndpoint is about an upstream that does not give what it should.
func tokenEndpoint(t *testing.T, h *house) {
	at := func(b persona.Break) persona.Fault { return persona.Fault{At: persona.At{persona.Token: b}} }
	other := "mac"

	h.refuses(t, []fault{
		{why: "invalid_grant", fault: persona.Fault{TokenError: "invalid_grant"}},
		{why: "U29_invalid_client is no reason to try another way", fault: persona.Fault{TokenError: "invalid_client"}},
		{why: "an error with HTTP 200", fault: persona.Fault{Token200Error: "bad_verification_code"}},
		{why: "temporarily_unavailable", fault: persona.Fault{TokenError: "temporarily_unavailable"}, code: providers.TemporarilyUnavailable},
		{why: "no ID token", fault: persona.Fault{DropIDToken: true}},
		{why: "no access token", fault: persona.Fault{DropAccess: true}},
		{why: "a token of another type", fault: persona.Fault{TokenType: &other}},
		{why: "expires_in that no reader takes", fault: persona.Fault{ExpiresIn: json.RawMessage("1e400")}},
		{why: "HTTP 503", fault: at(persona.Break{Status: 503}), code: providers.TemporarilyUnavailable},
		{why: "HTTP 429", fault: at(persona.Break{Status: 429}), code: providers.TemporarilyUnavailable},
		{why: "an evil error page", fault: at(persona.Break{Status: 400, Body: evil, ContentType: "text/html"})},
		{why: "an evil error code", fault: at(persona.Break{Status: 400, Body: string(mustJSON(map[string]string{"error": evil, "error_description": evil}))})},
		{why: "a page instead of JSON", fault: at(persona.Break{Body: "<html>" + evil, ContentType: "text/html"})},
		{why: "JSON cut short", fault: at(persona.Break{Body: `{"access_token":"x","id_tok`})},
		{why: "an array", fault: at(persona.Break{Body: `[]`})},
		{why: "null", fault: at(persona.Break{Body: `null`})},
		{why: "U23_two MiB", fault: at(persona.Break{Flood: 2 << 20})},
		{why: "U23_an answer without end", fault: at(persona.Break{Flood: -1})},
		{why: "U23_an error without end", fault: at(persona.Break{Flood: -1, Status: 400})},
		{why: "U25_302 elsewhere", fault: at(persona.Break{Redirect: h.idp.CanaryURL(), Status: 302})},
		{why: "U25_307 elsewhere", fault: at(persona.Break{Redirect: h.idp.CanaryURL()})},
		{why: "U25_308 to itself", fault: at(persona.Break{Redirect: h.idp.BaseURL() + "/", Status: 308})},
		{why: "a cut line", fault: at(persona.Break{Cut: true}), code: providers.TemporarilyUnavailable},
	})

	t.Run("oddities that do no harm are the same person or nobody", func(t *testing.T) {
		empty := ""
		for why, f := range map[string]persona.Fault{
			"expires_in as text":            {ExpiresIn: json.RawMessage(`"3600"`)},
			"expires_in negative":           {ExpiresIn: json.RawMessage(`-1`)},
			"expires_in enormous":           {ExpiresIn: json.RawMessage(`9223372036854775807`)},
			"expires_in as a word":          {ExpiresIn: json.RawMessage(`"soon"`)},
			"no token type":                 {TokenType: &empty},
			"a form instead of JSON":        {FormEncoded: true},
			"no refresh token":              {DropRefresh: true},
			"a code that can be used again": {ReplayCodes: true},
		} {
			p, a := h.provider(t), attempt()
			answer := h.leave(t, p, a, "alice")
			h.idp.Faults().Set(f)
			id, err := p.Finish(t.Context(), a, answer)
			if err != nil {
				refused(t, why, id, err, providers.ServerError)
				continue
			}
			if alice, _ := h.idp.User("alice"); id.Subject != alice.Subject {
				t.Errorf("%s: signed in as %s", why, id.Subject)
			}
		}
	})

	t.Run("U24_a silent upstream is given up", func(t *testing.T) {
		patient, a := h.provider(t), attempt()
		answer := h.leave(t, patient, a, "alice")
		p := h.provider(t, func(s *providers.Settings) { s.Client = shortClient(t) })
		h.idp.Faults().Set(at(persona.Break{Hang: true}))
		id, err := p.Finish(t.Context(), a, answer)
		refused(t, "silence", id, err, providers.TemporarilyUnavailable)
	})

	t.Run("U24_a person who leaves takes the login along", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		answer := h.leave(t, p, a, "alice")
		ctx, leave := context.WithCancel(t.Context())
		h.idp.Faults().Set(at(persona.Break{Hang: true, Meanwhile: leave}))
		id, err := p.Finish(ctx, a, answer)
		refused(t, "cancelled", id, err, providers.TemporarilyUnavailable)
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
