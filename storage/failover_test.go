package storage_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// replica is a copy of every table as it was at one moment: what a standby has that did
// not see what was committed after it.
type replica struct {
	t      *testing.T
	db     *sql.DB
	tables []string // those that others refer to first
}

func replicaOf(t *testing.T, url string) *replica {
	t.Helper()
	r := &replica{t: t, db: raw(t, url)}
	rows, err := r.db.Query(`SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> 'goose_db_version' ORDER BY oid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		r.tables = append(r.tables, name)
	}
	if err := rows.Err(); err != nil || len(r.tables) < 20 {
		t.Fatalf("tables %v: %v", r.tables, err)
	}
	for _, name := range r.tables {
		r.exec(`CREATE TABLE replica_` + name + ` AS SELECT * FROM ` + name)
	}
	return r
}

func (r *replica) exec(statement string) {
	r.t.Helper()
	if _, err := r.db.Exec(statement); err != nil {
		r.t.Fatalf("%s: %v", statement, err)
	}
}

// promote puts the copy in the place of what was.
func (r *replica) promote() {
	r.t.Helper()
	for _, name := range r.tables {
		r.exec(`TRUNCATE ` + name + ` CASCADE`)
	}
	for _, name := range r.tables {
		r.exec(`INSERT INTO ` + name + ` SELECT * FROM replica_` + name)
	}
}

// held is what one person's app has, and what became of it after the standby fell behind.
type held struct {
	session  *storage.Session
	fresh    storage.TakeCode // a code, taken by now
	code     storage.TakeCode // the code that gave what follows
	refresh  string           // rotated by now
	rotated  string           // its successor, which the standby never saw
	signedIn *storage.Session // since then
}

// A standby that had not seen the last commits is promoted while two nodes go on. What was
// used up is not used up any more, until handstamp restored has run.
func TestC13_NothingThatWasUsedUpComesBackWithAPromotedReplica(t *testing.T) {
	url, c := storagetest.PostgresURL(t), newClock()
	a, b := newBook(t, storagetest.OpenURL(t, url, c.set), c), newBook(t, storagetest.OpenURL(t, url, c.set), c)
	people := make([]held, 30)
	for i := range people {
		s, g := a.signIn(fmt.Sprint("sub-", i), "web")
		people[i].session, people[i].code = s, take(g, offline)
		taken, err := a.TakeCode(t.Context(), actor, people[i].code)
		a.must(err)
		_, g = a.signIn(fmt.Sprint("sub-", i), "web")
		people[i].fresh, people[i].refresh = take(g, offline), taken.RefreshToken
	}
	_, before, err := a.Keys(t.Context())
	a.must(err)
	standby := replicaOf(t, url)

	// The burst that the standby does not see.
	for _, err := range race(len(people), func(i int) (err error) {
		p, node := &people[i], []*book{a, b}[i%2]
		if p.rotated, err = node.refresh(p.refresh, "web"); err != nil {
			return err
		}
		if _, err = node.TakeCode(t.Context(), actor, p.fresh); err != nil {
			return err
		}
		p.signedIn, err = node.SignIn(t.Context(), actor, node.signInOf(fmt.Sprint("sub-", i), nil))
		if err != nil {
			return err
		}
		return node.EndSession(t.Context(), actor, p.session.SID)
	}) {
		a.must(err)
	}
	a.must(a.SaveKeys(t.Context(), actor, before, []storage.StoredKey{{ID: "lost", Alg: "ES256", State: "active", PKCS8: []byte("lost")}}))

	// Without the verb the attack works: else this would prove nothing.
	standby.promote()
	accepted := func() (n int) {
		for _, err := range race(len(people)*6, func(i int) (err error) {
			p, node := people[i%len(people)], []*book{a, b}[i%2]
			switch i / len(people) {
			case 0:
				_, err = node.TakeCode(t.Context(), actor, p.fresh)
			case 1:
				_, err = node.refresh(p.refresh, "web")
			case 2:
				_, err = node.Session(t.Context(), p.session.IDHash, idle)
			case 3:
				_, err = node.TakeCode(t.Context(), actor, p.code)
			case 4:
				_, err = node.refresh(p.rotated, "web")
			case 5:
				_, err = node.Session(t.Context(), p.signedIn.IDHash, idle)
			}
			return err
		}) {
			if err == nil {
				n++
			}
		}
		return n
	}
	if n := accepted(); n < 2*len(people) {
		t.Fatalf("only %d of what was used up came back: this test proves nothing", n)
	}
	standby.promote()
	a.restored()
	c.Advance(grace / 2) // a retry of a rotation would still be answered
	if n := accepted(); n != 0 {
		t.Errorf("%d of what was used up was accepted", n)
	}

	// The nodes cannot take the new keys for those that were lost.
	keys, generation, err := b.Keys(t.Context())
	b.must(err)
	if len(keys) != 1 || keys[0].ID != "new" || generation <= before+1 {
		t.Errorf("generation %d after %d: %v", generation, before, keys)
	}
	_, again := b.login("sub-1", "web", offline)
	_, err = a.refresh(again.RefreshToken, "web")
	a.must(err)
}
