package broker_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
)

// active asks about a token and checks that a dead one is told with nothing else.
func (k *kit) active(as *caller, token string) bool {
	k.t.Helper()
	a := as.post("/introspect", "token", token)
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" {
		k.t.Fatalf("introspect: %s %s", a.Status, a.body)
	}
	if a.json(k.t)["active"] == true {
		return true
	}
	if a.body != `{"active":false}` {
		k.t.Errorf("a dead token tells %s", a.body)
	}
	return false
}

func TestD25_WhoMayAskAboutWhichToken(t *testing.T) {
	k := newKit(t, machines)
	alice := k.login("web").done(k.browser(), "google", "alice")
	elsewhere := k.login("web", "scope", "other:read", "resource", otherAPI).done(k.browser(), "google", "alice")
	web, items, nightly, other := k.caller("web", webSecret), k.caller("items", apiSecret), k.caller("nightly", nightlySecret), k.caller("other", otherSecret)
	people, refresh, machine := alice["access_token"].(string), alice["refresh_token"].(string), nightly.token()
	for _, row := range []struct {
		why   string
		as    *caller
		token string
		want  bool
	}{
		{"the app its own access token", web, people, true},
		{"the app its own refresh token", web, refresh, true},
		{"the app its own, for another API", web, elsewhere["access_token"].(string), true},
		{"the API an access token for it", items, people, true},
		{"the API a machine's for it", items, machine, true},
		{"the machine its own", nightly, machine, true},
		{"the API one for another API", items, elsewhere["access_token"].(string), false},
		{"the API a refresh token, which is no access token", items, refresh, false},
		{"another app a person's", other, people, false},
		{"another app a refresh token", other, refresh, false},
		{"another app a machine's", other, machine, false},
		{"a machine a person's", nightly, people, false},
		{"an ID token is none", web, alice["id_token"].(string), false},
		{"garbage", web, "garbage", false}, {"a refresh token's looks", web, "hsr_x", false},
		{"T06: one letter less", web, refresh[:len(refresh)-1], false}, {"T06: one letter more", web, refresh + "A", false},
		{"T15: dots", web, strings.Repeat(".", 10000), false},
	} {
		if got := k.active(row.as, row.token); got != row.want {
			t.Errorf("%s: active is %v", row.why, got)
		}
	}
}

func TestD25_OnlyAClientThatProvesItselfMayAsk(t *testing.T) {
	k := newKit(t, machines)
	token := k.login("spa", "scope", "openid items:read").done(k.browser(), "google", "alice")["access_token"].(string)
	ask := func(form url.Values) *answer {
		form.Set("token", token)
		return do(t, http.DefaultClient, formRequest(t, k.issuer+"/introspect", form, nil))
	}
	for why, form := range map[string]url.Values{"nobody": {}, "a public client's name": {"client_id": {"spa"}}, "a wrong secret": {"client_id": {"web"}, "client_secret": {"wrong"}},
		"an unknown client": {"client_id": {"nobody"}, "client_secret": {"wrong"}}} {
		a := ask(form)
		mustFail(t, a, http.StatusUnauthorized, "invalid_client")
		if strings.Contains(a.body, "active") || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: %s %v", why, a.body, a.Header)
		}
	}
	web := k.caller("web", webSecret)
	mustFail(t, web.post("/introspect"), http.StatusBadRequest, "invalid_request")
	mustFail(t, web.post("/introspect", "token", "a", "token", "a"), http.StatusBadRequest, "invalid_request")
	mustFail(t, web.post("/introspect", "token", strings.Repeat("a", 17<<10)), http.StatusBadRequest, "invalid_request")
	mustFail(t, web.post("/introspect", "token", strings.Repeat("a", 65<<10)), http.StatusRequestEntityTooLarge, "invalid_request")
	if a := web.post("/introspect", "token", "x", "unknown", "ignored", "token_type_hint", "of_my_own"); a.body != `{"active":false}` {
		t.Errorf("an unknown parameter is ignored: %s", a.body)
	}
	if a := k.browser().get(k.issuer + "/introspect?token=" + token); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("by GET: %s", a.Status)
	}
	// RFC 9701's signed answer is not offered: whoever asks for it gets plain JSON.
	req := formRequest(t, k.issuer+"/introspect", url.Values{"token": {token}, "client_id": {"items"}, "client_secret": {apiSecret.Reveal()}}, map[string]string{"Accept": "application/token-introspection+jwt"})
	if a := do(t, http.DefaultClient, req); a.Header.Get("Content-Type") != "application/json" || a.json(t)["active"] != true {
		t.Errorf("%s %s", a.Header, a.body)
	}
}

func TestAnActiveTokenIsToldAsItIs(t *testing.T) {
	k := newKit(t, machines)
	alice := k.login("web").done(k.browser(), "google", "alice")
	raw := alice["access_token"].(string)
	claims := k.verify(raw, apiURL)
	got := k.caller("items", apiSecret).post("/introspect", "token", raw).json(t)
	for name, want := range map[string]any{"active": true, "token_type": "Bearer", "client_id": "web", "sub": claims.Subject, "iss": k.issuer, "jti": claims.ID,
		"scope": strings.Join(claims.Scopes, " "), "exp": float64(claims.ExpiresAt.Unix()), "iat": float64(claims.IssuedAt.Unix())} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if aud, _ := got["aud"].([]any); len(aud) != 2 || aud[0] != apiURL {
		t.Errorf("aud is %v", got["aud"])
	}
	if roles, _ := got["roles"].([]any); len(roles) != 1 || roles[0] != "reader" {
		t.Errorf("roles are %v", got["roles"])
	}
	refresh := k.caller("web", webSecret).post("/introspect", "token", alice["refresh_token"].(string), "token_type_hint", "access_token").json(t)
	for _, never := range []string{"token_type", "aud", "jti"} { // nothing that could pass for an access token
		if _, there := refresh[never]; there {
			t.Errorf("a refresh token has %s", never)
		}
	}
	if refresh["sub"] != claims.Subject || refresh["client_id"] != "web" || refresh["exp"].(float64) < refresh["iat"].(float64)+86400 {
		t.Errorf("the refresh token: %v", refresh)
	}
	machine := k.caller("nightly", nightlySecret)
	if got := machine.post("/introspect", "token", machine.token()).json(t); got["sub"] != "client:nightly" || got["scope"] != "items:read items:write" || got["sid"] != nil {
		t.Errorf("the machine's: %v", got)
	}
}

// T04, T27: whatever was withdrawn is told at once, although the token itself lives on.
func TestT04_T27_WhatWasWithdrawnIsNotActive(t *testing.T) {
	for _, row := range []struct {
		why      string
		withdraw func(k *kit, l *login, got map[string]any)
	}{
		{"revoked by the app", func(k *kit, l *login, got map[string]any) {
			k.caller("web", webSecret).post("/revoke", "token", got["refresh_token"].(string))
		}},
		{"the user is disabled", func(k *kit, l *login, got map[string]any) {
			u, err := k.db.UserBySubject(k.t.Context(), k.verify(got["access_token"].(string), apiURL).Subject)
			if err != nil {
				k.t.Fatal(err)
			}
			if err := k.db.SetUserDisabled(k.t.Context(), adminActor, u.ID, true); err != nil {
				k.t.Fatal(err)
			}
		}},
		{"the client is disabled", func(k *kit, l *login, got map[string]any) {
			k.change(func(d *directory.Document) { d.Clients[0].Disabled = true })
		}},
		{"the client is gone", func(k *kit, l *login, got map[string]any) {
			k.change(func(d *directory.Document) { d.Clients = d.Clients[1:] })
		}},
		{"the provider is disabled", func(k *kit, l *login, got map[string]any) {
			k.change(func(d *directory.Document) { d.Providers[0].Disabled = true })
		}},
		{"D28: the client may not use the provider any more", func(k *kit, l *login, got map[string]any) {
			k.change(func(d *directory.Document) { d.Clients[0].Providers = []string{"okta"} })
		}},
		{"a refresh token was used twice", func(k *kit, l *login, got map[string]any) {
			first := got["refresh_token"].(string)
			l.refresh(l.refresh(first).json(k.t)["refresh_token"].(string))
			l.refresh(first)
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			k := newKit(t, machines)
			l := k.login("web")
			got := l.done(k.browser(), "google", "alice")
			access, refresh, items := got["access_token"].(string), got["refresh_token"].(string), k.caller("items", apiSecret)
			if !k.active(items, access) || !k.active(k.caller("web", webSecret), refresh) {
				t.Fatal("not active to begin with")
			}
			row.withdraw(k, l, got)
			if k.active(items, access) {
				t.Error("the access token is still active")
			}
			if c, ok := k.client("web"); ok && !c.Disabled && k.active(k.caller("web", webSecret), refresh) {
				t.Error("the refresh token is still active")
			}
		})
	}
}

// client finds a client of the document as it is now.
func (k *kit) client(id string) (directory.Client, bool) {
	i := slices.IndexFunc(k.doc.Clients, func(c directory.Client) bool { return c.ID == id })
	if i < 0 {
		return directory.Client{}, false
	}
	return k.doc.Clients[i], true
}

func TestT04_AMachinesTokenFollowsTheSettings(t *testing.T) {
	k := newKit(t, machines)
	nightly, items := k.caller("nightly", nightlySecret), k.caller("items", apiSecret)
	raw := nightly.token("scope", "items:read items:write")
	k.change(func(d *directory.Document) { d.Clients[5].MachineScopes = []string{"items:read"} })
	if got := items.post("/introspect", "token", raw).json(t); got["scope"] != "items:read" {
		t.Errorf("a scope that was taken away is still there: %v", got)
	}
	k.change(func(d *directory.Document) {
		d.Clients[5].MachineScopes, d.Clients[5].Introspects = nil, []string{otherAPI}
	})
	if k.active(items, raw) || k.active(nightly, raw) {
		t.Error("the client may not act for itself any more, and its token is active")
	}
	k.change(func(d *directory.Document) { d.Clients[6].Introspects = []string{otherAPI} })
	if k.active(items, k.login("web").done(k.browser(), "google", "alice")["access_token"].(string)) {
		t.Error("the API is not registered for the audience any more")
	}
	k.change(machinesAgain)
	again := nightly.token()
	k.clock.Advance(6 * time.Minute)
	if k.active(nightly, again) {
		t.Error("an expired token is active")
	}
}

func machinesAgain(d *directory.Document) {
	d.Clients = d.Clients[:5]
	machines(d)
}

// An access token never says more than its grant does today.
func TestAnAccessTokenIsToldWithTheScopesThatTheGrantStillHas(t *testing.T) {
	k := newKit(t, machines)
	l := k.login("web")
	got := l.done(k.browser(), "okta", "alice")
	items := k.caller("items", apiSecret)
	if s := items.post("/introspect", "token", got["access_token"].(string)).json(t)["scope"].(string); !strings.Contains(s, "items:read") {
		t.Fatalf("to begin with: %q", s)
	}
	k.change(func(d *directory.Document) { d.Rules = d.Rules[1:] }) // nobody reads any more
	if a := l.refresh(got["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	told := items.post("/introspect", "token", got["access_token"].(string)).json(t)
	if s := told["scope"].(string); strings.Contains(s, "items:read") || !strings.Contains(s, "openid") {
		t.Errorf("scope is %q", s)
	}
	if roles, _ := told["roles"].([]any); slices.Contains(roles, any("reader")) {
		t.Errorf("roles are %v", roles)
	}
}

// What is taken from an app in the settings is gone for introspection and userinfo at
// once, as it is for a machine: both are asked what holds at this moment.
func TestL19_AScopeThatTheAppMayNotHaveAnyMoreIsToldByNobody(t *testing.T) {
	for why, change := range map[string]func(*kit, *login, map[string]any){
		"taken from the app": func(k *kit, _ *login, _ map[string]any) {
			k.change(func(d *directory.Document) {
				d.Clients[0].Scopes = slices.DeleteFunc(slices.Clone(d.Clients[0].Scopes), func(s string) bool { return s == "email" || s == "items:read" })
			})
		},
		"taken from the grant": func(k *kit, l *login, got map[string]any) { // a refresh decides anew, and the settings come back
			before := k.doc.Clients[0].Scopes
			k.change(func(d *directory.Document) {
				d.Clients[0].Scopes = slices.DeleteFunc(slices.Clone(before), func(s string) bool { return s == "email" || s == "items:read" })
			})
			if a := l.refresh(got["refresh_token"].(string)); a.StatusCode != http.StatusOK {
				t.Fatal(a.body)
			}
			k.change(func(d *directory.Document) { d.Clients[0].Scopes = before })
		},
	} {
		k := newKit(t, machines)
		l := k.login("web")
		got := l.done(k.browser(), "google", "alice")
		token := got["access_token"].(string)
		if k.userinfo(token).json(t)["email"] == nil {
			t.Fatal("to begin with there is an address")
		}
		change(k, l, got)
		told := k.caller("items", apiSecret).post("/introspect", "token", token).json(t)
		if s, _ := told["scope"].(string); strings.Contains(s, "items:read") || strings.Contains(s, "email") || !strings.Contains(s, "openid") {
			t.Errorf("%s: introspection tells %q", why, s)
		}
		info := k.userinfo(token).json(t)
		if info["email"] != nil || info["email_verified"] != nil || info["sub"] == nil {
			t.Errorf("%s: userinfo tells %v", why, info)
		}
	}
}

func TestD25_AFailingDatabaseIsNotAnInactiveToken(t *testing.T) {
	k := newKit(t, machines)
	raw := k.login("web").done(k.browser(), "google", "alice")["access_token"].(string)
	machine := k.caller("nightly", nightlySecret).token()
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{raw, machine} {
		mustFail(t, k.caller("items", apiSecret).post("/introspect", "token", token), http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	mustFail(t, k.caller("nightly", nightlySecret).post("/revoke", "token", machine), http.StatusServiceUnavailable, "temporarily_unavailable") // D26
	mustFail(t, k.caller("web", webSecret).post("/revoke", "token", raw), http.StatusServiceUnavailable, "temporarily_unavailable")
}
