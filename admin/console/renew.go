package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// spare is how long an access token must still be good for when it is used.
const spare = 20 * time.Second

// renewals lets one refresh at a time spend a refresh token, whose outcome all share: two
// tabs that come back from lunch must not look like a theft (RFC 9700 §4.14.2).
type renewals struct {
	mu   sync.Mutex
	now  func() time.Time
	rows map[string]*renewal // by the refresh token that is spent
}

type renewal struct {
	done  chan struct{}
	got   *tokens
	err   error
	began time.Time
}

// renewalKept is how long a late tab finds what another one got.
const renewalKept = time.Minute

func newRenewals(now func() time.Time) *renewals {
	return &renewals{now: now, rows: map[string]*renewal{}}
}

// renew makes sure that the session's access token is good for a while yet.
func (c *Console) renew(v *visit) error {
	s := v.session
	if c.Now().Add(spare).Before(s.Expires) || s.Link {
		return nil
	}
	if s.Refresh == "" {
		if c.Now().Before(s.Expires) {
			return nil
		}
		return errSignedOut
	}
	r := c.renewals.join(s.Refresh, func() (*tokens, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(onBehalf(v.r)), 20*time.Second)
		defer cancel()
		return c.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.Refresh}})
	})
	select {
	case <-r.done:
	case <-v.r.Context().Done():
		return v.r.Context().Err()
	}
	if r.err != nil {
		if e, ok := errors.AsType[*oauthError](r.err); ok && refused(e) {
			v.cause = r.err
			return errSignedOut
		}
		return r.err
	}
	s.Access, s.Expires = r.got.Access, r.began.Add(time.Duration(r.got.Expires)*time.Second)
	if r.got.Refresh != "" {
		s.Refresh = r.got.Refresh
	}
	if r.got.ID != "" {
		s.IDToken = r.got.ID
	}
	if !c.jar.setSession(v.w, s) {
		return errors.New("the session does not fit into a cookie")
	}
	return nil
}

// join finds the renewal of a token or begins it.
func (r *renewals) join(token string, spend func() (*tokens, error)) *renewal {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for key, row := range r.rows {
		if now.Sub(row.began) > renewalKept {
			delete(r.rows, key)
		}
	}
	if row := r.rows[token]; row != nil {
		return row
	}
	row := &renewal{done: make(chan struct{}), began: now}
	r.rows[token] = row
	go func() { // it goes on when the one who asked goes away: a token half spent is lost
		defer close(row.done)
		row.got, row.err = spend()
		if e, ok := errors.AsType[*oauthError](row.err); row.err != nil && !(ok && refused(e)) { // the next one may try again
			r.mu.Lock()
			delete(r.rows, token)
			r.mu.Unlock()
		}
	}()
	return row
}

// refused tells an answer that will not be another one (RFC 6749 §5.2).
func refused(e *oauthError) bool {
	return e.status == http.StatusBadRequest || e.status == http.StatusUnauthorized
}
