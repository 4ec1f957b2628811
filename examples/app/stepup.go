package app

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// pending is what waits for a person who was sent to sign in again. It belongs to
// that one attempt: a later sign-in of another kind does not wake it up.
type pending struct{ Door, State string }

// stepUp reads from a challenge what kind of sign-in the API wants (RFC 9470 §3).
func stepUp(challenge string) (ask []oauth2.AuthCodeOption, wanted bool) {
	c := parameters(challenge)
	if c["error"] != "insufficient_user_authentication" {
		return nil, false
	}
	if acr := c["acr_values"]; acr != "" && len(acr) <= 512 {
		ask = append(ask, oauth2.SetAuthURLParam("acr_values", acr))
	}
	if age, err := strconv.ParseUint(c["max_age"], 10, 31); err == nil {
		ask = append(ask, oauth2.SetAuthURLParam("max_age", strconv.FormatUint(age, 10)))
	}
	return ask, len(ask) > 0
}

// signInAgain sends the person to the broker with what the API wants, and notes what
// to do when they come back. It is called with the visit's lock held.
func (a *app) signInAgain(w http.ResponseWriter, r *http.Request, v *visit, door string, ask []oauth2.AuthCodeOption) {
	m, err := a.broker.learn(r.Context())
	if err != nil {
		v.problem = &problem{Title: "Handstamp does not answer", Text: "You would have to sign in again for this. Try again in a moment."}
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	try := a.attempt(w, r)
	v.pending = pending{door, try.State}
	ask = append(ask, oauth2.SetAuthURLParam("id_token_hint", v.who.IDToken)) // the same person, please
	http.Redirect(w, r, m.authorizeURL(try, "", a.Resource, ask...), http.StatusSeeOther)
}

// resume finishes, once, what a person was sent to sign in again for: if it is still
// the same person. It returns the place on the page to go to.
func (a *app) resume(ctx context.Context, old, v *visit, state string) string {
	old.mu.Lock()
	defer old.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	waits := old.pending
	old.pending = pending{}
	i := slices.IndexFunc(calls, func(c call) bool { return c.Door == waits.Door })
	if waits.State != state || i < 0 {
		return "/"
	}
	if old.who.Subject != v.who.Subject {
		v.problem = &problem{Title: "You came back as somebody else", Text: "What you wanted to do before was not done."}
		return "/"
	}
	v.calls = old.calls
	v.keep(a.ask(ctx, calls[i], v.who.AccessToken))
	return "/#" + waits.Door
}

// giveUp tells a person, who stays signed in, that signing in again did not work.
func (v *visit) giveUp(state string, p *problem) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending.State != state {
		return false
	}
	p.Title = "You did not sign in again"
	v.pending, v.problem = pending{}, p
	return true
}

// parameters reads the parameters of a Bearer challenge (RFC 9110 §11.2): name=token
// or name="quoted". What is not one ends the reading.
func parameters(challenge string) map[string]string {
	out := map[string]string{}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(challenge), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return out
	}
	for rest != "" {
		name, after, ok := strings.Cut(strings.TrimLeft(rest, " \t,"), "=")
		if !ok {
			break
		}
		var value string
		if value, rest, ok = valueOf(after); !ok {
			break
		}
		out[strings.ToLower(strings.TrimSpace(name))] = value
	}
	return out
}

func valueOf(s string) (value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), rest, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
