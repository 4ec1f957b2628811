package broker_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What the relying party checks of keys, ID tokens and userinfo.

// keys fetches the JWKS and checks each key: public, its own kid, use and alg.
func (r *relyingParty) keys() map[string]map[string]any {
	r.t.Helper()
	a := r.b.get(r.endpoint("jwks_uri"))
	list, _ := a.json(r.t)["keys"].([]any)
	keys := map[string]map[string]any{}
	for _, item := range list {
		key, _ := item.(map[string]any)
		kid, _ := key["kid"].(string)
		if _, twice := keys[kid]; kid == "" || twice || key["use"] != "sig" || key["alg"] == nil {
			r.t.Errorf("a key without its own kid, use and alg: %v", key)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if key[private] != nil || key["kty"] == "oct" {
				r.t.Errorf("key %s is not public", kid)
			}
		}
		keys[kid] = key
	}
	if a.StatusCode != http.StatusOK || len(keys) == 0 {
		r.t.Fatalf("JWKS: %s %s", a.Status, a.body)
	}
	return keys
}

// idToken opens an ID token with plain cryptography.
func (r *relyingParty) idToken(token map[string]any) (header, claims map[string]any) {
	r.t.Helper()
	raw, _ := token["id_token"].(string)
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		r.t.Fatalf("no ID token: %v", token)
	}
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil {
			r.t.Fatal(err)
		}
		return b
	}
	if json.Unmarshal(decode(parts[0]), &header) != nil || json.Unmarshal(decode(parts[1]), &claims) != nil {
		r.t.Fatal("the ID token is not JSON")
	}
	kid, _ := header["kid"].(string)
	key := r.keys()[kid]
	number := func(name string) *big.Int {
		s, _ := key[name].(string)
		return new(big.Int).SetBytes(decode(s))
	}
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(parts[2])
	good := false
	switch header["alg"] {
	case "RS256":
		pub := &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
		good = key["alg"] == "RS256" && rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], signature) == nil
	case "ES256":
		point := append([]byte{4}, append(number("x").FillBytes(make([]byte, 32)), number("y").FillBytes(make([]byte, 32))...)...)
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		good = err == nil && key["alg"] == "ES256" && len(signature) == 64 && ecdsa.Verify(pub, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	if !good {
		r.t.Fatalf("the ID token is signed by no key of the JWKS: %v", header)
	}
	return header, claims
}

// checkIDToken is OpenID Connect Core §3.1.3.7, and that nothing is in the token that
// nobody asked for.
func (r *relyingParty) checkIDToken(v *visited) {
	r.t.Helper()
	now, id := float64(r.k.clock.Now().Unix()), v.id
	whole := func(name string) float64 {
		n, ok := id[name].(float64)
		if !ok || n != math.Trunc(n) {
			r.t.Errorf("ID token: %s is %v", name, id[name])
		}
		return n
	}
	if id["iss"] != r.meta["issuer"] || id["aud"] != r.client || id["azp"] != nil && id["azp"] != r.client {
		r.t.Errorf("ID token: iss %v, aud %v, azp %v", id["iss"], id["aud"], id["azp"])
	}
	if iat, exp := whole("iat"), whole("exp"); math.Abs(now-iat) > 300 || iat > now || exp <= now || exp > now+86400 {
		r.t.Errorf("ID token: iat %v, exp %v, now %v", iat, exp, now)
	}
	if at := whole("auth_time"); at > now || at < now-float64(lives.SessionAbsolute/time.Second) {
		r.t.Errorf("ID token: auth_time %v, now %v", at, now)
	}
	if v.sent != nil && (id["nonce"] != nil) != v.sent.Has("nonce") || id["nonce"] != nil && id["nonce"] != v.sent.Get("nonce") {
		r.t.Errorf("ID token: nonce %v, sent %q", id["nonce"], v.sent.Get("nonce"))
	}
	if acr, there := id["acr"]; there && (acr == "" || !isText(acr)) {
		r.t.Errorf("ID token: acr %v", acr)
	}
	if sub, _ := id["sub"].(string); sub == "" || len(sub) > 255 {
		r.t.Errorf("ID token: sub %v", id["sub"])
	}
	sum := sha256.Sum256([]byte(v.token["access_token"].(string)))
	if id["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		r.t.Errorf("ID token: at_hash %v", id["at_hash"])
	}
	lean := []string{"iss", "sub", "aud", "azp", "exp", "iat", "nonce", "at_hash", "sid", "auth_time", "acr", "amr"}
	for name := range id {
		if !slices.Contains(append(lean, r.named(v.sent, "id_token")...), name) {
			r.t.Errorf("ID token: %s, which nobody asked for", name)
		}
	}
}

// named lists the claims that a request's claims parameter asks for in one place.
func (r *relyingParty) named(sent url.Values, place string) []string {
	var asked map[string]map[string]any
	_ = json.Unmarshal([]byte(sent.Get("claims")), &asked)
	return slices.Collect(maps.Keys(asked[place]))
}

// userinfo asks the userinfo endpoint: GET or POST, with the header or in the form.
func (r *relyingParty) userinfo(method, token string, inBody bool) *answer {
	r.t.Helper()
	form := url.Values{}
	if inBody {
		form.Set("access_token", token)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.endpoint("userinfo_endpoint"), strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if inBody {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(r.t, http.DefaultClient, req)
}

// byScope is OpenID Connect Core §5.4.
var byScope = map[string][]string{
	"profile": {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
		"birthdate", "zoneinfo", "locale", "updated_at"},
	"email": {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"}, "groups": {"groups"},
}

// checkUserInfo is §5.3.2 and the types of §5.1, and that no claim is there for which
// neither a scope nor a name was sent.
func (r *relyingParty) checkUserInfo(v *visited, a *answer) map[string]any {
	r.t.Helper()
	m := a.json(r.t)
	if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") || a.Header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("userinfo: %s %v", a.Status, a.Header)
	}
	if m["sub"] != v.id["sub"] {
		r.t.Errorf("userinfo speaks of %v, the ID token of %v", m["sub"], v.id["sub"])
	}
	may := append(r.named(v.sent, "userinfo"), "sub")
	for _, scope := range strings.Fields(v.sent.Get("scope")) {
		may = append(may, byScope[scope]...)
	}
	for name, value := range m {
		if !slices.Contains(may, name) {
			r.t.Errorf("userinfo: %s, which nobody asked for", name)
		}
		if !rightType(name, value) {
			r.t.Errorf("userinfo: %s is %#v", name, value)
		}
	}
	return m
}

func rightType(name string, value any) bool {
	switch name {
	case "email_verified", "phone_number_verified":
		_, ok := value.(bool)
		return ok
	case "updated_at":
		n, ok := value.(float64)
		return ok && n == math.Trunc(n)
	case "groups":
		_, ok := value.([]any)
		return ok
	case "address":
		members, ok := value.(map[string]any)
		for _, member := range members {
			ok = ok && isText(member)
		}
		return ok
	}
	return isText(value)
}

func isText(v any) bool {
	s, ok := v.(string)
	return ok && s != ""
}

func b64url(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// have checks that claims are there.
func (r *relyingParty) have(claims map[string]any, names ...string) {
	r.t.Helper()
	for _, name := range names {
		if _, there := claims[name]; !there {
			r.t.Errorf("%s is missing in %v", name, claims)
		}
	}
}
