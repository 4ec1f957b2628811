package storagetest

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"testing"
)

// RuntimeRole gives a URL to the same PostgreSQL schema for a role that owns nothing,
// with the rights that docs/operating.md gives to it. The schema's tables exist by now.
func RuntimeRole(t testing.TB, owner string) string {
	t.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	var b [8]byte
	rand.Read(b[:])
	role, schema := "r_"+hex.EncodeToString(b[:]), u.Query().Get("search_path")
	administer(t, owner, `CREATE ROLE `+role+` LOGIN PASSWORD '`+role+`'`)
	t.Cleanup(func() {
		administer(t, owner, `DROP OWNED BY `+role)
		administer(t, owner, `DROP ROLE `+role)
	})
	for _, statement := range []string{
		`GRANT USAGE ON SCHEMA ` + schema + ` TO ` + role,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + schema + ` TO ` + role,
		`REVOKE UPDATE, DELETE ON audit, audit_links FROM ` + role,
	} {
		administer(t, owner, statement)
	}
	u.User = url.UserPassword(role, role)
	return u.String()
}
