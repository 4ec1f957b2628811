package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// discovery is about an upstream that describes itself wrongly.
func discovery(t *testing.T, h *house) {
	at := func(b persona.Break) persona.Fault { return persona.Fault{At: persona.At{persona.Discovery: b}} }
	meta := func(name string, v any) persona.Fault { return persona.Fault{Metadata: persona.Claims{name: v}} }
	evilHost := persona.Start(t, persona.Google, persona.Options{})
	foreign := evilHost.CanaryURL()
	iss := h.idp.Issuer()

	for _, c := range []struct {
		why   string
		fault persona.Fault
		code  string
	}{
		{"U07_another issuer", meta("issuer", "https://evil.example"), ""},
		{"U07_an issuer with a slash more", meta("issuer", iss+"/"), ""},
		{"U31_a template", meta("issuer", "https://login.example/{tenantid}/v2.0"), ""},
		{"U07_no issuer", meta("issuer", persona.Absent), ""},
		{"U07_the token endpoint on a foreign host", meta("token_endpoint", foreign), ""},
		{"U07_the keys on a foreign host", meta("jwks_uri", foreign), ""},
		{"U07_userinfo on a foreign host", meta("userinfo_endpoint", foreign), ""},
		{"U07_the sign-in page on a foreign host", meta("authorization_endpoint", foreign), ""},
		{"U07_the sign-in page is a script", meta("authorization_endpoint", "javascript:alert(1)"), ""},
		{"U07_a file as key set", meta("jwks_uri", "file:///etc/passwd"), ""},
		{"no token endpoint", meta("token_endpoint", persona.Absent), ""},
		{"no keys", meta("jwks_uri", persona.Absent), ""},
		{"U14_issuer twice", at(persona.Break{Body: `{"issuer":"` + iss + `","issuer":"` + iss + `"}`}), ""},
		{"HTML", at(persona.Break{Body: evil, ContentType: "text/html"}), ""},
		{"U23_without end", at(persona.Break{Flood: -1}), ""},
		{"U25_elsewhere", at(persona.Break{Redirect: h.idp.CanaryURL(), Status: 302}), ""},
		{"HTTP 404", at(persona.Break{Status: 404}), ""},
		{"HTTP 503", at(persona.Break{Status: 503}), providers.TemporarilyUnavailable},
		{"a cut line", at(persona.Break{Cut: true}), providers.TemporarilyUnavailable},
	} {
		t.Run(c.why, func(t *testing.T) {
			p := h.provider(t)
			h.idp.Faults().Set(c.fault)
			before := h.idp.Requests()
			step, err := p.Begin(t.Context(), attempt())
			if step.Redirect != "" {
				t.Errorf("the person is sent to %s", step.Redirect)
			}
			code := c.code
			if code == "" {
				code = providers.ServerError
			}
			refused(t, c.why, nil, err, code)
			after := h.idp.Requests()
			for _, e := range []persona.Endpoint{persona.Canary, persona.Token, persona.JWKS} {
				if after.Count(e) != before.Count(e) {
					t.Errorf("%s was asked on the word of a bad document", e)
				}
			}
		})
	}

	t.Run("U07_a document that turns evil later never gets the code or the secret", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		prober, ok := p.(providers.Prober)
		if !ok {
			t.Skip("this kind cannot be probed")
		}
		answer := h.leave(t, p, a, "alice")
		h.idp.Faults().Set(persona.Fault{Metadata: persona.Claims{"token_endpoint": foreign, "jwks_uri": foreign, "userinfo_endpoint": foreign}})
		if err := prober.Probe(t.Context()); err == nil {
			t.Error("Probe finds nothing")
		}
		id, err := p.Finish(t.Context(), a, answer)
		refused(t, "a login that was under way", id, err, providers.ServerError)
		_, err = p.Begin(t.Context(), attempt())
		refused(t, "the next login", nil, err, providers.ServerError)
	})

	if n := evilHost.Requests().Total(); n != 0 {
		t.Errorf("the foreign host got %d requests", n)
	}
}

// life is about an upstream that dies and comes back.
func life(t *testing.T, h *house) {
	h = h.alone(t)
	t.Run("a dead upstream is out of order, and well again when it lives", func(t *testing.T) {
		p := h.provider(t)
		dead := persona.Fault{At: persona.At{persona.Discovery: {Status: 503}}}
		h.idp.Faults().Set(dead)
		_, err := p.Begin(t.Context(), attempt())
		refused(t, "dead", nil, err, providers.TemporarilyUnavailable)
		if r, ok := p.(providers.Reporter); ok && (!r.Health().Down || r.Health().Reason == "") {
			t.Errorf("health %+v", r.Health())
		}

		before := h.idp.Requests().Count(persona.Discovery)
		for range 20 {
			_, err := p.Begin(t.Context(), attempt())
			refused(t, "still dead", nil, err, providers.TemporarilyUnavailable)
		}
		if n := h.idp.Requests().Count(persona.Discovery) - before; n > 1 {
			t.Errorf("a dead upstream was asked %d times in one moment", n)
		}

		h.idp.Faults().Reset()
		h.clock.advance(2 * time.Minute)
		h.mustLogin(t, p, "alice")
		if r, ok := p.(providers.Reporter); ok && r.Health().Down {
			t.Errorf("health %+v", r.Health())
		}
	})

	t.Run("an upstream whose discovery dies later still signs people in", func(t *testing.T) {
		p := h.provider(t)
		h.mustLogin(t, p, "alice")
		h.idp.Faults().Set(persona.Fault{At: persona.At{persona.Discovery: {Status: 503}, persona.JWKS: {Status: 503}}})
		h.clock.advance(5 * time.Minute)
		h.mustLogin(t, p, "bob")
	})

	t.Run("Probe tells whether it would work", func(t *testing.T) {
		p := h.provider(t)
		prober, ok := p.(providers.Prober)
		if !ok {
			t.Skip("this kind cannot be probed")
		}
		if err := prober.Probe(t.Context()); err != nil {
			t.Errorf("an honest upstream: %v", err)
		}
		for why, f := range map[string]persona.Fault{
			"no discovery": {At: persona.At{persona.Discovery: {Status: 404}}},
			"no keys":      {At: persona.At{persona.JWKS: {Status: 404}}},
			"wrong issuer": {Metadata: persona.Claims{"issuer": "https://evil.example"}},
		} {
			p := h.provider(t)
			h.idp.Faults().Set(f)
			if err := p.(providers.Prober).Probe(t.Context()); err == nil {
				t.Errorf("%s: Probe finds nothing", why)
			}
		}
	})

	t.Run("a login that nobody waits for ends", func(t *testing.T) {
		p := h.provider(t)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := p.Begin(ctx, attempt())
		var e *providers.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error %v is no *providers.Error", err)
		}
	})
}
