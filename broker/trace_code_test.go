package broker_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
)

func TestACodeThatCannotBeRedeemedIsFoundByItsLogin(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web")
	code := l.code(l.signIn(b, "google", "alice"))
	reference := k.traces()[0].Reference
	mustFail(t, l.redeem(code, "code_verifier", oauth.NewSecret()), http.StatusBadRequest, oauth.InvalidGrant)
	grantID := note(t, k.traceOf(reference), "code")
	last := lastRecord(t, k)
	if last["login"] != reference || last["grant"] != grantID || last["reference"] == reference || last["path"] != "/token" {
		t.Errorf("the record of the failed redemption: %v", last)
	}
	got := l.redeem(code).json(t)
	if last := lastRecord(t, k); last["grant"] != grantID || last["login"] != nil {
		t.Errorf("the record of the good one: %v", last)
	}
	mustFail(t, l.redeem(code), http.StatusBadRequest, oauth.InvalidGrant) // a replay
	if last := lastRecord(t, k); last["login"] != reference {
		t.Errorf("the record of the replay: %v", last)
	}
	mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, oauth.InvalidGrant)
	if last := lastRecord(t, k); last["login"] != reference || last["grant"] != grantID {
		t.Errorf("the record of a refresh afterwards: %v", last)
	}
	mustFail(t, l.redeem("no such code"), http.StatusBadRequest, oauth.InvalidGrant)
	if last := lastRecord(t, k); last["login"] != nil || last["grant"] != nil {
		t.Errorf("the record of a code that never was: %v", last)
	}
}

func lastRecord(t testing.TB, k *kit) (last map[string]any) {
	t.Helper()
	k.settled()
	for line := range strings.Lines(k.logs.String()) {
		var r map[string]any
		if json.Unmarshal([]byte(line), &r) == nil && r["msg"] == "request" {
			last = r
		}
	}
	return last
}

func TestC10_ABlindNodeGivesNoCodesAndNoTokens(t *testing.T) {
	k := newKit(t, machines)
	b := k.browser()
	l := k.login("web")
	code := l.code(l.signIn(b, "google", "alice"))
	k.broker.Blind(true)
	if a := l.redeem(code); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("a code: %s", a.Status)
	}
	if a := k.caller("nightly", nightlySecret).post("/token", "grant_type", "client_credentials"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a machine: %s", a.Status)
	}
	mustBePage(t, b.get(k.login("web").url()), http.StatusServiceUnavailable)
	if a := b.get(k.issuer + "/readyz"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz: %s", a.Status)
	}
	k.broker.Blind(false)
	if a := l.redeem(code); a.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s %s", a.Status, a.body)
	}
}
