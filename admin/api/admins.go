package api

import "time"

// Admin is a person who may administer: an identity of one provider, never a rule.
type Admin struct {
	Provider  string    `json:"provider"` // slug
	Key       string    `json:"key"`      // of the subject in paths
	Subject   string    `json:"subject"`  // at the provider
	Role      string    `json:"role"`     // owner, editor, viewer
	Sub       string    `json:"sub"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// AdminRole is the role to give.
type AdminRole struct {
	Role string `json:"role"` // owner, editor, viewer

	// Reference is a test sign-in of this identity. With it, somebody who never signed
	// in here is made a user, with what the provider said then.
	Reference string `json:"reference,omitempty"`
}

// AdminLink is a link that gives an owner's session, once.
type AdminLink struct {
	ID        string    `json:"id"`
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// TakenLink is a link to use up.
type TakenLink struct {
	Token string `json:"token"`
}

// LinkSession is what a link gives: a token that ends with it.
type LinkSession struct {
	ID          string    `json:"id"`
	AccessToken string    `json:"access_token"`
	ExpiresAt   time.Time `json:"expires_at"`
}
