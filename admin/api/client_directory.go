package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

// Me tells who asks, and what they may do.
func (c *Client) Me(ctx context.Context) (*Me, error) { return get[Me](ctx, c, "/me", nil) }

// Status tells how the broker does.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, "/status", nil)
}

// Directory returns the active document.
func (c *Client) Directory(ctx context.Context) (*Directory, error) {
	return get[Directory](ctx, c, "/directory", nil)
}

// PutDirectory replaces the whole document.
func (c *Client) PutDirectory(ctx context.Context, d directory.Document, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPut, "/directory", nil, spell(d), o)
}

// Plan tells what a change would do. Nothing changes.
func (c *Client) Plan(ctx context.Context, r PlanRequest) (*Plan, error) {
	return with[Plan](ctx, c, call{method: http.MethodPost, path: "/plans", body: r.spelled()})
}

// Revisions lists the versions of the directory, the newest first.
func (c *Client) Revisions(ctx context.Context, o ListOptions) (*Page[Revision], error) {
	return get[Page[Revision]](ctx, c, "/revisions", o.values())
}

// Revision returns one version with its document.
func (c *Client) Revision(ctx context.Context, n int64) (*Revision, error) {
	return get[Revision](ctx, c, "/revisions/"+number(n), nil)
}

// Diff tells what changed in revision n since revision against; 0 is the one before n.
func (c *Client) Diff(ctx context.Context, n, against int64) (*RevisionDiff, error) {
	q := url.Values{}
	if against > 0 {
		q.Set("against", number(against))
	}
	return get[RevisionDiff](ctx, c, "/revisions/"+number(n)+"/diff", q)
}

// Rollback applies an earlier revision again, as a new one.
func (c *Client) Rollback(ctx context.Context, n int64, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPost, "/revisions/"+number(n)+"/rollback", nil, nil, o)
}

// PlanRollback tells what that would do.
func (c *Client) PlanRollback(ctx context.Context, n int64) (*Plan, error) {
	return with[Plan](ctx, c, call{method: http.MethodPost, path: "/revisions/" + number(n) + "/rollback", query: url.Values{"plan": {"true"}}})
}

// Export returns a revision as a file, without any secret: yaml or json.
func (c *Client) Export(ctx context.Context, n int64, format string) ([]byte, error) {
	return c.bytes(ctx, "/revisions/"+number(n)+"/export", values("format", format))
}

// Providers lists the providers in the order in which people see them.
func (c *Client) Providers(ctx context.Context, o ListOptions) (*Page[ProviderInfo], error) {
	return get[Page[ProviderInfo]](ctx, c, "/providers", o.values())
}

// Provider returns one.
func (c *Client) Provider(ctx context.Context, slug string) (*ProviderInfo, error) {
	return get[ProviderInfo](ctx, c, "/providers/"+url.PathEscape(slug), nil)
}

// AddProvider adds one.
func (c *Client) AddProvider(ctx context.Context, p directory.Provider, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPost, "/providers", nil, spellProvider(p), o)
}

// PutProvider replaces one. A secret that is left out stays.
func (c *Client) PutProvider(ctx context.Context, slug string, p directory.Provider, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPut, "/providers/"+url.PathEscape(slug), nil, spellProvider(p), o)
}

// DeleteProvider removes one.
func (c *Client) DeleteProvider(ctx context.Context, slug string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodDelete, "/providers/"+url.PathEscape(slug), nil, nil, o)
}

// CheckProvider asks a provider whether it would work; draft, if not nil, is tried
// instead of the active settings.
func (c *Client) CheckProvider(ctx context.Context, slug string, draft *directory.Provider) (*CheckResult, error) {
	body := map[string]any{}
	if draft != nil {
		body["provider"] = spellProvider(*draft)
	}
	return with[CheckResult](ctx, c, call{method: http.MethodPost, path: "/providers/" + url.PathEscape(slug) + "/check", body: body})
}

// TestProvider begins a test sign-in, which ends at an address of the console.
func (c *Client) TestProvider(ctx context.Context, slug, back string) (*TestStarted, error) {
	return with[TestStarted](ctx, c, call{method: http.MethodPost, path: "/providers/" + url.PathEscape(slug) + "/test", body: TestRequest{back}})
}

// Brand is what the pages show of the house itself.
func (c *Client) Brand(ctx context.Context) (*directory.Brand, error) {
	return get[directory.Brand](ctx, c, "/brand", nil)
}

// PutBrand changes it. What is empty is as the settings say.
func (c *Client) PutBrand(ctx context.Context, b directory.Brand, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPut, "/brand", nil, b, o)
}

// Clients lists the apps and machines. q narrows by part of an id or name.
func (c *Client) Clients(ctx context.Context, q string, o ListOptions) (*Page[ClientInfo], error) {
	return get[Page[ClientInfo]](ctx, c, "/clients", o.values("q", q))
}

// Client returns one.
func (c *Client) Client(ctx context.Context, id string) (*ClientInfo, error) {
	return get[ClientInfo](ctx, c, "/clients/"+url.PathEscape(id), nil)
}

// AddClient adds one. A confidential client without secret and keys is given a secret,
// see Applied.Secrets.
func (c *Client) AddClient(ctx context.Context, d directory.Client, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPost, "/clients", nil, spellClient(d), o)
}

// PutClient replaces one. Secrets that are left out stay.
func (c *Client) PutClient(ctx context.Context, id string, d directory.Client, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPut, "/clients/"+url.PathEscape(id), nil, spellClient(d), o)
}

// DeleteClient removes one.
func (c *Client) DeleteClient(ctx context.Context, id string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodDelete, "/clients/"+url.PathEscape(id), nil, nil, o)
}

// DrawSecret gives a client one more secret, see Applied.Secrets. Two can be live.
func (c *Client) DrawSecret(ctx context.Context, id string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPost, "/clients/"+url.PathEscape(id)+"/secrets", nil, nil, o)
}

// EndSecret takes a secret away: by its fingerprint, or the whole source for one that
// is a reference.
func (c *Client) EndSecret(ctx context.Context, id, fingerprint string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodDelete, "/clients/"+url.PathEscape(id)+"/secrets/"+url.PathEscape(fingerprint), nil, nil, o)
}

// Resources lists the APIs.
func (c *Client) Resources(ctx context.Context, o ListOptions) (*Page[ResourceInfo], error) {
	return get[Page[ResourceInfo]](ctx, c, "/resources", o.values())
}

// Resource returns one.
func (c *Client) Resource(ctx context.Context, id string) (*ResourceInfo, error) {
	return get[ResourceInfo](ctx, c, "/resources/"+Key(id), nil)
}

// AddResource adds one.
func (c *Client) AddResource(ctx context.Context, r directory.Resource, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPost, "/resources", nil, &r, o)
}

// PutResource replaces one.
func (c *Client) PutResource(ctx context.Context, id string, r directory.Resource, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPut, "/resources/"+Key(id), nil, &r, o)
}

// DeleteResource removes one.
func (c *Client) DeleteResource(ctx context.Context, id string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodDelete, "/resources/"+Key(id), nil, nil, o)
}

// Rules lists the rules in their order.
func (c *Client) Rules(ctx context.Context, o ListOptions) (*Page[RuleInfo], error) {
	return get[Page[RuleInfo]](ctx, c, "/rules", o.values())
}

// Rule returns one.
func (c *Client) Rule(ctx context.Context, name string) (*RuleInfo, error) {
	return get[RuleInfo](ctx, c, "/rules/"+Key(name), nil)
}

// AddRule adds one: before another, or at the end with "".
func (c *Client) AddRule(ctx context.Context, r mapping.Rule, before string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPost, "/rules", beforeKey(before), &r, o)
}

// PutRule replaces one; it moves where before is not "".
func (c *Client) PutRule(ctx context.Context, name string, r mapping.Rule, before string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodPut, "/rules/"+Key(name), beforeKey(before), &r, o)
}

// DeleteRule removes one.
func (c *Client) DeleteRule(ctx context.Context, name string, o ChangeOptions) (*Applied, error) {
	return c.change(ctx, http.MethodDelete, "/rules/"+Key(name), nil, nil, o)
}

// Kinds lists the sorts of providers with their forms and steps.
func (c *Client) Kinds(ctx context.Context) (*Page[Kind], error) {
	return get[Page[Kind]](ctx, c, "/kinds", nil)
}

// Explain tells what a login comes to, and why.
func (c *Client) Explain(ctx context.Context, r ExplainRequest) (*Explained, error) {
	return with[Explained](ctx, c, call{method: http.MethodPost, path: "/explain", body: &r})
}

// Keys lists the signing keys.
func (c *Client) Keys(ctx context.Context) (*Page[SigningKey], error) {
	return get[Page[SigningKey]](ctx, c, "/keys", nil)
}

// RotateKeys moves signing keys on.
func (c *Client) RotateKeys(ctx context.Context, r RotateRequest, reason string) (*Page[SigningKey], error) {
	return with[Page[SigningKey]](ctx, c, call{method: http.MethodPost, path: "/keys/rotate", query: values("reason", reason), body: &r})
}

// Restored ends everything that a backup held, the signing keys included. Only the shell may.
func (c *Client) Restored(ctx context.Context, reason string) (*Restored, error) {
	return with[Restored](ctx, c, call{method: http.MethodPost, path: "/restored", query: values("reason", reason)})
}

// OpenAPI returns the document that describes this API.
func (c *Client) OpenAPI(ctx context.Context) ([]byte, error) {
	return c.bytes(ctx, "/openapi.json", nil)
}

// change makes a call that changes the directory.
func (c *Client) change(ctx context.Context, method, path string, q url.Values, body any, o ChangeOptions) (*Applied, error) {
	if q == nil {
		q = url.Values{}
	}
	if o.Reason != "" {
		q.Set("reason", o.Reason)
	}
	if o.Force {
		q.Set("force", "true")
	}
	return with[Applied](ctx, c, call{method: method, path: path, query: q, body: body, ifMatch: o.IfMatch, matches: true})
}

func (c *Client) bytes(ctx context.Context, path string, q url.Values) ([]byte, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path, query: q})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func beforeKey(name string) url.Values {
	if name == "" {
		return nil
	}
	return url.Values{"before": {Key(name)}}
}
