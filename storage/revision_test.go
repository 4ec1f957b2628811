package storage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// apply makes a document the active one.
func (b *book) apply(base int64, document string, set ...func(*storage.NewRevision)) int64 {
	b.Helper()
	n := storage.NewRevision{Base: base, Document: []byte(document), Reason: "a test", Source: "shell", Changes: 1}
	for _, f := range set {
		f(&n)
	}
	number, _, err := b.Apply(b.Context(), actor, n)
	b.must(err)
	return number
}

// hold applies a document that refers to a secret, and returns its fingerprint.
func (b *book) hold(owner, secret string) string {
	b.Helper()
	var base int64
	if r, err := b.ActiveRevision(b.Context()); err == nil {
		base = r.Number
	}
	fingerprint := b.Fingerprint(owner, secret)
	b.apply(base, `{"client_secret":"sealed:`+fingerprint+`"}`, func(n *storage.NewRevision) { n.Secrets = map[string]string{fingerprint: secret} })
	return fingerprint
}

func TestARevisionBecomesTheActiveOne(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		_, err := a.ActiveRevision(t.Context())
		a.wants("an empty book", err, storage.ErrNotFound)
		number, ids, err := a.Apply(t.Context(), storage.Actor{Kind: "person", ID: "u1", IP: "192.0.2.7", RequestID: "REF"}, storage.NewRevision{Document: []byte(`{"one":1}`),
			Reason: "first", Source: "file:abc", Issuers: map[string]string{"google": issuer, "corp": "https://sso.corp.example"}, Changes: 3, Detail: map[string]string{"clients": "web"}})
		a.must(err)
		if number != 1 || ids["google"] != a.provider || ids["corp"] == "" || len(ids) != 2 {
			t.Errorf("revision %d, ids %v", number, ids)
		}
		again, err := b.BindProvider(t.Context(), actor, "corp", "https://sso.corp.example")
		b.must(err)
		if again != ids["corp"] {
			t.Errorf("corp is bound to %s, and Apply said %s", again, ids["corp"])
		}
		r, err := b.ActiveRevision(t.Context())
		b.must(err)
		if r.Number != 1 || string(r.Document) != `{"one":1}` || r.Author.ID != "u1" || r.Author.IP != "192.0.2.7" || r.Author.RequestID != "REF" || r.Reason != "first" || r.Source != "file:abc" ||
			r.Changes != 3 || r.Hash == "" || !r.At.Equal(a.clock.Now()) {
			t.Errorf("the active revision: %+v", r)
		}
		b.apply(1, `{"two":2}`)
		a.apply(2, `{"three":3}`, func(n *storage.NewRevision) { n.Source = "rollback:1" })
		first, err := a.Revision(t.Context(), 1)
		a.must(err)
		if string(first.Document) != `{"one":1}` {
			t.Errorf("revision 1 is %s now", first.Document)
		}
		_, err = a.Revision(t.Context(), 4)
		a.wants("a revision that there is not", err, storage.ErrNotFound)
		list, err := a.Revisions(t.Context(), 0, 2)
		a.must(err)
		rest, err := a.Revisions(t.Context(), 2, 10)
		a.must(err)
		if len(list) != 2 || list[0].Number != 3 || list[1].Number != 2 || len(rest) != 1 || rest[0].Number != 1 || list[0].Document != nil {
			t.Errorf("listed %+v and then %+v", list, rest)
		}
		hash, err := b.LastFileHash(t.Context())
		b.must(err)
		generations, err := b.Generations(t.Context())
		b.must(err)
		if hash != "abc" || generations["directory"] != 3 {
			t.Errorf("last file %q, generations %v", hash, generations)
		}
		rows, _, err := b.AuditPage(t.Context(), storage.AuditFilter{Action: storage.AuditRevision, Target: "revision:1", Limit: 10})
		b.must(err)
		if len(rows) != 1 || rows[0].Detail["reason"] != "first" || rows[0].Detail["clients"] != "web" || rows[0].Detail["hash"] != r.Hash {
			t.Errorf("audited: %+v", rows)
		}
	})
}

func TestA14_OfFiftyRevisionsFromOneBaseOneWins(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		a.apply(0, `{}`)
		errs := race(50, func(i int) error {
			_, _, err := []*book{a, b}[i%2].Apply(t.Context(), actor, storage.NewRevision{Base: 1, Document: fmt.Appendf(nil, `{"i":%d}`, i), Source: "api",
				Issuers: map[string]string{fmt.Sprint("corp-", i): "https://sso.corp.example"}})
			return err
		})
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won >= 0:
				t.Fatal("two revisions from one base")
			case err == nil:
				won = i
			case !errors.Is(err, storage.ErrConflict):
				t.Errorf("racer %d: %v", i, err)
			}
		}
		r, err := b.ActiveRevision(t.Context())
		b.must(err)
		if r.Number != 2 || won < 0 || string(r.Document) != fmt.Sprintf(`{"i":%d}`, won) || b.audited(storage.AuditRevision) != 2 || b.audited(storage.AuditProviderBound) != 2 {
			t.Errorf("after the race: %+v; losers left something behind", r)
		}
	})
}

func TestARevisionThatMovesASlugToAnotherIssuerChangesNothing(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		b.signIn("sub-1", "web")
		fingerprint := b.Fingerprint("provider:new", "secret")
		_, _, err := b.Apply(t.Context(), actor, storage.NewRevision{Document: []byte(`{"s":"sealed:` + fingerprint + `"}`), Secrets: map[string]string{fingerprint: "secret"},
			Issuers: map[string]string{"aaa": "https://new.example", "google": "https://evil.example"}})
		b.wants("another issuer", err, storage.ErrIssuerChanged)
		_, err = b.ActiveRevision(t.Context())
		b.wants("no revision", err, storage.ErrNotFound)
		_, err = b.HeldSecret(t.Context(), "provider:new", fingerprint)
		b.wants("no secret", err, storage.ErrNotFound)
		if b.audited(storage.AuditProviderBound) != 1 {
			t.Error("a slug was bound all the same")
		}
		for why, n := range map[string]storage.NewRevision{"no document": {}, "a base that there never was": {Base: 7, Document: []byte(`{}`)}} {
			if _, _, err := b.Apply(t.Context(), actor, n); err == nil {
				t.Errorf("%s: applied", why)
			}
		}
	})
}

func TestAHeldSecretBelongsToOneOwner(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		one := a.hold("provider:corp", "shared secret")
		two := b.Fingerprint("provider:evil", "shared secret")
		if one == two || one != b.Fingerprint("provider:corp", "shared secret") || strings.Contains(one, "shared") {
			t.Errorf("fingerprints %s and %s", one, two)
		}
		secret, err := b.HeldSecret(t.Context(), "provider:corp", one)
		b.must(err)
		all, err := b.HeldSecrets(t.Context())
		b.must(err)
		same, err := all.Secret("provider:corp", one)
		b.must(err)
		if secret != "shared secret" || same != secret {
			t.Errorf("held: %q and %q", secret, same)
		}
		for why, c := range map[string]struct{ owner, fingerprint string }{
			"another owner":                 {"provider:evil", one},
			"a fingerprint put together":    {"provider:evil", two[:11] + one[11:]},
			"a secret that nobody typed":    {"provider:evil", two},
			"a fingerprint cut":             {"provider:corp", one[:20]},
			"none":                          {"provider:corp", ""},
			"an owner that looks like both": {"provider:corp ", one},
		} {
			_, err := b.HeldSecret(t.Context(), c.owner, c.fingerprint)
			b.wants(why, err, storage.ErrNotFound)
			if all.Has(c.owner, c.fingerprint) {
				t.Errorf("%s: held", why)
			}
			_, err = all.Secret(c.owner, c.fingerprint)
			b.wants(why, err, storage.ErrNotFound)
		}
		if text := fmt.Sprintf("%v %+v %#v", all, all, all); strings.Contains(text, "secret ") || strings.Contains(text, one) {
			t.Errorf("the set prints its secrets: %s", text)
		}
	})
}

func TestASecretGoesWithTheLastRevisionThatUsedIt(t *testing.T) {
	c := newClock()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		b := newBook(t, db, c)
		old := b.hold("provider:corp", "old")  // 1
		back := b.hold("provider:corp", "new") // 2: old is in use no longer
		b.apply(2, `{"client_secret":"sealed:`+old+`"}`, func(n *storage.NewRevision) { n.Source = "rollback:1" })
		b.apply(3, `{}`, func(n *storage.NewRevision) { n.Source = "file:abc" })
		for n := int64(4); n < 8; n++ {
			if _, err := b.HeldSecret(t.Context(), "provider:corp", old); (err == nil) != (n < 6) {
				t.Errorf("with revision %d the old secret: %v", n, err)
			}
			b.apply(n, fmt.Sprintf(`{"n":%d}`, n))
			_, err := b.Sweep(t.Context())
			b.must(err)
		}
		_, err := b.HeldSecret(t.Context(), "provider:corp", back)
		b.wants("the other one", err, storage.ErrNotFound)
		list, err := b.Revisions(t.Context(), 0, 10)
		b.must(err)
		hash, err := b.LastFileHash(t.Context())
		b.must(err)
		if len(list) != 4 || list[3].Number != 4 || hash != "abc" { // the last file's stays, however old
			t.Errorf("left: %+v, last file %q", list, hash)
		}
	}, c.set, func(o *storage.Options) { o.Retention.Revisions = 3 })
}

func TestADocumentOfTenMegabytesIsKeptAndFoundQuickly(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		document := bigDocument(b)
		begun := time.Now()
		b.apply(0, string(document), func(n *storage.NewRevision) {
			n.Secrets = map[string]string{}
			for i := range 5000 {
				n.Secrets[b.Fingerprint(fmt.Sprint("client:c-", i), "secret")] = "secret"
			}
		})
		b.apply(1, string(document[:len(document)-1])+" }")
		r, err := b.ActiveRevision(t.Context())
		b.must(err)
		if len(r.Document) != len(document)+1 {
			t.Errorf("%d bytes of %d", len(r.Document), len(document))
		}
		t.Logf("two revisions of %d MB and 5,000 secrets: %s", len(document)>>20, time.Since(begun))
		var stored int
		b.must(b.Reader().QueryRowContext(t.Context(), `SELECT SUM(length(document)) FROM revisions`).Scan(&stored))
		if stored > len(document) {
			t.Errorf("two revisions of %d bytes take %d", len(document), stored)
		}
		all, err := b.HeldSecrets(t.Context())
		b.must(err)
		if s, err := all.Secret("client:c-4999", b.Fingerprint("client:c-4999", "secret")); err != nil || s != "secret" {
			t.Errorf("the last secret: %q, %v", s, err)
		}
	})
}

// bigDocument is what ten thousand clients look like, and more.
func bigDocument(b *book) []byte {
	type client struct {
		ID      string   `json:"id"`
		Secrets []string `json:"secrets"`
		URIs    []string `json:"redirect_uris"`
	}
	var clients []client
	for i := range 40_000 {
		c := client{ID: fmt.Sprint("c-", i), URIs: []string{fmt.Sprintf("https://app-%d.example/callback/%s", i, random()), fmt.Sprintf("https://app-%d.example/other/%s", i, random())}}
		if i < 5000 {
			c.Secrets = []string{"sealed:" + b.Fingerprint("client:"+c.ID, "secret")}
		}
		clients = append(clients, c)
	}
	document, err := json.Marshal(map[string]any{"clients": clients, "padding": string(bytes.Repeat([]byte("word "), 1<<20))})
	b.must(err)
	return document
}
