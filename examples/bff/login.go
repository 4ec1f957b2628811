package bff

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// login sends the browser to the broker. State, nonce and PKCE verifier are drawn
// anew and stay in a cookie of this browser. A page of somebody else cannot begin
// one: it would sign people in without their asking.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	m, err := a.broker.learn(r.Context())
	if err != nil {
		a.back(w, r, "Handstamp does not answer. Please try again in a moment.", err)
		return
	}
	try := attempt{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	if s := a.sessions.find(a.cookies.session(r)); s != nil {
		try.Before = s.key[:]
	}
	a.cookies.keepAttempt(w, r, try)
	http.Redirect(w, r, m.authorizeURL(try, a.Resource), http.StatusSeeOther)
}

// callback is where the broker sends the browser back to.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // somebody looks at a link; a code is good once
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	q := r.URL.Query()
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(q[name]) > 1 {
			a.back(w, r, "That answer said something twice. Please sign in again.", nil)
			return
		}
	}

	// Only the browser that began a login may end it (RFC 6749 §10.12).
	try, ok := a.cookies.takeAttempt(w, r, q.Get("state"))
	if !ok || subtle.ConstantTimeCompare([]byte(try.State), []byte(q.Get("state"))) != 1 {
		a.back(w, r, "That sign-in did not begin in this browser, or took too long. Please sign in again.", nil)
		return
	}

	// RFC 9207 §2.4: the answer must come from the broker that was asked.
	if q.Get("iss") != a.Issuer {
		a.back(w, r, "That answer came from somebody else.", nil)
		return
	}
	if q.Has("error") {
		a.back(w, r, refused(q.Get("error_description")), nil)
		return
	}

	// A person who closes the tab now must not leave a code half redeemed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
	defer cancel()
	t, err := a.broker.redeem(ctx, try, q.Get("code"))
	if err != nil {
		a.back(w, r, "The sign-in could not be finished. Please try again.", err)
		return
	}
	var before seat
	copy(before[:], try.Before)
	a.cookies.keepSession(w, a.sessions.begin(t, before))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// back returns to the page with a word for the person.
func (a *app) back(w http.ResponseWriter, r *http.Request, notice string, err error) {
	if err != nil {
		a.Logger.Warn("sign-in", "cause", short(err))
	}
	a.cookies.keepNotice(w, notice)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// refused makes a sentence of the broker's own words.
func refused(description string) string {
	if description == "" {
		return "You are not signed in: it was cancelled, or you may not use this app."
	}
	first, size := utf8.DecodeRuneInString(description)
	s := string(unicode.ToUpper(first)) + description[size:]
	return strings.TrimSuffix(s, ".") + "."
}

// tell says who is signed in. The page asks when it opens.
func (a *app) tell(w http.ResponseWriter, r *http.Request) {
	notice := a.cookies.takeNotice(w, r)
	s := a.sessions.find(a.cookies.session(r))
	if s == nil {
		a.cookies.forget(w, r)
		send(w, http.StatusOK, about{Pass: "none", Notice: notice})
		return
	}
	send(w, http.StatusOK, s.about(notice))
}

// about is what the page knows of its session: no token, no cookie.
type about struct {
	Person  *person    `json:"person"`
	Pass    string     `json:"pass"`
	Expires *time.Time `json:"expires,omitempty"`
	Renewed int        `json:"renewed"`
	Notice  string     `json:"notice,omitempty"`
}

func (s *session) about(notice string) about {
	t, renewed := s.now()
	return about{Person: &t.person, Pass: s.pass, Expires: &t.expires, Renewed: renewed, Notice: notice}
}

// logout ends the session here, and the refresh token at the broker.
func (a *app) logout(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.sessions.leave(s) {
		refuse(w, http.StatusUnauthorized, "no_session")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	t, _ := s.now()
	if err := a.broker.revoke(ctx, t.refresh); err != nil { // it ends with the broker's session, too
		a.Logger.Warn("revoke", "cause", short(err))
	}
	w.WriteHeader(http.StatusNoContent)
}

// goodbye sends the browser on to the broker's own sign-out. The ID token that it
// needs passes by in a redirect, where no script of the page sees it. It changes
// nothing for a session that was not signed out before.
func (a *app) goodbye(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.takeLeft(a.cookies.session(r))
	if s == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.cookies.forget(w, r)
	t, _ := s.now()
	to, err := a.broker.leaveURL(r.Context(), t.idToken)
	if err != nil {
		a.back(w, r, "You are signed out here, but perhaps not at Handstamp: it does not answer.", errors.Join(errors.New("leave"), err))
		return
	}
	a.cookies.keepNotice(w, "You are signed out.")
	http.Redirect(w, r, to, http.StatusSeeOther)
}
