package oauth

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestTheClaimsParameterIsReadAsWritten(t *testing.T) {
	// the example of OpenID Connect Core §5.5
	r, err := parseClaims(`{"userinfo":{"given_name":{"essential":true},"nickname":null,"email":{"essential":true},"http://example.info/claims/groups":null},
		"id_token":{"auth_time":{"essential":true},"acr":{"values":["urn:mace:incommon:iap:silver"]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if !r.UserInfo["given_name"].Essential || r.UserInfo["nickname"].Essential || len(r.UserInfo) != 4 || len(r.IDToken) != 2 || !r.IDToken["acr"].Fits("urn:mace:incommon:iap:silver") || r.IDToken["acr"].Fits("bronze") {
		t.Errorf("got %+v", r)
	}
	again, err := parseClaims(r.String())
	if err != nil || again.String() != r.String() {
		t.Errorf("%s became %v, %v", r, again, err)
	}
	kept := r.Keep(func(name string) bool { return name == "acr" || name == "email" })
	if !slices.Equal(kept.Names(), []string{"acr", "email"}) {
		t.Errorf("kept %v", kept.Names())
	}
	if r.Keep(func(string) bool { return false }) != nil {
		t.Error("a request for nothing should be none")
	}
}

func TestMembersThatNobodyKnowsAreIgnored(t *testing.T) {
	for _, raw := range []string{`{}`, `{"userinfo":null}`, `{"vc":{"x":1}}`, `{"userinfo":{"name":{"purpose":"to greet you"}}}`, ``} {
		if _, err := parseClaims(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestAClaimsParameterThatTwoParsersCouldReadDifferentlyIsRefused(t *testing.T) {
	for _, row := range []struct{ why, raw string }{
		{"no JSON", `name`}, {"a list", `[]`}, {"a text", `"name"`}, {"null", `null`}, {"cut off", `{"userinfo":{`}, {"a tail", `{} {}`},
		{"a name twice", `{"userinfo":{"name":null,"name":{"essential":true}}}`}, {"a member twice", `{"userinfo":null,"userinfo":{"name":null}}`},
		{"a list of claims", `{"userinfo":["name"]}`}, {"a claim that is true", `{"userinfo":{"name":true}}`},
		{"essential as a text", `{"userinfo":{"name":{"essential":"true"}}}`}, {"value and values", `{"id_token":{"acr":{"value":"1","values":["2"]}}}`},
		{"values that are none", `{"id_token":{"acr":{"values":"1"}}}`}, {"an empty list", `{"id_token":{"acr":{"values":[]}}}`}, {"a value that is an object", `{"id_token":{"acr":{"value":{"a":1}}}}`},
		{"a value that is null", `{"id_token":{"sub":{"value":null}}}`}, {"no name", `{"userinfo":{"":null}}`}, {"an escaped line end", `{"userinfo":{"na\nme":null}}`},
		{"a NUL in a value", `{"id_token":{"sub":{"value":"a\u0000b"}}}`}, {"a long name", `{"userinfo":{"` + strings.Repeat("n", 129) + `":null}}`},
		{"too long", `{"userinfo":{"name":{"value":"` + strings.Repeat("v", 2048) + `"}}}`}, {"too deep", `{"x":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`},
		{"too many", `{"x":[` + strings.Repeat("1,", 200) + `1]}`}, {"a number beyond all", `{"userinfo":{"updated_at":{"value":1e999}}}`},
	} {
		if r, err := parseClaims(row.raw); err == nil || err.Code != InvalidRequest {
			t.Errorf("%s: %v, %v", row.why, r, err)
		}
	}
}

func TestOnlyAnEssentialACRIsADemand(t *testing.T) {
	for _, row := range []struct {
		why, claims, acr string
		ok               bool
	}{
		{"nothing asked", ``, "", true},
		{"a wish", `{"id_token":{"acr":{"values":["gold"]}}}`, "", true},
		{"a demand, met", `{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`, "silver", true},
		{"a demand, another class", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`, "silver", false},
		{"a demand, no class", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`, "", false},
		{"any class, none there", `{"id_token":{"acr":{"essential":true}}}`, "", false},
		{"any class, one there", `{"id_token":{"acr":{"essential":true}}}`, "bronze", true},
		{"userinfo has no acr", `{"userinfo":{"acr":{"essential":true,"value":"gold"}}}`, "", true},
	} {
		c, err := parseClaims(row.claims)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&AuthRequest{Claims: c}).ACRSuffices(row.acr); got != row.ok {
			t.Errorf("%s: %v", row.why, got)
		}
	}
}

func FuzzTheClaimsParameter(f *testing.F) {
	for _, seed := range []string{`{"userinfo":{"name":{"essential":true}},"id_token":{"acr":{"values":["1",2,true]}}}`, `{"userinfo":{"a":null,"a":null}}`, `{"x":[[[]]]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseClaims(raw)
		if err != nil || r == nil {
			return
		}
		if len(raw) > maxClaims || !json.Valid([]byte(raw)) {
			t.Fatalf("accepted %q", raw)
		}
		again, err := parseClaims(r.String())
		if len(r.String()) <= maxClaims && (err != nil || again.String() != r.String()) {
			t.Fatalf("%q became %q, then %v", raw, r, err)
		}
	})
}
