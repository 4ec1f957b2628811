package broker_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// invite makes an account without a password and a link for it.
func (k *kit) invite(login string) (link string) {
	k.t.Helper()
	k.member(login, func(a *storage.NewAccount) { a.Hash = "" })
	token := oauth.NewSecret()
	if err := k.db.Invite(k.t.Context(), storage.Actor{Kind: "admin"}, "local", k.accountOf(login).Subject, oauth.InvitationHash(token), k.clock.Now().Add(72*time.Hour)); err != nil {
		k.t.Fatal(err)
	}
	return k.issuer + "/invitation?token=" + token
}

func (k *kit) choose(b *browser, page *answer, password, again string) *answer {
	k.t.Helper()
	return b.post(k.issuer+"/invitation", page.form(k.t, "username", "somebody-else", "password", password, "again", again))
}

func TestAnInvitedPersonChoosesAPasswordOnce(t *testing.T) {
	k := newKit(t, withLocal)
	link, b := k.invite("alice"), k.browser()
	page := b.get(link)
	csp := page.Header.Get("Content-Security-Policy")
	if page.StatusCode != 200 || !strings.Contains(csp, "form-action 'self'") || page.Header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(page.body, `value="alice"`) ||
		strings.Count(page.body, `autocomplete="new-password"`) != 2 {
		t.Fatalf("%s %v %.300s", page.Status, page.Header, page.body)
	}
	for _, row := range []struct{ why, password, again, says string }{
		{"different", goodPassword, goodPassword + "!", "The two passwords are different."},
		{"too short", "stamped", "stamped", "at least 12 characters"},
		{"everybody's", "password1234", "password1234", "Many people use this password"},
		{"too long", strings.Repeat("stamp ", 40), strings.Repeat("stamp ", 40), "at most 128 characters"},
	} {
		if page = k.choose(b, page, row.password, row.again); page.StatusCode != 200 || !strings.Contains(page.problem(), row.says) || strings.Contains(page.body, row.password) && row.password != "stamped" {
			t.Errorf("%s: %s %q", row.why, page.Status, page.problem())
		}
	}
	if done := k.choose(b, page, goodPassword, goodPassword); done.StatusCode != 200 || !strings.Contains(done.body, "Your password is set") {
		t.Fatalf("%s %.300s", done.Status, done.body)
	}
	mustBePage(t, k.choose(b, page, "another good password", "another good password"), 400)
	mustBePage(t, b.get(link), 400)
	l := k.login("web")
	l.code(k.fill(b, l.door(b), "username", "alice", "password", goodPassword).to(t))
	if strings.Contains(k.logs.String(), strings.TrimPrefix(link, k.issuer+"/invitation?token=")) {
		t.Error("the log holds the link's secret")
	}
}

func TestS05_TheInvitationPageTakesOnlyItsOwnForm(t *testing.T) {
	k := newKit(t, withLocal)
	link, b := k.invite("alice"), k.browser()
	form := b.get(link).form(t, "password", goodPassword, "again", goodPassword)
	for _, headers := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {}} {
		mustBePage(t, do(t, b.Client, formRequest(t, k.issuer+"/invitation", form, headers)), 403)
	}
	if a := k.accountOf("alice"); a.Hash != "" {
		t.Error("a cross-site form set the password")
	}
}

func TestADeadLinkSaysTheSameWhyeverItIsDead(t *testing.T) {
	k := newKit(t, withLocal)
	links := map[string]string{"made up": k.issuer + "/invitation?token=" + oauth.NewSecret(), "no token": k.issuer + "/invitation", "garbage": k.issuer + "/invitation?token=" + url.QueryEscape("<script>")}
	links["of somebody disabled"] = k.invite("gone")
	if err := k.db.SetUserDisabled(t.Context(), storage.Actor{Kind: "admin"}, k.accountOf("gone").User.ID, true); err != nil {
		t.Fatal(err)
	}
	links["too old"] = k.invite("late")
	k.clock.Advance(72 * time.Hour)
	links["of a provider that is switched off"] = k.invite("off")
	k.change(func(d *directory.Document) { d.Providers[3].Disabled = true })
	for why, link := range links {
		a := k.browser().get(link)
		mustBePage(t, a, 400)
		if !strings.Contains(a.body, "This link was used before, or it is too old.") || strings.Contains(a.body, "<script>") {
			t.Errorf("%s: %.200s", why, a.body)
		}
	}
}
