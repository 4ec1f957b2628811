package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// explain tells what a login comes to, and why: one with pasted claims, or one that
// happened, by its reference; as things are, or as they would be.
func (s *Server) explain(c *call) error {
	in, err := body[api.ExplainRequest](c)
	if err != nil {
		return err
	}
	q, err := s.question(c, in)
	if err != nil {
		return err
	}
	now := s.book.Current()
	snap, number, err := s.judgeBy(c, in, now)
	if err != nil {
		return err
	}
	what := policy.Counterfactual{AddGroups: in.AddGroups, GroupClaim: in.GroupClaim, Set: in.Set}
	changed, err := what.Apply(*q)
	if err != nil {
		return invalid("%s", err)
	}
	answer, err := policy.Judge(snap, changed)
	if err != nil {
		return invalid("%s", err)
	}
	out := api.Explained{Revision: number, Reference: in.Reference, Answer: answer}
	if !what.Empty() || snap != now.Snapshot {
		// What was impossible before has nothing to compare with: the app may be new in a draft.
		if before, err := policy.Judge(now.Snapshot, *q); err == nil {
			difference := policy.Compare(before, answer)
			out.Before, out.Difference = before, &difference
		}
	}
	return c.json(http.StatusOK, out)
}

// question joins what was asked with the login that it refers to.
func (s *Server) question(c *call, in *api.ExplainRequest) (*policy.Question, error) {
	q := &policy.Question{Provider: in.Provider, Client: in.Client, Claims: in.Claims, Scopes: in.Scopes, Resource: in.Resource, EmailVerified: in.EmailVerified}
	if in.New != nil {
		q.New = *in.New
	}
	if in.Reference != "" {
		login, err := s.storedLogin(c.ctx(), in.Reference)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, notFound("no login has this reference: it may be older than they are kept")
		}
		if err != nil {
			return nil, err
		}
		if q.Provider == "" {
			q.Provider = login.Provider
		}
		if q.Client == "" {
			q.Client = login.ClientID
		}
		if q.Claims == nil {
			q.Claims = login.Claims
		}
		if q.Scopes == nil {
			q.Scopes = login.Asked
		}
		q.UserID, q.UserSubject = login.UserID, login.UserSubject
		if err := s.today(c.ctx(), q, login); err != nil {
			return nil, err
		}
		if q.Claims == nil {
			return nil, invalid("the login ended before the provider said who it is: there is nothing to judge. Its trace says where it ended")
		}
	}
	switch {
	case q.Provider == "" || q.Client == "":
		return nil, invalid("provider and client say which login is meant, or reference")
	case q.Claims == nil:
		return nil, invalid("claims say who it is, or reference")
	}
	return q, nil
}

// today adds what is known of the person now: whether they are switched off, and their
// role where they went to the console.
func (s *Server) today(ctx context.Context, q *policy.Question, login *storage.Login) error {
	if login.UserID != "" {
		u, err := s.db.User(ctx, login.UserID)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		q.UserDisabled = err == nil && u.Disabled
	}
	if q.Client != directory.AdminClient {
		return nil
	}
	role, err := s.db.AdminRole(ctx, login.ProviderID, login.Subject)
	q.AdminRole = role
	return err
}

// judgeBy is the directory to judge by: the active one, an earlier one, or a draft of
// its rules.
func (s *Server) judgeBy(c *call, in *api.ExplainRequest, now *revision.Active) (*directory.Snapshot, int64, error) {
	if in.AsOf < 0 {
		return nil, 0, invalid("as_of is the number of a revision")
	}
	doc, number := now.Document, now.Number
	if in.AsOf != 0 && in.AsOf != number {
		_, old, err := s.readRevision(c, in.AsOf)
		if err != nil {
			return nil, 0, err
		}
		doc, number = *old, in.AsOf
	} else if in.Rules == nil {
		return now.Snapshot, number, nil
	}
	if in.Rules != nil {
		doc.Rules = in.Rules
	}
	snap, problems := directory.Compile(s.issuer, withoutSecrets(doc))
	if len(problems) > 0 {
		return nil, 0, faults(http.StatusUnprocessableEntity, api.Invalid, problems)
	}
	return snap, number, nil
}

// withoutSecrets fills in something for each secret, so that a document can be judged by
// where its secrets are not needed and perhaps gone. What it makes opens nothing: no
// request ever meets it.
func withoutSecrets(d directory.Document) directory.Document {
	d.Providers, d.Clients = slices.Clone(d.Providers), slices.Clone(d.Clients)
	for i := range d.Clients {
		d.Clients[i].Secrets = slices.Clone(d.Clients[i].Secrets)
	}
	_ = d.GiveSecrets(func(_, source string) (providers.Secret, error) { // it cannot fail
		return directory.DigestSecret(providers.Secret("stands for " + source)), nil
	})
	return d
}
