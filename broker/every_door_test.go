package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
)

// request is one way to use a door that clients prove themselves at.
type request struct {
	name, path string
	client     string
	secret     string
	form       url.Values
}

// everyRequest makes one honest request for each grant and endpoint, each with
// values of its own: none may be spent by another's fault.
func everyRequest(t *testing.T, k *kit) []request {
	t.Helper()
	web, job := webSecret.Reveal(), nightlySecret.Reveal()
	l, r, v, i := k.login("web"), k.login("web"), k.login("web"), k.login("web")
	refreshable := func(l *login, person string) string {
		return l.done(k.browser(), "google", person)["refresh_token"].(string)
	}
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	k.member("dora")
	return []request{
		{"authorization_code", "/token", "web", web, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}},
		{"refresh_token", "/token", "web", web, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshable(r, "bob")}}},
		{"client_credentials", "/token", "nightly", job, url.Values{"grant_type": {"client_credentials"}, "scope": {"items:read"}}},
		{"password", "/token", "desk", web, url.Values{"grant_type": {"password"}, "username": {"dora"}, "password": {goodPassword}, "scope": {"openid"}}},
		{"introspection", "/introspect", "web", web, url.Values{"token": {refreshable(i, "dave")}}},
		{"revocation", "/revoke", "web", web, url.Values{"token": {refreshable(v, "erin")}}},
	}
}

func (r request) send(t *testing.T, k *kit, form url.Values, user, password string, more string) *answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.issuer+r.path, strings.NewReader(form.Encode()+more))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		req.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	}
	return do(t, http.DefaultClient, req)
}

func with(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name, values := range form {
		out[name] = values
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

func TestEveryGrantAndEndpointRefusesTheSameFaultsAndSpendsNothing(t *testing.T) {
	k := newKit(t, machines, withLocal, withPasswordGrant)
	requests := everyRequest(t, k)
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) {
			first := "token"
			if r.path == "/token" {
				first = "grant_type"
			}
			for _, row := range []struct {
				why    string
				answer *answer
				status int
				code   string
			}{
				{"another client's name with this secret", r.send(t, k, r.form, "notes", r.secret, ""), 401, oauth.InvalidClient},
				{"a wrong secret", r.send(t, k, r.form, r.client, oauth.NewSecret(), ""), 401, oauth.InvalidClient},
				{"an unknown client", r.send(t, k, r.form, "nobody", r.secret, ""), 401, oauth.InvalidClient},
				{"a public client's name with a secret", r.send(t, k, r.form, "spa", r.secret, ""), 401, oauth.InvalidClient},
				{"no authentication", r.send(t, k, with(r.form, "client_id", r.client), "", "", ""), 401, oauth.InvalidClient},
				{"two methods at once", r.send(t, k, with(r.form, "client_secret", r.secret), r.client, r.secret, ""), 400, oauth.InvalidRequest},
				{"an assertion of a client that has no key", r.send(t, k, with(r.form, "client_id", r.client, "client_assertion", "a.b.c", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), "", "", ""), 401, oauth.InvalidClient},
				{"a duplicate parameter", r.send(t, k, r.form, r.client, r.secret, "&"+first+"="+url.QueryEscape(r.form.Get(first))), 400, oauth.InvalidRequest},
				{"an oversized field", r.send(t, k, with(r.form, "extra", strings.Repeat("x", 20<<10)), r.client, r.secret, ""), 400, oauth.InvalidRequest},
				{"bytes that are no text", r.send(t, k, with(r.form, "extra", "\xff"), r.client, r.secret, ""), 400, oauth.InvalidRequest},
				{"nothing of what is needed", r.send(t, k, url.Values{}, r.client, r.secret, ""), 400, oauth.InvalidRequest},
			} {
				if row.answer.StatusCode != row.status || row.answer.json(t)["error"] != row.code || row.answer.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %s %.200s; want %d %s", row.why, row.answer.Status, row.answer.body, row.status, row.code)
				}
			}
			a := r.send(t, k, with(r.form, "extra", "unknown parameters are ignored"), r.client, r.secret, "")
			if a.StatusCode != http.StatusOK {
				t.Errorf("the honest request afterwards: %s %s", a.Status, a.body)
			}
		})
	}
}

func TestEveryGrantAndEndpointRefusesADisabledClient(t *testing.T) {
	k := newKit(t, machines, withLocal, withPasswordGrant)
	requests := everyRequest(t, k)
	k.change(func(d *directory.Document) {
		for i := range d.Clients {
			d.Clients[i].Disabled = true
		}
	})
	for _, r := range requests {
		mustFail(t, r.send(t, k, r.form, r.client, r.secret, ""), http.StatusUnauthorized, oauth.InvalidClient)
	}
}
