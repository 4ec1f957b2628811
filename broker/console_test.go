package broker_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

const alice = "alice@acme.example"

// administrator is a kit whose alice has a role, with a browser she is signed in with.
func administrator(t *testing.T, role string, changes ...func(*directory.Document)) (*kit, *browser) {
	t.Helper()
	k := newKit(t, changes...)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	k.makeAdmin(alice, role)
	return k, b
}

func TestAnAdministratorHasWhatTheirRoleGives(t *testing.T) {
	for _, role := range []string{storage.RoleViewer, storage.RoleEditor, storage.RoleOwner} {
		k, b := administrator(t, role)
		got := k.console().done(b, "google", "alice")
		claims := k.verify(got["access_token"].(string), directory.AdminResource)
		var scopes []string
		for _, s := range claims.Scopes {
			if strings.HasPrefix(s, "handstamp:") {
				scopes = append(scopes, s)
			}
		}
		slices.Sort(scopes)
		if want := slices.Sorted(slices.Values(directory.AdminScopes(role))); !slices.Equal(scopes, want) {
			t.Errorf("%s has %v, want %v", role, scopes, want)
		}
		if claims.ClientID != directory.AdminClient || claims.AuthTime.IsZero() || claims.SessionID == "" || len(claims.Roles) != 0 {
			t.Errorf("%s: %+v", role, claims)
		}
		if len(claims.Audience) != 2 || claims.Audience[0] != directory.AdminResource || claims.Audience[1] != k.issuer {
			t.Errorf("%s: audience %v", role, claims.Audience)
		}
		if a := k.userinfo(got["access_token"].(string)); a.StatusCode != http.StatusOK || a.json(t)["email"] != alice {
			t.Errorf("userinfo: %s %s", a.Status, a.body)
		}
		if a := k.caller("web", webSecret).post("/introspect", "token", got["access_token"].(string)); a.body != `{"active":false}` {
			t.Errorf("an app asks about it: %s", a.body)
		}
	}
}

// A rule and a claim make no administrator (A11): an evil provider says what it likes.
func TestA11_NoClaimAndNoRuleMakesAnAdministrator(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "all", Roles: []string{"owner", "admin"}, Scopes: []string{"items:read"}, Claims: map[string]string{"admin_role": "'owner'", "groups": "['admins']"}})
	})
	k.okta.Faults().Set(persona.Fault{Claims: persona.Claims{"groups": []string{"admins", "Admins", "owner"}, "roles": []string{"owner"}, "role": "owner", "admin": true, "handstamp_role": "owner",
		"scope": strings.Join(directory.AdminScopes("owner"), " "), "aud_extra": directory.AdminResource}})
	b := k.browser()
	for _, known := range []bool{false, true} {
		l := k.console()
		to := l.signIn(b, "okta", "alice")
		l.mustGoBack(to, oauth.AccessDenied)
		if said := to.Query().Get("error_description"); !strings.HasPrefix(said, "You are not an administrator here.") || !strings.Contains(said, " (reference ") {
			t.Errorf("known %v: %q", known, said)
		}
		if users, err := k.db.Users(t.Context(), 10); err != nil || len(users) != 0 && !known {
			t.Errorf("the console made a user: %v, %v", users, err)
		}
		got := k.login("web", "scope", "openid email items:read", "resource", "").done(b, "okta", "alice") // now she is known, and has what the rule gives at apps
		if claims := k.verify(got["access_token"].(string), apiURL); !slices.Contains(claims.Roles, "owner") {
			t.Fatal("the rule gives nothing: this test shows nothing")
		}
	}
	l := k.console("prompt", "none") // nor by single sign-on
	l.mustGoBack(b.get(l.url()).to(t), oauth.AccessDenied)

	k.makeAdmin(alice, storage.RoleViewer) // and who is one has from rules and claims no more than the role
	l = k.console()
	got := l.done(b, "okta", "alice")
	claims := k.verify(got["access_token"].(string), directory.AdminResource)
	if len(claims.Roles) != 0 || claims.Extra["admin_role"] != nil || slices.Contains(claims.Scopes, directory.WriteDirectory) || slices.Contains(claims.Scopes, "items:read") {
		t.Errorf("%+v", claims)
	}
}

func TestARoleThatIsTakenAwayEndsWithTheNextStep(t *testing.T) {
	for why, step := range map[string]func(k *kit, b *browser, l *login, code, refresh string) *answer{
		"refresh": func(_ *kit, _ *browser, l *login, _, refresh string) *answer { return l.refresh(refresh) },
		"code":    func(_ *kit, _ *browser, l *login, code, _ string) *answer { return l.redeem(code) },
	} {
		k, b := administrator(t, storage.RoleOwner)
		l := k.console()
		got := l.done(b, "google", "alice")
		l2 := k.console("prompt", "none")
		code := l2.code(b.get(l2.url()).to(t))
		l2.redirect = l.redirect
		k.makeAdmin(alice, "")
		mustFail(t, step(k, b, l2, code, got["refresh_token"].(string)), http.StatusBadRequest, oauth.InvalidGrant)
		if a := k.userinfo(got["access_token"].(string)); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: userinfo %s", why, a.Status)
		}
		l3 := k.console("prompt", "none")
		l3.mustGoBack(b.get(l3.url()).to(t), oauth.AccessDenied)
	}
}

func TestALesserRoleNarrowsAtTheNextRefresh(t *testing.T) {
	k, b := administrator(t, storage.RoleOwner)
	l := k.console()
	got := l.done(b, "google", "alice")
	k.makeAdmin(alice, storage.RoleViewer)
	again := l.refresh(got["refresh_token"].(string)).json(t)
	claims := k.verify(again["access_token"].(string), directory.AdminResource)
	if slices.Contains(claims.Scopes, directory.WriteOwners) || !slices.Contains(claims.Scopes, directory.ReadUsers) {
		t.Errorf("scopes %v", claims.Scopes)
	}
	k.makeAdmin(alice, storage.RoleOwner) // a refresh never gives more than the sign-in did
	again = l.refresh(again["refresh_token"].(string)).json(t)
	if claims := k.verify(again["access_token"].(string), directory.AdminResource); slices.Contains(claims.Scopes, directory.WriteOwners) {
		t.Errorf("scopes %v", claims.Scopes)
	}
}

// admit() stands at the console as at every app.
func TestD28_L12_TheConsoleHasTheSameGate(t *testing.T) {
	for why, close := range map[string]func(k *kit){
		"a deny rule": func(k *kit) {
			k.change(func(d *directory.Document) {
				d.Rules = append(d.Rules, mapping.Rule{Name: "nobody", Clients: nil, When: "client.id == 'handstamp:admin'", Deny: "closed today"})
			})
		},
		"another domain": func(k *kit) {
			k.change(func(d *directory.Document) { d.Providers[0].AllowedDomains = []string{"elsewhere.example"} })
		},
		"a disabled provider": func(k *kit) { k.change(func(d *directory.Document) { d.Providers[0].Disabled = true }) },
		"a disabled person": func(k *kit) {
			if err := k.db.SetUserDisabled(k.t.Context(), storage.Actor{Kind: "system"}, k.identity(alice).UserID, true); err != nil {
				k.t.Fatal(err)
			}
		},
	} {
		k, b := administrator(t, storage.RoleEditor) // the last owner could not be disabled
		l := k.console()
		got := l.done(b, "google", "alice")
		close(k)
		mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, oauth.InvalidGrant)
		silent := k.console("prompt", "none")
		if to := b.get(silent.url()).to(t); to.Query().Has("code") || to.Query().Get("error") == "" {
			t.Errorf("%s: %s", why, to)
		}
	}
}

func TestSigningOutEndsTheConsoleToo(t *testing.T) {
	k, b := administrator(t, storage.RoleOwner)
	l := k.console()
	got := l.done(b, "google", "alice")
	q := url.Values{"id_token_hint": {got["id_token"].(string)}, "post_logout_redirect_uri": {consoleURL + "/"}, "state": {"x"}}
	a := b.get(k.issuer + "/logout?" + q.Encode())
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != consoleURL+"/?state=x" {
		t.Fatalf("%s %q", a.Status, a.Header.Get("Location"))
	}
	mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, oauth.InvalidGrant)
	q.Set("post_logout_redirect_uri", consoleURL+"/elsewhere")
	mustBePage(t, b.get(k.issuer+"/logout?"+q.Encode()), http.StatusBadRequest)
	for _, revoked := range []string{"refresh_token", "access_token"} {
		l := k.console()
		got := l.done(b, "google", "alice")
		form := url.Values{"token": {got[revoked].(string)}, "client_id": {directory.AdminClient}}
		if a := do(t, http.DefaultClient, formRequest(t, k.issuer+"/revoke", form, nil)); a.StatusCode != http.StatusOK {
			t.Errorf("revoke: %s %s", a.Status, a.body)
		}
		mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, oauth.InvalidGrant)
	}
}

func TestTheConsoleComesBackOnlyToItsOwnAddressWithPKCE(t *testing.T) {
	k, b := administrator(t, storage.RoleOwner)
	for _, redirect := range []string{"", consoleURL, consoleURL + "/", consoleURL + "/session/", "https://evil.example/session", appURL + "/callback"} {
		q := k.console().query()
		q.Set("redirect_uri", redirect)
		mustBePage(t, b.get(k.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
	}
	q := k.console().query()
	q.Del("code_challenge")
	q.Del("code_challenge_method")
	if to := b.get(k.issuer + "/authorize?" + q.Encode()).to(t); to.Query().Get("error") != oauth.InvalidRequest {
		t.Errorf("without PKCE: %s", to)
	}
	l := k.console()
	code := l.code(b.get(l.url()).to(t))
	mustFail(t, l.redeem(code, "code_verifier", oauth.NewSecret()), http.StatusBadRequest, oauth.InvalidGrant)
	other := k.login("spa")
	other.verifier, other.redirect = l.verifier, l.redirect
	mustFail(t, other.redeem(code), http.StatusBadRequest, oauth.InvalidGrant)
	for _, form := range []url.Values{{"grant_type": {"client_credentials"}}, {"grant_type": {"client_credentials"}, "scope": {directory.ReadUsers}, "resource": {directory.AdminResource}}, {"grant_type": {"password"}, "username": {"a"}, "password": {"b"}}} {
		if a := l.token(form); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %s %s", form, a.Status, a.body)
		}
	}
}

func TestABrokerWithoutAConsoleKnowsNoSuchClient(t *testing.T) {
	k := newKitAs(t, func(k *kit) { k.dbURL, k.admin = "sqlite:"+filepath.Join(t.TempDir(), "book.db"), nil })
	mustBePage(t, k.browser().get(k.console().url()), http.StatusBadRequest)
	mustFail(t, k.console().refresh("x"), http.StatusUnauthorized, oauth.InvalidClient)
	if _, _, err := k.broker.TestSignIn("google", consoleURL+"/"); err == nil {
		t.Error("a test sign-in leads nowhere")
	}
}

// A10: whatever an app asks for, in whatever way, its token has no scope and no audience
// of the administration, also where an administrator is the person behind it.
func TestA10_NoAppGetsAnythingOfTheAdministration(t *testing.T) {
	k, b := administrator(t, storage.RoleOwner, withLocal, withPasswordGrant, machines)
	k.member("olga")
	web, nightly := k.caller("web", webSecret), k.caller("nightly", nightlySecret)
	all := append(directory.AdminScopes("owner"), "handstamp:everything", "handstamp:", "admin", directory.AdminResource)
	checked := 0
	mustBeHarmless := func(why string, a *answer) {
		t.Helper()
		if a.StatusCode != http.StatusOK {
			return
		}
		checked++
		got := a.json(t)
		for _, name := range []string{"access_token", "id_token"} {
			raw, _ := got[name].(string)
			if raw == "" {
				continue
			}
			_, payload, _ := strings.Cut(raw, ".")
			payload, _, _ = strings.Cut(payload, ".")
			claims, err := base64.RawURLEncoding.DecodeString(payload)
			if err != nil || len(claims) == 0 || strings.Contains(string(claims), "handstamp:") {
				t.Errorf("%s: %s is %s, %v", why, name, claims, err)
			}
		}
		if strings.Contains(got["scope"].(string), "handstamp:") {
			t.Errorf("%s: %v", why, got)
		}
		if a := web.post("/introspect", "token", got["access_token"].(string)); strings.Contains(a.body, "handstamp:") {
			t.Errorf("%s: introspection says %s", why, a.body)
		}
	}
	resources := [][]string{nil, {apiURL}, {directory.AdminResource}, {apiURL, directory.AdminResource}, {directory.AdminResource, k.issuer}, {"URN:handstamp:admin"}, {"urn:handstamp:admin#"}}
	for _, scope := range append(all, "openid items:read") {
		for _, resource := range resources {
			for _, client := range []string{"web", "spa", "notes", "other"} {
				l := k.login(client, "scope", "openid "+scope, "resource", "")
				if resource != nil {
					l.extra["resource"] = resource
				}
				a := b.get(l.url())
				if to := a.Header.Get("Location"); strings.HasPrefix(to, l.redirect) && strings.Contains(to, "code=") {
					mustBeHarmless("code: "+client+" "+scope, l.redeem(l.code(a.to(t)), "scope", scope))
				}
			}
			form := []string{"grant_type", "client_credentials", "scope", scope}
			for _, r := range resource {
				form = append(form, "resource", r)
			}
			mustBeHarmless("machine", nightly.post("/token", form...))
			mustBeHarmless("machine that is an app", web.post("/token", form...))
			mustBeHarmless("password", k.login("desk").token(url.Values{"grant_type": {"password"}, "username": {"olga"}, "password": {goodPassword}, "scope": {"openid " + scope}, "resource": resource}))
		}
	}
	l := k.login("web")
	refresh := l.done(b, "google", "alice")["refresh_token"].(string)
	for _, scope := range all {
		for _, resource := range resources[1:] {
			a := do(t, http.DefaultClient, l.tokenRequest(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "scope": {"openid " + scope}, "resource": resource}))
			mustBeHarmless("refresh", a)
			if next, ok := a.json(t)["refresh_token"].(string); ok {
				refresh = next
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d tokens were looked at: this test shows nothing", checked)
	}
}

func TestAMachineAdministersByClientCredentialsOnly(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Clients = append(d.Clients, directory.Client{ID: "robot", Secrets: []providers.Secret{webSecret}, MachineScopes: []string{directory.ReadUsers, "items:read"}})
	})
	robot := &login{k: k, client: "robot", secret: webSecret.Reveal()}
	got := robot.token(url.Values{"grant_type": {"client_credentials"}, "resource": {directory.AdminResource}}).json(t)
	claims := k.verify(got["access_token"].(string), directory.AdminResource)
	if !claims.Machine() || !slices.Equal(claims.Scopes, []string{directory.ReadUsers}) || !slices.Equal(claims.Audience, []string{directory.AdminResource}) {
		t.Errorf("%+v", claims)
	}
	mustFail(t, robot.token(url.Values{"grant_type": {"client_credentials"}, "scope": {directory.WriteUsers}}), http.StatusBadRequest, oauth.InvalidScope)
	k.change(func(d *directory.Document) { d.Clients[len(d.Clients)-1].MachineScopes = []string{"items:read"} })
	mustFail(t, robot.token(url.Values{"grant_type": {"client_credentials"}, "resource": {directory.AdminResource}}), http.StatusBadRequest, oauth.InvalidTarget)
}
