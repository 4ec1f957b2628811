package grant

import (
	"context"
	"errors"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

func init() { Register(resourceOwnerPassword{}) }

// resourceOwnerPassword trades a person's user name and password for tokens (RFC 6749
// §4.3). OAuth 2.1 has removed it: the app sees the password, and no second factor, no
// upstream and no consent can take part. It is here for an app of one's own that cannot
// open a browser, and exists only where the settings say password_grant for a client.
//
// It is a sign-in whose code never leaves the house: the same rows, limits, audit and
// revocation as that of a browser.
type resourceOwnerPassword struct{}

func (resourceOwnerPassword) Type() string { return directory.GrantPassword }

// Offered keeps the grant out of sight where no client has it.
func (resourceOwnerPassword) Offered(s *directory.Snapshot) bool {
	return s.Offers(directory.GrantPassword)
}

// nowhere stands for the redirect URI of a code that goes nowhere.
const nowhere = "urn:handstamp:password"

func (resourceOwnerPassword) Redeem(ctx context.Context, r *Request) (*Proof, error) {
	name, typed := r.Form.Get("username"), r.Form.Get("password")
	if name == "" || typed == "" {
		return nil, oauth.E(oauth.InvalidRequest, "username and password are needed")
	}
	scopes, oerr := oauth.ParseScope(r.Form.Get("scope"))
	if oerr != nil {
		return nil, oerr
	}
	if _, oerr := r.Snapshot.Target(r.Client, r.Form["resource"], scopes); oerr != nil {
		return nil, oerr
	}
	p, checker := r.passwords()
	if checker == nil {
		return nil, oauth.E(oauth.UnauthorizedClient, "this client may not use this grant_type").Because(reason("its provider of passwords is switched off"))
	}
	id, err := checker.CheckPassword(ctx, name, typed, r.Actor.IP)
	if err != nil {
		return nil, passwordRefused(err)
	}
	r.Seen.Subject = id.Subject
	who, err := r.person(ctx, p, id)
	if err != nil {
		return nil, err
	}
	r.Seen.Who = who
	d, refusal, oerr := Decide(r.Snapshot, r.Client, *who, r.Form["resource"], scopes)
	if oerr != nil {
		return nil, oerr
	}
	r.Seen.Judged, r.Seen.Decided = true, d
	if refusal != nil {
		return nil, oauth.E(oauth.InvalidGrant, wrongPassword).Because(reason(refusal.ForOperator))
	}
	return r.enter(ctx, who, id, d)
}

// wrongPassword is said to everyone who is not let in.
const wrongPassword = "the username and password are not accepted"

// passwords finds the one provider that knows the passwords of the client's people.
func (r *Request) passwords() (*directory.Provider, providers.PasswordChecker) {
	for _, p := range r.Snapshot.ProvidersFor(r.Client) {
		if checker, ok := r.Upstreams[p.Slug].(providers.PasswordChecker); ok {
			return p, checker
		}
	}
	return nil, nil
}

func (r *Request) person(ctx context.Context, p *directory.Provider, id *providers.Identity) (*Subject, error) {
	user, _, err := r.Desk.DB.FindIdentity(ctx, p.InternalID, id.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, oauth.E(oauth.InvalidGrant, wrongPassword).Because(err)
	}
	if err != nil {
		return nil, Unavailable(err)
	}
	who := &Subject{User: *user, Provider: p, Claims: id.Claims}
	who.Learn(id)
	return who, nil
}

// enter writes the sign-in and takes its code at once.
func (r *Request) enter(ctx context.Context, who *Subject, id *providers.Identity, d *Decided) (*Proof, error) {
	now, life, code := r.Desk.Now(), r.Desk.Life, oauth.Hash("code", oauth.NewSecret())
	in := storage.SignIn{StateHash: oauth.Hash("state", oauth.NewSecret()), StateExpires: now.Add(life.Transaction),
		ProviderID: who.Provider.InternalID, Issuer: id.Issuer, Subject: id.Subject, Claims: id.Claims,
		Name: who.User.Name, Email: who.User.Email, EmailVerified: who.User.EmailVerified, PasswordSince: id.PasswordSince,
		Session: storage.NewSession{IDHash: oauth.Hash("session", oauth.NewSecret()), SID: oauth.NewSecret()[:22], AuthTime: id.AuthTime, AMR: id.AMR,
			Idle: life.SessionIdle, ExpiresAt: now.Add(life.SessionAbsolute)}}
	in.Grant = &storage.NewGrant{ID: oauth.NewSecret()[:22], ClientID: r.Client.ID, ProviderID: who.Provider.InternalID, SID: in.Session.SID, Scopes: d.Scopes,
		Audience: d.Target.Audience, Roles: d.Roles, Claims: d.Claims, Trace: d.Trace, Snapshot: d.Basis, AuthTime: id.AuthTime, AMR: id.AMR,
		Code: storage.NewCode{Hash: code, RedirectURI: nowhere, ExpiresAt: now.Add(life.Code)}, Login: r.Actor.RequestID}
	r.Seen.Grant = in.Grant.ID
	_, err := r.Desk.DB.SignIn(ctx, storage.Actor{Kind: "person", ID: who.User.ID, IP: r.Actor.IP, RequestID: r.Actor.RequestID}, in)
	if errors.Is(err, storage.ErrDisabled) || errors.Is(err, storage.ErrNoUser) || errors.Is(err, storage.ErrPasswordChanged) {
		return nil, oauth.E(oauth.InvalidGrant, wrongPassword).Because(err)
	}
	if err != nil {
		return nil, Unavailable(err)
	}
	taken, err := r.Desk.DB.TakeCode(ctx, r.Actor, storage.TakeCode{Hash: code, ClientID: r.Client.ID, RedirectURI: nowhere, Family: r.family()})
	if err != nil {
		return nil, codeRefused(err)
	}
	return r.proof(&taken.Grant, taken.Grant.Scopes, "", taken.RefreshToken), nil
}

// passwordRefused gives every wrong name and password the same answer. A *providers.Held
// stays to be found in it: the door says how long to wait.
func passwordRefused(err error) error {
	var held *providers.Held
	switch {
	case errors.Is(err, providers.ErrWrong):
		return oauth.E(oauth.InvalidGrant, wrongPassword).Because(err)
	case errors.As(err, &held):
		e := oauth.E(oauth.TemporarilyUnavailable, "too many failed attempts, please wait").Because(err)
		e.Status = 429
		return e
	}
	return Unavailable(err)
}
