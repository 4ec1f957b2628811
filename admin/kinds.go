package admin

import (
	"net/http"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/providers"
)

// kinds tells what each sort of provider wants to know, and where to click at the
// vendor's.
func (s *Server) kinds(c *call) error {
	page := api.Page[api.Kind]{Items: []api.Kind{}}
	for _, k := range providers.Kinds() {
		page.Items = append(page.Items, s.tellKind(k))
	}
	return c.json(http.StatusOK, page)
}

func (s *Server) tellKind(k providers.Kind) api.Kind {
	out, known := vendors[k.Name]
	if !known { // a kind of a program that embeds us: what every OpenID provider has
		out = vendors["oidc"]
		out.Summary = "A provider of the kind " + k.Name + "."
	}
	out.Name, out.Title, out.OwnBook = k.Name, k.Title, k.OwnBook
	if k.OwnBook {
		return out
	}
	out.RedirectURI, out.LogoutURI = s.issuer+"/callback/{slug}", s.issuer+"/backchannel/{slug}"
	if k.Name == "google" {
		out.LogoutURI = "" // it sends none
	}
	steps := make([]string, len(out.Steps))
	for i, step := range out.Steps {
		steps[i] = strings.NewReplacer("{redirect_uri}", out.RedirectURI, "{logout_uri}", out.LogoutURI).Replace(step)
	}
	out.Steps = steps
	out.Fields = append(append([]api.Field{}, out.Fields...), policyFields...)
	return out
}

var (
	slugField = api.Field{Name: "slug", Label: "Short name", Type: "text", Required: true, Example: "corp",
		Help: "Part of the redirect URI, and for ever: people are known by it. Only a-z, 0-9 and -."}
	titleField        = api.Field{Name: "title", Label: "Name on the button", Type: "text", Example: "Acme staff"}
	clientIDField     = api.Field{Name: "client_id", Label: "Client ID", Type: "text", Required: true, Help: "The console shows it when the app is registered there."}
	clientSecretField = api.Field{Name: "client_secret", Label: "Client secret", Type: "secret", Required: true,
		Help: "Is sealed in the database, and never shown again. The shell may also name ${VARIABLE} or file:/path."}
	policyFields = []api.Field{
		{Name: "trust_email", Label: "Believe that addresses are verified", Type: "choice", Options: []string{"own_domains", "always", "never"}, Advanced: true,
			Help: "own_domains: only of the domains below, for which this provider is the authority."},
		{Name: "email_domains", Label: "Its own domains", Type: "list", Example: "acme.example", Advanced: true},
		{Name: "allowed_domains", Label: "Only these domains may come in", Type: "list", Advanced: true, Help: "Verified addresses only. Empty: everybody whom the provider knows."},
		{Name: "signup", Label: "Newcomers", Type: "choice", Options: []string{"automatic", "existing"}, Advanced: true, Help: "existing: only people who are in the book already."},
		{Name: "scopes", Label: "Scopes to ask for", Type: "list", Advanced: true, Help: "Empty: openid profile email."},
	}
)

// vendors are the facts of each kind's console, as of late 2026.
var vendors = map[string]api.Kind{
	"google": {
		Summary: "Google accounts, or those of one Workspace.",
		Console: "https://console.cloud.google.com/auth/clients", Docs: "https://developers.google.com/identity/openid-connect/openid-connect",
		Fields: []api.Field{slugField, titleField, clientIDField, clientSecretField,
			{Name: "hosted_domain", Label: "Only this Workspace domain", Type: "text", Example: "acme.example", Help: "*: of any Workspace. Empty: private accounts come in, too."},
			{Name: "issuer", Label: "Another issuer", Type: "url", Advanced: true, Help: "Of a pretend Google, to try things out. Empty: Google itself."}},
		Steps: []string{
			"Open the Google Cloud console, choose or make a project, and go to Google Auth Platform.",
			"Under Branding and Audience, say who may sign in: Internal for your Workspace alone, External for everybody.",
			"Under Clients, press Create client and choose Web application.",
			"Under Authorized redirect URIs, add {redirect_uri}",
			"Press Create, and copy client ID and client secret: the secret is shown only then.",
		},
	},
	"okta": {
		Summary: "People of an Okta organization.",
		Console: "https://login.okta.com", Docs: "https://developer.okta.com/docs/guides/sign-into-web-app-redirect/",
		Fields: []api.Field{slugField, titleField,
			{Name: "issuer", Label: "Okta domain", Type: "url", Required: true, Example: "https://acme.okta.com", Help: "Without -admin."},
			{Name: "authorization_server", Label: "Authorization server", Type: "text", Example: "default", Help: "Empty: the org server. Groups as claims need a custom one, such as default."},
			clientIDField, clientSecretField},
		Steps: []string{
			"In the Okta Admin Console, go to Applications, Applications, and press Create App Integration.",
			"Choose OIDC - OpenID Connect, then Web Application.",
			"Under Sign-in redirect URIs, put {redirect_uri}",
			"Under Assignments, say who may sign in, and save.",
			"On the General tab, copy Client ID and the secret.",
			"For sign-outs at Okta to end sessions here, put {logout_uri} under Logout, where your Okta offers it.",
			"For groups: Security, API, Authorization Servers, default, Claims, Add Claim: name groups, ID Token, Groups, a filter.",
		},
	},
	"auth0": {
		Summary: "People of an Auth0 tenant.",
		Console: "https://manage.auth0.com", Docs: "https://auth0.com/docs/get-started/applications/application-settings",
		Fields: []api.Field{slugField, titleField,
			{Name: "issuer", Label: "Auth0 domain", Type: "url", Required: true, Example: "https://acme.eu.auth0.com/", Help: "With the slash at its end, as its tokens say it."},
			clientIDField, clientSecretField,
			{Name: "organization", Label: "Only this organization", Type: "text", Example: "org_abc123"}},
		Steps: []string{
			"In the Auth0 dashboard, go to Applications, Applications, and press Create Application.",
			"Choose Regular Web Applications.",
			"On the Settings tab, put {redirect_uri} under Allowed Callback URLs, and save.",
			"Copy Domain, Client ID and Client Secret from the same tab.",
			"Under Advanced Settings, OAuth, see that JsonWebToken Signature Algorithm is RS256.",
			"For sign-outs at Auth0 to end sessions here, put {logout_uri} under OpenID Connect Back-Channel Logout.",
		},
	},
	"oidc": {
		Summary: "Any provider that speaks OpenID Connect: Entra ID (one tenant), Keycloak, GitLab, Ping, …",
		Docs:    "https://openid.net/developers/how-connect-works/",
		Fields: []api.Field{slugField, titleField,
			{Name: "issuer", Label: "Issuer", Type: "url", Required: true, Example: "https://login.example.com/realms/acme", Help: "Where /.well-known/openid-configuration stands below, without that part. Of Entra ID: the address with your tenant's id."},
			clientIDField, clientSecretField,
			{Name: "auth_method", Label: "How we prove who we are", Type: "choice", Options: []string{"client_secret_basic", "client_secret_post", "none"}, Advanced: true},
			{Name: "endpoint_hosts", Label: "Other hosts of the provider", Type: "list", Advanced: true, Help: "That its discovery may name besides the issuer's."},
			{Name: "userinfo", Label: "Ask userinfo", Type: "choice", Options: []string{"auto", "always", "never"}, Advanced: true}},
		Steps: []string{
			"In the provider's console, register an app: a confidential web application with the authorization code flow.",
			"As redirect URI (callback URL, reply URL), give {redirect_uri}",
			"Allow the scopes openid, profile and email.",
			"Copy client ID, client secret and issuer.",
			"For sign-outs there to end sessions here, give {logout_uri} as back-channel logout URL, where it has one.",
		},
	},
	"local": {
		Summary: "People who have a username and a password here, and perhaps an authenticator app.",
		Fields: []api.Field{slugField, titleField,
			{Name: "min_password", Label: "Characters of a new password at least", Type: "text", Advanced: true}},
		Steps: []string{"Nothing to register anywhere. Add people afterwards, and give each the link of their invitation."},
	},
}
