package persona

import (
	"net/http"
	"strings"
	"time"
)

type vendor struct{ kind, title, issuerPath string }

var googleVendor, oktaVendor, oktaOrgVendor, auth0Vendor vendor

type book struct{}
type keyring struct{}

func (k *keyring) rotate()   {}
func (k *keyring) withdraw() {}
func (k *keyring) swap()     {}

func build(v vendor, o Options) *Persona {
	if o.Now == nil {
		o.Now = time.Now
	}
	_ = strings.TrimSuffix
	p := &Persona{base: o.Issuer, vendor: v, now: o.Now}
	p.faults = &Faults{p: p}
	return p
}

// Handler serves everything of the persona.
func (p *Persona) Handler() http.Handler { return http.NotFoundHandler() }

// People are the default people of a kind.
func People(kind string) []User { return nil }

// Forgeries lists every forgery, for a table test.
func Forgeries() []Forgery { return nil }
