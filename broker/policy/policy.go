// Package policy tells what would happen: to a person with given claims, to everybody
// who signed in lately, and to the cases that an administrator wrote down as tests.
//
//	Question ──▶ Judge ──▶ Answer      may they come in, with what, and why?
//	logins ────▶ Effects ─▶ []Effect   who gains and who loses by a change?
//	Suite ─────▶ Run ────▶ Results     do the rules do what their tests say?
//
// It asks directory and mapping exactly what a login asks them, in the same order, so
// that its answer is the login's. It reads nothing, stores nothing and asks nobody:
// how tests are written down belongs to configs, who may ask to admin, and a login
// itself to broker/grant.
package policy

import (
	"time"

	"github.com/handstamp/handstamp/broker/mapping"
)

// Question is one login that need not happen. Its JSON form is that of the admin API.
type Question struct {
	Provider string         `json:"provider"`          // slug
	Client   string         `json:"client"`            // id
	Claims   map[string]any `json:"claims"`            // what the provider says: ID token and userinfo together
	Scopes   []string       `json:"scopes,omitzero"`   // asked for; empty: all that the client may
	Resource string         `json:"resource,omitzero"` // named by the request
	New      bool           `json:"new,omitzero"`      // the first login of the person

	EmailVerified *bool  `json:"email_verified,omitzero"` // nil: judged from the claims, as the provider does
	UserDisabled  bool   `json:"user_disabled,omitzero"`
	AdminRole     string `json:"admin_role,omitzero"` // of the person, for the built-in admin client

	// The local user, where one is known; empty: a person called "explained".
	UserID      string `json:"user_id,omitzero"`
	UserSubject string `json:"user_subject,omitzero"`
}

// Answer is what a login would come to, and why.
type Answer struct {
	Provider string           `json:"provider"`
	Client   string           `json:"client"`
	Admitted bool             `json:"admitted"`
	Refusal  *Refusal         `json:"refusal,omitempty"`
	User     User             `json:"user"`
	Decision mapping.Decision `json:"decision"` // every rule's step is in its trace

	Asked    []string  `json:"asked"`    // scopes
	Scopes   []string  `json:"scopes"`   // that the client would get
	Missing  []Missing `json:"missing"`  // asked for and not given
	Audience []string  `json:"audience"` // of the access token
}

// Refusal is a directory.Refusal in JSON.
type Refusal struct {
	Code        string `json:"code"`
	ForPerson   string `json:"for_person"`
	ForOperator string `json:"for_operator"`
}

// User is what the rules saw as user.*.
type User struct {
	Name          string `json:"name"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	New           bool   `json:"new"`
	Why           string `json:"why"` // of email_verified
}

// Missing is a scope that was asked for and is not given.
type Missing struct {
	Scope string   `json:"scope"`
	Why   string   `json:"why"`
	Rules []string `json:"rules,omitzero"` // that would give it to others
}

// Login is one that happened, as Effects replays it.
type Login struct {
	Reference string         `json:"reference"`
	Person    string         `json:"person"` // how to call them
	Provider  string         `json:"provider"`
	Client    string         `json:"client"`
	Claims    map[string]any `json:"-"`
	Scopes    []string       `json:"-"` // asked for; empty: all that the client may
	At        time.Time      `json:"at"`
	New       bool           `json:"-"`

	UserSubject string `json:"user_subject,omitzero"`
}

// Effect is what a change does to one login. Roles and scopes are sorted.
type Effect struct {
	Login
	GainedRoles  []string          `json:"gained_roles,omitzero"`
	LostRoles    []string          `json:"lost_roles,omitzero"`
	GainedScopes []string          `json:"gained_scopes,omitzero"`
	LostScopes   []string          `json:"lost_scopes,omitzero"`
	Admitted     bool              `json:"admitted"`
	WasAdmitted  bool              `json:"was_admitted"`
	Refusal      string            `json:"refusal,omitzero"` // for the operator: why it is not admitted (any more)
	ByRule       map[string]string `json:"by_rule,omitzero"` // "role x" or "scope y" → the rule that gives it now, or gave it before
}
