// Package providers sends a person to an upstream identity provider and reads,
// strictly, who came back.
//
//	broker ── Attempt ──▶ Begin ── Step ──▶ the person's browser ──▶ upstream
//	                                                                    │
//	broker ◀─ Identity ── Finish ◀── code, state, iss ◀── browser ◀─────┘
//	                        │
//	                        ├─ token endpoint   one request, fixed client authentication
//	                        ├─ ID token         signature, iss, aud, azp, times, nonce, sub
//	                        └─ userinfo         only when a claim that rules need is missing
//
// It owns the conversation with the upstream: discovery and keys (fetched when
// first needed, kept, refreshed with a cooldown), the one hardened HTTP client,
// and the strict wrapper around go-oidc. It leaves to the broker everything that
// belongs to the person's browser: drawing state, nonce and PKCE verifier,
// binding them to a cookie, and deciding who may sign in.
//
// A provider is a kind (oidc, google, okta, auth0, local) with settings. A new kind is
// one file that calls Register.
package providers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// Attempt is one person's way to the upstream and back. The broker draws its
// secrets; a provider spends them and never makes its own.
type Attempt struct {
	State    string // comes back unchanged in the answer
	Nonce    string // must come back inside the ID token
	Verifier string // PKCE: only its S256 challenge leaves before the code is redeemed

	RedirectURI string // the callback of this provider, as registered upstream

	// Wishes of the app, passed on as far as the upstream understands them.
	Prompt    string
	MaxAge    *int64
	LoginHint string
	ACRValues []string
	UILocales string

	// Of an Ask that was answered: where the person is, as far as trusted proxies
	// tell, and what the Ask wanted kept.
	Address string
	Keep    string
}

// Step is what the person's browser does next: exactly one field is set.
type Step struct {
	Redirect string // go to this URL
	Post     *Post  // post these fields to this URL, by a page that submits itself
	Ask      *Ask   // fill in these fields
}

// Post is a form that the browser sends to the upstream.
type Post struct {
	URL    string
	Fields map[string]string
}

// Ask is a form that the person fills in, on a page of ours. The broker seals Keep
// into this tab's transaction and gives it back with the answer.
type Ask struct {
	Lead    string // one sentence above the fields
	Problem string // one sentence about the answer before, or ""
	Fields  []Field
	Keep    string        // short; nobody but the provider reads it
	Wait    time.Duration // before which an answer would be in vain
}

// Field is one input of an Ask.
type Field struct {
	Name, Label, Type string // Type: text or password
	Autocomplete      string // WHATWG HTML, "autofill": username, current-password, one-time-code
	Value             string // filled in already
	Numeric           bool   // digits: phones show the keys for them
}

// Again is what Finish returns to ask the person once more: their answer did not fit,
// or it did and something else is asked now.
type Again struct {
	Ask    Ask
	Reason string // for the operator
}

func (a *Again) Error() string { return a.Reason }

// Identity is who came back. Issuer and Subject name the person for ever; all
// else is what the upstream said this time.
type Identity struct {
	Issuer  string // as configured, never as spelled by a token
	Subject string // 1 to 255 printable ASCII bytes, compared byte by byte

	AuthTime  time.Time // when the upstream saw the person sign in; zero: it did not say
	ACR       string
	AMR       []string
	SessionID string // the upstream's sid
	IDToken   string // as it came, for Leaver; "" unless Settings.UpstreamLogout

	Claims map[string]any // the whole claim map: rules see everything

	// EmailVerified is true only when the upstream said the JSON boolean true and
	// the settings trust it for that address. See Settings.TrustEmail.
	EmailVerified bool

	// PasswordSince is when the account got the password that was typed; zero where the
	// provider keeps none. Whoever signs the person in holds it to what it is by then.
	PasswordSince time.Time
}

// Provider recognises people. Its methods are safe for parallel use, answer
// within ten seconds, and return an *Error when they fail.
type Provider interface {
	// Begin tells where to send the person.
	Begin(ctx context.Context, a Attempt) (Step, error)
	// Finish redeems the upstream's answer, the parameters of the callback.
	Finish(ctx context.Context, a Attempt, answer url.Values) (*Identity, error)
}

// Prober is a provider that can be asked whether it would work: it fetches
// discovery and keys anew. `handstamp check` asks.
type Prober interface {
	Probe(ctx context.Context) error
}

// ClaimMapper is a provider that can be told, while it works, which claims rules and apps
// need by now (Settings.MappedClaims): a new rule costs it nothing that it knows of its
// upstream.
type ClaimMapper interface {
	MapClaims(names []string)
}

// Reporter is a provider that knows whether its upstream is alive. Health
// answers from memory at once; LookAgain begins to ask where that is due, for at most
// MostLooks of them at a time.
type Reporter interface {
	Health() Health
	LookAgain() (began bool)
}

// Health tells whether the upstream was dead when last heard of.
type Health struct {
	Asked  bool // whether it was ever heard of
	Down   bool
	Reason string // fixed words, fit for a page
	Since  time.Time
}

// Settings describe one provider. Zero values take the kind's defaults, which
// are the strict ones.
type Settings struct {
	Slug, Kind, Issuer, ClientID string

	ClientSecret Secret
	AuthMethod   string // client_secret_basic | client_secret_post | none
	Scopes       []string
	Params       map[string]string // more parameters for the authorization request

	// TrustEmail says which addresses count as verified when the upstream says so:
	// own_domains (those of EmailDomains, for which it is the authority), always, never.
	TrustEmail   string
	EmailDomains []string

	HostedDomain        string // google: only people of this Workspace domain; "*": of any
	AuthorizationServer string // okta: "" or "org" for the org server, else an id such as "default"
	Organization        string // auth0: only members of this organization

	// UpstreamLogout says that people who sign out here are to be signed out there,
	// too; see Leaver.
	UpstreamLogout bool

	// EndpointHosts are hosts, beside the issuer's, that discovery may name.
	EndpointHosts []string

	UserInfo     string   // auto (only when a mapped claim is missing) | always | never
	MappedClaims []string // claims that rules and apps need
	Algs         []string // signature algorithms of ID tokens

	Accounts    Accounts // local: the book of the people it knows
	MinPassword int      // local: characters of a new password at least; 0: the default

	Client *http.Client // see NewClient; nil takes a strict one
	Now    func() time.Time
	Logger *slog.Logger

	Metrics metric.MeterProvider // what requests to the upstream are measured with; nil: nothing is
}

// Kind is a way to talk to an upstream.
type Kind struct {
	Name, Title string

	// New makes a provider. It checks the settings and touches no network.
	New func(ctx context.Context, s Settings) (Provider, error)

	// Issuer is the effective issuer of settings, without any network.
	Issuer func(s Settings) (string, error)

	// OwnBook marks a kind without an upstream: it asks people itself and looks them up
	// in Settings.Accounts. It knows no issuer, client or endpoint.
	OwnBook bool

	authority func(domain string, claims map[string]any) bool // see JudgeEmail
}

var registry = struct {
	sync.RWMutex
	kinds map[string]Kind
}{kinds: map[string]Kind{}}

// Register adds a kind; each kind's own file does so from init. A name that is
// taken is a programming error.
func Register(k Kind) {
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.kinds[k.Name]; taken || k.Name == "" || k.New == nil || k.Issuer == nil {
		panic(fmt.Sprintf("providers: kind %q is registered twice or incomplete", k.Name))
	}
	registry.kinds[k.Name] = k
}

// Lookup finds a kind by name.
func Lookup(name string) (Kind, bool) {
	registry.RLock()
	defer registry.RUnlock()
	k, ok := registry.kinds[name]
	return k, ok
}

// Kinds lists all kinds by name.
func Kinds() []Kind {
	registry.RLock()
	defer registry.RUnlock()
	names := slices.Sorted(maps.Keys(registry.kinds))
	kinds := make([]Kind, len(names))
	for i, name := range names {
		kinds[i] = registry.kinds[name]
	}
	return kinds
}
