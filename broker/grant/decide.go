package grant

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// Subject is the person and the way they were recognised, as every decision sees them.
type Subject struct {
	User     storage.User
	New      bool // no row yet: this is the first login
	Joins    bool // the identity is new, and joins the account of User
	Provider *directory.Provider
	Claims   map[string]any // everything upstream said
	ClaimsAt time.Time      // when upstream said it; zero while the answer is not stored yet

	AdminRole string // of this identity, asked for only at the console's client; see directory.AdminScopes
}

// Decided is what a client gets for a subject, with the reasons.
type Decided struct {
	Target  directory.Target
	Scopes  []string
	Roles   []string
	Claims  map[string]any // see Facts
	Trace   []byte         // JSON of []mapping.Step
	Errored bool           // a rule could not be worked out
	Basis   string         // directory version, age of the upstream answer and administrator's role: when none changed, neither did the decision
}

// Facts is the layout of storage.Grant.Claims: what a grant carries besides scopes.
const (
	factAccess = "access" // extra access-token claims, made by rules
	factPerson = "person" // standard claims that scopes, id_token_claims and the claims parameter release
	factAsked  = "asked"  // the claims parameter of the request
)

// Decide is directory's decision for a subject, with what a grant keeps of it. It is
// used at login, single sign-on, consent and refresh alike. err tells the app; a nil
// error with a Refusal means that policy said no.
func Decide(s *directory.Snapshot, c *directory.Client, who Subject, resources, scopes []string) (*Decided, *directory.Refusal, *oauth.Error) {
	v, oerr := s.Decide(directory.Visit{Admission: admission(c, who, nil), Asks: Question(c, who), Resources: resources, Scopes: scopes})
	if oerr != nil {
		return nil, nil, oerr
	}
	if v.Refusal != nil {
		return nil, v.Refusal, nil
	}
	d := v.Decision
	trace, err := json.Marshal(telling(d.Trace))
	if err != nil {
		return nil, nil, oauth.E(oauth.ServerError, "the decision could not be recorded").Because(err)
	}
	errored := slices.ContainsFunc(d.Trace, func(s mapping.Step) bool { return s.Errored })
	return &Decided{Errored: errored, Target: v.Target, Scopes: v.Scopes, Roles: d.Roles, Trace: trace,
		Basis: basis(s, who), Claims: map[string]any{factAccess: d.Claims, factPerson: person(who, d.Claims)}}, nil, nil
}

// telling keeps the steps that did something; a rule that did not match can be asked
// again by `explain`, and a thousand of them need not lie in every grant.
func telling(trace []mapping.Step) []mapping.Step {
	return slices.DeleteFunc(slices.Clone(trace), func(s mapping.Step) bool { return !s.Matched && !s.Errored })
}

// basis names what a decision stood on.
func basis(s *directory.Snapshot, who Subject) string {
	on := s.Version() + "@" + strconv.FormatInt(who.ClaimsAt.UnixMicro(), 36)
	if who.AdminRole != "" {
		on += "@" + who.AdminRole
	}
	return on
}

// StillAdmitted asks admit() alone, on paths that give nothing new: user, client and
// provider of a stored grant as they are now. What upstream said is read again only
// where the directory changed since the decision; otherwise it was judged already.
func StillAdmitted(ctx context.Context, db *storage.DB, s *directory.Snapshot, c *directory.Client, g *storage.Grant) (*directory.Refusal, error) {
	p, ok := s.ProviderByID(g.ProviderID)
	if !ok {
		return &directory.Refusal{Code: oauth.AccessDenied, ForPerson: "this provider is gone", ForOperator: "the provider of the grant is gone"}, nil
	}
	who := Subject{User: g.User, Provider: p}
	if !strings.HasPrefix(g.Snapshot, s.Version()+"@") || c.ID == directory.AdminClient {
		id, err := db.Identity(ctx, g.UserID, g.ProviderID)
		if errors.Is(err, storage.ErrNotFound) {
			return &directory.Refusal{Code: oauth.AccessDenied, ForPerson: "please sign in again", ForOperator: "the identity of the grant is gone"}, nil
		}
		if err != nil {
			return nil, Unavailable(err)
		}
		who.Claims = id.Claims
		if who.AdminRole, err = AdminRole(ctx, db, c, g.ProviderID, id.Subject); err != nil {
			return nil, err
		}
	}
	return s.Admit(admission(c, who, nil)), nil
}

// AdminRole looks up what an identity may do at the console; at any other client it is
// nobody's business. It is asked for on every path, so that a role that was taken away
// ends with the next step.
func AdminRole(ctx context.Context, db *storage.DB, c *directory.Client, providerID, subject string) (string, error) {
	if c.ID != directory.AdminClient {
		return "", nil
	}
	role, err := db.AdminRole(ctx, providerID, subject)
	if err != nil {
		return "", Unavailable(err)
	}
	return role, nil
}

// Question is what rules are asked about a person at a client.
func Question(c *directory.Client, who Subject) mapping.Input {
	return mapping.Input{Claims: who.Claims, ProviderSlug: who.Provider.Slug, ProviderKind: who.Provider.Kind, ClientID: c.ID,
		User: mapping.UserInput{ID: who.User.ID, Subject: who.User.Subject, Name: who.User.Name, Email: who.User.Email,
			EmailVerified: who.User.EmailVerified, New: who.New}}
}

func admission(c *directory.Client, who Subject, d *mapping.Decision) directory.Admission {
	return directory.Admission{UserID: who.User.ID, UserDisabled: who.User.Disabled, Provider: who.Provider, Client: c,
		Claims: who.Claims, Email: who.User.Email, EmailVerified: who.User.EmailVerified, Decision: d, AdminRole: who.AdminRole}
}

func accessClaims(g *storage.Grant) map[string]any {
	m, _ := g.Claims[factAccess].(map[string]any)
	return m
}

func join(scopes []string) string { return strings.Join(scopes, " ") }
