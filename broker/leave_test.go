package broker_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

// alsoThere turns upstream_logout on where there is one.
func alsoThere(d *directory.Document) {
	d.Providers[1].UpstreamLogout, d.Providers[2].UpstreamLogout = true, true
}

// leavingKit is a kit whose providers sign people out and know where to send them.
func leavingKit(t testing.TB) *kit {
	k := newKit(t, alsoThere)
	for _, p := range []*persona.Persona{k.okta, k.auth0} {
		p.AllowPostLogoutRedirect(k.issuer + "/logout/return")
	}
	return k
}

// stillThere tells whether a browser is still signed in at a persona: it is sent on
// without being asked.
func (k *kit) stillThere(b *browser, provider string) bool {
	k.t.Helper()
	fresh := k.browser() // without our own cookies, which would ask for select_account
	l := k.login("web", "provider", provider)
	to := fresh.get(l.url()).to(k.t)
	a := b.get(to.String())
	return a.Header.Get("Location") != ""
}

func TestSigningOutGoesByWayOfTheProviderAndBackToTheApp(t *testing.T) {
	withoutEndpoint := persona.Fault{Metadata: persona.Claims{"end_session_endpoint": persona.Absent}}
	for _, row := range []struct {
		why, provider string
		fault         persona.Fault
		path          string
	}{
		{"Okta", "okta", persona.Fault{}, "/oauth2/default/v1/logout"},
		{"Auth0", "auth0", persona.Fault{}, "/oidc/logout"},
		{"an older Auth0 tenant, which drops state", "auth0", withoutEndpoint, "/v2/logout"},
	} {
		t.Run(row.why, func(t *testing.T) {
			k := leavingKit(t)
			idp := map[string]*persona.Persona{"okta": k.okta, "auth0": k.auth0}[row.provider]
			idp.Faults().Set(row.fault)
			b := k.browser()
			raw, _ := idToken(t, k.login("web").done(b, row.provider, "alice"))
			if !k.stillThere(b, row.provider) {
				t.Fatal("the persona forgot the person by itself")
			}
			away := b.signOut("id_token_hint", raw, "post_logout_redirect_uri", appURL+"/bye", "state", "a state+/=&").to(t)
			if !strings.HasPrefix(away.String(), idp.BaseURL()+row.path+"?") {
				t.Fatalf("sent to %s", away)
			}
			if hint := away.Query().Get("id_token_hint"); row.path != "/v2/logout" && (hint == "" || hint == raw) {
				t.Error("the provider is not shown its own ID token")
			}
			if l := k.login("web", "prompt", "none"); b.get(l.url()).to(t).Query().Get("error") != "login_required" {
				t.Error("the person is signed in here until they come back, or for ever if they do not")
			}
			back := b.get(away.String()).to(t)
			if !strings.HasPrefix(back.String(), k.issuer+"/logout/return") {
				t.Fatalf("the provider sends the person to %s", back)
			}
			end := b.get(back.String()).to(t)
			if !strings.HasPrefix(end.String(), appURL+"/bye?") || end.Query().Get("state") != "a state+/=&" || len(end.Query()) != 1 {
				t.Errorf("ended at %s", end)
			}
			if k.stillThere(b, row.provider) {
				t.Error("the person is still signed in at the provider")
			}
			if a := b.get(back.String()); a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" {
				t.Errorf("a second return: %s to %q", a.Status, a.Header.Get("Location"))
			}
		})
	}
}

func TestOurOwnPageSignsOutAtTheProviderToo(t *testing.T) {
	k := leavingKit(t)
	b := k.browser()
	k.login("web").done(b, "okta", "alice")
	away := b.post(k.issuer+"/logout", hidden(b.signOut().body)).to(t)
	back := b.get(away.String()).to(t)
	if a := b.get(back.String()); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "signed out") {
		t.Errorf("ended at %s %.200s", a.Status, a.body)
	}
	if k.stillThere(b, "okta") {
		t.Error("the person is still signed in at the provider")
	}
}

// Whatever is wrong at the provider, the person is signed out here and the app gets
// them back (checklist 46).
func TestAProviderThatCannotSignOutBlocksNobody(t *testing.T) {
	for why, prepare := range map[string]func(k *kit){
		"it offers no way": func(k *kit) {
			k.okta.Faults().Set(persona.Fault{Metadata: persona.Claims{"end_session_endpoint": persona.Absent}})
		},
		"it names a stranger": func(k *kit) {
			k.okta.Faults().Set(persona.Fault{Metadata: persona.Claims{"end_session_endpoint": "https://collector.example/"}})
		},
		"nobody wants it": func(k *kit) { k.change(func(d *directory.Document) { d.Providers[1].UpstreamLogout = false }) },
		"it is gone": func(k *kit) {
			k.change(func(d *directory.Document) {
				d.Providers = slices.Delete(d.Providers, 1, 2)
				d.Rules = d.Rules[:1]
				d.Clients = d.Clients[:4]
			})
		},
	} {
		t.Run(why, func(t *testing.T) {
			k := leavingKit(t)
			b := k.browser()
			raw, _ := idToken(t, k.login("web").done(b, "okta", "alice"))
			prepare(k)
			k.clock.Advance(6 * time.Minute) // discovery is read anew
			b.get(k.login("web", "provider", "okta").url())
			k.change(func(*directory.Document) {}) // as a restart would
			if to := b.signOut("id_token_hint", raw, "post_logout_redirect_uri", appURL+"/bye", "state", "s").to(t); to.String() != appURL+"/bye?state=s" {
				t.Errorf("sent to %s", to)
			}
		})
	}
}

func TestTheUpstreamIDTokenIsKeptOnlyWhereItIsNeeded(t *testing.T) {
	k := leavingKit(t)
	kept := func(provider string) error {
		t.Helper()
		_, id := idToken(t, k.login("web").done(k.browser(), provider, "alice"))
		_, err := k.db.UpstreamIDToken(t.Context(), id["sid"].(string))
		return err
	}
	if err := kept("okta"); err != nil {
		t.Errorf("at Okta: %v", err)
	}
	if err := kept("google"); err == nil {
		t.Error("Google's ID token is kept, which nobody needs")
	}
	k.change(func(d *directory.Document) { d.Providers[1].UpstreamLogout = false })
	if err := kept("okta"); err == nil {
		t.Error("Okta's ID token is kept although nobody is signed out there")
	}
}

// What a browser brings back from the provider opens nothing: only its own sealed
// cookie does, once, and only to where the app may still be sent.
func TestTheReturnFromTheProviderTrustsOnlyItsCookie(t *testing.T) {
	k := leavingKit(t)
	begin := func() (b *browser, back string) {
		t.Helper()
		b = k.browser()
		raw, _ := idToken(t, k.login("web").done(b, "okta", "alice"))
		away := b.signOut("id_token_hint", raw, "post_logout_redirect_uri", appURL+"/bye", "state", "s").to(t)
		return b, b.get(away.String()).to(t).String()
	}
	stays := func(why string, a *answer) {
		t.Helper()
		if a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" || !strings.Contains(a.body, "signed out") {
			t.Errorf("%s: %s to %q", why, a.Status, a.Header.Get("Location"))
		}
	}
	b, back := begin()
	stays("another browser", k.browser().get(back))
	for _, q := range []string{"?state=" + oauth.NewSecret(), "?state=", "?state=a&state=b", "?post_logout_redirect_uri=https://evil.example/&state=x"} {
		stays(q, b.get(k.issuer+"/logout/return"+q))
	}
	if to := b.get(back + "&post_logout_redirect_uri=https%3A%2F%2Fevil.example").to(t); to.String() != appURL+"/bye?state=s" {
		t.Errorf("a parameter of the return changed where it leads: %s", to)
	}
	b, back = begin()
	k.clock.Advance(11 * time.Minute)
	stays("after eleven minutes", b.get(back))
	b, back = begin()
	k.change(func(d *directory.Document) { d.Clients[0].PostLogoutRedirectURIs = []string{appURL + "/elsewhere"} })
	stays("once the address is no more the app's", b.get(back))
}

func TestS18_AFarewellIsOneSmallCookie(t *testing.T) {
	k := leavingKit(t)
	for _, row := range []struct {
		why  string
		size int
		away bool
	}{{"an ordinary state", 40, true}, {"a long one", 512, true}, {"a huge one", 4000, false}} {
		b := k.browser()
		raw, _ := idToken(t, k.login("web").done(b, "okta", "alice"))
		state := strings.Repeat("s", row.size)
		a := b.signOut("id_token_hint", raw, "post_logout_redirect_uri", appURL+"/bye", "state", state)
		if away := strings.HasPrefix(a.to(t).String(), k.okta.BaseURL()); away != row.away {
			t.Errorf("%s: sent to %.200s", row.why, a.to(t))
		}
		farewells := 0
		for _, c := range a.Cookies() {
			if len(c.Value) > 2048 {
				t.Errorf("%s: the cookie %s has %d bytes", row.why, c.Name, len(c.Value))
			}
			if strings.HasSuffix(c.Name, "farewell") {
				farewells++
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || strings.Contains(c.Value, strings.Repeat("s", 12)) {
					t.Errorf("%s: %s", row.why, c.Raw)
				}
			}
		}
		if (farewells == 1) != row.away {
			t.Errorf("%s: %d farewells", row.why, farewells)
		}
		if !row.away && a.to(t).Query().Get("state") != state {
			t.Errorf("%s: the app's state was lost", row.why)
		}
	}
}

func TestU33_AnUpstreamLogoutEndsWhatItNamesAndTellsTheApps(t *testing.T) {
	web := newReceiver(t, "web")
	k := tells(t, web)
	for _, idp := range []*persona.Persona{k.okta, k.auth0} {
		slug := "okta"
		if idp == k.auth0 {
			slug = "auth0"
		}
		idp.SetBackchannelLogout(k.issuer + "/backchannel/" + slug)
		b, bystander := k.browser(), k.browser()
		got := k.login("web").done(b, slug, "alice")
		raw, id := idToken(t, got)
		others := k.login("web").done(bystander, slug, "erin")
		elsewhere := k.login("web").done(k.browser(), "google", "alice") // another identity: not the provider's business
		before := len(web.told())
		status, err := idp.BackchannelLogout(t.Context(), "alice")
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d, %v", slug, status, err)
		}
		l := k.login("web", "prompt", "none")
		l.mustGoBack(b.get(l.url()).to(t), "login_required")
		if a := k.userinfo(got["access_token"].(string)); a.StatusCode == http.StatusOK && !strings.Contains(got["scope"].(string), "offline_access") {
			t.Errorf("%s: the grant lives on", slug)
		}
		for who, still := range map[string]map[string]any{"erin": others, "alice by Google": elsewhere} {
			if a := k.userinfo(still["access_token"].(string)); a.StatusCode != http.StatusOK {
				t.Errorf("%s: %s was signed out, too", slug, who)
			}
		}
		k.tellNow()
		told := web.told()[before:]
		if len(told) != 1 || told[0].sid != id["sid"] || told[0].sub != id["sub"] {
			t.Errorf("%s: the app was told %+v", slug, told)
		}
		if a := b.signOut("id_token_hint", raw); a.StatusCode != http.StatusOK {
			t.Errorf("%s: signing out afterwards: %s", slug, a.Status)
		}
	}
	rows, err := k.db.Audit(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(rows, func(r storage.AuditRow) bool { return r.Action == storage.AuditSignOut && r.Actor.Kind == "provider" }) {
		t.Error("the audit does not say that a provider signed somebody out")
	}
}

func TestU33_AForgedUpstreamLogoutEndsNothing(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "auth0", "alice")
	at := k.issuer + "/backchannel/auth0"
	post := func(to string, form url.Values) *answer {
		t.Helper()
		return do(t, http.DefaultClient, formRequest(t, to, form, nil))
	}
	token := func(f persona.Fault) string {
		t.Helper()
		raw, err := k.auth0.LogoutToken("alice", f)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	still := func(why string) {
		t.Helper()
		if l := k.login("web", "prompt", "none"); b.get(l.url()).to(t).Query().Get("code") == "" {
			t.Fatalf("%s: signed out", why)
		}
	}
	for why, f := range map[string]persona.Fault{
		"alg none":          {Forge: persona.ForgeNone},
		"another key":       {Forge: persona.ForgeWrongKey},
		"the client secret": {Forge: persona.ForgeHS256Secret},
		"a changed payload": {Forge: persona.ForgeTampered},
		"its own key":       {Forge: persona.ForgeEmbeddedJWK},
		"a nonce":           {Claims: persona.Claims{"nonce": "n"}},
		"no event":          {Claims: persona.Claims{"events": persona.Absent}},
		"another audience":  {Claims: persona.Claims{"aud": "other"}},
		"another issuer":    {Claims: persona.Claims{"iss": "https://evil.example/"}},
		"no jti":            {Claims: persona.Claims{"jti": persona.Absent}},
		"nobody":            {Claims: persona.Claims{"sub": persona.Absent, "sid": persona.Absent}},
		"an hour ago":       {Claims: persona.Claims{"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(time.Hour).Unix()}},
		"an access token":   {Header: persona.Claims{"typ": "at+jwt"}},
	} {
		mustFail(t, post(at, url.Values{"logout_token": {token(f)}}), http.StatusBadRequest, "invalid_request")
		still(why)
	}
	good := token(persona.Fault{})
	okta, err := k.okta.LogoutToken("alice", persona.Fault{})
	if err != nil {
		t.Fatal(err)
	}
	for why, row := range map[string]struct {
		to   string
		form url.Values
	}{
		"no token":                 {at, url.Values{}},
		"an empty one":             {at, url.Values{"logout_token": {""}}},
		"two":                      {at, url.Values{"logout_token": {good, good}}},
		"another provider's token": {at, url.Values{"logout_token": {okta}}},
		"another provider's door":  {k.issuer + "/backchannel/okta", url.Values{"logout_token": {good}}},
		"nobody's door":            {k.issuer + "/backchannel/nobody", url.Values{"logout_token": {good}}},
		"no JWT":                   {at, url.Values{"logout_token": {strings.Repeat("a.", 20_000)}}},
	} {
		mustFail(t, post(row.to, row.form), http.StatusBadRequest, "invalid_request")
		still(why)
	}
	k.change(func(d *directory.Document) { d.Providers[2].Disabled = true })
	mustFail(t, post(at, url.Values{"logout_token": {good}}), http.StatusBadRequest, "invalid_request")
	k.change(func(d *directory.Document) { d.Providers[2].Disabled = false })
	still("a provider that is switched off")

	if a := post(at, url.Values{"logout_token": {good}}); a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" || a.body != "" {
		t.Errorf("a good one: %s %q", a.Status, a.body)
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(b.get(l.url()).to(t), "login_required")
	k.login("web").done(b, "auth0", "alice")
	mustFail(t, post(at, url.Values{"logout_token": {good}}), http.StatusBadRequest, "invalid_request")
	still("a replay")
}

func TestAnUpstreamWhoseKeysCannotBeFetchedMayTellAgain(t *testing.T) {
	k := newKit(t)
	raw, err := k.auth0.LogoutToken("alice", persona.Fault{})
	if err != nil {
		t.Fatal(err)
	}
	k.auth0.Faults().Set(persona.Fault{At: persona.At{persona.Discovery: persona.Break{Status: 503}}})
	mustFail(t, do(t, http.DefaultClient, formRequest(t, k.issuer+"/backchannel/auth0", url.Values{"logout_token": {raw}}, nil)), http.StatusServiceUnavailable, "temporarily_unavailable")
}
