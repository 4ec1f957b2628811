package page

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// corpus is what people have put into names, logos, labels, states and errors.
var corpus = []string{
	`<script>alert(1)</script>`, `</title><script>alert(1)</script>`, `</style><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><img src=x onerror=alert(1)>`,
	`'><svg onload=alert(1)>`, `" onmouseover="alert(1)`, `' onfocus='alert(1)' autofocus='`, "` onclick=alert(1) `", `javascript:alert(1)`, `JaVaScRiPt:alert(1)`,
	"java\nscript:alert(1)", " javascript:alert(1)", "\x01javascript:alert(1)", `javascript&colon;alert(1)`, `javascript://https://a.example/%0aalert(1)`, `data:text/html,<script>alert(1)</script>`,
	`data:text/html;base64,PHNjcmlwdD4=`, `vbscript:msgbox(1)`, `{{.Brand.Name}}`, `{{"<script>"}}`, `${alert(1)}`, "\u2028alert(1)//", "\u2029", "a\u202egnp.exe", "\u2066\u2067x",
	`<!--<script>`, `-->`, `]]>`, `<![CDATA[<script>]]>`, `<base href=https://evil.example/>`, `<meta http-equiv=refresh content=0;url=https://evil.example>`, `<form action=https://evil.example>`,
	`</form><form action=https://evil.example>`, `<input name=decision value=allow>`, `<link rel=stylesheet href=//evil.example>`, `<style>*{display:none}</style>`, `<iframe srcdoc="<script>alert(1)</script>">`,
	`<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1)>`, `<math><mtext></mtext><mglyph><svg><mtext></mtext><style><img src=x onerror=alert(1)>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`, `&#x3C;script&#x3E;`, `%3Cscript%3E`, "+ADw-script+AD4-", "\xc0\xbcscript\xc0\xbe", "\xff\xfe<\x00s\x00", "\x00<script>", "\\x3cscript\\x3e", `\u003cscript\u003e`, `//evil.example`, `/\evil.example`,
	`https:evil.example`, `https://a.example/"onload="alert(1)`, strings.Repeat("A", 5000), "𝕊𝕔𝕣𝕚𝕡𝕥", `x" autofocus onfocus=alert(1) x="`, `</textarea><script>`, `</bdi></h1><h1>You have won`,
}

// shape is what a page is made of, without its words: elements and attribute names.
// Where an address was refused, its element may be missing or be a letter instead.
func shape(doc *html.Node) (all []string) {
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			names := make([]string, 0, len(n.Attr))
			for _, a := range n.Attr {
				names = append(names, a.Key)
			}
			slices.Sort(names)
			all = append(all, n.Data+"["+strings.Join(names, " ")+"]")
		}
		if n.Type == html.CommentNode {
			all = append(all, "comment")
		}
	}
	return all
}

// poison sets every string in a view, each field and list item and map value, one
// at a time, and calls try with the view and the field's name.
func poison(view any, evil string, try func(view any, field string)) {
	var walk func(v reflect.Value, name string, root reflect.Value)
	walk = func(v reflect.Value, name string, root reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			old := v.String()
			v.SetString(evil)
			try(root.Interface(), name)
			v.SetString(old)
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), name+"."+v.Type().Field(i).Name, root)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", name, i), root)
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				old := v.MapIndex(k)
				v.SetMapIndex(k, reflect.ValueOf(evil))
				try(root.Interface(), fmt.Sprintf("%s[%v]", name, k))
				v.SetMapIndex(k, old)
			}
		}
	}
	root := reflect.New(reflect.TypeOf(view)).Elem()
	root.Set(reflect.ValueOf(view))
	walk(root, reflect.TypeOf(view).Name(), root)
}

func TestS08_NothingThatSomebodyWroteBecomesMarkup(t *testing.T) {
	p := pages(t)
	tried := 0
	for i, s := range samples() {
		known := map[string]bool{}
		honest := parse(t, render(t, p, s.status, s.view).Body.String())
		forms := len(all(honest, "form"))
		for _, e := range shape(honest) {
			known[e] = true
		}
		// A refused logo is replaced by a letter.
		known["span[aria-hidden class]"] = true
		for _, evil := range corpus {
			poison(samples()[i].view, evil, func(view any, field string) {
				if form, ok := view.(FormPost); ok {
					if _, ok := webURL(form.Action); !ok {
						return // refused as a whole: TestD08 below
					}
				}
				tried++
				w := render(t, p, s.status, view)
				doc := parse(t, w.Body.String())
				for _, e := range shape(doc) {
					if !known[e] {
						t.Errorf("%s = %q makes a %s", field, evil, e)
					}
				}
				if len(all(doc, "form")) > forms || len(all(doc, "h1")) != 1 || len(all(doc, "title")) != 1 {
					t.Errorf("%s = %q changes the page", field, evil)
				}
				checkAddresses(t, doc, field, evil)
			})
		}
	}
	if tried < 2000 {
		t.Errorf("only %d tries: the corpus no longer reaches the fields", tried)
	}
}

func checkAddresses(t *testing.T, doc *html.Node, field, evil string) {
	t.Helper()
	for n := range doc.Descendants() {
		for _, key := range []string{"href", "src", "action"} {
			address := attr(n, key)
			if address == "" {
				continue
			}
			u, err := url.Parse(address)
			if err != nil || strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t ") ||
				u.Scheme != "" && u.Scheme != "https" && !strings.Contains(u.Scheme, ".") {
				t.Errorf("%s = %q: <%s %s=%q>", field, evil, n.Data, key, address)
			}
		}
	}
}

func TestS08_ABrandIsOnlyWords(t *testing.T) {
	for _, evil := range corpus {
		p, err := New(Brand{Name: evil, Logo: evil, PolicyURI: evil, TOSURI: evil}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples() {
			doc := parse(t, render(t, p, s.status, s.view).Body.String())
			checkAddresses(t, doc, "Brand", evil)
			scripts := len(all(doc, "script"))
			if s.script {
				scripts--
			}
			if scripts != 0 || len(all(doc, "h1")) != 1 || len(all(doc, "base"))+len(all(doc, "iframe"))+len(all(doc, "object")) != 0 {
				t.Errorf("%s with brand %q grew an element", s.name, evil)
			}
		}
	}
}

// D08: whatever an app put into state comes back byte by byte and stays a value.
func TestD08_FormPostReturnsStateExactlyAndNeverAsMarkup(t *testing.T) {
	p := pages(t)
	for _, state := range append(corpus, `{"next":"/a?b=c&d=e"}`, "ünïcödé ✓", `a+b %20 c`, "tab\there", `"`, `&quot;`) {
		if strings.ContainsAny(state, "\x00\r") || strings.ToValidUTF8(state, "") != state {
			continue // no HTML value can carry these; the authorize endpoint refuses them (I06)
		}
		w := render(t, p, 200, FormPost{Action: "https://desk.example/callback?x=1", Fields: []Field{{"code", "c"}, {"state", state}, {"submit", "s"}}})
		doc := parse(t, w.Body.String())
		inputs := all(doc, "input")
		if len(inputs) != 3 || len(all(doc, "script")) != 1 || len(all(doc, "form")) != 1 {
			t.Fatalf("state %q changes the page:\n%s", state, w.Body)
		}
		if got := attr(inputs[1], "value"); got != state {
			t.Errorf("state %q came back as %q", state, got)
		}
		if form := one(t, doc, "form"); attr(form, "action") != "https://desk.example/callback?x=1" || attr(form, "method") != "post" {
			t.Errorf("the form goes to %q", attr(form, "action"))
		}
		if script := one(t, doc, "script").FirstChild.Data; script != submitScript {
			t.Errorf("state %q changes the script to %q", state, script)
		}
	}
}

func TestD08_FormPostGoesToAWebAddressOrNowhere(t *testing.T) {
	p := pages(t)
	for _, action := range append(corpus, "", "/relative", "com.example.app:/cb", "http://desk.example/cb", "https://user@desk.example/cb") {
		if _, ok := webURL(action); ok {
			continue
		}
		w := &never{t: t}
		if err := p.FormPost(w, FormPost{Action: action, Fields: []Field{{"code", "c"}}}); err == nil {
			t.Errorf("a code would be posted to %q", action)
		}
	}
	if w := render(t, p, 200, FormPost{Action: "http://127.0.0.1:7000/cb"}); w.Code != 200 {
		t.Error("loopback over http is for development")
	}
}
