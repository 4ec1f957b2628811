package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

func (k *kit) link() (token string) {
	k.t.Helper()
	made := into[api.AdminLink](k.t, must(k.t, k.shell("POST", "/admin-links?reason=locked+out", ""), http.StatusCreated))
	_, token, _ = strings.Cut(made.Link, "/enter?token=")
	if len(token) < 43 || !strings.HasPrefix(made.Link, k.url+"/enter?token=") {
		k.t.Fatalf("the link is %s", made.Link)
	}
	return token
}

func (k *kit) take(token string) *answer {
	return k.do("POST", "/admin-links/take", "", asJSON(api.TakenLink{Token: token}))
}

func TestA09_OfFiftyWhoTakeALinkOneIsLetIn(t *testing.T) {
	k := newKit(t)
	token := k.link()
	if row := k.lastAudit(); row.Action != storage.AuditAdminLinkMade || row.Actor.ID != "shell" || row.Detail["reason"] != "locked out" {
		t.Errorf("making it is audited as %+v", row)
	}
	var won, spent atomic.Int32
	var all sync.WaitGroup
	k.document() // read by the first request otherwise, and all fifty are first
	for range 50 {
		all.Go(func() {
			switch a := k.take(token); a.StatusCode {
			case http.StatusCreated:
				won.Add(1)
			case http.StatusGone:
				spent.Add(1)
			default:
				t.Errorf("%s %s", a.Status, a.body)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || spent.Load() != 49 {
		t.Errorf("%d won, %d were told that it is spent", won.Load(), spent.Load())
	}
	for why, value := range map[string]string{"made up": oauth.NewSecret(), "empty": "", "short": "x"} {
		if a := k.take(value); a.StatusCode != http.StatusGone || a.problem(t).Kind() != api.LinkSpent {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	if text := k.logs.String(); strings.Contains(text, token) {
		t.Error("the log has the link")
	}
}

func TestA09_ALinkIsGoodForTenMinutesAndComesFromTheShellAlone(t *testing.T) {
	k := newKit(t)
	token := k.link()
	k.clock.Advance(10*time.Minute + time.Second)
	must(t, k.take(token), http.StatusGone)
	for _, who := range []string{k.admin(storage.RoleOwner), k.robot(), ""} {
		if a := k.do("POST", "/admin-links", who, ""); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("over the network: %s", a.Status)
		}
	}
}

// The way in works with no provider and no owner at all, and ends by itself.
func TestTheSessionOfALinkMayDoEverythingAndEndsWithTheLink(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	enter := func() string {
		return into[api.LinkSession](t, must(t, k.take(k.link()), http.StatusCreated)).AccessToken
	}
	token := enter()
	me := into[api.Me](t, must(t, k.do("GET", "/me", token, ""), http.StatusOK))
	if me.Kind != api.KindLink || me.Role != storage.RoleOwner || me.Subject != "" || me.LinkExpiresAt == nil || me.LinkExpiresAt.After(k.clock.Now().Add(30*time.Minute)) {
		t.Errorf("%+v", me)
	}
	k.clock.Advance(15 * time.Minute)
	must(t, k.do("PUT", "/admins/corp/"+api.Key("alice")+"?reason=the+first", token, `{"role":"owner"}`), http.StatusOK)
	if row := k.lastAudit(); row.Action != storage.AuditAdminSet || !strings.HasPrefix(row.Actor.ID, "link:") || row.Target != "user:"+s.UserID || row.Detail["after"] != "owner" {
		t.Errorf("%+v", row)
	}
	k.clock.Advance(16 * time.Minute)
	if a := must(t, k.do("GET", "/me", token, ""), http.StatusUnauthorized); a.problem(t).Kind() != api.BadToken {
		t.Errorf("after half an hour: %s", a.body)
	}

	token = enter()
	must(t, k.do("DELETE", "/admin-links/session", token, ""), http.StatusNoContent)
	must(t, k.do("GET", "/me", token, ""), http.StatusUnauthorized)

	token = enter()
	waiting := k.link()
	must(t, k.shell("DELETE", "/admin-links", ""), http.StatusOK)
	must(t, k.do("GET", "/me", token, ""), http.StatusUnauthorized)
	must(t, k.take(waiting), http.StatusGone)

	for why, forged := range map[string]string{"cut": token[:len(token)-1], "longer": token + "A", "another id": "hsal_" + oauth.NewSecret(), "no id": "hsal_"} {
		if a := k.do("GET", "/me", forged, ""); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
}

func TestA11_AClaimMakesNobodyAnAdministrator(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Rules = append(d.Rules, d.Rules[0])
		d.Rules[len(d.Rules)-1].Name, d.Rules[len(d.Rules)-1].Roles = "admins", []string{"owner", "admin"}
	})
	s := k.signIn("corp", "mallory", map[string]any{"groups": []any{"admins", "owners"}, "roles": []any{"owner"}, "role": "owner", "handstamp_role": "owner"})
	all := directory.AdminScopes(storage.RoleOwner)
	for why, raw := range map[string]string{
		"an app's token with the role and all scopes": k.mint(tokens.Granted{Subject: s.User.Subject, ClientID: "web", Audience: []string{directory.AdminResource}, Scopes: all, Roles: []string{"owner"}, SessionID: s.SID, AuthTime: s.AuthTime}),
		"the console's own token":                     k.consoleToken(s, storage.RoleOwner),
	} {
		if a := k.do("GET", "/me", raw, ""); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s %s", why, a.Status, a.body)
		}
	}
	// Another identity of another provider with the same subject is somebody else.
	owner := k.admin(storage.RoleOwner)
	must(t, k.do("PUT", "/admins/corp/"+api.Key("mallory"), owner, `{"role":"viewer"}`), http.StatusOK)
	same := k.signIn("google", "mallory", nil)
	if a := k.do("GET", "/me", k.consoleToken(same, storage.RoleViewer), ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the same subject elsewhere: %s", a.Status)
	}
	if a := k.do("PUT", "/admins/corp/"+api.Key("never was here"), owner, `{"role":"owner"}`); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "/account") {
		t.Errorf("somebody who never signed in: %s", a.body)
	}
}

func TestARoleEndsWithTheAnswerThatTookItAway(t *testing.T) {
	k := newKit(t)
	owner, editor := k.admin(storage.RoleOwner), k.admin(storage.RoleEditor)
	must(t, k.do("PUT", "/admins/corp/"+api.Key("the-editor"), owner, `{"role":"viewer"}`), http.StatusOK)
	must(t, k.do("POST", "/users", editor, `{"login":"bob"}`), http.StatusForbidden)
	must(t, k.do("GET", "/users", editor, ""), http.StatusOK)
	must(t, k.do("DELETE", "/admins/corp/"+api.Key("the-editor"), owner, ""), http.StatusNoContent)
	must(t, k.do("GET", "/users", editor, ""), http.StatusUnauthorized)
	must(t, k.do("DELETE", "/admins/corp/"+api.Key("the-editor"), owner, ""), http.StatusNotFound)
	must(t, k.do("PUT", "/admins/corp/"+api.Key("the-editor"), owner, `{"role":"root"}`), http.StatusUnprocessableEntity)
}

func TestA12_WhatDecidesWhoGetsInNeedsASignInOfTheLastMinutes(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	owner := k.admin(storage.RoleOwner)
	link := into[api.LinkSession](t, must(t, k.take(k.link()), http.StatusCreated)).AccessToken
	k.clock.Advance(4*time.Minute + 50*time.Second)
	must(t, k.do("PUT", "/admins/corp/"+api.Key("alice"), owner, `{"role":"viewer"}`), http.StatusOK)
	refreshed := func() string { // the app comes back without the person
		page, err := k.db.SessionsOf(t.Context(), k.userID("the-owner"))
		if err != nil || len(page) == 0 {
			t.Fatal(err)
		}
		return k.consoleToken(&page[0], storage.RoleOwner)
	}
	k.clock.Advance(11 * time.Second)
	owner = refreshed()
	for _, row := range []struct{ method, path, body string }{
		{"PUT", "/admins/corp/" + api.Key("alice"), `{"role":"owner"}`}, {"DELETE", "/admins/corp/" + api.Key("alice"), ""}, {"DELETE", "/users/" + s.User.Subject, ""},
		{"GET", "/users/" + s.User.Subject + "/export", ""}, {"DELETE", "/users/" + s.User.Subject + "/identities/corp/" + api.Key("alice"), ""},
		{"PUT", "/users/" + s.User.Subject + "/password", `{}`}, {"POST", "/users/" + s.User.Subject + "/second-factor", ""}, {"DELETE", "/admin-links", ""},
	} {
		a := must(t, k.do(row.method, row.path, owner, row.body), http.StatusForbidden)
		if a.problem(t).Kind() != api.ReauthRequired || !strings.Contains(a.Header.Get("WWW-Authenticate"), `insufficient_user_authentication`) || !strings.Contains(a.Header.Get("WWW-Authenticate"), `max_age="300"`) {
			t.Errorf("%s %s: %s %v", row.method, row.path, a.body, a.Header)
		}
	}
	must(t, k.do("GET", "/users", owner, ""), http.StatusOK)
	must(t, k.do("PATCH", "/users/"+s.User.Subject, owner, `{"disabled":true}`), http.StatusOK) // turning somebody away waits for nothing
	must(t, k.do("PUT", "/admins/corp/"+api.Key("alice"), link, `{"role":"editor"}`), http.StatusOK)
	must(t, k.shell("DELETE", "/admins/corp/"+api.Key("alice"), ""), http.StatusNoContent)
}

// userID is the internal id of who signed in at corp with a subject.
func (k *kit) userID(subject string) string {
	k.t.Helper()
	bound, err := k.db.BoundProviders(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	u, _, err := k.db.FindIdentity(k.t.Context(), bound["corp"].ID, subject)
	if err != nil {
		k.t.Fatal(err)
	}
	return u.ID
}

func (k *kit) sub(subject string) string {
	k.t.Helper()
	u, err := k.db.User(k.t.Context(), k.userID(subject))
	if err != nil {
		k.t.Fatal(err)
	}
	return u.Subject
}

func TestA15_TheLastOwnerCannotGoUnlessTheShellForcesIt(t *testing.T) {
	k := newKit(t)
	owner := k.admin(storage.RoleOwner)
	sub, key := k.sub("the-owner"), api.Key("the-owner")
	tries := []struct{ method, path, body string }{
		{"DELETE", "/admins/corp/" + key, ""}, {"PUT", "/admins/corp/" + key, `{"role":"editor"}`}, {"PATCH", "/users/" + sub, `{"disabled":true}`},
		{"DELETE", "/users/" + sub, ""}, {"DELETE", "/users/" + sub + "/identities/corp/" + key, ""},
	}
	before := k.audited()
	for _, row := range tries {
		for _, a := range []*answer{k.do(row.method, row.path, owner, row.body), k.shell(row.method, row.path, row.body)} {
			if a.StatusCode != http.StatusConflict {
				t.Errorf("%s %s: %s %s", row.method, row.path, a.Status, a.body)
			}
		}
		if a := k.do(row.method, row.path+"?force=true", owner, row.body); a.StatusCode != http.StatusForbidden {
			t.Errorf("forced over the network: %s", a.Status)
		}
	}
	if n := k.audited(); n != before {
		t.Errorf("%d things happened", n-before)
	}
	// A second owner whose provider is switched off is no owner who can sign in.
	second := k.signIn("google", "gina", nil)
	must(t, k.do("PUT", "/admins/google/"+api.Key("gina"), owner, `{"role":"owner"}`), http.StatusOK)
	etag := must(t, k.shell("GET", "/directory", ""), http.StatusOK).Header.Get("ETag")
	google := into[api.ProviderInfo](t, must(t, k.shell("GET", "/providers/google", ""), http.StatusOK)).Settings()
	google.Disabled = true
	must(t, k.shell("PUT", "/providers/google", asJSON(google), "If-Match", etag), http.StatusOK)
	if a := must(t, k.do("DELETE", "/admins/corp/"+key, owner, ""), http.StatusConflict); a.problem(t).Kind() != api.LastOwner {
		t.Error(a.body)
	}
	google.Disabled = false
	etag = must(t, k.shell("GET", "/directory", ""), http.StatusOK).Header.Get("ETag")
	must(t, k.shell("PUT", "/providers/google", asJSON(google), "If-Match", etag), http.StatusOK)
	must(t, k.do("DELETE", "/admins/corp/"+key, owner, ""), http.StatusNoContent)
	// Now gina is the last: the shell may force, and can come back in.
	must(t, k.shell("PATCH", "/users/"+second.User.Subject, `{"disabled":true}`), http.StatusConflict)
	must(t, k.shell("PATCH", "/users/"+second.User.Subject+"?force=true", `{"disabled":true}`), http.StatusOK)
	must(t, k.do("GET", "/admins", into[api.LinkSession](t, must(t, k.take(k.link()), http.StatusCreated)).AccessToken, ""), http.StatusOK)
}

// Whoever can set an owner's password can be the owner.
func TestAnEditorCannotBecomeAnOwnerByAnOwnersPassword(t *testing.T) {
	k := newKit(t)
	owner, editor := k.admin(storage.RoleOwner), k.admin(storage.RoleEditor)
	made := into[api.MadeUser](t, must(t, k.do("POST", "/users", owner, `{"login":"boss","password":"a long enough passphrase"}`), http.StatusCreated))
	page := into[api.Page[api.Identity]](t, must(t, k.do("GET", "/users/"+made.Sub+"/identities", owner, ""), http.StatusOK))
	path := "/users/" + made.Sub
	rows := []struct{ method, path, body string }{
		{"PUT", path + "/password", `{}`}, {"POST", path + "/invitation", ""}, {"POST", path + "/second-factor", ""}, {"DELETE", path + "/second-factor", ""},
		{"PATCH", path, `{"disabled":true}`}, {"DELETE", path + "/identities/local/" + page.Items[0].Key, ""},
	}
	for _, row := range rows[:4] {
		if a := k.do(row.method, row.path, editor, row.body); a.StatusCode >= 300 {
			t.Errorf("of somebody without a role: %s %s: %s", row.method, row.path, a.body)
		}
	}
	must(t, k.do("PUT", "/admins/local/"+page.Items[0].Key, owner, `{"role":"viewer"}`), http.StatusOK)
	for _, row := range rows {
		for who, token := range map[string]string{"an editor": editor, "a machine": k.machine("robot", directory.WriteUsers)} {
			if a := k.do(row.method, row.path, token, row.body); a.StatusCode != http.StatusForbidden || a.problem(t).Kind() != api.OwnersOnly {
				t.Errorf("%s: %s %s: %s", who, row.method, row.path, a.body)
			}
		}
		if row.method != "DELETE" {
			if a := k.do(row.method, row.path, owner, row.body); a.StatusCode >= 300 {
				t.Errorf("an owner: %s %s: %s", row.method, row.path, a.body)
			}
			must(t, k.do("PATCH", path, owner, `{"disabled":false}`), http.StatusOK)
		}
	}
}

// The role belongs to the identity that signed in, not to whoever it belongs to.
func TestASecondIdentityOfAnOwnerIsNoOwner(t *testing.T) {
	k := newKit(t)
	owner := k.signIn("corp", "alice", nil)
	must(t, k.shell("PUT", "/admins/corp/"+api.Key("alice"), `{"role":"owner"}`), http.StatusOK)
	bound, err := k.db.BoundProviders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash := []byte(oauth.NewSecret())
	if err := k.db.OfferLink(t.Context(), storage.Actor{Kind: "person"}, storage.LinkOffer{Hash: hash, StateHash: []byte(oauth.NewSecret()), UserID: owner.UserID, SID: owner.SID,
		ProviderID: bound["google"].ID, Issuer: bound["google"].Issuer, Subject: "alice at home", Claims: map[string]any{"sub": "alice at home"}, ExpiresAt: k.clock.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := k.db.AcceptLink(t.Context(), storage.Actor{Kind: "person"}, hash, owner.UserID, owner.SID); err != nil {
		t.Fatal(err)
	}
	home := k.signIn("google", "alice at home", nil)
	if home.UserID != owner.UserID {
		t.Fatal("the second identity is somebody else")
	}
	must(t, k.do("GET", "/admins", k.consoleToken(owner, storage.RoleOwner), ""), http.StatusOK)
	must(t, k.do("GET", "/admins", k.consoleToken(home, storage.RoleOwner), ""), http.StatusUnauthorized)
	must(t, k.shell("PUT", "/admins/google/"+api.Key("alice at home"), `{"role":"viewer"}`), http.StatusOK)
	if me := into[api.Me](t, must(t, k.do("GET", "/me", k.consoleToken(home, storage.RoleOwner), ""), http.StatusOK)); me.Role != storage.RoleViewer || len(me.Scopes) != len(directory.AdminScopes(storage.RoleViewer)) {
		t.Errorf("%+v", me)
	}
}

// Who comes second with an owner's link, and who brings another app's token, is noticed.
func TestO15_WhatShouldNotHappenAtTheAPIIsCounted(t *testing.T) {
	k := newKit(t)
	link := into[api.AdminLink](t, must(t, k.shell("POST", "/admin-links", ""), http.StatusCreated)).Link
	token := link[strings.Index(link, "token=")+len("token="):]
	must(t, k.do("POST", "/admin-links/take", "", asJSON(api.TakenLink{Token: token})), http.StatusCreated)
	if len(k.events) != 0 {
		t.Errorf("an honest owner is %v", k.events)
	}
	must(t, k.do("POST", "/admin-links/take", "", asJSON(api.TakenLink{Token: token})), http.StatusGone)
	foreign := k.mint(tokens.Granted{Subject: "somebody", ClientID: "web", Audience: []string{"https://api.example"}, Scopes: []string{"items:read"}})
	must(t, k.do("GET", "/users", foreign, ""), http.StatusUnauthorized)
	late := k.robot()
	k.clock.Advance(time.Hour)
	must(t, k.do("GET", "/users", late, ""), http.StatusUnauthorized)
	must(t, k.do("GET", "/users", "", ""), http.StatusUnauthorized)
	if !slices.Equal(k.events, []door.Event{door.EventOwnerLink, door.EventAdminToken}) {
		t.Errorf("events %v", k.events)
	}
}
