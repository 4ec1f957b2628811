package storage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

func TestL08_L10_AnIdentityThatIsGivenHasOneHolderWhateverRuns(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		from, _ := a.login("new", "web", offline)
		targets := make([]*storage.Session, 8)
		for i := range targets {
			targets[i], _ = a.signIn(fmt.Sprint("sub-", i), "web")
		}
		give := func(node *book, to *storage.Session, holder, subject string) error {
			return node.GiveIdentity(t.Context(), actor, storage.NewHolder{UserID: to.UserID, ProviderID: node.provider, Issuer: issuer, Subject: subject, From: holder})
		}
		for subject, holder := range map[string]string{"new": from.UserID, "never seen": ""} {
			won := 0
			for i, err := range race(len(targets), func(i int) error { return give([]*book{a, b}[i%2], targets[i], holder, subject) }) {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, storage.ErrTaken):
					t.Errorf("%s, %d: %v", subject, i, err)
				}
			}
			if won != 1 {
				t.Errorf("%s was given %d times", subject, won)
			}
		}
		if n := a.audited(storage.AuditIdentityLinked); n != 2 {
			t.Errorf("%d rows of the audit", n)
		}
		if _, i, err := a.FindIdentity(t.Context(), a.provider, "never seen"); err != nil || !i.ClaimsAt.IsZero() || len(i.Claims) != 0 {
			t.Errorf("what no provider has said: %+v %v", i, err)
		}
		_, err := a.Session(t.Context(), from.IDHash, idle)
		a.wants("a session that rested on it", err, storage.ErrNotFound)
		a.wants("to nobody", give(a, &storage.Session{UserID: "nobody"}, "", "other"), storage.ErrNotFound)
		a.wants("from nobody", give(a, from, "nobody", "new"), storage.ErrNotFound)
	})
}
