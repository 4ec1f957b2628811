package admin_test

import (
	"net/http"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

func TestTheAPITellsWhichAppsWereToldThatASessionEnded(t *testing.T) {
	k := newKit(t)
	alice, bob := k.signIn("corp", "alice", nil), k.signIn("corp", "bob", nil)
	k.give(alice, "web", false)
	k.give(bob, "spa", false)
	owner := k.admin(storage.RoleOwner)
	must(t, k.do("DELETE", "/users/"+alice.User.Subject+"/sessions/"+alice.SID, owner, ""), http.StatusNoContent)
	must(t, k.do("DELETE", "/users/"+bob.User.Subject+"/sessions", owner, ""), http.StatusOK)
	for query, want := range map[string]int{"": 2, "client=web": 1, "client=nowhere": 0, "outcome=waiting": 2, "outcome=delivered": 0, "user=" + bob.User.Subject: 1, "user=nobody": 0, "limit=1": 1} {
		page := into[api.Page[api.Notice]](t, must(t, k.do("GET", "/logout-notices?"+query, owner, ""), http.StatusOK))
		if len(page.Items) != want {
			t.Errorf("%s: %+v", query, page.Items)
		}
		for _, n := range page.Items {
			if n.Outcome != storage.NoticeWaiting || n.DueAt.IsZero() || n.Sub == "" || n.SID == "" || n.CreatedAt.IsZero() {
				t.Errorf("%+v", n)
			}
		}
	}
	must(t, k.do("GET", "/logout-notices?outcome=lost", owner, ""), http.StatusBadRequest)
}
