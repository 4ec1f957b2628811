package providertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// idTokens is about tokens that must not be believed.
func idTokens(t *testing.T, h *house) {
	claim := func(name string, v any) persona.Fault { return persona.Fault{Claims: persona.Claims{name: v}} }
	now := h.clock.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	me, iss := h.idp.ClientID(), h.idp.Issuer()

	rows := []fault{
		{why: "U08_no nonce", fault: persona.Fault{DropNonce: true}},
		{why: "U08_the nonce of another", fault: persona.Fault{WrongNonce: "of-another-login"}},
		{why: "U08_an empty nonce", fault: claim("nonce", "")},
		{why: "U08_a nonce as array", fault: claim("nonce", []string{"x"})},

		{why: "U10_another issuer", fault: claim("iss", "https://evil.example")},
		{why: "U10_no issuer", fault: claim("iss", persona.Absent)},
		{why: "U10_an issuer with a slash more", fault: claim("iss", iss+"/")},
		{why: "U10_an issuer with a slash less", fault: claim("iss", strings.TrimSuffix(iss, "/")+"x")},
		{why: "U10_another scheme", fault: claim("iss", strings.Replace(iss, "http:", "https:", 1))},
		{why: "U10_Google's short name", fault: claim("iss", "accounts.google.com")},
		{why: "U10_a template", fault: claim("iss", "https://login.example/{tenantid}/v2.0")},
		{why: "U31_a foreign tenant", fault: persona.Fault{Claims: persona.Claims{"iss": "https://login.example/11111111-2222-3333-4444-555555555555/v2.0", "tid": "11111111-2222-3333-4444-555555555555"}}},
		{why: "U10_an issuer as array", fault: claim("iss", []string{iss})},

		{why: "U11_no audience", fault: claim("aud", persona.Absent)},
		{why: "U11_another audience", fault: claim("aud", "other")},
		{why: "U11_an empty array", fault: claim("aud", []string{})},
		{why: "U11_two audiences without azp", fault: persona.Fault{Claims: persona.Claims{"aud": []string{me, "other"}, "azp": persona.Absent}}},
		{why: "U11_two audiences, azp is us", fault: persona.Fault{Claims: persona.Claims{"aud": []string{"other", me}, "azp": me}}},
		{why: "U11_azp is another", fault: claim("azp", "other")},
		{why: "U11_azp is empty", fault: claim("azp", "")},
		{why: "U11_our name in other letters", fault: claim("aud", strings.ToUpper(me))},

		{why: "U12_no exp", fault: claim("exp", persona.Absent)},
		{why: "U12_expired", fault: claim("exp", at(-2*time.Minute))},
		{why: "U12_no iat", fault: claim("iat", persona.Absent)},
		{why: "U12_issued in a year", fault: persona.Fault{Claims: persona.Claims{"iat": at(365 * 24 * time.Hour), "exp": at(366 * 24 * time.Hour)}}},
		{why: "U12_issued a year ago", fault: claim("iat", at(-365*24*time.Hour))},
		{why: "U12_issued half an hour ago", fault: claim("iat", at(-30*time.Minute))},
		{why: "U12_good for ten years", fault: claim("exp", at(10*365*24*time.Hour))},
		{why: "U12_not before tomorrow", fault: claim("nbf", at(24*time.Hour))},
		{why: "U12_exp as text", fault: claim("exp", fmt.Sprint(at(time.Hour)))},
		{why: "U12_exp negative", fault: claim("exp", -1)},
		{why: "U12_exp without measure", fault: persona.Fault{Claims: persona.Claims{"exp": persona.Absent}, AppendPayload: `"exp":1e400`}},
		{why: "U12_exp at the end of days", fault: persona.Fault{Claims: persona.Claims{"exp": persona.Absent}, AppendPayload: `"exp":99999999999999999999`}},

		{why: "U13_no sub", fault: claim("sub", persona.Absent)},
		{why: "U13_an empty sub", fault: claim("sub", "")},
		{why: "U13_a blank sub", fault: claim("sub", " ")},
		{why: "U13_a sub with a space before", fault: claim("sub", " alice")},
		{why: "U13_a sub with a space after", fault: claim("sub", "alice ")},
		{why: "U13_a sub with NUL", fault: claim("sub", "ali\x00ce")},
		{why: "U13_a sub with a line break", fault: claim("sub", "alice\n")},
		{why: "U13_a sub with a letter beyond ASCII", fault: claim("sub", "alic\u00e9")},
		{why: "U13_a sub of 300 letters", fault: claim("sub", strings.Repeat("a", 300))},
		{why: "U13_a number as sub", fault: claim("sub", 1234)},
		{why: "U13_null as sub", fault: claim("sub", nil)},
		{why: "U13_an array as sub", fault: claim("sub", []string{"alice"})},

		{why: "U14_sub twice", fault: persona.Fault{AppendPayload: `"sub":"victim"`}},
		{why: "U14_SUB beside sub", fault: persona.Fault{AppendPayload: `"SUB":"victim"`}},
		{why: "U14_sub spelled with an escape", fault: persona.Fault{AppendPayload: `"\u0073ub":"victim"`}},
		{why: "U14_sub with a long s", fault: persona.Fault{AppendPayload: `"ſub":"victim"`}},
		{why: "U14_nonce twice", fault: persona.Fault{AppendPayload: `"nonce":"x"`}},
		{why: "U14_Email_Verified beside email_verified", fault: persona.Fault{Claims: persona.Claims{"email_verified": false}, AppendPayload: `"Email_Verified":true`}},
		{why: "U14_a doubled name deep inside", fault: persona.Fault{AppendPayload: `"address":{"country":"de","country":"ch"}`}},
		{why: "U14_two objects", fault: persona.Fault{Payload: func(b []byte) []byte { return append(b, b...) }}},
		{why: "U14_no object", fault: persona.Fault{Payload: func([]byte) []byte { return []byte(`"alice"`) }}},
		{why: "U14_null", fault: persona.Fault{Payload: func([]byte) []byte { return []byte(`null`) }}},

		{why: "the hash of another access token", fault: claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")},
		{why: "a raw text", fault: persona.Fault{RawIDToken: evil}},
		{why: "U23_a megabyte of dots", fault: persona.Fault{RawIDToken: strings.Repeat(".", 900<<10)}},
		{why: "jku in an honest token is not followed", fault: persona.Fault{Forge: persona.ForgeJKU}},
	}
	for _, forgery := range persona.Forgeries() {
		rows = append(rows, fault{why: "U09_" + string(forgery), fault: persona.Fault{Forge: forgery}})
	}
	h.refuses(t, rows)

	t.Run("U12_a minute of wrong clocks is forgiven", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		h.idp.Faults().Set(persona.Fault{Claims: persona.Claims{"iat": at(30 * time.Second), "nbf": at(30 * time.Second)}})
		if _, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice")); err != nil {
			t.Error(err)
		}
	})

	t.Run("U13_a sub of 255 letters is a sub", func(t *testing.T) {
		long := strings.Repeat("a", 255)
		p, a := h.provider(t, func(s *providers.Settings) { s.UserInfo = "never" }), attempt()
		h.idp.Faults().Set(claim("sub", long))
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		if err != nil || id.Subject != long {
			t.Errorf("%v, %v", id, err)
		}
	})

	t.Run("U26_claim sources are never fetched", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		h.idp.Faults().Set(persona.Fault{GroupOverage: true, Claims: persona.Claims{"picture": h.idp.CanaryURL()}})
		before := h.idp.Requests().Count(persona.Canary)
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		if err != nil {
			t.Fatal(err)
		}
		if groups, there := id.Claims["groups"]; there {
			t.Errorf("groups %v", groups)
		}
		if n := h.idp.Requests().Count(persona.Canary) - before; n != 0 {
			t.Errorf("an address out of a claim was opened %d times", n)
		}
	})

	t.Run("max_age that was sent is held to", func(t *testing.T) {
		hour := int64(3600)
		p, a := h.provider(t), attempt()
		a.MaxAge = &hour
		if request(t, p, a).Get("max_age") == "" {
			return // this kind sends none, since its upstream has no auth_time: there is nothing to hold it to
		}
		h.idp.Faults().Set(claim("auth_time", at(-2*time.Hour)))
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		refused(t, "signed in two hours ago", id, err, providers.LoginRequired)

		p, a = h.provider(t), attempt()
		a.MaxAge = &hour
		h.idp.Faults().Set(claim("auth_time", persona.Absent))
		id, err = p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		refused(t, "no auth_time", id, err, providers.ServerError)

		p, a = h.provider(t), attempt()
		a.MaxAge = &hour
		if id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice")); err != nil || !id.AuthTime.Equal(h.clock.Now()) {
			t.Errorf("%+v, %v", id, err)
		}
	})
}
