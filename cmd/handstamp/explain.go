package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

const (
	maxClaimsFile            = 1 << 20
	exitNotAdmitted exitCode = 2           // explained, and the person would not come in
	explainedAsUser          = "explained" // stands for the user's id, which only a database knows
)

func explainCmd() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{Use: "explain -c FILE --provider SLUG --client ID --claims FILE",
		Short: "Show why given claims lead to given roles and scopes, rule by rule", Args: cobra.NoArgs,
		Long: "Show why given claims lead to given roles and scopes: what each rule said, and which part of it was false.\n\n" +
			"The claims are what the provider says about a person: the payload of its ID token, with userinfo's answer, as JSON.\n" +
			"Nothing is stored, and nobody is asked. Values of claims are printed.\n\n" +
			"Exit codes: 0 the person would come in, 2 they would not, 1 the question cannot be answered.",
		Example: "  handstamp explain -c handstamp.yaml --provider google --client web --claims claims.json\n" +
			"  echo '{\"sub\":\"1\",\"hd\":\"example.com\"}' | handstamp explain -c handstamp.yaml --provider google --client web --claims -",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.verifiedSet = cmd.Flags().Changed("email-verified")
			return explain(o, cmd.InOrStdin(), cmd.OutOrStdout())
		}}
	f := cmd.Flags()
	f.StringVarP(&o.path, "config", "c", "handstamp.yaml", "settings file")
	f.StringVar(&o.provider, "provider", "", "slug of the provider that says the claims")
	f.StringVar(&o.client, "client", "", "id of the client that the person signs in to")
	f.StringVar(&o.claims, "claims", "", "file with the claims as JSON; - reads standard input")
	f.StringSliceVar(&o.scopes, "scope", nil, "what the client asks for, with commas between (default: all that it may)")
	f.StringVar(&o.resource, "resource", "", "the resource that the client names, as in its request")
	f.BoolVar(&o.new, "new", false, "the person signs in for the first time (user.new)")
	f.BoolVar(&o.verified, "email-verified", false, "take user.email_verified as given, instead of working it out from the claims and trust_email")
	f.BoolVar(&o.json, "json", false, "print for programs")
	for _, required := range []string{"provider", "client", "claims"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err) // the flag was defined a few lines above
		}
	}
	return cmd
}

type explainOptions struct {
	path, provider, client, claims, resource string
	scopes                                   []string
	new, verified, verifiedSet, json         bool
}

// explained is the whole answer; the form of --json.
type explained struct {
	Provider string           `json:"provider"`
	Client   string           `json:"client"`
	Admitted bool             `json:"admitted"`
	Refusal  *refusalTold     `json:"refusal,omitempty"`
	User     userTold         `json:"user"`
	Decision mapping.Decision `json:"decision"` // every rule's step is in its trace

	Asked    []string `json:"asked"`    // scopes
	Scopes   []string `json:"scopes"`   // that the client would get
	Missing  []string `json:"missing"`  // asked for and not given
	Audience []string `json:"audience"` // of the access token
	rules    []mapping.Rule
}

type refusalTold struct {
	Code        string `json:"code"`
	ForPerson   string `json:"for_person"`
	ForOperator string `json:"for_operator"`
}

// userTold is what the rules saw as user.*.
type userTold struct {
	Name          string `json:"name"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	New           bool   `json:"new"`
	Why           string `json:"why"` // of email_verified
}

func explain(o explainOptions, in io.Reader, out io.Writer) error {
	cfg, err := configs.Load(o.path)
	if err != nil {
		return err
	}
	claims, err := readClaims(o.claims, in)
	if err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	e, err := explainClaims(cfg, o, claims)
	if err != nil {
		return err
	}
	if o.json {
		err = printJSON(out, e)
	} else {
		err = e.print(out)
	}
	if err == nil && !e.Admitted {
		return exitNotAdmitted
	}
	return err
}

// explainClaims asks the same questions in the same order as a login: the target of
// the request, the rules, admit(), and what remains of the scopes.
func explainClaims(cfg *configs.Config, o explainOptions, claims map[string]any) (*explained, error) {
	snap := cfg.Snapshot()
	provider, ok := snap.Provider(o.provider)
	if !ok {
		return nil, fmt.Errorf("there is no provider %q; there are: %s", o.provider, namesOf(snap.Providers(), func(p *directory.Provider) string { return p.Slug }))
	}
	client, ok := snap.Client(o.client)
	if !ok {
		return nil, fmt.Errorf("there is no client %q; there are: %s", o.client, namesOf(snap.Clients(), func(c *directory.Client) string { return c.ID }))
	}
	asked := o.scopes
	if len(asked) == 0 {
		asked = client.Scopes
	}
	var resources []string
	if o.resource != "" {
		resources = []string{o.resource}
	}
	target, oerr := snap.Target(client, resources, asked)
	if oerr != nil {
		return nil, fmt.Errorf("the client's request would be refused: %s (%s); name one with --scope or --resource", oerr.Description, oerr.Code)
	}
	user := userFrom(provider, claims, o)
	e := &explained{Provider: provider.Slug, Client: client.ID, User: user, Asked: asked, Scopes: []string{}, Audience: target.Audience, rules: cfg.Directory.Rules}
	e.Decision = snap.Rules().Explain(mapping.Input{Claims: claims, ProviderSlug: provider.Slug, ProviderKind: provider.Kind, ClientID: client.ID,
		User: mapping.UserInput{ID: explainedAsUser, Subject: explainedAsUser, Name: user.Name, Email: user.Email, EmailVerified: user.EmailVerified, New: o.new}})
	admission := directory.Admission{UserID: explainedAsUser, Provider: provider, Client: client, Claims: claims,
		Email: user.Email, EmailVerified: user.EmailVerified, Decision: &e.Decision}
	if o.new {
		admission.UserID = ""
	}
	if r := snap.Admit(admission); r != nil {
		e.Refusal = &refusalTold{r.Code, r.ForPerson, r.ForOperator}
	} else {
		e.Admitted, e.Scopes = true, target.Grantable(e.Decision.Scopes)
	}
	e.Missing = slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(e.Scopes, s) })
	return e, nil
}

// userFrom is what a login would know of the person.
func userFrom(p *directory.Provider, claims map[string]any, o explainOptions) userTold {
	u := userTold{New: o.new}
	u.Name, _ = claims["name"].(string)
	u.Email, _ = claims["email"].(string)
	if o.verifiedSet {
		u.EmailVerified, u.Why = o.verified, "given by --email-verified"
		return u
	}
	u.EmailVerified, u.Why = emailVerified(p, claims)
	return u
}

// emailVerified is the judgement that the provider itself makes in a login, in words.
func emailVerified(p *directory.Provider, claims map[string]any) (bool, string) {
	email, _ := claims["email"].(string)
	at := strings.LastIndexByte(email, '@')
	said, isBool := claims["email_verified"].(bool)
	switch {
	case at <= 0:
		return false, "there is no e-mail address in the claims"
	case claims["email_verified"] == nil:
		return false, "claims.email_verified is not there"
	case !isBool:
		return false, "claims.email_verified is not the JSON boolean true"
	case !said:
		return false, "the provider says that it is not verified"
	}
	domain := strings.ToLower(email[at+1:])
	hd, _ := claims["hd"].(string)
	switch {
	case p.TrustEmail == directory.TrustAlways:
		return true, "the provider says so, and trust_email is always"
	case p.TrustEmail == directory.TrustNever:
		return false, "trust_email is never"
	case slices.Contains(p.EmailDomains, domain):
		return true, "the provider says so, and " + domain + " is one of its email_domains"
	case p.Kind == "google" && (domain == "gmail.com" || hd != ""):
		return true, "Google says so, and it is the authority for this account's address"
	}
	return false, "the provider says so, but " + domain + " is not among its email_domains (trust_email: own_domains)"
}

// readClaims reads one JSON object, as strictly as a login reads a token's payload.
func readClaims(path string, in io.Reader) (map[string]any, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxClaimsFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxClaimsFile {
		return nil, errors.New("the file is larger than 1 MiB")
	}
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil || claims == nil {
		return nil, errors.New("the file does not hold a JSON object, as in {\"sub\": \"1\", \"email\": \"alice@example.com\"}")
	}
	if err := providers.StrictJSON(b); err != nil {
		return nil, fmt.Errorf("a login would refuse this: %w", err)
	}
	return claims, nil
}

func namesOf[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// print tells it to people: each rule with its mark, then the outcome.
func (e *explained) print(out io.Writer) error {
	p := &printer{out: out}
	p.line("%s at %s, for %s", cmp.Or(e.User.Name, e.User.Email, "Somebody"), e.Provider, e.Client)
	p.line("  user.email_verified is %t: %s", e.User.EmailVerified, e.User.Why)
	p.line("")
	if len(e.Decision.Trace) == 0 {
		p.line("There are no rules, so nobody gets a role or an API's scope.")
	}
	for i, step := range e.Decision.Trace {
		p.step(i, step, e.rules)
	}
	p.line("")
	e.printOutcome(p)
	return p.err
}

// step is one rule: mark, name, place; the expression; why; what it gave.
func (p *printer) step(i int, step mapping.Step, rules []mapping.Rule) {
	mark, gave := "no   ", ""
	switch {
	case step.Skipped:
		mark = "-    "
	case step.Deny && step.Errored:
		mark, gave = "DENY ", "it could not be worked out, and a deny rule then denies"
	case step.Deny:
		mark, gave = "DENY ", "it denies"
	case step.Errored:
		mark, gave = "error", "it could not be worked out, and a grant rule then gives nothing"
	case step.Matched:
		mark, gave = "yes  ", gives(step)
	}
	place := ""
	if step.Line > 0 {
		place = fmt.Sprintf("  (%s:%d)", step.File, step.Line)
	}
	p.line("%s  %s%s", mark, step.Rule, place)
	if i < len(rules) && rules[i].Name == step.Rule && rules[i].When != "" && !step.Skipped {
		p.line("         when  %s", strings.Join(strings.Fields(rules[i].When), " "))
	}
	if step.Why != "" {
		p.line("         why   %s", step.Why)
	}
	if gave != "" {
		p.line("         so    %s", gave)
	}
}

func gives(step mapping.Step) string {
	var parts []string
	for _, one := range []struct {
		noun string
		list []string
	}{{"role", step.Roles}, {"scope", step.Scopes}, {"claim", step.Claims}} {
		if len(one.list) > 0 {
			parts = append(parts, plural(one.noun, len(one.list))+" "+strings.Join(one.list, ", "))
		}
	}
	if len(parts) == 0 {
		return "it gives nothing: the claims that it writes have no value here"
	}
	return "it gives " + strings.Join(parts, "; ")
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func (e *explained) printOutcome(p *printer) {
	if !e.Admitted {
		p.line("NOT ADMITTED (%s): %s", e.Refusal.Code, e.Refusal.ForOperator)
		p.line("  the person reads: %s", e.Refusal.ForPerson)
		return
	}
	p.line("ADMITTED")
	p.line("  roles     %s", listOr(e.Decision.Roles, "none"))
	p.line("  scopes    %s", listOr(e.Scopes, "none"))
	if len(e.Missing) > 0 {
		p.line("  not given %s  (%s)", strings.Join(e.Missing, " "), e.whyMissing())
	}
	p.line("  audience  %s", listOr(e.Audience, "none"))
	for _, name := range slices.Sorted(maps.Keys(e.Decision.Claims)) {
		b, err := json.Marshal(e.Decision.Claims[name])
		if err != nil {
			b = []byte("a value that cannot be shown")
		}
		p.line("  claim     %s = %s", name, b)
	}
}

func (e *explained) whyMissing() string {
	for _, s := range e.Missing {
		if slices.Contains(e.Decision.Scopes, s) {
			return "asked for; the client may not have them, or they belong to another resource"
		}
	}
	return "asked for; no rule gives them to this person"
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, " ")
}
