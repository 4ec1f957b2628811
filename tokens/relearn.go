package tokens

import (
	"context"
	"errors"
)

// Relearning finds keys in memory and, for one that is not there, reads them anew: where
// several nodes share their keys, another may have made it a moment ago.
type Relearning struct {
	Keys KeyFinder
	// Again reads the keys anew and tells whether it did. It bounds how often it does:
	// anybody can send a token with a kid that nobody has.
	Again func(ctx context.Context) bool
}

// FindKey implements KeyFinder.
func (r *Relearning) FindKey(ctx context.Context, kid string) (PublicKey, error) {
	k, err := r.Keys.FindKey(ctx, kid)
	if errors.Is(err, ErrUnknownKey) && r.Again(ctx) {
		return r.Keys.FindKey(ctx, kid)
	}
	return k, err
}
