package guard

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Need is something that a token must have: scopes, or a sign-in that is young or
// strong enough. Scopes, MaxAge and ACR make one.
type Need func(*needs)

type needs struct {
	scopes []string
	maxAge time.Duration // 0: any
	acr    []string      // any one of them; none: any
}

// Scopes needs all of scopes, as Require does. It panics on what RFC 6749 §3.3
// does not allow in one scope.
func Scopes(scopes ...string) Need {
	scopes = mustScopes(scopes)
	return func(n *needs) { n.scopes = append(n.scopes, scopes...) }
}

// MaxAge needs a person who signed in no longer ago than d, in whole seconds. How
// far the clocks may differ (DefaultLeeway) is granted on top. A token that does not
// say when the person signed in, such as a machine's, never has it. MaxAge panics
// when d is shorter than a second.
func MaxAge(d time.Duration) Need {
	if d < time.Second {
		panic(fmt.Sprintf("guard: MaxAge(%s) is less than a second: no sign-in would be young enough", d))
	}
	d = d.Truncate(time.Second)
	return func(n *needs) {
		if n.maxAge == 0 || d < n.maxAge {
			n.maxAge = d
		}
	}
}

// ACR needs a sign-in of one of these authentication context classes, the one liked
// best first, in the words of the identity provider: "phr", "urn:okta:loa:2fa:any",
// and so on. They are compared byte by byte; no class includes another. ACR panics
// without a value, and on one with spaces or quotes.
func ACR(values ...string) Need {
	if len(values) == 0 {
		panic("guard: ACR needs at least one authentication context class")
	}
	for _, v := range values {
		if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r == ' ' || notQuotable(r) }) {
			panic(fmt.Sprintf("guard: %q is not one authentication context class", v))
		}
	}
	values = slices.Clone(values)
	return func(n *needs) { n.acr = values }
}

// RequireAuth is Require for what also needs a young or a strong sign-in:
//
//	mux.Handle("DELETE /items", g.RequireAuth(guard.Scopes("items:write"), guard.MaxAge(5*time.Minute))(deleteItems))
//
// When only that is missing the answer is RFC 9470's: 401 with the error
// insufficient_user_authentication and the acr_values and max_age with which the app
// sends the person to the broker's authorization endpoint again.
func (g *Guard) RequireAuth(all ...Need) func(http.Handler) http.Handler {
	return wrap(g.AuthChecker(all...))
}

// AuthChecker is RequireAuth for other frameworks, as Checker is Require.
func (g *Guard) AuthChecker(all ...Need) func(*http.Request) (*Token, *Refusal) {
	var need needs
	for _, add := range all {
		add(&need)
	}
	return func(r *http.Request) (*Token, *Refusal) { return g.check(r, &need) }
}

// missing tells what of the sign-in does not suffice, or nil (RFC 9470 §3).
func (g *Guard) missing(t *Token, n *needs) *Refusal {
	switch {
	case n.maxAge > 0 && (t.AuthTime.IsZero() || g.now().Sub(t.AuthTime) > n.maxAge+g.verifier.Leeway):
		return tooWeak("the person has to sign in again: the last time is too long ago for this")
	case len(n.acr) > 0 && !slices.Contains(n.acr, t.ACR):
		return tooWeak("the person has to sign in again, in a stronger way")
	}
	return nil
}

func tooWeak(why string) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: weakSignIn, Description: why}
}

// stepUp writes the parameters of RFC 9470 §3. Both are named whatever is missing: who
// asks anew for one of them must not lose the other.
func (n *needs) stepUp(param func(name, value string)) {
	param("acr_values", strings.Join(n.acr, " "))
	if n.maxAge > 0 {
		param("max_age", strconv.FormatInt(int64(n.maxAge/time.Second), 10))
	}
}
