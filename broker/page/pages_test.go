package page

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "rewrite testdata/*.html")

// sample is one page with everything that it can show.
type sample struct {
	name   string
	status int
	view   any
	bare   bool // loads nothing at all
	script bool // carries the one script
	forms  string
	ids    []string
}

func samples() []sample {
	app := App{Name: "Items Desk", Logo: "https://desk.example/logo.png", PolicyURI: "https://desk.example/privacy", TOSURI: "https://desk.example/terms"}
	return []sample{
		{name: "chooser", status: 200, forms: "'none'", ids: []string{"provider-google", "provider-okta", "cancel"}, view: Chooser{App: app, Buttons: []ChooserButton{
			{Slug: "google", Title: "Google", Href: "/authorize?provider=google&state=a%26b", Icon: "https://icons.example/g.svg"},
			{Slug: "okta", Title: "Okta", Href: "/authorize?provider=okta", Down: true, DownReason: "Not reachable right now."},
		}, CancelHref: "https://desk.example/callback?error=access_denied&state=x"}},
		{name: "continue", status: 200, forms: "'none'", ids: []string{"continue", "not-you", "cancel"}, view: Continue{App: app, Person: "Alice Example (alice@acme.example)",
			Provider: "Google", ContinueHref: "/authorize?continue=1", OtherHref: "/authorize?other=1", CancelHref: "com.example.desk:/callback?error=access_denied"}},
		{name: "consent", status: 200, ids: []string{"allow", "deny", "not-you"}, view: Consent{App: app, Person: "Alice Example (alice@acme.example)",
			Scopes: []ScopeLine{{"openid", "Know that it is you"}, {"items:read", "Read your items"}, {"notes:all", ""}},
			Action: "/consent", Tx: "tx-1", Token: "token-1", NotYouHref: "/authorize?other=1", RedirectHost: "desk.example"}},
		{name: "error", status: 400, bare: true, forms: "'none'", ids: []string{"reference", "restart", "code"}, view: ErrorPage{Title: "That did not work",
			Sentence: "This sign-in took too long.", Code: "invalid_request", Reference: "7KQ2-M4XN", RestartHref: "/authorize?client_id=desk"}},
		{name: "signout", status: 200, ids: []string{"sign-out", "cancel"}, view: SignOut{App: app, Person: "Alice Example", Action: "/logout", Token: "token-1",
			Fields: map[string]string{"state": "s", "client_id": "desk"}, CancelHref: "/"}},
		{name: "signedout", status: 200, forms: "'none'", ids: []string{"back"}, view: SignedOut{App: app, BackHref: "https://desk.example/"}},
		{name: "ask", status: 200, ids: []string{"username", "password", "problem", "go-on", "cancel"}, view: Ask{App: app,
			Lead: "Use the user name and password that you have here.", Problem: "This user name and password do not fit together.", Fields: []AskField{
				{Name: "username", Label: "User name", Autocomplete: "username", Value: `al"ice`}, {Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
				{Name: "code", Label: "Code", Autocomplete: "one-time-code", Numeric: true}},
			Action: "/ask", Tx: "tx-1", Token: "token-1", Button: "Sign in", CancelHref: "https://desk.example/callback?error=access_denied"}},
		{name: "invited", status: 200, forms: "'self'", ids: []string{"username", "password", "again", "go-on"}, view: Ask{Title: "Choose a password", Lead: "At least 12 characters.", Problem: "The two passwords are different.", CancelHref: "/",
			Fields: []AskField{{Name: "username", Label: "User name", Autocomplete: "username", Value: "alice", ReadOnly: true},
				{Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password"}, {Name: "again", Label: "The same once more", Type: "password", Autocomplete: "new-password"}},
			Action: "/invitation", Token: "token-1", Button: "Set the password", EndsHere: true}},
		{name: "done", status: 200, forms: "'none'", view: Done{Title: "Your password is set", Sentence: "You can sign in with it now. This page may be closed."}},
		{name: "confirm", status: 400, bare: true, ids: []string{"answer", "continue", "reference", "code"}, view: ConfirmRedirect{App: "Items Desk", Host: "desk.example",
			Href: "https://desk.example/callback", Fields: []Field{{"error", "login_required"}, {"state", "st&te"}}, Code: "login_required", Reference: "7KQ2-M4XN"}},
		{name: "linkaway", status: 200, forms: "'none'", ids: []string{"continue", "cancel"}, view: LinkAway{Provider: "Okta", Href: "https://acme.okta.example/authorize?a=b&c=d", CancelHref: "/account"}},
		{name: "signinfirst", status: 200, forms: "'none'", ids: []string{"continue", "cancel"}, view: LinkAway{Provider: "Okta", SignInDue: true, Href: "/account?again=1", CancelHref: "/account"}},
		{name: "linkconfirm", status: 200, forms: "'self'", ids: []string{"join", "cancel"}, view: LinkConfirm{Person: "Alice Example (alice@acme.example)", Provider: "Okta", Identity: "A. Example (alice@okta.example)",
			Action: "/account", Token: "token-1", Offer: "offer-1", CancelHref: "/account"}},
		{name: "account", status: 200, forms: "'self'", ids: []string{"identities", "sessions", "apps", "consents", "end-others", "sign-out", "notice"}, view: accountSample()},
		{name: "formpost", status: 200, bare: true, script: true, ids: []string{"answer", "continue"}, view: FormPost{Action: "https://desk.example/callback?tenant=a&b=c",
			Fields: []Field{{"code", "c0de"}, {"state", "st&te"}, {"iss", "https://login.example"}}}},
	}
}

func accountSample() Account {
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	return Account{Person: "Alice Example (alice@acme.example)", Notice: "That session has ended.", Action: "/account", Token: "token-1", SignOutHref: "/logout",
		Identities: []AccountIdentity{{Provider: "Google", Email: "alice@acme.example", Since: at.AddDate(-1, 0, 0), LastUsed: at, ProviderID: "p-1", Subject: "s-1", Removable: true},
			{Provider: "Okta", Since: at.AddDate(0, -1, 0), LastUsed: at.AddDate(0, 0, -3), ProviderID: "p-2", Subject: "s-2", Removable: true}},
		Linkable: []AccountProvider{{"auth0", "Auth0"}},
		Sessions: []AccountSession{
			{SID: "sid-1", Here: true, Device: "Firefox on Linux", IP: "198.51.100.7", Provider: "Google", Started: at, LastSeen: at.Add(5 * time.Minute)},
			{SID: "sid-2", Provider: "Okta", Started: at.Add(-time.Hour), LastSeen: at.Add(-50 * time.Minute)}},
		Apps: []AccountApp{{"desk", "Items Desk", []AccountAccess{
			{"Firefox on Linux", "198.51.100.7", "203.0.113.9", true, at.AddDate(0, 0, -2), at}, {"", "198.51.100.8", "198.51.100.8", false, at, at}}}},
		Consents: []AccountConsent{{"notes", "Notes", "notes.example", []ScopeLine{{"openid", "Know that it is you"}, {"items:read", ""}}, at.AddDate(0, -2, 0)}, {ClientID: "old", Name: "old"}}}
}

func pages(t testing.TB) *Pages {
	t.Helper()
	p, err := New(Brand{Name: "Acme sign-in", Logo: "https://acme.example/logo.svg", PolicyURI: "https://acme.example/privacy", TOSURI: "https://acme.example/terms"}, "/login/assets")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// render calls the page method that takes this kind of view.
func render(t testing.TB, p *Pages, status int, view any) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	var err error
	switch v := view.(type) {
	case Chooser:
		err = p.Chooser(w, v)
	case Continue:
		err = p.Continue(w, v)
	case Consent:
		err = p.Consent(w, v)
	case ErrorPage:
		err = p.Error(w, status, v)
	case SignOut:
		err = p.SignOut(w, v)
	case SignedOut:
		err = p.SignedOut(w, v)
	case Account:
		err = p.Account(w, v)
	case FormPost:
		err = p.FormPost(w, v)
	case Ask:
		err = p.Ask(w, status, v)
	case LinkAway:
		err = p.LinkAway(w, v)
	case LinkConfirm:
		err = p.LinkConfirm(w, v)
	case Done:
		err = p.Done(w, v)
	case ConfirmRedirect:
		err = p.ConfirmRedirect(w, v)
	default:
		t.Fatalf("no page shows a %T", view)
	}
	if err != nil {
		t.Fatalf("%T: %v", view, err)
	}
	return w
}

var assetName = regexp.MustCompile(`/assets/[0-9a-f]{16}\.`)

func TestEveryPageIsTheOneThatWasReviewed(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		got := render(t, p, s.status, s.view).Body.String()
		got = assetName.ReplaceAllString(got, "/assets/HASH.")
		got = strings.Replace(got, string(p.style), "(page.css)", 1)
		file := filepath.Join("testdata", s.name+".html")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s (look at it, then go test -update):\n%s", s.name, file, got)
		}
	}
}

func TestEveryPageIsReadableByMachinesThatHelpPeople(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			w := render(t, p, s.status, s.view)
			if w.Code != s.status {
				t.Errorf("status %d, want %d", w.Code, s.status)
			}
			doc := parse(t, w.Body.String())
			if got := attr(one(t, doc, "html"), "lang"); got != "en" {
				t.Errorf("lang is %q: screen readers would guess the language", got)
			}
			if title := text(one(t, doc, "title")); !strings.HasSuffix(title, "· Acme sign-in") || strings.HasPrefix(title, " ·") {
				t.Errorf("title %q does not name page and broker", title)
			}
			if h1 := text(one(t, doc, "h1")); h1 == "" {
				t.Error("the heading is empty")
			}
			one(t, doc, "main")
			one(t, doc, "header")
			if vp := metaContent(doc, "viewport"); !strings.Contains(vp, "width=device-width") || strings.Contains(vp, "user-scalable") || strings.Contains(vp, "maximum-scale") {
				t.Errorf("viewport %q: phones need device-width and the right to zoom", vp)
			}
			ids := map[string]bool{}
			for n := range doc.Descendants() {
				if n.Type != html.ElementNode {
					continue
				}
				if id := attr(n, "id"); id != "" {
					if ids[id] {
						t.Errorf("id %q stands twice", id)
					}
					ids[id] = true
				}
				checkElement(t, n)
			}
			for _, id := range s.ids {
				if !ids[id] {
					t.Errorf("id %q is missing; tests and password managers look for it", id)
				}
			}
			if scripts := len(all(doc, "script")); (scripts == 1) != s.script || scripts > 1 {
				t.Errorf("%d scripts", scripts)
			}
		})
	}
}

// checkElement holds what axe-core and our policy ask of any one element.
func checkElement(t *testing.T, n *html.Node) {
	t.Helper()
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			t.Errorf("<%s %s>: the policy forbids inline handlers and styles", n.Data, a.Key)
		}
		if a.Key == "tabindex" || a.Key == "autofocus" || a.Key == "target" {
			t.Errorf("<%s %s>: leave order, focus and windows to the person", n.Data, a.Key)
		}
	}
	switch n.Data {
	case "img":
		if !has(n, "alt") {
			t.Error("an img without alt")
		}
	case "svg":
		if attr(n, "aria-hidden") != "true" {
			t.Error("a decorative svg that is read aloud")
		}
	case "a":
		if text(n) == "" || attr(n, "href") == "" {
			t.Errorf("link %q to %q", text(n), attr(n, "href"))
		}
	case "button":
		if text(n) == "" {
			t.Error("a button without words")
		}
	case "input":
		if attr(n, "type") != "hidden" && !labelled(n) {
			t.Errorf("<input type=%q> without a label", attr(n, "type"))
		}
	case "iframe", "object", "embed", "base":
		t.Errorf("<%s> on a page of ours", n.Data)
	}
}

// labelled tells whether the words beside an input belong to it, and whether a
// password manager knows what goes into it.
func labelled(n *html.Node) bool {
	for _, l := range all(n.Parent, "label") {
		if attr(l, "for") == attr(n, "id") && text(l) != "" {
			return attr(n, "autocomplete") != ""
		}
	}
	return false
}

func TestConsentAnswersWithTheButtonThatWasPressed(t *testing.T) {
	doc := parse(t, render(t, pages(t), 200, samples()[2].view).Body.String())
	form := one(t, doc, "form")
	if attr(form, "method") != "post" || attr(form, "action") != "/consent" {
		t.Errorf("the form goes by %s to %s", attr(form, "method"), attr(form, "action"))
	}
	want := map[string]string{"tx": "tx-1", "token": "token-1"}
	for _, in := range all(doc, "input") {
		if attr(in, "value") != want[attr(in, "name")] {
			t.Errorf("hidden %s is %q", attr(in, "name"), attr(in, "value"))
		}
		delete(want, attr(in, "name"))
	}
	if len(want) > 0 {
		t.Errorf("hidden fields missing: %v", want)
	}
	for _, b := range all(doc, "button") {
		if attr(b, "name") != "decision" || attr(b, "value") != attr(b, "id") {
			t.Errorf("button %s sends %s=%s", attr(b, "id"), attr(b, "name"), attr(b, "value"))
		}
	}
}

func TestConsentSaysWhenTheAnswerStaysOnThisDevice(t *testing.T) {
	for host, local := range map[string]bool{"127.0.0.1": true, "127.0.0.1:7000": true, "[::1]:7000": true, "localhost:80": true, "notes.example": false, "127.0.0.1.evil.example": false, "": false} {
		body := render(t, pages(t), 200, Consent{RedirectHost: host}).Body.String()
		if strings.Contains(body, "(this device)") != local {
			t.Errorf("%q: on this device is %v", host, !local)
		}
	}
}

func TestAPageWithNothingInItStillMakesSense(t *testing.T) {
	p, err := New(Brand{}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples() {
		view := reflect.New(reflect.TypeOf(s.view)).Elem().Interface()
		if s.name == "formpost" {
			view = FormPost{Action: "https://desk.example/"}
		}
		doc := parse(t, render(t, p, s.status, view).Body.String())
		if h1 := strings.TrimSpace(text(one(t, doc, "h1"))); h1 == "" || strings.HasSuffix(h1, "to") {
			t.Errorf("%s: heading %q", s.name, h1)
		}
		if title := text(one(t, doc, "title")); !strings.HasSuffix(title, "· Handstamp") {
			t.Errorf("%s: title %q", s.name, title)
		}
		for _, a := range all(doc, "a") {
			if href := attr(a, "href"); href == "" && s.name != "continue" {
				t.Errorf("%s: a link to nowhere: %q", s.name, text(a))
			}
		}
	}
}

func TestAChooserWithoutProvidersSaysSo(t *testing.T) {
	body := render(t, pages(t), 200, Chooser{App: App{Name: "Desk"}}).Body.String()
	if !strings.Contains(body, "no way to sign in here at the moment") {
		t.Error("an empty list is no explanation")
	}
}

func TestALongAccountPageSaysHowMuchMoreThereIs(t *testing.T) {
	v := Account{Sessions: make([]AccountSession, 100), Apps: []AccountApp{{Name: "Desk", Access: make([]AccountAccess, 12)}}}
	v.Sessions[0].Here = true
	body := render(t, pages(t), 200, v).Body.String()
	if !strings.Contains(body, "And 70 more.") || !strings.Contains(body, "And 7 more like these.") || strings.Count(body, "Last used") != 5 || !strings.Contains(body, `id="end-others"`) {
		t.Error("a list of a hundred is not cut, or nobody says so")
	}
}

func TestAProviderThatIsDownSaysSoAndCanStillBeTried(t *testing.T) {
	doc := parse(t, render(t, pages(t), 200, Chooser{Buttons: []ChooserButton{{Slug: "okta", Title: "Okta", Href: "/x", Down: true}}}).Body.String())
	for _, a := range all(doc, "a") {
		if attr(a, "id") == "provider-okta" && attr(a, "href") == "/x" && strings.Contains(text(a), "Not answering at the moment") {
			return
		}
	}
	t.Error("no link that says that Okta is down")
}

// ---- reading pages

func parse(t testing.TB, body string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func all(doc *html.Node, tag string) (found []*html.Node) {
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			found = append(found, n)
		}
	}
	return found
}

func one(t testing.TB, doc *html.Node, tag string) *html.Node {
	t.Helper()
	found := all(doc, tag)
	if len(found) != 1 {
		t.Fatalf("%d <%s>, want one", len(found), tag)
	}
	return found[0]
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func metaContent(doc *html.Node, name string) string {
	for _, m := range all(doc, "meta") {
		if attr(m, "name") == name {
			return attr(m, "content")
		}
	}
	return ""
}
