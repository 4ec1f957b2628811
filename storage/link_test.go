package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func (b *book) offer(s *storage.Session, subject string) storage.LinkOffer {
	return storage.LinkOffer{Hash: hash(), StateHash: hash(), UserID: s.UserID, SID: s.SID, ProviderID: b.provider, Issuer: "https://idp.example", Subject: subject,
		Claims: map[string]any{"email": subject + "@idp.example"}, ExpiresAt: b.clock.Now().Add(10 * time.Minute)}
}

func TestL06_L08_OneOfAHundredProofsIsTakenAndOneAccountGetsTheIdentity(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		s, _ := a.signIn("sub-1", "web")
		other, _ := a.signIn("sub-2", "web")
		o := a.offer(s, "second")
		a.must(a.OfferLink(t.Context(), actor, o))
		got := 0
		for _, err := range race(100, func(i int) error { return []*book{a, b}[i%2].AcceptLink(t.Context(), actor, o.Hash, s.UserID, s.SID) }) {
			if err == nil {
				got++
			}
		}
		if got != 1 || a.audited(storage.AuditIdentityLinked) != 1 {
			t.Errorf("one proof was taken %d times", got)
		}
		if u, id, err := b.FindIdentity(t.Context(), a.provider, "second"); err != nil || u.ID != s.UserID || id.Claims["email"] != "second@idp.example" {
			t.Errorf("the identity is %+v of %+v: %v", id, u, err)
		}

		wanted := a.offer(other, "second") // somebody else has a proof for it, too
		a.must(a.OfferLink(t.Context(), actor, wanted))
		a.wants("an identity of another account", a.AcceptLink(t.Context(), actor, wanted.Hash, other.UserID, other.SID), storage.ErrTaken)
		a.wants("its proof is spent all the same", a.AcceptLink(t.Context(), actor, wanted.Hash, other.UserID, other.SID), storage.ErrNotFound)
	})
}

func TestL06_AProofHasAllItsBindingsInOneStatement(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		other, _ := b.signIn("sub-2", "web")
		o := b.offer(s, "second")
		b.must(b.OfferLink(t.Context(), actor, o))
		again := b.offer(s, "third")
		again.StateHash = o.StateHash
		b.wants("a second proof from one answer of the provider", b.OfferLink(t.Context(), actor, again), storage.ErrStateSpent)
		for why, err := range map[string]error{
			"another account":              b.AcceptLink(t.Context(), actor, o.Hash, other.UserID, s.SID),
			"another session of theirs":    b.AcceptLink(t.Context(), actor, o.Hash, s.UserID, other.SID),
			"another proof":                b.AcceptLink(t.Context(), actor, hash(), s.UserID, s.SID),
			"reading it for somebody else": onlyErr(b.LinkOffered(t.Context(), o.Hash, other.UserID, s.SID)),
		} {
			b.wants(why, err, storage.ErrNotFound)
		}
		b.clock.Advance(11 * time.Minute)
		b.wants("ten minutes are over", b.AcceptLink(t.Context(), actor, o.Hash, s.UserID, s.SID), storage.ErrNotFound)
		if _, err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}

		var kept []storage.LinkOffer // one account fills no disk
		for i := range 20 {
			o := b.offer(s, fmt.Sprint("many-", i))
			b.must(b.OfferLink(t.Context(), actor, o))
			kept = append(kept, o)
			b.clock.Advance(time.Second)
		}
		live := 0
		for _, o := range kept {
			if _, err := b.LinkOffered(t.Context(), o.Hash, s.UserID, s.SID); err == nil {
				live++
			}
		}
		if live != 5 {
			t.Errorf("%d proofs of one account wait", live)
		}
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, true))
		b.wants("a disabled account", b.AcceptLink(t.Context(), actor, kept[19].Hash, s.UserID, s.SID), storage.ErrDisabled)
	})
}

func onlyErr[T any](_ T, err error) error { return err }

// Joining an account by address ends what was there before in the same transaction.
func TestL04_WhoJoinsAnAccountByAddressSweepsItOut(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		first := a.signInOf("sub-1", a.grant("web"))
		first.Email, first.EmailVerified = "Alice@acme.example", true
		s, err := a.SignIn(t.Context(), actor, first)
		a.must(err)
		waiting := a.offer(s, "trojan")
		a.must(a.OfferLink(t.Context(), actor, waiting))
		second, err := a.BindProvider(t.Context(), actor, "second", "https://second.example")
		a.must(err)

		joining := func(subject string) storage.SignIn {
			in := a.signInOf(subject, nil)
			in.ProviderID, in.Issuer, in.JoinUser, in.Email, in.EmailVerified, in.Name = second, "https://second.example", s.UserID, "alice@ACME.example", true, "Renamed"
			return in
		}
		tried := race(20, func(i int) error {
			return onlyErr([]*book{a, b}[i%2].SignIn(t.Context(), actor, joining(fmt.Sprint("join-", i))))
		})
		won := 0
		for _, err := range tried {
			if err == nil {
				won++
			}
		}
		if won != 1 { // the others are other people of the same provider (L10)
			t.Errorf("%d identities of one provider joined: %v", won, tried)
		}
		u, err := b.User(t.Context(), s.UserID)
		b.must(err)
		if u.Email != "Alice@acme.example" || u.Name == "Renamed" {
			t.Errorf("the account is called %+v now", u)
		}
		live, err := b.SessionsOf(t.Context(), s.UserID)
		b.must(err)
		if len(live) != 1 || live[0].SID == s.SID {
			t.Errorf("sessions: %+v", live)
		}
		b.wants("an offer from before", b.AcceptLink(t.Context(), actor, waiting.Hash, s.UserID, s.SID), storage.ErrNotFound)

		stale := joining("late")
		stale.Email = "somebody@acme.example"
		b.wants("the address changed meanwhile", onlyErr(b.SignIn(t.Context(), actor, stale)), storage.ErrConflict)
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, true))
		b.wants("the account was disabled meanwhile", onlyErr(b.SignIn(t.Context(), actor, joining("later"))), storage.ErrConflict)
	})
}
