package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// begin is about the way out.
func begin(t *testing.T, h *house) {
	t.Run("New touches no network", func(t *testing.T) {
		before := h.idp.Requests().Total()
		h.provider(t)
		if n := h.idp.Requests().Total() - before; n != 0 {
			t.Errorf("%d requests", n)
		}
	})

	t.Run("U30_the request carries exactly the attempt's secrets and S256", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		q := request(t, p, a)
		sum := sha256.Sum256([]byte(a.Verifier))
		for name, want := range map[string]string{
			"response_type":         "code",
			"client_id":             h.idp.ClientID(),
			"redirect_uri":          callback,
			"state":                 a.State,
			"nonce":                 a.Nonce,
			"code_challenge":        base64.RawURLEncoding.EncodeToString(sum[:]),
			"code_challenge_method": "S256",
		} {
			if got := q[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s = %q, want once %q", name, got, want)
			}
		}
		if !slices.Contains(strings.Fields(q.Get("scope")), "openid") {
			t.Errorf("scope %q lacks openid", q.Get("scope"))
		}
		text := q.Encode()
		if strings.Contains(text, a.Verifier) || strings.Contains(text, url.QueryEscape(h.idp.ClientSecret())) {
			t.Error("the verifier or the client secret leaves by the browser")
		}
	})

	t.Run("U30_S256 also where the upstream advertises plain alone", func(t *testing.T) {
		p := h.provider(t)
		h.idp.Faults().Set(persona.Fault{Metadata: persona.Claims{"code_challenge_methods_supported": []string{"plain"}}})
		if got := request(t, p, attempt()).Get("code_challenge_method"); got != "S256" {
			t.Errorf("code_challenge_method %q", got)
		}
	})

	t.Run("the app's wishes reach the upstream as far as it takes them", func(t *testing.T) {
		p, a := h.provider(t), attempt()
		a.LoginHint, a.UILocales = "alice@acme.example", "de en"
		q := request(t, p, a)
		if q.Get("login_hint") != a.LoginHint || q.Get("ui_locales") != a.UILocales {
			t.Errorf("login_hint %q, ui_locales %q", q.Get("login_hint"), q.Get("ui_locales"))
		}
		for _, prompt := range []string{"login", "select_account", "consent"} {
			a := attempt()
			a.Prompt = prompt
			if answer := h.leave(t, p, a, "alice"); answer.Get("code") == "" {
				t.Errorf("prompt=%s ends in %v", prompt, answer)
			}
		}
		a = attempt()
		a.Prompt = "none"
		id, err := p.Finish(t.Context(), a, h.leave(t, p, a, "alice"))
		refused(t, "prompt=none without a session", id, err, providers.LoginRequired)
	})

	t.Run("an attempt without its secrets goes nowhere", func(t *testing.T) {
		p := h.provider(t)
		for why, spoil := range map[string]func(*providers.Attempt){
			"no state":         func(a *providers.Attempt) { a.State = "" },
			"no nonce":         func(a *providers.Attempt) { a.Nonce = "" },
			"no verifier":      func(a *providers.Attempt) { a.Verifier = "" },
			"a short verifier": func(a *providers.Attempt) { a.Verifier = "short" },
			"no redirect URI":  func(a *providers.Attempt) { a.RedirectURI = "" },
		} {
			a := attempt()
			spoil(&a)
			step, err := p.Begin(t.Context(), a)
			if step.Redirect != "" || step.Post != nil || step.Ask != nil {
				t.Errorf("%s: a step %+v", why, step)
			}
			refused(t, why, nil, err, providers.ServerError)
		}
	})
}

// request begins a login and reads the authorization request.
func request(t *testing.T, p providers.Provider, a providers.Attempt) url.Values {
	t.Helper()
	step, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	if step.Redirect == "" || step.Post != nil || step.Ask != nil {
		t.Fatalf("step %+v, want a redirect", step)
	}
	u, err := url.Parse(step.Redirect)
	if err != nil {
		t.Fatalf("redirect: %v", err)
	}
	return u.Query()
}
