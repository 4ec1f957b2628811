package providers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// claimRows are ID tokens that are signed by the right key and wrong all the same.
var claimRows = []struct {
	id, why string
	spoil   func(c map[string]any, now int64)
}{
	{"U08", "no nonce", func(c map[string]any, _ int64) { delete(c, "nonce") }},
	{"U08", "another attempt's nonce", func(c map[string]any, _ int64) { c["nonce"] = "other" }},
	{"U08", "nonce as a list", func(c map[string]any, _ int64) { c["nonce"] = []any{c["nonce"]} }},
	{"U08", "empty nonce", func(c map[string]any, _ int64) { c["nonce"] = "" }},
	{"U08", "nonce under another case", func(c map[string]any, _ int64) { c["Nonce"] = c["nonce"]; delete(c, "nonce") }},

	{"U10", "another issuer", func(c map[string]any, _ int64) { c["iss"] = "https://evil.example" }},
	{"U10", "a trailing slash", func(c map[string]any, _ int64) { c["iss"] = c["iss"].(string) + "/" }},
	{"U10", "no scheme", func(c map[string]any, _ int64) { c["iss"] = strings.TrimPrefix(c["iss"].(string), "http://") }},
	{"U10", "another scheme", func(c map[string]any, _ int64) { c["iss"] = strings.Replace(c["iss"].(string), "http", "https", 1) }},
	{"U10", "Google's short name", func(c map[string]any, _ int64) { c["iss"] = "accounts.google.com" }},
	{"U10", "no issuer", func(c map[string]any, _ int64) { delete(c, "iss") }},
	{"U10", "issuer as a list", func(c map[string]any, _ int64) { c["iss"] = []any{c["iss"]} }},

	{"U11", "no audience", func(c map[string]any, _ int64) { delete(c, "aud") }},
	{"U11", "another audience", func(c map[string]any, _ int64) { c["aud"] = "other" }},
	{"U11", "another case", func(c map[string]any, _ int64) { c["aud"] = "Broker" }},
	{"U11", "empty audience", func(c map[string]any, _ int64) { c["aud"] = []any{} }},
	{"U11", "a second audience", func(c map[string]any, _ int64) { c["aud"] = []any{clientID, "other"} }},
	{"U11", "a second audience first, azp ours", func(c map[string]any, _ int64) { c["aud"], c["azp"] = []any{"other", clientID}, clientID }},
	{"U11", "us twice", func(c map[string]any, _ int64) { c["aud"] = []any{clientID, clientID} }},
	{"U11", "audience as an object", func(c map[string]any, _ int64) { c["aud"] = map[string]any{clientID: true} }},
	{"U11", "issued to another client", func(c map[string]any, _ int64) { c["azp"] = "other" }},
	{"U11", "azp as a list", func(c map[string]any, _ int64) { c["azp"] = []any{clientID} }},
	{"U11", "empty azp", func(c map[string]any, _ int64) { c["azp"] = "" }},

	{"U12", "no exp", func(c map[string]any, _ int64) { delete(c, "exp") }},
	{"U12", "expired", func(c map[string]any, now int64) { c["iat"], c["exp"] = now-300, now-60 }},
	{"U12", "no iat", func(c map[string]any, _ int64) { delete(c, "iat") }},
	{"U12", "iat in a year", func(c map[string]any, now int64) { c["iat"], c["exp"] = now+31536000, now+31536000+60 }},
	{"U12", "iat in 61 seconds", func(c map[string]any, now int64) { c["iat"] = now + 61 }},
	{"U12", "a year old", func(c map[string]any, now int64) { c["iat"] = now - 31536000 }},
	{"U12", "older than ten minutes and the leeway", func(c map[string]any, now int64) { c["iat"] = now - 661 }},
	{"U12", "a life of ten years", func(c map[string]any, now int64) { c["exp"] = now + 315360000 }},
	{"U12", "a life of more than a day", func(c map[string]any, now int64) { c["exp"] = now + 86401 }},
	{"U12", "expires before it was issued", func(c map[string]any, now int64) { c["iat"], c["exp"] = now+30, now+20 }},
	{"U12", "not before in 61 seconds", func(c map[string]any, now int64) { c["nbf"] = now + 61 }},
	{"U12", "exp as text", func(c map[string]any, now int64) { c["exp"] = strconv.FormatInt(now+60, 10) }},
	{"U12", "iat as text", func(c map[string]any, now int64) { c["iat"] = strconv.FormatInt(now, 10) }},
	{"U12", "nbf as text", func(c map[string]any, now int64) { c["nbf"] = strconv.FormatInt(now, 10) }},
	{"U12", "a fraction", func(c map[string]any, now int64) { c["exp"] = float64(now) + 60.5 }},
	{"U12", "an exponent", func(c map[string]any, _ int64) { c["exp"] = json.RawMessage("1.8e9") }},
	{"U12", "out of range", func(c map[string]any, _ int64) { c["exp"] = json.RawMessage("1e400") }},
	{"U12", "out of range elsewhere", func(c map[string]any, _ int64) { c["x"] = json.RawMessage("1e400") }},
	{"U12", "negative", func(c map[string]any, _ int64) { c["iat"] = -1 }},
	{"U12", "null", func(c map[string]any, _ int64) { c["exp"] = nil }},
	{"U12", "auth_time to come", func(c map[string]any, now int64) { c["auth_time"] = now + 3600 }},
	{"U12", "auth_time as text", func(c map[string]any, _ int64) { c["auth_time"] = "now" }},

	{"U13", "no sub", func(c map[string]any, _ int64) { delete(c, "sub") }},
	{"U13", "empty sub", func(c map[string]any, _ int64) { c["sub"] = "" }},
	{"U13", "256 bytes", func(c map[string]any, _ int64) { c["sub"] = strings.Repeat("x", 256) }},
	{"U13", "a number", func(c map[string]any, _ int64) { c["sub"] = 7 }},
	{"U13", "a list", func(c map[string]any, _ int64) { c["sub"] = []any{"alice"} }},
	{"U13", "null", func(c map[string]any, _ int64) { c["sub"] = nil }},
	{"U13", "a NUL", func(c map[string]any, _ int64) { c["sub"] = "alice\x00" }},
	{"U13", "a space before", func(c map[string]any, _ int64) { c["sub"] = " alice" }},
	{"U13", "a space behind", func(c map[string]any, _ int64) { c["sub"] = "alice " }},
	{"U13", "a line end", func(c map[string]any, _ int64) { c["sub"] = "alice\n" }},
	{"U13", "not ASCII", func(c map[string]any, _ int64) { c["sub"] = "älice" }},
	{"U13", "only SUB", func(c map[string]any, _ int64) { c["SUB"] = c["sub"]; delete(c, "sub") }},
}

func testClaimRows(t *testing.T, id string) {
	e := newEvil(t)
	p := e.provider("oidc")
	if _, err := e.login(p); err != nil {
		t.Fatalf("the honest token: %v", err)
	}
	n := 0
	for _, row := range claimRows {
		if row.id != id {
			continue
		}
		n++
		e.claims = func(c map[string]any) { row.spoil(c, e.clock.Now().Unix()) }
		got, err := e.login(p)
		wantError(t, err, ServerError, row.why)
		if got != nil {
			t.Errorf("%s: got an identity %+v", row.why, got)
		}
	}
	if n == 0 {
		t.Fatal("no rows")
	}
	e.claims = nil
	if _, err := e.login(p); err != nil {
		t.Errorf("the honest token afterwards: %v", err)
	}
}

func TestU08_NonceOfThisAttempt(t *testing.T) { testClaimRows(t, "U08") }
func TestU10_IssuerToTheLetter(t *testing.T)  { testClaimRows(t, "U10") }
func TestU11_AudienceIsUsAlone(t *testing.T)  { testClaimRows(t, "U11") }
func TestU12_TimesThatMakeSense(t *testing.T) { testClaimRows(t, "U12") }
func TestU13_NobodyWithoutASub(t *testing.T)  { testClaimRows(t, "U13") }

func TestClaimsAtTheEdgeAreTaken(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	for _, row := range []struct {
		why  string
		edit func(c map[string]any, now int64)
	}{
		{"audience as a list of one", func(c map[string]any, _ int64) { c["aud"] = []any{clientID} }},
		{"azp is us", func(c map[string]any, _ int64) { c["azp"] = clientID }},
		{"a clock one minute behind", func(c map[string]any, now int64) { c["iat"], c["exp"] = now+60, now+120 }},
		{"expired within the leeway", func(c map[string]any, now int64) { c["iat"], c["exp"] = now-300, now-59 }},
		{"255 bytes of sub", func(c map[string]any, _ int64) { c["sub"] = strings.Repeat("x", 255) }},
		{"Auth0's sub", func(c map[string]any, _ int64) { c["sub"] = "google-oauth2|103 4" }},
	} {
		e.claims = func(c map[string]any) { row.edit(c, e.clock.Now().Unix()) }
		if _, err := e.login(p); err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}

func TestU10_GooglesShortNameMakesNoSecondPerson(t *testing.T) {
	e := newEvil(t)
	e.issuer = googleIssuer
	e.metadata = func(m map[string]any) {
		m["authorization_endpoint"], m["token_endpoint"] = "https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"
		m["jwks_uri"], m["userinfo_endpoint"] = "https://www.googleapis.com/jwks", "https://openidconnect.googleapis.com/userinfo"
	}
	p := e.provider("google", func(s *Settings) {
		s.Issuer, s.Client = "", &http.Client{Transport: detour{e}}
	})
	full, err := e.login(p)
	if err != nil {
		t.Fatal(err)
	}
	e.claims = func(c map[string]any) { c["iss"] = "accounts.google.com" }
	short, err := e.login(p)
	if err != nil || short.Issuer != full.Issuer || short.Issuer != googleIssuer {
		t.Fatalf("got %+v, %v", short, err)
	}
}

// detour sends every request to e, whatever its host: the internet of a test.
type detour struct{ e *evil }

func (d detour) RoundTrip(r *http.Request) (*http.Response, error) {
	u, _ := url.Parse(d.e.server.URL)
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	return http.DefaultTransport.RoundTrip(r)
}

func TestU14_NamesThatTwoParsersReadDifferently(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	for _, row := range []struct{ why, add string }{
		{"SUB beside sub", `"SUB":"victim"`},
		{"sub twice", `"sub":"victim"`},
		{"sub twice, one escaped", `"\u0073ub":"victim"`},
		{"long s", `"ſub":"victim"`},
		{"Email_Verified beside email_verified", `"email_verified":false,"Email_Verified":true`},
		{"a duplicate inside", `"address":{"a":1,"a":2}`},
		{"a duplicate inside a list", `"x":[{"a":1,"a":2}]`},
		{"AUD beside aud", `"AUD":"other"`},
		{"too deep", `"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)},
		{"bytes that are no UTF-8", "\"x\":\"\xff\""},
	} {
		e.idToken = func(_ string, c map[string]any) string {
			honest := string(must(json.Marshal(c)))
			return e.sign([]byte(strings.TrimSuffix(honest, "}") + "," + row.add + "}"))
		}
		_, err := e.login(p)
		wantError(t, err, ServerError, row.why)
	}
	e.idToken = func(_ string, c map[string]any) string {
		c["https://x/roles"] = map[string]any{"Admin": 1, "admin": 2} // only ever read as a map
		return e.sign(must(json.Marshal(c)))
	}
	if _, err := e.login(p); err != nil {
		t.Errorf("names inside that differ by case: %v", err)
	}
}

func TestAnIDTokenIsBoundToItsAccessToken(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	e.token = func(a map[string]any) { a["access_token"] = "fixed" }
	sum := sha256.Sum256([]byte("fixed"))
	e.claims = func(c map[string]any) { c["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:16]) }
	if _, err := e.login(p); err != nil {
		t.Fatal(err)
	}
	e.token = func(a map[string]any) { a["access_token"] = "another" }
	_, err := e.login(p)
	wantError(t, err, ServerError, "an access token of another login")
}

func TestMaxAgeIsCheckedAndNotOnlySent(t *testing.T) {
	for _, row := range []struct {
		why, kind, code string
		ago             int64 // -1: no auth_time
	}{
		{"fresh", "oidc", "", 10},
		{"within the leeway", "oidc", "", 100},
		{"too long ago", "oidc", LoginRequired, 1000},
		{"not said", "oidc", ServerError, -1},
		{"Google never says", "google", "", -1},
	} {
		e := newEvil(t)
		e.claims = func(c map[string]any) {
			if row.ago >= 0 {
				c["auth_time"] = e.clock.Now().Unix() - row.ago
			}
		}
		a, age := newAttempt(), int64(60)
		a.MaxAge = &age
		id, err := e.loginWith(e.provider(row.kind), a, nil)
		if row.code != "" {
			wantError(t, err, row.code, row.why)
		} else if err != nil || id.AuthTime.IsZero() != (row.ago < 0) {
			t.Errorf("%s: %+v, %v", row.why, id, err)
		}
	}
}

func BenchmarkVerifyIDToken(b *testing.B) {
	e := newEvil(b)
	p := e.provider("oidc")
	if _, err := e.login(p); err != nil { // fetches the keys
		b.Fatal(err)
	}
	now := e.clock.Now().Unix()
	raw := e.sign(must(json.Marshal(map[string]any{"iss": e.issuer, "sub": "alice", "aud": clientID, "iat": now, "exp": now + 3600, "nonce": "n",
		"email": "alice@acme.example", "email_verified": true, "name": "Alice", "groups": []any{"Everyone", "Engineering"}})))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifyIDToken(b.Context(), raw, &p.keys, p.expect(Attempt{Nonce: "n"}, "")); err != nil {
			b.Fatal(err)
		}
	}
}
