package tokens

import (
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The files in testdata are what apps and APIs read; a change there is a change
// for all of them. `go test ./tokens -run WireForm -update` writes them anew.
var update = flag.Bool("update", false, "write testdata anew")

func TestTheWireFormIsAsAgreed(t *testing.T) {
	m := testMint(t, ES256, RS256)
	g := alice()
	g.Audience = append(g.Audience, testIssuer)
	g.Claims = map[string]any{"department": "press", "groups": []string{"Everyone", "Engineering"}}
	machine := Granted{Subject: MachineSubject("nightly"), ClientID: "nightly", Audience: []string{testAudience}, Scopes: []string{"items:read"}}
	forms := map[string]string{
		"machine.txt": access(t, m, machine),
		"access.txt":  access(t, m, g),
		"id.txt":      mintID(t, m, g, IDToken{Nonce: "n-0S6_WzA2Mj", AccessToken: "an.access.token", Claims: map[string]any{"email": "alice@acme.example", "email_verified": true}}),
	}
	random := regexp.MustCompile(`"kid":"[^"]*"|"jti":"(grant1\.)?[^"]*"`)
	for file, raw := range forms {
		var got strings.Builder
		for _, p := range strings.Split(raw, ".")[:2] {
			b, err := base64.RawURLEncoding.DecodeString(p)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(random.ReplaceAllFunc(b, func(m []byte) []byte { return append(m[:6:6], `"…"`...) }))
			got.WriteByte('\n')
		}
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s\n got %s\nwant %s", file, &got, want)
		}
	}
}
