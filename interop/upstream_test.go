package interop

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Each upstream is met through the whole chain: a Go app asks the broker, the broker asks the upstream, the upstream asks the person.
func TestUpstreamsThatOthersWroteSignPeopleIn(t *testing.T) {
	for _, up := range []struct {
		why      string
		slug     string
		part     string // the npm package
		program  string
		settings map[string]any
		subject  string // alice's at the upstream: it must not become hers here
		groups   string
	}{
		{why: "hd for Workspace people, no groups", slug: "google", part: "oidc-provider", program: "upstream.mjs",
			settings: map[string]any{"personality": "google"}, subject: "100000000000000000001"},
		{why: "custom authorization server, groups in the ID token", slug: "okta", part: "oidc-provider", program: "upstream.mjs",
			settings: map[string]any{"personality": "okta"}, subject: "00ualice0000000000a1", groups: "Everyone Engineering"},
		{why: "org authorization server: a thin ID token, so userinfo must be asked", slug: "okta", part: "oidc-provider", program: "upstream.mjs",
			settings: map[string]any{"personality": "okta-org"}, subject: "00ualice0000000000a1", groups: "Everyone Engineering"},
		{why: "an issuer that ends in a slash, roles under a namespace", slug: "auth0", part: "oidc-provider", program: "upstream.mjs",
			settings: map[string]any{"personality": "auth0"}, subject: "auth0|a1"},
		{why: "Google's paths; the secret is taken in the form only", slug: "google", part: "emulate", program: "emulate.mjs",
			settings: map[string]any{"service": "google"}},
		{why: "Okta's paths", slug: "okta", part: "emulate", program: "emulate.mjs",
			settings: map[string]any{"service": "okta"}, subject: "00ualice0000000000a1", groups: "Engineering"},
	} {
		name := up.part + " as " + up.slug
		if p, ok := up.settings["personality"].(string); ok {
			name = up.part + " as " + p
		}
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			npm(t, up.part)
			p := newPlan(t)
			p.upstream(up.slug, up.program, up.settings)
			b := p.serve()

			alice := web(t, b, "profile", "email", "groups", "items:read", "items:write").login(t, up.slug, "Alice Acme")
			if alice.id.Subject == "" || alice.id.Subject == up.subject {
				t.Errorf("%s: sub %q: a person's sub here is random and not the upstream's", up.why, alice.id.Subject)
			}
			app := web(t, b)
			info := app.userinfo(t, alice.token)
			if info["sub"] != alice.id.Subject {
				t.Errorf("%s: userinfo is about %v, the ID token about %s", up.why, info["sub"], alice.id.Subject)
			}
			if info["email"] != "alice@acme.example" || info["email_verified"] != true {
				t.Errorf("%s: userinfo says e-mail %v, verified %v (a JSON boolean)", up.why, info["email"], info["email_verified"])
			}
			if up.groups != "" && words(info["groups"]) != up.groups {
				t.Errorf("%s: userinfo says groups %v, want %s", up.why, info["groups"], up.groups)
			}
			if got := scopesOf(alice); !slices.Contains(got, "items:write") {
				t.Errorf("%s: the rules give Alice items:write; she got %v", up.why, got)
			}

			// The same person again, in another browser: the same sub. Another person: another sub, and no editor.
			again := web(t, b, "email").login(t, up.slug, "Alice Acme")
			if again.id.Subject != alice.id.Subject {
				t.Errorf("%s: Alice was %s and is now %s", up.why, alice.id.Subject, again.id.Subject)
			}
			bob := web(t, b, "email", "items:read", "items:write").login(t, up.slug, "Bob Private")
			if bob.id.Subject == alice.id.Subject {
				t.Fatalf("%s: Bob is Alice", up.why)
			}
			if got := scopesOf(bob); !slices.Contains(got, "items:read") || slices.Contains(got, "items:write") {
				t.Errorf("%s: Bob reads and does not write; he got %v", up.why, got)
			}
		})
	}
}

// The oldest trap of all brokers: the same e-mail address, unverified, at the same upstream.
func TestAnUnverifiedAddressIsNotItsOwner(t *testing.T) {
	npm(t, "oidc-provider")
	p := newPlan(t)
	p.upstream("google", "upstream.mjs", map[string]any{"personality": "google"})
	b := p.serve()
	alice := web(t, b, "email").login(t, "google", "Alice Acme")
	app := web(t, b, "email", "items:read")
	mallory := app.login(t, "google", "Mallory")
	if mallory.id.Subject == alice.id.Subject {
		t.Fatal("who says she has Alice's address became Alice")
	}
	if info := app.userinfo(t, mallory.token); info["email_verified"] == true {
		t.Errorf("userinfo calls an unverified address verified: %v", info)
	}
	if got := scopesOf(mallory); slices.Contains(got, "items:read") {
		t.Errorf("an unverified address got %v", got)
	}
}

// Pressing Cancel at the upstream ends at the app, with the error that RFC 6749 §4.1.2.1 names, and signs nobody in.
func TestCancellingAtTheUpstreamTellsTheApp(t *testing.T) {
	npm(t, "oidc-provider")
	p := newPlan(t)
	p.upstream("okta", "upstream.mjs", map[string]any{"personality": "okta"})
	app := web(t, p.serve(), "email")
	end := app.browser.open(t, app.config.AuthCodeURL("s1", pkceOnly(), provider("okta"))).signIn(t, "Cancel")
	if end.doc != nil {
		t.Fatalf("cancelling ended at %s with %d:\n%s", end.url, end.status, end.body)
	}
	if got := end.url.Query(); got.Get("error") != "access_denied" || got.Get("state") != "s1" || got.Get("code") != "" {
		t.Errorf("the app got %s; want error=access_denied and its state", end.url)
	}
}

// The upstream still knows who was here. On a shared machine the next person must be asked all the same.
func TestAfterSigningOutTheUpstreamAsksWhoItIs(t *testing.T) {
	npm(t, "oidc-provider")
	for slug, why := range map[string]string{"google": "prompt=select_account", "okta": "prompt=login: Okta has no account picker to ask for"} {
		p := newPlan(t)
		p.upstream(slug, "upstream.mjs", map[string]any{"personality": slug})
		b := p.serve()
		app := web(t, b, "email")
		alice := app.login(t, slug, "Alice Acme")

		// Still signed in: no page at all on the way.
		if end := app.browser.open(t, app.config.AuthCodeURL("s", pkceOnly(), provider(slug))); end.doc != nil || end.url.Query().Get("code") == "" {
			t.Errorf("%s: signed in, and the next login ended at %s with %d", slug, end.url, end.status)
		}
		hint := alice.token.Extra("id_token").(string)
		app.browser.open(t, b.issuer+"/logout?"+url.Values{"id_token_hint": {hint}}.Encode())
		page := app.browser.open(t, app.config.AuthCodeURL("s", pkceOnly(), provider(slug)))
		if page.doc == nil || page.find(clickable("Bob Private")) == nil {
			t.Errorf("%s: after signing out nobody was asked (%s); the login ended at %s", slug, why, page.url)
		}
		if bob := app.login(t, slug, "Bob Private"); bob.id.Subject == alice.id.Subject {
			t.Errorf("%s: Bob came after Alice and became her", slug)
		}
	}
}

// A refresh token rotates, what the app asked for is still there, and the spent one no longer works.
func TestRefreshingRotatesAndKeepsWhatWasGranted(t *testing.T) {
	app := web(t, brokerWithOkta(t), "email", "offline_access", "items:read")
	first := app.login(t, "okta", "Alice Acme")
	if first.token.RefreshToken == "" {
		t.Fatal("offline_access was granted and no refresh token came")
	}
	second, err := app.config.TokenSource(context.Background(), expired(first.token)).Token()
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	if second.RefreshToken == first.token.RefreshToken || second.AccessToken == first.token.AccessToken {
		t.Error("a refresh must give a new refresh token and a new access token")
	}
	if l := app.read(t, second); l.id.Subject != first.id.Subject {
		t.Errorf("after a refresh %s became %s", first.id.Subject, l.id.Subject)
	}
	third, err := app.config.TokenSource(context.Background(), expired(second)).Token()
	if err != nil {
		t.Fatalf("refresh again: %v", err)
	}
	// The first has been used twice over by now: that is no retry of a lost answer but a thief, and ends the family.
	if _, err := app.config.TokenSource(context.Background(), expired(first.token)).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("a refresh token of two rotations ago: got %v, want invalid_grant", err)
	}
	if _, err := app.config.TokenSource(context.Background(), expired(third)).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("the newest token after a reuse: got %v, want invalid_grant, since the family is revoked", err)
	}
}
