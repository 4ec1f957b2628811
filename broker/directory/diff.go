package directory

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

// Change is one difference between two documents, in the words of the settings.
type Change struct {
	Kind  string `json:"kind"`            // provider, client, resource, scope, rule, brand
	ID    string `json:"id,omitempty"`    // slug, client id, audience, scope, name of the rule
	Op    string `json:"op"`              // added, removed, changed, moved
	Field string `json:"field,omitempty"` // the setting; "" where the whole thing was added, removed or moved
	Old   string `json:"old,omitempty"`   // never a secret
	New   string `json:"new,omitempty"`

	// Sensitive changes decide where people and codes go and who holds which secret.
	Sensitive bool `json:"sensitive,omitempty"`
}

// The words of Change.Kind and Change.Op.
const (
	KindProvider = "provider"
	KindClient   = "client"
	KindResource = "resource"
	KindScope    = "scope"
	KindRule     = "rule"
	KindBrand    = "brand"

	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Moved   = "moved"
)

// aSecret is all that is ever said of one that is no reference.
const aSecret = "a secret"

// sensitive are the settings whose changes are, by kind; "" is a new thing as a whole.
var sensitive = map[string][]string{
	KindProvider: {"", "kind", "issuer", "client_id", "client_secret", "auth_method", "params", "endpoint_hosts", "hosted_domain", "authorization_server",
		"organization", "trust_email", "email_domains", "linking", "allow_private_network"},
	KindClient: {"", "public", "password_grant", "first_party", "confirm_redirect", "secrets", "auth_method", "jwks", "jwks_uri", "redirect_uris",
		"post_logout_redirect_uris", "allowed_origins", "backchannel_logout_uri", "allow_private_network", "pkce", "machine_scopes", "introspects"},
	KindScope: {"resource"},
}

// String says it in a sentence.
func (c Change) String() string {
	what := strings.TrimSpace(c.Kind + " " + c.ID)
	list := strings.TrimSuffix(c.Field, "[]")
	switch {
	case c.Field == "" && c.Op == Moved:
		return what + " moved " + c.New
	case c.Field == "":
		words := map[string]string{Added: " is new", Removed: " is gone"}[c.Op]
		return what + words + strings.TrimSuffix(": "+cmp.Or(c.New, c.Old), ": ")
	case c.Op == Added && c.New == aSecret:
		return what + ": a secret was added"
	case c.Op == Removed && c.Old == aSecret:
		return what + ": a secret was removed"
	case c.Op == Changed && c.New == aSecret && c.Old == aSecret:
		return what + ": " + c.Field + " is another secret now"
	case c.Op == Added:
		return what + ": " + list + " has " + c.New + " now"
	case c.Op == Removed:
		return what + ": " + list + " has no longer " + c.Old
	}
	return fmt.Sprintf("%s: %s was %s, is %s", what, c.Field, cmp.Or(c.Old, "not set"), cmp.Or(c.New, "not set"))
}

// Diff tells what changed from one document to another, in the order of the documents:
// providers, clients, resources with their scopes, rules, the brand. What says the same in other
// words (a default written out, another order of clients) is no change. Both are in
// source form, so that a secret is compared by where it comes from.
func Diff(old, new Document) []Change {
	d := differ{}
	was, is := newCompiler("", old.clone()), newCompiler("", new.clone())
	compare(&d, KindProvider, things[Provider]{old.Providers, was.doc.Providers, was.provider}, things[Provider]{new.Providers, is.doc.Providers, is.provider},
		func(p *Provider) string { return p.Slug }, true)
	compare(&d, KindClient, things[Client]{old.Clients, was.doc.Clients, was.client}, things[Client]{new.Clients, is.doc.Clients, is.client},
		func(c *Client) string { return c.ID }, false)
	compare(&d, KindResource, things[Resource]{old.Resources, was.doc.Resources, was.resource}, things[Resource]{new.Resources, is.doc.Resources, is.resource},
		func(r *Resource) string { return r.ID }, false)
	scopesWere, scopesAre := scopesOf(old), scopesOf(new)
	compare(&d, KindScope, things[ownedScope]{scopesWere, scopesWere, nil}, things[ownedScope]{scopesAre, scopesAre, nil}, func(s *ownedScope) string { return s.Name }, false)
	compare(&d, KindRule, things[mapping.Rule]{old.Rules, was.doc.Rules, nil}, things[mapping.Rule]{new.Rules, is.doc.Rules, nil}, func(r *mapping.Rule) string { return r.Name }, true)
	if old.Brand != new.Brand {
		b, n := reflect.ValueOf(old.Brand), reflect.ValueOf(new.Brand)
		d.fields(KindBrand, "", b, n, b, n)
	}
	return d.changes
}

// things are those of one kind in one document, as they are written, and as they are
// meant once settle has filled in the defaults of one.
type things[T any] struct {
	written, meant []T
	settle         func(i int)
}

func (t things[T]) meaning(i int) *T {
	if t.settle != nil {
		t.settle(i)
	}
	return &t.meant[i]
}

// ownedScope is a scope with the API that has it.
type ownedScope struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Resource    string `json:"resource"`
}

func scopesOf(d Document) (out []ownedScope) {
	for _, r := range d.Resources {
		for _, s := range r.Scopes {
			out = append(out, ownedScope{s.Name, cmp.Or(s.Description, s.Name), r.ID})
		}
	}
	return out
}

type differ struct{ changes []Change }

func (d *differ) add(kind, id, op, field, old, new string) {
	setting, _, _ := strings.Cut(field, ".")
	risky := slices.Contains(sensitive[kind], setting) && (field != "" || op == Added)
	d.changes = append(d.changes, Change{kind, id, op, field, old, new, risky})
}

// compare tells what happened to the things of one kind: those that are gone, then the
// new and the changed ones in their new order, then those that stand elsewhere.
func compare[T any](d *differ, kind string, old, new things[T], key func(*T) string, ordered bool) {
	before, after := make(map[string]int, len(old.written)), make(map[string]int, len(new.written))
	for i := len(old.written) - 1; i >= 0; i-- {
		before[key(&old.written[i])] = i
	}
	for i := len(new.written) - 1; i >= 0; i-- {
		after[key(&new.written[i])] = i
	}
	for i := range old.written {
		if id := key(&old.written[i]); !has(after, id) {
			d.add(kind, id, Removed, "", summary(old.meaning(i)), "")
		}
	}
	for i := range new.written {
		id := key(&new.written[i])
		j, was := before[id]
		switch {
		case !was:
			d.add(kind, id, Added, "", "", summary(new.meaning(i)))
		case !reflect.DeepEqual(&old.written[j], &new.written[i]):
			d.fields(kind, id, reflect.ValueOf(&old.written[j]).Elem(), reflect.ValueOf(&new.written[i]).Elem(), reflect.ValueOf(old.meaning(j)).Elem(), reflect.ValueOf(new.meaning(i)).Elem())
		}
	}
	if ordered {
		moved(d, kind, before, after)
	}
}

func has[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }

// summary is what one has to know of a thing that is new or gone.
func summary(thing any) string {
	switch t := thing.(type) {
	case *Provider:
		return strings.TrimSpace(t.Kind + " " + t.Issuer)
	case *Client:
		return strings.Join(t.RedirectURIs, ", ")
	case *ownedScope:
		return "of " + t.Resource
	case *mapping.Rule:
		if t.Deny != "" {
			return "it denies: " + t.Deny
		}
		var gives []string
		for _, r := range t.Roles {
			gives = append(gives, "role "+r)
		}
		for _, s := range t.Scopes {
			gives = append(gives, "scope "+s)
		}
		if len(gives) > 0 {
			return "it gives " + strings.Join(gives, ", ")
		}
	}
	return ""
}

// fields compares two things setting by setting. A setting is different if it is both
// written and meant otherwise: what merely follows from another one is not told twice.
func (d *differ) fields(kind, id string, oldWritten, newWritten, oldMeant, newMeant reflect.Value) {
	for _, f := range reflect.VisibleFields(oldWritten.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		written, isWritten := oldWritten.FieldByIndex(f.Index), newWritten.FieldByIndex(f.Index)
		switch {
		case name == "" || name == "-" || kind == KindResource && name == "scopes":
		case f.Name == "ClientSecretSource":
			d.secret(id, oldWritten.Addr().Interface().(*Provider), newWritten.Addr().Interface().(*Provider))
		case f.Name == "SecretSources":
			d.secrets(id, oldWritten.Addr().Interface().(*Client), newWritten.Addr().Interface().(*Client))
		case !reflect.DeepEqual(written.Interface(), isWritten.Interface()):
			d.values(kind, id, name, oldMeant.FieldByIndex(f.Index), newMeant.FieldByIndex(f.Index))
		}
	}
}

// values tells the difference of one setting: of a list entry by entry, of a table name
// by name.
func (d *differ) values(kind, id, field string, old, new reflect.Value) {
	switch was := old.Interface().(type) {
	case []string:
		is := new.Interface().([]string)
		gone, came := without(was, is), without(is, was)
		for _, s := range gone {
			d.add(kind, id, Removed, field, s, "")
		}
		for _, s := range came {
			d.add(kind, id, Added, field, "", s)
		}
		if len(gone)+len(came) == 0 && !slices.Equal(was, is) {
			d.add(kind, id, Changed, field, strings.Join(was, ", "), strings.Join(is, ", "))
		}
	case map[string]string:
		is := new.Interface().(map[string]string)
		both := map[string]bool{}
		for name := range was {
			both[name] = true
		}
		for name := range is {
			both[name] = true
		}
		for _, name := range names(both) {
			o, had := was[name]
			n, hasIt := is[name]
			switch {
			case !had:
				d.add(kind, id, Added, field+"."+name, "", n)
			case !hasIt:
				d.add(kind, id, Removed, field+"."+name, o, "")
			case o != n:
				d.add(kind, id, Changed, field+"."+name, o, n)
			}
		}
	default:
		if o, n := fmt.Sprint(was), fmt.Sprint(new.Interface()); o != n {
			d.add(kind, id, Changed, field, o, n)
		}
	}
}

// without lists what is in one list and not in the other.
func without(list, other []string) (out []string) {
	in := make(map[string]bool, len(other))
	for _, s := range other {
		in[s] = true
	}
	for _, s := range list {
		if !in[s] {
			out = append(out, s)
		}
	}
	return out
}

func (d *differ) secret(id string, old, new *Provider) {
	was, is := secretWords(old.ClientSecretSource, old.ClientSecret), secretWords(new.ClientSecretSource, new.ClientSecret)
	switch {
	case was == "" && is != "":
		d.add(KindProvider, id, Added, "client_secret", "", is)
	case was != "" && is == "":
		d.add(KindProvider, id, Removed, "client_secret", was, "")
	case old.ClientSecretSource != new.ClientSecretSource || is == aSecret && new.ClientSecretSource == "" && old.ClientSecret != new.ClientSecret:
		d.add(KindProvider, id, Changed, "client_secret", was, is)
	}
}

func (d *differ) secrets(id string, old, new *Client) {
	was, is := old.secretKeys(), new.secretKeys()
	for _, key := range was {
		if !slices.Contains(is, key) {
			d.add(KindClient, id, Removed, "secrets", secretWords(ReadSecret(key)), "")
		}
	}
	for _, key := range is {
		if !slices.Contains(was, key) {
			d.add(KindClient, id, Added, "secrets", "", secretWords(ReadSecret(key)))
		}
	}
}

// secretKeys are what a client's secrets are compared by: the source, or of a literal
// its digest.
func (c *Client) secretKeys() (keys []string) {
	for i := range max(len(c.Secrets), len(c.SecretSources)) {
		if i < len(c.SecretSources) && c.SecretSources[i] != "" {
			keys = append(keys, c.SecretSources[i])
		} else {
			keys = append(keys, string(DigestSecret(c.Secrets[i])))
		}
	}
	return keys
}

// secretWords names a secret: a reference by its text, any other by nothing.
func secretWords(source string, value providers.Secret) string {
	switch {
	case Reads(source):
		return source
	case source != "" || value != "":
		return aSecret
	}
	return ""
}

// moved tells which things stand at another place among those that both documents have:
// as few as explain the new order.
func moved(d *differ, kind string, before, after map[string]int) {
	var order []string // what both have, in the new order
	for id := range after {
		if has(before, id) {
			order = append(order, id)
		}
	}
	slices.SortFunc(order, func(a, b string) int { return cmp.Compare(after[a], after[b]) })
	stay := rising(order, before)
	for i, id := range order {
		if stay[i] {
			continue
		}
		place := "to the end"
		if i+1 < len(order) {
			place = "before " + order[i+1]
		}
		d.add(kind, id, Moved, "", "", place)
	}
}

// rising marks a longest run of entries whose places rise: those that need not move.
func rising(order []string, place map[string]int) []bool {
	var tails []int // of the best run of each length, its last entry
	previous := make([]int, len(order))
	for i, id := range order {
		n, _ := slices.BinarySearchFunc(tails, place[id], func(t, at int) int { return cmp.Compare(place[order[t]], at) })
		previous[i] = -1
		if n > 0 {
			previous[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, i)
		} else {
			tails[n] = i
		}
	}
	stay := make([]bool, len(order))
	if len(tails) > 0 {
		for i := tails[len(tails)-1]; i >= 0; i = previous[i] {
			stay[i] = true
		}
	}
	return stay
}
