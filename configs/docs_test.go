package configs

import (
	"strings"
	"testing"
)

func TestTheDocumentationPageNeedsAClientThatCanSignIn(t *testing.T) {
	const client = `clients:
  - {id: docs, public: true, redirect_uris: ["http://127.0.0.1:8080/docs/oauth2-redirect"]}
  - {id: elsewhere, public: true, redirect_uris: ["http://127.0.0.1:8080/callback"]}
  - {id: away, public: true, disabled: true, redirect_uris: ["http://127.0.0.1:8080/docs/oauth2-redirect"]}
  - {id: secretive, secrets: ["an-example-of-a-32-byte-long-key"], redirect_uris: ["http://127.0.0.1:8080/docs/oauth2-redirect"]}
`
	for _, row := range []struct{ docs, problem, why string }{
		{"enabled: true", "", "the page asks who it should sign in as"},
		{"enabled: true, client_id: docs", "", "all is there"},
		{"client_id: docs", "while the page is off", "one without the other"},
		{"enabled: true, client_id: doc", "no client", "a slip"},
		{"enabled: true, client_id: elsewhere", "could not come back", "another redirect URI"},
		{"enabled: true, client_id: away", "is disabled", "switched off"},
		{"enabled: true, client_id: secretive", "has a secret", "a page keeps none"},
	} {
		_, err := Parse("handstamp.yaml", []byte(minimal("docs: {"+row.docs+"}\n"+client, "an-example-of-a-32-byte-long-key")), environ)
		if row.problem == "" {
			if err != nil {
				t.Errorf("%s (%s): %v", row.docs, row.why, err)
			}
			continue
		}
		found := problemsOf(t, err)
		if len(found) != 1 || !strings.HasPrefix(found[0].Key, "docs") || !strings.Contains(found[0].Message, row.problem) || found[0].Hint == "" || found[0].Line == 0 {
			t.Errorf("%s (%s): %v", row.docs, row.why, found)
		}
	}
}
