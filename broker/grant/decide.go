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
	Provider *directory.Provider
	Claims   map[string]any // everything upstream said
	ClaimsAt time.Time      // when upstream said it; zero while the answer is not stored yet
}

// Decided is what a client gets for a subject, with the reasons.
type Decided struct {
	Target directory.Target
	Scopes []string
	Roles  []string
	Claims map[string]any // see Facts
	Trace  []byte         // JSON of []mapping.Step
	Basis  string         // directory version and age of the upstream answer: when neither changed, neither did the decision
}

// Facts is the layout of storage.Grant.Claims: what a grant carries besides scopes.
const (
	factAccess = "access" // extra access-token claims, made by rules
	factPerson = "person" // standard claims that scopes and id_token_claims release
)

// Decide is the one path from a person to scopes: the rules speak, admit()
// judges, and what remains is requested ∩ client ∩ person. It is used at login,
// single sign-on, consent and refresh alike. err tells the app; a nil error with
// a Refusal means that policy said no.
func Decide(s *directory.Snapshot, c *directory.Client, who Subject, resources, scopes []string) (*Decided, *directory.Refusal, *oauth.Error) {
	target, oerr := s.Target(c, resources, scopes)
	if oerr != nil {
		return nil, nil, oerr
	}
	d, refusal := judge(s, c, who)
	if refusal != nil {
		return nil, refusal, nil
	}
	trace, err := json.Marshal(telling(d.Trace))
	if err != nil {
		return nil, nil, oauth.E(oauth.ServerError, "the decision could not be recorded").Because(err)
	}
	return &Decided{Target: target, Scopes: target.Grantable(d.Scopes), Roles: d.Roles, Trace: trace,
		Basis: basis(s, who.ClaimsAt), Claims: map[string]any{factAccess: d.Claims, factPerson: person(who, d.Claims)}}, nil, nil
}

// telling keeps the steps that did something; a rule that did not match can be asked
// again by `explain`, and a thousand of them need not lie in every grant.
func telling(trace []mapping.Step) []mapping.Step {
	return slices.DeleteFunc(slices.Clone(trace), func(s mapping.Step) bool { return !s.Matched && !s.Errored })
}

// basis names what a decision stood on.
func basis(s *directory.Snapshot, claimsAt time.Time) string {
	return s.Version() + "@" + strconv.FormatInt(claimsAt.UnixMicro(), 36)
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
	if !strings.HasPrefix(g.Snapshot, s.Version()+"@") {
		id, err := db.Identity(ctx, g.UserID, g.ProviderID)
		if errors.Is(err, storage.ErrNotFound) {
			return &directory.Refusal{Code: oauth.AccessDenied, ForPerson: "please sign in again", ForOperator: "the identity of the grant is gone"}, nil
		}
		if err != nil {
			return nil, Unavailable(err)
		}
		who.Claims = id.Claims
	}
	return s.Admit(admission(c, who, nil)), nil
}

func judge(s *directory.Snapshot, c *directory.Client, who Subject) (*mapping.Decision, *directory.Refusal) {
	d := s.Rules().Decide(mapping.Input{Claims: who.Claims, ProviderSlug: who.Provider.Slug, ProviderKind: who.Provider.Kind, ClientID: c.ID,
		User: mapping.UserInput{ID: who.User.ID, Subject: who.User.Subject, Name: who.User.Name, Email: who.User.Email,
			EmailVerified: who.User.EmailVerified, New: who.New}})
	return &d, s.Admit(admission(c, who, &d))
}

func admission(c *directory.Client, who Subject, d *mapping.Decision) directory.Admission {
	return directory.Admission{UserID: who.User.ID, UserDisabled: who.User.Disabled, Provider: who.Provider, Client: c,
		Claims: who.Claims, Email: who.User.Email, EmailVerified: who.User.EmailVerified, Decision: d}
}

// standard lists the claims of OpenID Connect Core §5.1 that scope profile releases.
var standard = []string{"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
	"picture", "website", "gender", "birthdate", "zoneinfo", "locale"}

// person keeps what upstream said about the person in the types that
// OpenID Connect Core §5.1 gives them; a claim of another type is left out.
func person(who Subject, extra map[string]any) map[string]any {
	p := map[string]any{}
	for _, name := range standard {
		if v, ok := who.Claims[name].(string); ok && v != "" && len(v) <= 1024 {
			p[name] = v
		}
	}
	if v, ok := who.Claims["updated_at"].(float64); ok && v > 0 {
		p["updated_at"] = int64(v)
	}
	if who.User.Email != "" {
		p["email"], p["email_verified"] = who.User.Email, who.User.EmailVerified
	}
	if groups := stringList(who.Claims["groups"]); len(groups) > 0 {
		p["groups"] = groups
	}
	if groups := stringList(extra["groups"]); len(groups) > 0 {
		p["groups"] = groups
	}
	return p
}

func stringList(v any) []string {
	var out []string
	switch list := v.(type) {
	case []string:
		out = list
	case []any:
		for _, e := range list {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
	}
	if len(out) > 500 {
		out = out[:500]
	}
	return out
}

// Released returns the person's claims that scopes release (OpenID Connect Core §5.4).
func Released(g *storage.Grant, scopes []string) map[string]any {
	p, _ := g.Claims[factPerson].(map[string]any)
	out := map[string]any{}
	for _, s := range scopes {
		switch s {
		case "profile":
			copyClaims(out, p, append(standard, "updated_at")...)
		case "email":
			copyClaims(out, p, "email", "email_verified")
		case "groups":
			copyClaims(out, p, "groups")
		}
	}
	return out
}

// inIDToken picks the claims a client wants inside the ID token; scopes still decide.
func inIDToken(g *storage.Grant, c *directory.Client) map[string]any {
	released, out := Released(g, g.Scopes), map[string]any{}
	for _, name := range c.IDTokenClaims {
		copyClaims(out, released, name)
		if name == "email" {
			copyClaims(out, released, "email_verified")
		}
	}
	return out
}

func accessClaims(g *storage.Grant) map[string]any {
	m, _ := g.Claims[factAccess].(map[string]any)
	return m
}

func copyClaims(to, from map[string]any, names ...string) {
	for _, n := range names {
		if v, ok := from[n]; ok {
			to[n] = v
		}
	}
}

func join(scopes []string) string { return strings.Join(scopes, " ") }
