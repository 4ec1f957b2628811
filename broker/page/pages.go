package page

import "net/http"

// New prepares the pages. assetBase is the issuer's path without a trailing
// slash ("" for an issuer at the root): the stylesheet is at assetBase + "/assets/….css".
func New(b Brand, assetBase string) (*Pages, error) { return &Pages{}, nil }

// Assets serves "/assets/…"; mount it with the issuer's path stripped.
func (p *Pages) Assets() http.Handler { return http.NotFoundHandler() }

// Chooser asks which provider to sign in with.
func (p *Pages) Chooser(w http.ResponseWriter, v Chooser) error { return nil }

// Continue offers the session that the browser already has.
func (p *Pages) Continue(w http.ResponseWriter, v Continue) error { return nil }

// Consent asks whether the app may have what it asked for.
func (p *Pages) Consent(w http.ResponseWriter, v Consent) error { return nil }

// Error tells the person in one sentence what went wrong.
func (p *Pages) Error(w http.ResponseWriter, status int, v ErrorPage) error { return nil }

// SignOut asks before the session ends.
func (p *Pages) SignOut(w http.ResponseWriter, v SignOut) error { return nil }

// SignedOut says that the session has ended.
func (p *Pages) SignedOut(w http.ResponseWriter, v SignedOut) error { return nil }

// FormPost sends an answer to the app by POST.
func (p *Pages) FormPost(w http.ResponseWriter, v FormPost) error { return nil }

// SecurityHeaders sets what every HTML answer carries.
func SecurityHeaders(h http.Header, formActionSelf bool) {}

type asset struct {
	body []byte
	kind string
}
