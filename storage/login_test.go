package storage_test

import (
	"time"

	"github.com/handstamp/handstamp/storage"
)

// loginOf is a trace of a login of somebody whom the book does not know.
func (b *book) loginOf(reference, subject string) storage.Login {
	return storage.Login{Reference: reference, At: b.clock.Now(), Took: 120 * time.Millisecond, ClientID: "web", Provider: "google", ProviderID: b.provider, Subject: subject,
		Person: "Alice", Outcome: storage.LoginRefused, Code: "access_denied", Cause: "not in the group", Rule: "staff", Revision: 3, Snapshot: "v1", IP: "192.0.2.1", Device: "Firefox on Linux",
		Asked: []string{"openid"}, Scopes: []string{"openid"}, Roles: []string{"reader"}, Claims: map[string]any{"sub": subject, "groups": []any{"eng"}},
		Steps: []byte(`[{"step":"authorize"}]`), Trace: []byte(`[{"rule":"staff"}]`)}
}
