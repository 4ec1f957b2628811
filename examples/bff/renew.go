package bff

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// spare is how long an access token must still be good for when it is used.
const spare = 10 * time.Second

// errOver says that the broker refused to renew: the session is over.
var errOver = errors.New("the session is over")

// renewal is one refresh under way. Everybody who needs it waits for its end.
type renewal struct {
	done chan struct{}
	err  error
}

// access returns an access token that is good for a while yet.
func (a *app) access(ctx context.Context, s *session) (string, error) {
	t, _ := s.now()
	if a.Now().Add(spare).Before(t.expires) {
		return t.access, nil
	}
	if err := a.renew(ctx, s); err != nil {
		return "", err
	}
	t, _ = s.now()
	return t.access, nil
}

// renew spends the refresh token. It is good for one use, and a second one counts
// as a theft (RFC 9700 §4.14.2): so one refresh at a time, whose outcome all share.
func (a *app) renew(ctx context.Context, s *session) error {
	s.mu.Lock()
	r := s.renewing
	if r == nil {
		r = &renewal{done: make(chan struct{})}
		s.renewing = r
		// It goes on when the one who asked goes away: a token half spent is lost.
		go a.spend(context.WithoutCancel(ctx), s, r)
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *app) spend(ctx context.Context, s *session, r *renewal) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	before, _ := s.now()
	fresh, err := a.broker.renew(ctx, before)
	if err != nil {
		a.Logger.Warn("renew", "cause", short(err))
	}
	if errors.Is(err, errOver) {
		a.sessions.end(s)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.tokens, s.renewed = fresh, s.renewed+1
	}
	r.err, s.renewing = err, nil
	close(r.done)
}

// renewNow is the page's button; a session needs none.
func (a *app) renewNow(w http.ResponseWriter, r *http.Request, s *session) {
	if err := a.renew(r.Context(), s); err != nil {
		a.notRenewed(w, r, err)
		return
	}
	send(w, http.StatusOK, s.about(""))
}

// notRenewed tells the page that its session is over, or only that the broker does
// not answer: then the session stays, and the next request tries again.
func (a *app) notRenewed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errOver) {
		a.cookies.forget(w, r)
		refuse(w, http.StatusUnauthorized, "no_session")
		return
	}
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
}
