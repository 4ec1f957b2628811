package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The RP-Initiated Logout plan, oidcc-rp-initiated-logout-certification-test-plan.

const afterLogout = suiteURL + "/post_logout_redirect"

// leave signs in and then sends the person to the end_session_endpoint; names and
// values are its parameters, and the value HINT stands for the ID token of the login.
func leave(t *testing.T, pairs ...string) (*relyingParty, *answer) {
	t.Helper()
	r := suiteKit(t).newRelyingParty("suite-1", "")
	hint := r.login().token["id_token"].(string)
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], strings.ReplaceAll(pairs[i+1], "HINT", hint))
	}
	return r, r.b.get(r.endpoint("end_session_endpoint") + "?" + q.Encode())
}

// signedOut checks that the session is over: prompt=none must fail.
func (r *relyingParty) signedOut() {
	r.t.Helper()
	r.failed(r.ask("prompt", "none"), "login_required", "interaction_required", "account_selection_required", "consent_required")
}

// agree presses the button of the page that asks, and expects the one that tells.
func (r *relyingParty) agree(a *answer) *answer {
	r.t.Helper()
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `id="sign-out"`) {
		r.t.Fatalf("no page asks: %s %.300s", a.Status, a.body)
	}
	return r.b.post(r.endpoint("end_session_endpoint"), hidden(a.body))
}

func (r *relyingParty) toldSignedOut(a *answer) {
	r.t.Helper()
	if a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" || !strings.Contains(a.body, "signed out") && !strings.Contains(a.body, "Vous êtes déconnecté") || a.Header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("no page says that the person is signed out: %s %.300s", a.Status, a.body)
	}
	r.signedOut()
}

func TestOIDCC_rpinitiated_discovery_endpoint_verification(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	r.endpoint("end_session_endpoint") // and TestOIDCC_config_… holds it to https
}

func TestOIDCC_rpinitiated_logout(t *testing.T) {
	r, a := leave(t, "id_token_hint", "HINT", "post_logout_redirect_uri", afterLogout, "state", "a state+/=&")
	if to := a.to(t); a.StatusCode != http.StatusSeeOther || to.Query().Get("state") != "a state+/=&" || len(to.Query()) != 1 || !strings.HasPrefix(to.String(), afterLogout+"?") {
		t.Errorf("%s to %s", a.Status, to)
	}
	r.signedOut()
}

func TestOIDCC_rpinitiated_logout_by_post(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	form := url.Values{"id_token_hint": {r.login().token["id_token"].(string)}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}
	a := do(t, r.b.Client, formRequest(t, r.endpoint("end_session_endpoint"), form, map[string]string{"Origin": "https://suite.example", "Sec-Fetch-Site": "cross-site"}))
	if a.to(t).String() != afterLogout+"?state=s" {
		t.Errorf("%s to %s", a.Status, a.Header.Get("Location"))
	}
	r.signedOut()
}

func TestOIDCC_rpinitiated_logout_no_state(t *testing.T) {
	r, a := leave(t, "id_token_hint", "HINT", "post_logout_redirect_uri", afterLogout)
	if a.to(t).String() != afterLogout {
		t.Errorf("to %s", a.Header.Get("Location"))
	}
	r.signedOut()
}

func TestOIDCC_rpinitiated_logout_bad_post_logout_redirect_uri(t *testing.T) {
	_, a := leave(t, "id_token_hint", "HINT", "post_logout_redirect_uri", "https://evil.example/bye", "state", "s")
	mustBePage(t, a, http.StatusBadRequest)
}

func TestOIDCC_rpinitiated_logout_query_added_to_post_logout_redirect_uri(t *testing.T) {
	_, a := leave(t, "id_token_hint", "HINT", "post_logout_redirect_uri", afterLogout+"?foo=bar", "state", "s")
	mustBePage(t, a, http.StatusBadRequest)
}

func TestOIDCC_rpinitiated_logout_modified_id_token_hint(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	parts := strings.Split(r.login().token["id_token"].(string), ".")
	unsigned := b64url(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "."
	a := r.b.get(r.endpoint("end_session_endpoint") + "?" + url.Values{"id_token_hint": {unsigned}, "post_logout_redirect_uri": {afterLogout}}.Encode())
	mustBePage(t, a, http.StatusBadRequest)
}

func TestOIDCC_rpinitiated_logout_bad_id_token_hint(t *testing.T) {
	r, stranger := suiteKit(t).newRelyingParty("suite-1", ""), suiteKit(t).newRelyingParty("suite-1", "")
	r.login()
	parts := strings.Split(r.login().token["id_token"].(string), ".")
	foreign := strings.Split(stranger.login().token["id_token"].(string), ".")
	a := r.b.get(r.endpoint("end_session_endpoint") + "?" + url.Values{"id_token_hint": {parts[0] + "." + parts[1] + "." + foreign[2]}, "post_logout_redirect_uri": {afterLogout}}.Encode())
	mustBePage(t, a, http.StatusBadRequest)
}

func TestOIDCC_rpinitiated_logout_no_id_token_hint(t *testing.T) {
	_, a := leave(t, "post_logout_redirect_uri", afterLogout, "state", "s")
	mustBePage(t, a, http.StatusBadRequest)
}

// A client_id instead of the hint tells who asks, but proves nothing: our own page asks
// the person, and only their answer leads on (RP-Initiated Logout 1.0 §2).
func TestOIDCC_rpinitiated_logout_client_id_instead_of_a_hint(t *testing.T) {
	r, a := leave(t, "client_id", "suite-1", "post_logout_redirect_uri", afterLogout, "state", "s")
	if to := r.agree(a).to(t); to.String() != afterLogout+"?state=s" {
		t.Errorf("to %s", to)
	}
	r.signedOut()
}

func TestOIDCC_rpinitiated_logout_client_id_without_a_session(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	r.toldSignedOut(r.b.get(r.endpoint("end_session_endpoint") + "?" + url.Values{"client_id": {"suite-1"}, "post_logout_redirect_uri": {afterLogout}}.Encode()))
}

func TestOIDCC_rpinitiated_logout_no_params(t *testing.T) {
	r, a := leave(t)
	r.toldSignedOut(r.agree(a))
}

func TestOIDCC_rpinitiated_logout_only_state(t *testing.T) {
	r, a := leave(t, "state", "s")
	r.toldSignedOut(r.agree(a))
}

func TestOIDCC_rpinitiated_logout_no_post_logout_redirect_uri(t *testing.T) {
	r, a := leave(t, "id_token_hint", "HINT", "state", "s")
	r.toldSignedOut(a)
}

func TestOIDCC_rpinitiated_logout_twice(t *testing.T) {
	r, a := leave(t, "id_token_hint", "HINT", "ui_locales", "fr", "logout_hint", "paula")
	r.toldSignedOut(a)
	r.toldSignedOut(r.b.get(r.endpoint("end_session_endpoint")))
}
