package storage_test

import (
	"fmt"
	"sync/atomic"
	"testing"

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
