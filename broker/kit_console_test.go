package broker_test

import (
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// console is a login at the console as its own pages begin one.
func (k *kit) console(extra ...string) *login {
	l := &login{k: k, client: directory.AdminClient, redirect: consoleURL + "/session", state: oauth.NewSecret(), nonce: oauth.NewSecret(), verifier: oauth.NewSecret(),
		extra: url.Values{"scope": {"openid profile email " + strings.Join(directory.AdminScopes(storage.RoleOwner), " ")}}}
	for i := 0; i+1 < len(extra); i += 2 {
		l.extra.Set(extra[i], extra[i+1])
	}
	return l
}

// makeAdmin gives a person's identity a role; they must have signed in before.
func (k *kit) makeAdmin(email, role string) {
	k.t.Helper()
	id := k.identity(email)
	if err := k.db.SetAdmin(k.t.Context(), storage.Actor{Kind: "system", ID: "test"}, id.ProviderID, id.Subject, role, true); err != nil {
		k.t.Fatal(err)
	}
}

// identity finds the one identity of a person.
func (k *kit) identity(email string) *storage.Identity {
	k.t.Helper()
	users, err := k.db.Users(k.t.Context(), 100)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, u := range users {
		if u.Email != email {
			continue
		}
		ids, err := k.db.Identities(k.t.Context(), u.ID)
		if err != nil || len(ids) != 1 {
			k.t.Fatal(ids, err)
		}
		return &ids[0]
	}
	k.t.Fatalf("nobody has %s", email)
	return nil
}

// traceOf reads the trace with a reference, once all that waits is kept.
func (k *kit) traceOf(reference string) *storage.Login {
	k.t.Helper()
	l, err := k.findTrace(reference)
	if err != nil {
		k.t.Fatalf("login %s: %v", reference, err)
	}
	return l
}

func (k *kit) findTrace(reference string) (*storage.Login, error) {
	k.t.Helper()
	k.settled()
	if err := k.journal.Flush(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return k.db.Login(k.t.Context(), reference)
}

// traces lists what is kept, the newest first.
func (k *kit) traces() []storage.Login {
	k.t.Helper()
	k.settled()
	if err := k.journal.Flush(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	page, _, err := k.db.Logins(k.t.Context(), storage.LoginFilter{Limit: 200})
	if err != nil {
		k.t.Fatal(err)
	}
	return page
}
