package directory

import (
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
)

// Admission is the question: may this person, known through this provider, use
// this client now?
type Admission struct {
	UserID       string // "": the login would make a new user
	UserDisabled bool
	Provider     *Provider
	Client       *Client

	// Claims are the whole upstream answer. Leave them nil only on a path that
	// has none at hand and whose grant was decided under this very snapshot.
	Claims        map[string]any
	Email         string
	EmailVerified bool

	Decision *mapping.Decision // what the rules said; nil where they were not asked again

	AdminRole string // of this identity; judged at the console's client only
}

// Refusal tells three audiences why: the code for the app, a sentence for the
// person, a reason for the operator.
type Refusal struct {
	Code        string
	ForPerson   string
	ForOperator string
}

// String is for logs. A Refusal is no error on purpose: the door decides what each
// audience hears.
func (r *Refusal) String() string { return r.Code + ": " + r.ForOperator }

// Admit is the one gate that every path passes: login, single sign-on, consent,
// code, refresh, userinfo, introspection. nil means come in. Client and provider are judged as
// this snapshot has them, never as the caller remembers them, so that a login
// that began before an administrator closed a door ends in front of it.
func (s *Snapshot) Admit(a Admission) *Refusal {
	for _, check := range []func(*Admission) *Refusal{s.admitClient, s.admitProvider, admitUser, admitTenant, admitDomain, admitRules, admitRole} {
		if refusal := check(&a); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (s *Snapshot) admitClient(a *Admission) *Refusal {
	if a.Client == nil {
		return &Refusal{oauth.UnauthorizedClient, "This app is not known here.", "no client"}
	}
	current, ok := s.current(a.Client)
	switch {
	case !ok:
		return &Refusal{oauth.UnauthorizedClient, "This app is not known here.", "client " + a.Client.ID + " does not exist"}
	case current.Disabled:
		return &Refusal{oauth.UnauthorizedClient, "This app is switched off.", "client " + current.ID + " is disabled"}
	}
	a.Client = current
	return nil
}

func (s *Snapshot) admitProvider(a *Admission) *Refusal {
	if a.Provider == nil {
		return denied("This way of signing in is not known here.", "no provider")
	}
	current, ok := s.providerBySlug[a.Provider.Slug]
	switch {
	case !ok:
		return denied("This way of signing in is not known here.", "provider "+a.Provider.Slug+" does not exist")
	case a.Provider.InternalID != "" && current.InternalID != "" && a.Provider.InternalID != current.InternalID:
		return denied("This way of signing in is not known here.", "provider "+current.Slug+" is another one than before")
	case current.Disabled:
		return denied("Signing in with "+current.Title+" is switched off.", "provider "+current.Slug+" is disabled")
	case !a.Client.compiled.allows(current.Slug):
		return denied(a.Client.Name+" cannot be used by signing in with "+current.Title+".", "provider "+current.Slug+" is not allowed for client "+a.Client.ID)
	}
	a.Provider = current
	return nil
}

func admitUser(a *Admission) *Refusal {
	switch {
	case a.UserID == "" && !a.Provider.MakesUsers():
		return denied("You have no account here yet. Please ask your administrator.", "no user, and signup of provider "+a.Provider.Slug+" is existing")
	case a.UserDisabled:
		return denied("Your account is disabled. Please ask your administrator.", "user "+a.UserID+" is disabled")
	}
	return nil
}

// admitTenant enforces the organization that a provider is limited to, on the
// claim: the parameter sent upstream is a hint that a person can remove.
func admitTenant(a *Admission) *Refusal {
	if a.Claims == nil {
		return nil
	}
	if want := a.Provider.HostedDomain; want != "" {
		if hd, _ := a.Claims["hd"].(string); hd == "" || want != "*" && lower(hd) != want {
			return denied("Please sign in with your account of "+tenantName(want)+".", "claim hd is not hosted_domain of provider "+a.Provider.Slug)
		}
	}
	if want := a.Provider.Organization; want != "" {
		id, _ := a.Claims["org_id"].(string)
		name, _ := a.Claims["org_name"].(string) // Auth0 keeps names in lower case, and ids exactly
		if isID := strings.HasPrefix(want, "org_"); isID && id != want || !isID && lower(name) != lower(want) {
			return denied("Please sign in as a member of your organization.", "claim org_id or org_name is not organization of provider "+a.Provider.Slug)
		}
	}
	return nil
}

func tenantName(hostedDomain string) string {
	if hostedDomain == "*" {
		return "an organization"
	}
	return hostedDomain
}

func admitDomain(a *Admission) *Refusal {
	if len(a.Provider.AllowedDomains) == 0 {
		return nil
	}
	domain, wellFormed := emailDomain(a.Email)
	reason := ""
	switch {
	case !wellFormed:
		reason = "the e-mail address is missing or malformed"
	case !a.EmailVerified:
		reason = "the e-mail address is not verified"
	case !a.Provider.trustedFor(domain, a.Claims):
		reason = "the provider is not trusted for the address's domain"
	case !slices.Contains(a.Provider.AllowedDomains, domain):
		reason = "the address's domain is not in allowed_domains"
	default:
		return nil
	}
	return denied("Please sign in with a verified e-mail address of your organization.", reason+", provider "+a.Provider.Slug)
}

// trustedFor tells whether the provider's word about addresses of a domain counts
// today, whatever it counted for when the person last signed in.
func (p *Provider) trustedFor(domain string, claims map[string]any) bool {
	switch p.TrustEmail {
	case TrustAlways:
		return true
	case TrustNever:
		return false
	}
	if slices.Contains(p.EmailDomains, domain) {
		return true
	}
	// Google is the authority for gmail.com and for Workspace accounts, which have
	// hd. Without the claims at hand, EmailVerified has judged it.
	if p.Kind != "google" {
		return false
	}
	hd, _ := claims["hd"].(string)
	return claims == nil || domain == "gmail.com" || hd != ""
}

func admitRules(a *Admission) *Refusal {
	if a.Decision == nil || a.Decision.Allow {
		return nil
	}
	person := strings.TrimSpace(a.Decision.DenyReason)
	if person == "" {
		person = "You are not allowed to sign in here."
	}
	operator := "the rules deny"
	for _, step := range a.Decision.Trace {
		if step.Deny {
			operator = "rule " + step.Rule + " denies"
			break
		}
	}
	return denied(person, operator)
}

// admitRole lets administrators alone into the console. Who is one stands in the book,
// by provider and subject: no rule and no claim makes one (A11).
func admitRole(a *Admission) *Refusal {
	if a.Client.ID != AdminClient || AdminScopes(a.AdminRole) != nil {
		return nil
	}
	return NotAnAdministrator()
}

// NotAnAdministrator refuses somebody at the console whom no owner has made an administrator.
func NotAnAdministrator() *Refusal {
	return denied("You are not an administrator here. An owner can make you one.", "this identity has no administrator's role")
}

func denied(person, operator string) *Refusal {
	return &Refusal{oauth.AccessDenied, person, operator}
}
