package admin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// lastAudit is the newest row.
func (k *kit) lastAudit() storage.AuditRow {
	k.t.Helper()
	rows, err := k.db.Audit(k.t.Context(), 1)
	if err != nil || len(rows) == 0 {
		k.t.Fatalf("%v %v", rows, err)
	}
	return rows[0]
}

// audited counts the rows that there are.
func (k *kit) audited() int {
	k.t.Helper()
	rows, err := k.db.Audit(k.t.Context(), 10_000)
	if err != nil {
		k.t.Fatal(err)
	}
	return len(rows)
}

// give gives a session an app with a refresh token.
func (k *kit) give(s *storage.Session, client string, offline bool) (grantID string) {
	k.t.Helper()
	now := k.clock.Now()
	grantID = oauth.NewSecret()[:22]
	code := oauth.Hash("code", grantID)
	err := k.db.IssueCode(k.t.Context(), storage.Actor{Kind: "person", ID: s.UserID}, s.UserID, storage.NewGrant{ID: grantID, ClientID: client, ProviderID: s.ProviderID, SID: s.SID, Scopes: []string{"openid", "items:read"},
		Audience: []string{apiID}, Roles: []string{"reader"}, Trace: []byte(`[{"rule":"everybody reads","matched":true,"scopes":["items:read"]}]`), AuthTime: now,
		RememberConsent: true, Agreed: []string{"items:read"}, RedirectHost: "app.example.com",
		Code: storage.NewCode{Hash: code, RedirectURI: "https://app.example.com/cb", ExpiresAt: now.Add(time.Minute)}})
	if err != nil {
		k.t.Fatal(err)
	}
	if _, err := k.db.TakeCode(k.t.Context(), storage.Actor{Kind: "client", ID: client}, storage.TakeCode{Hash: code, ClientID: client, RedirectURI: "https://app.example.com/cb",
		Family: &storage.NewFamily{Offline: offline, Idle: time.Hour, Absolute: 24 * time.Hour}}); err != nil {
		k.t.Fatal(err)
	}
	return grantID
}

func TestL12_APersonWhoIsDisabledThroughTheAPIHoldsNothingFromTheAnswerOn(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	grantID := k.give(s, "web", true)
	editor := k.admin(storage.RoleEditor)
	u := into[api.User](t, must(t, k.do("PATCH", "/users/"+s.User.Subject+"?reason=she+left", editor, `{"disabled":true}`), http.StatusOK))
	if !u.Disabled {
		t.Errorf("%+v", u)
	}
	if row := k.lastAudit(); row.Action != storage.AuditUserDisabled || row.Detail["reason"] != "she left" || row.Detail["before"] != "enabled" || row.Detail["after"] != "disabled" ||
		row.Actor.Kind != "admin" || row.Actor.ID == "" || row.Actor.IP != "127.0.0.1" || row.Actor.RequestID == "" {
		t.Errorf("the audit says %+v", row)
	}
	if sessions, err := k.db.SessionsOf(t.Context(), s.UserID); err != nil || len(sessions) > 0 {
		t.Errorf("sessions %v %v", sessions, err)
	}
	if g, err := k.db.Grant(t.Context(), grantID); err == nil {
		t.Errorf("the grant lives: %+v", g)
	}
	// L13: signing in upstream does not switch them on again.
	func() {
		bound, err := k.db.BoundProviders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.db.SignIn(t.Context(), storage.Actor{Kind: "person"}, storage.SignIn{StateHash: []byte(oauth.NewSecret()), StateExpires: k.clock.Now().Add(time.Minute), ProviderID: bound["corp"].ID,
			Issuer: bound["corp"].Issuer, Subject: "alice", Claims: map[string]any{"sub": "alice"}, Create: true, NewSubject: oauth.NewSecret()[:26],
			Session: storage.NewSession{IDHash: []byte(oauth.NewSecret()), SID: "again", AuthTime: k.clock.Now(), Idle: time.Hour, ExpiresAt: k.clock.Now().Add(time.Hour)}})
		if !errors.Is(err, storage.ErrDisabled) {
			t.Errorf("signing in again: %v", err)
		}
	}()
	if u := into[api.User](t, must(t, k.do("GET", "/users/"+s.User.Subject, editor, ""), http.StatusOK)); !u.Disabled {
		t.Error("L13: they are enabled again")
	}
	must(t, k.do("PATCH", "/users/"+s.User.Subject, editor, `{"disabled":false}`), http.StatusOK)
	if g, err := k.db.Grant(t.Context(), grantID); err == nil {
		t.Errorf("enabling gave back the grant: %+v", g)
	}
}

func TestL20_WhoIsErasedComesBackAsSomebodyNew(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", map[string]any{"email": "alice@corp.example"})
	k.give(s, "web", false)
	owner := k.admin(storage.RoleOwner)
	must(t, k.do("DELETE", "/users/"+s.User.Subject+"?reason=asked+for+it", owner, ""), http.StatusNoContent)
	must(t, k.do("GET", "/users/"+s.User.Subject, owner, ""), http.StatusNotFound)
	must(t, k.do("DELETE", "/users/"+s.User.Subject, owner, ""), http.StatusNotFound)
	again := k.signIn("corp", "alice", nil)
	if again.UserID == s.UserID || again.User.Subject == s.User.Subject {
		t.Error("the ids came back")
	}
	access := into[api.Page[api.Access]](t, must(t, k.do("GET", "/users/"+again.User.Subject+"/access", owner, ""), http.StatusOK))
	for _, a := range access.Items {
		if len(a.Holds)+len(a.Consents) > 0 {
			t.Errorf("they inherited %+v", a)
		}
	}
}

func TestL21_A06_NothingButTheStateOfAPersonCanBeWritten(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	owner := k.admin(storage.RoleOwner)
	before := k.audited()
	for _, body := range []string{
		`{"disabled":false,"email":"boss@corp.example"}`, `{"email_verified":true}`, `{"role":"owner"}`, `{"sub":"x"}`, `{"disabled":true,"disabled":false}`, `{"Disabled":true}`,
		`{"disabled":null}`, `{"disabled":"true"}`, `{"disabled":1}`, `{"providers":["corp"]}`, `{"account":{}}`, `{"name":"x"}`, `[]`, `null`, `{"disabled":true}{}`, `{`,
	} {
		if a := k.do("PATCH", "/users/"+s.User.Subject, owner, body); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", body, a.Status)
		}
	}
	for _, body := range []string{
		`{"login":"bob","sub":"x"}`, `{"login":"bob","role":"owner"}`, `{"login":"bob","disabled":false}`, `{"login":"bob","hash":"x"}`, `{"login":"bob","Login":"eve"}`, `{"login":"bob","groups":[null]}`,
	} {
		if a := k.do("POST", "/users", owner, body); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", body, a.Status)
		}
	}
	if a := k.do("PUT", "/admins/corp/"+api.Key("alice"), owner, `{"role":"viewer","sub":"x"}`); a.StatusCode != http.StatusBadRequest {
		t.Error(a.Status)
	}
	if n := k.audited(); n != before {
		t.Errorf("%d things happened", n-before)
	}
	if a := k.do("PATCH", "/users/"+s.User.Subject, owner, `{}`); a.StatusCode != http.StatusBadRequest {
		t.Errorf("nothing to change: %s", a.Status)
	}
}

func TestA05_WhatIsAnothersIsNotThere(t *testing.T) {
	k := newKit(t)
	alice, bob := k.signIn("corp", "alice", nil), k.signIn("corp", "bob", nil)
	k.give(bob, "web", false)
	owner := k.admin(storage.RoleOwner)
	for _, path := range []string{"/sessions/" + bob.SID, "/access/web", "/consents/web", "/identities/corp/" + api.Key("bob"), "/identities/google/" + api.Key("alice"),
		"/identities/" + bob.ProviderID + "x/" + api.Key("alice"), "/identities/corp/!!", "/second-factor"} {
		a := k.do("DELETE", "/users/"+alice.User.Subject+path, owner, "")
		if a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusConflict || path != "/second-factor" && a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	for _, sub := range []string{bob.UserID, "1", "%00", strings.Repeat("x", 300)} {
		if a := k.do("GET", "/users/"+sub, owner, ""); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", sub, a.Status)
		}
	}
	if sessions, err := k.db.SessionsOf(t.Context(), bob.UserID); err != nil || len(sessions) != 1 {
		t.Errorf("bob has %v %v", sessions, err)
	}
	must(t, k.do("DELETE", "/users/"+bob.User.Subject+"/sessions/"+bob.SID, owner, ""), http.StatusNoContent)
	must(t, k.do("DELETE", "/users/"+bob.User.Subject+"/consents/web", owner, ""), http.StatusNoContent)
	must(t, k.do("DELETE", "/users/"+bob.User.Subject+"/consents/web", owner, ""), http.StatusNotFound)
}

func TestEverywhereIsSignedOutAndAppsOnlyWhenTheyAreMeant(t *testing.T) {
	k := newKit(t)
	first, second := k.signIn("corp", "alice", nil), k.signIn("corp", "alice", nil)
	grantID := k.give(first, "web", true)
	editor := k.admin(storage.RoleEditor)
	path := "/users/" + first.User.Subject + "/sessions"
	if page := into[api.Page[api.Session]](t, must(t, k.do("GET", path, editor, ""), http.StatusOK)); len(page.Items) != 2 {
		t.Errorf("%+v", page)
	}
	if ended := into[api.Ended](t, must(t, k.do("DELETE", path+"?offline=true&reason=phone+stolen", editor, ""), http.StatusOK)); ended.Sessions != 2 {
		t.Errorf("%d ended", ended.Sessions)
	}
	if g, err := k.db.Grant(t.Context(), grantID); err == nil {
		t.Errorf("the app goes on: %+v", g)
	}
	if last := k.lastAudit(); last.Action != storage.AuditSignOut || last.Detail["sessions"] != "2" || last.Detail["grants"] == "" || last.Detail["reason"] != "phone stolen" {
		t.Errorf("audited as %+v", last)
	}
	_ = second
}

func TestListsOfPeopleGoOnAndTheirCursorsCannotBeMadeUp(t *testing.T) {
	k := newKit(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		k.signIn("corp", name, nil)
		k.clock.Advance(time.Second)
	}
	viewer := k.machine("robot", directory.ReadUsers)
	seen, cursor := []string{}, ""
	for range 10 {
		page := into[api.Page[api.User]](t, must(t, k.do("GET", "/users?limit=2&cursor="+cursor, viewer, ""), http.StatusOK))
		for _, u := range page.Items {
			seen = append(seen, u.Name)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if strings.Join(seen, "") != "edcba" {
		t.Errorf("seen %v", seen)
	}
	first := into[api.Page[api.User]](t, must(t, k.do("GET", "/users?limit=2", viewer, ""), http.StatusOK))
	for why, query := range map[string]string{"made up": "cursor=AAAA", "raw": "cursor=1:x", "another list's filters": "q=x&cursor=" + first.Next, "SQL": "cursor=' OR 1=1", "limit": "limit=201",
		"negative": "limit=-1", "unknown": "sort=name", "twice": "q=a&q=b", "not a flag": "disabled=yes"} {
		if a := k.do("GET", "/users?"+strings.ReplaceAll(query, " ", "%20"), viewer, ""); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	for _, q := range []string{"'; DROP TABLE users; --", `%`, `_`, `\`, `" OR ""="`} {
		page := into[api.Page[api.User]](t, must(t, k.do("GET", "/users?q="+strings.NewReplacer("%", "%25", " ", "%20", ";", "%3B", `"`, "%22", `\`, "%5C", "'", "%27").Replace(q), viewer, ""), http.StatusOK))
		if len(page.Items) > 0 {
			t.Errorf("%q finds %d people", q, len(page.Items))
		}
	}
	if page := into[api.Page[api.User]](t, must(t, k.do("GET", "/users?disabled=true", viewer, ""), http.StatusOK)); len(page.Items) > 0 {
		t.Errorf("%+v", page)
	}
}

func TestA04_A20_NoAnswerAboutAPersonHasASecretAndOnlyOwnersExport(t *testing.T) {
	k := newKit(t)
	owner, editor := k.admin(storage.RoleOwner), k.admin(storage.RoleEditor)
	made := into[api.MadeUser](t, must(t, k.do("POST", "/users", owner, `{"login":"alice","email":"alice@corp.example","groups":["staff"]}`), http.StatusCreated))
	factor := into[api.SecondFactor](t, must(t, k.do("POST", "/users/"+made.Sub+"/second-factor", owner, ""), http.StatusCreated))
	a, err := k.db.Account(t.Context(), "local", "alice")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := password.Verify(context.Background(), a.Hash, made.Password); err != nil || !ok || a.TOTP != factor.Secret {
		t.Fatalf("the drawn ones do not work: %v", err)
	}
	canaries := []string{made.Password, factor.Secret, a.Hash, providerCanary, clientCanary}
	path := "/users/" + made.Sub
	for _, route := range []string{"/users", path, path + "/identities", path + "/sessions", path + "/access", path + "/export", "/admins", "/audit", "/audit/export", "/logins", "/logout-notices", "/audit/verify"} {
		body := must(t, k.do("GET", route, owner, ""), http.StatusOK).body
		for _, canary := range canaries {
			if strings.Contains(body, canary) {
				t.Errorf("%s has a secret", route)
			}
		}
	}
	if text := k.logs.String(); strings.Contains(text, made.Password) || strings.Contains(text, factor.Secret) {
		t.Error("the log has a secret")
	}
	must(t, k.do("GET", path+"/export", editor, ""), http.StatusForbidden)
	k.clock.Advance(4 * time.Minute)
	must(t, k.do("GET", path+"/export", owner, ""), http.StatusOK)
	if row := k.lastAudit(); row.Action != "user_exported" {
		t.Errorf("the export is not audited: %+v", row)
	}
}

func TestTheStatusNamesVersionDatabaseAndClock(t *testing.T) {
	k := newKit(t)
	k.clock.Advance(time.Hour)
	st := into[api.Status](t, must(t, k.do("GET", "/status", k.admin(storage.RoleViewer), ""), http.StatusOK))
	if st.Version != "test" || st.Storage != "sqlite" || st.Issuer != issuer || st.Revision != 1 || st.Now.Sub(*st.StartedAt) < time.Hour || len(st.Providers) != 3 || st.Counts.Clients != 4 {
		t.Errorf("%+v", st)
	}
}
