package broker_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
)

// login is one app's login: what it sent and must find again.
type login struct {
	k                      *kit
	client, redirect       string
	secret                 string
	state, nonce, verifier string
	extra                  url.Values
	absent                 []string // parameters that this app forgets to send
}

func (k *kit) login(client string, extra ...string) *login {
	l := &login{k: k, client: client, state: oauth.NewSecret(), nonce: oauth.NewSecret(), verifier: oauth.NewSecret(), extra: url.Values{}}
	for _, c := range k.doc.Clients {
		if c.ID == client {
			l.redirect = c.RedirectURIs[0]
			if len(c.Secrets) > 0 {
				l.secret = c.Secrets[0].Reveal()
			}
		}
	}
	l.extra.Set("scope", "openid profile email groups offline_access items:read items:write")
	l.extra.Set("resource", apiURL)
	for i := 0; i+1 < len(extra); i += 2 {
		l.extra.Del(extra[i])
		if extra[i+1] != "" {
			l.extra.Set(extra[i], extra[i+1])
		} else {
			l.absent = append(l.absent, extra[i])
		}
	}
	return l
}

// query is the authorization request.
func (l *login) query() url.Values {
	challenge, _ := oauth.S256(l.verifier)
	q := url.Values{"client_id": {l.client}, "redirect_uri": {l.redirect}, "response_type": {"code"}, "state": {l.state}, "nonce": {l.nonce},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for name, values := range l.extra {
		q[name] = values
	}
	for _, name := range l.absent {
		q.Del(name)
	}
	return q
}

func (l *login) url() string { return l.k.issuer + "/authorize?" + l.query().Encode() }

// signIn leads a browser through a whole login and returns where it ends up.
func (l *login) signIn(b *browser, provider, person string) *url.URL {
	l.k.t.Helper()
	l.extra.Set("provider", provider)
	to, err := l.trySignIn(l.k.t.Context(), b, person)
	if err != nil {
		l.k.t.Fatal(err)
	}
	return to
}

// trySignIn is signIn for goroutines. It stops where the broker's own pages begin.
func (l *login) trySignIn(ctx context.Context, b *browser, person string) (*url.URL, error) {
	to, err := b.hop(ctx, l.url())
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(to.String(), l.redirect) {
		return to, nil
	}
	if to, err = persona.SignIn(ctx, b.Client, to.String(), person); err != nil {
		return nil, err
	}
	return b.hop(ctx, to.String())
}

// code reads the code of a good answer and checks state and iss on the way.
func (l *login) code(to *url.URL) string {
	l.k.t.Helper()
	q := to.Query()
	if !strings.HasPrefix(to.String(), l.redirect) || q.Get("code") == "" || q.Get("state") != l.state || q.Get("iss") != l.k.issuer {
		l.k.t.Fatalf("not a good answer to the app: %s", to)
	}
	return q.Get("code")
}

// redeem exchanges a code.
func (l *login) redeem(code string, changes ...string) *answer {
	l.k.t.Helper()
	return l.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}, changes...)
}

// refresh exchanges a refresh token.
func (l *login) refresh(token string, changes ...string) *answer {
	l.k.t.Helper()
	return l.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, changes...)
}

// token posts to the token endpoint as this login's client.
func (l *login) token(form url.Values, changes ...string) *answer {
	l.k.t.Helper()
	return do(l.k.t, http.DefaultClient, l.tokenRequest(form, changes...))
}

func (l *login) tokenRequest(form url.Values, changes ...string) *http.Request {
	for i := 0; i+1 < len(changes); i += 2 {
		form.Del(changes[i])
		if changes[i+1] != "" {
			form.Set(changes[i], changes[i+1])
		}
	}
	if l.secret == "" {
		form.Set("client_id", l.client)
	}
	req := formRequest(l.k.t, l.k.issuer+"/token", form, nil)
	if l.secret != "" {
		req.SetBasicAuth(url.QueryEscape(l.client), url.QueryEscape(l.secret))
	}
	return req
}

// done is a login to the end: the token answer.
func (l *login) done(b *browser, provider, person string) map[string]any {
	l.k.t.Helper()
	a := l.redeem(l.code(l.signIn(b, provider, person)))
	if a.StatusCode != http.StatusOK {
		l.k.t.Fatalf("token: %s %s", a.Status, a.body)
	}
	return a.json(l.k.t)
}

// mustGoBack checks that the app was told an error, with state and iss.
func (l *login) mustGoBack(to *url.URL, code string) {
	l.k.t.Helper()
	q := to.Query()
	if !strings.HasPrefix(to.String(), l.redirect) || q.Get("error") != code || q.Get("state") != l.state || q.Get("iss") != l.k.issuer || q.Has("code") {
		l.k.t.Errorf("want %s with state and iss; got %s", code, to)
	}
}
