package persona

import (
	"net/http"
	"strings"
)

// userInfo tells about the person behind an access token. OIDC Core §5.3.
func (p *Persona) userInfo(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	// RFC 6750 §2.1: only the header; a token in the address is never looked at.
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+p.Issuer()+`"`)
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_request", "error_description": "A Bearer token is needed."})
		return
	}
	p.mu.Lock()
	g, ok := p.state.access.get(raw)
	live := ok && !g.revoked && p.now().Before(g.expiresAt)
	p.mu.Unlock()
	if !live {
		p.refuseBearer(w)
		return
	}
	u, ok := p.User(g.user)
	if !ok {
		p.refuseBearer(w)
		return
	}
	if !g.req.has("openid") {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="openid"`)
		writeJSON(w, http.StatusForbidden, map[string]any{"error": "insufficient_scope"})
		return
	}

	f := p.faults.Current()
	out := p.vendor.userInfo(g, u)
	override(out, f.UserInfo)
	if f.UserInfoJWT != "" {
		out["iss"], out["aud"] = p.Issuer(), f.UserInfoJWT
		w.Header().Set("Content-Type", "application/jwt")
		_, _ = w.Write([]byte(p.sign(Fault{}, compactJSON(out))))
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (p *Persona) refuseBearer(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="`+p.Issuer()+`", error="invalid_token"`)
	writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token", "error_description": "The access token is not valid, or not any more."})
}

// profile is the standard claims that scopes profile and email stand for.
// OIDC Core §5.4.
func profile(g *given, u User) Claims {
	out := Claims{"sub": g.subject}
	add := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	if g.req.has("profile") {
		add("name", u.Name)
		add("given_name", u.GivenName)
		add("family_name", u.FamilyName)
	}
	if g.req.has("email") && u.Email != "" {
		out["email"] = u.Email
		out["email_verified"] = u.EmailVerified
	}
	return out
}
