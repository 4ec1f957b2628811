package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/storage"
)

// What a person holds: sessions in browsers, apps that come back without them, and what
// they agreed to; and why an app may do what it may.

func (s *Server) listSessions(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	all, err := s.db.SessionsOf(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.Page[api.Session]{Items: s.tellSessions(all)})
}

func (s *Server) tellSessions(all []storage.Session) []api.Session {
	out := make([]api.Session, len(all))
	for i, one := range all {
		slug, _ := s.slugOf(one.ProviderID)
		out[i] = api.Session{SID: one.SID, Provider: slug, Device: one.Device, IP: one.IP, AuthTime: one.AuthTime, ACR: one.ACR, AMR: one.AMR,
			CreatedAt: one.CreatedAt, LastSeen: one.LastSeenAt, ExpiresAt: one.ExpiresAt}
	}
	return out
}

// endSession signs a person out in one browser.
func (s *Server) endSession(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	err = s.db.EndSessionOf(c.ctx(), c.actor(), u.ID, c.path("sid"))
	if errors.Is(err, storage.ErrNotFound) {
		return notFound("this person has no such session")
	}
	if err != nil {
		return err
	}
	return c.empty()
}

// endSessions signs a person out everywhere. With offline=true the apps that would come
// back without them lose that, too.
func (s *Server) endSessions(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	end := s.db.EndSessionsOf
	if c.flag("offline") {
		end = s.db.EndEverythingOf
	}
	n, err := end(c.ctx(), c.actor(), u.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.Ended{Sessions: n})
}

// listAccess tells what a person may do at each client and for which reasons: what a
// login would come to today, and what the client holds. client=ID asks about one.
func (s *Server) listAccess(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	held, err := s.db.AccessOf(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	consents, err := s.db.Consents(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	only := c.query("client")
	var judge []*directory.Client
	for _, client := range append(s.snapshot().Clients(), s.snapshot().Admin()) {
		if (only == "" || client.ID == only) && len(judge) < mostJudged {
			judge = append(judge, client)
		}
	}
	all, err := s.access(c.ctx(), u, held, consents, judge)
	if err != nil {
		return err
	}
	if only != "" {
		if all = slices.DeleteFunc(all, func(a api.Access) bool { return a.Client != only }); len(all) == 0 {
			return notFound("there is no such client")
		}
	}
	return c.json(http.StatusOK, api.Page[api.Access]{Items: all})
}

// mostJudged bounds for how many clients one answer asks the rules. Those of which a
// person has something come in any case; another is asked for by name.
const mostJudged = 100

// access gathers what there is by client: what they hold first, then what the person
// could have at the others that are to be judged.
func (s *Server) access(ctx context.Context, u *storage.User, held []storage.Access, consents []storage.Consent, judge []*directory.Client) ([]api.Access, error) {
	out, at := []api.Access{}, map[string]int{}
	of := func(id string) *api.Access {
		i, there := at[id]
		if !there {
			i = len(out)
			at[id] = i
			client, ok := s.clientOf(id)
			name := id
			if ok {
				name = cmp.Or(client.Name, id)
			}
			out = append(out, api.Access{Client: id, Name: name, Gone: !ok, Holds: []api.Held{}, Consents: []api.Consent{}})
		}
		return &out[i]
	}
	for _, h := range held {
		slug, _ := s.slugOf(h.ProviderID)
		a := of(h.ClientID)
		a.Holds = append(a.Holds, api.Held{Grant: h.GrantID, Provider: slug, Scopes: h.Scopes, Roles: h.Roles, Audience: h.Audience, Offline: h.Offline, Device: h.Device,
			IP: h.IP, FirstIP: h.FirstIP, StartedAt: h.StartedAt, LastUsed: h.LastUsedAt, ExpiresAt: h.ExpiresAt, Trace: tellTrace(h.Trace)})
	}
	for _, one := range consents {
		a := of(one.ClientID)
		a.Consents = append(a.Consents, api.Consent{RedirectHost: one.RedirectHost, Scopes: one.Scopes, CreatedAt: one.CreatedAt, UpdatedAt: one.UpdatedAt})
	}
	for _, client := range judge {
		of(client.ID)
	}
	identities, err := s.db.Identities(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if err := s.judge(ctx, u, identities, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Server) clientOf(id string) (*directory.Client, bool) {
	if id == directory.AdminClient {
		return s.snapshot().Admin(), true
	}
	return s.snapshot().Client(id)
}

// judge asks what a login at a client would come to today, by the identity that was
// used last and that the client takes.
func (s *Server) judge(ctx context.Context, u *storage.User, identities []storage.Identity, a *api.Access) error {
	snap := s.snapshot()
	client, ok := s.clientOf(a.Client)
	if !ok {
		a.Unjudged = "the directory has no such client any more"
		return nil
	}
	a.Unjudged = "this client takes nobody from the providers that know this person"
	for i := range identities {
		one := &identities[i]
		p, ok := snap.ProviderByID(one.ProviderID)
		if !ok || !slices.Contains(snap.ProvidersFor(client), p) {
			continue
		}
		role, err := s.db.AdminRole(ctx, one.ProviderID, one.Subject)
		if err != nil {
			return err
		}
		a.Unjudged = ""
		a.Today, err = policy.Judge(snap, policy.Question{Provider: p.Slug, Client: client.ID, Claims: one.Claims, EmailVerified: &u.EmailVerified,
			UserDisabled: u.Disabled, AdminRole: role, UserID: u.ID, UserSubject: u.Subject})
		if err != nil {
			a.Unjudged = err.Error()
		}
		return nil
	}
	return nil
}

// tellTrace reads the steps that a grant or a login keeps. What cannot be read is left out.
func tellTrace(trace []byte) (steps []mapping.Step) {
	if json.Unmarshal(trace, &steps) != nil {
		return nil
	}
	return steps
}

// endAccess takes from an app what it holds for a person.
func (s *Server) endAccess(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	err = s.db.EndAccess(c.ctx(), c.actor(), u.ID, c.path("client"))
	if errors.Is(err, storage.ErrNotFound) {
		return notFound("this app holds nothing for this person")
	}
	if err != nil {
		return err
	}
	return c.empty()
}

// forgetConsent makes an app ask a person again. With host only what was agreed for it.
func (s *Server) forgetConsent(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	all, err := s.db.Consents(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	any := false
	for _, one := range all {
		if one.ClientID != c.path("client") || c.query("host") != "" && one.RedirectHost != c.query("host") {
			continue
		}
		any = true
		if err := s.db.ForgetConsent(c.ctx(), c.actor(), u.ID, one.ClientID, one.RedirectHost); err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	if !any {
		return notFound("this person agreed to nothing there")
	}
	return c.empty()
}
