package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// A provider made somebody anew: the same address, another subject, and so somebody else
// here. Only an owner, freshly signed in and by both names, makes them who they were.
func TestL10_AnOwnerGivesANewSubjectToThePersonItBelongsTo(t *testing.T) {
	k := newKit(t)
	owner := k.admin(storage.RoleOwner)
	before := k.signIn("corp", "alice", nil)
	k.give(before, "web", true)
	after := k.signIn("corp", "alice-2026", map[string]any{"email": "alice@corp.example"})
	k.give(after, "web", true)
	if before.User.Subject == after.User.Subject {
		t.Fatal("a new subject is the same person")
	}
	path := "/users/" + before.User.Subject + "/identities/corp/" + api.Key("alice-2026")

	for why, a := range map[string]*answer{
		"an editor":          must(t, k.do("PUT", path, k.admin(storage.RoleEditor), `{"from":"`+after.User.Subject+`"}`), http.StatusForbidden),
		"without a name":     must(t, k.do("PUT", path, owner, `{}`), http.StatusConflict),
		"by another's name":  must(t, k.do("PUT", path, owner, `{"from":"`+before.User.Subject+`"}`), http.StatusConflict),
		"of nobody at local": must(t, k.do("PUT", "/users/"+before.User.Subject+"/identities/local/"+api.Key("zed"), owner, `{}`), http.StatusUnprocessableEntity),
		"what nobody has":    must(t, k.do("PUT", "/users/"+before.User.Subject+"/identities/corp/"+api.Key("zed"), owner, `{"from":"`+after.User.Subject+`"}`), http.StatusConflict),
		"of no provider":     must(t, k.do("PUT", "/users/"+before.User.Subject+"/identities/nowhere/"+api.Key("zed"), owner, `{}`), http.StatusNotFound),
		"a long subject":     must(t, k.do("PUT", "/users/"+before.User.Subject+"/identities/corp/"+api.Key(strings.Repeat("a", 256)), owner, `{}`), http.StatusUnprocessableEntity),
	} {
		if why == "without a name" && (a.problem(t).Kind() != api.IdentityTaken || !strings.Contains(a.body, after.User.Subject)) {
			t.Errorf("%s: %s", why, a.body)
		}
	}
	if _, err := k.db.Session(t.Context(), after.IDHash, time.Hour); err != nil {
		t.Fatalf("what was refused ended a session: %v", err)
	}

	got := into[api.Identity](t, must(t, k.do("PUT", path+"?reason=the+provider+moved", owner, `{"from":"`+after.User.Subject+`"}`), http.StatusOK))
	if got.Provider != "corp" || got.Subject != "alice-2026" {
		t.Errorf("%+v", got)
	}
	if last := k.lastAudit(); last.Action != storage.AuditIdentityLinked || last.Target != "user:"+before.UserID || last.Detail["from"] != after.UserID || last.Detail["reason"] != "the provider moved" {
		t.Errorf("audited as %+v", last)
	}
	if s := k.signIn("corp", "alice-2026", nil); s.UserID != before.UserID {
		t.Error("the new subject is not the person of before")
	}
	for why, s := range map[string]*storage.Session{"of the account that it was taken from": after, "of the person who gets it": before} {
		if _, err := k.db.Session(t.Context(), s.IDHash, time.Hour); (err == nil) != (s == before) {
			t.Errorf("the session %s: %v", why, err)
		}
	}
	held, err := k.db.AccessOf(t.Context(), after.UserID)
	if err != nil || len(held) != 0 {
		t.Errorf("apps hold something for an account that nobody signs in to: %+v %v", held, err)
	}
	must(t, k.shell("PUT", path, `{}`), http.StatusOK) // it is theirs already
}

// An owner's identity given to somebody who cannot sign in would leave no owner.
func TestL10_TheLastOwnersIdentityDoesNotGoToADisabledPerson(t *testing.T) {
	k := newKit(t)
	owner := k.admin(storage.RoleOwner)
	s := k.signIn("corp", "alice", nil)
	must(t, k.do("PATCH", "/users/"+s.User.Subject, owner, `{"disabled":true}`), http.StatusOK)
	boss := k.signIn("corp", "the-owner", nil)
	path := "/users/" + s.User.Subject + "/identities/corp/" + api.Key("the-owner")
	if a := must(t, k.shell("PUT", path, `{"from":"`+boss.User.Subject+`"}`), http.StatusConflict); a.problem(t).Kind() != api.LastOwner {
		t.Errorf("%s", a.body)
	}
	must(t, k.shell("PUT", path+"?force=true", `{"from":"`+boss.User.Subject+`"}`), http.StatusOK)
}

// An owner whose provider is switched off is none who could come in.
func TestA15_TheLastOwnerWhoCanComeInIsNotUnlinked(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		for i := range d.Providers {
			d.Providers[i].Disabled = d.Providers[i].Slug == "google"
		}
	})
	owner := k.admin(storage.RoleOwner)
	boss := k.signIn("corp", "the-owner", nil)
	other := k.signIn("google", "other owner", nil)
	if err := k.db.SetAdmin(t.Context(), storage.Actor{Kind: "admin", ID: "shell"}, other.ProviderID, "other owner", storage.RoleOwner, true); err != nil {
		t.Fatal(err)
	}
	k.signIn("corp", "somebody", nil)
	must(t, k.shell("PUT", "/users/"+boss.User.Subject+"/identities/corp/"+api.Key("a second way in"), `{}`), http.StatusOK)
	path := "/users/" + boss.User.Subject + "/identities/corp/" + api.Key("the-owner")
	if a := must(t, k.do("DELETE", path, owner, ""), http.StatusConflict); a.problem(t).Kind() != api.LastOwner {
		t.Errorf("%s", a.body)
	}
}
