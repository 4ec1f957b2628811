package console_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/handstamp/handstamp/admin/api"
)

// town is a house in which something has happened: alice and dave signed in, bob was
// turned away, and erin owns it.
type town struct {
	*kit
	erin                  *visitor
	alice, bob            api.User
	aliceLogin, bobLogin  api.Login
	aliceSession, aliceAt string // sid, key of her subject
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{kit: newKit(t)}
	w.person("web", "okta", "alice")
	w.person("web", "okta", "dave")
	w.person("web", "okta", "bob")
	w.erin = w.signedIn("erin", "owner")
	w.look()
	return w
}

func (w *town) look() {
	t, sh := w.t, w.shell()
	t.Helper()
	logins, err := sh.Logins(t.Context(), api.LoginFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logins.Items {
		switch {
		case strings.HasPrefix(l.Person, "alice"):
			w.aliceLogin = l
		case l.Outcome == "refused" && l.Client == "web":
			w.bobLogin = l
		}
	}
	users, err := sh.Users(t.Context(), api.UserFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users.Items {
		if strings.Contains(u.Name, "Alice") {
			w.alice = u
		}
	}
	sessions, err := sh.Sessions(t.Context(), w.alice.Sub)
	if err != nil || len(sessions.Items) == 0 {
		t.Fatalf("alice has no session: %v", err)
	}
	w.aliceSession = sessions.Items[0].SID
	identities, err := sh.Identities(t.Context(), w.alice.Sub)
	if err != nil || len(identities.Items) == 0 {
		t.Fatalf("alice has no identity: %v", err)
	}
	w.aliceAt = identities.Items[0].Key
	if w.bobLogin.Reference == "" || w.aliceLogin.Reference == "" {
		t.Fatal("the logins are not kept")
	}
}

// pages are the addresses of every page of the console. A new page is named here.
func (w *town) pages() []string {
	user := "/users/" + w.alice.Sub
	return append([]string{"/", "/?span=7d", "/logins", "/logins?q=alice&outcome=signed_in", "/logins/" + w.aliceLogin.Reference, "/logins/" + w.bobLogin.Reference,
		"/logins/" + w.bobLogin.Reference + "?add_groups=editors&set=email%3Dbob%40acme.example&as_of=1", "/users", "/users?q=nobody+at+all", user, user + "/disable", user + "/enable", user + "/sign-out",
		user + "/sessions/" + w.aliceSession + "/end", user + "/access/" + api.Key("web") + "/end", user + "/consents/" + api.Key("web") + "/" + api.Key("app.example") + "/forget",
		user + "/identities/okta/" + w.aliceAt + "/unlink", user + "/identities/new", user + "/export", user + "/erase", "/administrators", "/administrators/links", "/administrators/okta/" + w.aliceAt,
		"/administrators/okta/" + w.aliceAt + "/remove", "/audit", "/audit?verify=1", "/revisions", "/revisions/1", "/revisions/1/rollback", "/keys", "/keys/rotate", "/logout-notices"}, directoryPages...)
}

// directoryPages are those of providers, apps, resources and rules.
var directoryPages = []string{"/providers", "/providers/okta", "/providers/okta/edit", "/providers/okta/delete", "/new/provider", "/new/provider/google", "/new/provider/oidc", "/new/provider/local",
	"/clients", "/clients?q=okta", "/clients/web", "/clients/web/edit", "/clients/web/delete", "/clients/web/secret", "/new/client", "/new/client/web", "/new/client/spa",
	"/resources", "/resources/" + api.Key(apiID), "/resources/" + api.Key(apiID) + "/edit", "/resources/" + api.Key(apiID) + "/delete", "/new/resource",
	"/brand", "/brand/edit",
	"/rules", "/rules/" + api.Key("no guests"), "/rules/" + api.Key("no guests") + "/edit", "/rules/" + api.Key("no guests") + "/delete", "/new/rule"}

func TestEveryPageIsWhole(t *testing.T) {
	w := newTown(t)
	for _, path := range w.pages() {
		a := w.erin.page(path)
		doc, err := html.Parse(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		heads, ids := 0, map[string]bool{}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "h1" {
				heads++
			}
			for _, at := range n.Attr {
				switch {
				case at.Key == "id" && ids[at.Val]:
					t.Errorf("%s: two elements are called %q", path, at.Val)
				case at.Key == "style" || strings.HasPrefix(at.Key, "on"):
					t.Errorf("%s: inline %s", path, at.Key)
				}
				if at.Key == "id" {
					ids[at.Val] = true
				}
			}
			if n.Data == "style" || n.Data == "script" && attribute(n, "src") == "" {
				t.Errorf("%s: inline <%s>", path, n.Data)
			}
			if n.Data == "form" && strings.EqualFold(attribute(n, "method"), "post") && !strings.Contains(text(n), `name="_form"`) {
				t.Errorf("%s: a form without its token: %s", path, attribute(n, "action"))
			}
		}
		if heads != 1 {
			t.Errorf("%s has %d headings", path, heads)
		}
		if strings.Contains(a.body, "ZgotmplZ") || strings.Contains(a.body, "%!") || strings.Contains(a.body, "<no value>") {
			t.Errorf("%s: a template is wrong: %s", path, shortened(a.body))
		}
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	_ = html.Render(&b, n) // into memory
	return b.String()
}

func TestFromTheReferenceToTheReasonInThreePages(t *testing.T) {
	w := newTown(t)
	w.erin.page("/")                                       // one
	found := w.erin.get("/find?q=" + w.bobLogin.Reference) // leads on
	reason := w.erin.page(found.Header.Get("Location"))    // two
	reason.has(t, "Turned away", "rule no guests denies", "endsWith", w.bobLogin.Reference, "What the provider said", "bob@gmail.example")
	if found.StatusCode != http.StatusSeeOther {
		t.Errorf("the search: %s", found.Status)
	}
	lower := w.erin.get("/find?q=" + strings.ToLower(w.bobLogin.Reference))
	if lower.Header.Get("Location") != "/logins/"+w.bobLogin.Reference {
		t.Errorf("typed in lower case: %s", lower.Header.Get("Location"))
	}
	if to := w.erin.get("/find?q=alice").Header.Get("Location"); to != "/users?q=alice" {
		t.Errorf("a name leads to %s", to)
	}
}

func TestWhatIfTheyWereInAGroup(t *testing.T) {
	w := newTown(t)
	w.erin.page("/logins/"+w.aliceLogin.Reference+"?add_groups=editors&set=&as_of=").has(t, "+ items:write", "+ editor", "editors", "Nothing was changed.")
	w.erin.page("/logins/"+w.aliceLogin.Reference+"?add_groups=nobody&set=&as_of=").has(t, "It makes no difference.")
	w.erin.page("/logins/"+w.bobLogin.Reference+"?add_groups=&set=email%3Dbob%40acme.example&as_of=").has(t, "Would be let in")
	w.erin.page("/logins/"+w.bobLogin.Reference+"?add_groups=&set=&as_of=99").has(t, "99")
}

func TestAPersonIsSwitchedOffAndOnSignedOutAndErased(t *testing.T) {
	w := newTown(t)
	path := "/users/" + w.alice.Sub
	w.erin.page(path).has(t, "Alice Acme", "items:read", "readers", "Sign out everywhere", w.aliceSession)
	w.erin.done(path+"/sessions/"+w.aliceSession+"/end", "_reason", "a lost phone").has(t, "The session has ended.")
	w.erin.page(path).hasNot(t, w.aliceSession)
	w.erin.done(path+"/disable", "_reason", "she left").has(t, "Alice Acme is disabled.", "Enable")
	w.erin.done(path+"/enable").has(t, "is enabled.")
	w.erin.done(path+"/sign-out").has(t, "Sessions that ended: 0.")
	w.erin.page("/audit").has(t, "a lost phone", "she left")
	if a := w.erin.post(path+"/erase", "_reason", "asked for it", "phrase", "somebody else"); a.StatusCode != 422 {
		t.Errorf("erased without the phrase: %s", a.Status)
	} else {
		a.has(t, "That is not what stands above.", "asked for it")
	}
	file := w.erin.post(path + "/export")
	file.has(t, "alice@acme.example")
	if file.Header.Get("Content-Disposition") == "" {
		t.Error("the export is no file")
	}
	w.erin.done(path+"/erase", "_reason", "asked for it", "phrase", w.alice.Email).has(t, "Everything personal is erased.")
	if a := w.erin.get(path); a.StatusCode != 404 {
		t.Errorf("after erasing: %s", a.Status)
	}
}

func TestAnOwnerNamesAdministratorsAndCannotLeaveLast(t *testing.T) {
	w := newTown(t)
	w.erin.page("/users/"+w.alice.Sub).has(t, "Make administrator")
	path := "/administrators/okta/" + w.aliceAt
	if a := w.erin.post(path); a.StatusCode != 422 {
		t.Errorf("no role: %s", a.Status)
	}
	w.erin.done(path, "role", "viewer", "_reason", "helps out").has(t, "is viewer now", "Alice Acme")
	w.erin.done(path+"/remove").has(t, "The role is taken away.")
	erin, _ := w.okta.User("erin")
	if a := w.erin.post("/administrators/okta/"+api.Key(erin.Subject)+"/remove", "_reason", "bye"); a.StatusCode != 409 {
		t.Errorf("the last owner left: %s", a.Status)
	} else {
		a.has(t, "bye", "Nothing was saved yet")
	}
}

func TestARollbackShowsItsPlanAndAppliesAsANewRevision(t *testing.T) {
	w := newTown(t)
	w.erin.page("/revisions/1").has(t, "the first one", "added")
	if a := w.erin.post("/revisions/1/rollback"); a.StatusCode != 422 {
		t.Errorf("without a reason: %s", a.Status)
	}
	w.edit("a second app")
	w.erin.page("/revisions/1/rollback").has(t, "What this would do", "client", "another", "replayed")
	w.erin.done("/revisions/1/rollback", "_reason", "it was better", "_etag", `"2"`).has(t, "applies again", "Revision 3", "it was better")
	w.erin.page("/revisions").has(t, ">erin@", "rollback to 1")
	w.erin.page("/revisions/3").has(t, ">erin@")
	w.erin.page("/audit?action=sign_in").has(t, ">alice@", "<li>provider <bdi>okta</bdi>")
}

func TestA14_ARollbackThatSomebodyOvertookIsShownAnewWithItsReason(t *testing.T) {
	w := newTown(t)
	w.edit("a second app")
	w.erin.page("/revisions/1/rollback")
	w.edit("a third app")
	a := w.erin.post("/revisions/1/rollback", "_reason", "it was better", "_etag", `"2"`)
	if a.StatusCode != http.StatusPreconditionFailed {
		t.Fatalf("%s %s", a.Status, shortened(a.body))
	}
	a.has(t, "Somebody else saved meanwhile", "it was better", `value=""3""`)
}

// edit adds an app behind the console's back.
func (w *town) edit(reason string) {
	w.t.Helper()
	sh := w.shell()
	d, err := sh.Directory(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	doc := d.Document
	one := doc.Clients[1]
	one.ID, one.SecretSources, one.Secrets = "another", nil, nil
	one.Public, one.RefreshTokens, one.Explain = true, "", false
	if doc.Clients[len(doc.Clients)-1].ID == "another" {
		one.ID = "another-one"
	}
	doc.Clients = append(doc.Clients, one)
	if _, err := sh.PutDirectory(w.t.Context(), doc, api.ChangeOptions{IfMatch: d.Revision, Reason: reason}); err != nil {
		w.t.Fatal(err)
	}
}
