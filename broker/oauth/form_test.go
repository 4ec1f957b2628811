package oauth

import (
	"slices"
	"strings"
	"testing"
)

func TestD06_ATokenRequestWithAParameterTwiceIsRefused(t *testing.T) {
	for _, name := range []string{"grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope", "something_else"} {
		for _, second := range []string{"a", "b", ""} {
			if _, err := ParseForm("grant_type_=x&"+name+"=a&"+name+"="+second, 40); err == nil || err.Code != InvalidRequest {
				t.Errorf("%s twice: got %v", name, err)
			}
		}
	}
	v, err := ParseForm("resource=a&resource=b", 40)
	if err != nil || !slices.Equal(v["resource"], []string{"a", "b"}) {
		t.Errorf("resource may repeat (RFC 8707 §2): got %v, %v", v, err)
	}
}

func TestI04_AFormIsCountedBeforeItIsSplit(t *testing.T) {
	bomb := strings.Repeat("resource=%61&", 5000) // net/url itself stops at 10,000
	if allocs := testing.AllocsPerRun(1, func() {
		if _, err := ParseForm(bomb, 40); err == nil {
			t.Error("5000 parameters were accepted")
		}
	}); allocs > 3 {
		t.Errorf("refusing a bomb took %v allocations: it was split first", allocs)
	}
	if _, err := ParseForm(strings.Repeat("resource=a&", 41), 40); err == nil {
		t.Error("41 values of one name were accepted")
	}
}

func TestI06_AFormWithBadBytesIsRefused(t *testing.T) {
	for _, raw := range []string{"a=%00", "a=%ff", "a=%ef%bb%bf", "a=%e2%80%ae", "%00=a", "a=%0d%0a", "a=%zz", "a=1;b=2", "=a", "a=\x01", strings.Repeat("n", 65) + "=1", "a=" + strings.Repeat("x", 17<<10)} {
		if v, err := ParseForm(raw, 40); err == nil || err.Code != InvalidRequest {
			t.Errorf("%q: got %v, %v", raw, v, err)
		}
	}
}

func FuzzParseForm(f *testing.F) {
	f.Add("grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier=y")
	f.Add("grant_type=refresh_token&refresh_token=x&scope=a+b&resource=a&resource=b")
	f.Add("a=1&a=2")
	f.Add("%=&;&&&\x00=\xff")
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := ParseForm(raw, 40)
		if err != nil {
			return
		}
		n := 0
		for name, values := range v {
			n += len(values)
			if name == "" || !clean(name) || name != "resource" && len(values) != 1 {
				t.Errorf("accepted %q with %q=%q", raw, name, values)
			}
			for _, value := range values {
				if name == "claims" {
					value = layout.Replace(value)
				}
				if !clean(value) || len(value) > maxField {
					t.Errorf("accepted %q with a bad value of %q", raw, name)
				}
			}
			if name == "scope" {
				if scopes, err := ParseScope(v.Get("scope")); err == nil && len(scopes) > maxScopes {
					t.Errorf("accepted %d scopes", len(scopes))
				}
			}
		}
		if n > 40 {
			t.Errorf("accepted %d parameters", n)
		}
	})
}
