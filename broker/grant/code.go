package grant

import (
	"context"
	"errors"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

func init() { Register(authorizationCode{}) }

// authorizationCode redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.6).
type authorizationCode struct{}

func (authorizationCode) Type() string { return "authorization_code" }

func (authorizationCode) Redeem(ctx context.Context, r *Request) (*Proof, error) {
	code := r.Form.Get("code")
	if code == "" {
		return nil, oauth.E(oauth.InvalidRequest, "code is missing")
	}
	take := storage.TakeCode{Hash: oauth.Hash("code", code), ClientID: r.Client.ID, RedirectURI: r.Form.Get("redirect_uri")}
	if r.Form.Has("code_verifier") {
		challenge, ok := oauth.S256(r.Form.Get("code_verifier"))
		if !ok {
			return nil, oauth.E(oauth.InvalidGrant, "the code_verifier does not fit")
		}
		take.Challenge = challenge
	}
	take.Family = r.family()
	taken, err := r.Desk.DB.TakeCode(ctx, r.Actor, take)
	if err != nil {
		if !errors.Is(err, storage.ErrNotFound) {
			r.Seen.Grant, r.Seen.Login, _ = r.Desk.DB.LoginOfCode(ctx, take.Hash) // for the log alone
		}
		return nil, codeRefused(err)
	}
	g := &taken.Grant
	r.Seen.Grant = g.ID
	refusal, err := StillAdmitted(ctx, r.Desk.DB, r.Snapshot, r.Client, g)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, revoke(ctx, r, g.ID, refusal.ForOperator)
	}
	return r.proof(g, g.Scopes, g.Nonce, taken.RefreshToken), nil
}

// codeRefused gives every wrong code the same answer; the cause is for the operator.
func codeRefused(err error) error {
	if errors.Is(err, storage.ErrNoChallenge) {
		return oauth.E(oauth.InvalidRequest, "the authorization request had no code_challenge").Because(err)
	}
	for _, known := range []error{storage.ErrNotFound, storage.ErrMismatch, storage.ErrExpired, storage.ErrUsed, storage.ErrRevoked, storage.ErrDisabled} {
		if errors.Is(err, known) {
			return oauth.E(oauth.InvalidGrant, "the code is not valid").Because(err)
		}
	}
	return Unavailable(err)
}
