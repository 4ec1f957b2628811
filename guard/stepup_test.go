package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/guard/guardtest"
)

func TestD35_AWeakOrOldSignInIsAnsweredAsRFC9470Says(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard("https://api.example", guard.WithLeeway(30*time.Second))
	const (
		realm = `Bearer realm="https://api.example"`
		weak  = `, error="insufficient_user_authentication", error_description="the person has to sign in again, in a stronger way"`
		old   = `, error="insufficient_user_authentication", error_description="the person has to sign in again: the last time is too long ago for this"`
	)
	scoped := guard.Scopes("items:write")
	for _, row := range []struct {
		why   string
		needs []guard.Need
		token string
		want  int
		says  string
	}{
		{"young enough", []guard.Need{guard.MaxAge(5 * time.Minute)}, issuer.Token("u", "", guardtest.SignedInAgo(4*time.Minute)), 200, ""},
		{"within the leeway", []guard.Need{guard.MaxAge(5 * time.Minute)}, issuer.Token("u", "", guardtest.SignedInAgo(5*time.Minute+20*time.Second)), 200, ""},
		{"too old", []guard.Need{guard.MaxAge(5 * time.Minute)}, issuer.Token("u", "", guardtest.SignedInAgo(6*time.Minute)), 401, realm + old + `, max_age="300"`},
		{"a machine: nobody signed in", []guard.Need{guard.MaxAge(5 * time.Minute)}, issuer.Token("u", "", guardtest.NobodySignedIn()), 401, realm + old + `, max_age="300"`},
		{"a machine has no acr", []guard.Need{guard.ACR("phr")}, issuer.Token("u", "", guardtest.NobodySignedIn()), 401, realm + weak + `, acr_values="phr"`},
		{"one of the classes", []guard.Need{guard.ACR("phr", "phrh")}, issuer.Token("u", "", guardtest.ACR("phrh")), 200, ""},
		{"another class", []guard.Need{guard.ACR("phr", "phrh")}, issuer.Token("u", "", guardtest.ACR("pwd")), 401, realm + weak + `, acr_values="phr phrh"`},
		{"a class in another spelling", []guard.Need{guard.ACR("phr")}, issuer.Token("u", "", guardtest.ACR("PHR")), 401, realm + weak + `, acr_values="phr"`},
		{"both are named although one is missing", []guard.Need{scoped, guard.MaxAge(time.Minute), guard.ACR("phr")}, issuer.Token("u", "items:write", guardtest.ACR("phr"), guardtest.SignedInAgo(time.Hour)),
			401, realm + old + `, scope="items:write", acr_values="phr", max_age="60"`},
		{"the stricter of two ages", []guard.Need{guard.MaxAge(time.Hour), guard.MaxAge(time.Minute), guard.MaxAge(time.Hour)}, issuer.Token("u", "", guardtest.SignedInAgo(10*time.Minute)), 401, realm + old + `, max_age="60"`},
		{"scopes first: signing in again brings none", []guard.Need{scoped, guard.MaxAge(time.Minute)}, issuer.Token("u", "items:read", guardtest.SignedInAgo(time.Hour)),
			403, realm + `, error="insufficient_scope", error_description="the access token does not have the scopes that this needs", scope="items:write"`},
		{"no token: no error, and nothing to step up from", []guard.Need{guard.MaxAge(time.Minute)}, "", 401, realm},
		{"an expired token is an expired token", []guard.Need{guard.MaxAge(time.Minute)}, issuer.Token("u", "", guardtest.Expired()), 401,
			realm + `, error="invalid_token", error_description="the access token has expired"`},
	} {
		r := httptest.NewRequest("DELETE", "/items", nil)
		if row.token != "" {
			r.Header.Set("Authorization", "Bearer "+row.token)
		}
		w := httptest.NewRecorder()
		g.RequireAuth(row.needs...)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != row.want || w.Header().Get("WWW-Authenticate") != row.says {
			t.Errorf("%s: %d %s\nwant %d %s", row.why, w.Code, w.Header().Get("WWW-Authenticate"), row.want, row.says)
		}
		if w.Code == 401 && strings.Contains(row.says, "insufficient_user") && !strings.Contains(w.Body.String(), `"error":"insufficient_user_authentication"`) {
			t.Errorf("%s: body %s", row.why, w.Body)
		}
	}
	if s := g.Stats(); s.TooWeak != 7 || s.Accepted != 3 || s.Forbidden != 1 || s.Invalid != 1 || s.Missing != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAHandlerLearnsHowThePersonSignedIn(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard("https://api.example")
	token, err := g.Verify(t.Context(), issuer.Token("u", "", guardtest.ACR("phr"), guardtest.AMR("pwd", "hwk"), guardtest.SignedInAgo(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if age := issuer.Now().Sub(token.AuthTime); token.ACR != "phr" || fmt.Sprint(token.AMR) != "[pwd hwk]" || age < time.Hour || age > time.Hour+2*time.Second {
		t.Errorf("%+v", token)
	}
}

func TestANeedThatCannotBeMetPanicsAtStart(t *testing.T) {
	for why, make := range map[string]func(){
		"no age":            func() { guard.MaxAge(0) },
		"half a second":     func() { guard.MaxAge(500 * time.Millisecond) },
		"no class":          func() { guard.ACR() },
		"an empty class":    func() { guard.ACR("phr", "") },
		"two in one":        func() { guard.ACR("phr phrh") },
		"a quote":           func() { guard.ACR(`p"hr`) },
		"two scopes in one": func() { guard.Scopes("a b") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was taken", why)
				}
			}()
			make()
		}()
	}
}

func ExampleGuard_RequireAuth() {
	issuer := guardtest.New(exampleTB{})
	g := issuer.Guard("https://api.example")
	h := g.RequireAuth(guard.Scopes("items:write"), guard.MaxAge(5*time.Minute), guard.ACR("phr", "phrh"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "deleted")
	}))

	for _, signIn := range []guardtest.Option{guardtest.SignedInAgo(time.Hour), guardtest.ACR("phr")} {
		r := httptest.NewRequest("DELETE", "/items", nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Token("usr_alice", "items:write", signIn))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.ReplaceAll(w.Header().Get("WWW-Authenticate"), ", ", "\n\t"))
	}
	// Output:
	// 401 Bearer realm="https://api.example"
	// 	error="insufficient_user_authentication"
	// 	error_description="the person has to sign in again: the last time is too long ago for this"
	// 	scope="items:write"
	// 	acr_values="phr phrh"
	// 	max_age="300"
	// 200
}
