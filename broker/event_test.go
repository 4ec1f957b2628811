package broker_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

// events are the security events that the log tells, in their order.
func (k *kit) events() (list []door.Event) {
	k.t.Helper()
	k.settled()
	for line := range strings.Lines(k.logs.String()) {
		var r struct {
			Msg   string
			Event door.Event
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Msg == "request" && r.Event != "" {
			list = append(list, r.Event)
		}
	}
	return list
}

// auditRows counts the audit rows with an action.
func (k *kit) auditRows(action string) (n int) {
	k.t.Helper()
	rows, err := k.db.Audit(k.t.Context(), 1000)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Action == action {
			n++
		}
	}
	return n
}

// TestO15_EachAttackLeavesOneTypedEvent walks the attacks that leave a trail: one event
// each in the log, which is what is counted, and an audit row where a person or an app is
// known whom it happened to. Who is a stranger to everybody gets no durable row.
func TestO15_EachAttackLeavesOneTypedEvent(t *testing.T) {
	seen := map[door.Event]bool{}
	for _, row := range []struct {
		why    string
		attack func(k *kit)
		event  door.Event
		audit  string
	}{
		{"U01 an answer in a browser that began nothing", func(k *kit) {
			_, answer := begun(t, k, k.browser(), "google", "alice")
			k.browser().get(answer)
		}, door.EventForeignBrowser, ""},
		{"U02 a login that another browser began", func(k *kit) {
			k.browser().get(k.issuer + "/callback/google?state=" + oauth.NewSecret() + "&code=x")
		}, door.EventForeignBrowser, ""},
		{"U04 U06 an answer at another provider's address", func(k *kit) {
			b := k.browser()
			_, answer := begun(t, k, b, "google", "alice")
			b.get(strings.Replace(answer, "/callback/google", "/callback/okta", 1))
		}, door.EventMixUp, ""},
		{"U05 an answer with another iss", func(k *kit) {
			b := k.browser()
			_, answer := begun(t, k, b, "google", "alice")
			u, _ := url.Parse(answer)
			q := u.Query()
			q.Set("iss", "https://evil.example")
			u.RawQuery = q.Encode()
			b.get(u.String())
		}, door.EventMixUp, ""},
		{"U19 an answer twice", func(k *kit) {
			b, copied := k.browser(), k.browser()
			_, answer := begun(t, k, b, "google", "alice")
			u, _ := url.Parse(k.issuer)
			copied.jar.SetCookies(u, b.jar.Cookies(u))
			b.get(answer)
			copied.get(answer)
		}, door.EventStateReplayed, ""},
		{"U33 a forged logout token", func(k *kit) {
			token, err := k.okta.LogoutToken("alice", persona.Fault{Forge: persona.ForgeNone})
			if err != nil {
				t.Fatal(err)
			}
			do(t, http.DefaultClient, formRequest(t, k.issuer+"/backchannel/okta", url.Values{"logout_token": {token}}, nil))
		}, door.EventForgedLogout, ""},
		{"D10 a code with another verifier", func(k *kit) {
			l := k.login("web")
			l.redeem(l.code(l.signIn(k.browser(), "google", "alice")), "code_verifier", oauth.NewSecret())
		}, door.EventCodeMismatch, storage.AuditCodeWrongBinding},
		{"D11 a code of another client", func(k *kit) {
			l, other := k.login("web"), k.login("other")
			other.verifier = l.verifier
			other.redeem(l.code(l.signIn(k.browser(), "google", "alice")))
		}, door.EventCodeMismatch, storage.AuditCodeWrongClient},
		{"D12 a code with another redirect URI", func(k *kit) {
			l := k.login("web")
			l.redeem(l.code(l.signIn(k.browser(), "google", "alice")), "redirect_uri", "https://evil.example/cb")
		}, door.EventCodeMismatch, storage.AuditCodeWrongBinding},
		{"D13 a code twice", func(k *kit) {
			l := k.login("web")
			code := l.code(l.signIn(k.browser(), "google", "alice"))
			l.redeem(code)
			l.redeem(code)
		}, door.EventCodeReplayed, storage.AuditCodeReplayed},
		{"D15 a wrong secret", func(k *kit) {
			k.caller("web", "wrong").post("/token", "grant_type", "authorization_code", "code", "x")
		}, door.EventClientRefused, ""},
		{"D26 another app's token to revoke", func(k *kit) {
			got := k.login("web").done(k.browser(), "google", "alice")
			k.caller("other", otherSecret).post("/revoke", "token", got["access_token"].(string))
		}, door.EventForeignToken, ""},
		{"T03 a refresh token of another app", func(k *kit) {
			got := k.login("web").done(k.browser(), "google", "alice")
			k.login("other").refresh(got["refresh_token"].(string))
		}, door.EventForeignToken, ""},
		{"T01 a refresh token again", func(k *kit) {
			l := k.login("web")
			first := l.done(k.browser(), "google", "alice")["refresh_token"].(string)
			second := l.refresh(first).json(t)["refresh_token"].(string)
			l.refresh(second)
			l.refresh(first)
		}, door.EventRefreshReused, storage.AuditRefreshReused},
		{"S05 an answer to the consent page from elsewhere", func(k *kit) {
			b := k.browser()
			page := b.get(k.login("notes").signIn(b, "google", "alice").String())
			do(t, b.Client, formRequest(t, k.issuer+"/consent", page.form(t, "decision", "allow"), map[string]string{"Sec-Fetch-Site": "cross-site"}))
		}, door.EventCrossSite, ""},
		{"I10 passwords guessed", func(k *kit) {
			k.member("olga")
			for range 40 {
				if a := k.login("desk").password("olga", "not the right one at all"); a.StatusCode == http.StatusTooManyRequests {
					return
				}
			}
			t.Error("nobody was held up")
		}, door.EventHeldUp, ""},
	} {
		k := newKit(t, withLocal, withPasswordGrant)
		row.attack(k)
		if got := k.events(); !slices.Equal(got, []door.Event{row.event}) {
			t.Errorf("%s: events %v, want one %s", row.why, got, row.event)
		}
		if !slices.Contains(door.Events, row.event) {
			t.Errorf("%s is not among Events", row.event)
		}
		if row.audit != "" && k.auditRows(row.audit) != 1 {
			t.Errorf("%s: %d audit rows %s", row.why, k.auditRows(row.audit), row.audit)
		}
		seen[row.event] = true
	}
	theirs := []door.Event{door.EventOwnerLink, door.EventAdminToken} // of the administration, see admin
	for _, e := range slices.DeleteFunc(slices.Clone(door.Events), func(e door.Event) bool { return slices.Contains(theirs, e) }) {
		if !seen[e] {
			t.Errorf("no attack of this table causes %s", e)
		}
	}
}

func TestO15_AnHonestLifeCausesNoEvent(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant, machines)
	b := k.browser()
	l := k.login("web")
	got := l.done(b, "google", "alice")
	l.refresh(got["refresh_token"].(string))
	k.userinfo(got["access_token"].(string))
	page := b.get(b.get(k.login("notes").url()).to(t).String())
	b.post(k.issuer+"/consent", page.form(t, "decision", "deny"))
	silent := k.login("web", "prompt", "none")
	k.browser().get(silent.url())
	k.caller("nightly", nightlySecret).token()
	b.get(k.issuer + "/logout?id_token_hint=" + url.QueryEscape(got["id_token"].(string)))
	if got := k.events(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
}
