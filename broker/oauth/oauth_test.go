package oauth

import (
	"bytes"
	"slices"
	"testing"
)

func TestD03_OnlyTheRegisteredBytesMatch(t *testing.T) {
	registered := []string{"https://app.example/cb"}
	if !MatchRedirect(registered, "https://app.example/cb") {
		t.Fatal("the registered URI itself must match")
	}
	for _, uri := range []string{"", "https://app.example/cb/", "https://app.example/cb?x=1", "https://app.example/cb#f", "https://app.example:443/cb",
		"https://APP.example/cb", "https://app.example./cb", "https://app.example/cb%2f..", "https://app.example/..;/cb", "https://app.example@evil.example/cb",
		"https://a@b@app.example/cb", "https://app.example\\@evil.example/cb", "https:app.example/cb", "///app.example/cb", " https://app.example/cb",
		"https://app.example/cb\t", "https://аpp.example/cb", "http://app.example/cb", "https://app.example/%63b"} {
		if MatchRedirect(registered, uri) {
			t.Errorf("%q must not match", uri)
		}
	}
}

func TestD04_OnlyTheLoopbackPortMayDiffer(t *testing.T) {
	registered := []string{"http://127.0.0.1/cb", "http://[::1]:80/cb"}
	for _, uri := range []string{"http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", "http://[::1]:9/cb"} {
		if !MatchRedirect(registered, uri) {
			t.Errorf("%q must match", uri)
		}
	}
	for _, uri := range []string{"http://localhost/cb", "http://127.0.0.1.evil/cb", "http://127.1/cb", "http://127.0.0.1:9/other", "http://127.0.0.1:9/cb?x=1",
		"http://127.0.0.1:80@evil/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:123456/cb", "https://127.0.0.1:9/cb", "http://127.0.0.1@evil/cb"} {
		if MatchRedirect(registered, uri) {
			t.Errorf("%q must not match", uri)
		}
	}
}

func FuzzMatchRedirect(f *testing.F) {
	f.Add("https://app.example/cb")
	registered := []string{"https://app.example/cb", "myapp.example:/cb"}
	f.Fuzz(func(t *testing.T, uri string) {
		if MatchRedirect(registered, uri) && !slices.Contains(registered, uri) {
			t.Errorf("%q matched but is not registered", uri)
		}
	})
}

func TestS256IsTheExampleOfRFC7636(t *testing.T) {
	got, ok := S256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	if want := "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"; !ok || got != want || !ValidChallenge(got) {
		t.Errorf("got %q, %v; want %q", got, ok, want)
	}
	for _, bad := range []string{"", "short", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX+"} {
		if _, ok := S256(bad); ok {
			t.Errorf("verifier %q must be refused", bad)
		}
	}
	if ValidChallenge(got[:42]) || ValidChallenge(got[:42]+"N") || ValidChallenge(got[:42]+"=") {
		t.Error("only the canonical spelling of 32 bytes is a challenge")
	}
}

func TestT20_ASecretOfOnePurposeHasAnotherHashInAnother(t *testing.T) {
	s := NewSecret()
	if len(s) != 43 || s == NewSecret() {
		t.Fatal("a secret is 256 fresh bits")
	}
	if bytes.Equal(Hash("code", s), Hash("session", s)) {
		t.Error("purposes must not share hashes")
	}
}
