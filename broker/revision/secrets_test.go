package revision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
)

// A secret that comes along belongs to whom it was typed for: somebody else's name for it
// would be a revision that no node can start with.
func TestA03_ASecretTypedForOneIsNotAnothersByItsName(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		const typed = "a-secret-that-is-typed-for-one-app-only"
		first := directory.Client{ID: "first", RedirectURIs: []string{"https://first.example/cb"}, Secrets: []providers.Secret{typed}}
		sealed := "sealed:" + n.DB.Fingerprint(directory.ClientOwner("first"), directory.DigestSecret(typed).Reveal())
		second := directory.Client{ID: "second", RedirectURIs: []string{"https://second.example/cb"}, SecretSources: []string{sealed}}
		change := n.edit(func(d *directory.Document) { d.Clients = append(d.Clients, first, second) })
		change.Shell = true
		_, _, err := n.Apply(t.Context(), change)
		var wrong *revision.Invalid
		if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || !strings.HasSuffix(wrong.Problems[0].Path, "secrets[0]") {
			t.Fatalf("applied, and no node can start with it: %v", err)
		}
		second.SecretSources, second.Secrets = nil, []providers.Secret{typed}
		n.apply(t, n.edit(func(d *directory.Document) { d.Clients = append(d.Clients, first, second) }))
	})
}

// The audit says what a list had and has.
func TestA16_TheAuditOfAListHasBothEntries(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		was := n.Current().Document.Clients[0].RedirectURIs[0]
		const is = "https://elsewhere.example/callback"
		n.apply(t, n.edit(func(d *directory.Document) {
			d.Clients[0].RedirectURIs = append([]string{is}, d.Clients[0].RedirectURIs[1:]...)
		}))
		rows, err := n.DB.Audit(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for key, value := range rows[0].Detail {
			text += key + ": " + value + "\n"
		}
		if !strings.Contains(text, "removed "+was) || !strings.Contains(text, "added "+is) {
			t.Errorf("the audit has\n%s", text)
		}
	})
}
