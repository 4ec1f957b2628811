package storage_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestT01_AReusedRefreshTokenRevokesFamilyAndGrant(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for _, c := range []struct {
			why       string
			rotations int // before the reuse
			after     time.Duration
		}{
			{"the successor was used, at once", 2, 0},
			{"the successor is unused, after the grace", 1, grace + time.Second},
			{"hours later", 2, 5 * time.Hour},
			{"after the fifth", 5, time.Second},
		} {
			_, taken := b.login("sub-1", "web", offline)
			newest := taken.RefreshToken
			for range c.rotations {
				next, err := b.refresh(newest, "web")
				b.must(err)
				newest = next
			}
			b.clock.Advance(c.after)
			before := b.audited(storage.AuditRefreshReused)
			r, err := b.FindRefresh(t.Context(), taken.RefreshToken, "web", grace)
			b.must(err)
			if r.Current {
				t.Errorf("%s: an old token counts as current", c.why)
			}
			_, err = b.RotateRefresh(t.Context(), actor, r, grace, storage.GrantUpdate{})
			b.wants(c.why, err, storage.ErrReused)
			_, err = b.refresh(newest, "web")
			b.wants(c.why+": the newest", err, storage.ErrRevoked)
			_, err = b.Grant(t.Context(), taken.Grant.ID)
			b.wants(c.why+": the grant", err, storage.ErrRevoked)
			if b.audited(storage.AuditRefreshReused) != before+1 {
				t.Errorf("%s: no audit row", c.why)
			}
		}
	})
}

// Twenty random steps against a model that is a counter.
func TestT01_AnySequenceOfRefreshesFollowsTheGenerationCounter(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 1))
			_, taken := b.login("sub-1", "web", offline)
			tokens, rotatedAt, dead := []string{taken.RefreshToken}, b.clock.Now(), false
			for step := range 20 {
				if r.IntN(4) == 0 {
					b.clock.Advance(time.Duration(r.IntN(15)) * time.Second)
				}
				i := max(0, len(tokens)-1-r.IntN(3)*r.IntN(2))
				next, err := b.refresh(tokens[i], "web")
				newest := len(tokens) - 1
				within := b.clock.Now().Sub(rotatedAt) <= grace
				var want error
				switch {
				case dead:
					want = storage.ErrRevoked
				case i == newest, i == newest-1 && within:
				default:
					want = storage.ErrReused
				}
				if !errors.Is(err, want) {
					t.Fatalf("seed %d step %d: token %d of %d: got %v, want %v", seed, step, i, newest, err, want)
				}
				switch {
				case err == nil && i == newest:
					tokens, rotatedAt = append(tokens, next), b.clock.Now()
				case err == nil && next != tokens[newest]:
					t.Fatalf("seed %d step %d: a retry made another successor", seed, step)
				case err != nil:
					dead = true
				}
			}
		}
	})
}

func TestT02_RotationsInOneInstantAreStillInOrder(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) { // the clock stands still
		_, taken := b.login("sub-1", "web", offline)
		chain := []string{taken.RefreshToken}
		for range 100 {
			next, err := b.refresh(chain[len(chain)-1], "web")
			b.must(err)
			chain = append(chain, next)
		}
		seen := map[string]bool{}
		for _, raw := range chain {
			if seen[raw] {
				t.Fatal("a token came twice")
			}
			seen[raw] = true
		}
		b.clock.Advance(-time.Hour) // even a clock that steps back does not reorder
		_, err := b.refresh(chain[98], "web")
		b.wants("two before the newest", err, storage.ErrReused)
	})
	eachBook(t, func(t *testing.T, b *book) {
		for replayed := range 10 {
			_, taken := b.login("sub-1", "web", offline)
			chain := []string{taken.RefreshToken}
			for range 11 {
				next, err := b.refresh(chain[len(chain)-1], "web")
				b.must(err)
				chain = append(chain, next)
			}
			_, err := b.refresh(chain[replayed], "web")
			b.wants(fmt.Sprintf("token %d of 11", replayed), err, storage.ErrReused)
		}
	})
}

func TestT03_AnotherClientsRefreshTokenIsRefusedAndStaysUsable(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		clients, tokens := []string{"a", "b", "c"}, map[string]string{}
		for _, c := range clients {
			_, taken := b.login("sub-1", c, offline)
			tokens[c] = taken.RefreshToken
		}
		for owner, raw := range tokens {
			for _, thief := range clients {
				if thief == owner {
					continue
				}
				_, err := b.refresh(raw, thief)
				b.wants(thief+" with a token of "+owner, err, storage.ErrMismatch)
				r, err := b.FindRefresh(t.Context(), raw, owner, grace)
				b.must(err)
				r.Grant.ClientID = thief // whatever a caller does: the statement is bound to the client
				_, err = b.RotateRefresh(t.Context(), actor, r, grace, storage.GrantUpdate{})
				b.wants(thief+" at the statement", err, storage.ErrMismatch)
			}
			_, err := b.refresh(raw, owner)
			b.wants(owner+" with its own", err, nil)
		}
	})
}

func TestT05_IdleAndAbsoluteLifetimes(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, taken := b.login("sub-1", "web", offline)
		b.clock.Advance(offline.Idle - time.Second)
		raw, err := b.refresh(taken.RefreshToken, "web")
		b.wants("a second before the idle limit", err, nil)
		late, err := b.FindRefresh(t.Context(), raw, "web", grace)
		b.must(err)
		b.clock.Advance(offline.Idle + time.Second)
		_, err = b.RotateRefresh(t.Context(), actor, late, grace, storage.GrantUpdate{})
		b.wants("found in time, rotated too late", err, storage.ErrExpired)
		r, err := b.FindRefresh(t.Context(), raw, "web", grace)
		b.wants("a second after it", err, storage.ErrExpired)
		if r != nil {
			t.Error("an expired token was returned")
		}

		_, taken = b.login("sub-1", "web", offline)
		raw, began := taken.RefreshToken, b.clock.Now()
		stale, err := b.FindRefresh(t.Context(), raw, "web", grace)
		b.must(err)
		for b.clock.Now().Add(7*24*time.Hour).Sub(began) < offline.Absolute {
			b.clock.Advance(7 * 24 * time.Hour)
			if raw, err = b.refresh(raw, "web"); err != nil {
				t.Fatalf("%v after the start: %v", b.clock.Now().Sub(began), err)
			}
		}
		b.clock.Advance(began.Add(offline.Absolute + time.Second).Sub(b.clock.Now()))
		_, err = b.refresh(raw, "web")
		b.wants("many refreshes do not slide the absolute limit", err, storage.ErrExpired)
		_, err = b.RotateRefresh(t.Context(), actor, stale, grace, storage.GrantUpdate{})
		b.wants("nor does a token that was found in time", err, storage.ErrExpired)

		b.clock.Advance(48 * time.Hour)
		_, err = b.Sweep(t.Context())
		b.must(err)
		_, err = b.refresh(raw, "web")
		b.wants("the janitor removed the rows", err, storage.ErrNotFound)
	})
}

func TestT06_EveryByteOfARefreshTokenCounts(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, one := b.login("sub-1", "web", offline)
		_, two := b.login("sub-2", "web", offline)
		raw := one.RefreshToken
		refused := func(why, raw string) {
			t.Helper()
			if _, err := b.FindRefresh(t.Context(), raw, "web", grace); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%s: %q: got %v, want ErrNotFound", why, raw, err)
			}
			if _, err := b.GrantByRefresh(t.Context(), raw); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%s at revocation: %q: %v", why, raw, err)
			}
		}
		for i := range raw {
			for _, c := range []byte("AZaz09-_. =\n\x00\xff") {
				if raw[i] != c {
					refused("changed", raw[:i]+string(rune(c))+raw[i+1:])
				}
			}
			refused("cut", raw[:i])
			refused("one left out", raw[:i]+raw[i+1:])
			refused("one put in", raw[:i]+"A"+raw[i:])
		}
		for i := range 256 { // the last character has bits to spare: only one spelling is ours
			if mutant := raw[:len(raw)-1] + string([]byte{byte(i)}); mutant != raw {
				refused("another last byte", mutant)
			}
		}
		cut := func(s string) []string { return strings.Split(strings.TrimPrefix(s, "hsr_"), ".") }
		p, q := cut(raw), cut(two.RefreshToken)
		for why, s := range map[string]string{
			"upper case":                strings.ToUpper(raw),
			"the family of another":     "hsr_" + q[0] + "." + p[1] + "." + p[2],
			"the MAC of another":        "hsr_" + p[0] + "." + p[1] + "." + q[2],
			"the next generation":       "hsr_" + p[0] + ".2." + p[2],
			"a generation with a zero":  "hsr_" + p[0] + ".01." + p[2],
			"a generation with a sign":  "hsr_" + p[0] + ".+1." + p[2],
			"a huge generation":         "hsr_" + p[0] + ".99999999999999999999." + p[2],
			"generation zero":           "hsr_" + p[0] + ".0." + p[2],
			"padded":                    raw + "=",
			"with a space":              raw + " ",
			"twice":                     raw + raw,
			"a megabyte":                raw + strings.Repeat("A", 1<<20),
			"no MAC":                    "hsr_" + p[0] + "." + p[1] + ".",
			"empty":                     "",
			"only the prefix":           "hsr_",
			"without the prefix":        raw[4:],
			"another prefix":            "hss_" + raw[4:],
			"standard base64":           "hsr_" + strings.NewReplacer("-", "+", "_", "/").Replace(raw[4:]) + "=",
			"SQL in the family":         "hsr_' OR '1'='1'-- aaaaaa." + p[1] + "." + p[2],
			"a newline inside the MAC":  "hsr_" + p[0] + "." + p[1] + "." + p[2][:10] + "\n" + p[2][10:],
			"a newline inside the name": "hsr_" + p[0][:10] + "\n" + p[0][10:] + "." + p[1] + "." + p[2],
		} {
			refused(why, s)
		}
		_, err := b.refresh(raw, "web")
		b.wants("the token itself, after all this", err, nil)
	})
}

func TestRevocationFindsTheGrantByAnyGeneration(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, taken := b.login("sub-1", "web", offline)
		_, err := b.refresh(taken.RefreshToken, "web")
		b.must(err)
		g, err := b.GrantByRefresh(t.Context(), taken.RefreshToken)
		b.must(err)
		if g.ID != taken.Grant.ID || g.ClientID != "web" {
			t.Errorf("grant %+v", g)
		}
		b.must(b.RevokeGrant(t.Context(), actor, g.ID, "client asked"))
		b.must(b.RevokeGrant(t.Context(), actor, g.ID, "client asked"))
		b.must(b.RevokeGrant(t.Context(), actor, "nobody", "client asked"))
		if n := b.audited(storage.AuditGrantRevoked); n != 1 {
			t.Errorf("%d audit rows for one revocation", n)
		}
	})
}

func TestATokenOfAGenerationThatNeverWasIsRefused(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, taken := b.login("sub-1", "web", offline)
		next, err := b.refresh(taken.RefreshToken, "web")
		b.must(err)
		b.must(b.Write(t.Context(), func(ctx contextT, q storage.Runner) error { // last night's backup came back
			_, err := q.ExecContext(ctx, `UPDATE families SET generation = 1`)
			return err
		}))
		_, err = b.refresh(next, "web")
		b.wants("a token from after the backup", err, storage.ErrNotFound)
	})
}
