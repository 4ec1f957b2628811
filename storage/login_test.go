package storage_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// loginOf is a trace of a login of somebody whom the book does not know.
func (b *book) loginOf(reference, subject string) storage.Login {
	return storage.Login{Reference: reference, At: b.clock.Now(), Took: 120 * time.Millisecond, ClientID: "web", Provider: "google", ProviderID: b.provider, Subject: subject,
		Person: "Alice", Outcome: storage.LoginRefused, Code: "access_denied", Cause: "not in the group", Rule: "staff", Revision: 3, Snapshot: "v1", IP: "192.0.2.1", Device: "Firefox on Linux",
		Asked: []string{"openid"}, Scopes: []string{"openid"}, Roles: []string{"reader"}, Claims: map[string]any{"sub": subject, "groups": []any{"eng"}},
		Steps: []byte(`[{"step":"authorize"}]`), Trace: []byte(`[{"rule":"staff"}]`)}
}

func TestATraceComesBackWholeAndTheLastOneCounts(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		in := b.loginOf("REF1", "sub-1")
		before := b.WriteTransactions()
		b.must(b.KeepLogins(t.Context(), []storage.Login{in, b.loginOf("REF2", "sub-2")}))
		if n := b.WriteTransactions() - before; n != 1 {
			t.Errorf("a batch took %d transactions", n)
		}
		out, err := b.Login(t.Context(), "REF1")
		b.must(err)
		if !reflect.DeepEqual(*out, in) {
			t.Errorf("in  %+v\nout %+v", in, *out)
		}
		in.Outcome, in.UserID, in.UserSubject, in.Code, in.Took = storage.LoginSignedIn, s.UserID, s.User.Subject, "", 200*time.Millisecond
		b.must(b.KeepLogins(t.Context(), []storage.Login{in}))
		b.must(b.KeepLogins(t.Context(), []storage.Login{in})) // told twice
		out, err = b.Login(t.Context(), "REF1")
		b.must(err)
		if !reflect.DeepEqual(*out, in) {
			t.Errorf("in  %+v\nout %+v", in, *out)
		}
		counts, err := b.LoginCounts(t.Context(), b.clock.Now().Add(-time.Hour), b.clock.Now().Add(time.Hour))
		b.must(err)
		want := []storage.LoginCount{
			{Hour: b.clock.Now(), Provider: "google", Client: "web", Outcome: storage.LoginRefused, Count: 1, TookSum: 120 * time.Millisecond, TookMax: 120 * time.Millisecond},
			{Hour: b.clock.Now(), Provider: "google", Client: "web", Outcome: storage.LoginSignedIn, Count: 1, TookSum: 200 * time.Millisecond, TookMax: 200 * time.Millisecond},
		}
		if !reflect.DeepEqual(counts, want) {
			t.Errorf("counts %+v\nwant   %+v", counts, want)
		}
		if counts, err := b.LoginCounts(t.Context(), b.clock.Now().Add(time.Hour), b.clock.Now().Add(2*time.Hour)); err != nil || len(counts) != 0 {
			t.Errorf("the next hour: %v, %v", counts, err)
		}
		_, err = b.Login(t.Context(), "REF9")
		b.wants("one that there is not", err, storage.ErrNotFound)
		for why, l := range map[string]storage.Login{"without a reference": {At: b.clock.Now(), Outcome: "refused"}, "without a time": {Reference: "R", Outcome: "refused"}, "without an outcome": {Reference: "R", At: b.clock.Now()}} {
			if b.KeepLogins(t.Context(), []storage.Login{l}) == nil {
				t.Errorf("%s: kept", why)
			}
		}
		b.must(b.KeepLogins(t.Context(), nil))
	})
}

func TestATraceIsBoundedAndClean(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		nasty := "a\r\nb\x00c\xff" + strings.Repeat("x", 1<<20)
		l := storage.Login{Reference: "REF", At: b.clock.Now(), ClientID: nasty, Provider: nasty, Person: nasty, Subject: nasty, Outcome: storage.LoginFailed, Code: nasty, Cause: nasty, Rule: nasty, Device: nasty,
			Asked: []string{nasty}, Claims: map[string]any{"big": nasty}, Steps: []byte(`"` + nasty + `"`), Trace: []byte("\"\x00\xff\"")}
		for range 1000 {
			l.Scopes = append(l.Scopes, "s")
		}
		b.must(b.KeepLogins(t.Context(), []storage.Login{l}))
		out, err := b.Login(t.Context(), "REF")
		b.must(err)
		if text := fmt.Sprintf("%+v", *out); len(text) > 10_000 || strings.ContainsAny(text, "\r\n\x00\xff") || out.Claims != nil || len(out.Scopes) != 100 || !strings.HasPrefix(out.Person, "a  b c") {
			t.Errorf("%d bytes: %.300q", len(text), text)
		}
		none := b.loginOf("NONE", "")
		b.must(b.KeepLogins(t.Context(), []storage.Login{none}))
		if out, err = b.Login(t.Context(), "NONE"); err != nil || out.Claims != nil {
			t.Errorf("claims of nobody were kept: %v, %v", out, err)
		}
	})
}

func TestStrangersFillNoMoreThanTheirBudget(t *testing.T) {
	c := newClock()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		b := newBook(t, db, c)
		s, _ := b.signIn("sub-1", "web")
		known := b.loginOf("KNOWN", "sub-1")
		known.UserID = s.UserID
		b.must(b.KeepLogins(t.Context(), []storage.Login{known}))
		for i := range 100 {
			var batch []storage.Login
			for j := range 10 {
				c.Advance(time.Second)
				batch = append(batch, b.loginOf(fmt.Sprintf("S%d-%d", i, j), ""))
			}
			b.must(b.KeepLogins(t.Context(), batch))
			var n int
			b.must(b.Reader().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM logins WHERE user_id = ''`).Scan(&n))
			if n > 200+9 || i == 99 && n < 200 {
				t.Fatalf("after %d batches: %d rows of strangers", i+1, n)
			}
		}
		if _, err := b.Login(t.Context(), "S99-9"); err != nil {
			t.Errorf("the newest: %v", err)
		}
		_, err := b.Login(t.Context(), "S0-0")
		b.wants("the oldest", err, storage.ErrNotFound)
		_, err = b.Login(t.Context(), "KNOWN")
		b.must(err)
	}, c.set, func(o *storage.Options) { o.Retention.Strangers = 200 })
}

func TestLoginsGoesThroughEverythingOnce(t *testing.T) {
	defer storage.SetWindow(6)()
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		begun := b.clock.Now()
		for i := range 40 {
			if i%2 == 0 { // two at the very same time
				b.clock.Advance(time.Minute)
			}
			l := b.loginOf(fmt.Sprintf("REF%02d", i), fmt.Sprint("up-", i))
			l.ClientID, l.Provider = []string{"web", "mobile"}[i%2], []string{"google", "corp", "own", "other"}[i%4]
			if i%5 == 0 {
				l.UserID, l.Outcome, l.Person, l.UserSubject = s.UserID, storage.LoginSignedIn, "Bob 50%", "bobs-sub"
			}
			b.must(b.KeepLogins(t.Context(), []storage.Login{l}))
		}
		for _, c := range []struct {
			why  string
			f    storage.LoginFilter
			want int
		}{
			{"all", storage.LoginFilter{}, 40},
			{"a client", storage.LoginFilter{Client: "mobile"}, 20},
			{"a provider", storage.LoginFilter{Provider: "corp"}, 10},
			{"an outcome", storage.LoginFilter{Outcome: storage.LoginSignedIn}, 8},
			{"a user", storage.LoginFilter{UserID: s.UserID}, 8},
			{"a user's at one client", storage.LoginFilter{UserID: s.UserID, Client: "web"}, 4},
			{"part of a person", storage.LoginFilter{Q: "BOB"}, 8},
			{"a percent sign", storage.LoginFilter{Q: "50%"}, 8},
			{"a reference", storage.LoginFilter{Q: "REF07"}, 1},
			{"a subject", storage.LoginFilter{Q: "up-7"}, 1},
			{"a sub", storage.LoginFilter{Q: "bobs-sub"}, 8},
			{"since", storage.LoginFilter{Since: begun.Add(16 * time.Minute)}, 10},
			{"until", storage.LoginFilter{Until: begun.Add(6 * time.Minute)}, 10},
			{"between, of a user", storage.LoginFilter{Since: begun.Add(6 * time.Minute), Until: begun.Add(16 * time.Minute), UserID: s.UserID}, 4},
			{"nothing", storage.LoginFilter{Client: "' OR 1=1 --"}, 0},
		} {
			seen := map[string]bool{}
			c.f.Limit = 3
			for pages := 0; ; pages++ {
				page, next, err := b.Logins(t.Context(), c.f)
				b.must(err)
				for _, l := range page {
					if seen[l.Reference] {
						t.Errorf("%s: %s twice", c.why, l.Reference)
					}
					if l.Claims != nil || l.Steps != nil {
						t.Errorf("%s: a list with claims", c.why)
					}
					seen[l.Reference] = true
				}
				if c.f.Before = next; next == "" {
					break
				}
				if pages > 40 {
					t.Fatalf("%s: no end", c.why)
				}
			}
			if len(seen) != c.want {
				t.Errorf("%s: %d, want %d", c.why, len(seen), c.want)
			}
		}
		if _, _, err := b.Logins(t.Context(), storage.LoginFilter{Before: "1 OR 1=1"}); err == nil {
			t.Error("A07: a forged cursor was taken")
		}
	})
}

func TestRecentLoginsAreTheLastOfEachPersonAtEachApp(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		keep := func(reference, client string, change func(*storage.Login)) {
			b.clock.Advance(time.Second)
			l := b.loginOf(reference, "sub-1")
			l.ClientID, l.UserID, l.Outcome, l.Claims = client, s.UserID, storage.LoginSignedIn, map[string]any{"at": reference}
			if change != nil {
				change(&l)
			}
			b.must(b.KeepLogins(t.Context(), []storage.Login{l}))
		}
		keep("old-web", "web", nil)
		keep("mobile", "mobile", nil)
		keep("stranger", "web", func(l *storage.Login) { l.UserID, l.Subject = "", "sub-9" })
		keep("other stranger", "web", func(l *storage.Login) { l.UserID, l.Subject = "", "sub-8" })
		keep("web", "web", nil)
		keep("nobody", "web", func(l *storage.Login) { l.UserID, l.Subject, l.Claims = "", "", nil })
		keep("a test", "mobile", func(l *storage.Login) { l.Outcome = storage.LoginTest })
		list, err := b.RecentLogins(t.Context(), 10)
		b.must(err)
		var got []string
		for _, l := range list {
			got = append(got, l.Reference)
			if l.Claims["at"] != l.Reference {
				t.Errorf("%s came with the claims of %v", l.Reference, l.Claims)
			}
		}
		if want := []string{"web", "other stranger", "stranger", "mobile"}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if list, err = b.RecentLogins(t.Context(), 1); err != nil || len(list) != 1 || list[0].Reference != "web" {
			t.Errorf("one: %v, %v", list, err)
		}
	})
}

func TestTracesAndCountsGoWithTheirRetention(t *testing.T) {
	c := newClock()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		b := newBook(t, db, c)
		var batch []storage.Login
		for i := range 600 {
			batch = append(batch, b.loginOf(fmt.Sprint("OLD", i), "sub-1"))
		}
		b.must(b.KeepLogins(t.Context(), batch))
		c.Advance(24 * time.Hour)
		b.must(b.KeepLogins(t.Context(), []storage.Login{b.loginOf("NEW", "sub-1")}))
		if n, err := b.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("%d rows went too early, %v", n, err)
		}
		c.Advance(6*24*time.Hour + time.Minute)
		n, err := b.Sweep(t.Context())
		b.must(err)
		if n != 600 {
			t.Errorf("%d traces went", n)
		}
		_, err = b.Login(t.Context(), "NEW")
		b.must(err)
		c.Advance(24 * 24 * time.Hour)
		_, err = b.Sweep(t.Context())
		b.must(err)
		counts, err := b.LoginCounts(t.Context(), time.Time{}, c.Now())
		b.must(err)
		if len(counts) != 1 || counts[0].Count != 1 {
			t.Errorf("counts: %+v", counts)
		}
	}, c.set, func(o *storage.Options) { o.Retention.Logins, o.Retention.Counts = 7*24*time.Hour, 30*24*time.Hour })
}

func TestTwoNodesCountTogether(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		errs := race(40, func(i int) error {
			var batch []storage.Login
			for j := range 10 {
				l := a.loginOf(fmt.Sprintf("R%d-%d", i, j), "sub-1")
				l.ClientID, l.Provider = fmt.Sprint("app-", (i+j)%5), fmt.Sprint("idp-", (i*j)%3)
				batch = append(batch, l)
			}
			return []*book{a, b}[i%2].KeepLogins(t.Context(), batch)
		})
		for _, err := range errs {
			a.must(err)
		}
		counts, err := a.LoginCounts(t.Context(), time.Time{}, a.clock.Now().Add(time.Hour))
		a.must(err)
		total := int64(0)
		for _, c := range counts {
			total += c.Count
		}
		if total != 400 {
			t.Errorf("%d of 400 were counted", total)
		}
	})
}
