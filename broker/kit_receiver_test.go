package broker_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/handstamp/handstamp/broker/directory"
)

// receiver is an app that takes logout tokens, over real HTTP, and checks them as the
// OpenID Foundation's suite does.
type receiver struct {
	*httptest.Server
	t      testing.TB
	client string

	mu     sync.Mutex
	k      *kit
	heard  []heard
	answer func(n int) int // status of the n-th answer, from 1; nil: 200
	came   chan struct{}
}

// heard is a logout token that passed.
type heard struct{ raw, sub, sid, jti string }

func newReceiver(t testing.TB, client string) *receiver {
	r := &receiver{t: t, client: client, came: make(chan struct{}, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

// among registers receivers as their clients' backchannel_logout_uri.
func among(receivers ...*receiver) func(*directory.Document) {
	return func(d *directory.Document) {
		for _, r := range receivers {
			i := slices.IndexFunc(d.Clients, func(c directory.Client) bool { return c.ID == r.client })
			d.Clients[i].BackchannelLogoutURI, d.Clients[i].BackchannelLogoutSessionRequired = r.URL+"/bye?logout=backchannel", true
		}
	}
}

// tells makes a kit whose apps these are.
func tells(t testing.TB, receivers ...*receiver) *kit {
	k := newKit(t, among(receivers...))
	for _, r := range receivers {
		r.mu.Lock()
		r.k = k
		r.mu.Unlock()
	}
	return k
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.came <- struct{}{} }()
	h, err := r.check(req)
	if err != nil {
		r.t.Errorf("%s was sent something that is no logout token for it: %v", r.client, err)
	}
	r.heard = append(r.heard, h)
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(len(r.heard))
	}
	if status/100 == 3 {
		w.Header().Set("Location", r.URL+"/elsewhere")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// check is oidcc-backchannel-rp-initiated-logout's reading of a logout token.
func (r *receiver) check(req *http.Request) (h heard, err error) {
	if req.Method != http.MethodPost || req.URL.RequestURI() != "/bye?logout=backchannel" || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return h, fmt.Errorf("%s %s of %s", req.Method, req.URL, req.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return h, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) != 1 || len(form["logout_token"]) != 1 {
		return h, fmt.Errorf("a form with %d fields", len(form))
	}
	for _, name := range []string{"Cookie", "Authorization", "Referer"} {
		if req.Header.Get(name) != "" {
			return h, fmt.Errorf("a request with %s", name)
		}
	}
	h.raw = form.Get("logout_token")
	p, err := oidc.NewProvider(req.Context(), r.k.issuer)
	if err != nil {
		return h, err
	}
	token, err := p.Verifier(&oidc.Config{ClientID: r.client, Now: r.k.clock.Now}).VerifyLogout(req.Context(), h.raw)
	if err != nil {
		return h, err
	}
	var head struct{ Typ, Alg, Kid string }
	first, _, _ := strings.Cut(h.raw, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err == nil {
		err = json.Unmarshal(raw, &head)
	}
	if err != nil || head.Typ != "logout+jwt" || head.Alg != "RS256" || head.Kid == "" {
		return h, fmt.Errorf("header %+v, %v", head, err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return h, err
	}
	events, _ := json.Marshal(claims["events"])
	now := r.k.clock.Now()
	switch {
	case string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}`:
		return h, fmt.Errorf("events %s", events)
	case len(token.Audience) != 1 || token.Subject == "" || token.SessionID == "" || len(token.TokenID) < 22:
		return h, fmt.Errorf("claims %v", claims)
	case token.Expiry.Sub(token.IssuedAt) > 2*time.Minute || token.IssuedAt.After(now) || now.Sub(token.IssuedAt) > time.Minute:
		return h, fmt.Errorf("issued at %s, expires at %s", token.IssuedAt, token.Expiry)
	}
	for name := range claims {
		if !slices.Contains(strings.Fields("iss sub aud exp iat jti sid events"), name) {
			return h, fmt.Errorf("an odd claim %s", name)
		}
	}
	h.sub, h.sid, h.jti = token.Subject, token.SessionID, token.TokenID
	return h, nil
}

// told returns what came so far.
func (r *receiver) told() []heard {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard)
}

// tellNow makes the broker tell apps what is due.
func (k *kit) tellNow() int {
	k.t.Helper()
	n, err := k.broker.TellAppsNow(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}
