// Package session keeps what a browser carries between two requests, and tells
// apps when a session ended.
//
//	browser ── __Host-hs-sid ──▶ SHA-256 ──▶ a row in storage   (who is signed in)
//	        ── __Host-hs-tx-… ─▶ open ─────▶ Transaction        (what this tab is doing)
//	        ── __Host-hs-farewell ▶ open ──▶ Farewell           (signing out by way of the provider)
//	storage ── notices ────────▶ Outbox ┄┄▶ apps                (back-channel logout)
//
// It owns cookie names and attributes and the sealing of what travels in them. It
// leaves to storage which sessions are alive and who has to be told, and to broker
// what happens next.
package session

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"time"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// Jar reads and writes every cookie of the broker. On an https issuer the names
// carry the __Host- prefix and Secure; on a loopback http issuer they carry the
// port instead, since all ports of a host share one jar (RFC 6265 §8.5).
type Jar struct {
	prefix string
	secure bool
	sealer *storage.Sealer
	ttl    time.Duration
	now    func() time.Time
}

// NewJar returns the jar of an issuer. ttl is how long a login transaction lives.
func NewJar(issuer *url.URL, sealer *storage.Sealer, ttl time.Duration, now func() time.Time) *Jar {
	j := &Jar{sealer: sealer, ttl: ttl, now: now, secure: issuer.Scheme == "https"}
	if j.secure {
		j.prefix = "__Host-hs-"
	} else {
		j.prefix = "hs" + issuer.Port() + "-"
	}
	return j
}

// SessionID returns the single sign-on session id that the browser carries.
// Two different copies count as none: one of them was planted.
func (j *Jar) SessionID(r *http.Request) (id string, ok bool) {
	for _, c := range r.CookiesNamed(j.prefix + "sid") {
		if ok && c.Value != id {
			return "", false
		}
		id, ok = c.Value, len(c.Value) == 43
	}
	return id, ok
}

// HashID is what storage knows of a session id.
func HashID(id string) []byte { return oauth.Hash("session", id) }

// SetSession hands the browser a session id until the session's absolute end.
func (j *Jar) SetSession(w http.ResponseWriter, id string, ends time.Time) {
	j.set(w, "sid", id, int(ends.Sub(j.now()).Seconds()))
}

// ClearSession takes the session id back and remembers that the person signed
// out, so that the next login asks upstream who it is (prompt=select_account).
func (j *Jar) ClearSession(w http.ResponseWriter) {
	j.set(w, "sid", "", -1)
	j.set(w, "out", "1", int((30 * 24 * time.Hour).Seconds()))
}

// SignedOut tells whether the person signed out here since the last login.
func (j *Jar) SignedOut(r *http.Request) bool {
	_, err := r.Cookie(j.prefix + "out")
	return err == nil
}

// ForgetSignOut is called when a new session begins.
func (j *Jar) ForgetSignOut(w http.ResponseWriter, r *http.Request) {
	if j.SignedOut(r) {
		j.set(w, "out", "", -1)
	}
}

// SetNote keeps one word for the page that is shown next.
func (j *Jar) SetNote(w http.ResponseWriter, word string) { j.set(w, "note", word, 60) }

// TakeNote takes that word, once.
func (j *Jar) TakeNote(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(j.prefix + "note")
	if err != nil {
		return ""
	}
	j.set(w, "note", "", -1)
	return c.Value
}

func (j *Jar) set(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: j.prefix + name, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode})
}

// FormToken is the one-time value of a form that ends the session: it proves
// that the form was rendered for this very session.
func FormToken(purpose, sessionID string) string {
	sum := sha256.Sum256([]byte("form " + purpose + " " + sessionID))
	return b64(sum[:])
}
