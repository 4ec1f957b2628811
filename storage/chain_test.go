package storage_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// chain links what there is and verifies it all.
func (b *book) chain() *storage.ChainReport {
	b.Helper()
	_, err := b.ChainAudit(context.Background())
	b.must(err)
	return b.verify()
}

func (b *book) verify() *storage.ChainReport {
	b.Helper()
	r, err := b.AuditChain(context.Background())
	b.must(err)
	return r
}

// notes writes audit rows.
func (b *book) notes(n int) {
	b.Helper()
	for i := range n {
		b.must(b.Note(b.Context(), actor, "test", fmt.Sprint("thing:", i), map[string]string{"before": "off", "after": "on"}))
	}
}

func TestA16_TheAuditTellsWhichRowIsNotAsItWasWritten(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		b.notes(3)
		if r := b.verify(); r.Broken != nil || r.Waiting != 4 || r.Rows != 0 { // a provider was bound
			t.Fatalf("before the first link: %+v", r)
		}
		b.chain()
		b.clock.Advance(time.Second)
		b.notes(600) // three links
		r := b.chain()
		if r.Broken != nil || r.Rows != 604 || r.Waiting != 0 || r.Links != 4 || r.Older != 0 || r.Head == "" || r.Since.IsZero() {
			t.Fatalf("untouched: %+v", r)
		}
		db := raw(t, url)
		rows, err := b.Audit(t.Context(), 10_000)
		b.must(err)
		first, second, middle, last := rows[603].ID, rows[602].ID, rows[300].ID, rows[0].ID
		must := func(query string, args ...any) {
			t.Helper()
			if _, err := db.Exec(query, args...); err != nil {
				t.Fatal(err)
			}
		}
		row := func(id string) (values []any) {
			t.Helper()
			values = make([]any, 10)
			dest := make([]any, 10)
			for i := range values {
				dest[i] = &values[i]
			}
			b.must(db.QueryRow(`SELECT id, at, actor_kind, actor_id, ip, request_id, action, target, detail, mac FROM audit WHERE id = $1`, id).Scan(dest...))
			return values
		}
		put := `INSERT INTO audit (id, at, actor_kind, actor_id, ip, request_id, action, target, detail, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
		for _, column := range []string{"actor_kind", "actor_id", "ip", "request_id", "action", "target", "detail", "mac"} {
			for _, id := range []string{first, middle, last} {
				var was string
				b.must(db.QueryRow(`SELECT `+column+` FROM audit WHERE id = $1`, id).Scan(&was))
				must(`UPDATE audit SET `+column+` = $1 WHERE id = $2`, `{"forged":"yes"}`, id)
				if r := b.verify(); r.Broken == nil || r.Broken.ID != id {
					t.Errorf("%s of %s changed: %+v", column, id, r.Broken)
				}
				must(`UPDATE audit SET `+column+` = $1 WHERE id = $2`, was, id)
			}
		}
		must(`UPDATE audit SET at = at + 1 WHERE id = $1`, middle)
		if r := b.verify(); r.Broken == nil || r.Broken.ID != middle {
			t.Errorf("its time changed: %+v", r.Broken)
		}
		must(`UPDATE audit SET at = at - 1 WHERE id = $1`, middle)
		for why, id := range map[string]string{"the first": first, "one of the middle": middle, "the last": last} {
			was := row(id)
			must(`DELETE FROM audit WHERE id = $1`, id)
			if r := b.verify(); r.Broken == nil || r.Broken.ID != id || !strings.Contains(r.Broken.Why, "taken away") {
				t.Errorf("%s was taken away: %+v", why, r.Broken)
			}
			must(put, was...)
		}
		b.clock.Advance(time.Hour) // a row without a link is not new any more
		forged := row(middle)
		for why, id := range map[string]string{"between two": middle[:15] + string(middle[15]^1) + middle[16:], "before all": "0000000000000001" + middle[16:],
			"after all": last[:14] + "ff" + last[16:], "of a process that never was": middle[:16] + "0123456789abcdef"} {
			if strings.Contains(why, "between") { // its neighbour's time, which is taken: in half a step there is room
				id = middle[:16] + middle[16:31] + "0"
				if id == middle {
					id = middle[:31] + "1"
				}
			}
			forged[0] = id
			must(put, forged...)
			if r := b.verify(); r.Broken == nil || r.Broken.ID != id {
				t.Errorf("a row added %s (%s): %+v", why, id, r.Broken)
			}
			must(`DELETE FROM audit WHERE id = $1`, id)
		}
		swapped := row(first)
		must(`UPDATE audit SET target = $1, detail = $2, mac = $3 WHERE id = $4`, row(middle)[7], row(middle)[8], row(middle)[9], first)
		if r := b.verify(); r.Broken == nil || r.Broken.ID != first {
			t.Errorf("a row that says what another says: %+v", r.Broken)
		}
		must(`UPDATE audit SET target = $1, detail = $2, mac = $3 WHERE id = $4`, swapped[7], swapped[8], swapped[9], first)
		if r := b.verify(); r.Broken != nil || r.Rows != 604 {
			t.Fatalf("restored: %+v", r)
		}
		tamperWithLinks(t, b, must, second)
	})
}

func tamperWithLinks(t *testing.T, b *book, must func(string, ...any), second string) {
	t.Helper()
	for why, statement := range map[string]string{
		"a link's time":     `UPDATE audit_links SET at = at + 1 WHERE seq = 2`,
		"a link's rows":     `UPDATE audit_links SET ids = substr(ids, 12) WHERE seq = 2`,
		"a link's MAC":      `UPDATE audit_links SET mac = (SELECT mac FROM audit_links WHERE seq = 3) WHERE seq = 2`,
		"a link's node":     `UPDATE audit_links SET node = '0123456789abcdef' WHERE seq = 2`,
		"a link in between": `DELETE FROM audit_links WHERE seq = 2`,
		"the newest links":  `DELETE FROM audit_links WHERE seq > 2`,
		"the beginning":     `UPDATE audit_anchor SET seq = 1, mac = (SELECT mac FROM audit_links WHERE seq = 1)`,
		"no beginning":      `DELETE FROM audit_anchor`,
	} {
		must(`CREATE TABLE kept_links AS SELECT * FROM audit_links`)
		must(`CREATE TABLE kept_anchor AS SELECT * FROM audit_anchor`)
		must(statement)
		if r := b.verify(); r.Broken == nil {
			t.Errorf("%s: %+v", why, r)
		}
		must(`DELETE FROM audit_links`)
		must(`INSERT INTO audit_links SELECT * FROM kept_links`)
		must(`DELETE FROM audit_anchor`)
		must(`INSERT INTO audit_anchor SELECT * FROM kept_anchor`)
		must(`DROP TABLE kept_links`)
		must(`DROP TABLE kept_anchor`)
	}
	head := b.verify().Head
	must(`DELETE FROM audit WHERE id > $1`, second) // the end of the story, with its links
	must(`DELETE FROM audit_links WHERE seq > 1`)
	r := b.verify()
	if r.Broken == nil {
		t.Errorf("rows and links cut off: %+v", r)
	}
	if r.Head == head {
		t.Error("the head is the same after a cut")
	}
}

func TestA16_NoRowIsCommittedBehindALinksBack(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		done := make(chan struct{})
		var chaining sync.WaitGroup
		for _, node := range []*book{a, b} {
			chaining.Go(func() { // the roof, in a hurry
				for {
					select {
					case <-done:
						return
					default:
					}
					if _, err := node.ChainAudit(context.Background()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		errs := race(64, func(i int) error {
			node := []*book{a, b}[i%2]
			for j := range 12 {
				ctx, cancel := context.WithCancel(context.Background())
				if (i+j)%5 == 0 { // somebody gives up in the middle
					go cancel()
				}
				_ = node.Note(ctx, actor, "test", fmt.Sprintf("thing:%d-%d", i, j), nil)
				cancel()
			}
			return nil
		})
		close(done)
		chaining.Wait()
		for _, err := range errs {
			a.must(err)
		}
		a.clock.Advance(time.Hour) // whatever was unknown is settled
		a.chain()
		r := b.chain()
		var rows int64
		a.must(a.Reader().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit`).Scan(&rows))
		if r.Broken != nil || r.Rows != rows || r.Waiting != 0 {
			t.Errorf("%+v of %d rows, broken: %+v", r, rows, r.Broken)
		}
		t.Logf("%d rows in %d links", r.Rows, r.Links)
	})
}

func TestA16_WhatAProcessLeftBehindIsLinkedByAnother(t *testing.T) {
	storagetest.EachURL(t, func(t *testing.T, url string) {
		c := newClock()
		first := newBook(t, storagetest.OpenURL(t, url, c.set), c)
		first.notes(5)
		first.must(first.Close()) // before its first link
		second := newBook(t, storagetest.OpenURL(t, url, c.set), c)
		second.notes(2)
		r := second.chain()
		if alone := strings.HasPrefix(url, "sqlite"); alone && r.Rows != 8 || !alone && r.Rows != 2 || r.Broken != nil {
			t.Errorf("at once: %+v", r)
		}
		c.Advance(20 * time.Minute)
		if r := second.chain(); r.Rows != 8 || r.Waiting != 0 || r.Broken != nil {
			t.Errorf("after a while: %+v, %+v", r, r.Broken)
		}
		second.must(second.Close())
		c.Advance(-30 * time.Minute) // the clock steps back between two starts
		third := newBook(t, storagetest.OpenURL(t, url, c.set), c)
		third.notes(2)
		third.chain()
		c.Advance(time.Hour)
		if r := third.chain(); r.Rows != 10 || r.Waiting != 0 || r.Broken != nil {
			t.Errorf("with a clock that stepped back: %+v, %+v", r, r.Broken)
		}
	})
}

func TestA16_RowsPastTheirRetentionGoAndTheRestStaysVerifiable(t *testing.T) {
	c := newClock()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		b := newBook(t, db, c)
		for range 3 {
			b.notes(300)
			b.chain()
			c.Advance(24 * time.Hour)
		}
		b.notes(1)
		b.chain()
		if n, err := b.Sweep(t.Context()); err != nil || n != 0 {
			t.Errorf("%d rows went too early, %v", n, err)
		}
		c.Advance(24*time.Hour + time.Minute) // the first 301 are four days old now
		n, err := b.Sweep(t.Context())
		b.must(err)
		r := b.verify()
		if n != 301 || r.Broken != nil || r.Rows != 601 || r.Older != 0 {
			t.Errorf("%d went, then %+v, %+v", n, r, r.Broken)
		}
		b.notes(1)
		if r := b.chain(); r.Broken != nil || r.Rows != 602 {
			t.Errorf("the chain goes on: %+v, %+v", r, r.Broken)
		}
		c.Advance(10 * 24 * time.Hour)
		_, err = b.Sweep(t.Context())
		b.must(err)
		b.notes(1)
		if r := b.chain(); r.Broken != nil || r.Rows != 1 {
			t.Errorf("when all had gone: %+v, %+v", r, r.Broken)
		}
	}, c.set, func(o *storage.Options) { o.Retention.Audit = 4 * 24 * time.Hour })
}

func TestA16_AVerificationAndTheJanitorDoNotDisturbEachOther(t *testing.T) {
	c := newClock()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		b := newBook(t, db, c)
		for range 20 {
			b.notes(10)
			b.chain()
			c.Advance(time.Hour)
		}
		var verifying sync.WaitGroup
		done := make(chan struct{})
		verifying.Go(func() {
			for {
				if r, err := b.AuditChain(context.Background()); err != nil || r.Broken != nil {
					t.Errorf("%+v, %v", r, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		for range 20 {
			c.Advance(time.Hour)
			_, err := b.Sweep(t.Context())
			b.must(err)
		}
		close(done)
		verifying.Wait()
	}, c.set, func(o *storage.Options) { o.Retention.Audit = 20 * time.Hour })
}

func TestA16_WhatStrangersWriteIntoTheAuditStaysOnOneLineAndShort(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		nasty := "one\r\nAug 1 00:00:00 audit: forged\x00\u2028\x1b[2J\xff"
		long := strings.Repeat("x", 1<<20)
		detail := map[string]string{"name": nasty, "long": long, nasty: "key"}
		for i := range 200 {
			detail[fmt.Sprint("z", i)] = "v"
		}
		b.must(b.Note(t.Context(), storage.Actor{Kind: nasty, ID: nasty, IP: nasty, RequestID: long}, "test", nasty+long, detail))
		rows, err := b.Audit(t.Context(), 1)
		b.must(err)
		r := rows[0]
		for what, s := range map[string]string{"kind": r.Actor.Kind, "id": r.Actor.ID, "ip": r.Actor.IP, "request": r.Actor.RequestID, "target": r.Target} {
			if strings.ContainsAny(s, "\r\n\x00\x1b\u2028") || len(s) > 512 || s == "" {
				t.Errorf("%s is kept as %.80q", what, s)
			}
		}
		var text string
		b.must(b.Reader().QueryRowContext(t.Context(), `SELECT detail FROM audit WHERE id = $1`, r.ID).Scan(&text))
		if len(text) > 20<<10 || strings.ContainsAny(text, "\r\n\x00\x1b\u2028") {
			t.Errorf("%d bytes of detail: %.200q", len(text), text)
		}
		if !strings.HasPrefix(r.Detail["name"], "one\r\nAug") || r.Detail["…"] == "" || len(r.Detail["long"]) > 1010 {
			t.Errorf("detail: %.200v", r.Detail)
		}
		if r := b.chain(); r.Broken != nil {
			t.Errorf("it does not verify: %+v", r.Broken)
		}
	})
}

func TestAuditPageGoesThroughEverythingOnce(t *testing.T) {
	defer storage.SetWindow(7)()
	eachBook(t, func(t *testing.T, b *book) {
		for i := range 40 {
			b.clock.Advance(time.Minute)
			who := storage.Actor{Kind: "person", ID: fmt.Sprint("u", i%4), IP: "192.0.2.1"}
			b.must(b.Note(t.Context(), who, []string{"even", "odd"}[i%2], fmt.Sprint([]string{"user:", "client:"}[i/20], i), nil))
		}
		begun := b.clock.Now().Add(-40 * time.Minute)
		for _, c := range []struct {
			why  string
			f    storage.AuditFilter
			want int
		}{
			{"all", storage.AuditFilter{}, 41},
			{"by an actor", storage.AuditFilter{Actor: "u1"}, 10},
			{"an action", storage.AuditFilter{Action: "odd"}, 20},
			{"one target", storage.AuditFilter{Target: "user:7"}, 1},
			{"a kind of target", storage.AuditFilter{Target: "client:"}, 20},
			{"since", storage.AuditFilter{Since: begun.Add(31 * time.Minute)}, 10},
			{"until", storage.AuditFilter{Until: begun.Add(11 * time.Minute)}, 11},
			{"between", storage.AuditFilter{Since: begun.Add(11 * time.Minute), Until: begun.Add(21 * time.Minute), Action: "even"}, 5},
			{"nothing", storage.AuditFilter{Action: "none"}, 0},
			{"a quote", storage.AuditFilter{Action: "' OR 1=1 --", Target: "';DROP TABLE audit;--"}, 0},
		} {
			seen := map[string]bool{}
			c.f.Limit = 3
			for pages := 0; ; pages++ {
				page, next, err := b.AuditPage(t.Context(), c.f)
				b.must(err)
				for _, r := range page {
					if seen[r.ID] {
						t.Errorf("%s: a row twice", c.why)
					}
					seen[r.ID] = true
				}
				if c.f.Before = next; next == "" {
					break
				}
				if pages > 50 {
					t.Fatalf("%s: no end", c.why)
				}
			}
			if len(seen) != c.want {
				t.Errorf("%s: %d rows, want %d", c.why, len(seen), c.want)
			}
		}
		b.clock.Advance(72 * time.Hour)
		b.notes(30)
		page, _, err := b.AuditPage(t.Context(), storage.AuditFilter{Until: begun.Add(41 * time.Minute), Limit: 3})
		b.must(err)
		if len(page) != 3 {
			t.Errorf("what is long ago begins with an empty page: %v", page)
		}
		if _, _, err := b.AuditPage(t.Context(), storage.AuditFilter{Before: "' OR 1=1"}); err == nil {
			t.Error("a forged cursor was taken")
		}
	})
}
