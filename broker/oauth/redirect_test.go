package oauth

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// confusions are strings that one URL parser or another takes for
// https://app.example/cb, or that lead somewhere near it.
var confusions = []string{
	// who is the host?
	"https://app.example@evil.example/cb", "https://a@b@app.example/cb", "https://evil.example\\@app.example/cb", "https://app.example\\@evil.example/cb",
	"https://app.example%40evil.example/cb", "https://app.example%25@evil.example/cb", "https://app.example:443@evil.example/cb", "https://:@app.example/cb",
	"https://user:pass@app.example/cb", "https://app.example#@evil.example/cb", "https://app.example?@evil.example/cb", "https://evil.example#app.example/cb",
	"https://evil.example?https://app.example/cb", "https://app.example.evil.example/cb", "https://evilapp.example/cb", "https://app.example.evil/cb",
	"https://evil.example/https://app.example/cb", "https://evil.example;app.example/cb", "https://[app.example]/cb", "https://app.example&@evil.example/cb",
	"https://app.example,evil.example/cb", "https://app%2eexample/cb", "https://app.example%00.evil.example/cb", "https://app.example%2f@evil.example/cb",
	// the same place to a browser, other bytes
	"https://APP.example/cb", "HTTPS://app.example/cb", "Https://app.example/cb", "https://app.example./cb", "https://app.example:443/cb", "https://app.example:/cb",
	"https://app.example:0443/cb", "https://app.example/CB", "https://app.example/%63b", "https://app.example/c%62", "https://app.example//cb", "https://app.example/./cb",
	"https://app.example/x/../cb", "https://app.example/%2e/cb", "https://app.example\\cb", "https:\\\\app.example\\cb", "https:/app.example/cb", "https:app.example/cb",
	"https:///app.example/cb", "https:////app.example/cb",
	// more or less than was registered
	"https://app.example/cb/", "https://app.example/cb/x", "https://app.example/cb/..", "https://app.example/cb/../evil", "https://app.example/cb/..;/evil",
	"https://app.example/cb%2f..%2fevil", "https://app.example/cb;x", "https://app.example/cb;/..", "https://app.example/cb.evil", "https://app.example/cb2", "https://app.example/c",
	"https://app.example/", "https://app.example", "https://app.example/cb?", "https://app.example/cb?x=1", "https://app.example/cb&x=1", "https://app.example/cb?redirect_uri=https://evil.example",
	"https://app.example/cb#", "https://app.example/cb#f", "https://app.example/cb%23f", "https://app.example/cb%3fx=1", "https://app.example/cb%00", "https://app.example/cb%0d%0aX:y",
	// other schemes
	"http://app.example/cb", "//app.example/cb", "///app.example/cb", "/cb", "cb", "app.example/cb", "javascript:alert(1)//https://app.example/cb", "data:text/html,https://app.example/cb",
	"ftp://app.example/cb", "httpss://app.example/cb", "view-source:https://app.example/cb", "blob:https://app.example/cb",
	// bytes nobody sees
	"", " ", " https://app.example/cb", "https://app.example/cb ", "https://app.example/cb\t", "\thttps://app.example/cb", "https://app.example/cb\n", "https://app.exa\nmple/cb",
	"https://app.example/cb\x00", "\ufeffhttps://app.example/cb", "https://\u0430pp.example/cb", "https://\uff41pp.example/cb", "https://app\u3002example/cb", "https://app.example/c\u200bb",
	"https://app.example/\u202ecb", "https://app.example\u2044cb", "https://xn--pp-8ka.example/cb", "https://app.example/cb\xff",
	// patterns are no registration
	"https://*.example/cb", "https://app.example/*", ".*", "https://app.example/c.",
}

func TestD03_OnlyTheRegisteredBytesMatch(t *testing.T) {
	registered := []string{"https://app.example/cb", "com.example.app:/cb"}
	if len(confusions) < 60 {
		t.Fatalf("the corpus has shrunk to %d strings", len(confusions))
	}
	for _, uri := range registered {
		if !MatchRedirect(registered, uri) {
			t.Errorf("%q is registered and must match", uri)
		}
	}
	for _, uri := range confusions {
		if MatchRedirect(registered, uri) {
			t.Errorf("%q must not match", uri)
		}
	}
}

func TestD03_WhatIsRegisteredIsNoPattern(t *testing.T) {
	for _, row := range []struct{ registered, uri string }{
		{"https://app.example/.*", "https://app.example/cb"},
		{"https://*.example/cb", "https://app.example/cb"},
		{"https://app.example/", "https://app.example/cb"},
		{"", ""},
	} {
		if MatchRedirect([]string{row.registered}, row.uri) {
			t.Errorf("%q matched the registration %q", row.uri, row.registered)
		}
	}
}

func TestD04_OnlyTheLoopbackPortMayDiffer(t *testing.T) {
	registered := []string{"http://127.0.0.1/cb", "http://[::1]:80/cb", "http://127.0.0.1:9000/q?x=1", "http://localhost:8000/cb", "https://127.0.0.1/tls"}
	for _, uri := range []string{"http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", "http://[::1]:9/cb", "http://[::1]/cb", "http://127.0.0.1:65535/cb",
		"http://127.0.0.1/q?x=1", "http://localhost:8000/cb"} {
		if !MatchRedirect(registered, uri) {
			t.Errorf("%q must match", uri)
		}
	}
	for _, row := range []struct{ why, uri string }{
		{"a name is no literal address (RFC 8252 §8.3)", "http://localhost/cb"},
		{"a name keeps its port", "http://localhost:8001/cb"},
		{"127.0.0.1 is only a prefix", "http://127.0.0.1.evil/cb"},
		{"short spelling", "http://127.1/cb"},
		{"octal spelling", "http://0177.0.0.1/cb"},
		{"hexadecimal spelling", "http://0x7f.0.0.1/cb"},
		{"decimal spelling", "http://2130706433/cb"},
		{"another loopback address", "http://127.0.0.2/cb"},
		{"mapped address", "http://[::ffff:127.0.0.1]/cb"},
		{"long spelling", "http://[0:0:0:0:0:0:0:1]/cb"},
		{"zone", "http://[::1%25lo]/cb"},
		{"any address", "http://0.0.0.0/cb"},
		{"other path", "http://127.0.0.1:9/other"},
		{"longer path", "http://127.0.0.1:9/cb/x"},
		{"added query", "http://127.0.0.1:9/cb?x=1"},
		{"other query", "http://127.0.0.1:9/q?x=2"},
		{"added fragment", "http://127.0.0.1:9/cb#f"},
		{"fragment instead of path", "http://127.0.0.1#/cb"},
		{"user name before the address", "http://evil@127.0.0.1/cb"},
		{"address as user name", "http://127.0.0.1@evil/cb"},
		{"address and port as user name", "http://127.0.0.1:80@evil/cb"},
		{"backslash", "http://127.0.0.1:80\\@evil/cb"},
		{"no port after the colon", "http://127.0.0.1:/cb"},
		{"port zero", "http://127.0.0.1:0/cb"},
		{"port with a leading zero", "http://127.0.0.1:080/cb"},
		{"port too long", "http://127.0.0.1:123456/cb"},
		{"port too large", "http://127.0.0.1:65536/cb"},
		{"port that is a name", "http://127.0.0.1:http/cb"},
		{"signed port", "http://127.0.0.1:+80/cb"},
		{"https is not the registered scheme", "https://127.0.0.1:9/cb"},
		{"https loopback keeps its port", "https://127.0.0.1:9/tls"},
		{"upper-case scheme", "HTTP://127.0.0.1:9/cb"},
		{"the other family", "http://[::1]:9/q?x=1"},
	} {
		if MatchRedirect(registered, row.uri) {
			t.Errorf("%s: %q must not match", row.why, row.uri)
		}
	}
}

func TestD05_DangerousRedirectURIsCannotBeRegistered(t *testing.T) {
	for _, uri := range []string{"https://app.example/cb", "https://app.example", "https://app.example:8443/cb?tenant=1", "https://10.0.0.7/cb", "https://[2001:db8::1]:8443/cb", "https://xn--bcher-kva.example/cb",
		"https://intranet/cb", "http://127.0.0.1/cb", "http://127.0.0.1:8000/cb", "http://[::1]/cb", "http://localhost:8000", "com.example.app:/cb", "com.example.app://cb", "https://app.example/a%20b"} {
		if err := CheckRedirectRegistration(uri); err != nil {
			t.Errorf("%q must be accepted, got: %v", uri, err)
		}
	}
	for _, row := range []struct{ why, uri string }{
		{"empty", ""},
		{"script", "javascript:alert(1)"},
		{"script in other letters", "JaVaScRiPt:alert(1)"},
		{"script after a space", " javascript:alert(1)"},
		{"script split by a tab", "java\tscript:alert(1)"},
		{"script with slashes", "javascript://app.example/%0aalert(1)"},
		{"markup", "data:text/html,<script>alert(1)</script>"},
		{"old script", "vbscript:msgbox(1)"},
		{"file", "file:///etc/passwd"},
		{"blob", "blob:https://app.example/1"},
		{"about", "about:blank"},
		{"scheme without a dot", "myapp:/cb"},
		{"scheme alone", "com.example.app:"},
		{"scheme and slashes alone", "com.example.app://"},
		{"upper-case scheme never matches", "COM.example.app:/cb"},
		{"urn", "urn:ietf:wg:oauth:2.0:oob"},
		{"http elsewhere", "http://app.example/cb"},
		{"http on a look-alike", "http://127.0.0.1.evil.example/cb"},
		{"http on localhost's look-alike", "http://localhost.evil.example/cb"},
		{"http on any address", "http://0.0.0.0/cb"},
		{"http on a private address", "http://192.168.0.1/cb"},
		{"wildcard host", "https://*.app.example/cb"},
		{"wildcard path", "https://app.example/*"},
		{"fragment", "https://app.example/cb#f"},
		{"empty fragment", "https://app.example/cb#"},
		{"user name", "https://user@app.example/cb"},
		{"user name and password", "https://user:pw@app.example/cb"},
		{"user name in a native app's URI", "com.example.app://a@b/cb"},
		{"longer than 2 kB", "https://app.example/" + strings.Repeat("a", 2048)},
		{"upper-case host never matches what a browser sends", "https://APP.example/cb"},
		{"homoglyph host", "https://\u0430pp.example/cb"},
		{"host with trailing dot", "https://app.example./cb"},
		{"host with an underscore", "https://my_app.example/cb"},
		{"host in percent form", "https://app%2eexample/cb"},
		{"short address", "https://127.1/cb"},
		{"hexadecimal address", "https://0x7f.0.0.1/cb"},
		{"number as address", "https://2130706433/cb"},
		{"open bracket", "https://[::1/cb"},
		{"no host", "https:///cb"},
		{"no slashes", "https:app.example/cb"},
		{"no scheme", "app.example/cb"},
		{"relative", "/cb"},
		{"relative to the scheme", "//app.example/cb"},
		{"port zero", "https://app.example:0/cb"},
		{"port out of range", "https://app.example:70000/cb"},
		{"no port after the colon", "https://app.example:/cb"},
		{"dot segment", "https://app.example/x/../cb"},
		{"hidden dot segment", "https://app.example/x/%2E%2e/cb"},
		{"backslash", "https://app.example\\cb"},
		{"space", "https://app.example/c b"},
		{"line end", "https://app.example/cb\r\nX: y"},
		{"NUL", "https://app.example/cb\x00"},
		{"broken escape", "https://app.example/%zz"},
		{"markup in the path", "https://app.example/<script>"},
		{"placeholder left in", "https://${HOST}/cb"},
		{"query that the answer repeats", "https://app.example/cb?code=x"},
		{"state in the query", "https://app.example/cb?a=1&state=x"},
	} {
		if err := CheckRedirectRegistration(row.uri); err == nil {
			t.Errorf("%s: %q must be refused", row.why, row.uri)
		}
	}
}

func TestAnOriginIsSchemeHostAndPortOnly(t *testing.T) {
	for _, origin := range []string{"https://app.example", "https://app.example:8443", "http://127.0.0.1:5173", "http://localhost:3000"} {
		if err := CheckOrigin(origin); err != nil {
			t.Errorf("%q must be accepted, got: %v", origin, err)
		}
	}
	for _, origin := range []string{"", "*", "null", "https://*.example", "https://app.example/", "https://app.example/x", "https://app.example?x", "https://app.example:443", "http://localhost:80",
		"http://app.example", "https://APP.example", "app.example", "com.example.app:/cb", "https://user@app.example"} {
		if err := CheckOrigin(origin); err == nil {
			t.Errorf("%q must be refused", origin)
		}
	}
}

func TestAnAnswerKeepsTheRegisteredQuery(t *testing.T) {
	params := url.Values{"code": {"a b&c"}, "state": {"é"}}
	for _, row := range []struct{ uri, want string }{
		{"https://app.example/cb", "https://app.example/cb?code=a+b%26c&state=%C3%A9"},
		{"https://app.example/cb?tenant=1", "https://app.example/cb?tenant=1&code=a+b%26c&state=%C3%A9"},
		{"https://app.example/cb?", "https://app.example/cb?code=a+b%26c&state=%C3%A9"},
		{"https://app.example", "https://app.example?code=a+b%26c&state=%C3%A9"},
		{"com.example.app:/cb", "com.example.app:/cb?code=a+b%26c&state=%C3%A9"},
	} {
		if got := ResponseURL(row.uri, params); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
	if got := ResponseURL("https://app.example/cb?tenant=1", nil); got != "https://app.example/cb?tenant=1" {
		t.Errorf("no parameters must change nothing, got %q", got)
	}
}

func TestRedirectHostIsWhatAPersonReads(t *testing.T) {
	for uri, want := range map[string]string{"https://app.example/cb?x": "app.example", "https://app.example:8443": "app.example:8443", "http://127.0.0.1:51234/cb": "127.0.0.1",
		"http://[::1]:5/cb": "[::1]", "http://localhost:8000/cb": "localhost:8000", "com.example.app:/cb": "com.example.app:", "": "", "\x00": ""} {
		if got := RedirectHost(uri); got != want {
			t.Errorf("%q: got %q, want %q", uri, got, want)
		}
	}
}

func FuzzMatchRedirect(f *testing.F) {
	for _, uri := range confusions {
		f.Add(uri)
	}
	f.Add("http://127.0.0.1:51234/cb")
	registered := []string{"https://app.example/cb", "com.example.app:/cb", "http://127.0.0.1/cb"}
	f.Fuzz(func(t *testing.T, uri string) {
		if !MatchRedirect(registered, uri) || slices.Contains(registered, uri) {
			return
		}
		// the one exception: a literal loopback address with a port
		port, ok := strings.CutPrefix(uri, "http://127.0.0.1:")
		port, ok2 := strings.CutSuffix(port, "/cb")
		if !ok || !ok2 || !validPort(port) {
			t.Errorf("%q matched but is not registered", uri)
		}
	})
}

func FuzzCheckRedirectRegistration(f *testing.F) {
	for _, uri := range confusions {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if CheckRedirectRegistration(uri) != nil {
			return
		}
		u, err := url.Parse(uri)
		switch {
		case err != nil:
			t.Errorf("%q was accepted, but net/url refuses it: %v", uri, err)
		case u.User != nil || u.Fragment != "" || strings.ContainsAny(uri, "#*\\ "):
			t.Errorf("%q was accepted", uri)
		case u.Scheme == "http" && !loopbackHost(strings.TrimSuffix(u.Host, ":"+u.Port())):
			t.Errorf("%q is http to another machine", uri)
		case u.Scheme != "http" && u.Scheme != "https" && !strings.Contains(u.Scheme, "."):
			t.Errorf("%q has a scheme without a dot", uri)
		case !MatchRedirect([]string{uri}, uri):
			t.Errorf("%q cannot be used once registered", uri)
		}
	})
}
