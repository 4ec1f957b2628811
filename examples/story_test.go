package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/net/html"
	"golang.org/x/oauth2"
)

// The story that the guide tells, with the program that people run: sign in, read, be
// refused to write, be revoked, be out. Once with a password that the broker itself
// knows, once with Google.
func TestThePersonWhoMayReadAndMayNotWrite(t *testing.T) {
	v := visit(t)
	for _, person := range []struct{ provider, username, password string }{
		{"local", v.Resident.Username, v.Resident.Password},
		{"google", "alice", ""},
	} {
		t.Run(person.provider, func(t *testing.T) {
			ctx := context.Background()
			app := v.newApp(t, ctx)

			// She signs in, and the app gets a JWT for five minutes and a refresh token.
			token := app.signIn(t, ctx, person.provider, person.username, person.password)
			var claims struct {
				jwt.RegisteredClaims
				Scope string `json:"scope"`
			}
			head, _, err := jwt.NewParser().ParseUnverified(token.AccessToken, &claims)
			if err != nil {
				t.Fatalf("the access token is no JWT: %v", err)
			}
			if head.Header["typ"] != "at+jwt" || claims.ExpiresAt.Sub(claims.IssuedAt.Time) != 5*time.Minute || token.ExpiresIn != 300 {
				t.Errorf("typ %v, %v long, expires_in %d; want at+jwt (RFC 9068), 5m0s, 300", head.Header["typ"], claims.ExpiresAt.Sub(claims.IssuedAt.Time), token.ExpiresIn)
			}
			if scopes := strings.Fields(claims.Scope); !slices.Contains(scopes, "items:read") || slices.Contains(scopes, "items:write") {
				t.Errorf("she asked for items:read and items:write and got %q", claims.Scope)
			}
			if token.RefreshToken == "" {
				t.Fatal("no refresh token came")
			}

			// What items:read allows is hers to read; what items:write protects is refused with the header that says why.
			for _, call := range []struct {
				why, method, token string
				status             int
				challenge          []string // RFC 6750 §3
			}{
				{"without a token", http.MethodGet, "", http.StatusUnauthorized, []string{"Bearer"}},
				{"reading", http.MethodGet, token.AccessToken, http.StatusOK, nil},
				{"writing", http.MethodPost, token.AccessToken, http.StatusForbidden, []string{"Bearer ", `error="insufficient_scope"`, `scope="items:write"`}},
			} {
				status, header := v.call(t, call.method, call.token)
				if status != call.status {
					t.Errorf("%s: got %d, want %d", call.why, status, call.status)
				}
				for _, want := range call.challenge {
					if !strings.Contains(header, want) {
						t.Errorf("%s: WWW-Authenticate is %q; %q is missing", call.why, header, want)
					}
				}
			}

			// The app refreshes, and all is as before.
			fresh, err := app.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
			if err != nil {
				t.Fatalf("refresh: %v", err)
			}
			if status, _ := v.call(t, http.MethodGet, fresh.AccessToken); status != http.StatusOK {
				t.Errorf("reading with a refreshed token: %d", status)
			}

			// She is revoked (RFC 7009), and cannot refresh: neither with this token nor with the one before.
			app.revoke(t, fresh.RefreshToken)
			for why, dead := range map[string]string{"the revoked token": fresh.RefreshToken, "the one before": token.RefreshToken} {
				_, err := app.TokenSource(ctx, &oauth2.Token{RefreshToken: dead}).Token()
				var told *oauth2.RetrieveError
				if !errors.As(err, &told) || told.ErrorCode != "invalid_grant" {
					t.Errorf("refreshing with %s: got %v, want invalid_grant", why, err)
				}
			}
		})
	}
}

// A village is `handstamp dev`: the broker, its pretend providers, and the sample API.
type village struct {
	Issuer, App, API string
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	Resident         struct{ Username, Password string }
}

// visit builds the program, runs it until the test ends, and reads what it says.
func visit(t *testing.T) (v village) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "handstamp")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/handstamp").CombinedOutput(); err != nil {
		t.Fatalf("build the broker: %v\n%s", err, out)
	}
	dev := exec.Command(program, "dev", "--json", "--port", "0")
	dev.Stderr = os.Stderr
	out, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Process.Signal(os.Interrupt); _ = dev.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("handstamp dev said nothing: %v", err)
	}
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// call asks the sample API and returns the status and the challenge.
func (v village) call(t *testing.T, method, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, v.API+"/items", strings.NewReader(`{"item":"A candle"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header.Get("WWW-Authenticate")
}

// An app is what most Go apps are: go-oidc and x/oauth2.
type app struct {
	oauth2.Config
	provider   *oidc.Provider
	revocation string
}

func (v village) newApp(t *testing.T, ctx context.Context) *app {
	t.Helper()
	provider, err := oidc.NewProvider(ctx, v.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	var more struct {
		Revocation string `json:"revocation_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		t.Fatal(err)
	}
	return &app{provider: provider, revocation: more.Revocation, Config: oauth2.Config{ClientID: v.ClientID, ClientSecret: v.ClientSecret,
		Endpoint: provider.Endpoint(), RedirectURL: v.App + "/callback", Scopes: []string{oidc.ScopeOpenID, "offline_access", "items:read", "items:write"}}}
}

// signIn sends a fresh browser to the broker, answers every form on the way as the
// person would, and redeems the code that the browser brings back.
func (a *app) signIn(t *testing.T, ctx context.Context, provider, username, password string) *oauth2.Token {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), a.RedirectURL) {
			back = req.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	state, nonce, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	res, err := browser.Get(a.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("provider", provider)))
	for range 5 {
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if back != nil {
			break
		}
		action, fields, ferr := fill(string(body), map[string]string{"username": username, "password": password, "user": username})
		if ferr != nil {
			t.Fatalf("%s answered %d: %v:\n%s", res.Request.URL, res.StatusCode, ferr, body)
		}
		to, perr := res.Request.URL.Parse(action)
		if perr != nil {
			t.Fatal(perr)
		}
		req, perr := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(fields.Encode()))
		if perr != nil {
			t.Fatal(perr)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "http://"+res.Request.URL.Host) // as every browser says it
		res, err = browser.Do(req)
	}
	if back == nil || back.Query().Get("code") == "" || back.Query().Get("state") != state {
		t.Fatalf("the login came back as %v; want a code and the app's state", back)
	}
	token, err := a.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatalf("redeem the code: %v", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := a.provider.Verifier(&oidc.Config{ClientID: a.ClientID}).Verify(ctx, raw)
	if err != nil || id.Nonce != nonce {
		t.Fatalf("the ID token: %v", err)
	}
	return token
}

// revoke gives a token up (RFC 7009 §2.1).
func (a *app) revoke(t *testing.T, token string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.revocation, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("revoke: %d", res.StatusCode)
	}
}

// fill answers the form of a page: what a person knows goes into the fields and buttons
// of that name, hidden fields stay as they are.
func fill(page string, knows map[string]string) (action string, fields url.Values, err error) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return "", nil, err
	}
	fields = url.Values{}
	for n := range doc.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch name, known := attr["name"], knows[attr["name"]] != ""; {
		case n.Data == "form" && action == "":
			action = attr["action"]
		case n.Data == "input" && known, n.Data == "button" && known:
			fields.Set(name, knows[name])
		case n.Data == "input" && name != "":
			fields.Set(name, attr["value"])
		}
	}
	if action == "" {
		return "", nil, fmt.Errorf("no form is on it")
	}
	return action, fields, nil
}
