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

// Whom a provider has made anew is who they were, after an owner's word and by both names.
func TestL10_AnOwnerAddsAWayToSignInAndLosesNothingTyped(t *testing.T) {
	w := newTown(t)
	found, err := w.shell().Users(t.Context(), api.UserFilter{Q: "dave"})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%+v %v", found, err)
	}
	dave := found.Items[0]
	identities, err := w.shell().Identities(t.Context(), dave.Sub)
	if err != nil || len(identities.Items) != 1 {
		t.Fatalf("%+v %v", identities, err)
	}
	subject, user := identities.Items[0].Subject, "/users/"+w.alice.Sub
	w.erin.page(user).has(t, "Add a way to sign in")
	w.erin.post(user+"/identities/new", "provider", "okta", "subject", "").has(t, `href="#f-subject"`)
	w.erin.post(user+"/identities/new", "provider", "okta", "subject", subject, "_reason", "made anew").has(t, "name them in from", dave.Sub, `value="`+subject+`"`, "made anew")
	w.erin.done(user+"/identities/new", "provider", "okta", "subject", subject, "from", dave.Sub, "_reason", "made anew").has(t, "Added: okta", subject)
	w.erin.page("/users/"+dave.Sub).has(t, "There are none.")
	editor := w.signedIn("alice", "editor")
	if a := editor.post(user+"/identities/new", "provider", "okta", "subject", "x"); a.StatusCode != http.StatusForbidden {
		t.Errorf("an editor added a way to sign in: %s", a.Status)
	}
	if a := editor.page(user); strings.Contains(a.body, "Add a way to sign in") {
		t.Error("an editor is shown a button that is not theirs")
	}
}

// A number that the form shows is the number that is saved.
func TestAnotherSettingOfALocalProviderLeavesItsNumbers(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Providers = append(d.Providers, directory.Provider{Slug: "house", Kind: "local", MinPassword: 16})
	})
	b := k.signedIn("erin", "owner")
	b.page("/providers/house/edit").has(t, `name="min_password"`, `value="16"`)
	b.post("/providers/house/edit", "title", "The house", "min_password", "16", "_do", "apply", "_etag", api.ETag(1))
	p, err := k.shell().Provider(t.Context(), "house")
	if err != nil || p.MinPassword != 16 || p.Title != "The house" {
		t.Errorf("%+v %v", p, err)
	}
}
