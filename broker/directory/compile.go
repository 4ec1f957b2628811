package directory

import (
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/mapping"
)

// Compile checks a document and makes it ready for requests. It reports every
// problem at once, in the order of the document; the Snapshot is nil if there is one.
func Compile(issuer string, d Document) (*Snapshot, []Problem) {
	c := newCompiler(issuer, d.clone())
	for i := range c.doc.Providers {
		c.provider(i)
	}
	for i := range c.doc.Clients {
		c.client(i)
	}
	for i := range c.doc.Resources {
		c.resource(i)
	}
	rules := c.rules()
	c.problems = append(c.problems, CheckBrand(c.doc.Brand)...)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.snapshot(rules), nil
}

// compiler knows every name of a document before it checks the first of them, so
// that an app may name a resource that stands below it.
type compiler struct {
	issuer   string
	doc      Document
	problems []Problem
	root     report

	slugs, clients, audiences map[string]int       // name → its first place
	owners                    map[string]*Resource // scope → the resource that has it first
}

func newCompiler(issuer string, d Document) *compiler {
	c := &compiler{issuer: issuer, doc: d, slugs: map[string]int{}, clients: map[string]int{}, audiences: map[string]int{}, owners: map[string]*Resource{}}
	c.root = report{problems: &c.problems}
	for i, p := range slices.Backward(d.Providers) {
		c.slugs[p.Slug] = i
	}
	for i, cl := range slices.Backward(d.Clients) {
		c.clients[cl.ID] = i
	}
	for i := range slices.Backward(d.Resources) {
		r := &d.Resources[i]
		c.audiences[r.ID] = i
		for _, s := range r.Scopes {
			c.owners[s.Name] = r
		}
	}
	return c
}

// rules compiles the mapping rules and checks that what they name exists.
func (c *compiler) rules() *mapping.Rules {
	rules, problems := mapping.Compile(c.doc.Rules)
	for _, p := range problems {
		if p.Index < 0 || p.Index >= len(c.doc.Rules) {
			c.root.at("rules").say(p.Message, p.Hint)
		}
	}
	for i, rule := range c.doc.Rules {
		at := c.root.item("rules", i)
		for _, p := range problems {
			if p.Index != i {
				continue
			}
			where := at
			if p.Key != "" {
				where = at.at(p.Key)
			}
			where.say(p.Message, p.Hint)
		}
		at.notEmpty("providers", rule.Providers, "every provider")
		at.notEmpty("clients", rule.Clients, "every client")
		c.known(at, "providers", "provider", rule.Providers, c.slugs)
		c.known(at, "clients", "client", rule.Clients, c.clients)
		for j, s := range rule.Scopes {
			switch {
			case isIdentityScope(s):
				at.item("scopes", j).say(s+" is not given by rules", "a person's own sign-in gives it; the client's scopes say who may ask for it")
			case strings.HasPrefix(s, reserved):
				at.item("scopes", j).say(s+" is of the broker's own administration, which no rule can give", "an owner makes administrators, by name: handstamp admin")
			case c.owners[s] == nil && s != "":
				at.item("scopes", j).say("no resource has the scope "+s, chooseOf(at, s, c.owners))
			}
		}
	}
	return rules
}

// known checks a list of names against those that the document defines.
func (c *compiler) known(at report, list, noun string, named []string, defined map[string]int) {
	seen := make(map[string]bool, len(named))
	for i, name := range named {
		switch _, ok := defined[name]; {
		case !ok || name == "":
			at.item(list, i).say("there is no "+noun+" "+quoted(name), chooseOf(at, name, defined))
		case seen[name]:
			at.item(list, i).say(quoted(name)+" stands twice in this list", "remove one")
		}
		seen[name] = true
	}
}

// snapshot makes the maps once. Nothing can fail any more.
func (c *compiler) snapshot(rules *mapping.Rules) *Snapshot {
	for i := range c.doc.Providers { // where secrets come from is nobody's business at a request, nor the version's
		c.doc.Providers[i].ClientSecretSource = ""
	}
	for i := range c.doc.Clients {
		c.doc.Clients[i].SecretSources = nil
	}
	s := &Snapshot{issuer: c.issuer, version: version(c.issuer, c.doc), rules: rules, brand: c.doc.Brand, place: c.slugs, providerBySlug: map[string]*Provider{}, providerByID: map[string]*Provider{},
		clientByID: map[string]*Client{}, resourceByID: map[string]*Resource{}, resourceOf: c.owners, origins: map[string]bool{}}
	for i := range c.doc.Providers {
		p := &c.doc.Providers[i]
		s.providers = append(s.providers, p)
		s.providerBySlug[p.Slug] = p
		if !p.Disabled {
			s.enabled = append(s.enabled, p)
		}
	}
	for _, sc := range identityScopes {
		if !rare(sc.Name) || c.askedFor(sc.Name) {
			s.scopes = append(s.scopes, sc.Name)
		}
	}
	for i := range c.doc.Resources {
		r := &c.doc.Resources[i]
		s.resources = append(s.resources, r)
		s.resourceByID[r.ID] = r
		for _, sc := range r.Scopes {
			s.scopes = append(s.scopes, sc.Name)
		}
	}
	s.administration = &Resource{ID: AdminResource, Name: "Administration", Scopes: adminScopes}
	s.account, s.admin = accountClient(s), adminClient(s)
	for i := range c.doc.Clients {
		cl := &c.doc.Clients[i]
		cl.compiled = compileClient(cl, s)
		cl.Secrets = nil
		s.clients = append(s.clients, cl)
		s.clientByID[cl.ID] = cl
		for _, o := range cl.AllowedOrigins {
			if !cl.Disabled {
				s.origins[o] = true
			}
		}
	}
	s.claimsOf = claimsByProvider(s.clients)
	return s
}

// askedFor tells whether some client may ask for a scope.
func (c *compiler) askedFor(scope string) bool {
	for i := range c.doc.Clients {
		if cl := &c.doc.Clients[i]; !cl.Disabled && slices.Contains(cl.Scopes, scope) {
			return true
		}
	}
	return false
}
