package providers

import (
	"net/url"
	"slices"
	"strings"
)

const googleIssuer = "https://accounts.google.com"

// Kind google knows that Google's endpoints live on other hosts than its issuer,
// that it has no offline_access scope and no prompt=login, never says when a
// person signed in, and that hd in the request is only a hint.
func init() {
	(&preset{
		name: "google", title: "Google",
		defaults: Settings{
			AuthMethod: "client_secret_post",
			Scopes:     ownedByOIDC,
			Algs:       []string{"RS256"},
		},
		ownSettings: []string{"hosted_domain"},
		issuerOf: func(s Settings) (string, error) {
			if s.Issuer == "" {
				return googleIssuer, nil
			}
			return s.Issuer, nil
		},
		hostsOf: func(issuer string) []string {
			if issuer != googleIssuer {
				return nil
			}
			return []string{"oauth2.googleapis.com", "openidconnect.googleapis.com", "www.googleapis.com"}
		},
		aliasOf: func(issuer string) string {
			if issuer != googleIssuer {
				return ""
			}
			return "accounts.google.com" // documented, in older tokens
		},
		adjust:         googleRequest,
		admit:          googleDomain,
		authorityOf:    googleAuthority,
		userInfoClaims: []string{"name", "given_name", "family_name", "picture", "profile", "locale", "email", "email_verified"},
		silentAuthTime: true,
		stays:          true, // no end_session_endpoint, no logout tokens
	}).register()
}

func googleRequest(s Settings, q url.Values) {
	if s.HostedDomain != "" {
		q.Set("hd", s.HostedDomain)
	}
	scopes := strings.Fields(q.Get("scope"))
	if i := slices.Index(scopes, "offline_access"); i >= 0 {
		q.Set("scope", strings.Join(slices.Delete(scopes, i, i+1), " "))
		q.Set("access_type", "offline")
	}
	replacePrompt(q, "login", "select_account")
}

// googleDomain enforces the Workspace domain on the signed claim. A consumer
// account has no hd, also when its address is in the domain.
func googleDomain(s Settings, claims map[string]any) *Error {
	hd, _ := claims["hd"].(string)
	switch {
	case s.HostedDomain == "":
		return nil
	case hd == "":
		return denied("the person's Google account belongs to no Workspace")
	case s.HostedDomain != "*" && !strings.EqualFold(hd, s.HostedDomain):
		return denied("the person's Google account belongs to another Workspace than hosted_domain")
	}
	return nil
}

// googleAuthority: Google speaks with authority for its own mail and for
// Workspace accounts; any other address was only verified once.
func googleAuthority(domain string, claims map[string]any) bool {
	hd, _ := claims["hd"].(string)
	return domain == "gmail.com" || hd != ""
}

// replacePrompt changes one word of prompt, keeping the others and no word twice.
func replacePrompt(q url.Values, from, to string) {
	words := strings.Fields(q.Get("prompt"))
	if !slices.Contains(words, from) {
		return
	}
	var out []string
	for _, w := range words {
		if w == from {
			w = to
		}
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	q.Set("prompt", strings.Join(out, " "))
}
