package storage_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestO13_ARoleThatMayOnlyChangeRowsRunsTheHouse(t *testing.T) {
	owner := storagetest.PostgresURL(t)
	c := newClock()
	first := storagetest.OpenURL(t, owner, c.set) // migrations are the owner's
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	url := storagetest.RuntimeRole(t, owner)
	var log bytes.Buffer
	open := func() *book {
		return newBook(t, storagetest.OpenURL(t, url, c.set, func(o *storage.Options) {
			o.Logger, o.Retention = slog.New(slog.NewTextHandler(&log, nil)), storage.Retention{Audit: 24 * time.Hour, Logins: 24 * time.Hour, Counts: 24 * time.Hour, Revisions: 1}
		}), c)
	}
	b := open()
	s, taken := b.login("sub-1", "web", offline)
	next, err := b.refresh(taken.RefreshToken, "web")
	b.must(err)
	fingerprint := b.hold("provider:corp", "secret")
	b.apply(1, `{}`)
	b.owner("sub-2")
	link := hash()
	_, err = b.NewAdminLink(t.Context(), actor, link, c.Now().Add(time.Minute))
	b.must(err)
	_, err = b.TakeAdminLink(t.Context(), actor, link, time.Minute)
	b.must(err)
	b.must(b.KeepLogins(t.Context(), []storage.Login{b.loginOf("REF", "sub-1")}))
	_, generation, err := b.Keys(t.Context())
	b.must(err)
	b.must(b.SaveKeys(t.Context(), actor, generation, []storage.StoredKey{{ID: "k1", Alg: "ES256", PKCS8: []byte("private")}}))
	b.must(b.EndSession(t.Context(), actor, s.SID))
	if _, err := b.TakeNotices(t.Context(), 10, time.Minute); err != nil {
		t.Error(err)
	}
	b.must(b.EraseUser(t.Context(), actor, s.UserID, false))
	_, err = b.Reseal(t.Context(), actor)
	b.must(err)
	if r := b.chain(); r.Broken != nil || r.Rows < 10 || r.Waiting != 0 {
		t.Errorf("the audit: %+v", r)
	}
	c.Advance(72 * time.Hour)
	for range 2 { // the audit stays, and everything else goes all the same
		if _, err := b.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "may not delete them"); n != 1 {
		t.Errorf("told %d times that the audit cannot be swept:\n%s", n, log.String())
	}
	_, err = b.Login(t.Context(), "REF")
	b.wants("a trace past its retention", err, storage.ErrNotFound)
	_, err = b.HeldSecret(t.Context(), "provider:corp", fingerprint)
	b.wants("a secret that nothing uses", err, storage.ErrNotFound)
	_, err = b.refresh(next, "web")
	b.wants("the erased user's refresh token", err, storage.ErrNotFound)
	b.restored()
	if r := b.chain(); r.Broken != nil {
		t.Errorf("the audit: %+v", r.Broken)
	}
	open() // a second node, later

	db := raw(t, url)
	for _, statement := range []string{`DELETE FROM audit`, `UPDATE audit SET action = 'nothing'`, `TRUNCATE audit`, `DROP TABLE audit`, `DELETE FROM audit_links`, `UPDATE audit_links SET at = 0`,
		`ALTER TABLE users ADD COLUMN more TEXT`, `DROP TABLE users`, `CREATE TABLE mine (a TEXT)`, `TRUNCATE users`} {
		if _, err := db.Exec(statement); err == nil {
			t.Errorf("the role may %s", statement)
		} else if !strings.Contains(err.Error(), "42501") && !strings.Contains(err.Error(), "3F000") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	sweeper := storagetest.OpenURL(t, owner, c.set, func(o *storage.Options) { o.Retention.Audit = 24 * time.Hour })
	n, err := sweeper.Sweep(t.Context())
	if err != nil || n < 10 {
		t.Errorf("the owner swept %d rows, %v", n, err)
	}
	if r, err := sweeper.AuditChain(t.Context()); err != nil || r.Broken != nil {
		t.Errorf("after the owner swept: %+v, %v", r, err)
	}
}
