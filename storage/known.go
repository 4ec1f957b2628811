package storage

import (
	"context"
	"fmt"
)

// MakeKnown writes a person into the book who has not signed in: user and identity, no
// session. Their address does not count as verified before their own first sign-in.
// One who is there already stays as they are.
func (d *DB) MakeKnown(ctx context.Context, a Actor, in SignIn) error {
	if in.Subject == "" || len(in.Subject) > 255 || in.NewSubject == "" || in.ProviderID == "" || in.Issuer == "" {
		return fmt.Errorf("make known: provider, issuer and subjects are needed")
	}
	in.EmailVerified = false
	sealed, err := d.sealClaims("identities", identityPlace(in.ProviderID, in.Subject), in.Claims)
	if err != nil {
		return fmt.Errorf("make known: %w", err)
	}
	_, err = write(ctx, d, "make known", func(ctx context.Context, q runner) (none struct{}, err error) {
		_, _, err = d.makeUser(ctx, q, a, in, sealed)
		return none, err
	})
	return err
}
