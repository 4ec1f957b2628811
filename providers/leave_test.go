package providers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers/persona"
)

// leaver makes a provider of a kind at a persona.
func leaver(t *testing.T, kind string, idp *persona.Persona, change func(*Settings)) *upstream {
	t.Helper()
	client, err := NewClient(ClientOptions{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Slug: kind, Kind: kind, Issuer: idp.Issuer(), ClientID: idp.ClientID(), ClientSecret: Secret(idp.ClientSecret()), Client: client, UpstreamLogout: true}
	if change != nil {
		change(&s)
	}
	k, _ := Lookup(kind)
	p, err := k.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*upstream)
}

func TestEachKindSignsOutInItsOwnWay(t *testing.T) {
	const back = "https://login.example/logout/return"
	absent := persona.Fault{Metadata: persona.Claims{"end_session_endpoint": persona.Absent}}
	for _, row := range []struct {
		why, kind string
		vendor    func(persona.Options) *persona.Persona
		fault     persona.Fault
		departure Departure
		path      string
		query     url.Values
	}{
		{"Okta by its own ID token", "okta", persona.Okta, persona.Fault{}, Departure{IDToken: "i.d.t", SessionID: "s"}, "/oauth2/default/v1/logout", url.Values{"id_token_hint": {"i.d.t"}, "post_logout_redirect_uri": {back}, "state": {"st"}}},
		{"any other by its own ID token", "oidc", persona.OktaOrg, persona.Fault{}, Departure{IDToken: "i.d.t"}, "/oauth2/v1/logout", url.Values{"id_token_hint": {"i.d.t"}, "post_logout_redirect_uri": {back}, "state": {"st"}}},
		{"Auth0 by its session", "auth0", persona.Auth0, persona.Fault{}, Departure{SessionID: "s"}, "/oidc/logout", url.Values{"logout_hint": {"s"}, "client_id": {"persona-client"}, "post_logout_redirect_uri": {back}, "state": {"st"}}},
		{"by our name alone", "oidc", persona.OktaOrg, persona.Fault{}, Departure{}, "/oauth2/v1/logout", url.Values{"client_id": {"persona-client"}, "post_logout_redirect_uri": {back}, "state": {"st"}}},
		{"an older Auth0 tenant", "auth0", persona.Auth0, absent, Departure{IDToken: "i.d.t"}, "/v2/logout", url.Values{"client_id": {"persona-client"}, "returnTo": {back}}},
	} {
		t.Run(row.why, func(t *testing.T) {
			idp := persona.Start(t, row.vendor, persona.Options{})
			idp.Faults().Set(row.fault)
			row.departure.ReturnTo, row.departure.State = back, "st"
			to, err := leaver(t, row.kind, idp, nil).Leave(t.Context(), row.departure)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(to)
			if err != nil || u.Scheme+"://"+u.Host+u.Path != idp.BaseURL()+row.path || u.RawQuery != row.query.Encode() {
				t.Errorf("leads to %s, want %s?%s", to, row.path, row.query.Encode())
			}
		})
	}
}

func TestWhereThereIsNoWayOutLeaveSaysSo(t *testing.T) {
	idp := persona.Start(t, persona.OktaOrg, persona.Options{})
	for _, row := range []struct {
		why   string
		fault persona.Claims
	}{
		{"none is named", persona.Claims{"end_session_endpoint": persona.Absent}},
		{"a foreign host, which would be shown the ID token", persona.Claims{"end_session_endpoint": "https://collector.example/logout"}},
		{"plain http", persona.Claims{"end_session_endpoint": "http://192.0.2.1/logout"}},
		{"no address at all", persona.Claims{"end_session_endpoint": 7}},
	} {
		idp.Faults().Set(persona.Fault{Metadata: row.fault})
		p := leaver(t, "oidc", idp, nil)
		if to, err := p.Leave(t.Context(), Departure{ReturnTo: "https://login.example/logout/return"}); !errors.Is(err, ErrStays) {
			t.Errorf("%s: %q, %v", row.why, to, err)
		}
		if err := p.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "upstream_logout") {
			t.Errorf("%s: check finds nothing wrong: %v", row.why, err)
		}
		if err := leaver(t, "oidc", idp, func(s *Settings) { s.UpstreamLogout = false }).Probe(t.Context()); err != nil {
			t.Errorf("%s: nobody wants to sign people out there, and yet: %v", row.why, err)
		}
	}
	google, _ := Lookup("google")
	_, err := google.New(t.Context(), Settings{Kind: "google", ClientID: "c", ClientSecret: "s", UpstreamLogout: true})
	if err == nil || !strings.HasPrefix(err.Error(), "upstream_logout: ") {
		t.Errorf("Google has no sign-out for apps, but: %v", err)
	}
}

func TestU33_OnlyAGenuineLogoutTokenIsBelieved(t *testing.T) {
	idp := persona.Start(t, persona.Auth0, persona.Options{})
	p := leaver(t, "auth0", idp, nil)
	event := func(v any) persona.Claims {
		return persona.Claims{"events": map[string]any{logoutEvent: v}}
	}
	rows := []struct {
		why   string
		fault persona.Fault
		ok    bool
	}{
		{"honest", persona.Fault{}, true},
		{"without exp, as older servers send it", persona.Fault{Claims: persona.Claims{"exp": persona.Absent}}, true},
		{"about every session of a person", persona.Fault{Claims: persona.Claims{"sid": persona.Absent}}, true},
		{"about a session", persona.Fault{Claims: persona.Claims{"sub": persona.Absent, "sid": "s"}}, true},
		{"of the plain type", persona.Fault{Header: persona.Claims{"typ": "JWT"}}, true},
		{"of no type", persona.Fault{Header: persona.Claims{"typ": persona.Absent}}, true},
		{"an access token", persona.Fault{Header: persona.Claims{"typ": "at+jwt"}}, false},
		{"with a nonce", persona.Fault{Claims: persona.Claims{"nonce": "n"}}, false},
		{"with an empty nonce", persona.Fault{Claims: persona.Claims{"nonce": nil}}, false},
		{"without events", persona.Fault{Claims: persona.Claims{"events": persona.Absent}}, false},
		{"about something else", persona.Fault{Claims: persona.Claims{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}}, false},
		{"with an event that is no object", persona.Fault{Claims: event(true)}, false},
		{"with an event that is null", persona.Fault{Claims: event(nil)}, false},
		{"with events as a list", persona.Fault{Claims: persona.Claims{"events": []string{logoutEvent}}}, false},
		{"for another client", persona.Fault{Claims: persona.Claims{"aud": "other"}}, false},
		{"for others as well", persona.Fault{Claims: persona.Claims{"aud": []string{"persona-client", "other"}}}, false},
		{"for nobody", persona.Fault{Claims: persona.Claims{"aud": persona.Absent}}, false},
		{"of another issuer", persona.Fault{Claims: persona.Claims{"iss": "https://evil.example/"}}, false},
		{"about nobody", persona.Fault{Claims: persona.Claims{"sub": persona.Absent, "sid": persona.Absent}}, false},
		{"about an empty sub", persona.Fault{Claims: persona.Claims{"sub": ""}}, false},
		{"about a number", persona.Fault{Claims: persona.Claims{"sub": 7}}, false},
		{"about an empty sid", persona.Fault{Claims: persona.Claims{"sid": ""}}, false},
		{"without jti", persona.Fault{Claims: persona.Claims{"jti": persona.Absent}}, false},
		{"without iat", persona.Fault{Claims: persona.Claims{"iat": persona.Absent}}, false},
		{"from an hour ago", persona.Fault{Claims: persona.Claims{"iat": 1}}, false},
		{"from the future", persona.Fault{Claims: persona.Claims{"iat": 1 << 39, "exp": 1 << 40}}, false},
		{"expired", persona.Fault{Claims: persona.Claims{"exp": 2}}, false},
		{"with exp as text", persona.Fault{Claims: persona.Claims{"exp": "soon"}}, false},
		{"with two subs", persona.Fault{AppendPayload: `"sub":"victim"`}, false},
		{"with SUB beside sub", persona.Fault{AppendPayload: `"SUB":"victim"`}, false},
	}
	for _, f := range persona.Forgeries() {
		// Two of them are about the type, which has its rows above.
		if f != persona.ForgeLogoutToken && f != persona.ForgeAccessToken {
			rows = append(rows, struct {
				why   string
				fault persona.Fault
				ok    bool
			}{string(f), persona.Fault{Forge: f}, false})
		}
	}
	for _, row := range rows {
		raw, err := idp.LogoutToken("alice", row.fault)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.ReadLogout(t.Context(), raw)
		if (err == nil) != row.ok {
			t.Errorf("%s: got %+v, %v", row.why, got, err)
		}
		if err == nil && (got.TokenID == "" || got.Subject == "" && got.SessionID == "" || got.Expires.IsZero()) {
			t.Errorf("%s: read as %+v", row.why, got)
		}
	}
	if n := idp.Requests().Count(persona.JWKS); n > 2 {
		t.Errorf("U22: forged tokens caused %d fetches of the key set", n)
	}
	if n := idp.Requests().Count(persona.Canary); n != 0 {
		t.Errorf("U09: a URL of a forged header was opened %d times", n)
	}
}

func TestU33_AnIDTokenIsNoLogoutToken(t *testing.T) {
	idp := persona.Start(t, persona.Auth0, persona.Options{RedirectURIs: []string{"https://login.example/callback"}})
	p := leaver(t, "auth0", idp, nil)
	a := Attempt{State: strings.Repeat("s", 43), Nonce: "n", Verifier: strings.Repeat("v", 43), RedirectURI: "https://login.example/callback"}
	step, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := persona.SignIn(t.Context(), &http.Client{}, step.Redirect, "alice")
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.Finish(t.Context(), a, answer.Query())
	if err != nil || id.IDToken == "" {
		t.Fatalf("the ID token was not kept for sign-out: %v", err)
	}
	if got, err := p.ReadLogout(t.Context(), id.IDToken); err == nil {
		t.Errorf("an ID token signed somebody out: %+v", got)
	}
	p.settings.UpstreamLogout = false
	if p.hint(id.IDToken) != "" {
		t.Error("the ID token is kept although nobody needs it")
	}
}

// Anybody can send logout tokens. However many forged ones come, a login still learns
// at once that the upstream has a new key.
func TestU22_ForgedLogoutTokensKeepNoLoginFromNewKeys(t *testing.T) {
	const callback = "https://login.example/callback"
	idp := persona.Start(t, persona.Auth0, persona.Options{RedirectURIs: []string{callback}})
	p := leaver(t, "auth0", idp, nil)
	login := func() error {
		a := Attempt{State: strings.Repeat("s", 43), Nonce: "n", Verifier: strings.Repeat("v", 43), RedirectURI: callback}
		step, err := p.Begin(t.Context(), a)
		if err != nil {
			return err
		}
		answer, err := persona.SignIn(t.Context(), &http.Client{}, step.Redirect, "alice")
		if err != nil {
			return err
		}
		_, err = p.Finish(t.Context(), a, answer.Query())
		return err
	}
	if err := login(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		raw, err := idp.LogoutToken("alice", persona.Fault{Forge: persona.ForgeRandomKid})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.ReadLogout(t.Context(), raw); err == nil {
			t.Fatal("a forged token was believed")
		}
	}
	if n := idp.Requests().Count(persona.JWKS); n > 2 {
		t.Errorf("200 forged tokens caused %d fetches of the key set", n-1)
	}
	idp.Faults().RotateKeys()
	if err := login(); err != nil {
		t.Errorf("after the upstream changed its key: %v", err)
	}
}
