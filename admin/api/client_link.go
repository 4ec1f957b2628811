package api

import (
	"context"
	"net/http"
)

// TakeLink uses an owner's link up and gives its session. The caller needs no token: the
// link is the proof.
func (c *Client) TakeLink(ctx context.Context, token string) (*LinkSession, error) {
	return with[LinkSession](ctx, c, call{method: http.MethodPost, path: "/admin-links/take", body: &TakenLink{token}})
}

// EndLinkSession ends the session of the caller's own link.
func (c *Client) EndLinkSession(ctx context.Context) error {
	return c.do(ctx, call{method: http.MethodDelete, path: "/admin-links/session"}, nil)
}
