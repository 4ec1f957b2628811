package grant

import (
	"context"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/tokens"
)

func init() { Register(clientCredentials{}) }

// clientCredentials gives a client a token for itself (RFC 6749 §4.4). No person is
// behind it: no ID token, no identity scopes, no refresh token (§4.4.3), and nothing is
// written, so that a busy machine costs the database nothing.
type clientCredentials struct{}

func (clientCredentials) Type() string { return directory.GrantClient }

func (clientCredentials) Redeem(_ context.Context, r *Request) (*Proof, error) {
	if refusal := r.Snapshot.AdmitMachine(r.Client); refusal != nil {
		return nil, oauth.E(oauth.UnauthorizedClient, "this client may not use this grant_type").Because(reason(refusal.ForOperator))
	}
	scopes, oerr := oauth.ParseScope(r.Form.Get("scope"))
	if oerr != nil {
		return nil, oerr
	}
	target, oerr := r.Snapshot.MachineTarget(r.Client, r.Form["resource"], scopes)
	if oerr != nil {
		return nil, oerr
	}
	return &Proof{Granted: tokens.Granted{Subject: tokens.MachineSubject(r.Client.ID), ClientID: r.Client.ID, Audience: target.Audience,
		Scopes: target.Scopes, Alg: tokens.Alg(target.Resource.Alg), TTL: r.Desk.Life.Access}}, nil
}
