// Package api is what the administration API says: the JSON of every route, and a
// client for it.
//
//	console ─┐                              ┌─ admin.Server.Handler   a bearer token
//	CLI ─────┼─ api.Client ── HTTP, JSON ───┤
//	scripts ─┘                              └─ admin.Server.Shell     a Unix socket
//
// Names are snake_case, times RFC 3339 in UTC. What an administrator writes (providers,
// clients, resources, rules) has the form of the settings file, see
// broker/directory: a secret in it is a source, never a value.
//
// The package decides nothing: who may do what, and how, belongs to package admin.
package api

import "time"

// Base is the path that every route stands below.
const Base = "/api/v1"

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // the cursor of the next page; "": this was the last one
}

// ListOptions say which page of a list.
type ListOptions struct {
	Limit  int    // items at most; 0: 50, at most 200
	Cursor string // Next of the page before
}

// Actor is who did something.
type Actor struct {
	Kind string `json:"kind"` // person, client, machine, link, shell, system
	ID   string `json:"id,omitempty"`
	IP   string `json:"ip,omitempty"`

	Person *Person `json:"person,omitzero"` // who that is, while they are here
}

// The kinds of Me.
const (
	KindPerson  = "person"  // signed in through the broker
	KindMachine = "machine" // a client with machine_scopes
	KindLink    = "link"    // an owner's link from the shell
	KindShell   = "shell"   // the Unix socket
)

// Me is who asks, as the API sees them.
type Me struct {
	Kind          string     `json:"kind"`
	Subject       string     `json:"sub,omitempty"`
	ClientID      string     `json:"client_id,omitempty"`
	Name          string     `json:"name,omitempty"`
	Email         string     `json:"email,omitempty"`
	Role          string     `json:"role,omitempty"` // owner, editor, viewer; "" for a machine
	Scopes        []string   `json:"scopes"`
	AuthTime      *time.Time `json:"auth_time,omitempty"`    // when a person signed in
	ReauthAfter   *time.Time `json:"reauth_after,omitempty"` // from when sensitive changes want a new sign-in
	LinkExpiresAt *time.Time `json:"link_expires_at,omitempty"`
}

// Status is how the broker does.
type Status struct {
	Issuer    string           `json:"issuer"`
	Version   string           `json:"version,omitempty"`
	Storage   string           `json:"storage"` // sqlite or postgresql
	Now       time.Time        `json:"now"`
	StartedAt *time.Time       `json:"started_at,omitempty"`
	Revision  int64            `json:"revision"`
	AppliedAt time.Time        `json:"applied_at"`
	Newest    int64            `json:"newest,omitempty"` // the revision that the database has
	Cause     string           `json:"cause,omitempty"`  // why this node does not run that one
	Blind     bool             `json:"blind,omitempty"`  // this node cannot read the database
	Counts    Counts           `json:"counts"`
	Providers []ProviderHealth `json:"providers"`
	Warnings  []Fault          `json:"warnings,omitempty"` // of the active revision
}

// Counts are how many there are.
type Counts struct {
	Providers int `json:"providers"`
	Clients   int `json:"clients"`
	Resources int `json:"resources"`
	Rules     int `json:"rules"`
}

// ProviderHealth is what is known of an upstream without asking it.
type ProviderHealth struct {
	Slug     string     `json:"slug"`
	Title    string     `json:"title"`
	Kind     string     `json:"kind"`
	Disabled bool       `json:"disabled,omitempty"`
	State    string     `json:"state"` // up, down, own (it asks people itself), unknown (not asked yet)
	Reason   string     `json:"reason,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
}
