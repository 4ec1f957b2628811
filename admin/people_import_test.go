package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

const aHash = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde"

func (k *kit) importFile(query, text string) *answer {
	k.t.Helper()
	return k.do("POST", "/users/import"+query, k.robot(), text, "Content-Type", "application/octet-stream")
}

func TestAFileOfPeopleIsTakenAsAWholeOrNotAtAll(t *testing.T) {
	k := newKit(t)
	good := "username,hash,email,email_verified,groups\nalice," + aHash + ",alice@corp.example,true,Staff;Keys\nbob," + aHash + ",,,\n"
	if out := into[api.Imported](t, must(t, k.importFile("?dry_run=true", good), http.StatusOK)); out.People != 2 || out.Imported != 0 {
		t.Errorf("%+v", out)
	}
	if _, err := k.db.Account(t.Context(), "local", "alice"); err == nil {
		t.Error("a dry run made her")
	}
	if out := into[api.Imported](t, must(t, k.importFile("", good), http.StatusOK)); out.Imported != 2 {
		t.Errorf("%+v", out)
	}
	a, err := k.db.Account(t.Context(), "local", "alice")
	if err != nil || strings.Join(a.Groups, " ") != "Staff Keys" || !a.EmailVerified || a.Hash != "imported:"+aHash {
		t.Errorf("%+v %v", a, err)
	}
	bad := "username,hash\ncarol," + aHash + "\nalice," + aHash + "\ncarol," + aHash + "\ndave,secret-hash-of-dave\n"
	p := must(t, k.importFile("", bad), http.StatusUnprocessableEntity).problem(t)
	var lines []string
	for _, f := range p.Problems {
		lines = append(lines, f.Path)
		if strings.Contains(f.Message, "secret-hash") {
			t.Error("a hash is told")
		}
	}
	if strings.Join(lines, ", ") != "line 3, line 4, line 5" {
		t.Errorf("%+v", p.Problems)
	}
	if _, err := k.db.Account(t.Context(), "local", "carol"); err == nil {
		t.Error("half of a bad file was taken")
	}
	for why, text := range map[string]string{"empty": "", "a header alone": "username,hash\n", "binary": "\x00\x01"} {
		if a := k.importFile("", text); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
}

func TestAFileWithTooManyPeopleIsRefusedAsAWhole(t *testing.T) {
	k := newKit(t)
	var text strings.Builder
	text.WriteString("username,hash\n")
	for i := range 5001 {
		fmt.Fprintf(&text, "user%d,%s\n", i, aHash)
	}
	p := must(t, k.importFile("", text.String()), http.StatusUnprocessableEntity).problem(t)
	if len(p.Problems) != 1 || p.Problems[0].Path != "line 5002" || !strings.Contains(p.Problems[0].Message, "may hold 5000") {
		t.Errorf("%+v", p)
	}
	fewer := text.String()[:strings.LastIndex(text.String(), "user")]
	if out := into[api.Imported](t, must(t, k.importFile("", fewer), http.StatusOK)); out.Imported != 5000 {
		t.Errorf("%+v", out)
	}
	all := strings.ReplaceAll(fewer, aHash, "x")
	p = must(t, k.importFile("", all), http.StatusUnprocessableEntity).problem(t)
	if len(p.Problems) != 100 || !strings.Contains(p.Detail, "4900 more lines") {
		t.Errorf("%d problems: %s", len(p.Problems), p.Detail)
	}
	if a := k.importFile("", strings.Repeat("x", 16<<20+1)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %s", a.Status)
	}
}

func TestAPersonWhoHasAPasswordHereIsMadeInvitedAndChanged(t *testing.T) {
	k := newKit(t)
	editor := k.admin(storage.RoleEditor)
	made := into[api.MadeUser](t, must(t, k.do("POST", "/users", editor, `{"login":"Alice","name":"Alice","email":"alice@corp.example","email_verified":true}`), http.StatusCreated))
	if made.Password == "" || made.Account == nil || made.Account.Login != "alice" || made.Account.State != "active" || !made.Account.EmailVerified {
		t.Errorf("%+v", made)
	}
	for why, row := range map[string]struct {
		body   string
		status int
	}{
		"taken":                {`{"login":"alice"}`, 409},
		"no login name":        {`{"login":"а"}`, 422},
		"a weak password":      {`{"login":"bob","password":"password1234"}`, 422},
		"a short one":          {`{"login":"bob","password":"x"}`, 422},
		"both":                 {`{"login":"bob","password":"stamped at the front door","invite":true}`, 422},
		"an address":           {`{"login":"bob","email":"bob@x>"}`, 422},
		"verified nothing":     {`{"login":"bob","email_verified":true}`, 422},
		"another kind":         {`{"login":"bob","provider":"corp"}`, 422},
		"no such provider":     {`{"login":"bob","provider":"nowhere"}`, 422},
		"text as another type": {`login=bob`, 400},
	} {
		if a := k.do("POST", "/users", editor, row.body); a.StatusCode != row.status {
			t.Errorf("%s: %s %s", why, a.Status, a.body)
		}
	}
	invited := into[api.MadeUser](t, must(t, k.do("POST", "/users", editor, `{"login":"carol","invite":true}`), http.StatusCreated))
	if invited.Password != "" || invited.Account.State != "invited" || invited.Invitation == nil || !strings.HasPrefix(invited.Invitation.Link, issuer+"/invitation?token=") {
		t.Errorf("%+v", invited)
	}
	page := into[api.Page[api.User]](t, must(t, k.do("GET", "/users?login=CAROL", editor, ""), http.StatusOK))
	if len(page.Items) != 1 || page.Items[0].Sub != invited.Sub {
		t.Errorf("%+v", page)
	}
	if page = into[api.Page[api.User]](t, must(t, k.do("GET", "/users?login=nobody", editor, ""), http.StatusOK)); len(page.Items) != 0 {
		t.Errorf("%+v", page)
	}
	s := k.signIn("corp", "dora", nil)
	must(t, k.do("PUT", "/users/"+s.User.Subject+"/password", editor, `{}`), http.StatusConflict)
	must(t, k.do("PATCH", "/users/"+invited.Sub, editor, `{"disabled":true}`), http.StatusOK)
	must(t, k.do("POST", "/users/"+invited.Sub+"/invitation", editor, ""), http.StatusConflict)
}
