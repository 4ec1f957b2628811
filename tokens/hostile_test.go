package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestT11_ATokenHasOneSpelling(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, alg := range []Alg{RS256, ES256, EdDSA} {
		m := testMint(t, alg)
		v := testVerifier(m)
		raw := access(t, m, alice())
		passes(t, v, "as it is", raw)
		// M-7: the last character has bits that decode to nothing, and a lax decoder ignores them.
		for _, c := range alphabet {
			if other := raw[:len(raw)-1] + string(c); other != raw {
				refuse(t, v, "tail "+string(c), other)
			}
		}
		parts := strings.Split(raw, ".")
		for i := range 2 { // the same for the other parts, and padding
			p := append([]string(nil), parts...)
			p[i] += "="
			refuse(t, v, "padded", strings.Join(p, "."))
			p[i] = parts[i] + "\n"
			refuse(t, v, "a line break, which Go's decoder skips", strings.Join(p, "."))
			p[i] = parts[i][:1] + "\r\n" + parts[i][1:]
			refuse(t, v, "a line break inside", strings.Join(p, "."))
		}
		refuse(t, v, "a line break at the end", raw+"\n")
		refuse(t, v, "a line break in the signature", raw[:len(raw)-3]+"\n"+raw[len(raw)-3:])
		refuse(t, v, "a space", " "+raw)
		refuse(t, v, "one part more", raw+".")
		refuse(t, v, "standard base64", strings.NewReplacer("-", "+", "_", "/").Replace(raw)+"+")
	}
}

func TestT12_WhatMakesATokenSafeIsRequired(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	k := signerOf(t, m)
	sign := func(c any) string { return forge(t, k.method, k.Private, goodHeader(k), c) }
	passes(t, v, "the model", sign(goodClaims()))
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id"} {
		refuse(t, v, "without "+name, sign(with(goodClaims(), name, nil)))
		for _, odd := range []any{json.RawMessage("null"), object{}, []any{1}, true, "", []any{}} {
			refuse(t, v, fmt.Sprintf("%s is %#v", name, odd), sign(with(goodClaims(), name, odd)))
		}
	}
	now := noon.Unix()
	for _, row := range []struct {
		why   string
		name  string
		value any
	}{
		{"M-7: iat tomorrow", "iat", now + 86400},
		{"iat beyond what clocks differ", "iat", now + 7},
		{"nbf tomorrow", "nbf", now + 86400},
		{"exp as a string", "exp", "9999999999"},
		{"exp that overflows", "exp", 1e300},
		{"exp below zero", "exp", -1},
		{"exp zero", "exp", 0},
		{"another issuer", "iss", "https://evil.example"},
		{"the issuer with a slash", "iss", testIssuer + "/"},
		{"a subject that is a number", "sub", 7},
		{"a subject too long", "sub", strings.Repeat("s", 256)},
		{"a list of scopes", "scope", []string{"items:read"}},
		{"roles as a string", "roles", "admin"},
		{"a role that is no string", "roles", []any{"reader", 1}},
		{"auth_time as a string", "auth_time", "yesterday"},
	} {
		refuse(t, v, row.why, sign(with(goodClaims(), row.name, row.value)))
	}
	passes(t, v, "another node's clock", sign(with(goodClaims(), "iat", now+5)))
	passes(t, v, "a fraction (RFC 7519 §2)", sign(with(goodClaims(), "exp", float64(now)+30.5)))
	for why, text := range map[string]string{
		"a list": `[1]`, "null": `null`, "a string": `"x"`, "nothing": ``, "two objects": `{}{}`, "no JSON": `{"iss":`,
	} {
		refuse(t, v, why, sign([]byte(text)))
	}
}

func TestT12_ExpiredIsExpiredAndNothingElse(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	k := signerOf(t, m)
	raw := access(t, m, alice())
	at := func(after time.Duration, leeway time.Duration) error {
		v := *v
		v.Leeway, v.Now = leeway, func() time.Time { return noon.Truncate(time.Second).Add(after) }
		_, err := v.Access(context.Background(), raw, testAudience)
		return err
	}
	if err := at(5*time.Minute-1, 0); err != nil {
		t.Errorf("just before: %v", err)
	}
	if err := at(5*time.Minute, 0); !errors.Is(err, ErrExpired) || !errors.Is(err, ErrInvalid) {
		t.Errorf("on the second: %v", err)
	}
	if err := at(5*time.Minute+29*time.Second, 30*time.Second); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	if err := at(5*time.Minute+30*time.Second, 30*time.Second); !errors.Is(err, ErrExpired) {
		t.Errorf("after the leeway: %v", err)
	}
	// CVE-2024-51744: an expired token that is wrong in another way too is not merely expired.
	old := with(with(goodClaims(), "exp", noon.Unix()-1), "iat", noon.Unix()-10)
	for why, raw := range map[string]string{
		"of another issuer":    forge(t, k.method, k.Private, goodHeader(k), with(old, "iss", "https://evil.example")),
		"for another API":      forge(t, k.method, k.Private, goodHeader(k), with(old, "aud", "https://other.example")),
		"with a bad signature": segment(goodHeader(k)) + "." + segment(old) + "." + segment(make([]byte, 64)),
	} {
		if _, err := v.Access(context.Background(), raw, testAudience); errors.Is(err, ErrExpired) || !errors.Is(err, ErrInvalid) {
			t.Errorf("expired and %s: %v", why, err)
		}
	}
}

func TestT13_ATokenForOneAPIIsRefusedAtAnother(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	g := alice()
	g.Audience = []string{testAudience, testIssuer}
	raw := access(t, m, g)
	for audience, want := range map[string]error{testAudience: nil, testIssuer: nil, "https://other.example": ErrAudience, "": ErrAudience,
		testAudience + "/": ErrAudience, "https://API.example": ErrAudience, "web": ErrAudience, "https://api": ErrAudience} {
		if _, err := v.Access(context.Background(), raw, audience); !errors.Is(err, want) || want != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("at %q: %v", audience, err)
		}
	}
	k := signerOf(t, m)
	nobody := forge(t, k.method, k.Private, goodHeader(k), with(goodClaims(), "aud", []string{""}))
	if _, err := v.Access(context.Background(), nobody, ""); !errors.Is(err, ErrAudience) {
		t.Errorf("an API that forgot to say who it is, and a token for nobody: %v", err)
	}
}

func TestTheIssuerLooksAtItsOwnTokenWhateverItsAudience(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	if c, err := v.AccessForAnyAudience(context.Background(), access(t, m, alice())); err != nil || c.GrantID() != "grant1" {
		t.Errorf("%+v, %v", c, err)
	}
	v.Now = func() time.Time { return noon.Add(5 * time.Minute) }
	if _, err := v.AccessForAnyAudience(context.Background(), access(t, m, alice())); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if _, err := v.AccessForAnyAudience(context.Background(), mintID(t, m, alice(), IDToken{})); !errors.Is(err, ErrInvalid) {
		t.Errorf("an ID token: %v", err)
	}
}

func TestT14_AnEncryptedTokenIsNeverOpened(t *testing.T) {
	m := testMint(t, RS256)
	v := testVerifier(m)
	for why, h := range map[string]object{
		"RSA-OAEP":     {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": signerOf(t, m).ID},
		"PBES2 bomb":   {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1 << 31, "p2s": "AAAA"},
		"zip":          {"alg": "dir", "enc": "A128GCM", "zip": "DEF"},
		"nested token": {"alg": "dir", "enc": "A128GCM", "cty": "JWT"},
	} {
		refuse(t, v, why, segment(h)+"...AAAA.AAAA")
		refuse(t, v, why, segment(h)+".AAAA.AAAA.AAAA.AAAA")
	}
}

func TestT15_ABombCostsNothing(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	k := signerOf(t, m)
	nested := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	bombs := map[string]string{
		"a megabyte of dots":   strings.Repeat(".", 1<<20),
		"a huge header":        strings.Repeat("A", 900<<10) + ".e30.AA",
		"a million arrays":     segment(goodHeader(k)) + "." + segment([]byte(strings.Repeat("[", 1<<20))) + ".AA",
		"one byte too long":    strings.Repeat("a", MaxLength+1),
		"eight kibi of dots":   strings.Repeat(".", MaxLength),
		"deep but short":       forge(t, k.method, k.Private, goodHeader(k), []byte(`{"iss":`+nested[:3000]+`}`)),
		"nothing":              "",
		"only dots":            "..",
		"header of nothing":    "..AA",
		"header of many names": segment([]byte("{"+strings.Repeat(`"a":1,`, 900)+`"b":1}`)) + ".e30.AA",
	}
	for why, raw := range bombs {
		refuse(t, v, why, raw)
		if len(raw) <= MaxLength {
			continue
		}
		if n := testing.AllocsPerRun(10, func() { v.Access(context.Background(), raw, testAudience) }); n > 10 {
			t.Errorf("%s: %v allocations", why, n)
		}
	}
}

func TestT15_TheLengthLimitIsExact(t *testing.T) {
	m := testMint(t, EdDSA)
	v := testVerifier(m)
	k := signerOf(t, m)
	seen := map[int]bool{}
	for pad := 5400; !seen[1]; pad++ {
		raw := forge(t, k.method, k.Private, goodHeader(k), with(goodClaims(), "x", strings.Repeat("x", pad)))
		over := len(raw) - MaxLength
		if over > 0 {
			refuse(t, v, "valid, but too long", raw)
			seen[1] = true
		} else if over > -3 {
			passes(t, v, "as long as it may be", raw)
			seen[0] = true
		}
	}
	if !seen[0] {
		t.Error("no token was just as long as it may be")
	}
}

func TestM03_TwoReadingsOfOneTokenAreRefused(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	k := signerOf(t, m)
	good, err := json.Marshal(goodClaims())
	if err != nil {
		t.Fatal(err)
	}
	add := func(member string) []byte { return []byte(strings.TrimSuffix(string(good), "}") + "," + member + "}") }
	passes(t, v, "another claim", forge(t, k.method, k.Private, goodHeader(k), add(`"department":{"sub":"x","a:b":["{\"sub\":1}"]}`)))
	for why, member := range map[string]string{
		"sub twice": `"sub":"evil"`, "SUB": `"SUB":"evil"`, "Sub": `"Sub":"evil"`, "a long s": `"ſub":"evil"`, "escaped": `"s\u0075b":"evil"`,
		"scope twice": `"scope":"admin"`, "Scope": `"Scope":"admin"`, "Roles": `"Roles":["admin"]`, "twice, not ours": `"x":1,"x":2`,
	} {
		refuse(t, v, why, forge(t, k.method, k.Private, goodHeader(k), add(member)))
	}
	h := fmt.Sprintf(`{"alg":"ES256","typ":"JWT","typ":"at+jwt","kid":%q}`, k.ID)
	refuse(t, v, "typ twice", forge(t, k.method, k.Private, []byte(h), goodClaims()))
}
