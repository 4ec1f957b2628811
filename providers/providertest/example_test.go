package providertest_test

import (
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/providers/providertest"
)

// The body of a test of your kind. The upstream is a persona; a kind whose settings
// need more than every kind's sets it in the function.
func ExampleRun() {
	TestMyKindKeepsTheContract := func(t *testing.T) {
		kind, _ := providers.Lookup("mykind")
		providertest.Run(t, persona.Auth0, func(t *testing.T, _ *persona.Persona, s providers.Settings) providers.Provider {
			p, err := kind.New(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			return p
		})
	}
	_ = TestMyKindKeepsTheContract
}
