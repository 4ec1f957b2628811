package admin_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// Every change of people and administrators writes one row that says who, what, from
// where and why; what is refused writes none.
func TestA16_EveryChangeWritesOneRowThatSaysWhoWhatAndWhy(t *testing.T) {
	k := newKit(t)
	owner := k.admin(storage.RoleOwner)
	s := k.signIn("corp", "alice", nil)
	k.give(s, "web", true)
	k.give(s, "spa", false)
	bob := into[api.MadeUser](t, must(t, k.do("POST", "/users", owner, `{"login":"bob"}`), http.StatusCreated))
	path, local := "/users/"+s.User.Subject, "/users/"+bob.Sub
	seen := map[string]bool{}
	for _, row := range []struct {
		method, path, body string
		action, target     string
		rows               int
	}{
		{"POST", "/users", `{"login":"carol","invite":true}`, storage.AuditInvited, "account:", 2}, // made, and invited
		{"POST", "/users", `{"login":"dave"}`, storage.AuditAccountMade, "user:", 1},
		{"POST", local + "/invitation", "", storage.AuditInvited, "account:", 1},
		{"PUT", local + "/password", `{}`, storage.AuditPasswordSet, "user:", 1},
		{"POST", local + "/second-factor", "", storage.AuditTOTPOn, "account:", 1},
		{"DELETE", local + "/second-factor", "", storage.AuditTOTPOff, "account:", 1},
		{"POST", "/users/import", "username,hash\nerin,$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde\n", storage.AuditAccountMade, "user:", 1},
		{"PUT", "/admins/corp/" + api.Key("alice"), `{"role":"viewer"}`, storage.AuditAdminSet, "user:" + s.UserID, 1},
		{"DELETE", "/admins/corp/" + api.Key("alice"), "", storage.AuditAdminSet, "user:" + s.UserID, 1},
		{"DELETE", path + "/consents/web", "", storage.AuditConsentForgotten, "user:" + s.UserID, 1},
		{"DELETE", path + "/access/web", "", storage.AuditAccessEnded, "user:" + s.UserID, 1},
		{"DELETE", path + "/sessions/" + s.SID, "", storage.AuditSignOut, "user:" + s.UserID, 1},
		{"DELETE", path + "/sessions", "", "", "", 0}, // nothing was left
		{"PATCH", path, `{"disabled":true}`, storage.AuditUserDisabled, "user:" + s.UserID, 1},
		{"PATCH", path, `{"disabled":false}`, storage.AuditUserEnabled, "user:" + s.UserID, 1},
		{"GET", path + "/export", "", "user_exported", "user:" + s.UserID, 1},
		{"PUT", path + "/identities/corp/" + api.Key("alice anew"), `{}`, storage.AuditIdentityLinked, "user:" + s.UserID, 1},
		{"DELETE", path + "/identities/corp/" + api.Key("alice") + "?force=true", "", storage.AuditIdentityUnlinked, "user:" + s.UserID, 1},
		{"DELETE", path, "", storage.AuditUserDeleted, "user:" + s.UserID, 1},
		{"DELETE", "/admin-links", "", "", "", 0},
	} {
		before := k.audited()
		reason := "because of " + row.action
		sep := "?"
		if strings.Contains(row.path, "?") {
			sep = "&"
		}
		var a *answer
		address := row.path + sep + "reason=" + strings.ReplaceAll(reason, " ", "+")
		headers := []string{"Content-Type", "application/octet-stream"}
		if !strings.HasSuffix(row.path, "import") {
			headers = nil
		}
		if strings.Contains(row.path, "force=") {
			a = k.shell(row.method, address, row.body, headers...)
		} else {
			a = k.do(row.method, address, owner, row.body, headers...)
		}
		if a.StatusCode >= 300 {
			t.Errorf("%s %s: %s %s", row.method, row.path, a.Status, a.body)
			continue
		}
		if n := k.audited() - before; n != row.rows {
			t.Errorf("%s %s wrote %d rows", row.method, row.path, n)
		}
		for _, r := range admin.Routes() {
			if r.Method == row.method && matches(r.Path, strings.SplitN(row.path, "?", 2)[0]) {
				seen[r.Method+" "+r.Path] = true
			}
		}
		if row.rows == 0 {
			continue
		}
		got := k.lastAudit()
		if got.Action != row.action || !strings.HasPrefix(got.Target, row.target) || got.Detail["reason"] != reason || got.Actor.Kind != "admin" || got.Actor.ID == "" || got.Actor.RequestID == "" {
			t.Errorf("%s %s is audited as %+v", row.method, row.path, got)
		}
	}
	for _, r := range admin.Routes() {
		people := strings.HasPrefix(r.Path, "/users") || strings.HasPrefix(r.Path, "/admins")
		if people && r.Method != "GET" && !seen[r.Method+" "+r.Path] {
			t.Errorf("%s %s changes something and is not looked at here", r.Method, r.Path)
		}
	}
}

func matches(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && !strings.HasPrefix(want[i], ":") {
			return false
		}
	}
	return true
}

func TestA16_NothingThatIsSentBreaksTheAudit(t *testing.T) {
	k := newKit(t)
	owner := k.admin(storage.RoleOwner)
	s := k.signIn("corp", "alice", nil)
	for why, reason := range map[string]string{"a line break": "x%0d%0aforged", "NUL": "x%00", "too long": strings.Repeat("x", 2000), "not UTF-8": "%ff%fe"} {
		if a := k.do("PATCH", "/users/"+s.User.Subject+"?reason="+reason, owner, `{"disabled":true}`); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	for _, method := range []string{"DELETE", "PUT", "PATCH", "POST"} {
		for _, path := range []string{"/audit", "/audit/export", "/audit/" + k.lastAudit().ID} {
			if a := k.shell(method, path, ""); a.StatusCode != http.StatusMethodNotAllowed && a.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %s", method, path, a.Status)
			}
		}
	}
}

func TestTheAuditIsFilteredExportedLineByLineAndVerified(t *testing.T) {
	k := newKit(t)
	viewer := k.admin(storage.RoleViewer)
	for i := range 450 {
		if err := k.db.Note(t.Context(), storage.Actor{Kind: "system", ID: "noise"}, "noise", "thing:x", map[string]string{"n": strings.Repeat("i", i%3)}); err != nil {
			t.Fatal(err)
		}
	}
	a := must(t, k.do("GET", "/audit/export?actor=noise", viewer, ""), http.StatusOK)
	if kind := a.Header.Get("Content-Type"); kind != "application/jsonl" || !strings.Contains(a.Header.Get("Content-Disposition"), "audit.jsonl") {
		t.Errorf("%v", a.Header)
	}
	ids := map[string]bool{}
	for lines := bufio.NewScanner(strings.NewReader(a.body)); lines.Scan(); {
		var row api.Audit
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil || row.Actor != "noise" || row.Action != "noise" || row.Target != "thing:x" || row.At.IsZero() {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		ids[row.ID] = true
	}
	if len(ids) != 450 {
		t.Errorf("%d rows were exported", len(ids))
	}
	for query, want := range map[string]int{"action=noise": 50, "target=thing:": 50, "target=thing:x&limit=7": 7, "action=nothing": 0, "until=2001-01-01T00:00:00Z": 0} {
		if page := into[api.Page[api.Audit]](t, must(t, k.do("GET", "/audit?"+query, viewer, ""), http.StatusOK)); len(page.Items) != want {
			t.Errorf("%s: %d", query, len(page.Items))
		}
	}
	k.clock.Advance(time.Minute)
	for {
		n, err := k.db.ChainAudit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	report := into[api.AuditReport](t, must(t, k.do("GET", "/audit/verify", viewer, ""), http.StatusOK))
	if !report.Intact || report.Rows < 450 || report.Head == "" || report.Broken != nil {
		t.Errorf("%+v", report)
	}
}

func TestTheAuditNamesProvidersAsTheDirectoryDoes(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	rows := into[api.Page[api.Audit]](t, must(t, k.do("GET", "/audit?action="+storage.AuditUserCreated, k.admin(storage.RoleViewer), ""), http.StatusOK)).Items
	if len(rows) == 0 || rows[len(rows)-1].Provider != "corp" || rows[len(rows)-1].Detail["provider"] != s.ProviderID {
		t.Errorf("%+v", rows)
	}
}

func TestARevisionNamesItsAuthorToWhoMayReadOfPeople(t *testing.T) {
	k := newKit(t)
	owner := k.admin(storage.RoleOwner)
	now := must(t, k.do("GET", "/clients/spa", owner, ""), http.StatusOK)
	must(t, k.do("PUT", "/clients/spa", owner, `{"id":"spa","name":"In the browser","public":true,"redirect_uris":["https://spa.example.com/cb"],"providers":["corp"]}`,
		"If-Match", now.Header.Get("ETag")), http.StatusOK)
	for token, named := range map[string]bool{owner: true, k.machine("reader", directory.ReadDirectory): false} {
		list := into[api.Page[api.Revision]](t, must(t, k.do("GET", "/revisions", token, ""), http.StatusOK)).Items
		one := into[api.Revision](t, must(t, k.do("GET", "/revisions/"+strconv.FormatInt(list[0].Number, 10), token, ""), http.StatusOK))
		for _, a := range []api.Actor{list[0].Author, one.Author, into[api.Directory](t, must(t, k.do("GET", "/directory", token, ""), http.StatusOK)).Author} {
			if a.Kind != "admin" || a.ID == "" || (a.Person != nil) != named || named && a.Person.Sub != k.sub("the-owner") {
				t.Errorf("want a name: %v; %+v %+v", named, a, a.Person)
			}
		}
	}
}

func TestTheAuditNamesPeopleWhileTheyAreHereAndForgetsThemAfterwards(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	owner := k.admin(storage.RoleOwner)
	must(t, k.do("PATCH", "/users/"+s.User.Subject, owner, `{"disabled":true}`), http.StatusOK)
	list := func() []api.Audit {
		return into[api.Page[api.Audit]](t, must(t, k.do("GET", "/audit?action=user_disabled", owner, ""), http.StatusOK)).Items
	}
	of := into[api.Page[api.Audit]](t, must(t, k.do("GET", "/audit?user="+s.User.Subject, owner, ""), http.StatusOK)).Items
	if len(of) == 0 || of[0].Target != "user:"+s.UserID || of[0].Whom == nil || of[0].Whom.Sub != s.User.Subject || of[0].By == nil || of[0].By.Sub != k.sub("the-owner") {
		t.Errorf("%+v", of)
	}
	if nobody := into[api.Page[api.Audit]](t, must(t, k.do("GET", "/audit?user=nobody", owner, ""), http.StatusOK)).Items; len(nobody) != 0 {
		t.Errorf("%+v", nobody)
	}
	if a := must(t, k.do("GET", "/audit/export?user=nobody", owner, ""), http.StatusOK); a.body != "" || a.Header.Get("Content-Type") != "application/jsonl" {
		t.Errorf("%s %v", a.body, a.Header)
	}
	must(t, k.do("GET", "/audit?target=x&user="+s.User.Subject, owner, ""), http.StatusBadRequest)
	must(t, k.do("DELETE", "/users/"+s.User.Subject, owner, ""), http.StatusNoContent)
	if rows := list(); len(rows) != 1 || rows[0].Whom != nil || rows[0].Target != "user:"+s.UserID {
		t.Errorf("%+v", rows)
	}
	if body := must(t, k.do("GET", "/audit", owner, ""), http.StatusOK).body; strings.Contains(body, "alice@corp.example") {
		t.Error("the audit names who was erased")
	}
}

// Who keeps an export must know when it is not all.
func TestAnExportThatBreaksOffDoesNotLookWhole(t *testing.T) {
	k := newKit(t)
	detail := map[string]string{}
	for i := range 15 {
		detail[strings.Repeat("x", i+1)] = strings.Repeat("y", 999)
	}
	for range 800 {
		if err := k.db.Note(t.Context(), storage.Actor{Kind: "system", ID: "noise"}, "noise", "thing:x", detail); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+api.Base+"/audit/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+k.robot())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("after %d more bytes it ends as if that were all", n)
	}
}

// What a backup held is ended from the shell only: over the network the address is none.
func TestC15_OnlyTheShellEndsWhatABackupHeld(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	owner := k.admin(storage.RoleOwner)
	must(t, k.do("POST", "/restored", owner, ""), http.StatusNotFound)
	must(t, k.shell("POST", "/restored", `{"sessions":true}`), http.StatusBadRequest)
	if _, err := k.db.Session(t.Context(), s.IDHash, time.Hour); err != nil {
		t.Fatalf("the session ended too early: %v", err)
	}
	ended := into[api.Restored](t, must(t, k.shell("POST", "/restored?reason=the+disk+died", ""), http.StatusOK))
	if ended.Sessions < 1 || ended.Newest == nil || len(ended.Keys) == 0 {
		t.Errorf("%+v", ended)
	}
	if _, err := k.db.Session(t.Context(), s.IDHash, time.Hour); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the session lives on: %v", err)
	}
	if got := k.lastAudit(); got.Action != storage.AuditRestored || got.Detail["reason"] != "the disk died" {
		t.Errorf("audited as %+v", got)
	}
}
