package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

func TestAPersonWithAPasswordIsAddedInvitedAndHelped(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Providers = append(d.Providers, directory.Provider{Slug: "house", Kind: "local"})
	})
	b := k.signedIn("erin", "owner")
	b.page("/users").has(t, "Add a person")
	b.post("/new/user", "provider", "house", "how", "invite").has(t, "Nothing was saved yet", `href="#f-login"`)
	invited := b.post("/new/user", "provider", "house", "login", "frank", "name", "Frank", "groups", "staff\nnight", "how", "invite", "_reason", "starts on Monday")
	invited.has(t, "Added: Frank", k.issuer+"/invitation", "shown this once")
	if a := b.post("/new/user", "provider", "house", "login", "frank", "how", "draw", "_reason", "again"); a.StatusCode != http.StatusConflict {
		t.Errorf("the same login twice: %s", a.Status)
	} else {
		a.has(t, "frank", "again", "Nothing was saved yet")
	}
	users, err := k.shell().Users(t.Context(), api.UserFilter{Q: "Frank"})
	if err != nil || len(users.Items) != 1 {
		t.Fatalf("%v, %v", users, err)
	}
	path := "/users/" + users.Items[0].Sub
	b.page(path).has(t, "invited", "staff, night", "New password", "Second factor")
	b.post(path+"/invitation").has(t, "An invitation for Frank", k.issuer+"/invitation")
	drawn := b.post(path+"/password", "_reason", "lost the link").has(t, "A new password for Frank")
	if !strings.Contains(drawn.body, `id="once-0"`) {
		t.Errorf("no password is shown: %s", shortened(drawn.body))
	}
	b.post(path+"/second-factor").has(t, "otpauth://")
	b.done(path+"/second-factor/drop").has(t, "The second factor is dropped.")
	if a := k.signedIn("dave", "viewer").post("/new/user", "provider", "house", "login", "eve", "how", "draw"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a viewer added a person: %s", a.Status)
	}
	if a := newTown(t).erin.get("/new/user"); a.StatusCode != http.StatusNotFound {
		t.Errorf("where nobody has a password: %s", a.Status)
	}
}
