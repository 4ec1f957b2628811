package admin_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// fill gives every part of a route's path a value of something that is there.
func fill(path string) string {
	key := api.Key(apiID)
	if strings.HasPrefix(path, "/rules/") {
		key = api.Key("everybody reads")
	}
	return strings.NewReplacer(":slug", "corp", ":id", "web", ":number", "1", ":key", key, ":fingerprint", "AAAA", ":sub", "nobody", ":sid", "AAAA",
		":client", "web", ":provider", "corp", ":reference", "AAAABBBBCCCCDDDD").Replace(path)
}

// publicRoutes need nobody to be known. A route that joins them has to be argued for here.
var publicRoutes = []string{
	"GET /openapi.json",      // how to call the others; nothing of this house is in it but its addresses
	"POST /admin-links/take", // the link is the proof
}

func TestA01_NoRouteAnswersWhoCannotProveWhoTheyAre(t *testing.T) {
	k := newKit(t)
	owner := k.signIn("corp", "somebody", nil)
	all := directory.AdminScopes(storage.RoleOwner)
	person := tokens.Granted{Subject: owner.User.Subject, ClientID: directory.AdminClient, Audience: []string{directory.AdminResource}, Scopes: all, SessionID: owner.SID, AuthTime: owner.AuthTime}
	with := func(change func(*tokens.Granted)) string {
		g := person
		change(&g)
		return k.mint(g)
	}
	bad := map[string]string{
		"nothing":                            "",
		"no token":                           "x.y.z",
		"a person who is no administrator":   k.mint(person),
		"another audience":                   with(func(g *tokens.Granted) { g.Audience = []string{apiID} }),
		"the issuer's audience":              with(func(g *tokens.Granted) { g.Audience = []string{issuer} }),
		"an app's token with admin scopes":   with(func(g *tokens.Granted) { g.ClientID = "web" }),
		"a machine that is not there":        k.machine("nobody", all...),
		"a client that is no machine":        k.machine("web", all...),
		"a person's token with a machine id": with(func(g *tokens.Granted) { g.Subject, g.ClientID = "client:robot", "web" }),
		"no link":                            "hsal_AAAA",
	}
	expired := k.robot()
	k.clock.Advance(20 * time.Minute)
	bad["an expired one"] = expired
	seen := 0
	for _, r := range admin.Routes() {
		name := r.Method + " " + r.Path
		if isPublic := r.Need == admin.Public; isPublic != slices.Contains(publicRoutes, name) {
			t.Errorf("%s: public is %t", name, isPublic)
		}
		if r.Need == admin.Public || r.Shell {
			continue
		}
		for why, token := range bad {
			seen++
			a := k.do(r.Method, fill(r.Path), token, "")
			if a.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer realm=") {
				t.Errorf("%s with %s: %s %v", name, why, a.Status, a.Header)
			}
		}
	}
	if seen < 300 {
		t.Errorf("only %d tries", seen)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/", "/api", "/api/v1", "/api/v2/me", "/static/x", "/.env"} {
		if a := k.ask(k.url+path, http.MethodGet, k.robot(), ""); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

// A shell's route has no address in the network at all.
func TestA01_WhatOnlyTheShellMayHasNoAddressInTheNetwork(t *testing.T) {
	k := newKit(t)
	for _, r := range admin.Routes() {
		if !r.Shell {
			continue
		}
		if a := k.do(r.Method, fill(r.Path), k.admin(storage.RoleOwner), ""); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %s", r.Method, r.Path, a.Status)
		}
	}
}

var writeMatrix = flag.Bool("update-matrix", false, "write testdata/matrix.txt anew")

// Who may what is read from answers, not from the table, and kept where a review sees a
// change of it.
func TestA02_TheRoleMatrixIsWhatWasReviewed(t *testing.T) {
	k := newKit(t)
	roles := []string{storage.RoleViewer, storage.RoleEditor, storage.RoleOwner}
	token := map[string]string{}
	for _, role := range roles {
		token[role] = k.admin(role)
	}
	token["reader"] = k.machine("reader", directory.AdminScopes(storage.RoleOwner)...) // asks for all, has one
	var lines []string
	for _, r := range admin.Routes() {
		if r.Shell || r.Need == admin.Public {
			continue
		}
		line := fmt.Sprintf("%-6s %s", r.Method, r.Path)
		for _, who := range append(roles, "reader") {
			// A body that is none: whoever may is told so, and nothing happens.
			a := k.do(r.Method, fill(r.Path), token[who], "", "If-Match", `"999"`)
			may := "yes"
			if a.StatusCode == http.StatusForbidden {
				if a.problem(t).Kind() != api.TooFewScopes {
					t.Errorf("%s for %s: %s", line, who, a.body)
				}
				may = "-"
			}
			if a.StatusCode >= 500 || a.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s for %s: %s", line, who, a.Status)
			}
			line += " " + who + "=" + may
			if who == storage.RoleOwner && r.Path == "/admin-links" {
				continue
			}
		}
		lines = append(lines, line)
	}
	got := strings.Join(lines, "\n") + "\n"
	if *writeMatrix {
		if err := os.WriteFile("testdata/matrix.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the matrix changed; review it, then go test ./admin -run TestA02 -update-matrix\n%s", got)
	}
}

// What somebody may is looked up on each call: a role, a scope or a session that was
// taken away counts no more, whatever the token says.
func TestA02_WhatWasTakenAwayEndsWithTheNextCall(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "carol", nil)
	set := func(role string) {
		t.Helper()
		if err := k.db.SetAdmin(t.Context(), storage.Actor{Kind: "admin", ID: "shell"}, s.ProviderID, "carol", role, true); err != nil {
			t.Fatal(err)
		}
	}
	set(storage.RoleEditor)
	token := k.consoleToken(s, storage.RoleEditor)
	add := func() *answer {
		return k.do("POST", "/rules", token, `{"name":"x","roles":["y"]}`, "If-Match", `"999"`)
	}
	must(t, add(), http.StatusPreconditionFailed)
	set(storage.RoleViewer)
	must(t, add(), http.StatusForbidden)
	must(t, k.do("GET", "/rules", token, ""), http.StatusOK)
	set("")
	must(t, k.do("GET", "/rules", token, ""), http.StatusUnauthorized)
	set(storage.RoleOwner)
	if me := into[api.Me](t, must(t, k.do("GET", "/me", token, ""), http.StatusOK)); slices.Contains(me.Scopes, directory.WriteOwners) || me.Role != storage.RoleOwner {
		t.Errorf("an old token has %v", me.Scopes) // a new sign-in gives more, never an old token
	}
	if err := k.db.EndSession(t.Context(), storage.Actor{Kind: "person"}, s.SID); err != nil {
		t.Fatal(err)
	}
	must(t, k.do("GET", "/me", token, ""), http.StatusUnauthorized)

	robot := k.robot()
	must(t, k.do("GET", "/rules", robot, ""), http.StatusOK)
	k.edit(func(d *directory.Document) { d.Clients[2].MachineScopes = []string{directory.ReadAudit} })
	must(t, k.do("GET", "/rules", robot, ""), http.StatusForbidden)
	k.edit(func(d *directory.Document) { d.Clients[2].Disabled = true })
	must(t, k.do("GET", "/me", robot, ""), http.StatusUnauthorized)
}

// Who works at the console all day is not thrown out because their browser asked for no
// other app meanwhile; at the session's end they are.
func TestAPersonIsLetInAsLongAsTheirSessionStands(t *testing.T) {
	k := newKit(t)
	token := k.admin(storage.RoleViewer)
	k.clock.Advance(3 * time.Hour)
	claims := k.read(token, 4*time.Hour)
	fresh := k.mint(tokens.Granted{Subject: claims.Subject, ClientID: claims.ClientID, Audience: claims.Audience, Scopes: claims.Scopes, AuthTime: claims.AuthTime, SessionID: claims.SessionID})
	must(t, k.do("GET", "/me", fresh, ""), http.StatusOK)
	k.clock.Advance(9*time.Hour + time.Minute)
	late := k.mint(tokens.Granted{Subject: claims.Subject, ClientID: claims.ClientID, Audience: claims.Audience, Scopes: claims.Scopes, AuthTime: claims.AuthTime, SessionID: claims.SessionID})
	must(t, k.do("GET", "/me", late, ""), http.StatusUnauthorized)
	without := k.mint(tokens.Granted{Subject: claims.Subject, ClientID: claims.ClientID, Audience: claims.Audience, Scopes: claims.Scopes, AuthTime: claims.AuthTime})
	must(t, k.do("GET", "/me", without, ""), http.StatusUnauthorized)
}

func TestARevokedMachineTokenIsRefused(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	claims, err := (&tokens.Verifier{Issuer: issuer, Keys: k.ring, Now: k.clock.Now}).AccessForAnyAudience(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	must(t, k.do("GET", "/me", token, ""), http.StatusOK)
	if err := k.db.RevokeToken(t.Context(), storage.Actor{Kind: "client", ID: "robot"}, claims.ID, "robot", claims.ExpiresAt); err != nil {
		t.Fatal(err)
	}
	must(t, k.do("GET", "/me", token, ""), http.StatusUnauthorized)
}

func TestA10_OnlyATokenForTheAdministrationCounts(t *testing.T) {
	k := newKit(t)
	token := k.admin(storage.RoleOwner)
	must(t, k.do("GET", "/me", token, ""), http.StatusOK)
	for why, headers := range map[string][]string{
		"a cookie":            {"Cookie", "token=" + token + "; __Host-session=" + token},
		"basic":               {"Authorization", "Basic cm9ib3Q6eA=="},
		"another scheme":      {"Authorization", "Token " + token},
		"a form field":        {"X-Access-Token", token},
		"an identity header":  {"X-Forwarded-User", "owner"},
		"an original address": {"X-Original-URL", "/api/v1/openapi.json"},
	} {
		if a := k.do("GET", "/me", "", "", headers...); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	must(t, k.do("GET", "/me?access_token="+token, "", ""), http.StatusUnauthorized)
	s := k.signIn("corp", "the-owner", nil)
	id := &tokens.Mint{Issuer: issuer, Ring: k.ring, Now: k.clock.Now, IDTTL: time.Minute}
	raw, err := id.ID(t.Context(), tokens.Granted{Subject: s.User.Subject, ClientID: directory.AdminClient, Audience: []string{directory.AdminResource}, SessionID: s.SID, AuthTime: s.AuthTime}, tokens.IDToken{Alg: tokens.ES256})
	if err != nil {
		t.Fatal(err)
	}
	must(t, k.do("GET", "/me", raw, ""), http.StatusUnauthorized)
}

// A foreign page can call nothing: no answer allows its origin, and a preflight is none.
func TestA10_NoOtherOriginIsLetIn(t *testing.T) {
	k := newKit(t)
	a := must(t, k.do("GET", "/me", k.robot(), "", "Origin", "https://evil.example"), http.StatusOK)
	b := k.do("OPTIONS", "/me", "", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "GET")
	for _, one := range []*answer{a, b} {
		for name := range one.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", one.Status, name)
			}
		}
	}
}

func TestA12_SensitiveChangesNeedASignInOfTheLastMinutes(t *testing.T) {
	k := newKit(t)
	token := k.admin(storage.RoleOwner)
	redirect := `{"id":"web","name":"Web","redirect_uris":["https://app.example.com/cb","https://evil.example/cb"],"scopes":["openid","profile","items:read","items:write"],"default_resource":"` + apiID + `"}`
	harmless := `{"name":"everybody reads","roles":["reader","guest"],"scopes":["items:read"]}`
	k.clock.Advance(4 * time.Minute)
	must(t, k.do("PUT", "/clients/web?plan=true", token, redirect), http.StatusOK)
	k.clock.Advance(90 * time.Second)
	token = k.remint(token)
	a := must(t, k.do("PUT", "/clients/web", token, redirect, "If-Match", k.current()), http.StatusForbidden)
	if p := a.problem(t); p.Kind() != api.ReauthRequired || p.Plan == nil || !p.Plan.Sensitive || !strings.Contains(a.Header.Get("WWW-Authenticate"), `insufficient_user_authentication`) {
		t.Errorf("%s", a.body)
	}
	must(t, k.do("PUT", "/rules/"+api.Key("everybody reads"), token, harmless, "If-Match", k.current()), http.StatusOK)
	for _, r := range admin.Routes() {
		if r.Fresh && !r.Shell {
			if p := must(t, k.do(r.Method, fill(r.Path), token, ""), http.StatusForbidden).problem(t); p.Kind() != api.ReauthRequired {
				t.Errorf("%s %s: %s", r.Method, r.Path, p.Type)
			}
		}
	}
	// A machine has no sign-in, and the shell needs none.
	must(t, k.do("PUT", "/clients/web", k.robot(), redirect, "If-Match", k.current()), http.StatusOK)
	must(t, k.shell("DELETE", "/clients/web", "", "If-Match", k.current()), http.StatusOK)
}

// remint gives a person's token anew, as a refresh does: the sign-in stays as old as it is.
func (k *kit) remint(token string) string {
	k.t.Helper()
	c := k.read(token, 2*time.Minute)
	return k.mint(tokens.Granted{Subject: c.Subject, ClientID: c.ClientID, Audience: c.Audience, Scopes: c.Scopes, AuthTime: c.AuthTime, SessionID: c.SessionID})
}

func (k *kit) read(token string, leeway time.Duration) *tokens.Claims {
	k.t.Helper()
	c, err := (&tokens.Verifier{Issuer: issuer, Keys: k.ring, Now: k.clock.Now, Leeway: leeway}).AccessForAnyAudience(k.t.Context(), token)
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// edit changes the directory from the shell.
func (k *kit) edit(change func(*directory.Document)) {
	k.t.Helper()
	now := k.book.Current()
	d := now.Document
	d.Providers, d.Clients, d.Rules = slices.Clone(d.Providers), slices.Clone(d.Clients), slices.Clone(d.Rules)
	change(&d)
	if _, _, err := k.book.Apply(k.t.Context(), revision.Change{Base: now.Number, Document: d, Shell: true, Force: true, Source: "shell", Actor: storage.Actor{Kind: "admin", ID: "shell"}}); err != nil {
		k.t.Fatal(err)
	}
}
