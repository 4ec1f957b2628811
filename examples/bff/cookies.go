package bff

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const attemptLife = 10 * time.Minute

// cookies names, reads and writes them. Over https the __Host- prefix keeps every
// other host from setting one; on loopback all ports share one jar, so names carry
// the port.
type cookies struct {
	prefix string
	secure bool
}

func newCookies(base *url.URL) cookies {
	if base.Scheme == "https" {
		return cookies{prefix: "__Host-shelf", secure: true}
	}
	return cookies{prefix: "shelf" + base.Port()}
}

// set writes a cookie; without a value it forgets one. Lax is for those that must
// come along when the broker sends the browser back; all others are strict.
func (c cookies) set(w http.ResponseWriter, name, value string, life time.Duration, site http.SameSite) {
	k := &http.Cookie{Name: name, Value: value, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: site, MaxAge: int(life / time.Second)}
	if value == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// get reads a cookie; one that is there twice was put there by somebody else.
func (c cookies) get(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// session reads the id of a request's session.
func (c cookies) session(r *http.Request) string { return c.get(r, c.prefix+"-session") }

func (c cookies) keepSession(w http.ResponseWriter, id string) {
	c.set(w, c.prefix+"-session", id, sessionMost, http.SameSiteStrictMode)
}

// forget clears a session cookie that opens nothing, so that it is not sent for ever.
func (c cookies) forget(w http.ResponseWriter, r *http.Request) {
	if len(r.CookiesNamed(c.prefix+"-session")) > 0 {
		c.set(w, c.prefix+"-session", "", 0, http.SameSiteStrictMode)
	}
}

// attempt is one login on its way, kept in a cookie of the browser that began it.
type attempt struct {
	State, Nonce, Verifier string
	Before                 []byte `json:",omitempty"` // the seat of the session it began in
}

// attemptName is one cookie a login, so that logins in two tabs do not meet.
func (c cookies) attemptName(state string) string {
	return c.prefix + "-login-" + state[:min(len(state), 12)]
}

func (c cookies) keepAttempt(w http.ResponseWriter, r *http.Request, a attempt) {
	// A browser that began many and ended none: forget them before they outgrow a request.
	const most = 8
	var begun []string
	for _, k := range r.Cookies() {
		if strings.HasPrefix(k.Name, c.attemptName("")) {
			begun = append(begun, k.Name)
		}
	}
	if len(begun) >= most {
		for _, name := range begun {
			c.set(w, name, "", 0, http.SameSiteLaxMode)
		}
	}
	c.set(w, c.attemptName(a.State), pack(a), attemptLife, http.SameSiteLaxMode)
}

// takeAttempt reads the attempt that a state belongs to, and forgets it.
func (c cookies) takeAttempt(w http.ResponseWriter, r *http.Request, state string) (a attempt, ok bool) {
	raw := c.get(r, c.attemptName(state))
	if raw == "" || !unpack(raw, &a) || len(a.State) < 43 || len(a.Nonce) < 43 || len(a.Verifier) < 43 {
		return attempt{}, false
	}
	c.set(w, c.attemptName(state), "", 0, http.SameSiteLaxMode)
	return a, true
}

// keepNotice leaves a word for the page that is opened next.
func (c cookies) keepNotice(w http.ResponseWriter, text string) {
	runes := []rune(text)
	c.set(w, c.prefix+"-notice", pack(string(runes[:min(len(runes), 300)])), attemptLife, http.SameSiteLaxMode)
}

// takeNotice reads it, once.
func (c cookies) takeNotice(w http.ResponseWriter, r *http.Request) (text string) {
	raw := c.get(r, c.prefix+"-notice")
	if raw == "" {
		return ""
	}
	c.set(w, c.prefix+"-notice", "", 0, http.SameSiteLaxMode)
	unpack(raw, &text)
	return text
}

func pack(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func unpack(raw string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(raw)
	return err == nil && json.Unmarshal(b, v) == nil
}
