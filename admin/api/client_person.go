package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// UserByLogin returns the person with a login name at a provider of kind local; "" is
// the only one. An error that IsNotFound says that nobody has the name.
func (c *Client) UserByLogin(ctx context.Context, provider, login string) (*User, error) {
	page, err := get[Page[User]](ctx, c, "/users", values("login", login, "provider", provider))
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return nil, &Problem{Type: TypeBase + NotFound, Title: "There is no such thing", Status: http.StatusNotFound, Detail: "nobody has this login name"}
	}
	return &page.Items[0], nil
}

// SwitchUser disables or enables a person. The shell may force it for the last owner.
func (c *Client) SwitchUser(ctx context.Context, sub string, disabled bool, reason string, force bool) (*User, error) {
	q := values("reason", reason)
	if force {
		q.Set("force", "true")
	}
	return with[User](ctx, c, call{method: http.MethodPatch, path: person(sub, ""), query: q, body: &UserChange{&disabled}})
}

// SignOut signs a person out everywhere; with apps, also out of those that come back
// without them.
func (c *Client) SignOut(ctx context.Context, sub string, apps bool, reason string) (*Ended, error) {
	return with[Ended](ctx, c, call{method: http.MethodDelete, path: person(sub, "/sessions"), query: values("reason", reason, "offline", strconv.FormatBool(apps))})
}

// AccessAt tells what a person may do at one client and why; "" is Access.
func (c *Client) AccessAt(ctx context.Context, sub, client string) (*Page[Access], error) {
	return get[Page[Access]](ctx, c, person(sub, "/access"), values("client", client))
}

// ForgetConsent makes an app ask a person again; host "" is every address of the app.
func (c *Client) ForgetConsent(ctx context.Context, sub, client, host, reason string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: person(sub, "/consents/"+url.PathEscape(client)), query: values("host", host, "reason", reason)}, nil)
}
