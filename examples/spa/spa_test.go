package spa

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

var good = Config{Issuer: "https://login.example/tenant", ClientID: "spa", BaseURL: "https://shelf.example", APIURL: "https://api.example/v1/", Resource: "https://api.example"}

func get(t *testing.T, c Config, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestThePageMayTalkToBrokerAndAPIAndToNobodyElse(t *testing.T) {
	for _, path := range []string{"/", "/callback?code=x&state=y", "/door.js", "/settings.js", "/nowhere"} {
		w := get(t, good, path)
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src https://login.example https://api.example;") || !strings.Contains(csp, "script-src 'self';") {
			t.Errorf("%s: %s", path, csp)
		}
		if h := w.Header(); h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if w := get(t, good, "/callback?code=x"); w.Code != 200 || !strings.Contains(w.Body.String(), "/page.js") {
		t.Errorf("callback: %d", w.Code)
	}
}

func TestTheSettingsReachThePageAsAModule(t *testing.T) {
	c := good
	c.ClientID = `</script>"; alert(1); "`
	w := get(t, c, "/settings.js")
	body, ok := strings.CutPrefix(w.Body.String(), "export default ")
	var got map[string]string
	if err := json.Unmarshal([]byte(strings.TrimSuffix(body, ";\n")), &got); err != nil || !ok || strings.Contains(body, "</script>") {
		t.Fatalf("%s: %v", w.Body, err)
	}
	for name, want := range map[string]string{"issuer": good.Issuer, "clientID": c.ClientID, "redirectURI": "https://shelf.example/callback", "home": "https://shelf.example/", "api": "https://api.example/v1",
		"resource": good.Resource, "scope": "openid profile email items:read items:write"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// What keeps tokens out of a hostile script's reach after the page is gone.
func TestTheDoorWritesNoTokenAnywhere(t *testing.T) {
	for _, word := range []string{"localStorage.", "indexedDB", "document.cookie", "caches.", "window.name", "postMessage", "innerHTML", "eval("} {
		if strings.Contains(string(door), word) {
			t.Errorf("door.js has %s", word)
		}
	}
	if n := strings.Count(string(door), "sessionStorage.setItem"); n != 2 {
		t.Errorf("door.js keeps %d things in the tab, want the attempt and a yes", n)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for why, change := range map[string]func(*Config){
		"no issuer":          func(c *Config) { c.Issuer = "" },
		"no client":          func(c *Config) { c.ClientID = "" },
		"no API":             func(c *Config) { c.APIURL = "" },
		"no base URL":        func(c *Config) { c.BaseURL = "" },
		"a path":             func(c *Config) { c.BaseURL = "https://shelf.example/app" },
		"http in the open":   func(c *Config) { c.Issuer = "http://login.example" },
		"an API without TLS": func(c *Config) { c.APIURL = "http://api.example" },
		"a second directive": func(c *Config) { c.APIURL = "https://api.example;script-src" },
		"a script":           func(c *Config) { c.Issuer = "javascript:alert(1)" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", why)
		}
	}
}
