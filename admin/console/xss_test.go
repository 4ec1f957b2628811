package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers/persona"
)

// corpus is what people have put into names, labels, reasons and claims.
var corpus = []string{
	`<script>alert(1)</script>`, `</title><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><img src=x onerror=alert(1)>`, `'><svg onload=alert(1)>`, `" onmouseover="alert(1)`,
	`' onfocus='alert(1)' autofocus='`, "` onclick=alert(1) `", `javascript:alert(1)`, `JaVaScRiPt:alert(1)`, `javascript://https://a.example/%0aalert(1)`, `data:text/html,<script>alert(1)</script>`,
	`{{.CSRF}}`, `{{template "csrf" .}}`, `${alert(1)}`, "\u2028alert(1)//", "a\u202egnp.exe", "\u2066\u2067x", `<!--<script>`, `-->`, `]]>`, `<base href=https://evil.example/>`,
	`<meta http-equiv=refresh content=0;url=https://evil.example>`, `</form><form action=https://evil.example method=post>`, `<input name=role value=owner>`, `<style>*{display:none}</style>`,
	`<iframe srcdoc="<script>alert(1)</script>">`, `<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1)>`, `<math><mtext></mtext><mglyph><svg><mtext></mtext><style><img src=x onerror=alert(1)>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `&lt;script&gt;alert(1)&lt;/script&gt;`, `%3Cscript%3E`, `\u003cscript\u003e`, `//evil.example`, `/\evil.example`,
	`x" autofocus onfocus=alert(1) x="`, `</textarea><script>`, `</bdi></h1><h1>You have won`, `</pre><script>`, `</details></main>`, strings.Repeat("A", 300),
}

// markup is what a page is made of, without its words: elements with their attributes.
func markup(doc *html.Node) (all []string) {
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			all = append(all, "comment")
		case html.ElementNode:
			names := []string{}
			for _, a := range n.Attr {
				names = append(names, a.Key)
			}
			slices.Sort(names)
			all = append(all, n.Data+"["+strings.Join(names, " ")+"]")
		}
	}
	return all
}

// speakable drops what no document may say at all.
func speakable(k *kit, put func(d *directory.Document, evil string)) (out []string) {
	for _, evil := range corpus {
		d := document(k)
		put(&d, evil)
		if _, problems := directory.Compile(k.issuer, d); len(problems) == 0 {
			out = append(out, evil)
		}
	}
	return out
}

func TestA13_NothingThatSomebodyWroteBecomesMarkup(t *testing.T) {
	said := 0
	honest := newTown(t)
	known := map[string]bool{}
	for _, path := range honest.pages() {
		for _, m := range markup(parse(t, honest.erin.page(path).body)) {
			known[m] = true
		}
	}
	w := &town{kit: newKit(t, func(d *directory.Document) {})}
	names := speakable(w.kit, func(d *directory.Document, evil string) { d.Clients[0].Name = evil })
	titles := speakable(w.kit, func(d *directory.Document, evil string) { d.Providers[0].Title = evil })
	rules := speakable(w.kit, func(d *directory.Document, evil string) { d.Rules[0].Name = evil })
	denials := speakable(w.kit, func(d *directory.Document, evil string) { d.Rules[2].Deny = evil })
	texts := speakable(w.kit, func(d *directory.Document, evil string) {
		d.Resources[0].Name, d.Resources[0].Scopes[0].Description = evil, evil
	})
	for i, n := range []int{len(names), len(titles), len(rules), len(denials), len(texts)} {
		if n < 20 {
			t.Errorf("only %d of the corpus reach the strings of kind %d", n, i)
		}
		said += n
	}

	sh := w.shell()
	was, err := sh.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	doc := was.Document
	doc.Providers[0].Title = titles[0]
	for i, evil := range names {
		doc.Clients = append(doc.Clients, directory.Client{ID: fmt.Sprintf("evil-%d", i), Name: evil, Public: true, RedirectURIs: []string{"https://app.example/callback"}, Scopes: []string{"openid"}})
	}
	for i, evil := range rules {
		if doc.Rules[0].Name == evil {
			continue
		}
		doc.Rules = append(doc.Rules, mapping.Rule{Name: evil, When: fmt.Sprintf("claims.name == 'x%d'", i), Deny: denials[i%len(denials)]})
	}
	for i, evil := range texts {
		doc.Resources = append(doc.Resources, directory.Resource{ID: fmt.Sprintf("https://evil-%d.example", i), Name: evil, Scopes: []directory.Scope{{Name: fmt.Sprintf("evil%d:read", i), Description: evil}}})
	}
	if _, err := sh.PutDirectory(t.Context(), doc, api.ChangeOptions{IfMatch: was.Revision, Reason: corpus[3]}); err != nil {
		t.Fatal(err)
	}
	var people []persona.User
	for i, evil := range corpus {
		people = append(people, persona.User{ID: fmt.Sprintf("evil%d", i), Subject: fmt.Sprintf("00u%d", i), Name: evil, GivenName: evil, Email: fmt.Sprintf("evil%d@acme.example", i), EmailVerified: true, Groups: []string{evil}})
	}
	w.okta.SetUsers(append(w.okta.Users(), people...)...)
	for i := range corpus {
		w.person("web", "okta", fmt.Sprintf("evil%d", i))
	}
	w.person("web", "okta", "alice")
	w.person("web", "okta", "bob")
	w.erin = w.signedIn("erin", "owner")
	w.look()

	pages := append(w.pages(), "/users?q=evil", "/logins?q=evil", "/revisions/2", "/audit?action=directory.apply")
	users, err := sh.Users(t.Context(), api.UserFilter{Q: "evil", ListOptions: api.ListOptions{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users.Items {
		pages = append(pages, "/users/"+u.Sub)
	}
	logins, err := sh.Logins(t.Context(), api.LoginFilter{Q: "evil", ListOptions: api.ListOptions{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logins.Items {
		pages = append(pages, "/logins/"+l.Reference)
	}
	for _, evil := range rules {
		pages = append(pages, "/rules/"+api.Key(evil))
	}
	for i := range names {
		pages = append(pages, fmt.Sprintf("/clients/evil-%d", i))
	}
	for i := range texts {
		pages = append(pages, "/resources/"+api.Key(fmt.Sprintf("https://evil-%d.example", i)))
	}
	for _, evil := range corpus { // what stands in an address is somebody's too
		for _, list := range []string{"/users", "/logins", "/audit", "/clients"} {
			pages = append(pages, list+"?q="+escape(evil)+"&client="+escape(evil)+"&actor="+escape(evil))
		}
		pages = append(pages, "/find?q="+escape(evil), "/logins/"+w.aliceLogin.Reference+"?add_groups="+escape(evil)+"&set=x%3D"+escape(evil)+"&as_of="+escape(evil), "/enter?token="+escape(evil), "/sign-in?to="+escape(evil))
	}
	for _, path := range pages {
		a := w.erin.get(path)
		if a.StatusCode >= 500 {
			t.Errorf("%s: %s", path, a.Status)
		}
		if to := a.Header.Get("Location"); to != "" && !strings.HasPrefix(to, w.issuer+"/authorize?") && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Errorf("%s leads to %s", path, to)
		}
		checkMarkup(t, path, a, known)
	}
	if said < 100 || len(pages) < 200 {
		t.Errorf("%d strings on %d pages: the corpus no longer reaches them", said, len(pages))
	}
	if !strings.Contains(w.erin.page("/users?q=evil").body, "&lt;script&gt;") {
		t.Error("the corpus is not shown at all")
	}
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func checkMarkup(t *testing.T, path string, a *answer, known map[string]bool) {
	t.Helper()
	if a.StatusCode == http.StatusSeeOther {
		return
	}
	doc := parse(t, a.body)
	heads := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "h1" {
			heads++
		}
		for _, at := range n.Attr {
			value := strings.ToLower(strings.TrimSpace(at.Val))
			if strings.HasPrefix(at.Key, "on") || at.Key == "style" || at.Key == "srcdoc" {
				t.Errorf("%s: <%s %s=%q>", path, n.Data, at.Key, at.Val)
			}
			if slices.Contains([]string{"href", "src", "action", "formaction"}, at.Key) && (strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "data:") || strings.Contains(value, "evil.example/") || strings.HasPrefix(value, "//")) {
				t.Errorf("%s: %s leads to %s", path, n.Data, at.Val)
			}
		}
	}
	for _, m := range markup(doc) {
		element, _, _ := strings.Cut(m, "[")
		if !known[m] && slices.Contains([]string{"comment", "script", "img", "iframe", "object", "embed", "base", "meta", "style", "link", "math", "animate", "noscript", "mtext"}, element) {
			t.Errorf("%s has a %s", path, m)
		}
	}
	if heads != 1 {
		t.Errorf("%s has %d headings", path, heads)
	}
}
