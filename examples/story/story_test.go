package story

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// callback is where the app waits for its code: on loopback any port will do.
const callback = "http://127.0.0.1:9/callback"

func TestAPersonSignsInReadsIsRefusedToWriteAndIsRevoked(t *testing.T) {
	dev := start(t)
	for _, row := range []struct{ how, provider, button string }{
		{"with a password of the house", "local", ""},
		{"with Google", "google", "alice"},
	} {
		t.Run(row.how, func(t *testing.T) {
			b := &browser{t: t}
			b.jar, _ = cookiejar.New(nil)

			// The app sends the browser to the broker, and the person signs in.
			state, verifier := rand.Text(), oauth2.GenerateVerifier()
			page := b.get(dev.Issuer + "/authorize?" + url.Values{"client_id": {"spa"}, "redirect_uri": {callback}, "response_type": {"code"},
				"scope": {"openid items:read items:write"}, "state": {state}, "provider": {row.provider},
				"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}.Encode())
			answer := url.Values{"user": {row.button}}
			if row.provider == "local" {
				answer = url.Values{"username": {dev.Resident.Username}, "password": {dev.Resident.Password}}
			}
			back := b.submit(page, answer)
			if back.Get("state") != state || back.Get("iss") != dev.Issuer || back.Get("code") == "" {
				t.Fatalf("the answer to the app is %v", back)
			}

			// The app redeems the code: a token for five minutes, and a refresh token.
			app := app{t: t, endpoint: dev.Issuer + "/token"}
			got := app.post(http.StatusOK, url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}})
			if got.ExpiresIn != 300 || got.RefreshToken == "" || got.Scope != "openid items:read" {
				t.Fatalf("the app got %+v", got)
			}

			// The API checks the token by itself: it lets the app read, and not write.
			if a := call(t, http.MethodGet, dev.API+"/items", got.AccessToken); a.StatusCode != http.StatusOK {
				t.Errorf("reading: %s", a.Status)
			}
			a := call(t, http.MethodPost, dev.API+"/items", got.AccessToken)
			if h := a.Header.Get("WWW-Authenticate"); a.StatusCode != http.StatusForbidden || !strings.Contains(h, `error="insufficient_scope"`) || !strings.Contains(h, `scope="items:write"`) {
				t.Errorf("writing: %s, %s", a.Status, h)
			}

			// The app refreshes, takes its access back, and cannot refresh any more.
			next := app.post(http.StatusOK, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}})
			if next.AccessToken == got.AccessToken || next.RefreshToken == got.RefreshToken {
				t.Error("a refresh gave the same tokens")
			}
			revoke := app
			revoke.endpoint = dev.Issuer + "/revoke"
			revoke.post(http.StatusOK, url.Values{"token": {next.RefreshToken}})
			if end := app.post(http.StatusBadRequest, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {next.RefreshToken}}); end.Error != "invalid_grant" {
				t.Errorf("after the revocation: %+v", end)
			}
		})
	}
}

// village is what `handstamp dev --json` says.
type village struct {
	Issuer   string `json:"issuer"`
	API      string `json:"api"`
	Resident struct{ Username, Password string }
}

// start builds the program and runs dev until the test ends.
func start(t *testing.T) village {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "handstamp")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/handstamp").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "dev", "--port", "0", "--json")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	var v village
	if err := json.NewDecoder(out).Decode(&v); err != nil {
		t.Fatalf("dev did not say where it is: %v", err)
	}
	return v
}

// browser is one person's.
type browser struct {
	t   *testing.T
	jar http.CookieJar
}

// do follows redirects until there is a page, or an address of the app.
func (b *browser) do(req *http.Request) (*http.Response, string) {
	b.t.Helper()
	client := http.Client{Jar: b.jar, CheckRedirect: func(to *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(to.URL.String(), callback) {
			return http.ErrUseLastResponse // nobody listens there: the test is the app
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

type page struct {
	at   *url.URL
	body string
}

func (b *browser) get(address string) page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, body := b.do(req)
	return page{resp.Request.URL, body}
}

var (
	action = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// submit fills in the form of a page and returns what the app is told.
func (b *browser) submit(p page, fields url.Values) url.Values {
	b.t.Helper()
	form := action.FindStringSubmatch(p.body)
	if form == nil {
		b.t.Fatalf("there is no form at %s: %s", p.at, p.body)
	}
	for _, h := range hidden.FindAllStringSubmatch(p.body, -1) {
		fields.Set(html.UnescapeString(h[1]), html.UnescapeString(h[2]))
	}
	to, err := p.at.Parse(html.UnescapeString(form[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host) // as every browser says it
	resp, body := b.do(req)
	back, err := resp.Location()
	if err != nil {
		b.t.Fatalf("the way back to the app is missing: %s at %s: %s", resp.Status, resp.Request.URL, body)
	}
	return back.Query()
}

// app is a public client.
type app struct {
	t        *testing.T
	endpoint string
}

type answer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
	Error        string `json:"error"`
}

func (a app) post(status int, form url.Values) (got answer) {
	a.t.Helper()
	form.Set("client_id", "spa")
	resp, err := http.PostForm(a.endpoint, form)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		a.t.Fatalf("%s: %s %s, %v", a.endpoint, resp.Status, body, err)
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &got); err != nil {
			a.t.Fatal(err)
		}
	}
	return got
}

func call(t *testing.T, method, address, token string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader("name=story"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}
