package api

import (
	"time"

	"github.com/handstamp/handstamp/broker/mapping"
)

// Login is one login, successful or not. Lists leave out what only one by reference
// has: Steps, Trace, Claims, Story.
type Login struct {
	Reference string    `json:"reference"` // what the error page showed
	At        time.Time `json:"at"`
	TookMS    int64     `json:"took_ms"`
	Client    string    `json:"client"`
	Provider  string    `json:"provider"`
	Sub       string    `json:"sub,omitzero"`     // of the user; "" for a stranger
	Person    string    `json:"person,omitzero"`  // name or e-mail
	Subject   string    `json:"subject,omitzero"` // at the provider
	Outcome   string    `json:"outcome"`          // signed_in, refused, failed, abandoned, test
	Code      string    `json:"code,omitzero"`    // of a refusal or failure
	Cause     string    `json:"cause,omitzero"`   // for the operator
	Rule      string    `json:"rule,omitzero"`    // that decided it
	Revision  int64     `json:"revision,omitzero"`
	IP        string    `json:"ip,omitzero"`
	Device    string    `json:"device,omitzero"`
	Asked     []string  `json:"asked"` // scopes
	Scopes    []string  `json:"scopes"`
	Roles     []string  `json:"roles"`

	Steps  []LoginStep    `json:"steps,omitzero"`
	Trace  []mapping.Step `json:"trace,omitzero"`
	Claims map[string]any `json:"claims,omitzero"` // what the provider said
	Fix    *Fix           `json:"fix,omitzero"`    // the likely one, of a login that did not go well
}

// LoginStep is one step of a login.
type LoginStep struct {
	AfterMS int64  `json:"after_ms"` // since it began
	What    string `json:"what"`     // asked, session, provider, sent, back, recognised, rules, admitted, …
	Note    string `json:"note,omitzero"`
	Says    string `json:"says"` // the same as a sentence
}

// Fix is what would probably help.
type Fix struct {
	Says    string `json:"says"`
	Command string `json:"command,omitzero"` // of the shell, that shows or does it
	Rule    string `json:"rule,omitzero"`    // to look at
}

// LoginStats are logins by hour, for charts.
type LoginStats struct {
	Since time.Time    `json:"since"`
	Until time.Time    `json:"until"`
	Hours []LoginCount `json:"hours"`
}

// LoginCount is what one hour had of one kind of login.
type LoginCount struct {
	Hour     time.Time `json:"hour"`
	Provider string    `json:"provider"`
	Client   string    `json:"client"`
	Outcome  string    `json:"outcome"`
	Count    int64     `json:"count"`
	TookSum  int64     `json:"took_sum_ms"`
	TookMax  int64     `json:"took_max_ms"`
}
