package providers

import (
	"errors"
	"net/url"
	"strings"
)

// Kind okta knows the two sorts of Okta servers: the org server at the domain
// itself, whose ID tokens are thin (userinfo fills them up), and custom ones under
// /oauth2/{id}. Neither knows prompt=select_account.
func init() {
	(&preset{
		name: "okta", title: "Okta",
		defaults: Settings{
			AuthMethod: "client_secret_basic",
			Scopes:     ownedByOIDC, // groups has to exist on the server before it may be asked
			Algs:       []string{"RS256"},
		},
		ownSettings: []string{"authorization_server"},
		issuerOf:    oktaIssuer,
		// An app with a customised issuer is described only to who names the app.
		queryOf: func(s Settings) string { return "?" + url.Values{"client_id": {s.ClientID}}.Encode() },
		adjust:  func(_ Settings, q url.Values) { replacePrompt(q, "select_account", "login") },
	}).register()
}

func oktaIssuer(s Settings) (string, error) {
	issuer := strings.TrimSuffix(s.Issuer, "/")
	server := s.AuthorizationServer
	if server == "" || server == "org" && !strings.Contains(issuer, "/oauth2/") {
		return issuer, nil
	}
	if strings.Contains(issuer, "/oauth2/") {
		return "", errors.New("authorization_server: the issuer names one already; leave one of them out")
	}
	for i := range len(server) {
		if c := server[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return "", errors.New("authorization_server: must be an id such as default or aus1a2b3c4d5")
		}
	}
	if issuer == "" {
		return "", nil
	}
	return issuer + "/oauth2/" + server, nil
}
