package directory

import (
	"maps"
	"slices"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

// Document is what an administrator writes. Compile turns it into a Snapshot.
type Document struct {
	Providers []Provider     `yaml:"providers" json:"providers,omitzero"`
	Clients   []Client       `yaml:"clients" json:"clients,omitzero"`
	Resources []Resource     `yaml:"resources" json:"resources,omitzero"`
	Rules     []mapping.Rule `yaml:"rules" json:"rules,omitzero"`
	Brand     Brand          `yaml:"-" json:"brand,omitzero"` // in settings, brand is the installation's own
}

// Provider is one upstream identity provider. Once somebody is known by it, its slug
// is tied for ever to one internal id and one issuer: people are known by (provider, subject).
type Provider struct {
	Slug     string `yaml:"slug" json:"slug,omitzero"` // [a-z0-9-]; part of the redirect URI /callback/{slug}
	Kind     string `yaml:"kind" json:"kind,omitzero"` // a registered kind: oidc, google, okta, auth0
	Title    string `yaml:"title" json:"title,omitzero"`
	Icon     string `yaml:"icon" json:"icon,omitzero"`
	Disabled bool   `yaml:"disabled" json:"disabled,omitzero"`

	Issuer       string            `yaml:"issuer" json:"issuer,omitzero"`
	ClientID     string            `yaml:"client_id" json:"client_id,omitzero"`
	ClientSecret providers.Secret  `yaml:"client_secret" json:"-"`
	AuthMethod   string            `yaml:"auth_method" json:"auth_method,omitzero"` // client_secret_basic, client_secret_post, none; empty: the kind's
	Scopes       []string          `yaml:"scopes" json:"scopes,omitzero"`           // empty: the kind's
	Params       map[string]string `yaml:"params" json:"params,omitzero"`           // more parameters for the authorization request
	UserInfo     string            `yaml:"userinfo" json:"userinfo,omitzero"`       // auto, always, never
	ACRValues    []string          `yaml:"acr_values" json:"acr_values,omitzero"`   // authentication context classes that it can prove

	EndpointHosts       []string `yaml:"endpoint_hosts" json:"endpoint_hosts,omitzero"`             // hosts beside the issuer's that its discovery may name
	HostedDomain        string   `yaml:"hosted_domain" json:"hosted_domain,omitzero"`               // google: only this Workspace domain; "*": any
	AuthorizationServer string   `yaml:"authorization_server" json:"authorization_server,omitzero"` // okta: a custom authorization server
	Organization        string   `yaml:"organization" json:"organization,omitzero"`                 // auth0: only this organization

	TrustEmail     string   `yaml:"trust_email" json:"trust_email,omitzero"`         // own_domains, always, never
	EmailDomains   []string `yaml:"email_domains" json:"email_domains,omitzero"`     // the domains it is authoritative for
	AllowedDomains []string `yaml:"allowed_domains" json:"allowed_domains,omitzero"` // only verified addresses of these come in
	Linking        string   `yaml:"linking" json:"linking,omitzero"`                 // none, account: a person may add it to their account; email: also joined by address
	Signup         string   `yaml:"signup" json:"signup,omitzero"`                   // automatic: a first login makes the user; existing: it does not

	MinPassword         int      `yaml:"min_password" json:"min_password,omitzero"`         // local: characters of a new password at least; 0: the default
	MaxUpstreamAge      Duration `yaml:"max_upstream_age" json:"max_upstream_age,omitzero"` // 0: the house's default
	AllowPrivateNetwork bool     `yaml:"allow_private_network" json:"allow_private_network,omitzero"`
	UpstreamLogout      bool     `yaml:"upstream_logout" json:"upstream_logout,omitzero"` // signing out here signs out there, too

	ClientSecretSource string `yaml:"-" json:"client_secret,omitzero"` // where ClientSecret comes from, see secrets.go; "": it is literal, or there is none

	InternalID string `yaml:"-" json:"-"` // storage's id of the slug, see Snapshot.BindInternalIDs
}

// Client is an app that people sign in to, a machine that acts for itself, or an API
// that asks about tokens.
type Client struct {
	ID        string `yaml:"id" json:"id,omitzero"` // [a-z0-9-._], compared byte for byte
	Name      string `yaml:"name" json:"name,omitzero"`
	Logo      string `yaml:"logo" json:"logo,omitzero"`
	PolicyURI string `yaml:"policy_uri" json:"policy_uri,omitzero"`
	TOSURI    string `yaml:"tos_uri" json:"tos_uri,omitzero"`
	Accent    string `yaml:"accent" json:"accent,omitzero"` // its colour on our pages, #rrggbb; empty: the brand's
	Disabled  bool   `yaml:"disabled" json:"disabled,omitzero"`

	Public        bool `yaml:"public" json:"public,omitzero"`                 // it cannot keep a secret: a browser or native app
	PasswordGrant bool `yaml:"password_grant" json:"password_grant,omitzero"` // it may send people's passwords itself; see broker/grant/password.go
	FirstParty    bool `yaml:"first_party" json:"first_party,omitzero"`       // one's own app: no consent page
	Explain       bool `yaml:"explain" json:"explain,omitzero"`               // userinfo tells which rule gave what; for apps one trusts

	ConfirmRedirect bool `yaml:"confirm_redirect" json:"confirm_redirect,omitzero"` // no error goes on to it before the person said so; for apps one does not know

	Secrets    []providers.Secret `yaml:"secrets" json:"-"`                        // at most two live ones, for rotation; a Snapshot keeps digests only
	AuthMethod string             `yaml:"auth_method" json:"auth_method,omitzero"` // client_secret_basic, client_secret_post, private_key_jwt, none; empty: what fits secrets or keys
	JWKS       string             `yaml:"jwks" json:"jwks,omitzero"`               // private_key_jwt: its public keys, as the JSON of a key set
	JWKSURI    string             `yaml:"jwks_uri" json:"jwks_uri,omitzero"`       // or where it publishes them

	RedirectURIs           []string `yaml:"redirect_uris" json:"redirect_uris,omitzero"`
	PostLogoutRedirectURIs []string `yaml:"post_logout_redirect_uris" json:"post_logout_redirect_uris,omitzero"`
	AllowedOrigins         []string `yaml:"allowed_origins" json:"allowed_origins,omitzero"` // browser origins that may call token, userinfo, revoke

	BackchannelLogoutURI             string `yaml:"backchannel_logout_uri" json:"backchannel_logout_uri,omitzero"`                           // is sent a logout token when a session ends
	BackchannelLogoutSessionRequired bool   `yaml:"backchannel_logout_session_required" json:"backchannel_logout_session_required,omitzero"` // it must have sid; ours always do
	AllowPrivateNetwork              bool   `yaml:"allow_private_network" json:"allow_private_network,omitzero"`                             // addresses of the app that we call may be private ones

	Providers       []string `yaml:"providers" json:"providers,omitzero"`               // slugs; empty: every provider
	Scopes          []string `yaml:"scopes" json:"scopes,omitzero"`                     // what it may ask for; empty: openid profile email
	GrantTypes      []string `yaml:"grant_types" json:"grant_types,omitzero"`           // empty: what the other settings imply, see impliedGrants
	PKCE            string   `yaml:"pkce" json:"pkce,omitzero"`                         // required, optional (confidential clients only)
	RefreshTokens   string   `yaml:"refresh_tokens" json:"refresh_tokens,omitzero"`     // none, online (dies with the session), offline (survives sign-out)
	DefaultResource string   `yaml:"default_resource" json:"default_resource,omitzero"` // the audience where a request names none
	IDTokenClaims   []string `yaml:"id_token_claims" json:"id_token_claims,omitzero"`   // claims to put into the ID token, besides userinfo
	IDTokenAlg      string   `yaml:"id_token_alg" json:"id_token_alg,omitzero"`         // empty: RS256

	MachineScopes []string `yaml:"machine_scopes" json:"machine_scopes,omitzero"` // what it may do for itself, by client_credentials; rules speak about people
	Introspects   []string `yaml:"introspects" json:"introspects,omitzero"`       // audiences whose access tokens it may ask about: an API's own

	SecretSources []string `yaml:"-" json:"secrets,omitzero"` // of each of Secrets, see ClientSecretSource

	compiled compiledClient
}

// Resource is an API that accepts our access tokens.
type Resource struct {
	ID     string  `yaml:"id" json:"id,omitzero"` // the audience: an absolute URI (RFC 8707 §2)
	Name   string  `yaml:"name" json:"name,omitzero"`
	Scopes []Scope `yaml:"scopes" json:"scopes,omitzero"`
	Alg    string  `yaml:"alg" json:"alg,omitzero"` // signs its access tokens; empty: ES256
}

// Scope is one permission of a Resource, with the words of the consent page.
type Scope struct {
	Name        string `yaml:"name" json:"name,omitzero"`
	Description string `yaml:"description" json:"description,omitzero"`
}

// Empty tells whether nobody could sign in to anything by it.
func (d *Document) Empty() bool {
	return len(d.Providers)+len(d.Clients)+len(d.Resources)+len(d.Rules) == 0
}

// clone copies everything that Compile fills in or keeps, so that a snapshot shares
// nothing with whoever made the document.
func (d Document) clone() Document {
	d.Providers, d.Clients, d.Resources = slices.Clone(d.Providers), slices.Clone(d.Clients), slices.Clone(d.Resources)
	for i := range d.Providers {
		p := &d.Providers[i]
		p.Scopes, p.EndpointHosts, p.Params = slices.Clone(p.Scopes), slices.Clone(p.EndpointHosts), maps.Clone(p.Params)
		p.EmailDomains, p.AllowedDomains, p.ACRValues = slices.Clone(p.EmailDomains), slices.Clone(p.AllowedDomains), slices.Clone(p.ACRValues)
	}
	for i := range d.Clients {
		c := &d.Clients[i]
		c.SecretSources = slices.Clone(c.SecretSources)
		c.Secrets, c.RedirectURIs, c.PostLogoutRedirectURIs = slices.Clone(c.Secrets), slices.Clone(c.RedirectURIs), slices.Clone(c.PostLogoutRedirectURIs)
		c.AllowedOrigins, c.Providers, c.Scopes = slices.Clone(c.AllowedOrigins), slices.Clone(c.Providers), slices.Clone(c.Scopes)
		c.GrantTypes, c.IDTokenClaims = slices.Clone(c.GrantTypes), slices.Clone(c.IDTokenClaims)
		c.MachineScopes, c.Introspects = slices.Clone(c.MachineScopes), slices.Clone(c.Introspects)
	}
	for i := range d.Resources {
		d.Resources[i].Scopes = slices.Clone(d.Resources[i].Scopes)
	}
	return d
}

// Settings is what the provider's kind is built from. The running parts (client,
// clock, logger, mapped claims) are the caller's to add.
func (p *Provider) Settings() providers.Settings {
	return providers.Settings{Slug: p.Slug, Kind: p.Kind, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret,
		Scopes: p.Scopes, AuthMethod: p.AuthMethod, Params: p.Params, TrustEmail: p.TrustEmail, EmailDomains: p.EmailDomains,
		HostedDomain: p.HostedDomain, AuthorizationServer: p.AuthorizationServer, Organization: p.Organization, UserInfo: p.UserInfo,
		EndpointHosts: p.EndpointHosts, UpstreamLogout: p.UpstreamLogout, MinPassword: p.MinPassword}
}

// Links tells whether a person may add this provider to an account that they have.
func (p *Provider) Links() bool { return p.Linking == LinkingAccount || p.Linking == LinkingEmail }

// OwnsAddress tells whether these claims of this provider prove an address: it says the
// JSON boolean true, and the settings name it as the authority of that very domain. It
// is stricter than what makes an address count as verified (trust_email): an account
// is at stake (L05).
func (p *Provider) OwnsAddress(address string, claims map[string]any) bool {
	said, isText := claims["email"].(string)
	verified, isBool := claims["email_verified"].(bool)
	domain, ok := emailDomain(address)
	return isText && isBool && verified && ok && p.TrustEmail != TrustNever && lower(said) == lower(address) &&
		slices.ContainsFunc(p.EmailDomains, func(d string) bool { return lower(d) == domain })
}

// MakesUsers tells whether a first login through this provider makes a local user.
func (p *Provider) MakesUsers() bool { return p.Signup != SignupExisting }

// AllowsGrant tells whether the client may use a grant type (RFC 6749 §5.2,
// unauthorized_client).
func (c *Client) AllowsGrant(grantType string) bool {
	return slices.Contains(c.GrantTypes, grantType)
}

// RequiresPKCE tells whether an authorization request without a challenge is refused.
func (c *Client) RequiresPKCE() bool { return c.PKCE != PKCEOptional }

// AllowsOrigin tells whether a page of this origin may call the client's endpoints.
func (c *Client) AllowsOrigin(origin string) bool {
	return slices.Contains(c.AllowedOrigins, origin)
}

// The words of the settings. The first of each group is the default.
const (
	TrustOwnDomains = "own_domains"
	TrustAlways     = "always"
	TrustNever      = "never"

	LinkingNone    = "none"
	LinkingAccount = "account"
	LinkingEmail   = "email"

	SignupAutomatic = "automatic"
	SignupExisting  = "existing"

	UserInfoAuto   = "auto"
	UserInfoAlways = "always"
	UserInfoNever  = "never"

	PKCERequired = "required"
	PKCEOptional = "optional"

	RefreshNone    = "none"
	RefreshOnline  = "online"
	RefreshOffline = "offline"

	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthKey   = "private_key_jwt"
	AuthNone  = "none"

	GrantCode     = "authorization_code"
	GrantRefresh  = "refresh_token"
	GrantPassword = "password" // never by grant_types, only by password_grant
	GrantClient   = "client_credentials"
)
