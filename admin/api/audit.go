package api

import "time"

// Audit is one row of the audit: who did what to whom, from where and why.
type Audit struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	ActorKind string            `json:"actor_kind"` // person, client, admin, system
	Actor     string            `json:"actor"`
	IP        string            `json:"ip,omitzero"`
	Request   string            `json:"request,omitzero"` // reference of the request
	Action    string            `json:"action"`
	Target    string            `json:"target"`
	Detail    map[string]string `json:"detail,omitzero"` // before → after, reason; never a secret

	By   *Person `json:"by,omitzero"`   // in lists: who the actor is, while they are here
	Whom *Person `json:"whom,omitzero"` // likewise, of a target that is a user

	Provider string `json:"provider,omitzero"` // in lists: today's slug of the provider that target or detail names by its id
}

// Person names somebody.
type Person struct {
	Sub   string `json:"sub"`
	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
}

// AuditReport tells whether the audit is as it was written.
type AuditReport struct {
	Intact  bool        `json:"intact"`
	Rows    int64       `json:"rows"`            // verified
	Waiting int64       `json:"waiting"`         // too new to be in the chain
	Older   int64       `json:"older"`           // from before there was a chain
	Since   time.Time   `json:"since,omitzero"`  // of the oldest link
	Head    string      `json:"head,omitzero"`   // kept elsewhere, it proves that nothing was cut off
	Broken  *AuditBreak `json:"broken,omitzero"` // the first row that is not as it was
}

// AuditBreak is a row that is not as it was written.
type AuditBreak struct {
	ID  string    `json:"id"`
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}
