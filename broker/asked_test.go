package broker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers/persona"
)

func TestD35_ATokenSaysWhatTheProviderProvedAndNeverWhatTheAppAskedFor(t *testing.T) {
	const gold, silver = "urn:example:gold", "urn:example:silver"
	essential := func(acr string) string {
		return `{"id_token":{"acr":{"essential":true,"values":["` + acr + `"]}}}`
	}
	for _, row := range []struct {
		why       string
		proved    any // acr in the provider's ID token
		ask       []string
		want, err string
	}{
		{"a wish, nothing proved", persona.Absent, []string{"acr_values", gold}, "", ""},
		{"a wish, something else proved", silver, []string{"acr_values", gold}, silver, ""},
		{"a wish, fulfilled", gold, []string{"acr_values", silver + " " + gold}, gold, ""},
		{"a demand, nothing proved", persona.Absent, []string{"claims", essential(gold)}, "", "unmet_authentication_requirements"},
		{"a demand, something else proved", silver, []string{"claims", essential(gold)}, "", "unmet_authentication_requirements"},
		{"a demand, fulfilled", gold, []string{"claims", essential(gold)}, gold, ""},
		{"any class, none proved", persona.Absent, []string{"claims", `{"id_token":{"acr":{"essential":true}}}`}, "", "unmet_authentication_requirements"},
		{"a class of the wrong type", 2, []string{"claims", essential("2")}, "", "unmet_authentication_requirements"},
		{"a class that is markup and lines", "gold\n<b>", []string{"acr_values", gold}, "", ""},
	} {
		k := suiteKit(t)
		k.change(func(d *directory.Document) { d.Providers[1].ACRValues = nil }) // nobody knows what it can prove
		r := k.newRelyingParty("suite-1", "")
		r.upstream.Faults().Set(persona.Fault{Claims: persona.Claims{"acr": row.proved}})
		a := r.ask(row.ask...)
		if row.err != "" {
			r.failed(a, row.err)
			r.failed(r.ask("prompt", "none"), "login_required") // a failed sign-in is none
			continue
		}
		acr, _ := r.finish(a).id["acr"].(string)
		if acr != row.want {
			t.Errorf("%s: the ID token says acr %q", row.why, acr)
		}
		again := r.tokens(r.tokenRequest("grant_type", "refresh_token", "refresh_token", r.login("prompt", "none").token["refresh_token"].(string)))
		if _, id := r.idToken(again); id["acr"] != nil && id["acr"] != row.want {
			t.Errorf("%s: after a refresh %v", row.why, id["acr"])
		}
	}
}

func TestD35_S17_ASessionThatIsTooWeakIsNotReused(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	demand := []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:loa:1"}}}`}
	r.upstream.Faults().Set(persona.Fault{Claims: persona.Claims{"acr": persona.Absent}})
	weak := r.login()
	r.failed(r.ask(append(demand, "prompt", "none")...), "login_required")
	if v := r.login("acr_values", "urn:example:unknown"); v.upstream != nil {
		t.Error("a wish that no provider can fulfil asked the person again")
	}
	if v := r.login("acr_values", classOne, "prompt", "none"); v.id["acr"] != nil {
		t.Errorf("acr %v out of nothing", v.id["acr"])
	}
	r.upstream.Faults().Reset()
	r.k.clock.Advance(time.Second)
	strong := r.login(demand...)
	if strong.upstream == nil || strong.id["acr"] != classOne || strong.id["sub"] != weak.id["sub"] {
		t.Errorf("upstream %v, ID token %v", strong.upstream, strong.id)
	}
	if v := r.login(demand...); v.upstream != nil || v.id["acr"] != classOne {
		t.Error("a session that is strong enough was not reused")
	}
}

func TestNobodyIsSentToAProviderThatCannotProveWhatIsDemanded(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Providers[0].ACRValues, d.Providers[1].ACRValues, d.Providers[2].ACRValues = []string{"bronze"}, []string{"gold"}, []string{"silver", "gold"}
	})
	demand := func(acr, provider string) *answer {
		return k.browser().get(k.login("web", "provider", provider, "claims", `{"id_token":{"acr":{"essential":true,"values":["`+acr+`"]}}}`).url())
	}
	if a := demand("gold", ""); strings.Contains(a.body, "provider-google") || !strings.Contains(a.body, "provider-okta") || !strings.Contains(a.body, "provider-auth0") {
		t.Errorf("the chooser offers what cannot work: %s", a.body)
	}
	if a := demand("gold", "google"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "provider-google") {
		t.Errorf("a named provider that cannot: %s %s", a.Status, a.body)
	}
	if to := demand("silver", "").to(t); !strings.HasPrefix(to.String(), k.auth0.BaseURL()) {
		t.Errorf("one can, but the person goes to %s", to)
	}
	if q := demand("platinum", "").to(t).Query(); q.Get("error") != "unmet_authentication_requirements" {
		t.Errorf("nobody can: %v", q)
	}
	if to := k.browser().get(k.login("web", "provider", "google", "acr_values", "gold").url()).to(t); !strings.HasPrefix(to.String(), k.google.BaseURL()) || to.Query().Has("acr_values") {
		t.Errorf("a wish must exclude nobody, and is not passed to who cannot fulfil it: %s", to)
	}
}

func TestOnlyClassesThatAProviderCanProveAreAskedOfIt(t *testing.T) {
	k := suiteKit(t)
	r := k.newRelyingParty("suite-1", "")
	if a := r.ask("acr_values", "1 "+classOne+" 2"); a.upstream.Query().Get("acr_values") != classOne {
		t.Errorf("asked for %q", a.upstream.Query().Get("acr_values"))
	}
	k.change(func(d *directory.Document) { d.Providers[1].ACRValues = nil })
	r.b = k.browser()
	if a := r.ask("acr_values", "1 2"); a.upstream.Query().Get("acr_values") != "1 2" {
		t.Errorf("asked for %q", a.upstream.Query().Get("acr_values"))
	}
}

func TestAskingClaimByClaimGivesNoMoreThanScopesWould(t *testing.T) {
	k := suiteKit(t)
	k.change(func(d *directory.Document) {
		d.Clients[len(d.Clients)-3].Scopes = []string{"openid", "email", "offline_access"} // suite-1
	})
	r := k.newRelyingParty("suite-1", "")
	v := r.login("claims", `{"userinfo":{"email":null,"name":{"essential":true},"phone_number":{"essential":true},"groups":null,"handstamp_why":null,"roles":null,"password":null},
		"id_token":{"email":{"essential":true},"name":null,"iss":{"value":"evil"},"aud":{"value":"other"},"roles":null,"exp":{"value":9999999999}}}`)
	if len(v.user) != 2 || v.user["email"] != "paula@acme.example" {
		t.Errorf("userinfo tells %v", v.user)
	}
	if v.id["email"] != "paula@acme.example" || v.id["name"] != nil || v.id["roles"] != nil {
		t.Errorf("the ID token tells %v", v.id)
	}
	k.change(func(d *directory.Document) {
		d.Clients[len(d.Clients)-3].Scopes = []string{"openid", "profile", "offline_access"}
	})
	fresh := r.tokens(r.tokenRequest("grant_type", "refresh_token", "refresh_token", v.token["refresh_token"].(string)))
	after := r.userinfo(http.MethodGet, fresh["access_token"].(string), false).json(t)
	if len(after) != 1 {
		t.Errorf("what the client may no longer know, or might not know then, is told: %v", after)
	}
}

func TestAClaimWithAValueIsToldOnlyIfItHasIt(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	v := r.login("claims", `{"userinfo":{"locale":{"value":"fr-FR"},"gender":{"values":["male","other"]},"updated_at":{"value":1700000000},"email_verified":{"value":true},"zoneinfo":{"value":1}}}`)
	if v.user["locale"] != "fr-FR" || v.user["updated_at"] != 1.7e9 || v.user["email_verified"] != true || v.user["gender"] != nil || v.user["zoneinfo"] != nil {
		t.Errorf("userinfo tells %v", v.user)
	}
}

func TestAPersonWithLongClaimsStillGetsAnIDToken(t *testing.T) {
	k := suiteKit(t)
	long, all := everything(), []string{}
	for _, name := range byScope["profile"][:13] {
		long.Claims[name] = name + random(1000)
		all = append(all, `"`+name+`":{"essential":true}`)
	}
	k.okta.SetUsers(long)
	r := k.newRelyingParty("suite-1", "")
	v := r.login("claims", `{"id_token":{`+strings.Join(all, ",")+`}}`, "scope", "openid profile")
	r.have(v.user, byScope["profile"]...)
	if v.id["birthdate"] == nil || v.id["zoneinfo"] != nil || len(v.token["id_token"].(string)) > 6<<10 {
		t.Errorf("the ID token should carry what fits, in the order of names: %v", v.id)
	}
}

func TestASubWithAValueIsThatPersonOrAnError(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	sub, _ := r.login().id["sub"].(string)
	ask := func(sub string) string { return `{"id_token":{"sub":{"value":"` + sub + `"}}}` }
	if v := r.login("prompt", "none", "claims", ask(sub)); v.id["sub"] != sub {
		t.Errorf("answered for %v", v.id["sub"])
	}
	r.failed(r.ask("prompt", "none", "claims", ask("somebody-else")), "login_required")
	r.failed(r.ask("claims", ask("somebody-else")), "login_required") // signs in again, as the same person
	if v := r.login("claims", `{"id_token":{"sub":{"values":["somebody-else","`+sub+`"]}}}`, "prompt", "none"); v.id["sub"] != sub {
		t.Errorf("answered for %v", v.id["sub"])
	}
}

func TestAFaultyClaimsParameterGoesBackToTheApp(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	for _, bad := range []string{`name`, `[]`, `{"userinfo":[]}`, `{"userinfo":{"name":null,"name":null}}`, strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)} {
		r.failed(r.ask("claims", bad), "invalid_request")
	}
}

func TestAThirdPartyAppAsksThePersonForClaimsToo(t *testing.T) {
	k := suiteKit(t)
	b := k.browser()
	l := k.login("notes", "scope", "openid", "resource", "", "claims", `{"userinfo":{"email":{"essential":true}}}`)
	page := b.get(l.signIn(b, "okta", suiteLogin).String())
	if !strings.Contains(page.body, "See your e-mail address") || strings.Contains(page.body, "your name") {
		t.Fatalf("the page must name what the claim tells, and no more: %s", page.body)
	}
	form := hidden(page.body)
	form.Set("decision", "allow")
	got := l.redeem(l.code(b.post(k.issuer+"/consent", form).to(t))).json(t)
	if who := k.userinfo(got["access_token"].(string)).json(t); who["email"] != "paula@acme.example" || who["name"] != nil || got["scope"] != "openid" {
		t.Errorf("userinfo tells %v, granted %v", who, got["scope"])
	}
	again := k.login("notes", "scope", "openid", "resource", "", "claims", `{"userinfo":{"email":null}}`)
	again.code(b.get(again.url()).to(t))
	more := k.login("notes", "scope", "openid", "resource", "", "claims", `{"userinfo":{"email":null,"birthdate":null}}`)
	if to := b.get(more.url()).to(t); to.Path != "/consent" {
		t.Errorf("a claim of another kind must be asked for: %s", to)
	}
}

func TestTheProvidersTypesBecomeTheSpecifications(t *testing.T) {
	k := suiteKit(t)
	odd := everything()
	odd.Claims = persona.Claims{"updated_at": "2023-11-14T22:13:20.000Z", "email_verified": "true", "phone_number": 331, "phone_number_verified": true, "locale": map[string]any{"language": "fr"},
		"address": "1 rue Exemple", "birthdate": "", "gender": nil, "nickname": []string{"Pau"}}
	k.okta.SetUsers(odd)
	r := k.newRelyingParty("suite-1", "")
	v := r.login("scope", "openid profile email address phone") // checks every type
	if v.user["updated_at"] != 1.7e9 || v.user["email_verified"] != false {
		t.Errorf("userinfo tells %v", v.user)
	}
	for _, name := range []string{"phone_number", "phone_number_verified", "locale", "address", "birthdate", "gender", "nickname"} {
		if v.user[name] != nil {
			t.Errorf("%s is %v", name, v.user[name])
		}
	}
}
