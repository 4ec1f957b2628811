package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestU09_ForgedSignatures(t *testing.T) {
	e := newEvil(t)
	canary := 0
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { canary++ }))
	t.Cleanup(trap.Close)
	ec := newECKey()
	e.rotate(evilKey{"k1", jose.RS256, rsaKey()}, evilKey{"e1", jose.ES256, ec})
	p := e.provider("oidc")
	b64 := base64.RawURLEncoding.EncodeToString
	pub := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	pubPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	attacker := evilKey{"k1", jose.RS256, otherRSA()}
	raw := func(header, payload string, sig []byte) string {
		return b64([]byte(header)) + "." + b64([]byte(payload)) + "." + b64(sig)
	}
	mac := func(alg string, key []byte) func(string, string) string {
		return func(_, payload string) string {
			input := b64([]byte(`{"alg":"`+alg+`","kid":"k1"}`)) + "." + b64([]byte(payload))
			h := hmac.New(sha256.New, key)
			if alg == "HS512" {
				h = hmac.New(sha512.New, key)
			}
			h.Write([]byte(input))
			return input + "." + b64(h.Sum(nil))
		}
	}
	with := func(k evilKey, header map[jose.HeaderKey]any) func(string, string) string {
		return func(_, payload string) string { return signWith(k, []byte(payload), header) }
	}
	good := evilKey{"k1", jose.RS256, rsaKey()}
	for _, row := range []struct {
		why   string
		forge func(honest, payload string) string
	}{
		{"alg none", func(_, p string) string { return raw(`{"alg":"none"}`, p, nil) }},
		{"alg None", func(_, p string) string { return raw(`{"alg":"None"}`, p, nil) }},
		{"alg none with a signature", func(h, p string) string { return raw(`{"alg":"none","kid":"k1"}`, p, []byte("x")) }},
		{"no alg", func(_, p string) string { return raw(`{"kid":"k1"}`, p, []byte("x")) }},
		{"alg as a list", func(_, p string) string { return raw(`{"alg":["RS256"],"kid":"k1"}`, p, []byte("x")) }},
		{"alg twice", func(_, p string) string { return raw(`{"alg":"RS256","alg":"none","kid":"k1"}`, p, []byte("x")) }},
		{"ALG beside alg", func(_, p string) string { return raw(`{"alg":"RS256","ALG":"none","kid":"k1"}`, p, []byte("x")) }},
		{"HS256 with our client secret", mac("HS256", []byte(e.secret))},
		{"HS512 with our client secret", mac("HS512", []byte(e.secret))},
		{"HS256 with the public key in DER", mac("HS256", pub)},
		{"HS256 with the public key in PEM", mac("HS256", pubPEM)},
		{"a wrong key under the right kid", with(attacker, nil)},
		{"a wrong key without a kid", with(evilKey{"", jose.RS256, otherRSA()}, nil)},
		{"a key inside the token", with(attacker, map[jose.HeaderKey]any{"jwk": publicJWK("k1", jose.RS256, otherRSA().Public())})},
		{"a right signature with a key inside", with(good, map[jose.HeaderKey]any{"jwk": publicJWK("k1", jose.RS256, rsaKey().Public())})},
		{"jku", with(attacker, map[jose.HeaderKey]any{"jku": trap.URL})},
		{"x5u", with(attacker, map[jose.HeaderKey]any{"x5u": trap.URL})},
		{"kid as a path", with(evilKey{"../../dev/null", jose.RS256, otherRSA()}, nil)},
		{"kid as a URL", with(evilKey{trap.URL, jose.RS256, otherRSA()}, nil)},
		{"crit", with(good, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1})},
		{"b64", with(good, map[jose.HeaderKey]any{"b64": true})},
		{"an access token", with(good, map[jose.HeaderKey]any{jose.HeaderType: "at+jwt"})},
		{"a logout token", with(good, map[jose.HeaderKey]any{jose.HeaderType: "logout+jwt"})},
		{"another algorithm than the key's", with(evilKey{"k1", jose.PS256, rsaKey()}, nil)},
		{"an algorithm that nobody allowed", with(evilKey{"k1", jose.RS512, rsaKey()}, nil)},
		{"ES256 with r and s zero", func(_, p string) string { return raw(`{"alg":"ES256","kid":"e1"}`, p, make([]byte, 64)) }},
		{"ES256 of another key", with(evilKey{"e1", jose.ES256, newECKey()}, nil)},
		{"ES256 under the RSA kid", with(evilKey{"k1", jose.ES256, ec}, nil)},
		{"signature of another payload", func(h, p string) string {
			parts := strings.Split(h, ".")
			return parts[0] + "." + b64([]byte(strings.Replace(p, "alice", "admin", 1))) + "." + parts[2]
		}},
		{"no signature", func(h, _ string) string { return h[:strings.LastIndex(h, ".")+1] }},
		{"a part more", func(h, _ string) string { return h + ".x" }},
		{"two signatures", func(h, _ string) string {
			parts := strings.Split(h, ".")
			sig := `{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`
			return `{"payload":"` + parts[1] + `","signatures":[` + sig + `,` + sig + `]}`
		}},
		{"JSON serialisation", func(h, _ string) string {
			parts := strings.Split(h, ".")
			return `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`
		}},
		{"padding", func(h, _ string) string { return h + "=" }},
		{"a line end", func(h, _ string) string { return h + "\n" }},
		{"another spelling of the last character", func(h, _ string) string { return h[:len(h)-1] + nextSpelling(h[len(h)-1]) }},
		{"an endless token", func(h, _ string) string { return h + strings.Repeat("A", maxIDToken) }},
		{"an encrypted token", func(h, _ string) string { return "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d" }},
	} {
		e.idToken = func(honest string, c map[string]any) string { return row.forge(honest, string(must(json.Marshal(c)))) }
		_, err := e.login(p)
		wantError(t, err, ServerError, row.why)
	}
	if canary != 0 {
		t.Errorf("%d requests went where a header pointed", canary)
	}
	for why, k := range map[string]evilKey{"RSA": good, "EC": {"e1", jose.ES256, ec}} {
		e.idToken = func(_ string, c map[string]any) string {
			return signWith(k, must(json.Marshal(c)), map[jose.HeaderKey]any{"jku": trap.URL})
		}
		if _, err := e.login(p); err != nil || canary != 0 {
			t.Errorf("an honest %s token with a jku that nobody follows: %v, %d fetches", why, err, canary)
		}
	}
}

// nextSpelling sets a bit that a lax base64 decoder ignores: 256 bytes leave four.
func nextSpelling(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}
