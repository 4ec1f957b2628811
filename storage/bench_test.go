package storage_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func benchBook(b *testing.B) *book {
	c := newClock()
	return newBook(b, storagetest.Open(b, c.set), c)
}

func BenchmarkSignIn(b *testing.B) {
	k := benchBook(b)
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.SignIn(b.Context(), actor, k.signInOf(fmt.Sprint("sub-", n.Add(1)%1000), k.grant("web"))); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkTakeCode(b *testing.B) {
	k := benchBook(b)
	grants := make([]*storage.NewGrant, b.N)
	for i := range grants {
		_, grants[i] = k.signIn(fmt.Sprint("sub-", i%1000), "web")
	}
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.TakeCode(b.Context(), actor, take(grants[n.Add(1)-1], offline)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkRotateRefresh(b *testing.B) {
	k := benchBook(b)
	b.ReportAllocs()
	b.SetParallelism(8)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		_, taken := k.login(fmt.Sprint("sub-", n.Add(1)), "web", offline)
		raw := taken.RefreshToken
		for pb.Next() {
			next, err := k.refresh(raw, "web")
			if err != nil {
				b.Error(err)
				return
			}
			raw = next
		}
	})
}

func BenchmarkSession(b *testing.B) {
	k := benchBook(b)
	s, _ := k.signIn("sub-1", "web")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Session(b.Context(), s.IDHash, idle); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeepLogins(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			k := benchBook(b)
			s, _ := k.signIn("sub-1", "web")
			batch := make([]storage.Login, size)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					n++
					batch[i] = k.loginOf(fmt.Sprint("REF", n), "sub-1")
					batch[i].UserID, batch[i].Outcome = s.UserID, storage.LoginSignedIn
				}
				if err := k.KeepLogins(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/login")
		})
	}
}

func BenchmarkRecentLogins(b *testing.B) {
	k := benchBook(b)
	for i := range 400 {
		var batch []storage.Login
		for j := range 50 {
			k.clock.Advance(time.Second)
			batch = append(batch, k.loginOf(fmt.Sprint("REF", i, "-", j), fmt.Sprint("sub-", (i*50+j)%3000)))
		}
		if err := k.KeepLogins(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		list, err := k.RecentLogins(b.Context(), 1000)
		if err != nil || len(list) != 1000 {
			b.Fatal(len(list), err)
		}
	}
}

func BenchmarkChainAudit(b *testing.B) {
	k := benchBook(b)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		b.StopTimer()
		for range 50 {
			k.signIn(fmt.Sprint("sub-", rows%1000), "web")
		}
		b.StartTimer()
		n, err := k.ChainAudit(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		rows += n
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(rows), "µs/row")
}

// The dearest page of a list: its filter fits nothing in a whole window.
func BenchmarkAPageThatFindsNothing(b *testing.B) {
	k := benchBook(b)
	for i := range 500 {
		var batch []storage.Login
		for j := range 50 {
			k.clock.Advance(time.Second)
			batch = append(batch, k.loginOf(fmt.Sprint("REF", i, "-", j), fmt.Sprint("sub-", (i*50+j)%3000)))
		}
		if err := k.KeepLogins(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := k.Write(b.Context(), func(ctx contextT, q storage.Runner) error {
		for i := range 25_000 {
			if _, err := q.ExecContext(ctx, `INSERT INTO users (id, subject, name, email, email_verified, disabled, created_at) VALUES ($1, $1, 'Somebody Else', 'somebody@acme.example', TRUE, FALSE, $2)`, fmt.Sprint("u", i), i); err != nil {
				return err
			}
			if _, err := q.ExecContext(ctx, `INSERT INTO audit (id, at, actor_kind, actor_id, ip, request_id, action, target, detail) VALUES ($1, $2, 'person', 'u1', '192.0.2.1', 'REF', 'sign_in', 'user:u1', '{"provider":"google"}')`,
				fmt.Sprintf("%016x0123456789abcdef", i+1), i); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		page func() (int, error)
	}{
		{"logins", func() (int, error) {
			l, _, err := k.Logins(b.Context(), storage.LoginFilter{Q: "nobody"})
			return len(l), err
		}},
		{"audit", func() (int, error) {
			l, _, err := k.AuditPage(b.Context(), storage.AuditFilter{Action: "nothing"})
			return len(l), err
		}},
		{"users", func() (int, error) {
			l, _, err := k.UsersPage(b.Context(), storage.UserFilter{Q: "nobody"})
			return len(l), err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := c.page(); err != nil || n != 0 {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkAuditChain(b *testing.B) {
	k := benchBook(b)
	for i := range 2000 {
		k.signIn(fmt.Sprint("sub-", i), "web")
	}
	k.chain()
	b.ReportAllocs()
	rows := int64(0)
	for b.Loop() {
		r, err := k.AuditChain(b.Context())
		if err != nil || r.Broken != nil || r.Rows < 4000 {
			b.Fatal(r, err)
		}
		rows += r.Rows
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(rows), "µs/row")
}
