package persona

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// refusal is why the token endpoint says no. How it says so is the vendor's
// habit.
type refusal int

const (
	badRequest refusal = iota
	badClient
	badGrantType
	badCode
	badRedirect
	badVerifier
	badRefresh
	tooManyGroups
)

// token redeems codes and refresh tokens.
func (p *Persona) token(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	f := p.faults.Current()
	switch {
	case f.TokenError == "invalid_client":
		p.tokenError(w, f, http.StatusUnauthorized, f.TokenError, "")
		return
	case f.TokenError != "":
		p.tokenError(w, f, http.StatusBadRequest, f.TokenError, "")
		return
	case f.Token200Error != "":
		p.tokenError(w, f, http.StatusOK, f.Token200Error, "")
		return
	}

	// RFC 6749 §3.2: parameters of a token request are in the body, once each.
	for _, values := range r.PostForm {
		if len(values) > 1 {
			p.refuse(w, f, badRequest)
			return
		}
	}
	if !f.IgnoreSecret && !p.isClient(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+p.vendor.kind+`"`)
		p.refuse(w, f, badClient)
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		p.redeemCode(w, r, f)
	case "refresh_token":
		p.redeemRefresh(w, r, f)
	case "":
		p.refuse(w, f, badRequest)
	default:
		p.refuse(w, f, badGrantType)
	}
}

// isClient checks the client's secret, in the Authorization header or in the
// body, never in both (RFC 6749 §2.3).
func (p *Persona) isClient(r *http.Request) bool {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, pass, basic := r.BasicAuth(); basic {
		if r.PostForm.Has("client_secret") {
			return false
		}
		// RFC 6749 §2.3.1: both were form-encoded before base64.
		u, err1 := url.QueryUnescape(user)
		s, err2 := url.QueryUnescape(pass)
		if err1 != nil || err2 != nil || id != "" && id != u {
			return false
		}
		id, secret = u, s
	}
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(p.clientSecret))
	return id == p.clientID && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (p *Persona) redeemCode(w http.ResponseWriter, r *http.Request, f Fault) {
	code := r.PostForm.Get("code")
	now := p.now()

	p.mu.Lock()
	g, ok := p.state.codes.get(code)
	why, refused := badCode, true
	switch {
	case !ok || now.Sub(g.issuedAt) > p.vendor.codeLife:
	case g.used && !f.ReplayCodes:
		// RFC 6749 §4.1.2: a code that comes twice was stolen; what it gave dies.
		g.revoked = true
	case g.req.redirectURI != r.PostForm.Get("redirect_uri"):
		why = badRedirect
	case !f.IgnorePKCE && !g.req.proves(r.PostForm.Get("code_verifier")):
		why = badVerifier
		g.used = true
	default:
		g.used, refused = true, false
	}
	p.mu.Unlock()
	if refused {
		p.refuse(w, f, why)
		return
	}

	u, ok := p.User(g.user)
	if !ok || u.Disabled {
		p.refuse(w, f, badCode)
		return
	}
	var next string
	if g.offline {
		next = p.newRefresh(g)
	}
	p.giveTokens(w, f, g, u, g.req.nonce, next)
}

func (p *Persona) redeemRefresh(w http.ResponseWriter, r *http.Request, f Fault) {
	raw := r.PostForm.Get("refresh_token")
	p.mu.Lock()
	t, ok := p.state.refresh.get(raw)
	if ok && t.used {
		// A rotated token that comes again: its whole family dies.
		t.revoked = true
	}
	if !ok || t.used || t.revoked || f.RefuseRefresh {
		p.mu.Unlock()
		p.refuse(w, f, badRefresh)
		return
	}
	t.used = p.vendor.rotates
	g := t.given
	p.mu.Unlock()

	u, ok := p.User(g.user)
	if !ok || u.Disabled {
		p.refuse(w, f, badRefresh)
		return
	}
	next := ""
	switch {
	case p.vendor.rotates:
		next = p.newRefresh(g)
	case p.vendor.kind != KindGoogle:
		next = raw // Okta repeats a persistent one; Google stays silent
	}
	p.giveTokens(w, f, g, u, "", next)
}

func (p *Persona) newRefresh(g *given) string {
	raw := random(45)
	if p.vendor.kind == KindGoogle {
		raw = "1//0" + raw
	}
	p.mu.Lock()
	p.state.refresh.put(raw, &refresh{given: g})
	p.mu.Unlock()
	return raw
}

// giveTokens writes a token response.
func (p *Persona) giveTokens(w http.ResponseWriter, f Fault, g *given, u User, nonce, refreshToken string) {
	now := p.now()
	if (p.vendor.kind == KindOkta || p.vendor.kind == KindOktaOrg) && g.req.has("groups") && len(u.Groups) > 100 {
		p.refuse(w, f, tooManyGroups)
		return
	}
	access := ""
	if p.vendor.accessToken != nil {
		access = p.vendor.accessToken(p, g, u, now)
	}
	if access == "" {
		access = p.vendor.newAccess()
	}
	p.mu.Lock()
	g.expiresAt = now.Add(p.vendor.accessLife)
	p.state.access.put(access, g)
	p.mu.Unlock()

	out := map[string]any{
		"access_token": access,
		"token_type":   "Bearer",
		"expires_in":   int64(p.vendor.accessLife / time.Second),
		"scope":        p.vendor.grantedScopes(g.req.scopes),
	}
	if g.req.has("openid") && !f.DropIDToken {
		out["id_token"] = p.idToken(f, g, u, nonce, access, now)
	}
	if refreshToken != "" && !f.DropRefresh {
		out["refresh_token"] = refreshToken
	}
	if f.DropAccess {
		delete(out, "access_token")
	}
	if f.TokenType != nil {
		out["token_type"] = *f.TokenType
		if *f.TokenType == "" {
			delete(out, "token_type")
		}
	}
	if f.ExpiresIn != nil {
		out["expires_in"] = f.ExpiresIn
	}
	writeTokens(w, f, http.StatusOK, out)
}

func (p *Persona) refuse(w http.ResponseWriter, f Fault, why refusal) {
	status, code, description := p.vendor.refuse(why)
	p.tokenError(w, f, status, code, description)
}

func (p *Persona) tokenError(w http.ResponseWriter, f Fault, status int, code, description string) {
	out := map[string]any{"error": code}
	if description != "" {
		out["error_description"] = description
	}
	writeTokens(w, f, status, out)
}

// writeTokens writes JSON, or a form where a fault asks for one. Numbers that
// JSON readers choke on (1e400) are written by hand for that reason.
func writeTokens(w http.ResponseWriter, f Fault, status int, out map[string]any) {
	if f.FormEncoded {
		q := url.Values{}
		for name, v := range out {
			if s, ok := v.(string); ok {
				q.Set(name, s)
			} else {
				q.Set(name, strings.Trim(string(compactJSON(v)), `"`))
			}
		}
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(q.Encode()))
		return
	}
	raw, has := out["expires_in"].(json.RawMessage)
	if has {
		delete(out, "expires_in")
	}
	body := string(compactJSON(out))
	if has {
		body = strings.TrimSuffix(body, "}") + `,"expires_in":` + string(raw) + "}"
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// revoke forgets a token and what hangs on it. RFC 7009 §2.1.
func (p *Persona) revoke(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	f := p.faults.Current()
	if !p.vendor.anyoneRevokes && !p.isClient(r) {
		p.refuse(w, f, badClient)
		return
	}
	raw := r.Form.Get("token")
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.state.refresh.get(raw); ok {
		t.revoked = true
		p.state.refresh.drop(raw)
	} else if g, ok := p.state.access.get(raw); ok {
		p.state.access.drop(raw)
		g.revoked = g.revoked || p.vendor.anyoneRevokes
	} else if p.vendor.anyoneRevokes {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_token", "error_description": "Token expired or revoked"})
		return
	}
	w.WriteHeader(http.StatusOK)
}
