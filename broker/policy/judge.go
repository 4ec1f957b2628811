package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

// Explained stands for the user's id and subject where no user is known.
const Explained = "explained"

// Judge answers a question. An error means that it cannot be answered: no such
// provider or client, or a request that the app could not even make.
func Judge(s *directory.Snapshot, q Question) (*Answer, error) {
	visit, user, err := q.visit(s)
	if err != nil {
		return nil, err
	}
	v, oerr := s.Explain(visit)
	if oerr != nil {
		return nil, fmt.Errorf("the app's request would be refused: %s (%s)", oerr.Description, oerr.Code)
	}
	a := &Answer{Provider: q.Provider, Client: q.Client, User: user, Decision: v.Decision, Asked: visit.Scopes, Scopes: []string{}, Missing: []Missing{}, Audience: v.Target.Audience}
	if r := v.Refusal; r != nil {
		a.Refusal = &Refusal{r.Code, r.ForPerson, r.ForOperator}
	} else {
		a.Admitted, a.Scopes = true, v.Scopes
	}
	for _, scope := range visit.Scopes {
		if !slices.Contains(a.Scopes, scope) {
			a.Missing = append(a.Missing, a.missing(s, visit.Client, v.Target, scope))
		}
	}
	return a, nil
}

// visit makes of a question what a login would make of a person.
func (q Question) visit(s *directory.Snapshot) (v directory.Visit, user User, err error) {
	p, ok := s.Provider(q.Provider)
	if !ok {
		return v, user, fmt.Errorf("there is no provider %q%s", q.Provider, listed(s.Providers(), func(p *directory.Provider) string { return p.Slug }))
	}
	c, ok := clientOf(s, q.Client)
	if !ok {
		return v, user, fmt.Errorf("there is no client %q%s", q.Client, listed(s.Clients(), func(c *directory.Client) string { return c.ID }))
	}
	user = q.user(p)
	v.Asks = mapping.Input{Claims: q.Claims, ProviderSlug: p.Slug, ProviderKind: p.Kind, ClientID: c.ID,
		User: mapping.UserInput{ID: cmp.Or(q.UserID, Explained), Subject: cmp.Or(q.UserSubject, Explained), Name: user.Name, Email: user.Email,
			EmailVerified: user.EmailVerified, New: q.New}}
	v.Admission = directory.Admission{UserID: v.Asks.User.ID, UserDisabled: q.UserDisabled, Provider: p, Client: c, Claims: q.Claims,
		Email: user.Email, EmailVerified: user.EmailVerified, AdminRole: q.AdminRole}
	if q.New {
		v.Admission.UserID = ""
	}
	if v.Scopes = q.Scopes; len(v.Scopes) == 0 {
		v.Scopes = c.Scopes
	}
	if q.Resource != "" {
		v.Resources = []string{q.Resource}
	}
	return v, user, nil
}

// clientOf finds an app, or one of the broker's own two.
func clientOf(s *directory.Snapshot, id string) (*directory.Client, bool) {
	switch id {
	case directory.AdminClient:
		return s.Admin(), true
	case directory.AccountClient:
		return s.Account(), true
	}
	return s.Client(id)
}

// user is what a login would know of the person. The lengths are those of grant's Learn.
func (q Question) user(p *directory.Provider) User {
	u := User{New: q.New}
	if name, ok := q.Claims["name"].(string); ok && len(name) <= 256 {
		u.Name = name
	}
	if email, ok := q.Claims["email"].(string); ok && len(email) <= 254 {
		u.Email = email
	}
	if q.EmailVerified != nil {
		u.EmailVerified, u.Why = *q.EmailVerified, "it was given with the question"
		return u
	}
	u.EmailVerified, u.Why = providers.JudgeEmail(p.Settings(), q.Claims)
	return u
}

// listed names what there is, as far as somebody would read it.
func listed[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	slices.Sort(names)
	more := ""
	if len(names) > 20 {
		names, more = names[:20], ", …"
	}
	if len(names) == 0 {
		return ""
	}
	return "; there are: " + strings.Join(names, ", ") + more
}

// missing tells why a scope that was asked for is not given.
func (a *Answer) missing(s *directory.Snapshot, c *directory.Client, target directory.Target, scope string) Missing {
	m := Missing{Scope: scope}
	owner, owned := s.ScopeOwner(scope)
	switch {
	case !a.Admitted:
		m.Why = "the person is not admitted"
	case !c.MayAsk(scope) && !owned && !directory.IsIdentityScope(scope):
		m.Why = "there is no such scope"
	case !c.MayAsk(scope):
		m.Why = "the client may not ask for it: its scopes do not list it"
	case owned && (target.Resource == nil || target.Resource.ID != owner.ID):
		m.Why = "it belongs to " + owner.ID + ", and the token is for " + strings.Join(target.Audience, " and ")
	default:
		m.Rules = s.Rules().Giving(scope)
		m.Why = a.notGiven(m.Rules)
	}
	return m
}

// notGiven tells of each rule that gives a scope to others why it did not here.
func (a *Answer) notGiven(rules []string) string {
	if c := a.Client; c == directory.AdminClient {
		return "the person's role as an administrator does not give it"
	}
	if len(rules) == 0 {
		return "no rule gives it to anybody"
	}
	var why []string
	for _, step := range a.Decision.Trace {
		if slices.Contains(rules, step.Rule) && len(why) < 5 {
			why = append(why, fmt.Sprintf("%q did not: %s", step.Rule, cmp.Or(step.Why, "it does not apply")))
		}
	}
	return "no rule gives it to this person; " + strings.Join(why, "; ")
}
