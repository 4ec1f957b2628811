package persona_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

func TestGoogleTellsTheHostedDomainOfCompanyAccountsOnly(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	hint := oauth2.SetAuthURLParam("hd", "acme.example")
	if _, _, claims := a.signIn("alice", hint); claims["hd"] != "acme.example" || claims["auth_time"] != nil || claims["groups"] != nil {
		t.Errorf("alice: %v", claims)
	}
	a.browser.Jar = nil
	if _, _, claims := a.signIn("bob", hint); claims["hd"] != nil {
		t.Errorf("bob came in with hd %v although he has none: %v", claims["hd"], claims)
	}
}

func TestGoogleGivesARefreshTokenOnlyOfflineAndOnConsent(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	prompt := func(s string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam("prompt", s) }
	for i, c := range []struct {
		why     string
		options []oauth2.AuthCodeOption
		want    bool
	}{
		{"online", nil, false},
		{"offline, the first time", []oauth2.AuthCodeOption{oauth2.AccessTypeOffline}, true},
		{"offline, again", []oauth2.AuthCodeOption{oauth2.AccessTypeOffline, prompt("select_account")}, false},
		{"offline, with consent", []oauth2.AuthCodeOption{oauth2.AccessTypeOffline, prompt("consent")}, true},
	} {
		token, _, _ := a.signIn("alice", c.options...)
		if got := token.RefreshToken != ""; got != c.want {
			t.Errorf("%d %s: refresh token %v", i, c.why, got)
		}
		if !c.want {
			continue
		}
		old := token.RefreshToken
		for range 2 { // it is never rotated
			token.Expiry = time.Now().Add(-time.Hour)
			next, err := a.conf.TokenSource(t.Context(), token).Token()
			if err != nil {
				t.Fatalf("refresh: %v", err)
			}
			if next.RefreshToken != old {
				t.Errorf("rotated")
			}
			a.verify(next)
		}
	}
}

func TestOktaGroupsComeWithTheScopeAndOnlyForThoseInOne(t *testing.T) {
	for _, k := range []struct {
		start func(persona.Options) *persona.Persona
		thin  bool
	}{{persona.Okta, false}, {persona.OktaOrg, true}} {
		a := newApp(t, k.start, persona.Options{})
		if _, _, claims := a.signIn("alice"); claims["groups"] != nil {
			t.Errorf("groups without the scope: %v", claims)
		}
		a.conf.Scopes = append(a.conf.Scopes, "groups")
		token, _, claims := a.signIn("alice")
		if fmt.Sprint(claims["groups"]) != "[Everyone Engineering]" || claims["auth_time"] == nil || claims["ver"] != 1.0 {
			t.Errorf("alice: %v", claims)
		}
		info := a.userInfo(token)
		if thin := claims["email"] == nil && claims["name"] == nil && info["groups"] == nil; thin != k.thin {
			t.Errorf("%s: token %v userinfo %v", a.idp.Kind(), claims, info)
		}
		if info["email"] != "alice@acme.example" {
			t.Errorf("userinfo %v", info)
		}
		a.browser.Jar = nil
		if _, _, claims := a.signIn("dave"); claims["groups"] != nil {
			t.Errorf("dave is in no group: %v", claims)
		}
	}
}

func TestOktaFailsAboveAHundredGroups(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	a.conf.Scopes = append(a.conf.Scopes, "groups")
	busy := persona.User{ID: "busy", Subject: "00ubusy", Email: "busy@acme.example"}
	for i := range 101 {
		busy.Groups = append(busy.Groups, fmt.Sprintf("group-%d", i))
	}
	a.idp.SetUsers(busy)
	verifier := oauth2.GenerateVerifier()
	q := a.back("busy", a.authURL(verifier))
	if _, err := a.conf.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Error("101 groups pass")
	}
}

func TestOktaRefreshTokensArePersistentAndAuth0RotatesThem(t *testing.T) {
	for _, k := range []struct {
		start   func(persona.Options) *persona.Persona
		rotates bool
	}{{persona.Okta, false}, {persona.Auth0, true}} {
		a := newApp(t, k.start, persona.Options{})
		if token, _, _ := a.signIn("alice"); token.RefreshToken != "" {
			t.Errorf("%s: a refresh token that nobody asked for", a.idp.Kind())
		}
		a.conf.Scopes = append(a.conf.Scopes, "offline_access")
		token, _, _ := a.signIn("alice")
		refresh := func(raw string) (*oauth2.Token, error) {
			return a.conf.TokenSource(t.Context(), &oauth2.Token{RefreshToken: raw}).Token()
		}
		next, err := refresh(token.RefreshToken)
		if err != nil {
			t.Fatalf("%s: %v", a.idp.Kind(), err)
		}
		if rotated := next.RefreshToken != token.RefreshToken; rotated != k.rotates {
			t.Errorf("%s: rotated %v", a.idp.Kind(), rotated)
		}
		a.verify(next)
		_, again := refresh(token.RefreshToken)
		_, family := refresh(next.RefreshToken)
		if (again == nil) == k.rotates || (family == nil) == k.rotates {
			t.Errorf("%s: the old one again: %v; its successor then: %v", a.idp.Kind(), again, family)
		}
	}
}

func TestOfTwoRefreshesAtOnceOneWinsAndTheFamilyDies(t *testing.T) {
	a := newApp(t, persona.Auth0, persona.Options{})
	a.conf.Scopes = append(a.conf.Scopes, "offline_access")
	token, _, _ := a.signIn("alice")
	won := make(chan string, 20)
	var all sync.WaitGroup
	for range cap(won) {
		all.Go(func() {
			next, err := a.conf.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
			if err == nil {
				won <- next.RefreshToken
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d of %d won", len(won), cap(won))
	}
	if _, err := a.conf.TokenSource(t.Context(), &oauth2.Token{RefreshToken: <-won}).Token(); err == nil {
		t.Error("the winner's token lives on after the reuse")
	}
}

func TestAPersonWhoIsDisabledLaterCannotRefresh(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	a.conf.Scopes = append(a.conf.Scopes, "offline_access")
	token, _, _ := a.signIn("alice")
	alice, _ := a.idp.User("alice")
	alice.Disabled = true
	a.idp.SetUsers(alice)
	if _, err := a.conf.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err == nil {
		t.Error("refreshed")
	}
	if q := a.back("alice", a.authURL(oauth2.GenerateVerifier())); q.Get("error") != "access_denied" {
		t.Errorf("signed in by the session of before: %v", q)
	}
}

func TestAuth0HasItsOwnIdeas(t *testing.T) {
	a := newApp(t, persona.Auth0, persona.Options{})
	_, _, claims := a.signIn("alice")
	if _, text := claims["updated_at"].(string); !text || fmt.Sprint(claims[persona.RolesClaim]) != "[editor]" || claims["sid"] == nil ||
		!strings.HasPrefix(claims["sub"].(string), "auth0|") || !strings.HasSuffix(claims["iss"].(string), "/") || claims["auth_time"] != nil || claims["org_id"] != nil {
		t.Errorf("claims: %v", claims)
	}
	if _, _, claims := a.signIn("alice", oauth2.SetAuthURLParam("max_age", "0")); claims["auth_time"] == nil {
		t.Errorf("max_age without auth_time: %v", claims)
	}
	org := oauth2.SetAuthURLParam("organization", "org_acme")
	if _, _, claims := a.signIn("alice", org); claims["org_id"] != "org_acme" {
		t.Errorf("organization: %v", claims)
	}
	a.browser.Jar = nil
	if q := a.back("bob", a.authURL(oauth2.GenerateVerifier(), org)); q.Get("error") != "access_denied" {
		t.Errorf("bob is no member: %v", q)
	}
	form := a.redeemable()
	form.Set("code", "x")
	if resp, _ := a.rawToken(form); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a refused code is HTTP %d, want 403", resp.StatusCode)
	}
	token, _, _ := a.signIn("alice")
	if strings.Count(token.AccessToken, ".") != 0 {
		t.Error("the access token is no opaque text")
	}
	token, _, _ = a.signIn("alice", oauth2.SetAuthURLParam("audience", "https://api.example"))
	if strings.Count(token.AccessToken, ".") != 2 {
		t.Error("the access token for an API is no JWT")
	}
}

func TestARevokedTokenIsDead(t *testing.T) {
	for _, k := range kinds {
		a := newApp(t, k.start, persona.Options{})
		options := []oauth2.AuthCodeOption{oauth2.AccessTypeOffline}
		if k.name != persona.KindGoogle {
			a.conf.Scopes, options = append(a.conf.Scopes, "offline_access"), nil
		}
		token, _, _ := a.signIn("alice", options...)
		var meta struct {
			Revoke string `json:"revocation_endpoint"`
		}
		if err := a.provider.Claims(&meta); err != nil {
			t.Fatal(err)
		}
		form := url.Values{"token": {token.RefreshToken}, "client_id": {a.idp.ClientID()}, "client_secret": {a.idp.ClientSecret()}}
		if k.name == persona.KindGoogle {
			form = url.Values{"token": {token.RefreshToken}}
		} else if resp, err := http.PostForm(meta.Revoke, url.Values{"token": {token.RefreshToken}}); err != nil || resp.StatusCode != 401 {
			t.Errorf("%s: anybody revokes: %v %v", k.name, resp, err)
		}
		resp, err := http.PostForm(meta.Revoke, form)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: revoke: %v %v", k.name, resp, err)
		}
		if _, err := a.conf.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err == nil {
			t.Errorf("%s: refreshed with a revoked token", k.name)
		}
	}
}

func TestTheSamePeopleHaveOtherSubjectsEverywhere(t *testing.T) {
	seen := map[string]string{}
	for _, kind := range []string{persona.KindGoogle, persona.KindOkta, persona.KindAuth0} {
		for _, u := range persona.People(kind) {
			if other, taken := seen[u.Subject]; taken || u.Subject == "" {
				t.Errorf("%s of %s has the subject of %s", u.ID, kind, other)
			}
			seen[u.Subject] = u.ID + " of " + kind
		}
	}
	if len(persona.People(persona.KindGoogle)) < 5 {
		t.Error("too few people")
	}
}

func TestManyBrowsersAtOnceGetTheirOwnPerson(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	var all sync.WaitGroup
	for range 25 {
		for _, user := range []string{"alice", "bob", "dave", "erin"} {
			all.Go(func() {
				verifier := oauth2.GenerateVerifier()
				to, err := persona.SignIn(t.Context(), nil, a.authURL(verifier), user)
				if err != nil {
					t.Errorf("sign in: %v", err)
					return
				}
				token, err := a.conf.Exchange(t.Context(), to.Query().Get("code"), oauth2.VerifierOption(verifier))
				if err != nil {
					t.Errorf("exchange: %v", err)
					return
				}
				info, err := a.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
				if u, _ := a.idp.User(user); err != nil || info.Subject != u.Subject {
					t.Errorf("%s: %v %v", user, info, err)
				}
			})
		}
	}
	all.Wait()
}

func TestACRValuesAskForAStrongerSignIn(t *testing.T) {
	for _, c := range []struct {
		why      string
		kind     func(persona.Options) *persona.Persona
		asked    string
		acr, amr any
	}{
		{"Okta, nothing asked", persona.Okta, "", nil, "[pwd]"},
		{"Okta, a second factor", persona.Okta, "urn:okta:loa:2fa:any", "urn:okta:loa:2fa:any", "[mfa otp pwd]"},
		{"Okta, the first that it knows", persona.Okta, "gold phr urn:okta:loa:1fa:any", "phr", "[hwk mfa pwd]"},
		{"Okta, unknown ones are ignored", persona.Okta, "gold", nil, "[pwd]"},
		{"Okta's org server", persona.OktaOrg, "phr", "phr", "[hwk mfa pwd]"},
		{"Auth0", persona.Auth0, "http://schemas.openid.net/pape/policies/2007/06/multi-factor", "http://schemas.openid.net/pape/policies/2007/06/multi-factor", "[mfa]"},
		{"Google knows none", persona.Google, "phr", nil, "<nil>"},
	} {
		a := newApp(t, c.kind, persona.Options{})
		_, _, claims := a.signIn("alice", oauth2.SetAuthURLParam("acr_values", c.asked))
		if claims["acr"] != c.acr || fmt.Sprint(claims["amr"]) != c.amr {
			t.Errorf("%s: acr %v, amr %v", c.why, claims["acr"], claims["amr"])
		}
	}
}
