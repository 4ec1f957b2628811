package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Users lists people, the newest first. A page may be short and still have a next one.
func (c *Client) Users(ctx context.Context, f UserFilter) (*Page[User], error) {
	q := f.values("q", f.Q)
	if f.Disabled != nil {
		q.Set("disabled", strconv.FormatBool(*f.Disabled))
	}
	return get[Page[User]](ctx, c, "/users", q)
}

// UserFilter narrows a list of people.
type UserFilter struct {
	ListOptions
	Q        string // part of a name or e-mail, or a whole sub
	Disabled *bool
}

// User returns one person.
func (c *Client) User(ctx context.Context, sub string) (*User, error) {
	return get[User](ctx, c, person(sub, ""), nil)
}

// PatchUser changes a person: disables or enables them.
func (c *Client) PatchUser(ctx context.Context, sub string, p UserChange, reason string) (*User, error) {
	return with[User](ctx, c, call{method: http.MethodPatch, path: person(sub, ""), query: values("reason", reason), body: &p})
}

// EraseUser removes a person and everything personal about them.
func (c *Client) EraseUser(ctx context.Context, sub, reason string, force bool) error {
	return c.remove(ctx, person(sub, ""), reason, force, nil)
}

// ExportUser returns everything that is kept about a person.
func (c *Client) ExportUser(ctx context.Context, sub, reason string) (*UserExport, error) {
	return get[UserExport](ctx, c, person(sub, "/export"), values("reason", reason))
}

// Sessions lists where a person is signed in.
func (c *Client) Sessions(ctx context.Context, sub string) (*Page[Session], error) {
	return get[Page[Session]](ctx, c, person(sub, "/sessions"), nil)
}

// EndSessions signs a person out everywhere.
func (c *Client) EndSessions(ctx context.Context, sub, reason string) (*Ended, error) {
	out := &Ended{}
	return out, c.remove(ctx, person(sub, "/sessions"), reason, false, out)
}

// EndSession signs a person out of one browser.
func (c *Client) EndSession(ctx context.Context, sub, sid, reason string) error {
	return c.remove(ctx, person(sub, "/sessions/"+url.PathEscape(sid)), reason, false, nil)
}

// Access lists what apps hold for a person, and why.
func (c *Client) Access(ctx context.Context, sub string) (*Page[Access], error) {
	return get[Page[Access]](ctx, c, person(sub, "/access"), nil)
}

// EndAccess takes it from one app.
func (c *Client) EndAccess(ctx context.Context, sub, clientID, reason string) error {
	return c.remove(ctx, person(sub, "/access/"+url.PathEscape(clientID)), reason, false, nil)
}

// Identities lists the ways in which a person is known.
func (c *Client) Identities(ctx context.Context, sub string) (*Page[Identity], error) {
	return get[Page[Identity]](ctx, c, person(sub, "/identities"), nil)
}

// Link gives a person one, which nobody has, or which it takes from the person whose sub
// is from.
func (c *Client) Link(ctx context.Context, sub, provider, subject, from, reason string) (*Identity, error) {
	return with[Identity](ctx, c, call{method: http.MethodPut, path: person(sub, "/identities/"+url.PathEscape(provider)+"/"+Key(subject)), query: values("reason", reason), body: IdentityHolder{From: from}})
}

// Unlink takes one away.
func (c *Client) Unlink(ctx context.Context, sub, provider, subject, reason string, force bool) error {
	return c.remove(ctx, person(sub, "/identities/"+url.PathEscape(provider)+"/"+Key(subject)), reason, force, nil)
}

// AddUser makes a person at a provider of kind local.
func (c *Client) AddUser(ctx context.Context, u NewUser, reason string) (*MadeUser, error) {
	return with[MadeUser](ctx, c, call{method: http.MethodPost, path: "/users", query: values("reason", reason), body: &u})
}

// Invite makes a link with which a person chooses a new password.
func (c *Client) Invite(ctx context.Context, sub, reason string) (*Invitation, error) {
	return with[Invitation](ctx, c, call{method: http.MethodPost, path: person(sub, "/invitation"), query: values("reason", reason)})
}

// SetPassword gives a person a new password; one is drawn where none is given.
func (c *Client) SetPassword(ctx context.Context, sub string, p NewPassword, reason string) (*NewPassword, error) {
	return with[NewPassword](ctx, c, call{method: http.MethodPut, path: person(sub, "/password"), query: values("reason", reason), body: &p})
}

// SetSecondFactor gives a person a new secret for an authenticator app.
func (c *Client) SetSecondFactor(ctx context.Context, sub, reason string) (*SecondFactor, error) {
	return with[SecondFactor](ctx, c, call{method: http.MethodPost, path: person(sub, "/second-factor"), query: values("reason", reason)})
}

// DropSecondFactor lets a person sign in with the password alone.
func (c *Client) DropSecondFactor(ctx context.Context, sub, reason string) error {
	return c.remove(ctx, person(sub, "/second-factor"), reason, false, nil)
}

// ImportUsers takes over people from a file: CSV with a header, or JSON lines. dry only
// looks at it.
func (c *Client) ImportUsers(ctx context.Context, provider string, file io.Reader, dry bool, reason string) (*Imported, error) {
	q := values("provider", provider, "reason", reason)
	if dry {
		q.Set("dry_run", "true")
	}
	return with[Imported](ctx, c, call{method: http.MethodPost, path: "/users/import", query: q, raw: file, kind: "application/octet-stream"})
}

// Admins lists who may administer, owners first.
func (c *Client) Admins(ctx context.Context) (*Page[Admin], error) {
	return get[Page[Admin]](ctx, c, "/admins", nil)
}

// SetAdmin gives an identity a role.
func (c *Client) SetAdmin(ctx context.Context, provider, subject, role, reason string, force bool) error {
	q := values("reason", reason)
	if force {
		q.Set("force", "true")
	}
	return c.do(ctx, call{method: http.MethodPut, path: "/admins/" + url.PathEscape(provider) + "/" + Key(subject), query: q, body: AdminRole{Role: role}}, nil)
}

// NewAdmin is SetAdmin for somebody who may be known from a test sign-in only, see
// AdminRole.Reference.
func (c *Client) NewAdmin(ctx context.Context, provider, subject string, role AdminRole, reason string) error {
	return c.do(ctx, call{method: http.MethodPut, path: "/admins/" + url.PathEscape(provider) + "/" + Key(subject), query: values("reason", reason), body: role}, nil)
}

// RemoveAdmin takes the role away.
func (c *Client) RemoveAdmin(ctx context.Context, provider, subject, reason string, force bool) error {
	return c.remove(ctx, "/admins/"+url.PathEscape(provider)+"/"+Key(subject), reason, force, nil)
}

// NewAdminLink makes a link that gives an owner session once. Only the shell may.
func (c *Client) NewAdminLink(ctx context.Context, reason string) (*AdminLink, error) {
	return with[AdminLink](ctx, c, call{method: http.MethodPost, path: "/admin-links", query: values("reason", reason)})
}

// RevokeAdminLinks ends every link and the sessions that they gave.
func (c *Client) RevokeAdminLinks(ctx context.Context, reason string) (*Ended, error) {
	out := &Ended{}
	return out, c.remove(ctx, "/admin-links", reason, false, out)
}

func (c *Client) remove(ctx context.Context, path, reason string, force bool, out any) error {
	q := values("reason", reason)
	if force {
		q.Set("force", "true")
	}
	return c.do(ctx, call{method: http.MethodDelete, path: path, query: q}, out)
}

func person(sub, rest string) string { return "/users/" + url.PathEscape(sub) + rest }
