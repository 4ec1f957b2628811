package tokens

import (
	"context"
	"errors"
	"time"
)

var errUnfinished = errors.New("being written")

// The reasons for which a token is refused. Each one is ErrInvalid too.
var (
	ErrInvalid  = errors.New("the token is not valid")
	ErrExpired  = errors.New("the token has expired")
	ErrAudience = errors.New("the token is for another audience")
)

// Verifier checks tokens of one issuer.
type Verifier struct {
	Issuer string
	Keys   KeyFinder
	Algs   []Alg
	Leeway time.Duration
	Now    func() time.Time
}

// Access verifies an access token that is meant for audience.
func (v *Verifier) Access(ctx context.Context, raw, audience string) (*Claims, error) {
	return nil, errUnfinished
}

// IDHint verifies an ID token of our own that comes back as a hint.
func (v *Verifier) IDHint(ctx context.Context, raw string) (*Claims, error) {
	return nil, errUnfinished
}

// GrantID is the grant that a token came from: jti up to its last dot.
func (c *Claims) GrantID() string { return "" }

// ReservedClaim tells whether a claim name belongs to the Mint.
func ReservedClaim(name string) bool { return false }
