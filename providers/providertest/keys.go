package providertest

import (
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// keys is about the keys that sign.
func keys(t *testing.T, h *house) {
	at := func(b persona.Break) persona.Fault { return persona.Fault{At: persona.At{persona.JWKS: b}} }
	h.refuses(t, []fault{
		{why: "U27_more keys than a provider has", fault: persona.Fault{ExtraKeys: 60}},
		{why: "U27_thousands of keys", fault: persona.Fault{ExtraKeys: 5000}},
		{why: "no keys", fault: persona.Fault{DropKeys: true}},
		{why: "HTML", fault: at(persona.Break{Body: evil, ContentType: "text/html"})},
		{why: "HTTP 503", fault: at(persona.Break{Status: 503}), code: providers.TemporarilyUnavailable},
		{why: "U23_keys without end", fault: at(persona.Break{Flood: -1})},
		{why: "U25_keys elsewhere", fault: at(persona.Break{Redirect: h.idp.CanaryURL()})},
		{why: "a cut line", fault: at(persona.Break{Cut: true}), code: providers.TemporarilyUnavailable},
	})

	t.Run("U27_a few strange keys in front do no harm", func(t *testing.T) {
		p := h.provider(t)
		h.idp.Faults().Set(persona.Fault{ExtraKeys: 20})
		h.mustLogin(t, p, "alice")
	})

	h = h.alone(t)
	t.Run("U28_a new key is fetched once and believed", func(t *testing.T) {
		p := h.provider(t)
		h.mustLogin(t, p, "alice")
		h.clock.advance(2 * time.Minute)
		a := attempt()
		answer := h.leave(t, p, a, "bob")
		h.idp.Faults().RotateKeys() // in the middle of bob's login
		before := h.idp.Requests().Count(persona.JWKS)
		if _, err := p.Finish(t.Context(), a, answer); err != nil {
			t.Fatalf("after the rotation: %v", err)
		}
		h.mustLogin(t, p, "alice")
		if n := h.idp.Requests().Count(persona.JWKS) - before; n != 1 {
			t.Errorf("keys fetched %d times, want once", n)
		}
	})

	t.Run("U28_other material under the same id is believed soon, without a restart", func(t *testing.T) {
		p := h.provider(t)
		h.mustLogin(t, p, "alice")
		h.clock.advance(2 * time.Minute)
		h.idp.Faults().SwapKeySameID()
		_, _ = h.login(t, p, "alice") // may fail: the old key is in memory
		h.clock.advance(20 * time.Minute)
		_, _ = h.login(t, p, "alice") // may refresh in the background
		h.mustLogin(t, p, "alice")
	})

	t.Run("U28_a withdrawn key is dead within a quarter of an hour", func(t *testing.T) {
		p := h.provider(t)
		h.mustLogin(t, p, "alice") // the key of now is in memory
		h.idp.Faults().RotateKeys()
		h.idp.Faults().WithdrawOldKeys()
		h.clock.advance(15*time.Minute + time.Second)
		a := attempt()
		answer := h.leave(t, p, a, "mallory")
		h.idp.Faults().Set(persona.Fault{Forge: persona.ForgeWithdrawnKey})
		id, err := p.Finish(t.Context(), a, answer)
		refused(t, "a token under the withdrawn key", id, err, providers.ServerError)
		h.idp.Faults().Reset()
		h.mustLogin(t, p, "alice")
	})

	t.Run("U22_a flood of unknown key ids asks for keys once, and honest people still come in", func(t *testing.T) {
		p := h.provider(t)
		h.mustLogin(t, p, "alice")
		h.clock.advance(2 * time.Minute)
		before := h.idp.Requests().Count(persona.JWKS)
		for range 50 {
			a := attempt()
			answer := h.leave(t, p, a, "mallory")
			h.idp.Faults().Set(persona.Fault{Forge: persona.ForgeRandomKid})
			id, err := p.Finish(t.Context(), a, answer)
			refused(t, "an unknown key", id, err, providers.ServerError)
			h.idp.Faults().Reset()
		}
		if n := h.idp.Requests().Count(persona.JWKS) - before; n > 1 {
			t.Errorf("keys fetched %d times within a minute", n)
		}
		h.mustLogin(t, p, "alice")
	})

	t.Run("keys that are dead later do not matter while the known ones sign", func(t *testing.T) {
		p := h.provider(t)
		h.mustLogin(t, p, "alice")
		h.idp.Faults().Set(at(persona.Break{Status: 503}))
		h.clock.advance(5 * time.Minute)
		h.mustLogin(t, p, "bob")
	})
}
