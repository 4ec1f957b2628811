package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// LoginFilter narrows a list of logins.
type LoginFilter struct {
	ListOptions
	Client, Provider, Outcome string
	User                      string // sub
	Q                         string // part of the person, or a whole reference, subject or sub
	Since, Until              time.Time
}

// AuditFilter narrows a list of audit rows.
type AuditFilter struct {
	ListOptions
	Actor, Action, Target string
	User                  string // sub: what was done to this person, instead of Target
	Since, Until          time.Time
}

// NoticeFilter narrows a list of notices.
type NoticeFilter struct {
	ListOptions
	Client, Outcome, User string
}

// Logins lists recorded logins, the newest first. A page may be short and still have a
// next one.
func (c *Client) Logins(ctx context.Context, f LoginFilter) (*Page[Login], error) {
	return get[Page[Login]](ctx, c, "/logins", f.values("client", f.Client, "provider", f.Provider, "outcome", f.Outcome, "user", f.User,
		"q", f.Q, "since", moment(f.Since), "until", moment(f.Until)))
}

// Login returns one by the reference that the error page showed.
func (c *Client) Login(ctx context.Context, reference string) (*Login, error) {
	return get[Login](ctx, c, "/logins/"+url.PathEscape(reference), nil)
}

// LoginStats counts logins by hour.
func (c *Client) LoginStats(ctx context.Context, since, until time.Time) (*LoginStats, error) {
	return get[LoginStats](ctx, c, "/logins/stats", values("since", moment(since), "until", moment(until)))
}

// AuditRows lists who did what, the newest first.
func (c *Client) AuditRows(ctx context.Context, f AuditFilter) (*Page[Audit], error) {
	return get[Page[Audit]](ctx, c, "/audit", f.auditValues())
}

// ExportAudit streams the audit as JSON lines, each an Audit. The caller closes it.
func (c *Client) ExportAudit(ctx context.Context, f AuditFilter) (io.ReadCloser, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: "/audit/export", query: f.auditValues()})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// VerifyAudit checks that no row of the audit was changed or taken away.
func (c *Client) VerifyAudit(ctx context.Context) (*AuditReport, error) {
	return get[AuditReport](ctx, c, "/audit/verify", nil)
}

// LogoutNotices lists what apps were told of ended sessions.
func (c *Client) LogoutNotices(ctx context.Context, f NoticeFilter) (*Page[Notice], error) {
	return get[Page[Notice]](ctx, c, "/logout-notices", f.values("client", f.Client, "outcome", f.Outcome, "user", f.User))
}

func (f AuditFilter) auditValues() url.Values {
	return f.values("actor", f.Actor, "action", f.Action, "target", f.Target, "user", f.User, "since", moment(f.Since), "until", moment(f.Until))
}
