package mapping

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/handstamp/handstamp/broker/oauth"
)

const (
	maxRules  = 1000
	maxName   = 128
	maxReason = 300
	maxGrants = 100 // roles, scopes or claims of one rule
)

// Rules are compiled rules: immutable, and safe for any number of goroutines.
type Rules struct {
	rules   []compiled
	watched []string // names, and those that pass through to tokens by themselves
	dynamic bool     // some rule looks at claims whose names only the login knows
}

// compiled is a rule with its programs and the part of its step that never changes.
type compiled struct {
	Rule
	step   Step
	when   *program // nil: always
	claims []claimProgram
}

type claimProgram struct {
	name string
	*program
}

// Compile reads all rules and reports every problem at once. The Rules are usable
// only when there is none.
func Compile(rules []Rule) (*Rules, []Problem) {
	c := &compiler{seen: map[string]int{}}
	if len(rules) > maxRules {
		return &Rules{}, []Problem{{Message: fmt.Sprintf("there are %d rules; at most %d are accepted", len(rules), maxRules)}}
	}
	out := &Rules{rules: make([]compiled, 0, len(rules))}
	names := map[string]bool{}
	for i, r := range rules {
		one := c.rule(i, r)
		out.rules = append(out.rules, one)
		for _, p := range one.programs() {
			for _, n := range p.claimNames {
				names[n] = true
			}
			out.dynamic = out.dynamic || p.dynamic
		}
	}
	names["groups"], names["roles"] = true, true
	out.watched = slices.Sorted(maps.Keys(names))
	return out, c.problems
}

// ClaimNames lists the top-level upstream claims that the rules for a provider
// mention, sorted. A claim that is only reachable by a computed name is not among them.
func (r *Rules) ClaimNames(provider string) []string {
	names := map[string]bool{}
	for _, rule := range r.rules {
		if len(rule.Providers) > 0 && !slices.Contains(rule.Providers, provider) {
			continue
		}
		for _, p := range rule.programs() {
			for _, n := range p.claimNames {
				names[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Giving lists the rules that give a scope, when they apply.
func (r *Rules) Giving(scope string) []string {
	return r.named(func(rule Rule) bool { return slices.Contains(rule.Scopes, scope) })
}

// GivingRole lists the rules that give a role, when they apply.
func (r *Rules) GivingRole(role string) []string {
	return r.named(func(rule Rule) bool { return slices.Contains(rule.Roles, role) })
}

func (r *Rules) named(fits func(Rule) bool) (names []string) {
	for i := range r.rules {
		if fits(r.rules[i].Rule) {
			names = append(names, r.rules[i].Name)
		}
	}
	return names
}

// All lists the rules as they were written, in their order.
func (r *Rules) All() []Rule {
	all := make([]Rule, len(r.rules))
	for i := range r.rules {
		all[i] = r.rules[i].Rule
	}
	return all
}

// Len is the number of rules.
func (r *Rules) Len() int { return len(r.rules) }

func (c *compiled) programs() []*program {
	var all []*program
	if c.when != nil {
		all = append(all, c.when)
	}
	for _, p := range c.claims {
		all = append(all, p.program)
	}
	return all
}

// compiler gathers the problems of all rules.
type compiler struct {
	problems []Problem
	seen     map[string]int // rule name → index
	at       Problem        // where we are
}

func (c *compiler) problem(key, hint, message string, args ...any) {
	p := c.at
	p.Key, p.Hint, p.Message = key, hint, fmt.Sprintf(message, args...)
	c.problems = append(c.problems, p)
}

func (c *compiler) rule(index int, r Rule) compiled {
	c.at = Problem{Rule: r.Name, Index: index, File: r.File, Line: r.Line}
	r.Providers, r.Clients = slices.Clone(r.Providers), slices.Clone(r.Clients)
	out := compiled{Rule: r, step: Step{Rule: r.Name, File: r.File, Line: r.Line}}
	c.name(r.Name, index)
	c.effect(r)
	if strings.TrimSpace(r.When) != "" {
		out.when = c.expression("when", r.When)
		if p := out.when; p != nil && !p.givesBool {
			c.problem("when", "compare it with something, as in claims.department == 'sales'", "this gives %s, not true or false", p.gives)
		}
	}
	out.step.Roles, out.step.Scopes = c.words("roles", r.Roles, roleFault), c.words("scopes", r.Scopes, scopeFault)
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		key := "claims." + name
		if fault, hint := claimFault(name); fault != "" {
			c.problem(key, hint, "%s", fault)
		}
		if p := c.expression(key, r.Claims[name]); p != nil {
			out.claims = append(out.claims, claimProgram{name, p})
			out.step.Claims = append(out.step.Claims, name)
		}
	}
	out.step.Claims = slices.Clip(out.step.Claims)
	return out
}

func (c *compiler) name(name string, index int) {
	switch first, taken := c.seen[name]; {
	case name == "":
		c.problem("name", "name: engineers may edit", "the rule has no name; the trace of a decision calls it by one")
	case len(name) > maxName || !oauth.CleanText(name): // also no marks that turn the reading direction
		c.problem("name", "", "a name is one line of at most %d bytes", maxName)
	case taken:
		c.problem("name", "", "rule %d has this name too; a trace could not tell them apart", first+1)
	default:
		c.seen[name] = index
	}
}

// effect refuses a rule that does nothing, or two opposite things, or too much.
func (c *compiler) effect(r Rule) {
	grants := len(r.Roles) + len(r.Scopes) + len(r.Claims)
	switch {
	case r.Deny == "" && grants == 0:
		c.problem("", "give it roles, scopes, claims, or a deny with the reason", "the rule does nothing")
	case r.Deny != "" && grants > 0:
		c.problem("deny", "write two rules", "a rule either denies or gives; this one does both")
	case r.Deny != "" && strings.TrimSpace(r.When) == "" && len(r.Providers) == 0 && len(r.Clients) == 0:
		c.problem("deny", "add a when, providers or clients", "this rule denies everyone")
	}
	if len(r.Deny) > maxReason || strings.ContainsFunc(r.Deny, unicode.IsControl) {
		c.problem("deny", "", "a reason is one line of at most %d bytes; a person reads it", maxReason)
	}
	if len(r.Roles) > maxGrants || len(r.Scopes) > maxGrants || len(r.Claims) > maxGrants {
		c.problem("", "", "a rule gives at most %d roles, scopes and claims each", maxGrants)
	}
}

func (c *compiler) words(key string, list []string, fault func(string) string) []string {
	out := make([]string, 0, len(list))
	for i, w := range list {
		if f := fault(w); f != "" {
			c.problem(fmt.Sprintf("%s[%d]", key, i), "", "%s", f)
			continue
		}
		if slices.Contains(out, w) {
			c.problem(fmt.Sprintf("%s[%d]", key, i), "", "%q is listed twice", w)
			continue
		}
		out = append(out, w)
	}
	slices.Sort(out)
	return slices.Clip(out)
}

var roleForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$`)

func roleFault(role string) string {
	if !roleForm.MatchString(role) {
		return fmt.Sprintf("%q cannot be a role: letters, digits and . _ : / @ - only, so that no reader splits it in two", role)
	}
	return ""
}

// scopeFault applies RFC 6749 §3.3. Whether a resource has the scope, and that no rule
// gives openid or offline_access, broker/directory checks: it knows all names.
func scopeFault(scope string) string {
	if scope == "" || len(scope) > 128 || strings.ContainsFunc(scope, func(r rune) bool {
		return r < 0x21 || r == '"' || r == '\\' || r > 0x7e
	}) {
		return fmt.Sprintf("%q cannot be a scope: printable ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3)", scope)
	}
	return ""
}

var (
	claimForm      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	claimNamespace = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~/-]{1,100}$`)
)

// claimFault is the allow-list of claim names that a rule may write, and the list
// of those that say who issued a token, for whom, and how: no rule may forge them.
func claimFault(name string) (fault, hint string) {
	switch {
	case ReservedClaim(name):
		return fmt.Sprintf("%q is reserved: the broker itself answers for it", name), "choose a name of your own, as in " + `"https://` + "your.example/" + strings.ToLower(name) + `"`
	case !claimForm.MatchString(name) && !claimNamespace.MatchString(name):
		return fmt.Sprintf("%q cannot be a claim name", name), "letters, digits and _, or an https:// address with a path"
	}
	return "", ""
}

// ReservedClaim tells whether a claim is the broker's alone. The comparison ignores
// case: some readers of JSON do.
func ReservedClaim(name string) bool {
	lower := strings.ToLower(name)
	return slices.Contains(reserved, lower) || strings.HasPrefix(lower, "handstamp_")
}

// reserved holds RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4, RFC 7800 §3.1, RFC 9396 §9,
// OpenID Connect Core §2, §3.3.2.11 and §5.6.2, the logout token's own, and the e-mail
// address, whose worth a provider's trust_email decides.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	"scope", "scp", "client_id", "roles", "entitlements", "auth_time", "acr", "amr", "azp", "nonce",
	"at_hash", "c_hash", "s_hash", "sid", "act", "may_act", "cnf", "events", "authorization_details",
	"typ", "alg", "kid", "email", "email_verified", "_claim_names", "_claim_sources"}
