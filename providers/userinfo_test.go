package providers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
)

func TestUserinfoIsAskedOnlyWhenAClaimIsMissing(t *testing.T) {
	for _, row := range []struct {
		why, mode string
		mapped    []string
		thin      bool
		asked     int
	}{
		{"nothing is missing", "auto", []string{"groups"}, false, 0},
		{"groups are missing", "auto", []string{"groups"}, true, 1},
		{"a scope's claim is missing", "auto", nil, true, 1},
		{"always", "always", nil, false, 1},
		{"never", "never", []string{"groups"}, true, 0},
	} {
		e := newEvil(t)
		if !row.thin {
			e.claims = func(c map[string]any) { c["name"], c["email"], c["groups"] = "A", "a@acme.example", []any{"token"} }
		}
		id, err := e.login(e.provider("oidc", func(s *Settings) { s.UserInfo, s.MappedClaims = row.mode, row.mapped }))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if got := e.count("/userinfo"); got != row.asked {
			t.Errorf("%s: asked %d times, want %d", row.why, got, row.asked)
		}
		if groups := fmt.Sprint(id.Claims["groups"]); row.asked == 1 && row.thin && row.mapped != nil && groups != "[Engineering]" ||
			!row.thin && groups != "[token]" {
			t.Errorf("%s: groups %s", row.why, groups)
		}
	}
}

func TestGoogleIsNotAskedForWhatItNeverSays(t *testing.T) {
	e := newEvil(t)
	e.claims = func(c map[string]any) { c["name"], c["email"] = "A", "a@gmail.com" }
	p := e.provider("google", func(s *Settings) { s.UserInfo, s.MappedClaims = "auto", []string{"groups", "https://x/roles", "hd"} })
	if _, err := e.login(p); err != nil || e.count("/userinfo") != 0 {
		t.Errorf("%v, asked %d times", err, e.count("/userinfo"))
	}
}

func TestAnUpstreamWithoutUserinfo(t *testing.T) {
	e := newEvil(t)
	e.metadata = func(m map[string]any) { delete(m, "userinfo_endpoint") }
	if _, err := e.login(e.provider("oidc", func(s *Settings) { s.UserInfo = "auto" })); err != nil {
		t.Errorf("auto: %v", err)
	}
	_, err := e.login(e.provider("oidc", alwaysUserInfo))
	wantError(t, err, ServerError, "always")
}

func TestU15_UserinfoOfAnotherPersonIsThrownAway(t *testing.T) {
	raw := func(media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			fmt.Fprint(w, body)
		}
	}
	for _, row := range []struct {
		why   string
		serve http.HandlerFunc
	}{
		{"another sub", raw("application/json", `{"sub":"bob"}`)},
		{"another case", raw("application/json", `{"sub":"Alice"}`)},
		{"no sub", raw("application/json", `{"email":"alice@acme.example"}`)},
		{"only SUB", raw("application/json", `{"SUB":"alice"}`)},
		{"sub and SUB", raw("application/json", `{"sub":"alice","SUB":"bob"}`)},
		{"sub twice", raw("application/json", `{"sub":"bob","sub":"alice"}`)},
		{"sub as a list", raw("application/json", `{"sub":["alice"]}`)},
		{"HTML", raw("text/html", `<html>`)},
		{"JSON called HTML", raw("text/html", `{"sub":"alice"}`)},
		{"HTML called JSON", raw("application/json", `<html>`)},
		{"a signed JWT", raw("application/jwt", `eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.`)},
		{"a list", raw("application/json", `[{"sub":"alice"}]`)},
		{"two values", raw("application/json", `{"sub":"alice"}{"sub":"bob"}`)},
		{"nothing", raw("application/json", ``)},
		{"not found", http.NotFound},
	} {
		e := newEvil(t)
		e.replace("/userinfo", row.serve)
		id, err := e.login(e.provider("oidc", alwaysUserInfo))
		wantError(t, err, ServerError, row.why)
		if id != nil {
			t.Errorf("%s: %+v", row.why, id)
		}
	}
}

func TestU15_UserinfoAddsAndNeverOverrides(t *testing.T) {
	e := newEvil(t)
	e.claims = func(c map[string]any) { c["name"], c["hd"] = "Alice", "acme.example" }
	e.userinfo = func(c map[string]any) {
		c["name"], c["hd"], c["locale"], c["dept"], c["admin"] = "Mallory", "evil.example", "de", "x", true
		for _, name := range protocolClaims {
			if name != "sub" {
				c[name] = "forged"
			}
		}
	}
	id, err := e.login(e.provider("oidc", func(s *Settings) {
		s.UserInfo, s.MappedClaims = "always", []string{"dept", "auth_time", "acr", "nonce", "hd"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"name": "Alice", "hd": "acme.example", "locale": "de", "dept": "x", "admin": nil, "auth_time": nil, "acr": nil} {
		if id.Claims[name] != want {
			t.Errorf("%s is %v, want %v", name, id.Claims[name], want)
		}
	}
	if id.Claims["iss"] != e.issuer || id.ACR != "" || !id.AuthTime.IsZero() {
		t.Errorf("the protocol's claims: %+v", id)
	}
}

func TestL02_OnlyTheJSONBooleanTrueIsVerified(t *testing.T) {
	const absent = "absent"
	for _, encoding := range []string{absent, `null`, `false`, `"false"`, `"true"`, `"True"`, `"TRUE"`, `1`, `0`, `1.0`, `[true]`, `{}`, `{"true":true}`, `""`, `true`} {
		for _, where := range []string{"ID token", "userinfo"} {
			e := newEvil(t)
			say := func(c map[string]any) {
				c["email"] = "alice@acme.example"
				if encoding != absent {
					c["email_verified"] = json.RawMessage(encoding)
				}
			}
			if where == "ID token" {
				e.claims = say
			} else {
				e.userinfo = say
			}
			for _, trust := range []string{"always", "own_domains", "never"} {
				id, err := e.login(e.provider("oidc", alwaysUserInfo, func(s *Settings) {
					s.TrustEmail, s.EmailDomains = trust, []string{"Acme.example"}
				}))
				if err != nil {
					t.Fatal(err)
				}
				if want := encoding == `true` && trust != "never"; id.EmailVerified != want {
					t.Errorf("%s in the %s with %s: %t, want %t", encoding, where, trust, id.EmailVerified, want)
				}
			}
		}
	}
}

func TestAnAddressAndItsVerificationComeFromOneMouth(t *testing.T) {
	for _, row := range []struct {
		why         string
		token, info string
		email       any
		verified    bool
	}{
		{"userinfo completes the same address", `{"email":"a@x.example"}`, `{"email":"a@x.example","email_verified":true}`, "a@x.example", true},
		{"userinfo verified another address", `{"email":"a@x.example"}`, `{"email":"b@x.example","email_verified":true}`, "a@x.example", false},
		{"userinfo verified no address", `{"email":"a@x.example"}`, `{"email_verified":true}`, "a@x.example", false},
		{"the token verified none of userinfo's", `{"email_verified":true}`, `{"email":"b@x.example"}`, nil, false},
		{"they disagree", `{"email_verified":true}`, `{"email":"b@x.example","email_verified":false}`, nil, false},
		{"the token says no", `{"email":"a@x.example","email_verified":false}`, `{"email":"a@x.example","email_verified":true}`, "a@x.example", false},
		{"both come from userinfo", `{}`, `{"email":"b@x.example","email_verified":true}`, "b@x.example", true},
	} {
		e := newEvil(t)
		put := func(doc string) func(map[string]any) {
			return func(c map[string]any) {
				delete(c, "email")
				if err := json.Unmarshal([]byte(doc), &c); err != nil {
					t.Fatal(err)
				}
			}
		}
		e.claims, e.userinfo = put(row.token), put(row.info)
		id, err := e.login(e.provider("oidc", alwaysUserInfo, func(s *Settings) { s.TrustEmail = "always" }))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if id.Claims["email"] != row.email || id.EmailVerified != row.verified {
			t.Errorf("%s: %v, verified %t", row.why, id.Claims["email"], id.EmailVerified)
		}
	}
}

func TestEmailIsTrustedForDomainsOfTheProvider(t *testing.T) {
	for _, row := range []struct {
		why, kind, email string
		hd               any
		want             bool
	}{
		{"an own domain", "oidc", "a@acme.example", nil, true},
		{"in capitals", "oidc", "a@ACME.Example", nil, true},
		{"another domain", "oidc", "a@other.example", nil, false},
		{"a domain below", "oidc", "a@x.acme.example", nil, false},
		{"a domain that ends alike", "oidc", "a@notacme.example", nil, false},
		{"two @", "oidc", "a@acme.example@evil.example", nil, false},
		{"two @ the other way", "oidc", "a@evil.example@acme.example", nil, false},
		{"a quoted part", "oidc", `"a@evil.example"@acme.example`, nil, false},
		{"a name around", "oidc", `A <a@acme.example>`, nil, false},
		{"a line end", "oidc", "a@acme.example\n", nil, false},
		{"no local part", "oidc", "@acme.example", nil, false},
		{"letters that look alike", "oidc", "a@аcme.example", nil, false},
		{"gmail is Google's", "google", "a@gmail.com", nil, true},
		{"and nobody else's", "oidc", "a@gmail.com", nil, false},
		{"a Workspace account", "google", "a@corp.example", "corp.example", true},
		{"a consumer account with a foreign address", "google", "a@corp.example", nil, false},
		{"hd of the wrong type", "google", "a@corp.example", true, false},
	} {
		e := newEvil(t)
		e.claims = func(c map[string]any) {
			if c["email"], c["email_verified"] = row.email, true; row.hd != nil {
				c["hd"] = row.hd
			}
		}
		id, err := e.login(e.provider(row.kind, func(s *Settings) { s.EmailDomains = []string{"acme.example"} }))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if id.EmailVerified != row.want {
			t.Errorf("%s (%s): %t, want %t", row.why, row.email, id.EmailVerified, row.want)
		}
	}
}

func TestHintsAreEnforcedOnTheSignedClaims(t *testing.T) {
	for _, row := range []struct {
		why, kind, domain, org string
		claims                 map[string]any
		ok                     bool
	}{
		{"the Workspace asked for", "google", "acme.example", "", map[string]any{"hd": "acme.example"}, true},
		{"another Workspace", "google", "acme.example", "", map[string]any{"hd": "evil.example"}, false},
		{"a consumer account with an address there", "google", "acme.example", "", map[string]any{"email": "x@acme.example", "email_verified": true}, false},
		{"hd in a list", "google", "acme.example", "", map[string]any{"hd": []any{"acme.example"}}, false},
		{"any Workspace", "google", "*", "", map[string]any{"hd": "acme.example"}, true},
		{"any Workspace, but none", "google", "*", "", nil, false},
		{"the organization asked for", "auth0", "", "org_1", map[string]any{"org_id": "org_1"}, true},
		{"another case", "auth0", "", "org_1", map[string]any{"org_id": "ORG_1"}, false},
		{"another organization", "auth0", "", "org_1", map[string]any{"org_id": "org_2"}, false},
		{"a name that looks like the id", "auth0", "", "org_1", map[string]any{"org_id": "org_2", "org_name": "org_1"}, false},
		{"no organization", "auth0", "", "org_1", nil, false},
		{"a name", "auth0", "", "Acme", map[string]any{"org_id": "org_1", "org_name": "acme"}, true},
		{"another name", "auth0", "", "Acme", map[string]any{"org_id": "acme", "org_name": "evil"}, false},
	} {
		e := newEvil(t)
		if row.kind == "auth0" {
			e.issuer += "/"
		}
		e.claims = func(c map[string]any) {
			for k, v := range row.claims {
				c[k] = v
			}
		}
		e.userinfo = func(c map[string]any) { c["hd"], c["org_id"], c["org_name"] = row.domain, row.org, row.org } // unsigned: must not help
		_, err := e.login(e.provider(row.kind, alwaysUserInfo, func(s *Settings) {
			s.HostedDomain, s.Organization, s.MappedClaims = row.domain, row.org, []string{"hd", "org_id", "org_name"}
		}))
		if row.ok && err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		if !row.ok {
			wantError(t, err, AccessDenied, row.why)
		}
	}
}

func TestTheRegistryKnowsItsKinds(t *testing.T) {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
		if k.Title == "" {
			t.Errorf("kind %s has no title", k.Name)
		}
	}
	for _, want := range []string{"auth0", "google", "oidc", "okta"} {
		if !slices.Contains(names, want) {
			t.Errorf("kind %s is missing", want)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("out of order: %v", names)
	}
}

// A rule that is new asks for a claim that was not needed when the provider was made.
func TestAProviderLearnsWhichClaimsAreNeededByNow(t *testing.T) {
	e := newEvil(t)
	e.claims = func(c map[string]any) { delete(c, "department"); c["name"], c["email"] = "A", "a@corp.example" }
	e.userinfo = func(c map[string]any) { c["department"] = "eng" }
	p := e.provider("oidc", func(s *Settings) { s.UserInfo = "auto" })
	for _, row := range []struct {
		mapped []string
		want   any
	}{{nil, nil}, {[]string{"department"}, "eng"}, {[]string{}, nil}} {
		if row.mapped != nil {
			ClaimMapper(p).MapClaims(row.mapped)
		}
		id, err := e.login(p)
		if err != nil || id.Claims["department"] != row.want {
			t.Errorf("mapped %q: %v, %v", row.mapped, id, err)
		}
	}
}
