package storage

// LoginStep is one step of a login as Login.Steps has it, in the order in which they happened.
type LoginStep struct {
	After int64  `json:"after_ms"` // since the login began
	What  string `json:"what"`     // one of the Step… words
	Note  string `json:"note,omitempty"`
}

// The steps of a login.
const (
	StepAsked      = "asked"      // the app asked; Note: its prompt, if any
	StepSession    = "session"    // somebody was signed in here already
	StepProvider   = "provider"   // a provider was chosen; Note: its slug
	StepSent       = "sent"       // the person was sent there, or shown its form
	StepBack       = "back"       // the person, or what they filled in, came back
	StepRecognised = "recognised" // the provider said who it is; Note: new, where the login makes the user
	StepRules      = "rules"      // the rules spoke
	StepAdmitted   = "admitted"   // admit() let the person in
	StepConsent    = "consent"    // the person was asked to agree
	StepAgreed     = "agreed"     // and did
	StepLeftOut    = "left_out"   // scopes were asked for and not given; Note: which
	StepCode       = "code"       // the app was given a code; Note: its grant
	StepTokens     = "tokens"     // the app was given tokens at once (password grant); Note: their grant
	StepRefused    = "refused"    // the login ended without; Note: the error code
)
