package tokens

import (
	"context"
	"fmt"
	"time"
)

// LogoutTTL is how long a logout token lives: long enough for clocks that differ,
// short enough that an old one is worth nothing (OpenID Connect Back-Channel Logout
// 1.0 §2.4 recommends two minutes at most). Each try to deliver one coins its own.
const LogoutTTL = 2 * time.Minute

// LogoutEvent is the one member of a logout token's events.
const LogoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout is what a logout token says: whose session ended, toward which app.
type Logout struct {
	ClientID  string
	Subject   string // as the app's ID tokens have it
	SessionID string // likewise
	Alg       Alg    // as the app's ID tokens are signed; "" is RS256
}

// Logout coins a logout token. Its type keeps it from being an access token or an ID
// token, it has neither client_id nor scope, and never a nonce.
func (m *Mint) Logout(ctx context.Context, l Logout) (string, error) {
	if m.Issuer == "" || l.ClientID == "" || l.Subject == "" || l.SessionID == "" {
		return "", fmt.Errorf("%w: a logout token needs issuer, client, subject and session", ErrIncomplete)
	}
	k, err := m.Ring.signer(l.Alg, RS256)
	if err != nil {
		return "", err
	}
	iat, ttl := m.span(LogoutTTL, 0, LogoutTTL)
	return coin(ctx, k, k.logoutHeader, iat.Add(ttl), logoutToken{
		Issuer:    m.Issuer,
		Subject:   l.Subject,
		Audience:  l.ClientID,
		Expires:   iat.Add(ttl).Unix(),
		IssuedAt:  iat.Unix(),
		ID:        newJTI(""),
		SessionID: l.SessionID,
		Events:    map[string]struct{}{LogoutEvent: {}},
	}, nil)
}

type logoutToken struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub"`
	Audience  string              `json:"aud"`
	Expires   int64               `json:"exp"`
	IssuedAt  int64               `json:"iat"`
	ID        string              `json:"jti"`
	SessionID string              `json:"sid"`
	Events    map[string]struct{} `json:"events"`
}
