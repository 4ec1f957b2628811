package storage_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestD10_ACodeNeedsItsOwnVerifierAndTheSixthWrongTryBurnsIt(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		wrong := []struct {
			why    string
			change func(*storage.TakeCode)
		}{
			{"no verifier although the code has a challenge", func(in *storage.TakeCode) { in.Challenge = "" }},
			{"another verifier", func(in *storage.TakeCode) { in.Challenge = "challenge-other" }},
			{"another case", func(in *storage.TakeCode) { in.Challenge = "Challenge-web" }},
			{"another redirect URI", func(in *storage.TakeCode) { in.RedirectURI = appURI + "/" }},
			{"no redirect URI", func(in *storage.TakeCode) { in.RedirectURI = "" }},
		}
		_, g := b.signIn("sub-1", "web")
		for _, w := range wrong {
			in := take(g, offline)
			w.change(&in)
			_, err := b.TakeCode(t.Context(), actor, in)
			b.wants(w.why, err, storage.ErrMismatch)
		}
		_, err := b.TakeCode(t.Context(), actor, take(g, offline))
		b.wants("after five wrong tries the rightful one", err, nil)

		_, g = b.signIn("sub-1", "web")
		for range 6 {
			in := take(g, offline)
			in.Challenge = "guess"
			_, err := b.TakeCode(t.Context(), actor, in)
			b.wants("a wrong try", err, storage.ErrMismatch)
		}
		_, err = b.TakeCode(t.Context(), actor, take(g, offline))
		b.wants("after six wrong tries", err, storage.ErrNotFound)

		plain := b.grant("legacy")
		plain.Code.Challenge = ""
		_, err = b.SignIn(t.Context(), actor, b.signInOf("sub-1", plain))
		b.must(err)
		in := take(plain, nil)
		in.Challenge = "challenge"
		_, err = b.TakeCode(t.Context(), actor, in)
		b.wants("a verifier for a code without a challenge (downgrade)", err, storage.ErrMismatch)
		if n := b.audited(storage.AuditCodeWrongBinding); n != 12 {
			t.Errorf("%d wrong tries in the audit, want 12", n)
		}
	})
}

func TestD11_ACodeOfAnotherClientIsRefusedAndStaysRedeemable(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		clients := []string{"a", "b", "c"}
		codes := map[string]*storage.NewGrant{}
		for _, c := range clients {
			_, codes[c] = b.signIn("sub-1", c)
		}
		for owner, g := range codes {
			for _, thief := range clients {
				if thief == owner {
					continue
				}
				for range 10 { // however often: it burns nothing
					in := take(g, offline)
					in.ClientID = thief
					_, err := b.TakeCode(t.Context(), actor, in)
					b.wants(thief+" redeems a code of "+owner, err, storage.ErrMismatch)
				}
			}
		}
		for owner, g := range codes {
			_, err := b.TakeCode(t.Context(), actor, take(g, offline))
			b.wants(owner+" redeems its own", err, nil)
			in := take(g, offline)
			in.ClientID = "other"
			_, err = b.TakeCode(t.Context(), actor, in)
			b.wants("another client replays", err, storage.ErrMismatch)
			_, err = b.Grant(t.Context(), g.ID)
			b.wants("and revokes nothing by that", err, nil)
		}
		if n := b.audited(storage.AuditCodeWrongClient); n != 63 {
			t.Errorf("%d in the audit, want 63", n)
		}
	})
}

func TestD13_AReplayedCodeRevokesWhatItGave(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for _, after := range []time.Duration{0, time.Second, 30 * time.Second, time.Hour} {
			_, g := b.signIn("sub-1", "web")
			taken, err := b.TakeCode(t.Context(), actor, take(g, offline))
			b.must(err)
			next, err := b.refresh(taken.RefreshToken, "web")
			b.must(err)
			b.clock.Advance(after)

			in := take(g, offline)
			in.Challenge = "wrong"
			_, err = b.TakeCode(t.Context(), actor, in)
			b.wants("a replay with a wrong verifier", err, storage.ErrMismatch)
			_, err = b.Grant(t.Context(), g.ID)
			b.wants("revokes nothing", err, nil)

			_, err = b.TakeCode(t.Context(), actor, take(g, offline))
			b.wants("a valid replay after "+after.String(), err, storage.ErrUsed)
			_, err = b.Grant(t.Context(), g.ID)
			b.wants("the grant", err, storage.ErrRevoked)
			_, err = b.refresh(next, "web")
			b.wants("the newest refresh token", err, storage.ErrRevoked)
		}
		if n := b.audited(storage.AuditCodeReplayed); n != 4 {
			t.Errorf("%d replays in the audit, want 4", n)
		}
	})
}

func TestD14_ACodeLivesForItsMinuteAndEveryByteCounts(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, g := b.signIn("sub-1", "web")
		for i := range g.Code.Hash {
			in := take(g, nil)
			in.Hash = append([]byte{}, g.Code.Hash...)
			in.Hash[i] ^= 1
			_, err := b.TakeCode(t.Context(), actor, in)
			b.wants("a changed byte", err, storage.ErrNotFound)
		}
		for why, h := range map[string][]byte{"cut": g.Code.Hash[:31], "longer": append(g.Code.Hash[:32:32], 0), "none": nil,
			"its own text": []byte(base64.RawURLEncoding.EncodeToString(g.Code.Hash))} {
			in := take(g, nil)
			in.Hash = h
			_, err := b.TakeCode(t.Context(), actor, in)
			b.wants(why, err, storage.ErrNotFound)
		}
		b.clock.Advance(59 * time.Second)
		_, err := b.TakeCode(t.Context(), actor, take(g, nil))
		b.wants("after 59 s", err, nil)

		_, g = b.signIn("sub-1", "web")
		b.clock.Advance(61 * time.Second)
		_, err = b.TakeCode(t.Context(), actor, take(g, nil))
		b.wants("after 61 s", err, storage.ErrExpired)
	})
}

func TestC01_OneOfTwoHundredParallelRedemptionsWins(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for range 5 {
			_, g := a.signIn("sub-1", "web")
			tokens := make([]string, 200)
			got := tally(race(200, func(i int) error {
				node := []*book{a, b}[i%2]
				taken, err := node.TakeCode(t.Context(), actor, take(g, offline))
				if err == nil {
					tokens[i] = taken.RefreshToken
				}
				return err
			}))
			if got["won"] != 1 || got["used"]+got["unavailable"] != 199 { // 503 to some on a slow machine is honest
				t.Fatalf("redemptions: %v", got)
			}
			for _, raw := range tokens { // the losers replayed: nothing of this grant may live
				if raw == "" {
					continue
				}
				_, err := b.refresh(raw, "web")
				b.wants("the winner's refresh token", err, storage.ErrRevoked)
			}
		}
	})
}

func TestC04_WhatACodeGaveAndNobodyReceivedDiesWithTheClientsRetry(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, g := b.signIn("sub-1", "web")
		lost, err := b.TakeCode(t.Context(), actor, take(g, offline)) // committed; the answer never arrived
		b.must(err)
		_, err = b.TakeCode(t.Context(), actor, take(g, offline))
		b.wants("the retry", err, storage.ErrUsed)
		_, err = b.refresh(lost.RefreshToken, "web")
		b.wants("the orphan", err, storage.ErrRevoked)
	})
}

func TestACodeDiesWithSignOutDisableAndRevocation(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for _, c := range []struct {
			why      string
			withdraw func(s *storage.Session, g *storage.NewGrant) error
			want     error
		}{
			{"signed out", func(s *storage.Session, _ *storage.NewGrant) error { return b.EndSession(t.Context(), actor, s.SID) }, storage.ErrRevoked},
			{"revoked", func(_ *storage.Session, g *storage.NewGrant) error {
				return b.RevokeGrant(t.Context(), actor, g.ID, "test")
			}, storage.ErrRevoked},
			{"disabled", func(s *storage.Session, _ *storage.NewGrant) error {
				return b.SetUserDisabled(t.Context(), actor, s.UserID, true)
			}, storage.ErrRevoked},
		} {
			s, g := b.signIn("sub-"+c.why, "web")
			b.must(c.withdraw(s, g))
			_, err := b.TakeCode(t.Context(), actor, take(g, offline))
			b.wants(c.why, err, c.want)
			_, err = b.Grant(t.Context(), g.ID)
			b.wants("grant of one "+c.why, err, storage.ErrRevoked)
			_, err = b.TakeCode(t.Context(), actor, take(g, offline))
			b.wants("the code was consumed all the same", err, storage.ErrUsed)
		}
		in := b.signInOf("sub-1", b.grant("web"))
		in.Session.ExpiresAt = b.clock.Now().Add(30 * time.Second)
		_, err := b.SignIn(t.Context(), actor, in)
		b.must(err)
		b.clock.Advance(40 * time.Second)
		_, err = b.TakeCode(t.Context(), actor, take(in.Grant, offline))
		b.wants("past the session's absolute end, though for offline access", err, storage.ErrRevoked)
		_, err = b.Grant(t.Context(), in.Grant.ID)
		b.wants("its grant", err, storage.ErrRevoked)
	})
}

func TestConsentGrowsAndIsOfOneRedirectHost(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		none, err := b.Consent(t.Context(), s.UserID, "notes", "app.example")
		if none != nil || err != nil {
			t.Fatalf("before: %v, %v", none, err)
		}
		for _, scopes := range [][]string{{"openid", "items:read"}, {"openid", "email"}} {
			g := b.grant("notes")
			g.SID, g.Scopes, g.RememberConsent, g.RedirectHost = s.SID, scopes, true, "app.example"
			b.must(b.IssueCode(t.Context(), actor, s.UserID, *g))
		}
		got, err := b.Consent(t.Context(), s.UserID, "notes", "app.example")
		b.must(err)
		if len(got) != 3 || got[0] != "email" || got[1] != "items:read" || got[2] != "openid" {
			t.Errorf("scopes: %v", got)
		}
		if b.audited(storage.AuditConsent) != 2 {
			t.Error("consent is not in the audit")
		}
		for why, args := range map[string][2]string{"another client": {"web", "app.example"}, "another host": {"notes", "evil.example"}} {
			if got, err := b.Consent(t.Context(), s.UserID, args[0], args[1]); got != nil || err != nil {
				t.Errorf("%s: %v, %v", why, got, err)
			}
		}
	})
}
