package admin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/storage"
)

// goClient is the Go client with a token.
func (k *kit) goClient(token string) *api.Client {
	return api.New(k.url, &http.Client{Transport: api.Bearer(token, held{k})})
}

// held is a transport that holds every answer to openapi.yaml.
type held struct{ *kit }

func (h held) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	h.keepsPromise(r, &answer{resp, string(body)})
	return resp, err
}

func (k *kit) since(reason string) api.ChangeOptions {
	return api.ChangeOptions{IfMatch: k.book.Current().Number, Reason: reason}
}

func ok[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTheGoClientDoesWhatTheConsoleDoes(t *testing.T) {
	k := newKit(t)
	c, ctx := k.goClient(k.robot()), t.Context()

	me := ok[*api.Me](t)(c.Me(ctx))
	if me.Kind != api.KindMachine || me.ClientID != "robot" || len(me.Scopes) != 8 || me.Role != "" {
		t.Errorf("%+v", me)
	}
	status := ok[*api.Status](t)(c.Status(ctx))
	if status.Issuer != issuer || status.Revision != 1 || status.Counts.Clients != 4 || len(status.Providers) != 3 || status.Providers[0].State != "unknown" || status.Providers[2].State != "own" {
		t.Errorf("%+v", status)
	}

	// a provider, with a literal secret that Go keeps out of logs and JSON
	made := ok[*api.Applied](t)(c.AddProvider(ctx, directory.Provider{Slug: "okta", Kind: "okta", Issuer: "https://acme.okta.com", ClientID: "x", ClientSecret: "has ${a} reference in it"}, k.since("we use Okta now")))
	if made.Revision != 2 || !made.Plan.Sensitive || len(made.Plan.Changes) == 0 {
		t.Errorf("%+v", made)
	}
	p := ok[*api.ProviderInfo](t)(c.Provider(ctx, "okta"))
	if !p.HasSecret || p.RedirectURI != issuer+"/callback/okta" || p.EffectiveIssuer != "https://acme.okta.com" || p.Clients != 3 {
		t.Errorf("%+v", p)
	}
	snap, _ := k.book.Current().Snapshot.Provider("okta")
	if snap.ClientSecret.Reveal() != "has ${a} reference in it" {
		t.Errorf("the secret became %q", snap.ClientSecret.Reveal())
	}
	settings := p.Settings()
	settings.Title = "Staff"
	ok[*api.Applied](t)(c.PutProvider(ctx, "okta", settings, k.since("")))
	if _, err := c.PutProvider(ctx, "okta", settings, api.ChangeOptions{IfMatch: 1}); !api.IsConflict(err) {
		t.Errorf("%v", err)
	}
	if _, err := c.AddProvider(ctx, settings, k.since("")); !api.IsKind(err, api.Exists) {
		t.Errorf("%v", err)
	}

	// a resource, a client with a drawn secret, rules in an order
	ok[*api.Applied](t)(c.AddResource(ctx, directory.Resource{ID: "https://api.example.com/v2?x=y", Name: "Two", Scopes: []directory.Scope{{Name: "two:read", Description: "Read"}}}, k.since("")))
	r := ok[*api.ResourceInfo](t)(c.Resource(ctx, "https://api.example.com/v2?x=y"))
	if r.Clients != 0 || r.Key != api.Key(r.ID) {
		t.Errorf("%+v", r)
	}
	app := ok[*api.Applied](t)(c.AddClient(ctx, directory.Client{ID: "two", RedirectURIs: []string{"https://two.example/cb"}, Scopes: []string{"openid", "two:read"}}, k.since("")))
	if len(app.Secrets) != 1 {
		t.Errorf("%+v", app)
	}
	info := ok[*api.ClientInfo](t)(c.Client(ctx, "two"))
	if info.Effective == nil || info.Effective.AuthMethod != "" && info.Effective.AuthMethod != "client_secret_basic" || !slices.Contains(info.Effective.GrantTypes, "authorization_code") || len(info.Effective.Providers) != 4 {
		t.Errorf("%+v", info.Effective)
	}
	second := ok[*api.Applied](t)(c.DrawSecret(ctx, "two", k.since("rotation")))
	ok[*api.Applied](t)(c.EndSecret(ctx, "two", app.Secrets[0].Fingerprint, k.since("rotation")))
	client, _ := k.book.Current().Snapshot.Client("two")
	if client.SecretMatches(app.Secrets[0].Secret) || !client.SecretMatches(second.Secrets[0].Secret) {
		t.Error("the rotation left the wrong secret")
	}
	ok[*api.Applied](t)(c.AddRule(ctx, mapping.Rule{Name: "two readers", Scopes: []string{"two:read"}}, "editors write", k.since("")))
	rules := ok[*api.Page[api.RuleInfo]](t)(c.Rules(ctx, api.ListOptions{}))
	if len(rules.Items) != 3 || rules.Items[1].Name != "two readers" || rules.Items[1].Place != 1 {
		t.Errorf("%+v", rules.Items)
	}
	moved := rules.Items[2].Settings()
	ok[*api.Applied](t)(c.PutRule(ctx, moved.Name, moved, "everybody reads", k.since("")))
	if rules = ok[*api.Page[api.RuleInfo]](t)(c.Rules(ctx, api.ListOptions{})); rules.Items[0].Name != "editors write" {
		t.Errorf("%+v", rules.Items)
	}
	renamed := moved
	renamed.Name = "writers"
	ok[*api.Applied](t)(c.PutRule(ctx, moved.Name, renamed, "", k.since("")))
	if _, err := c.Rule(ctx, moved.Name); !api.IsNotFound(err) {
		t.Errorf("%v", err)
	}

	// what is used does not go
	if _, err := c.DeleteResource(ctx, "https://api.example.com/v2?x=y", k.since("")); !api.IsInvalid(err) || !strings.Contains(err.Error(), "two:read") {
		t.Errorf("%v", err)
	}
	ok[*api.Applied](t)(c.DeleteRule(ctx, "two readers", k.since("")))
	ok[*api.Applied](t)(c.DeleteClient(ctx, "two", k.since("")))
	ok[*api.Applied](t)(c.DeleteResource(ctx, "https://api.example.com/v2?x=y", k.since("")))
	ok[*api.Applied](t)(c.DeleteProvider(ctx, "okta", k.since("not any more")))

	clients := ok[[]api.ClientInfo](t)(api.All(func(o api.ListOptions) (*api.Page[api.ClientInfo], error) {
		o.Limit = 1
		return c.Clients(ctx, "", o)
	}))
	if len(clients) != 4 {
		t.Errorf("%d clients", len(clients))
	}
}

func TestHistoryTellsWhoAndWhyAndGoesBack(t *testing.T) {
	k := newKit(t)
	c, ctx := k.goClient(k.robot()), t.Context()
	dir := ok[*api.Directory](t)(c.Directory(ctx))
	doc := dir.Document
	doc.Rules = append(slices.Clone(doc.Rules), mapping.Rule{Name: "third", Roles: []string{"x"}})
	ok[*api.Applied](t)(c.PutDirectory(ctx, doc, api.ChangeOptions{IfMatch: dir.Revision, Reason: "a third one"}))
	again := ok[*api.Applied](t)(c.PutDirectory(ctx, doc, api.ChangeOptions{IfMatch: 2}))
	if again.Revision != 2 || len(again.Plan.Changes) != 0 {
		t.Errorf("what changes nothing made %+v", again)
	}
	list := ok[*api.Page[api.Revision]](t)(c.Revisions(ctx, api.ListOptions{Limit: 1}))
	if len(list.Items) != 1 || list.Items[0].Number != 2 || list.Items[0].Reason != "a third one" || list.Items[0].Source != "api" || list.Items[0].Author.ID != "robot" || !list.Items[0].Active || list.Items[0].Document != nil {
		t.Errorf("%+v", list.Items)
	}
	if rest := ok[*api.Page[api.Revision]](t)(c.Revisions(ctx, api.ListOptions{Cursor: list.Next})); len(rest.Items) != 1 || rest.Items[0].Number != 1 || rest.Next != "" {
		t.Errorf("%+v", rest)
	}
	diff := ok[*api.RevisionDiff](t)(c.Diff(ctx, 2, 0))
	if diff.From != 1 || len(diff.Changes) != 1 || diff.Changes[0].ID != "third" {
		t.Errorf("%+v", diff)
	}
	if back := ok[*api.RevisionDiff](t)(c.Diff(ctx, 1, 2)); back.Changes[0].Op != directory.Removed {
		t.Errorf("%+v", back)
	}
	if plan := ok[*api.Plan](t)(c.PlanRollback(ctx, 1)); len(plan.Changes) != 1 || k.book.Current().Number != 2 {
		t.Errorf("%+v", plan)
	}
	undone := ok[*api.Applied](t)(c.Rollback(ctx, 1, k.since("it was wrong")))
	one := ok[*api.Revision](t)(c.Revision(ctx, undone.Revision))
	if one.Source != "rollback:1" || len(one.Document.Rules) != 2 || one.Reason != "it was wrong" {
		t.Errorf("%+v", one)
	}
	if _, err := c.Rollback(ctx, 99, k.since("")); !api.IsNotFound(err) {
		t.Errorf("%v", err)
	}
	rows, _, err := k.db.AuditPage(ctx, storage.AuditFilter{Actor: "robot", Limit: 10})
	if err != nil || len(rows) != 2 || rows[0].Detail["reason"] != "it was wrong" || rows[0].Actor.IP == "" || rows[0].Actor.RequestID == "" {
		t.Errorf("%+v %v", rows, err)
	}
}

func TestAPlanTellsWhatWouldHappenAndChangesNothing(t *testing.T) {
	k := newKit(t)
	c, ctx := k.goClient(k.robot()), t.Context()
	s := k.signIn("corp", "erin", map[string]any{"groups": []any{"editors"}})
	if err := k.db.KeepLogins(ctx, []storage.Login{{Reference: "ERINSREFERENCE00", At: k.clock.Now(), ClientID: "web", Provider: "corp", ProviderID: s.ProviderID, UserID: s.UserID, Person: "Erin",
		Subject: "erin", Outcome: storage.LoginSignedIn, Asked: []string{"openid", "items:read", "items:write"}, Claims: map[string]any{"sub": "erin", "groups": []any{"editors"}}}}); err != nil {
		t.Fatal(err)
	}
	plan := ok[*api.Plan](t)(c.Plan(ctx, api.PlanRequest{Edits: []api.Edit{
		{Op: "delete", Kind: directory.KindRule, ID: "editors write"},
		{Op: "put", Kind: directory.KindRule, Rule: &mapping.Rule{Name: "nobody writes", When: "false", Roles: []string{"x"}}, Before: "everybody reads"},
		{Op: "put", Kind: directory.KindProvider, Provider: &directory.Provider{Slug: "new", Kind: "oidc", Issuer: "https://sso.new.example", ClientID: "x", ClientSecret: "a-literal-one"}},
		{Op: "put", Kind: directory.KindClient, ID: "spa", Client: &directory.Client{Public: true, RedirectURIs: []string{"https://spa.example.com/cb2"}}},
		{Op: "put", Kind: directory.KindResource, ID: apiID, Resource: &directory.Resource{Name: "Things", Scopes: []directory.Scope{{Name: "items:read"}, {Name: "items:write"}}}},
	}}))
	if len(plan.Effects) != 1 || !slices.Equal(plan.Effects[0].LostRoles, []string{"editor"}) || !slices.Equal(plan.Effects[0].LostScopes, []string{"items:write"}) || plan.Affected != 1 || plan.Replayed != 1 || !plan.Sensitive {
		t.Errorf("%+v", plan)
	}
	if k.book.Current().Number != 1 {
		t.Error("a plan made a revision")
	}
	// A new client's secret is drawn when it is made, so a plan does not miss it.
	if fresh := ok[*api.Plan](t)(c.Plan(ctx, api.PlanRequest{Edits: []api.Edit{{Op: "put", Kind: directory.KindClient, Client: &directory.Client{ID: "new", RedirectURIs: []string{"https://new.example/cb"}}}}})); len(fresh.Problems) != 0 || len(fresh.Changes) != 1 {
		t.Errorf("%+v", fresh)
	}
	// Who may not see logins is not told of people.
	if blind := ok[*api.Plan](t)(k.goClient(k.machine("reader", directory.ReadDirectory)).Plan(ctx, api.PlanRequest{Edits: []api.Edit{{Op: "delete", Kind: directory.KindRule, ID: "editors write"}}})); len(blind.Effects) != 0 || blind.Affected != 1 {
		t.Errorf("%+v", blind)
	}
	// What is wrong is part of the plan, told from where it is.
	bad := ok[*api.Plan](t)(c.Plan(ctx, api.PlanRequest{Edits: []api.Edit{{Op: "put", Kind: directory.KindRule, Rule: &mapping.Rule{Name: "x", When: "claims.x ==", Scopes: []string{"nobody:has"}}}}}))
	if len(bad.Problems) != 2 || bad.Problems[0].Path != "rules[2].when" {
		t.Errorf("%+v", bad.Problems)
	}
	for why, r := range map[string]api.PlanRequest{
		"both":            {Document: &directory.Document{}, Edits: []api.Edit{{Op: "delete", Kind: "rule", ID: "x"}}},
		"no op":           {Edits: []api.Edit{{Kind: "rule", ID: "x"}}},
		"nothing to put":  {Edits: []api.Edit{{Op: "put", Kind: "rule"}}},
		"another kind":    {Edits: []api.Edit{{Op: "put", Kind: "client", Rule: &mapping.Rule{Name: "x"}}}},
		"what to delete?": {Edits: []api.Edit{{Op: "delete", Kind: "rule"}}},
	} {
		if _, err := c.Plan(ctx, r); !api.IsKind(err, api.BadRequest) {
			t.Errorf("%s: %v", why, err)
		}
	}
	var p *api.Problem
	if _, err := c.Plan(ctx, api.PlanRequest{Edits: []api.Edit{{Op: "delete", Kind: "rule", ID: "nobody"}}}); !errors.As(err, &p) || p.Status != http.StatusNotFound || !strings.HasPrefix(p.Detail, "edits[0]: ") {
		t.Errorf("%v", err)
	}
}

func TestKeysAreListedWithoutTheirSecretsAndMovedOn(t *testing.T) {
	k := newKit(t)
	now := time.Now()
	if err := k.db.SaveKeys(t.Context(), storage.Actor{Kind: "system"}, 0, []storage.StoredKey{{ID: "one", Alg: "ES256", State: "active", PKCS8: []byte("canary-private"), CreatedAt: now, ActiveAt: now}}); err != nil {
		t.Fatal(err)
	}
	a := must(t, k.do("GET", "/keys", k.robot(), ""), http.StatusOK)
	if page := into[api.Page[api.SigningKey]](t, a); len(page.Items) != 1 || page.Items[0].ID != "one" || page.Items[0].GoneAt != nil || strings.Contains(a.body, "canary") {
		t.Errorf("%s", a.body)
	}
	c := k.goClient(k.robot())
	ok[*api.Page[api.SigningKey]](t)(c.RotateKeys(t.Context(), api.RotateRequest{Alg: "ES256"}, "a leak"))
	if _, err := c.RotateKeys(t.Context(), api.RotateRequest{Alg: "HS256"}, ""); !api.IsInvalid(err) || len(k.rotate) != 1 || k.rotate[0] != "robot ES256" {
		t.Errorf("%v %v", err, k.rotate)
	}
}

func TestTheClientTellsProblemsAndStrangersApart(t *testing.T) {
	k := newKit(t)
	ctx := t.Context()
	_, err := api.New(k.url, nil).Me(ctx)
	if !api.IsUnauthorized(err) {
		t.Errorf("%v", err)
	}
	_, err = k.goClient(k.machine("reader", directory.ReadDirectory)).Explain(ctx, api.ExplainRequest{})
	var p *api.Problem
	if !api.IsForbidden(err) || !errors.As(err, &p) || !slices.Equal(p.Scopes, []string{directory.ReadLogins}) || !strings.Contains(err.Error(), p.Instance) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(k.logs.String(), p.Instance) {
		t.Error("the reference is not in the log")
	}
	stranger := api.New(k.url+"/somewhere", nil)
	if _, err := stranger.Me(ctx); err == nil {
		t.Error("a stranger's answer was taken for the API's")
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := k.goClient(k.robot()).Me(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for _, name := range []string{apiID, "everybody reads", "ü/?#%", strings.Repeat("x", 300)} {
		if back, err := api.FromKey(api.Key(name)); err != nil || back != name || url.PathEscape(api.Key(name)) != api.Key(name) {
			t.Errorf("%q became %q (%v)", name, back, err)
		}
	}
	if doc := ok[[]byte](t)(k.goClient("").OpenAPI(ctx)); !strings.Contains(string(doc), k.url) || strings.Contains(string(doc), "{admin}") || strings.Contains(string(doc), "{issuer}") {
		t.Errorf("%.300s", doc)
	}
}
