package persona_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

// In a test use Start, which needs no more than this:
//
//	idp := persona.Start(t, persona.Google, persona.Options{RedirectURIs: []string{"http://127.0.0.1/callback"}})
//
// Here the same without a test: a login at a pretend Google, with go-oidc and
// x/oauth2 as the client.
func Example() {
	ctx := context.Background()
	server := httptest.NewUnstartedServer(nil) // knows its address before it has a handler
	google := persona.Google(persona.Options{
		Issuer:       "http://" + server.Listener.Addr().String(),
		RedirectURIs: []string{"http://127.0.0.1/callback"},
	})
	server.Config.Handler = google.Handler()
	server.Start()
	defer server.Close()

	provider, err := oidc.NewProvider(ctx, google.Issuer())
	if err != nil {
		log.Fatal(err)
	}
	app := oauth2.Config{
		ClientID: google.ClientID(), ClientSecret: google.ClientSecret(), Endpoint: provider.Endpoint(),
		RedirectURL: "http://127.0.0.1/callback", Scopes: []string{oidc.ScopeOpenID, "email"},
	}
	verifier := oauth2.GenerateVerifier()

	// The part that a browser and a person play.
	back, err := persona.SignIn(ctx, nil, app.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), "alice")
	if err != nil {
		log.Fatal(err)
	}

	token, err := app.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		log.Fatal(err)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: app.ClientID}).Verify(ctx, token.Extra("id_token").(string))
	if err != nil {
		log.Fatal(err)
	}
	var claims struct {
		Email string `json:"email"`
		HD    string `json:"hd"`
	}
	if err := id.Claims(&claims); err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Email, "of", claims.HD)
	// Output: alice@acme.example of acme.example
}

// A fault is set while the persona runs and holds from the next request on.
func ExampleFaults() {
	google := persona.Google(persona.Options{Issuer: "http://127.0.0.1:4100"})
	google.Faults().Set(persona.Fault{DropNonce: true})                                             // an ID token without nonce
	google.Faults().Set(persona.Fault{Forge: persona.ForgeNone})                                    // an unsigned one
	google.Faults().Set(persona.Fault{At: persona.At{persona.Token: {Status: 503}}})                // a dead token endpoint
	google.Faults().Change(func(f *persona.Fault) { f.AuthorizeError = "temporarily_unavailable" }) // and more of it
	google.Faults().Reset()
	fmt.Println(len(persona.Forgeries()) > 20)
	// Output: true
}
