package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// problem is told to the person at the top of a page.
type problem struct{ Title, Text, Code string }

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// login sends the browser to the broker. State, nonce and PKCE verifier are drawn
// anew and stay in a cookie of this browser.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	provider := r.URL.Query().Get("provider")
	if provider != "" && !slug.MatchString(provider) {
		a.show(w, http.StatusBadRequest, view{Problem: &problem{Title: "There is no such way to sign in"}})
		return
	}
	m, err := a.broker.learn(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, &problem{Title: "Handstamp does not answer", Text: "Is the broker running? Try again in a moment."}, err)
		return
	}
	http.Redirect(w, r, m.authorizeURL(a.attempt(w, r), provider, a.Resource), http.StatusSeeOther)
}

// attempt begins a login in this browser.
func (a *app) attempt(w http.ResponseWriter, r *http.Request) attempt {
	a.cookies.tidy(w, r)
	try := attempt{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	a.cookies.set(w, a.cookies.attempt(try.State), try.String(), attemptLife)
	return try
}

// callback is where the broker sends the browser back to.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(q[name]) > 1 {
			a.show(w, http.StatusBadRequest, view{Problem: &problem{Title: "This answer says something twice"}})
			return
		}
	}

	// Only the browser that began a login may end it (RFC 6749 §10.12).
	state := q.Get("state")
	try, ok := readAttempt(a.cookies.get(r, a.cookies.attempt(state)))
	if !ok || subtle.ConstantTimeCompare([]byte(try.State), []byte(state)) != 1 {
		a.show(w, http.StatusBadRequest, view{Problem: &problem{Title: "This sign-in did not begin here",
			Text: "It took too long, was already finished, or was begun in another browser. Please sign in again."}})
		return
	}
	a.cookies.set(w, a.cookies.attempt(state), "", 0)

	// RFC 9207 §2.4: the answer must come from the broker that was asked.
	if q.Get("iss") != a.Issuer {
		a.show(w, http.StatusBadRequest, view{Problem: &problem{Title: "This answer comes from somebody else"}})
		return
	}
	old := a.visit(r)
	if code := q.Get("error"); code != "" {
		if old != nil && old.giveUp(state, refused(code, q.Get("error_description"))) {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		a.show(w, http.StatusForbidden, view{Problem: refused(code, q.Get("error_description"))})
		return
	}

	// A person who closes the tab now must not leave a code half redeemed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
	defer cancel()
	who, err := a.broker.redeem(ctx, try, q.Get("code"))
	if err != nil {
		a.fail(w, http.StatusBadGateway, explain("The sign-in could not be finished", err), err)
		return
	}
	a.sessions.end(a.cookies.get(r, a.cookies.session()))
	id, to := a.sessions.begin(who), "/"
	if old != nil {
		to = a.resume(ctx, old, a.sessions.find(id), state)
	}
	a.cookies.set(w, a.cookies.session(), id, sessionLife)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// refused says in words what the broker said in code.
func refused(code, description string) *problem {
	p := &problem{Title: "You are not signed in", Text: sentence(description), Code: code}
	if code == "access_denied" && description == "" {
		p.Text = "The sign-in was cancelled, or you may not use this app."
	}
	return p
}

// explain finds the broker's own words in an error of the token endpoint.
func explain(title string, err error) *problem {
	p := &problem{Title: title, Text: "Please try again."}
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.ErrorCode != "" {
		p.Code = answer.ErrorCode
		if answer.ErrorDescription != "" {
			p.Text = sentence(answer.ErrorDescription)
		}
	}
	return p
}

// sentence makes one of the words that a protocol error carries.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

func (a *app) fail(w http.ResponseWriter, status int, p *problem, err error) {
	a.Logger.Warn(p.Title, "cause", err.Error()[:min(len(err.Error()), 256)])
	a.show(w, status, view{Problem: p})
}

const byeHere, byeBoth = "here", "both"

// logout ends the session here, then at the broker, which sends the browser back.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	to, bye := "", byeHere
	if v := a.visit(r); v != nil {
		v.mu.Lock()
		idToken := v.who.IDToken
		v.mu.Unlock()
		if to = a.broker.leaveURL(r.Context(), idToken, random()); to != "" {
			bye = byeBoth
		}
	}
	a.sessions.end(a.cookies.get(r, a.cookies.session()))
	a.cookies.set(w, a.cookies.session(), "", 0)
	a.cookies.set(w, a.cookies.bye(), bye, 10*time.Minute)
	if to == "" {
		to = "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
