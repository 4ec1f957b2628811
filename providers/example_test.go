package providers_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// A kind tells its issuer without asking anybody: it is what people are known by.
func ExampleLookup() {
	okta, _ := providers.Lookup("okta")
	issuer, _ := okta.Issuer(providers.Settings{Issuer: "https://example.okta.com", AuthorizationServer: "default"})
	fmt.Println(issuer)
	// Output: https://example.okta.com/oauth2/default
}

// A kind of your own is one file: most are plain OpenID Connect with a habit or two.
// Its init registers it; providertest.Run holds it to what every kind promises.
func ExampleRegister() {
	plain, _ := providers.Lookup("oidc")
	providers.Register(providers.Kind{Name: "acme", Title: "Acme",
		Issuer: plain.Issuer,
		New: func(ctx context.Context, s providers.Settings) (providers.Provider, error) {
			s.UserInfo = "always" // Acme's ID tokens say only who it is
			return plain.New(ctx, s)
		}})
}

// Begin sends the person away; Finish reads who came back. The caller draws the
// secrets and keeps them bound to the person's browser in between.
func ExampleProvider() {
	const here = "https://login.example.com/callback/google"
	var t example
	defer t.end()
	upstream := persona.Start(&t, persona.Google, persona.Options{ClientID: "handstamp", ClientSecret: "s3cret", RedirectURIs: []string{here}})

	kind, _ := providers.Lookup("google")
	client, _ := providers.NewClient(providers.ClientOptions{AllowLoopback: true})
	google, err := kind.New(context.Background(), providers.Settings{
		Slug: "google", Issuer: upstream.Issuer(), ClientID: "handstamp", ClientSecret: "s3cret", Client: client,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	attempt := providers.Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURI: here}
	step, err := google.Begin(context.Background(), attempt)
	if err != nil {
		fmt.Println(err)
		return
	}
	sent, _ := url.Parse(step.Redirect)
	fmt.Println(sent.Query().Get("response_type"), sent.Query().Get("code_challenge_method"), sent.Query().Get("scope"))
	// Output: code S256 openid profile email
}

// example stands in for a *testing.T, which an Example has not.
type example struct{ cleanups []func() }

func (e *example) Helper()                           {}
func (e *example) Cleanup(f func())                  { e.cleanups = append(e.cleanups, f) }
func (e *example) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (e *example) end() {
	for _, f := range e.cleanups {
		f()
	}
}
