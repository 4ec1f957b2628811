package interop

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

// binary is the product as it is shipped, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "handstamp-interop-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "handstamp")
		if out, err := build(binary, "./cmd/handstamp"); err != nil {
			fmt.Fprintf(os.Stderr, "build the broker: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// build compiles a program of the main module as the Dockerfile does: static.
func build(to, pkg string) ([]byte, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-o", to, pkg)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd.CombinedOutput()
}

// A broker is `handstamp serve -c testdata/handstamp.yaml`, running.
type broker struct {
	*process
	issuer string
	secret string // of every app that has one
	app    string // where the app under test is registered, without a slash at its end
	ca     *authority
}

// client trusts the broker's certificate, where it has one.
func (b *broker) client() *http.Client {
	if b.ca == nil {
		return http.DefaultClient
	}
	return b.ca.client
}

// context is the broker's client for libraries that take it from there.
func (b *broker) context() context.Context {
	return oidc.ClientContext(context.Background(), b.client())
}

// browser is a new one that trusts the broker's certificate.
func (b *broker) browser(t *testing.T) *browser {
	t.Helper()
	me := newBrowser(t)
	me.client.Transport = b.client().Transport
	return me
}

// Addresses of the two APIs in testdata/handstamp.yaml.
const (
	items  = "https://items.example"
	orders = "https://orders.example"
)

// A plan is what must be agreed before anything runs: who listens where, who knows which secret.
type plan struct {
	t                                 *testing.T
	brokerPort, appPort, upstreamPort int
	issuer, app                       string
	appSecret, upstreamSecret         string
	upstreamIssuer                    map[string]string // by slug
	ca                                *authority        // over https, where there is one
	also                              string            // more settings
}

func newPlan(t *testing.T) *plan {
	t.Helper()
	ports := freePorts(t, 4)
	dead := fmt.Sprintf("http://localhost:%d", ports[3])
	return &plan{
		t: t, brokerPort: ports[0], appPort: ports[1], upstreamPort: ports[2],
		issuer:         fmt.Sprintf("http://localhost:%d", ports[0]),
		app:            fmt.Sprintf("http://localhost:%d", ports[1]),
		appSecret:      newSecret(),
		upstreamSecret: newSecret(),
		upstreamIssuer: map[string]string{"google": dead, "okta": dead + "/oauth2/default", "auth0": dead + "/"},
	}
}

// newSecret is a random one that a settings file, a form and a header can all carry.
func newSecret() string { return rand.Text() + rand.Text() }

// upstream starts a Node upstream for a provider of testdata/handstamp.yaml. It knows the broker as the vendor would: by client and callback.
func (p *plan) upstream(slug, program string, more map[string]any) {
	p.t.Helper()
	settings := map[string]any{"port": p.upstreamPort, "clientID": "broker", "clientSecret": p.upstreamSecret, "redirectURIs": []string{p.issuer + "/callback/" + slug}}
	for k, v := range more {
		settings[k] = v
	}
	// One Node in some hundred starts never comes to its first line, at no load and with no error; another one does. Nothing of
	// ours is judged by it, so it is begun anew, and the test's log says so.
	var said struct{ Issuer string }
	for try := 1; said.Issuer == ""; try++ {
		up := node(p.t, program, settings)
		if try < 3 && !up.speaksWithin(startup) {
			up.stop()
			p.t.Logf("%s said nothing for %v, begun anew", program, startup)
			continue
		}
		up.says(p.t, &said)
	}
	p.upstreamIssuer[slug] = said.Issuer
}

// serve starts the broker.
func (p *plan) serve() *broker {
	p.t.Helper()
	env := []string{
		"ISSUER=" + p.issuer, fmt.Sprintf("LISTEN=127.0.0.1:%d", p.brokerPort), "DATA=" + p.t.TempDir(), "APP=" + p.app,
		"APP_SECRET=" + p.appSecret, "UPSTREAM_SECRET=" + p.upstreamSecret,
		"GOOGLE=" + p.upstreamIssuer["google"], "OKTA=" + p.upstreamIssuer["okta"], "AUTH0=" + p.upstreamIssuer["auth0"],
	}
	b := &broker{issuer: p.issuer, secret: p.appSecret, app: p.app, ca: p.ca}
	settings := "testdata/handstamp.yaml"
	if p.ca != nil {
		settings = p.ca.settings(p.t, settings)
	}
	if p.also != "" {
		content, err := os.ReadFile(settings)
		if err != nil {
			p.t.Fatal(err)
		}
		settings = filepath.Join(p.t.TempDir(), "handstamp.yaml")
		write(p.t, settings, string(content)+p.also)
	}
	b.process = start(p.t, ".", env, binary, "serve", "-c", settings)
	b.answers(p.t, b.client(), p.issuer+"/readyz")
	return b
}

// overTLS gives the broker a certificate of an authority that nobody knows yet, as a company's own is.
func (p *plan) overTLS() {
	p.t.Helper()
	p.ca = newAuthority(p.t)
	p.issuer = "https" + strings.TrimPrefix(p.issuer, "http")
}

// brokerWithOkta is the broker with one certified upstream that knows groups: enough for every test that is about apps.
func brokerWithOkta(t *testing.T) *broker {
	t.Helper()
	p := newPlan(t)
	p.upstream("okta", "upstream.mjs", map[string]any{"personality": "okta"})
	return p.serve()
}
