package api_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/examples/api"
	"github.com/handstamp/handstamp/guard/guardtest"
)

const audience = "https://api.example"

func TestTheAPIAsksForTheScopeOfEachDoor(t *testing.T) {
	issuer := guardtest.New(t)
	h := api.Handler(issuer.Guard(audience))
	read, write := issuer.Token("usr_alice", "items:read"), issuer.Token("usr_alice", "items:read items:write")
	old := issuer.Token("usr_alice", "items:read items:write", guardtest.SignedInAgo(10*time.Minute))
	for _, tc := range []struct {
		method, path, token, body string
		status                    int
		challenge, inBody, why    string
	}{
		{"GET", "/items", read, "", 200, "", `"subject":"usr_alice"`, "it may read"},
		{"HEAD", "/items", read, "", 200, "", "", "a GET without the body"},
		{"POST", "/items", read, `{"name":"x"}`, 403, `error="insufficient_scope"`, "insufficient_scope", "reading is not writing"},
		{"POST", "/items", write, `{"name":"A seal"}`, 201, "", `"added":"A seal"`, "it may write"},
		{"GET", "/items", "", "", 401, "Bearer", "", "nobody asks"},
		{"GET", "/items", "x.y.z", "", 401, `error="invalid_token"`, "invalid_token", "no token at all"},
		{"POST", "/items", write, `{"name":""}`, 400, "", "1 to 100", "a nameless item"},
		{"POST", "/items", write, `{"name":"x","owner":"bob"}`, 400, "", "name", "a field that means nothing here"},
		{"POST", "/items", write, `{"name":"x"}{"name":"y"}`, 400, "", "name", "two bodies"},
		{"POST", "/items", write, `{"name":"` + strings.Repeat("x", 5<<10) + `"}`, 400, "", "name", "too large"},
		{"PATCH", "/items", write, "", 405, "", "method_not_allowed", "no such door"},
		{"DELETE", "/items", read, "", 403, `error="insufficient_scope"`, "insufficient_scope", "reading is not deleting"},
		{"DELETE", "/items", old, "", 401, `error="insufficient_user_authentication"`, "insufficient_user_authentication", "signed in too long ago"},
		{"DELETE", "/items", old, "", 401, `max_age="300"`, "", "and this is how young it has to be"},
		{"DELETE", "/items", write, "", 200, "", `"deleted":4`, "signed in just now"},
		{"GET", "/items", read, "", 200, "", `"items":[]`, "nothing is left"},
		{"GET", "/elsewhere", "", "", 404, "", "not_found", "no such place"},
		{"GET", "/livez", "", "", 200, "", "ok", "for a balancer"},
	} {
		r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
		if tc.token != "" {
			r.Header.Set("Authorization", "Bearer "+tc.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.status || !strings.Contains(w.Header().Get("WWW-Authenticate"), tc.challenge) || !strings.Contains(w.Body.String(), tc.inBody) {
			t.Errorf("%s %s: %d %v %s, want %d: %s", tc.method, tc.path, w.Code, w.Header(), w.Body, tc.status, tc.why)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", tc.method, tc.path, w.Header())
		}
	}
}

func TestT13_ATokenForAnotherAudienceIsRefused(t *testing.T) {
	issuer := guardtest.New(t)
	h := api.Handler(issuer.Guard(audience))
	issuer.Guard("https://other.example")
	r := httptest.NewRequest("GET", "/items", nil)
	r.Header.Set("Authorization", "Bearer "+issuer.Token("usr_alice", "items:read", guardtest.For("https://other.example")))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("status %d %s", w.Code, w.Body)
	}
}

func TestTheShelfIsNotEndless(t *testing.T) {
	issuer := guardtest.New(t)
	h := api.Handler(issuer.Guard(audience))
	token := issuer.Token("usr_alice", "items:write")
	for range 200 {
		r := httptest.NewRequest("POST", "/items", strings.NewReader(`{"name":"x"}`))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusConflict {
			return
		}
	}
	t.Error("200 items fit into memory that anybody with a token can fill")
}

func TestTheAPIStartsWhileTheBrokerIsDown(t *testing.T) {
	h, err := api.New(api.Config{Issuer: "http://127.0.0.1:1", Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/items", nil)
	r.Header.Set("Authorization", "Bearer "+guardtest.New(t).Token("usr_alice", "items:read", guardtest.For(audience)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v: an API that cannot know must not say invalid", w.Code, w.Header())
	}
}

func TestASettingThatCannotWorkIsSaidAtOnce(t *testing.T) {
	for _, c := range []api.Config{{}, {Issuer: "http://login.example", Audience: audience}, {Issuer: "https://login.example"}} {
		if _, err := api.New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestTheAPILinksNoMoreOfHandstampThanTheGuardDoes(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, heavy := range []string{"gin-gonic", "modernc.org", "jackc/pgx", "coreos/go-oidc", "golang.org/x/oauth2", "handstamp/broker", "handstamp/storage", "handstamp/providers"} {
		if strings.Contains(string(out), heavy) {
			t.Errorf("an API would link %s", heavy)
		}
	}
}
