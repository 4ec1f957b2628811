package tokens

import (
	"context"
	"time"
)

// Mint coins tokens for one issuer.
type Mint struct {
	Issuer string
	Ring   *Ring
	Now    func() time.Time // nil is time.Now

	AccessTTL time.Duration // 0 is 5 minutes
	IDTTL     time.Duration // 0 is 10 minutes
}

// Access coins an access token (RFC 9068) and says how long it lives.
func (m *Mint) Access(ctx context.Context, g Granted) (raw string, ttl time.Duration, err error) {
	return "", 0, errUnfinished
}

// ID coins an ID token (OpenID Connect Core §2).
func (m *Mint) ID(ctx context.Context, g Granted, id IDToken) (string, error) {
	return "", errUnfinished
}
