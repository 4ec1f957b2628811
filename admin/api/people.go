package api

import (
	"time"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/policy"
)

// User is a person in the book. Sub is what apps see and how the API names them.
type User struct {
	Sub           string    `json:"sub"`
	Name          string    `json:"name"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Disabled      bool      `json:"disabled"`
	CreatedAt     time.Time `json:"created_at"`
	LastSignIn    time.Time `json:"last_sign_in,omitzero"`

	Providers []string `json:"providers"`        // slugs of their identities
	Account   *Account `json:"account,omitzero"` // for who has a password here
	Role      string   `json:"role,omitzero"`    // owner, editor or viewer, the highest of their identities
}

// Account is a person's login name and password at a provider of kind local. No hash
// and no secret is ever in it.
type Account struct {
	Provider      string   `json:"provider"`
	Login         string   `json:"login"`
	Groups        []string `json:"groups,omitzero"`
	EmailVerified bool     `json:"email_verified"` // the administrator's word
	State         string   `json:"state"`          // active, disabled, invited
	SecondFactor  bool     `json:"second_factor"`
	Imported      bool     `json:"imported"` // the hash is another system's until the next sign-in
}

// UserChange is what PATCH changes of a person: nothing else is the administrator's.
type UserChange struct {
	Disabled *bool `json:"disabled"`
}

// Identity is a person as one provider knows them.
type Identity struct {
	Provider  string         `json:"provider"`       // slug; the internal id where the provider is gone
	Key       string         `json:"key"`            // of the subject in paths
	Subject   string         `json:"subject"`        // at the provider
	Issuer    string         `json:"issuer"`         //
	Role      string         `json:"role,omitzero"`  // owner, editor or viewer
	Claims    map[string]any `json:"claims"`         // the last answer of the provider
	ClaimsAt  time.Time      `json:"claims_at"`      //
	CreatedAt time.Time      `json:"created_at"`     //
	Gone      bool           `json:"gone,omitempty"` // the directory has no such provider any more
}

// IdentityHolder says from whom an identity is taken.
type IdentityHolder struct {
	From string `json:"from,omitempty"` // the sub of the person who has it now; left out where nobody has
}

// Session is one browser in which a person is signed in.
type Session struct {
	SID       string    `json:"sid"`
	Provider  string    `json:"provider"`
	Device    string    `json:"device"` // where it began
	IP        string    `json:"ip"`
	AuthTime  time.Time `json:"auth_time"`
	ACR       string    `json:"acr,omitzero"`
	AMR       []string  `json:"amr,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Access says what a person may do at one client, and why: by today's rules on what
// the provider said last, and as the client has it now.
type Access struct {
	Client   string         `json:"client"`
	Name     string         `json:"name"`
	Gone     bool           `json:"gone,omitempty"` // the directory has no such client any more
	Today    *policy.Answer `json:"today,omitzero"` // what a login now would come to; absent where none can be judged
	Unjudged string         `json:"unjudged,omitzero"`
	Holds    []Held         `json:"holds"`    // what it has now and can renew
	Consents []Consent      `json:"consents"` //
}

// Held is one line of refresh tokens of a client: a device that comes back without the person.
type Held struct {
	Grant     string         `json:"grant"`
	Provider  string         `json:"provider"`
	Scopes    []string       `json:"scopes"`
	Roles     []string       `json:"roles"`
	Audience  []string       `json:"audience"`
	Offline   bool           `json:"offline"` // survives sign-out
	Device    string         `json:"device"`
	IP        string         `json:"ip"`
	FirstIP   string         `json:"first_ip"` // who redeemed the code: for a web app its server
	StartedAt time.Time      `json:"started_at"`
	LastUsed  time.Time      `json:"last_used"`
	ExpiresAt time.Time      `json:"expires_at"`
	Trace     []mapping.Step `json:"trace,omitzero"` // why it has these roles and scopes
}

// Consent is what a person agreed to give a client.
type Consent struct {
	RedirectHost string    `json:"redirect_host"`
	Scopes       []string  `json:"scopes"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// Ended tells how many sessions ended.
type Ended struct {
	Sessions int `json:"sessions"`
}

// NewUser is a person to make at a provider of kind local.
type NewUser struct {
	Provider      string   `json:"provider,omitzero"` // slug; may be left out where there is one of kind local
	Login         string   `json:"login"`
	Name          string   `json:"name,omitzero"`
	Email         string   `json:"email,omitzero"`
	EmailVerified bool     `json:"email_verified,omitzero"` // you know that the address is theirs
	Groups        []string `json:"groups,omitzero"`
	Password      string   `json:"password,omitzero"` // one is drawn where none is given
	Invite        bool     `json:"invite,omitzero"`   // the person chooses it, by a link
}

// MadeUser is a person who was made, with what is shown this once.
type MadeUser struct {
	User
	Password   string      `json:"password,omitzero"` // where it was drawn
	Invitation *Invitation `json:"invitation,omitzero"`
}

// Invitation is a link that sets a password, once. No mail is sent: somebody copies it.
type Invitation struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// NewPassword is a password to set; one is drawn where none is given.
type NewPassword struct {
	Password string `json:"password,omitzero"`
}

// SecondFactor is a secret for an authenticator app, shown this once.
type SecondFactor struct {
	Secret string `json:"secret"`
	Link   string `json:"link"` // otpauth://
}

// Imported tells what became of a file of people: all of it, or nothing.
type Imported struct {
	People   int           `json:"people"` // in the file
	Imported int           `json:"imported"`
	Problems []LineProblem `json:"problems,omitzero"`
}

// LineProblem says what is wrong with a line, without its content.
type LineProblem struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Notice is one app that has to be told of the end of one session.
type Notice struct {
	ID         string    `json:"id"`
	Client     string    `json:"client"`
	Sub        string    `json:"sub"`
	SID        string    `json:"sid"`
	Outcome    string    `json:"outcome"` // waiting, delivered, gave_up, unwanted
	Attempts   int       `json:"attempts"`
	CreatedAt  time.Time `json:"created_at"`
	DueAt      time.Time `json:"due_at,omitzero"` // of the next try
	LastTryAt  time.Time `json:"last_try_at,omitzero"`
	LastStatus int       `json:"last_status,omitzero"` // HTTP
	LastError  string    `json:"last_error,omitzero"`
}

// UserExport is everything that is kept about a person.
type UserExport struct {
	At         time.Time  `json:"at"`
	User       User       `json:"user"`
	Identities []Identity `json:"identities"`
	Sessions   []Session  `json:"sessions"`
	Access     []Access   `json:"access"`
	Logins     []Login    `json:"logins"`
	Audit      []Audit    `json:"audit"`
	Admin      []Admin    `json:"admin"`
}
