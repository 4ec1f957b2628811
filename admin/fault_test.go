package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

// Without its database the API lets nobody in on memory alone, says so, and asks to be
// tried again.
func TestWithoutItsDatabaseTheAPIIsUnavailableAndLetsNobodyIn(t *testing.T) {
	k := newKit(t)
	person, robot := k.admin(storage.RoleOwner), k.robot()
	k.document()
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range admin.Routes() {
		if r.Shell || r.Need == admin.Public {
			continue
		}
		for _, token := range []string{person, robot} {
			a := must(t, k.do(r.Method, fill(r.Path), token, "", "If-Match", k.current()), http.StatusServiceUnavailable)
			if p := a.problem(t); p.Kind() != api.Unavailable || a.Header.Get("Retry-After") == "" || strings.Contains(a.body, "sql") {
				t.Errorf("%s %s: %v %s", r.Method, r.Path, a.Header, a.body)
			}
		}
	}
	resp, err := http.Get(k.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz: %s", resp.Status)
	}
	must(t, k.do("GET", "/openapi.json", "", ""), http.StatusOK)
}

// What went wrong inside is in the log, by the reference, and not in the answer.
func TestAnAnswersReferenceIsThatOfTheLog(t *testing.T) {
	k := newKit(t)
	for _, a := range []*answer{
		k.do("GET", "/clients/nobody", k.robot(), ""),
		k.do("PUT", "/rules/"+api.Key("everybody reads"), k.robot(), `{"name":"everybody reads","when":"1 +"}`, "If-Match", k.current()),
		k.do("GET", "/me", "", ""),
		k.do("GET", "/nowhere", "", ""),
		k.do("PATCH", "/me", "", ""),
		k.ask(k.url+"//", "GET", "", ""),
	} {
		p := a.problem(t)
		if !strings.Contains(k.logs.String(), `"reference":"`+p.Instance+`"`) || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", a.Status, a.body)
		}
	}
	if strings.Contains(k.logs.String(), "Bearer") || strings.Contains(k.logs.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}
