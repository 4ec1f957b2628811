package broker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"encoding/base64"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// unhurried is the book without its count of tries, which would end the measurement.
type unhurried struct{ providers.Accounts }

func (unhurried) Try(context.Context, string, string, bool) (func(context.Context, bool) error, error) {
	return func(context.Context, bool) error { return nil }, nil
}

// A name that nobody has takes as long as a wrong password, also where the hashes are
// another system's and much cheaper than ours. The measure is that of dudect: Welch's t
// over interleaved samples, the slowest tenth left out. Unequal work shows as a hundred and more.
func TestI20_AnUnknownNameTakesAsLongAsAWrongPassword(t *testing.T) {
	k := newKit(t, withLocal)
	salt, b64 := []byte("0123456789abcdef"), base64.RawStdEncoding
	line, err := password.Import("$argon2id$v=19$m=256,t=1,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(argon2.IDKey([]byte(goodPassword), salt, 1, 256, 1, 32)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		k.member(fmt.Sprint("member", i), func(a *storage.NewAccount) { a.Hash = line })
	}
	kind, _ := providers.Lookup("local")
	p, err := kind.New(t.Context(), providers.Settings{Slug: "local", Accounts: unhurried{broker.Accounts(k.db, "local")}})
	if err != nil {
		t.Fatal(err)
	}
	took := func(name string) float64 {
		began := time.Now()
		_, err := p.Finish(t.Context(), providers.Attempt{}, url.Values{"username": {name}, "password": {"not the right password"}})
		var again *providers.Again
		if !errors.As(err, &again) {
			t.Fatal(err)
		}
		return float64(time.Since(began))
	}
	var names []string // that nobody has; those behind the last account have no neighbour and are rare
	for i := range 400 {
		if _, err := k.db.AccountAt(t.Context(), "local", fmt.Sprint("nobody", i)); err == nil && len(names) < 40 {
			names = append(names, fmt.Sprint("nobody", i))
		}
	}
	var difference float64
	for range 3 { // a busy machine may need another look
		var known, unknown []float64
		for range 1500 {
			one, other := func() { known = append(known, took(fmt.Sprint("member", rand.IntN(40)))) }, func() { unknown = append(unknown, took(names[rand.IntN(len(names))])) }
			if rand.IntN(2) == 0 {
				one, other = other, one
			}
			one()
			other()
		}
		if difference = math.Abs(welch(trimmed(known), trimmed(unknown))); difference < 20 {
			return
		}
	}
	t.Errorf("known and unknown names differ by t = %.1f", difference)
}

func trimmed(samples []float64) []float64 {
	slices.Sort(samples)
	return samples[:len(samples)*9/10]
}

func welch(a, b []float64) float64 {
	ma, va := moments(a)
	mb, vb := moments(b)
	return (ma - mb) / math.Sqrt(va/float64(len(a))+vb/float64(len(b)))
}

func moments(samples []float64) (mean, variance float64) {
	for _, s := range samples {
		mean += s / float64(len(samples))
	}
	for _, s := range samples {
		variance += (s - mean) * (s - mean) / float64(len(samples)-1)
	}
	return mean, variance
}
