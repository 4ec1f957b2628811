package interop

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Apps, agents and API servers that others wrote, one after the other at one broker: https by an authority of the company's own, a
// real upstream behind it, and people who come by the chooser's button.
func TestWhatOthersWroteAtABrokerOverHTTPS(t *testing.T) {
	p := newPlan(t)
	p.overTLS()
	p.upstream("okta", "upstream.mjs", map[string]any{"personality": "okta"})
	b := p.serve()
	for _, other := range []struct {
		name string
		meet func(*testing.T, *broker)
	}{
		{"oauth4webapi as an app and as a machine", oauth4webapi},
		{"Auth.js told issuer, id and secret", authJS},
		{"express-openid-connect and back-channel logout", expressOpenIDConnect},
		{"oidc-agent for programs of a person", oidcAgent},
		{"PyJWT in an API", pyJWT},
		{"a Kubernetes API server", kubernetes},
	} {
		t.Run(strings.ReplaceAll(other.name, " ", "_"), func(t *testing.T) { other.meet(t, b) })
	}
}

// nodeApp runs one of our Node programs that trusts the broker's certificate, as Node is told.
func nodeApp(t *testing.T, b *broker, program string, settings map[string]any) *process {
	t.Helper()
	settings["issuer"], settings["app"] = b.issuer, b.app
	return node(t, program, settings, "NODE_EXTRA_CA_CERTS="+b.ca.file)
}

// byChooser presses Okta's button, where there is one, and signs in.
func (p *page) byChooser(t *testing.T, person string) *page {
	t.Helper()
	if button := p.find(byID("provider-okta")); button != nil {
		p = p.click(t, button)
	}
	return p.signIn(t, person)
}

// asked is the last request that reached the broker's authorization endpoint.
func (b *browser) asked(t *testing.T) url.Values {
	t.Helper()
	for i := len(b.trail) - 1; i >= 0; i-- {
		if b.trail[i].Path == "/authorize" && b.trail[i].Query().Has("client_id") {
			return b.trail[i].Query()
		}
	}
	t.Fatalf("no login was asked for; the browser went %v", b.trail)
	return nil
}

func oauth4webapi(t *testing.T, b *broker) {
	npm(t, "oauth4webapi")
	app := nodeApp(t, b, "oauth4webapi.mjs", map[string]any{"clientID": "web", "clientSecret": b.secret, "machine": "nightly", "provider": "okta",
		"scope": "openid email offline_access items:read", "machineScope": "items:read", "resource": items})
	var first struct{ Open string }
	app.says(t, &first)
	me := b.browser(t)
	if end := me.open(t, first.Open).signIn(t, "Alice Acme"); !strings.HasPrefix(end.url.String(), b.app+"/callback?") {
		t.Fatalf("the login ended at %s with %d:\n%s", end.url, end.status, end.body)
	}
	var got struct {
		Error, Message string
		Cause          json.RawMessage
		Result         struct {
			Person struct {
				Sub, Email, APISub, APIClient, AliveSub, AfterRevocation, EndSession string
				Rotated, Alive, RefreshAlive, Dead, DeadAccess                       bool
			}
			Job struct {
				Scope, TokenType, APISub, Widened string
				Alive, Dead                       bool
			}
		}
	}
	app.says(t, &got)
	if got.Error != "" {
		t.Fatalf("oauth4webapi refused the broker's answer: %s: %s (%s)", got.Error, got.Message, got.Cause)
	}
	who, job := got.Result.Person, got.Result.Job
	for _, check := range []struct {
		why       string
		got, want any
	}{
		{"userinfo has what scope email asks for", who.Email, "alice@acme.example"},
		{"the API sees the same person", who.APISub, who.Sub},
		{"and through which app", who.APIClient, "web"},
		{"a refresh rotates", who.Rotated, true},
		{"the new access token is alive", who.Alive, true},
		{"and about the same person", who.AliveSub, who.Sub},
		{"the new refresh token is alive", who.RefreshAlive, true},
		{"and not after it was revoked", who.Dead, false},
		{"nor is the access token of the same grant (RFC 7009 §2.1)", who.DeadAccess, false},
		{"a revoked refresh token is refused", who.AfterRevocation, "invalid_grant"},
		{"a machine gets its scope", job.Scope, "items:read"},
		{"and is nobody's person at the API", job.APISub, "client:nightly"},
		{"its token is alive", job.Alive, true},
		{"and not after it was revoked", job.Dead, false},
		{"openid is for people", job.Widened, "invalid_scope"},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.why, check.got, check.want)
		}
	}

	// RP-Initiated Logout 1.0 §2: signed out at once, and back at the app with its state.
	me.stop = b.app + "/bye"
	if end := me.open(t, who.EndSession); end.doc != nil || end.url.Query().Get("state") != "bye" {
		t.Errorf("signing out ended at %s (%d); want %s/bye?state=bye", end.url, end.status, b.app)
	}
}

func authJS(t *testing.T, b *broker) {
	npm(t, "@auth/express")
	npm(t, "@auth/core")
	nodeApp(t, b, "authjs.mjs", map[string]any{"clientID": "authjs", "clientSecret": b.secret, "secret": newSecret()}).says(t, &struct{}{})
	for _, way := range []struct {
		why, button   string
		state, nonce  bool
		atLeastLetter int // of state
	}{
		{"as its documents begin: PKCE and no state", "Sign in with Handstamp", false, false, 0},
		{"every check; its state is sealed and long", "Sign in with Handstamp with every check", true, true, 300},
	} {
		me := b.browser(t)
		door := me.open(t, b.app+"/auth/signin")
		end := door.click(t, door.find(exactly(way.button))).byChooser(t, "Alice Acme")
		if end.status != http.StatusOK || end.body != "home" || !strings.HasPrefix(end.url.String(), b.app) {
			t.Fatalf("%s: the login ended at %s with %d:\n%s", way.why, end.url, end.status, end.body)
		}
		asked := me.asked(t)
		if asked.Has("state") != way.state || asked.Has("nonce") != way.nonce || len(asked.Get("state")) < way.atLeastLetter || !asked.Has("code_challenge") {
			t.Errorf("%s: Auth.js asked with %v (a state of %d letters)", way.why, asked, len(asked.Get("state")))
		}
		var session struct{ User struct{ Name, Email string } }
		if err := json.Unmarshal([]byte(me.open(t, b.app+"/auth/session").body), &session); err != nil {
			t.Fatal(err)
		}
		if session.User.Name != "Alice Acme" || session.User.Email != "alice@acme.example" {
			t.Errorf("%s: Auth.js knows %+v", way.why, session.User)
		}
	}
}

func expressOpenIDConnect(t *testing.T, b *broker) {
	npm(t, "express-openid-connect")
	settings := map[string]any{"clientID": "express", "clientSecret": b.secret, "secret": newSecret()}
	app := nodeApp(t, b, "express-openid-connect.mjs", settings)
	app.says(t, &struct{}{})
	const alice, bob = "hello Alice Acme, alice@acme.example", "hello Bob Private, bob@gmail.com"
	login := func(person, hello string) *browser {
		me := b.browser(t)
		if end := me.open(t, b.app+"/").byChooser(t, person); end.body != hello {
			t.Fatalf("the login ended at %s with %d:\n%s", end.url, end.status, end.body)
		}
		if asked := me.asked(t); asked.Get("response_mode") != "form_post" {
			t.Errorf("it asked for %v", asked)
		}
		return me
	}

	// Signing out in the app signs out here, and leads back to the app, which then asks anew.
	me := login("Alice Acme", alice)
	me.stop = b.issuer + "/authorize"
	if end := me.open(t, b.app+"/logout"); end.doc != nil {
		t.Errorf("signing out in the app ended at %s with %d:\n%s", end.url, end.status, end.body)
	}
	if end := me.open(t, b.app+"/"); end.body == alice {
		t.Error("after signing out the page is still open")
	}

	// Back-Channel Logout 1.0 §2.5: signed out here, by no doing of the app or its cookies. Its store goes by person, so that all of
	// Alice's sessions in the app end; Bob's stays.
	me, other := login("Alice Acme", alice), login("Bob Private", bob)
	signOutHere(t, b, me)
	me.stop = b.issuer + "/authorize"
	app.until(t, "it takes the logout token", func() bool { return me.open(t, b.app+"/").body != alice })
	if end := other.open(t, b.app+"/"); end.body != bob {
		t.Errorf("a session that nobody ended was ended, too: %s %d", end.url, end.status)
	}
	app.stop()

	// Its own default, the implicit flow, is answered in the form that it asks for: the app is told why.
	settings["implicit"] = true
	app = nodeApp(t, b, "express-openid-connect.mjs", settings)
	app.says(t, &struct{}{})
	end := b.browser(t).open(t, b.app+"/").byChooser(t, "Alice Acme")
	if !strings.Contains(end.body, "unsupported_response_type") || !strings.HasPrefix(end.url.String(), b.app+"/callback") {
		t.Errorf("response_type=id_token ended at %s with %d:\n%s", end.url, end.status, end.body)
	}
	app.stop()
}

// signOutHere signs a browser out on the broker's own page, with no app that asks.
func signOutHere(t *testing.T, b *broker, me *browser) {
	t.Helper()
	p := me.open(t, b.issuer+"/logout")
	if p = p.click(t, p.find(byID("sign-out"))); p.status != http.StatusOK {
		t.Fatalf("signing out ended at %s with %d:\n%s", p.url, p.status, p.body)
	}
}
