package directory

import (
	"strings"
	"testing"
)

func TestWhereAnAppIsToldOfALogoutIsCheckedWhenItIsWritten(t *testing.T) {
	for uri, ok := range map[string]bool{
		"https://app.acme.example/backchannel-logout":    true,
		"https://app.acme.example/cb?logout=backchannel": true, // mod_auth_openidc's own form
		"http://127.0.0.1:9090/logout":                   true,
		"http://app.acme.example/logout":                 false, // anybody on the way could swallow it
		"https://app.acme.example/logout#top":            false,
		"https://user:password@app.acme.example/logout":  false,
		"com.example.app:/logout":                        false,
		"file:///etc/passwd":                             false,
		"gopher://127.0.0.1/":                            false,
		"https://*.acme.example/logout":                  false,
		"/logout":                                        false,
		"https://app.acme.example/lo gout":               false,
	} {
		d := acme()
		d.Clients[0].BackchannelLogoutURI, d.Clients[0].BackchannelLogoutSessionRequired = uri, true
		_, problems := Compile(issuer, d)
		if (len(problems) == 0) != ok {
			t.Errorf("%s: %v", uri, problems)
		}
	}
	d := acme()
	d.Clients[0].BackchannelLogoutSessionRequired = true
	if _, problems := Compile(issuer, d); len(problems) != 1 || !strings.Contains(problems[0].String(), "backchannel_logout_uri") {
		t.Errorf("a wish without an address: %v", problems)
	}
	d = acme()
	d.Providers[0].UpstreamLogout = true
	if _, problems := Compile(issuer, d); len(problems) != 1 || !strings.Contains(problems[0].String(), "upstream_logout") {
		t.Errorf("signing out at Google: %v", problems)
	}
	d = acme()
	d.Providers[1].UpstreamLogout, d.Providers[2].UpstreamLogout = true, true
	if _, problems := Compile(issuer, d); len(problems) != 0 {
		t.Errorf("signing out at Okta and Auth0: %v", problems)
	}
}
