package tokens

import (
	"context"
	"errors"
	"testing"
	"time"
)

// simulation is a broker whose keys rotate, and the clock of the world.
type simulation struct {
	t    *testing.T
	now  time.Time
	p    Policy
	keys []*Key
	ring *Ring
	mint *Mint
}

func simulate(t *testing.T, p Policy) *simulation {
	s := &simulation{t: t, now: noon, p: p}
	s.plan()
	s.mint = &Mint{Issuer: testIssuer, Ring: s.ring, Now: func() time.Time { return s.now }, AccessTTL: MaxTTL}
	return s
}

// plan runs the policy, as a broker's janitor does now and then.
func (s *simulation) plan() (changed bool) {
	s.t.Helper()
	next, changed, err := s.p.Plan(s.now, s.keys)
	if err != nil {
		s.t.Fatal(err)
	}
	s.keys = next
	if s.ring == nil {
		s.ring, err = NewRing(next...)
	} else {
		err = s.ring.Swap(next)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return changed
}

func (s *simulation) count(state State) (n int) {
	for _, k := range s.keys {
		if k.State == state {
			n++
		}
	}
	return n
}

// cachingAPI verifies with a key set that it fetches once an hour, whatever
// happens: the most stubborn cache that is common.
type cachingAPI struct {
	s       *simulation
	set     KeySet
	fetched time.Time
}

func (a *cachingAPI) FindKey(ctx context.Context, kid string) (PublicKey, error) {
	if a.set == nil || a.s.now.Sub(a.fetched) >= time.Hour {
		body, _ := a.s.ring.JWKS()
		set, err := ParseKeySet(body)
		if err != nil {
			a.s.t.Fatal(err)
		}
		a.set, a.fetched = set, a.s.now
	}
	return a.set.FindKey(ctx, kid)
}

func TestT16_AnAPIThatCachesKeysNeverFailsThroughFiftyRotations(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256}, Every: 6 * time.Hour, KeepAfter: 2 * time.Hour})
	api := &cachingAPI{s: s}
	v := &Verifier{Issuer: testIssuer, Keys: api, Now: func() time.Time { return s.now }}

	signed := map[string]bool{}
	type issued struct {
		raw string
		exp time.Time
	}
	var alive []issued
	for step := 0; len(signed) <= 50; step++ {
		if step > 100_000 {
			t.Fatalf("only %d keys have signed", len(signed))
		}
		s.plan()
		k, err := s.ring.signer(ES256, ES256)
		if err != nil {
			t.Fatal(err)
		}
		if !signed[k.ID] && len(signed) > 0 {
			if ahead := s.now.Sub(k.CreatedAt); ahead < DefaultPublishAhead {
				t.Fatalf("rotation %d: the key was published only %s before it signed", len(signed), ahead)
			}
		}
		signed[k.ID] = true
		raw := access(t, s.mint, alice())
		alive = append(alive, issued{raw, s.now.Add(MaxTTL - time.Minute)})
		kept := alive[:0]
		for _, token := range alive {
			if s.now.After(token.exp) {
				continue
			}
			kept = append(kept, token)
		}
		alive = kept
		for _, token := range []issued{alive[0], alive[len(alive)-1]} {
			if _, err := v.Access(context.Background(), token.raw, testAudience); err != nil {
				t.Fatalf("after %d rotations, at %s: %v", len(signed)-1, s.now, err)
			}
		}
		if n := len(s.keys); n > 4 {
			t.Fatalf("%d keys are kept", n)
		}
		s.now = s.now.Add(7*time.Minute + 13*time.Second)
	}
}

func TestT16_TheFirstStartSignsAtOnce(t *testing.T) {
	s := simulate(t, Policy{})
	if got := s.ring.Algs(); len(got) != 2 || got[0] != ES256 || got[1] != RS256 {
		t.Errorf("the first start can sign with %v", got)
	}
	if s.plan() {
		t.Error("a second look changes nothing")
	}
}

func TestT16_ThePlanDoesNotTouchTheGivenKeys(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256}})
	before := *s.keys[0]
	if _, changed, err := s.p.Plan(s.now.Add(2*DefaultRotateEvery), s.keys); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if *s.keys[0] != before {
		t.Errorf("was %+v, is %+v", &before, s.keys[0])
	}
}

func TestT17_ARemovedActiveKeyIsReplacedAtOnce(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256}})
	s.now = s.now.Add(DefaultRotateEvery - time.Minute)
	s.plan() // now there is a next key
	if s.count(Next) != 1 {
		t.Fatalf("keys %v", s.keys)
	}
	bad, next := s.keys[0], s.keys[1]
	bad.State = Gone
	s.plan()
	if k, err := s.ring.signer(ES256, ES256); err != nil || k.ID != next.ID {
		t.Errorf("the published next key should sign: %v", err)
	}
	if _, err := s.ring.FindKey(context.Background(), bad.ID); !errors.Is(err, ErrUnknownKey) {
		t.Error("the compromised key still verifies")
	}
}

func TestT16_AKeyStopsBeingPublishedOnlyAfterItsTokensExpired(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256}, Every: 24 * time.Hour, KeepAfter: 2 * time.Hour})
	old := s.keys[0].ID
	s.now = s.now.Add(24 * time.Hour)
	s.plan() // nobody looked for a day: the next key is made only now
	if k, _ := s.ring.signer(ES256, ES256); k.ID != old || s.count(Next) != 1 {
		t.Fatalf("an unpublished key may not sign: %v", s.keys)
	}
	access(t, s.mint, alice()) // the old key helps out beyond its time
	s.now = s.now.Add(DefaultPublishAhead)
	s.plan()
	if s.count(Retiring) != 1 || s.count(Active) != 1 || s.count(Next) != 0 {
		t.Fatalf("keys %v", s.keys)
	}
	s.now = s.now.Add(2*time.Hour - time.Second)
	if s.plan() {
		t.Errorf("too early: %v", s.keys)
	}
	s.now = s.now.Add(time.Second)
	if !s.plan() || s.count(Gone) != 1 {
		t.Fatalf("too late: %v", s.keys)
	}
	if _, err := s.ring.FindKey(context.Background(), old); !errors.Is(err, ErrUnknownKey) {
		t.Error("a key that is gone still verifies")
	}
	if !s.plan() || len(s.keys) != 1 {
		t.Errorf("a key that was said to be gone is left out: %v", s.keys)
	}
}

func TestABrokerThatWasOffForAYearSignsAtOnce(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256}})
	s.now = s.now.Add(365 * 24 * time.Hour)
	s.plan()
	access(t, s.mint, alice())
}

func TestAnAlgorithmThatIsNoLongerConfiguredRetires(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256, EdDSA}})
	s.p.Algs = []Alg{ES256}
	if !s.plan() || s.count(Retiring) != 1 || s.count(Active) != 1 {
		t.Errorf("keys %v", s.keys)
	}
	s.p.Algs = []Alg{ES256, PS256}
	if !s.plan() || s.count(Active) != 2 {
		t.Errorf("a new algorithm starts at once: %v", s.keys)
	}
}

func TestTwoActiveKeysAreClearedUp(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256}})
	extra, err := NewKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	extra.CreatedAt, extra.ActiveAt = s.now.Add(time.Second), s.now
	s.keys = append(s.keys, extra)
	s.plan()
	if k, _ := s.ring.signer(ES256, ES256); k.ID != extra.ID || s.count(Retiring) != 1 {
		t.Errorf("the newest stays: %v", s.keys)
	}
}

func TestAPolicyThatCouldNotKeepItsPromiseIsRefused(t *testing.T) {
	for why, p := range map[string]Policy{
		"signs for less than it waits": {Every: time.Hour},
		"forgets keys too early":       {KeepAfter: time.Hour},
		"unknown algorithm":            {Algs: []Alg{"HS256"}},
		"none":                         {Algs: []Alg{"none"}},
		"an algorithm twice":           {Algs: []Alg{ES256, ES256}},
	} {
		if _, _, err := p.Plan(noon, nil); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestARotationByHandBeginsAtOnce(t *testing.T) {
	s := simulate(t, Policy{Algs: []Alg{ES256, RS256}})
	old := map[Alg]*Key{}
	for _, k := range s.keys {
		old[k.Alg] = k
	}
	s.now = s.now.Add(7*24*time.Hour + 987654321*time.Nanosecond) // no database keeps that, and nothing may depend on it
	rotate := func(alg Alg, atOnce bool) (changed bool) {
		t.Helper()
		next, changed, err := s.p.Rotate(s.now, s.keys, alg, atOnce)
		if err != nil {
			t.Fatal(err)
		}
		s.keys = next
		return changed
	}
	if !rotate(ES256, false) || s.count(Active) != 2 || s.count(Next) != 1 {
		t.Fatalf("%+v", s.keys)
	}
	for _, k := range s.keys {
		switch {
		case k.State == Next && (k.Alg != ES256 || !k.ActiveAt.Equal(s.now.Truncate(time.Second).Add(DefaultPublishAhead))):
			t.Errorf("the next key is %+v", k)
		case k.State == Active && !k.ActiveAt.Equal(old[k.Alg].ActiveAt):
			t.Errorf("a key that signs since %v says %v", old[k.Alg].ActiveAt, k.ActiveAt)
		case k.State == Active && k.Alg == ES256 && !k.RetireAt.Equal(s.now.Truncate(time.Second).Add(DefaultPublishAhead)):
			t.Errorf("it signs until %v", k.RetireAt)
		}
	}
	if rotate(ES256, false) || len(s.keys) != 3 {
		t.Error("a second rotation made another key beside the one that waits")
	}
	s.now = s.now.Add(DefaultPublishAhead + time.Second)
	if !s.plan() || s.count(Active) != 2 || s.count(Retiring) != 1 || s.count(Next) != 0 {
		t.Errorf("when its time has come: %+v", s.keys)
	}

	before := map[string]bool{}
	for _, k := range s.keys {
		before[k.ID] = true
	}
	if !rotate("", true) || len(s.keys) != 2 || s.count(Active) != 2 {
		t.Fatalf("%+v", s.keys)
	}
	for _, k := range s.keys {
		if before[k.ID] {
			t.Errorf("%s leaked, and is still there", k.ID)
		}
	}
	if _, _, err := (Policy{Algs: []Alg{"none"}}).Rotate(s.now, s.keys, "", false); !errors.Is(err, ErrPolicy) {
		t.Error(err)
	}
}
