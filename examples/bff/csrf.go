package bff

import (
	"crypto/subtle"
	"net/http"
)

// passHeader is what the page must send with every request that the cookie signs.
// No form can send it, and a script of another origin would have to ask us first
// (a CORS preflight), which nobody here answers.
const passHeader = "X-Shelf"

// ownPage lets only pages of our own origin ask. The browser adds the cookie to every
// request to this host, whoever caused it; where a request comes from is said by
// Sec-Fetch-Site and Origin, which no page can forge, and by passHeader.
func (a *app) ownPage(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
		changes := r.Method != http.MethodGet && r.Method != http.MethodHead
		switch {
		case site != "" && site != "same-origin", origin != "" && origin != a.origin:
			refuse(w, http.StatusForbidden, "another_site")
		case changes && site == "" && origin == "": // every browser says one of them
			refuse(w, http.StatusForbidden, "from_nowhere")
		case r.Header.Get(passHeader) == "":
			refuse(w, http.StatusForbidden, "no_header")
		default:
			do(w, r)
		}
	}
}

// signedIn finds the session of a request and holds it against the page's pass: a
// page that was opened in a session of before may not act in the one of now, which
// may be somebody else's.
func (a *app) signedIn(do func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := a.sessions.find(a.cookies.session(r))
		switch {
		case s == nil:
			a.cookies.forget(w, r)
			refuse(w, http.StatusUnauthorized, "no_session")
		case subtle.ConstantTimeCompare([]byte(r.Header.Get(passHeader)), []byte(s.pass)) != 1:
			refuse(w, http.StatusForbidden, "another_session")
		default:
			do(w, r, s)
		}
	}
}
