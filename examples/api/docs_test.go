package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/examples/api"
	"github.com/handstamp/handstamp/guard/guardtest"
)

// described is the part of the OpenAPI document that says who may do what.
type described struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		Security  []map[string][]string
		Responses map[string]json.RawMessage
	}
	Components struct {
		SecuritySchemes map[string]struct {
			Flows map[string]struct {
				AuthorizationURL, TokenURL string
				Scopes                     map[string]string
			}
		}
	}
}

func theDocument(t *testing.T) described {
	t.Helper()
	h, err := api.New(api.Config{Issuer: "https://login.example", Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	var d described
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.OpenAPI != "3.1.0" || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %v", w.Code, w.Header(), err)
	}
	return d
}

func TestTheDocumentNamesTheScopesThatTheGuardAsksFor(t *testing.T) {
	d := theDocument(t)
	issuer := guardtest.New(t)
	h := api.Handler(issuer.Guard(audience))
	call := func(method, path, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(strings.ToUpper(method), path, strings.NewReader(`{"name":"x"}`))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	seen := 0
	for path, item := range d.Paths {
		for method, op := range item {
			seen++
			door := method + " " + path
			known := func(w *httptest.ResponseRecorder) {
				if _, ok := op.Responses[httpStatus(w.Code)]; !ok {
					t.Errorf("%s answers %d, which the document does not have", door, w.Code)
				}
			}
			if len(op.Security) == 0 {
				if w := call(method, path, ""); w.Code != 200 {
					t.Errorf("%s: %d, and the document says it is open", door, w.Code)
				}
				continue
			}
			need := op.Security[0]["signIn"]
			bare, refused := call(method, path, ""), call(method, path, issuer.Token("usr_alice", "openid"))
			if bare.Code != 401 || refused.Code != 403 || !strings.Contains(refused.Header().Get("WWW-Authenticate"), `scope="`+strings.Join(need, " ")+`"`) {
				t.Errorf("%s: without a token %d, without its scope %d %v; the document says %v", door, bare.Code, refused.Code, refused.Header(), need)
			}
			allowed := call(method, path, issuer.Token("usr_alice", strings.Join(need, " ")))
			if allowed.Code >= 400 {
				t.Errorf("%s with %v: %d %s", door, need, allowed.Code, allowed.Body)
			}
			for _, w := range []*httptest.ResponseRecorder{bare, refused, allowed} {
				known(w)
			}
			byMachine := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { return s["machine"] != nil })
			machine := call(method, path, issuer.MachineToken("nightly", strings.Join(need, " "), guardtest.NobodySignedIn()))
			if (machine.Code < 400) != byMachine {
				t.Errorf("%s as a machine: %d %s; the document says %v", door, machine.Code, machine.Body, byMachine)
			}
			for scheme, scopes := range op.Security[0] {
				for _, flow := range d.Components.SecuritySchemes[scheme].Flows {
					for _, s := range scopes {
						if flow.Scopes[s] == "" {
							t.Errorf("%s needs %s, which Authorize does not offer", door, s)
						}
					}
				}
			}
		}
	}
	if seen != 4 {
		t.Errorf("saw %d operations", seen)
	}
	flow := d.Components.SecuritySchemes["signIn"].Flows["authorizationCode"]
	if flow.AuthorizationURL != "https://login.example/authorize" || flow.TokenURL != "https://login.example/token" {
		t.Errorf("%+v", flow)
	}
}

func httpStatus(code int) string { b, _ := json.Marshal(code); return string(b) }

func TestTheDocumentationPageIsThereWhereItHasAClient(t *testing.T) {
	for client, want := range map[string]int{"": 404, "api-docs": 200} {
		h, err := api.New(api.Config{Issuer: "https://login.example", Audience: audience, DocsClient: client})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/docs", "/docs/oauth2-redirect"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if w.Code != want {
				t.Errorf("with the client %q, GET %s: %d", client, path, w.Code)
			}
			if csp := w.Header().Get("Content-Security-Policy"); want == 200 && !strings.Contains(csp, "connect-src 'self' https://login.example/token;") {
				t.Errorf("GET %s: %s", path, csp)
			}
		}
	}
}
