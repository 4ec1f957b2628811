package directory

import (
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
)

func mappingInput(claims map[string]any) mapping.Input {
	return mapping.Input{Claims: claims, ProviderSlug: "okta", ProviderKind: "okta", ClientID: "web", User: mapping.UserInput{ID: "u1", Subject: "s1"}}
}

// alice is known through okta, allowed everywhere, and asks to use web.
func alice(t testing.TB, s *Snapshot) Admission {
	return Admission{UserID: "u1", Provider: provider(t, s, "okta"), Client: client(t, s, "web"), Email: "alice@acme.example", EmailVerified: true,
		Claims:   map[string]any{"sub": "00u1", "email": "alice@acme.example", "hd": "acme.example", "org_id": "org_1", "org_name": "acme"},
		Decision: &mapping.Decision{Allow: true}}
}

// paths are the ways to come in, by what each has at hand.
var paths = []struct {
	name  string
	shape func(a Admission) Admission
}{
	{"first login", func(a Admission) Admission { a.UserID = ""; return a }},
	{"login", func(a Admission) Admission { return a }},
	{"link", func(a Admission) Admission { return a }},
	{"single sign-on", func(a Admission) Admission { return a }},
	{"prompt=none", func(a Admission) Admission { return a }},
	{"consent", func(a Admission) Admission { return a }},
	{"refresh decided anew", func(a Admission) Admission { return a }},
	{"code", func(a Admission) Admission { a.Decision = nil; return a }},
	{"refresh", func(a Admission) Admission { a.Decision = nil; return a }},
	{"userinfo", func(a Admission) Admission { a.Decision = nil; return a }},
}

func TestU35_D28_EveryRestrictionHoldsOnEveryPath(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(d *Document)  // what the administrator closed
		who    func(a *Admission) // what is wrong with the person
		code   string
	}{
		{"client disabled", func(d *Document) { d.Clients[0].Disabled = true }, nil, oauth.UnauthorizedClient},
		{"client removed", func(d *Document) { d.Clients, d.Rules = d.Clients[1:], nil }, nil, oauth.UnauthorizedClient},
		{"no client", nil, func(a *Admission) { a.Client = nil }, oauth.UnauthorizedClient},
		{"U21: provider disabled", func(d *Document) { d.Providers[1].Disabled = true }, nil, oauth.AccessDenied},
		{"provider removed", func(d *Document) { d.Providers[1], d.Rules = d.Providers[2], nil; d.Providers = d.Providers[:2] }, nil, oauth.AccessDenied},
		{"no provider", nil, func(a *Admission) { a.Provider = nil }, oauth.AccessDenied},
		{"slug of another provider than before", nil, func(a *Admission) {
			p := *a.Provider
			p.InternalID = "p9"
			a.Provider = &p
		}, oauth.AccessDenied},
		{"D28: provider not allowed for the client", func(d *Document) { d.Clients[0].Providers = []string{"google", "auth0"} }, nil, oauth.AccessDenied},
		{"person disabled", nil, func(a *Admission) { a.UserDisabled = true }, oauth.AccessDenied},
		{"L11: address of another domain", onlyAcme, func(a *Admission) { a.Email = "alice@gmail.example" }, oauth.AccessDenied},
		{"L11: address not verified", onlyAcme, func(a *Admission) { a.EmailVerified = false }, oauth.AccessDenied},
		{"L11: no address", onlyAcme, func(a *Admission) { a.Email = "" }, oauth.AccessDenied},
		{"L11: address with two @", onlyAcme, func(a *Admission) { a.Email = "alice@evil.example@acme.example" }, oauth.AccessDenied},
		{"L05: provider no longer trusted for the domain", func(d *Document) {
			d.Providers[1].EmailDomains, d.Providers[1].AllowedDomains = []string{"acme.example", "b.example"}, []string{"b.example"}
		}, nil, oauth.AccessDenied},
	} {
		before := compiled(t, acme())
		d := acme()
		if row.change != nil {
			row.change(&d)
		}
		now := compiled(t, d)
		for _, path := range paths {
			a := alice(t, before) // the login began under the old settings
			if row.who != nil {
				row.who(&a)
			}
			a = path.shape(a)
			refusal := now.Admit(a)
			if refusal == nil || refusal.Code != row.code || refusal.ForPerson == "" || refusal.ForOperator == "" {
				t.Errorf("%s, by %s: got %+v, want %s", row.why, path.name, refusal, row.code)
			}
		}
	}
	s := compiled(t, acme())
	for _, path := range paths {
		if refusal := s.Admit(path.shape(alice(t, s))); refusal != nil {
			t.Errorf("alice, by %s: refused: %v", path.name, refusal)
		}
	}
}

func onlyAcme(d *Document) { d.Providers[1].AllowedDomains = []string{"acme.example"} }

func TestU35_TheOrganizationIsEnforcedOnTheClaim(t *testing.T) {
	d := acme()
	d.Providers[0].HostedDomain = "acme.example"
	d.Providers[2].Organization = "org_1"
	byID := compiled(t, d)
	d.Providers[0].HostedDomain = "*"
	d.Providers[2].Organization = "Acme"
	byName := compiled(t, d)
	for _, row := range []struct {
		why      string
		snapshot *Snapshot
		provider string
		claims   map[string]any
		admitted bool
	}{
		{"member", byID, "google", map[string]any{"hd": "acme.example"}, true},
		{"member, other letters", byID, "google", map[string]any{"hd": "ACME.example"}, true},
		{"another Workspace", byID, "google", map[string]any{"hd": "evil.example"}, false},
		{"longer name", byID, "google", map[string]any{"hd": "acme.example.evil.example"}, false},
		{"consumer account with an address of the domain", byID, "google", map[string]any{"email": "alice@acme.example"}, false},
		{"list instead of a name", byID, "google", map[string]any{"hd": []any{"acme.example"}}, false},
		{"no claims at all", byID, "google", map[string]any{}, false},
		{"any Workspace", byName, "google", map[string]any{"hd": "other.example"}, true},
		{"any Workspace, consumer account", byName, "google", map[string]any{}, false},
		{"any Workspace, empty", byName, "google", map[string]any{"hd": ""}, false},
		{"organization by id", byID, "auth0", map[string]any{"org_id": "org_1"}, true},
		{"another id", byID, "auth0", map[string]any{"org_id": "org_2"}, false},
		{"id in other letters", byID, "auth0", map[string]any{"org_id": "ORG_1"}, false},
		{"a name that looks like the id", byID, "auth0", map[string]any{"org_name": "org_1"}, false},
		{"organization by name", byName, "auth0", map[string]any{"org_id": "org_1", "org_name": "acme"}, true},
		{"another name", byName, "auth0", map[string]any{"org_id": "org_1", "org_name": "evil"}, false},
		{"an id that looks like the name", byName, "auth0", map[string]any{"org_id": "Acme"}, false},
		{"no organization", byName, "auth0", map[string]any{}, false},
	} {
		for _, path := range paths {
			a := alice(t, row.snapshot)
			a.Provider, a.Claims = provider(t, row.snapshot, row.provider), row.claims
			if refusal := row.snapshot.Admit(path.shape(a)); (refusal == nil) != row.admitted {
				t.Errorf("%s, by %s: got %v", row.why, path.name, refusal)
			}
		}
	}
}

func TestU35_ADenyingRuleIsARefusalWithItsReason(t *testing.T) {
	s := compiled(t, acme())
	a := alice(t, s)
	a.Decision = &mapping.Decision{DenyReason: "Contractors use the portal.", Trace: []mapping.Step{{Rule: "everybody reads"}, {Rule: "no contractors", Deny: true}}}
	refusal := s.Admit(a)
	if refusal == nil || refusal.Code != oauth.AccessDenied || refusal.ForPerson != "Contractors use the portal." || !strings.Contains(refusal.ForOperator, "no contractors") {
		t.Errorf("got %+v", refusal)
	}
	a.Decision = &mapping.Decision{}
	if refusal := s.Admit(a); refusal == nil || refusal.ForPerson == "" {
		t.Errorf("a decision that allows nothing must refuse, got %+v", refusal)
	}
}

func TestAdmissionOfNothingIsRefused(t *testing.T) {
	if refusal := compiled(t, acme()).Admit(Admission{}); refusal == nil {
		t.Error("deny by default")
	}
}

func TestL14_ANewPersonIsRefusedWhereSignupIsExisting(t *testing.T) {
	d := acme()
	d.Providers[1].Signup = SignupExisting
	s := compiled(t, d)
	a := alice(t, s)
	if refusal := s.Admit(a); refusal != nil {
		t.Errorf("alice has an account, got %v", refusal)
	}
	a.UserID = ""
	if refusal := s.Admit(a); refusal == nil || refusal.Code != oauth.AccessDenied {
		t.Errorf("somebody new must be refused, got %v", refusal)
	}
	if provider(t, s, "okta").MakesUsers() {
		t.Error("storage must be told not to make a user either")
	}
	a.Provider = provider(t, s, "google")
	if refusal := s.Admit(a); refusal != nil {
		t.Errorf("google signs up automatically, got %v", refusal)
	}
}

func TestL05_AnAddressVerifiedUnderOlderSettingsIsJudgedByTodaysTrust(t *testing.T) {
	d := acme()
	d.Providers[0].AllowedDomains = []string{"acme.example"}
	s := compiled(t, d)
	for _, row := range []struct {
		why      string
		claims   map[string]any
		admitted bool
	}{
		{"Workspace account", map[string]any{"hd": "acme.example"}, true},
		{"consumer account with an address of the domain", map[string]any{}, false},
		{"decided under these settings already", nil, true},
	} {
		a := alice(t, s)
		a.Provider, a.Claims = provider(t, s, "google"), row.claims
		if refusal := s.Admit(a); (refusal == nil) != row.admitted {
			t.Errorf("%s: got %v", row.why, refusal)
		}
	}
}

func TestL05_AProvidersWordCountsOnlyForItsOwnDomains(t *testing.T) {
	for _, trust := range []struct {
		mode    string
		domains []string
		trusted map[string]bool
	}{
		{TrustOwnDomains, []string{"corp.example"}, map[string]bool{"corp.example": true}},
		{TrustOwnDomains, []string{"partner.example", "corp.example"}, map[string]bool{"corp.example": true, "partner.example": true}},
		{TrustAlways, nil, map[string]bool{"corp.example": true, "partner.example": true, "sub.corp.example": true, "corp.example.evil.example": true}},
	} {
		d := acme()
		p := &d.Providers[1]
		p.TrustEmail, p.EmailDomains = trust.mode, trust.domains
		s := compiled(t, d)
		for _, domain := range []string{"corp.example", "partner.example", "sub.corp.example", "corp.example.evil.example"} {
			if got := provider(t, s, "okta").trustedFor(domain, map[string]any{}); got != trust.trusted[domain] {
				t.Errorf("%s %q: %s trusted: %v", trust.mode, trust.domains, domain, got)
			}
		}
	}
	never := &Provider{Kind: "okta", TrustEmail: TrustNever, EmailDomains: []string{"corp.example"}}
	if never.trustedFor("corp.example", nil) {
		t.Error("never is never")
	}
	google := &Provider{Kind: "google", TrustEmail: TrustOwnDomains}
	for _, row := range []struct {
		why, domain string
		claims      map[string]any
		want        bool
	}{
		{"its own mail", "gmail.com", map[string]any{}, true},
		{"a Workspace", "acme.example", map[string]any{"hd": "acme.example"}, true},
		{"an address verified once, long ago", "acme.example", map[string]any{}, false},
		{"hd of the wrong type", "acme.example", map[string]any{"hd": true}, false},
	} {
		if got := google.trustedFor(row.domain, row.claims); got != row.want {
			t.Errorf("google, %s: got %v", row.why, got)
		}
	}
}

// odd addresses that one program or another reads as one of acme.example.
var oddAddresses = []string{
	"", "@", "alice", "alice@", "@acme.example", "alice@evil@acme.example", "alice@acme.example@evil.example", `"alice@acme.example"@evil.example`, `"alice"@acme.example`,
	"alice@acme.example.", "alice@.acme.example", "alice@acme..example", " alice@acme.example", "alice@acme.example ", "alice @acme.example", "alice@ acme.example",
	"alice@acme.example\n", "alice@acme.example\r\nBcc: x", "alice\x00@acme.example", "alice@acme.example\x00.evil.example", "Alice <alice@acme.example>", "<alice@acme.example>",
	"alice@acme.example,bob@evil.example", "alice@evil.example,bob@acme.example", "alice@acme.example;bob@evil.example", "alice(acme)@acme.example", "alice@acme.example(x)",
	"alice@[127.0.0.1]", "alice@10.0.0.7", "alice@acme", "alice@acme.exam\u200bple", "alice@\uff41cme.example", "alice@acm\u0435.example", "alice@acme\u3002example",
	"alice@ACME.EXAMPL\u0130", "al\u00efce@acme.example", ".alice@acme.example", "alice.@acme.example", "al..ice@acme.example", `al\ice@acme.example`, "mailto:alice@acme.example",
	"alice%40acme.example@evil.example", "alice@acme.example%00", "alice@acme.example/evil.example", "alice@acme.example#", "alice@acme.example?x", "alice@evil.example#@acme.example",
	"alice@evil-acme.example", "alice@acme.example.evil.example", "alice@sub.acme.example", "alice@xacme.example", "alice@-acme.example", "alice@acme-.example",
	strings.Repeat("a", 65) + "@acme.example", "alice@" + strings.Repeat("a", 250) + ".acme.example", strings.Repeat("a", 300),
}

func TestL11_AnOddAddressBelongsToNoDomain(t *testing.T) {
	d := acme()
	onlyAcme(&d)
	s := compiled(t, d)
	if len(oddAddresses) < 40 {
		t.Fatalf("the corpus has shrunk to %d", len(oddAddresses))
	}
	for _, address := range oddAddresses {
		a := alice(t, s)
		a.Email = address
		if refusal := s.Admit(a); refusal == nil || refusal.Code != oauth.AccessDenied {
			t.Errorf("%q was taken for an address of acme.example", address)
		}
	}
	for _, address := range []string{"alice@acme.example", "Alice@ACME.Example", "a.b+tag@acme.example", "o'hara@acme.example", "-@acme.example"} {
		a := alice(t, s)
		a.Email = address
		if refusal := s.Admit(a); refusal != nil {
			t.Errorf("%q is one of acme.example, got %v", address, refusal)
		}
	}
}

func FuzzEmailDomain(f *testing.F) {
	for _, address := range oddAddresses {
		f.Add(address)
	}
	f.Add("alice@acme.example")
	f.Fuzz(func(t *testing.T, address string) {
		domain, ok := emailDomain(address)
		if !ok {
			return
		}
		local, rest, _ := strings.Cut(address, "@")
		if strings.Count(address, "@") != 1 || local == "" || strings.ToLower(rest) != domain || !strings.Contains(domain, ".") || strings.ContainsAny(address, " \t\r\n\x00\"<>(),;:\\[]") {
			t.Errorf("%q has domain %q", address, domain)
		}
		for i := range len(address) {
			if address[i] >= 0x7f {
				t.Errorf("%q is not ASCII", address)
			}
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	d := acme()
	onlyAcme(&d)
	s := compiled(b, d)
	a := alice(b, s)
	b.ReportAllocs()
	for b.Loop() {
		if refusal := s.Admit(a); refusal != nil {
			b.Fatal(refusal)
		}
	}
}
