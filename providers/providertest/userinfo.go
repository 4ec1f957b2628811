package providertest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// userInfo is about the second place that speaks about a person.
func userInfo(t *testing.T, h *house) {
	always := func(s *providers.Settings) { s.UserInfo = "always" }
	at := func(b persona.Break) persona.Fault { return persona.Fault{At: persona.At{persona.UserInfo: b}} }

	for _, c := range []struct {
		why   string
		fault persona.Fault
		code  string
	}{
		{"U15_another sub", persona.Fault{UserInfo: persona.Claims{"sub": "victim"}}, providers.ServerError},
		{"U15_no sub", persona.Fault{UserInfo: persona.Claims{"sub": persona.Absent}}, providers.ServerError},
		{"U15_sub as number", persona.Fault{UserInfo: persona.Claims{"sub": 1}}, providers.ServerError},
		{"U15_HTML", at(persona.Break{Body: "<html>" + evil, ContentType: "text/html"}), providers.ServerError},
		{"U15_JSON that says it is HTML", at(persona.Break{Body: `{"sub":"victim"}`, ContentType: "text/html"}), providers.ServerError},
		{"U15_a JWT for another", persona.Fault{UserInfoJWT: "other"}, providers.ServerError},
		{"U14_sub twice", at(persona.Break{Body: `{"sub":"x","sub":"victim"}`}), providers.ServerError},
		{"U23_an answer without end", at(persona.Break{Flood: -1}), providers.ServerError},
		{"U25_a redirect", at(persona.Break{Redirect: h.idp.CanaryURL()}), providers.ServerError},
		{"HTTP 401", at(persona.Break{Status: 401}), providers.ServerError},
		{"HTTP 503", at(persona.Break{Status: 503}), providers.TemporarilyUnavailable},
		{"a cut line", at(persona.Break{Cut: true}), providers.TemporarilyUnavailable},
	} {
		t.Run(c.why, func(t *testing.T) {
			p, a := h.provider(t, always), attempt()
			h.idp.Faults().Set(c.fault)
			before := h.idp.Requests().Count(persona.Canary)
			id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
			refused(t, c.why, id, err, c.code)
			if n := h.idp.Requests().Count(persona.Canary) - before; n != 0 {
				t.Errorf("an address that the upstream named was opened %d times", n)
			}
		})
	}

	t.Run("U15_userinfo adds, and never overrides", func(t *testing.T) {
		p, a := h.provider(t, always, func(s *providers.Settings) { s.MappedClaims = []string{"department"} }), attempt()
		h.idp.Faults().Set(persona.Fault{
			Claims: persona.Claims{"name": "From Token", "email": "token@acme.example", "email_verified": false},
			UserInfo: persona.Claims{
				"name": "From Userinfo", "email": "info@acme.example", "email_verified": true,
				"iss": "https://evil.example", "aud": "other", "nonce": "x", "auth_time": 1, "amr": []string{"mfa"}, "acr": "high", "sid": "x",
				"department": "Research", "unasked": "x",
			},
		})
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{"name": "From Token", "email": "token@acme.example", "email_verified": false, "iss": h.idp.Issuer(), "department": "Research"} {
			if id.Claims[name] != want {
				t.Errorf("%s = %v, want %v", name, id.Claims[name], want)
			}
		}
		if id.EmailVerified || id.Claims["unasked"] != nil || id.ACR == "high" || id.SessionID == "x" || len(id.AMR) == 1 && id.AMR[0] == "mfa" {
			t.Errorf("userinfo overrode: %+v", id)
		}
	})

	t.Run("U15_an address in the token is not verified by userinfo", func(t *testing.T) {
		p, a := h.provider(t, always), attempt()
		h.idp.Faults().Set(persona.Fault{
			Claims:   persona.Claims{"email": "victim@acme.example", "email_verified": persona.Absent},
			UserInfo: persona.Claims{"email": "attacker@acme.example", "email_verified": true},
		})
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		if err != nil {
			t.Fatal(err)
		}
		if id.EmailVerified {
			t.Errorf("%v counts as verified", id.Claims["email"])
		}
	})

	t.Run("L02_only the JSON boolean true verifies an address", func(t *testing.T) {
		for _, c := range []struct {
			raw  string
			want bool
		}{
			{`true`, true}, {`false`, false}, {``, false}, {`null`, false}, {`"true"`, false}, {`"false"`, false},
			{`"TRUE"`, false}, {`1`, false}, {`0`, false}, {`"1"`, false}, {`[true]`, false}, {`{}`, false}, {`{"value":true}`, false},
		} {
			value := persona.Absent
			if c.raw != "" {
				value = json.RawMessage(c.raw)
			}
			for where, f := range map[string]persona.Fault{
				"ID token": {Claims: persona.Claims{"email": "alice@acme.example", "email_verified": value}},
				"userinfo": {
					Claims:   persona.Claims{"email": persona.Absent, "email_verified": persona.Absent},
					UserInfo: persona.Claims{"email": "alice@acme.example", "email_verified": value},
				},
			} {
				change := func(s *providers.Settings) {}
				if where == "ID token" {
					change = func(s *providers.Settings) { s.UserInfo = "never" }
				}
				p, a := h.provider(t, change), attempt()
				h.idp.Faults().Set(f)
				id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
				if err != nil {
					t.Errorf("email_verified %s in the %s: %v", c.raw, where, err)
					continue
				}
				if id.EmailVerified != c.want {
					t.Errorf("email_verified %s in the %s counts as %v", c.raw, where, id.EmailVerified)
				}
			}
		}
	})

	t.Run("userinfo is asked when a mapped claim is missing, and only then", func(t *testing.T) {
		full := persona.Claims{"email": "a@b.example", "email_verified": true, "name": "A", "family_name": persona.Absent}
		for _, c := range []struct {
			why    string
			mapped []string
			want   int
		}{
			{"everything is there", nil, 0},
			{"a mapped claim is missing", []string{"family_name"}, 1},
		} {
			p, a := h.provider(t, func(s *providers.Settings) { s.MappedClaims = c.mapped }), attempt()
			h.idp.Faults().Set(persona.Fault{Claims: full})
			before := h.idp.Requests().Count(persona.UserInfo)
			if _, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice")); err != nil {
				t.Fatal(err)
			}
			if n := h.idp.Requests().Count(persona.UserInfo) - before; n != c.want {
				t.Errorf("%s: asked %d times, want %d", c.why, n, c.want)
			}
		}
	})

	t.Run("the access token goes only into the header", func(t *testing.T) {
		p := h.provider(t, always)
		h.mustLogin(t, p, "alice")
		all := h.idp.Requests().To(persona.UserInfo)
		last := all[len(all)-1]
		if last.Method != "GET" || len(last.Query) != 0 || len(last.Form) != 0 || last.Header.Get("Authorization") == "" {
			t.Errorf("userinfo request %s %v %v", last.Method, last.Query, fmt.Sprint(last.Form))
		}
	})
}
