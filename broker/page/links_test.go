package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// never is a ResponseWriter for calls that must not write.
type never struct{ t *testing.T }

func (n *never) Header() http.Header { n.t.Error("headers were set"); return http.Header{} }
func (n *never) WriteHeader(int)     { n.t.Error("a status was sent") }
func (n *never) Write(b []byte) (int, error) {
	n.t.Errorf("bytes were sent: %q", b)
	return len(b), nil
}

func TestLinksBackToAnAppMayUseItsOwnSchemeButNeverAScriptingOne(t *testing.T) {
	for _, tc := range []struct {
		in   string
		kept bool
		why  string
	}{
		{"/authorize?provider=google", true, "our own page"},
		{"https://desk.example/cb?error=access_denied&state=a%26b", true, "a web app"},
		{"http://127.0.0.1:7777/cb", true, "a native app on loopback"},
		{"http://[::1]:7777/cb", true, "a native app on loopback"},
		{"com.example.app:/cb?error=access_denied", true, "RFC 8252 §7.1: a scheme made of a domain name"},
		{"com.example.app://cb", true, "the other common spelling"},
		{"", false, "nothing there"},
		{"//evil.example", false, "another host without saying so"},
		{`/\evil.example`, false, "browsers read a backslash as a slash"},
		{"javascript:alert(1)", false, "a script"},
		{"JAVASCRIPT:alert(1)", false, "a script"},
		{"java\tscript:alert(1)", false, "browsers drop the tab"},
		{"data:text/html,x", false, "a document of their own"},
		{"vbscript:x", false, "a script"},
		{"file:///etc/passwd", false, "not ours to link"},
		{"myapp:/cb", false, "a scheme that anybody may claim"},
		{"https:/evil", false, "no host"},
		{"https:evil", false, "no host"},
		{"/a\r\nb", false, "control characters"},
	} {
		if got := walkLink(tc.in); (got != "") != tc.kept || tc.kept && string(got) != tc.in {
			t.Errorf("walkLink(%q) = %q, want kept %v: %s", tc.in, got, tc.kept, tc.why)
		}
	}
}

func TestNamesAreOneLineOfReadableWords(t *testing.T) {
	for _, tc := range []struct{ in, want, why string }{
		{"Items Desk", "Items Desk", "plain"},
		{"  a \r\n\t b ", "a b", "one line"},
		{"invoice\u202egnp.exe", "invoicegnp.exe", "a direction mark rearranges what follows"},
		{"a\u2066b\u2069\u200b\ufeff", "ab", "invisible"},
		{"a\u2028b", "a b", "a line separator is white space"},
		{"\xffx", "x", "not UTF-8"},
		{"👩\u200d🚀", "👩\u200d🚀", "a joiner spells one emoji"},
		{strings.Repeat("é", 200), strings.Repeat("é", 119) + "…", "nobody reads more"},
	} {
		if got := words(tc.in); got != tc.want {
			t.Errorf("words(%q) = %q, want %q: %s", tc.in, got, tc.want, tc.why)
		}
	}
}

func TestALetterStandsInForALogo(t *testing.T) {
	for in, want := range map[string]string{"desk": "D", "  'q": "Q", "ångström": "Å", "7up": "7", "": "·", "!!": "·", "Φοίνιξ": "Φ"} {
		if got := initial(in); got != want {
			t.Errorf("initial(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzLinks(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if l := string(walkLink(s)); l != "" {
			u, err := url.Parse(l)
			if err != nil || strings.HasPrefix(l, "//") || strings.ContainsAny(l, "\\\r\n\t\x00") {
				t.Fatalf("walkLink kept %q", l)
			}
			if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" && !strings.Contains(u.Scheme, ".") {
				t.Fatalf("walkLink kept the scheme of %q", l)
			}
		}
		var p policy
		if p.image(s) != "" && strings.ContainsAny(strings.Join(p.Images, ""), " ;,'*\r\n") {
			t.Fatalf("%q would change the policy: %q", s, p.Images)
		}
		w := words(s)
		if !utf8.ValidString(w) || utf8.RuneCountInString(w) > 120 || strings.IndexFunc(w, unicode.IsControl) >= 0 {
			t.Fatalf("words(%q) = %q", s, w)
		}
	})
}
