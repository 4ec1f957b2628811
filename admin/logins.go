package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

// Who signed in, and why or why not.

// mostStats is how far back charts look at once.
const mostStats = 92 * 24 * time.Hour

func (s *Server) logins(c *call) error {
	f := storage.LoginFilter{Client: c.query("client"), Provider: c.query("provider"), Outcome: c.query("outcome"), Q: c.query("q")}
	outcomes := []string{"", storage.LoginSignedIn, storage.LoginRefused, storage.LoginFailed, storage.LoginAbandoned, storage.LoginTest}
	if !slices.Contains(outcomes, f.Outcome) {
		return badRequest("outcome is one of %s", strings.Join(outcomes[1:], ", "))
	}
	var err error
	if f.UserID, err = s.filterUser(c); errors.Is(err, storage.ErrNotFound) {
		return c.json(http.StatusOK, api.Page[api.Login]{Items: []api.Login{}})
	}
	if err != nil {
		return err
	}
	if f.Since, f.Until, err = c.span(); err != nil {
		return err
	}
	if f.Limit, f.Before, err = c.page(); err != nil {
		return err
	}
	all, next, err := s.db.Logins(c.ctx(), f)
	if err != nil {
		return err
	}
	page := api.Page[api.Login]{Items: make([]api.Login, len(all)), Next: c.nextBefore(next)}
	for i := range all {
		page.Items[i] = tellLogin(&all[i])
	}
	return c.json(http.StatusOK, page)
}

// login is one, with everything: what the error page's reference leads to.
func (s *Server) login(c *call) error {
	l, err := s.storedLogin(c.ctx(), c.path("reference"))
	if errors.Is(err, storage.ErrNotFound) {
		return notFound("no login has this reference, or it is past its retention")
	}
	if err != nil {
		return err
	}
	out := tellLogin(l)
	out.Claims, out.Trace = l.Claims, tellTrace(l.Trace)
	var steps []storage.LoginStep
	if len(l.Steps) > 0 {
		if err := json.Unmarshal(l.Steps, &steps); err != nil {
			return err
		}
	}
	for _, step := range steps {
		out.Steps = append(out.Steps, api.LoginStep{AfterMS: step.After, What: step.What, Note: step.Note, Says: says(step, l)})
	}
	out.Fix = s.fix(l)
	return c.json(http.StatusOK, out)
}

// storedLogin reads a login. One that ended just now is still on its way to the book, from
// whatever node: whoever comes from its error page with the reference finds it all the same.
func (s *Server) storedLogin(ctx context.Context, reference string) (*storage.Login, error) {
	for waited := time.Duration(0); ; waited += loginStep {
		l, err := s.db.Login(ctx, reference)
		if !errors.Is(err, storage.ErrNotFound) || waited >= loginWait {
			return l, err
		}
		select {
		case <-time.After(loginStep):
		case <-ctx.Done():
			return nil, err
		}
	}
}

const (
	loginWait = 600 * time.Millisecond // logins are written five times a second
	loginStep = 100 * time.Millisecond
)

func tellLogin(l *storage.Login) api.Login {
	return api.Login{Reference: l.Reference, At: l.At, TookMS: l.Took.Milliseconds(), Client: l.ClientID, Provider: l.Provider, Sub: l.UserSubject,
		Person: l.Person, Subject: l.Subject, Outcome: l.Outcome, Code: l.Code, Cause: l.Cause, Rule: l.Rule, Revision: l.Revision, IP: l.IP, Device: l.Device,
		Asked: some(l.Asked), Scopes: some(l.Scopes), Roles: some(l.Roles)}
}

// some is a list that JSON shows as one, also when there is nothing in it.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// loginStats are counts by hour, for charts.
func (s *Server) loginStats(c *call) error {
	since, until, err := c.span()
	if err != nil {
		return err
	}
	if until.IsZero() {
		until = s.now()
	}
	if since.IsZero() {
		since = until.Add(-24 * time.Hour)
	}
	if until.Sub(since) > mostStats || until.Before(since) {
		return badRequest("since lies before until, by at most 92 days")
	}
	counts, err := s.db.LoginCounts(c.ctx(), since, until)
	if err != nil {
		return err
	}
	out := api.LoginStats{Since: since.UTC(), Until: until.UTC(), Hours: make([]api.LoginCount, len(counts))}
	for i, n := range counts {
		out.Hours[i] = api.LoginCount{Hour: n.Hour, Provider: n.Provider, Client: n.Client, Outcome: n.Outcome, Count: n.Count,
			TookSum: n.TookSum.Milliseconds(), TookMax: n.TookMax.Milliseconds()}
	}
	return c.json(http.StatusOK, out)
}
