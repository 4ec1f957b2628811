package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// provider is corp as it is read, to be sent back with changes.
func (k *kit) settings(path, token string) map[string]any {
	k.t.Helper()
	all := *into[map[string]any](k.t, must(k.t, k.do("GET", path, token, ""), http.StatusOK))
	for _, told := range []string{"has_secret", "effective_issuer", "redirect_uri", "clients", "state", "effective", "key", "rules", "place"} {
		if told == "clients" && strings.HasPrefix(path, "/rules") {
			continue
		}
		delete(all, told)
	}
	return all
}

func TestA03_AKeptSecretFollowsNoChangedAddress(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	base := k.settings("/providers/corp", token)
	if base["client_secret"] == nil || strings.Contains(fmt.Sprint(base["client_secret"]), "canary") {
		t.Fatalf("%v", base)
	}
	for field, value := range map[string]any{"client_id": "other", "auth_method": "client_secret_post", "endpoint_hosts": []string{"evil.example"}, "kind": "okta"} {
		for why, secret := range map[string]any{"kept": base["client_secret"], "left out": nil, "masked": "********"} {
			in := map[string]any{}
			for name, v := range base {
				in[name] = v
			}
			if in[field] = value; secret == nil {
				delete(in, "client_secret")
			} else {
				in["client_secret"] = secret
			}
			a := k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current())
			p := a.problem(t)
			if why == "masked" && a.StatusCode == http.StatusBadRequest {
				continue // a mask is no secret at all
			}
			if a.StatusCode != http.StatusUnprocessableEntity || p.Kind() != api.SecretNeeded || len(p.Problems) != 1 || p.Problems[0].Path != "client_secret" {
				t.Errorf("%s changed, secret %s: %s %s", field, why, a.Status, a.body)
			}
		}
	}
	// The issuer is not even changed with the secret, once people are known by it.
	k.signIn("corp", "alice", nil)
	in := map[string]any{}
	for name, v := range base {
		in[name] = v
	}
	in["issuer"], in["client_secret"] = "https://evil.example", "typed-anew"
	if p := must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusConflict).problem(t); p.Kind() != api.IssuerChanged {
		t.Errorf("%+v", p)
	}
	// With the secret typed anew, the rest may change.
	in["issuer"], in["client_id"] = base["issuer"], "other"
	must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusOK)
	// What does not lead elsewhere keeps the secret.
	in = k.settings("/providers/corp", token)
	in["title"] = "Corporation"
	delete(in, "client_secret")
	must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusOK)
	if after := k.settings("/providers/corp", token); after["client_secret"] == nil || after["title"] != "Corporation" {
		t.Errorf("%v", after)
	}
}

// Over the network nobody names what the server's disk or environment holds.
func TestA03_ReferencesAreForTheShell(t *testing.T) {
	k := newKit(t)
	for _, secret := range []string{"${THERE}", "file:/etc/passwd", "${THERE}suffix", "sealed:AAAAAAAA"} {
		in := k.settings("/providers/google", k.robot())
		in["client_secret"] = secret
		a := k.do("PUT", "/providers/google", k.robot(), asJSON(in), "If-Match", k.current())
		if p := must(t, a, http.StatusUnprocessableEntity).problem(t); p.Kind() != api.ReferenceRefused {
			t.Errorf("%s: %s", secret, a.body)
		}
	}
	in := k.settings("/providers/google", k.robot())
	in["client_secret"] = "${THERE}"
	must(t, k.shell("PUT", "/providers/google", asJSON(in), "If-Match", k.current()), http.StatusOK)
}

func TestA04_NoSecretIsEverReadBack(t *testing.T) {
	k := newKit(t)
	k.admin(storage.RoleOwner)
	token := k.robot()
	drawn := into[api.Applied](t, must(t, k.do("POST", "/clients/web/secrets", token, "", "If-Match", k.current()), http.StatusOK)).Secrets
	if len(drawn) != 1 || len(drawn[0].Secret) < 40 || drawn[0].ClientID != "web" {
		t.Fatalf("%+v", drawn)
	}
	in := k.settings("/providers/corp", token)
	in["client_secret"], in["trust_email"] = "canary-typed-by-an-administrator", "nonsense"
	bad := must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusUnprocessableEntity)
	in["trust_email"] = "never"
	must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusOK)
	said := []string{bad.body, k.logs.String()}
	for _, r := range admin.Routes() {
		if r.Method != http.MethodGet {
			continue
		}
		for _, path := range []string{fill(r.Path), strings.NewReplacer(":number", "3", ":slug", "google", ":id", "robot").Replace(r.Path)} {
			said = append(said, k.do("GET", path, token, "").body, k.shell("GET", path, "").body)
		}
	}
	for _, query := range []string{"?format=yaml", "?format=json"} {
		said = append(said, must(t, k.do("GET", "/revisions/3/export"+query, token, ""), http.StatusOK).body)
	}
	for _, text := range said {
		for _, canary := range []string{providerCanary, clientCanary, "another-secret-of-ours", "canary-typed", drawn[0].Secret, "thirty-two-characters-of-a-robot"} {
			if at := strings.Index(text, canary); at >= 0 {
				t.Errorf("%s was told: %.200s", canary, text[max(0, at-100):])
			}
		}
	}
	if c := into[api.ClientInfo](t, k.do("GET", "/clients/web", token, "")); !c.HasSecret || len(c.SecretSources) != 2 || !strings.Contains(strings.Join(c.SecretSources, " "), drawn[0].Fingerprint) {
		t.Errorf("%+v", c)
	}
	// Two at most; what was drawn can be ended by its fingerprint.
	must(t, k.do("POST", "/clients/web/secrets", token, "", "If-Match", k.current()), http.StatusConflict)
	must(t, k.do("DELETE", "/clients/web/secrets/"+drawn[0].Fingerprint, token, "", "If-Match", k.current()), http.StatusOK)
	must(t, k.do("DELETE", "/clients/web/secrets/"+drawn[0].Fingerprint, token, "", "If-Match", k.current()), http.StatusNotFound)
}

func TestTheDrawnSecretWorksAtOnce(t *testing.T) {
	k := newKit(t)
	a := must(t, k.do("POST", "/clients", k.robot(), `{"id":"new","redirect_uris":["https://new.example/cb"]}`, "If-Match", k.current()), http.StatusCreated)
	made := into[api.Applied](t, a)
	client, _ := k.book.Current().Snapshot.Client("new")
	if len(made.Secrets) != 1 || !client.SecretMatches(made.Secrets[0].Secret) || client.SecretMatches(made.Secrets[0].Fingerprint) || a.Header.Get("Location") != "/api/v1/clients/new" {
		t.Errorf("%+v %v", made, a.Header)
	}
}

func TestA05_ASecretOfAnotherClientIsNotFound(t *testing.T) {
	k := newKit(t)
	web := into[api.ClientInfo](t, k.do("GET", "/clients/web", k.robot(), ""))
	print, _ := directory.SealedFingerprint(web.SecretSources[0])
	for _, path := range []string{"/clients/robot/secrets/" + print, "/clients/spa/secrets/" + print, "/clients/nobody/secrets/" + print, "/clients/web/secrets/0"} {
		must(t, k.do("DELETE", path, k.robot(), "", "If-Match", k.current()), http.StatusNotFound)
	}
	for _, path := range []string{"/clients/corp", "/providers/web", "/clients/handstamp:admin", "/resources/" + api.Key("urn:handstamp:admin"), "/resources/" + api.Key("web"), "/rules/" + api.Key(apiID), "/revisions/0", "/revisions/01", "/revisions/99", "/revisions/-1"} {
		must(t, k.do("GET", path, k.robot(), ""), http.StatusNotFound)
	}
}

// Every field of every other type is tried at every route that takes JSON.
func TestA06_NothingThatWasNotAskedForIsTaken(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	fields := map[string]bool{"InternalID": true, "internal_id": true, "id_hash": true, "role": true, "admin": true, "__proto__": true}
	own := map[reflect.Type]map[string]reflect.StructField{}
	for _, r := range admin.Routes() {
		if r.In == nil {
			continue
		}
		t := reflect.TypeOf(r.In)
		if t.Kind() != reflect.Struct {
			continue
		}
		own[t] = map[string]reflect.StructField{}
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				own[t][name], fields[name] = f, true
			}
		}
	}
	before, tries := k.book.Current().Number, 0
	try := func(r admin.RouteInfo, body, why string) {
		t.Helper()
		tries++
		a := k.do(r.Method, fill(r.Path), token, body, "If-Match", k.current())
		if p := must(t, a, http.StatusBadRequest).problem(t); len(p.Problems) == 0 {
			t.Errorf("%s %s, %s: %s", r.Method, r.Path, why, a.body)
		}
	}
	for _, r := range admin.Routes() {
		mine, takes := own[reflect.TypeOf(r.In)]
		if !takes || r.Shell || r.Need == admin.Public {
			continue
		}
		for name := range fields {
			if _, known := mine[name]; !known {
				try(r, asJSON(map[string]any{name: "x"}), name)
			}
		}
		for name := range mine {
			try(r, asJSON(map[string]any{strings.ToUpper(name): "x"}), "upper case")
			try(r, `{"`+name+`":null}`, "null")
			try(r, `{"`+name+`":1,"`+name+`":1}`, "twice")
		}
		for _, body := range []string{`[]`, `"x"`, `{`, `{}{}`, `{"a":1}}`, "\xff", strings.Repeat(`{"a":`, 200), `null`} {
			tries++
			must(t, k.do(r.Method, fill(r.Path), token, body, "If-Match", k.current()), http.StatusBadRequest)
		}
	}
	if k.book.Current().Number != before || tries < 500 {
		t.Errorf("revision %d after %d tries", k.book.Current().Number, tries)
	}
}

func TestA06_ABodyIsJSONAndHasAMeasure(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	large := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, row := range []struct {
		status int
		kind   string
		body   string
		more   []string
	}{
		{http.StatusRequestEntityTooLarge, "application/json", large, nil},
		{http.StatusUnsupportedMediaType, "text/plain", `{"name":"x"}`, nil},
		{http.StatusUnsupportedMediaType, "application/x-www-form-urlencoded", `name=x`, nil},
		{http.StatusUnsupportedMediaType, "application/json; charset=utf-16", `{"name":"x"}`, nil},
		{http.StatusUnsupportedMediaType, "application/json", `{"name":"x"}`, []string{"Content-Encoding", "gzip"}},
	} {
		a := k.do("POST", "/rules", token, row.body, append([]string{"Content-Type", row.kind, "If-Match", k.current()}, row.more...)...)
		if must(t, a, row.status).problem(t).Kind() == "" {
			t.Errorf("%s", a.body)
		}
	}
	must(t, k.do("DELETE", "/clients/web", token, `{"force":true}`, "If-Match", k.current()), http.StatusBadRequest)
}

func TestA07_ACursorIsSealedAndFitsItsListOnly(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		for i := range 120 {
			d.Clients = append(d.Clients, directory.Client{ID: fmt.Sprintf("c%03d", i), Public: true, RedirectURIs: []string{"https://c.example/cb"}})
		}
	})
	token := k.robot()
	page := into[api.Page[api.ClientInfo]](t, must(t, k.do("GET", "/clients?limit=50&q=c", token, ""), http.StatusOK))
	if len(page.Items) != 50 || page.Next == "" {
		t.Fatalf("%d items, next %q", len(page.Items), page.Next)
	}
	must(t, k.do("GET", "/clients?limit=10&q=c&cursor="+page.Next, token, ""), http.StatusOK)
	flipped := []byte(page.Next)
	flipped[len(flipped)/2] ^= 1
	for why, path := range map[string]string{
		"another list":    "/providers?q=c&cursor=" + page.Next,
		"another filter":  "/clients?q=x&cursor=" + page.Next,
		"no filter":       "/clients?cursor=" + page.Next,
		"a flipped bit":   "/clients?q=c&cursor=" + string(flipped),
		"cut":             "/clients?q=c&cursor=" + page.Next[:20],
		"made up":         "/clients?q=c&cursor=eyJhIjoiYyJ9",
		"an injection":    "/clients?q=c&cursor=%27%20OR%201%3D1--",
		"of the logins":   "/logins?cursor=" + page.Next,
		"of the users":    "/users?cursor=" + page.Next,
		"of the audit":    "/audit?cursor=" + page.Next,
		"of notices":      "/logout-notices?cursor=" + page.Next,
		"of revisions":    "/revisions?cursor=" + page.Next,
		"no number":       "/clients?limit=ten",
		"too many":        "/clients?limit=201",
		"none":            "/clients?limit=0",
		"a signed number": "/clients?limit=%2B5",
		"twice":           "/clients?limit=5&limit=6",
		"no parameter":    "/clients?sort=name",
		"misspelt":        "/clients?Limit=5",
		"malformed":       "/clients?q=%zz",
		"a semicolon":     "/clients?q=a;limit=5",
		"a control":       "/clients?q=a%0a",
	} {
		if p := must(t, k.do("GET", path, token, ""), http.StatusBadRequest).problem(t); strings.Contains(why, "another") && p.Kind() != api.BadCursor {
			t.Errorf("%s: %+v", why, p)
		}
	}
	// What looks like SQL is a text that nothing has, in each filter of each list.
	for _, r := range admin.Routes() {
		for _, name := range r.Query {
			if r.Method != http.MethodGet || slices.Contains([]string{"limit", "cursor", "since", "until", "disabled", "against", "format", "offline"}, name) {
				continue
			}
			for _, text := range []string{"%27%20OR%20%271%27%3D%271", "%22%3BDROP%20TABLE%20users--", "%25", "_", "%5C"} {
				if a := k.do("GET", fill(r.Path)+"?"+name+"="+text, token, ""); a.StatusCode >= 500 {
					t.Errorf("%s?%s=%s: %s", r.Path, name, text, a.Status)
				}
			}
		}
	}
}

// Paging visits everybody once, also while others change the list.
func TestPagesGoOnWhileTheListChanges(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		for i := range 30 {
			d.Clients = append(d.Clients, directory.Client{ID: fmt.Sprintf("c%03d", i), Public: true, RedirectURIs: []string{"https://c.example/cb"}})
		}
	})
	token, seen, cursor := k.robot(), map[string]int{}, ""
	for n := 0; ; n++ {
		page := into[api.Page[api.ClientInfo]](t, must(t, k.do("GET", "/clients?limit=10&q=c0&cursor="+cursor, token, ""), http.StatusOK))
		for _, c := range page.Items {
			seen[c.ID]++
		}
		if n == 0 { // the first of the list goes, and so does where the page ended
			k.edit(func(d *directory.Document) {
				d.Clients = slices.DeleteFunc(d.Clients, func(c directory.Client) bool { return c.ID == "web" || c.ID == "c009" })
			})
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for i := range 30 {
		if id := fmt.Sprintf("c%03d", i); seen[id] != 1 {
			t.Errorf("%s was seen %d times", id, seen[id])
		}
	}
}

func TestA13_WhatAdministratorsWriteIsTextAndLinksAreLinks(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	for _, field := range []string{"logo", "policy_uri", "tos_uri"} {
		for _, link := range []string{"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "http://plain.example/x", " https://x.example", "//evil.example", "https://"} {
			in := map[string]any{"id": "x", "public": true, "redirect_uris": []string{"https://x.example/cb"}, field: link}
			a := k.do("POST", "/clients", token, asJSON(in), "If-Match", k.current())
			if p := must(t, a, http.StatusUnprocessableEntity).problem(t); len(p.Problems) != 1 || p.Problems[0].Path != field {
				t.Errorf("%s %s: %s", field, link, a.body)
			}
		}
	}
	// A script in a name is a text: it is answered as JSON that no browser takes for a page.
	in := map[string]any{"id": "x", "name": "<script>alert(1)</script>", "public": true, "redirect_uris": []string{"https://x.example/cb"}}
	must(t, k.do("POST", "/clients", token, asJSON(in), "If-Match", k.current()), http.StatusCreated)
	a := must(t, k.do("GET", "/clients/x", token, ""), http.StatusOK)
	if strings.Contains(a.body, "<script>") || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", a.Header, a.body)
	}
}

func TestA19_NoSettingReachesAHeader(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	for _, evil := range []string{"a\r\nSet-Cookie: x=y", "a\nX: y", "a\x00b", "a\u2028b"} {
		for field, body := range map[string]map[string]any{
			"name":          {"id": "x", "public": true, "redirect_uris": []string{"https://x.example/cb"}, "name": evil},
			"id":            {"id": evil, "public": true, "redirect_uris": []string{"https://x.example/cb"}},
			"redirect_uris": {"id": "x", "public": true, "redirect_uris": []string{"https://x.example/" + evil}},
			"logo":          {"id": "x", "public": true, "redirect_uris": []string{"https://x.example/cb"}, "logo": "https://x.example/" + evil},
		} {
			a := k.do("POST", "/clients", token, asJSON(body), "If-Match", k.current())
			if evil == "a\u2028b" && field == "name" { // a line end to some, and shown as text
				continue
			}
			must(t, a, http.StatusUnprocessableEntity)
		}
	}
	for _, reason := range []string{"a%0d%0aSet-Cookie:x", "%00"} {
		must(t, k.do("DELETE", "/clients/web?reason="+reason, token, "", "If-Match", k.current()), http.StatusBadRequest)
	}
	for _, tag := range []string{`7`, `W/"1"`, `"1", "2"`, `*`, `"x"`, `"-1"`, `"01"`, `"1`} {
		must(t, k.do("DELETE", "/clients/web", token, "", "If-Match", tag), http.StatusBadRequest)
	}
}

func TestA20_AnExportIsForOwnersAndHoldsNoSecret(t *testing.T) {
	k := newKit(t)
	for role, status := range map[string]int{storage.RoleViewer: http.StatusForbidden, storage.RoleEditor: http.StatusForbidden, storage.RoleOwner: http.StatusOK} {
		must(t, k.do("GET", "/revisions/1/export", k.admin(role), ""), status)
	}
	a := must(t, k.do("GET", "/revisions/1/export?format=json", k.robot(), ""), http.StatusOK)
	for _, secret := range []string{providerCanary, clientCanary, "another-secret", "thirty-two"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("the export has %s", secret)
		}
	}
	doc, problems := directory.ParseDocument([]byte(a.body))
	if len(problems) > 0 || len(doc.Clients) != 4 {
		t.Errorf("%v", problems)
	}
	rows, _, err := k.db.AuditPage(t.Context(), storage.AuditFilter{Action: "directory_exported", Limit: 10})
	if err != nil || len(rows) != 2 || rows[0].Target != "revision:1" {
		t.Errorf("%+v %v", rows, err)
	}
	// What was exported is read like anything that a stranger wrote: a seal of elsewhere opens nothing here.
	other := newKit(t)
	foreign := strings.Replace(a.body, "sealed:", "sealed:A", 1)
	var v any
	if err := json.Unmarshal([]byte(foreign), &v); err != nil {
		t.Fatal(err)
	}
	must(t, other.do("PUT", "/directory", other.robot(), foreign, "If-Match", other.current()), http.StatusUnprocessableEntity)
}
