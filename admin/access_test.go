package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

func TestTheAPITellsWhatAPersonMayDoAndWhy(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", map[string]any{"groups": []any{"editors"}})
	k.give(s, "web", true)
	viewer := k.admin(storage.RoleViewer)
	page := into[api.Page[api.Access]](t, must(t, k.do("GET", "/users/"+s.User.Subject+"/access", viewer, ""), http.StatusOK))
	web := page.Items[0]
	if web.Client != "web" || web.Today == nil || !web.Today.Admitted || strings.Join(web.Today.Decision.Roles, " ") != "editor reader" || len(web.Consents) != 1 {
		t.Errorf("%+v", web)
	}
	var why []string
	for _, step := range web.Today.Decision.Trace {
		if step.Matched {
			why = append(why, step.Rule)
		}
	}
	if strings.Join(why, ", ") != "everybody reads, editors write" {
		t.Errorf("the reasons are %v", why)
	}
	if len(page.Items) < 4 {
		t.Errorf("only %d clients were judged", len(page.Items))
	}
	one := into[api.Page[api.Access]](t, must(t, k.do("GET", "/users/"+s.User.Subject+"/access?client=spa", viewer, ""), http.StatusOK))
	if len(one.Items) != 1 || one.Items[0].Client != "spa" || one.Items[0].Today == nil {
		t.Errorf("%+v", one)
	}
	must(t, k.do("GET", "/users/"+s.User.Subject+"/access?client=nowhere", viewer, ""), http.StatusNotFound)
	google := k.signIn("google", "gina", nil)
	one = into[api.Page[api.Access]](t, must(t, k.do("GET", "/users/"+google.User.Subject+"/access?client=spa", viewer, ""), http.StatusOK))
	if one.Items[0].Today != nil || one.Items[0].Unjudged == "" {
		t.Errorf("spa takes nobody from google: %+v", one.Items[0])
	}
}
