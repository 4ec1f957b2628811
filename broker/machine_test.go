package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
)

var nightlySecret, apiSecret = providers.Secret(oauth.NewSecret()), providers.Secret(oauth.NewSecret())

// machines adds what acts without a person: nightly is a machine with scopes at two
// APIs, items is the API itself, which asks about tokens, and web may act for itself too.
func machines(d *directory.Document) {
	d.Clients[0].MachineScopes = []string{"items:read"}
	d.Clients = append(d.Clients,
		directory.Client{ID: "nightly", Name: "Nightly job", Secrets: []providers.Secret{nightlySecret}, MachineScopes: []string{"items:read", "items:write", "other:read"}, DefaultResource: apiURL},
		directory.Client{ID: "items", Name: "Items API", Secrets: []providers.Secret{apiSecret}, Introspects: []string{apiURL}})
}

// caller is a client without a browser.
type caller struct {
	k          *kit
	id, secret string
}

func (k *kit) caller(id string, secret providers.Secret) *caller {
	return &caller{k, id, secret.Reveal()}
}

// post sends a form to one of the broker's doors as this client.
func (c *caller) post(path string, form ...string) *answer {
	c.k.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Add(form[i], form[i+1])
	}
	req := formRequest(c.k.t, c.k.issuer+path, v, nil)
	req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	return do(c.k.t, http.DefaultClient, req)
}

// token gets a machine's token.
func (c *caller) token(form ...string) string {
	c.k.t.Helper()
	a := c.post("/token", append(form, "grant_type", "client_credentials")...)
	if a.StatusCode != http.StatusOK {
		c.k.t.Fatalf("client_credentials of %s: %s %s", c.id, a.Status, a.body)
	}
	return a.json(c.k.t)["access_token"].(string)
}

func TestAMachineGetsATokenForItselfAndNothingElse(t *testing.T) {
	k := newKit(t, machines)
	before := k.db.WriteTransactions()
	a := k.caller("nightly", nightlySecret).post("/token", "grant_type", "client_credentials", "scope", "items:read items:write")
	if a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	got := a.json(t)
	for _, never := range []string{"refresh_token", "id_token"} { // RFC 6749 §4.4.3
		if _, there := got[never]; there {
			t.Errorf("a machine got a %s", never)
		}
	}
	if got["scope"] != "items:read items:write" || got["token_type"] != "Bearer" || got["expires_in"] != 300.0 {
		t.Errorf("the answer: %v", got)
	}
	c := k.verify(got["access_token"].(string), apiURL)
	if len(c.Audience) != 1 || c.ClientID != "nightly" || c.SessionID != "" || len(c.Roles) > 0 || !c.AuthTime.IsZero() || c.GrantID() != "" || !c.Machine() {
		t.Errorf("the token: %+v", c)
	}
	if n := k.db.WriteTransactions() - before; n != 0 {
		t.Errorf("a machine's token cost %d writes", n)
	}
}

func TestD30_AMachineIsNobodyAndItsSubjectNobodys(t *testing.T) {
	k := newKit(t, machines)
	raw := k.caller("nightly", nightlySecret).token("scope", "items:read")
	if sub := k.verify(raw, apiURL).Subject; sub != "client:nightly" {
		t.Errorf("sub is %q", sub)
	}
	mustFail(t, k.userinfo(raw), http.StatusUnauthorized, "invalid_token") // T13: its audience lacks the issuer
	person := k.verify(k.login("web").done(k.browser(), "google", "alice")["access_token"].(string), apiURL)
	if strings.Contains(person.Subject, ":") || person.Machine() {
		t.Errorf("a person's sub %q could be a machine's", person.Subject)
	}
}

func TestD17_AMachineHasItsOwnScopesAndNoOthers(t *testing.T) {
	k := newKit(t, machines)
	nightly, web := k.caller("nightly", nightlySecret), k.caller("web", webSecret)
	for _, row := range []struct {
		why             string
		as              *caller
		scope, resource string
		granted, aud    string // or the error in aud
	}{
		{"all it has at the default resource", nightly, "", "", "items:read items:write", apiURL},
		{"all it has at another", nightly, "", otherAPI, "other:read", otherAPI},
		{"the owner of the scope", nightly, "other:read", "", "other:read", otherAPI},
		{"twice is once", nightly, "items:read items:read", "", "items:read", apiURL},
		{"another API's scopes are left out where one is named", nightly, "items:read other:read", apiURL, "items:read", apiURL},
		{"scopes of two APIs", nightly, "items:read other:read", "", "", "invalid_target"},
		{"no scope of the API named", nightly, "other:read", apiURL, "", "invalid_scope"},
		{"an API it has nothing at", web, "", otherAPI, "", "invalid_target"},
		{"the issuer is no API", nightly, "", k.issuer, "", "invalid_target"},
		{"an identity scope", nightly, "openid", "", "", "invalid_scope"},
		{"an identity scope beside", nightly, "items:read offline_access", "", "", "invalid_scope"},
		{"the administration", nightly, "handstamp:admin", "", "", "invalid_scope"},
		{"in other letters", nightly, "Items:read", "", "", "invalid_scope"},
		{"a tab", nightly, "items:read\titems:write", "", "", "invalid_request"},
		{"what it may ask people for", web, "items:write", "", "", "invalid_scope"},
		{"its own", web, "", "", "items:read", apiURL},
		{"a bomb", nightly, strings.Repeat("a ", 600), "", "", "invalid_request"},
	} {
		form := []string{"grant_type", "client_credentials"}
		if row.scope != "" {
			form = append(form, "scope", row.scope)
		}
		if row.resource != "" {
			form = append(form, "resource", row.resource)
		}
		a := row.as.post("/token", form...)
		if row.granted == "" {
			mustFail(t, a, http.StatusBadRequest, row.aud)
		} else if got := a.json(t); got["scope"] != row.granted {
			t.Errorf("got %s %v", a.Status, got)
		} else {
			k.verify(got["access_token"].(string), row.aud)
		}
		if t.Failed() {
			t.Fatalf("at: %s", row.why)
		}
	}
}

func TestD16_ClientCredentialsAreForConfidentialClientsThatHaveThem(t *testing.T) {
	k := newKit(t, machines)
	for _, row := range []struct {
		id     string
		secret providers.Secret
	}{{"notes", notesSecret}, {"items", apiSecret}} {
		mustFail(t, k.caller(row.id, row.secret).post("/token", "grant_type", "client_credentials"), http.StatusBadRequest, "unauthorized_client")
	}
	mustFail(t, k.login("spa").token(url.Values{"grant_type": {"client_credentials"}}), http.StatusBadRequest, "unauthorized_client")
	nightly := k.caller("nightly", nightlySecret)
	mustFail(t, nightly.post("/token", "grant_type", "authorization_code", "code", "x"), http.StatusBadRequest, "unauthorized_client")
	mustFail(t, nightly.post("/token", "grant_type", "refresh_token", "refresh_token", "x"), http.StatusBadRequest, "unauthorized_client")
	mustFail(t, nightly.post("/token", "grant_type", "client_credentials", "scope", "items:read", "scope", "items:read"), http.StatusBadRequest, "invalid_request") // D06
	if a := nightly.post("/token", "grant_type", "client_credentials", "unknown", "ignored"); a.StatusCode != http.StatusOK {
		t.Errorf("an unknown parameter is ignored: %s", a.body)
	}
	// Nobody signs in to a machine, so /authorize does not know it as an app.
	mustBePage(t, k.browser().get(k.issuer+"/authorize?client_id=nightly&response_type=code&redirect_uri=https%3A%2F%2Fevil.example"), http.StatusBadRequest)
	k.change(func(d *directory.Document) { d.Clients[5].Disabled = true })
	mustFail(t, nightly.post("/token", "grant_type", "client_credentials"), http.StatusUnauthorized, "invalid_client")
}

// One secret can be changed without an outage: the new one is added, whoever uses the
// client moves, the old one is removed.
func TestEitherOfTwoLiveSecretsWorksAndARemovedOneEndsAtOnce(t *testing.T) {
	k := newKit(t, machines)
	newer := providers.Secret(oauth.NewSecret())
	before, after := k.caller("nightly", nightlySecret), k.caller("nightly", newer)
	rt := k.login("web").done(k.browser(), "google", "alice")["refresh_token"].(string)
	try := func(c *caller) int {
		return c.post("/token", "grant_type", "client_credentials").StatusCode
	}
	secrets := func(list ...providers.Secret) {
		k.change(func(d *directory.Document) { d.Clients[5].Secrets = list })
	}
	if try(before) != 200 || try(after) != 401 {
		t.Error("before: the old secret alone must work")
	}
	secrets(newer, nightlySecret)
	if try(before) != 200 || try(after) != 200 {
		t.Error("during: both must work")
	}
	secrets(newer)
	if try(before) != 401 || try(after) != 200 {
		t.Error("after: the new secret alone must work")
	}
	if a := k.login("web").refresh(rt); a.StatusCode != http.StatusOK {
		t.Errorf("a change of secrets harmed a person: %s", a.body)
	}
}

func TestRevokedMachineTokensAreDeadAtOnceAndOnlyTheirs(t *testing.T) {
	k := newKit(t, machines)
	nightly := k.caller("nightly", nightlySecret)
	one, two := nightly.token(), nightly.token()
	mustFail(t, k.caller("web", webSecret).post("/revoke", "token", one), http.StatusBadRequest, "invalid_grant") // D26: another client's
	if !k.active(nightly, one) {
		t.Fatal("a foreign revocation had an effect")
	}
	for range 2 {
		if a := nightly.post("/revoke", "token", one, "token_type_hint", "refresh_token"); a.StatusCode != http.StatusOK {
			t.Fatal(a.body)
		}
	}
	if k.active(nightly, one) || k.active(k.caller("items", apiSecret), one) {
		t.Error("revoked, and still active")
	}
	if !k.active(nightly, two) {
		t.Error("another token of the machine died too")
	}
	k.clock.Advance(6 * time.Minute)
	if a := nightly.post("/revoke", "token", two); a.StatusCode != http.StatusOK {
		t.Errorf("an expired token means nothing to us: %s", a.body)
	}
	rows, err := k.db.Audit(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	revoked := 0
	for _, r := range rows {
		if r.Action == "token_revoked" {
			revoked++
		}
	}
	if revoked != 1 {
		t.Errorf("%d revocations in the audit, want 1", revoked)
	}
}
