package persona

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// leaver reads a sign-out request: where the browser wants to go, and whether
// the request proves that it comes from the client. A vendor has one for each
// of its sign-out addresses.
type leaver func(p *Persona, q url.Values) (back string, proven bool)

// signOut ends the browser's session here. It sends the browser on only to a
// registered address, and only for a request that names the client
// (OIDC RP-Initiated Logout §2 and §3).
func (p *Persona) signOut(w http.ResponseWriter, r *http.Request, read leaver) {
	noStore(w)
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	back, proven := read(p, r.Form)
	p.mu.Lock()
	registered := p.afterLeave[back]
	p.mu.Unlock()
	if back != "" && !registered {
		p.showError(w, http.StatusBadRequest, "invalid_request", "The address to go back to is not registered. It must be equal to a registered one, byte by byte.")
		return
	}
	if c, err := r.Cookie(p.cookieName()); err == nil {
		p.mu.Lock()
		p.state.sessions.drop(c.Value)
		p.mu.Unlock()
	}
	http.SetCookie(w, p.cookie("", -1))
	if back == "" || !proven {
		p.showMessage(w, http.StatusOK, "Signed out", "You are signed out of this pretend "+p.vendor.title+".")
		return
	}
	if state := r.Form.Get("state"); state != "" && r.Form.Get("returnTo") == "" {
		sep := "?"
		if strings.Contains(back, "?") {
			sep = "&"
		}
		back += sep + url.Values{"state": {state}}.Encode()
	}
	w.Header().Set("Location", back)
	w.WriteHeader(http.StatusSeeOther)
}

// rpInitiated reads OpenID Connect RP-Initiated Logout: an ID token as hint,
// or the client's name.
func rpInitiated(p *Persona, q url.Values) (string, bool) {
	back := q.Get("post_logout_redirect_uri")
	if hint := q.Get("id_token_hint"); hint != "" {
		return back, p.issued(hint)
	}
	return back, q.Get("client_id") == p.clientID
}

// issued tells whether an ID token was signed here for our client; it may have
// expired.
func (p *Persona) issued(raw string) bool {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return false
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var claims struct {
		Iss string `json:"iss"`
		Aud string `json:"aud"`
	}
	if json.Unmarshal(body, &claims) != nil || claims.Iss != p.Issuer() || claims.Aud != p.clientID {
		return false
	}
	for _, k := range p.keys.published() {
		if rs256Valid(parts, k) {
			return true
		}
	}
	return false
}
