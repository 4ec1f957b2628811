package persona

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sessionLife is how long a browser stays signed in at the vendor.
const sessionLife = 12 * time.Hour

// cookieName carries kind and port: all ports of a host share one jar.
func (p *Persona) cookieName() string {
	port := ""
	if u, err := url.Parse(p.base); err == nil && u.Port() != "" {
		port = "-" + u.Port()
	}
	return "persona-" + p.vendor.kind + port
}

func (p *Persona) sessionOf(r *http.Request) (session, User, bool) {
	c, err := r.Cookie(p.cookieName())
	if err != nil {
		return session{}, User{}, false
	}
	p.mu.Lock()
	s, ok := p.state.sessions.get(c.Value)
	p.mu.Unlock()
	if !ok || p.now().Sub(s.at) > sessionLife {
		return session{}, User{}, false
	}
	u, ok := p.User(s.user)
	return s, u, ok
}

// startSession signs a person in. Whoever presses the button has every factor at hand.
func (p *Persona) startSession(w http.ResponseWriter, u User, level int) session {
	s := session{id: random(32), user: u.ID, at: p.now().Truncate(time.Second), level: level}
	key := random(43)
	p.mu.Lock()
	p.state.sessions.put(key, s)
	p.mu.Unlock()
	http.SetCookie(w, p.cookie(key, int(sessionLife.Seconds())))
	return s
}

func (p *Persona) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: p.cookieName(), Value: value, Path: p.prefix + "/", MaxAge: maxAge,
		HttpOnly: true, Secure: strings.HasPrefix(p.base, "https:"), SameSite: http.SameSiteLaxMode,
	}
}
