package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func try(login, address string) storage.Try {
	return storage.Try{Provider: own, Login: login, Address: address}
}

// fails makes one failing try and tells how long it was held, or 0.
func (b *book) fails(t storage.Try) time.Duration {
	b.Helper()
	_, err := b.CountTry(b.Context(), actor, t)
	var held *storage.Held
	if errors.As(err, &held) {
		return held.Wait
	}
	b.must(err)
	return 0
}

func (b *book) right(t storage.Try) {
	b.Helper()
	tried, err := b.CountTry(b.Context(), actor, t)
	b.must(err)
	b.must(b.Forgive(b.Context(), tried, true))
}

func TestI10_FailuresOfAnAccountInANetworkCostWaitsThatDouble(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		var waits []time.Duration
		for i := range 24 { // from two addresses of one network
			wait := b.fails(try("alice", fmt.Sprintf("192.0.2.%d", 7+i%2)))
			if wait > 0 {
				waits = append(waits, wait)
				b.clock.Advance(wait)
			}
		}
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
		for i, w := range want {
			if i >= len(waits) || waits[i] != w*time.Second {
				t.Fatalf("waits: %v", waits)
			}
		}
		b.clock.Advance(16 * time.Minute)
		for i := range 5 {
			if wait := b.fails(try("alice", "192.0.2.7")); wait > 0 {
				t.Errorf("try %d after a rest waits %s", i, wait)
			}
		}
	})
}

func TestI10_TheBudgetIsOneForAllNodesHoweverFastTheBurst(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		nodes := []*book{a, b}
		counted := 0
		for _, err := range race(100, func(i int) error {
			_, err := nodes[i%2].CountTry(context.Background(), actor, try("alice", "192.0.2.7"))
			return err
		}) {
			var held *storage.Held
			switch {
			case err == nil:
				counted++
			case !errors.As(err, &held):
				t.Error(err)
			}
		}
		if counted != 6 { // five are free, and the sixth costs the first wait
			t.Errorf("%d of a hundred tries at once were made", counted)
		}
	})
}

func TestI10_AnAttackerEverywhereLocksNobodyOut(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		b.account("alice")
		b.right(try("alice", "203.0.113.5")) // where alice works
		held := 0
		for i := range 3000 { // ten tries from each of three hundred networks
			if b.fails(try("alice", fmt.Sprintf("10.%d.%d.%d", i%300/200, i%300%200, i%250))) > 0 {
				held++
			}
		}
		if made := 3000 - held; made > 700 {
			t.Errorf("%d of 3000 tries were made", made)
		}
		if b.audited(storage.AuditGuessing) != 1 {
			t.Errorf("the audit tells of it %d times", b.audited(storage.AuditGuessing))
		}
		b.fails(try("alice", "198.51.100.77"))
		b.fails(try("alice", "198.51.100.77"))
		if wait := b.fails(try("alice", "198.51.100.77")); wait != time.Minute {
			t.Errorf("while alice is besieged, a network that failed twice waits %s", wait)
		}
		if wait := b.fails(try("alice", "198.51.101.1")); wait > 0 {
			t.Errorf("alice in a new place waits %s at her first try", wait)
		}
		for i := range 5 {
			if wait := b.fails(try("alice", "203.0.113.80")); wait > 0 {
				t.Errorf("alice at work waits %s after %d slips", wait, i)
			}
		}
		b.right(try("bob", "198.51.100.1"))
	})
}

func TestI10_OneAddressTryingManyAccountsIsSlowedDown(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		b.right(try("carol", "192.0.2.200"))
		made := 0
		for i := range 100 {
			if b.fails(try(fmt.Sprint("user", i), "192.0.2.7")) == 0 {
				made++
			}
		}
		if made != 21 {
			t.Errorf("an address made %d tries at once", made)
		}
		if b.fails(try("dave", "192.0.2.8")) > 0 {
			t.Error("its neighbour waits too")
		}
		for i := range 200 { // the whole /24, one account each
			b.fails(try(fmt.Sprint("more", i), fmt.Sprintf("192.0.2.%d", 20+i)))
		}
		if b.fails(try("dave", "192.0.2.9")) == 0 {
			t.Error("a whole network guessing is not slowed down")
		}
		if wait := b.fails(try("carol", "192.0.2.201")); wait > 0 {
			t.Errorf("somebody known in that network waits %s for what others do", wait)
		}
		if b.fails(try("dave", "198.51.100.9")) > 0 {
			t.Error("another network waits")
		}
		v6 := 0
		for i := range 60 { // a /64 is one address
			if b.fails(try(fmt.Sprint("six", i), fmt.Sprintf("2001:db8:1:1::%x", i+1))) == 0 {
				v6++
			}
		}
		if v6 != 21 {
			t.Errorf("a /64 made %d tries at once", v6)
		}
	})
}

func TestI10_ARightTryCostsNothingAndOwnLoginsDoNotWashOthersClean(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for range 50 {
			b.right(try("alice", "192.0.2.7"))
		}
		for i := range 21 { // mallory has an account of his own there
			b.fails(try(fmt.Sprint("victim", i), "192.0.2.66"))
		}
		if b.fails(try("victim", "192.0.2.66")) == 0 {
			t.Fatal("not held")
		}
		b.clock.Advance(time.Second)
		b.right(try("mallory", "192.0.2.66"))
		b.fails(try("victim", "192.0.2.66"))
		if wait := b.fails(try("victim2", "192.0.2.66")); wait != 2*time.Second {
			t.Errorf("after a login of his own he waits %s", wait)
		}
		tried, err := b.CountTry(t.Context(), actor, storage.Try{Provider: own, Login: "alice", Address: "192.0.2.7"})
		b.must(err)
		b.must(b.Forgive(t.Context(), tried, false)) // a right password; the code comes next
		for range 6 {
			b.fails(storage.Try{Provider: own, Login: "alice", Address: "192.0.2.7", Code: true})
		}
		if b.fails(storage.Try{Provider: own, Login: "alice", Address: "192.0.2.7", Code: true}) == 0 {
			t.Error("codes may be guessed without end")
		}
	})
}

// A right try that was under way while others failed takes back its own count and
// nothing of theirs.
func TestI10_ALoginUnderWayTakesNoOtherTrysWaitBack(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for i := range 20 { // all that is free to an address
			b.fails(try(fmt.Sprint("victim", i), "192.0.2.66"))
		}
		for range 3 { // mallory's own password takes a moment, and he guesses meanwhile
			own, err := b.CountTry(t.Context(), actor, try("mallory", "192.0.2.66"))
			b.must(err)
			b.clock.Advance(time.Minute) // what his own try cost is over
			b.fails(try("victim", "192.0.2.66"))
			b.must(b.Forgive(t.Context(), own, true))
			if b.fails(try("another victim", "192.0.2.66")) == 0 {
				t.Fatal("a login of his own gave him one more guess")
			}
			b.clock.Advance(time.Minute)
		}
	})
}

func TestI10_RowsOfStrangersHaveABudgetAndAnEnd(t *testing.T) {
	defer storage.SetGuessBudget(100)()
	withBook(t, func(t *testing.T, b *book, url string) {
		rows := func() (n int) {
			b.must(raw(t, url).QueryRow(`SELECT COUNT(*) FROM guesses`).Scan(&n))
			return n
		}
		for i := range 1024 {
			b.fails(try(fmt.Sprint("nobody", i), fmt.Sprintf("10.%d.%d.1", i/250, i%250)))
		}
		if n := rows(); n > 100+4*256 {
			t.Errorf("there are %d rows", n)
		}
		b.clock.Advance(31 * 24 * time.Hour)
		_, err := b.Sweep(t.Context())
		b.must(err)
		if n := rows(); n != 0 {
			t.Errorf("%d rows stay for ever", n)
		}
	})
}
