package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/net/html"

	"github.com/handstamp/handstamp/broker/oauth"
)

// walk signs a person in as a browser and an app would, and tells every hop. It is
// the product's whole main job in one page of output.
func walk(ctx context.Context, v *village, o devOptions, out io.Writer) error {
	w := newWalker(v, o, out)
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"the app reads discovery", w.discover},
		{"the app sends the browser to the broker", w.authorize},
		{"the person signs in at the provider", w.signInUpstream},
		{"the broker takes the answer and sends the browser back to the app", w.callback},
		{"the app redeems the code", w.redeem},
		{"the app asks who signed in", w.askUserinfo},
		{"the API lets the app read", w.read},
		{"the app tries to write, and the API lets only administrators", w.write},
		{"the app refreshes", w.refresh},
	} {
		w.say(record{Step: step.name})
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("walk: hop %d failed: %s: %w", w.hop, step.name, err)
		}
	}
	w.say(record{Done: fmt.Sprintf("%s signed in with %s; %d hops", o.person, o.at, w.hop)})
	return nil
}

// walker is the browser and the app in one.
type walker struct {
	v       *village
	o       devOptions
	out     io.Writer
	browser *http.Client
	hop     int

	meta struct {
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
		Userinfo  string `json:"userinfo_endpoint"`
	}
	state, nonce, verifier string
	at                     *url.URL // where the browser is sent next
	code                   string
	tokens                 tokenAnswer
}

type tokenAnswer struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
}

func newWalker(v *village, o devOptions, out io.Writer) *walker {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // only with a public-suffix list that fails, and none is given
	}
	browser := *v.client
	browser.Jar = jar
	return &walker{v: v, o: o, out: out, browser: &browser, state: oauth.NewSecret(), nonce: oauth.NewSecret(), verifier: oauth.NewSecret()}
}

func (w *walker) discover(ctx context.Context) error {
	body, _, err := w.ask(ctx, "app", http.MethodGet, w.v.issuer+"/.well-known/openid-configuration", nil, "", http.StatusOK)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &w.meta)
}

func (w *walker) authorize(ctx context.Context) error {
	challenge, _ := oauth.S256(w.verifier)
	q := url.Values{"client_id": {"web"}, "redirect_uri": {w.v.app + "/callback"}, "response_type": {"code"}, "scope": {"openid profile email groups offline_access items:read items:write"},
		"resource": {w.v.api}, "state": {w.state}, "nonce": {w.nonce}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}, "provider": {w.o.at}}
	return w.follow(ctx, w.meta.Authorize+"?"+q.Encode())
}

// follow opens an address in the browser and notes where it is sent.
func (w *walker) follow(ctx context.Context, to string) error {
	_, header, err := w.ask(ctx, "browser", http.MethodGet, to, nil, "", http.StatusSeeOther, http.StatusFound)
	if err != nil {
		return err
	}
	w.at, err = url.Parse(header.Get("Location"))
	return err
}

func (w *walker) signInUpstream(ctx context.Context) error {
	page, header, err := w.ask(ctx, "browser", http.MethodGet, w.at.String(), nil, "", http.StatusOK, http.StatusSeeOther, http.StatusFound)
	if err != nil {
		return err
	}
	if to := header.Get("Location"); to != "" {
		if page, _, err = w.ask(ctx, "browser", http.MethodGet, to, nil, "", http.StatusOK); err != nil {
			return err
		}
	}
	action, fields, err := readSignInForm(page)
	if err != nil {
		return err
	}
	target, err := w.at.Parse(action)
	if err != nil {
		return err
	}
	fields.Set("user", w.o.person)
	if _, header, err = w.ask(ctx, "browser", http.MethodPost, target.String(), fields, "", http.StatusSeeOther, http.StatusFound); err != nil {
		return err
	}
	w.at, err = url.Parse(header.Get("Location"))
	return err
}

func (w *walker) callback(ctx context.Context) error {
	if err := w.follow(ctx, w.at.String()); err != nil {
		return err
	}
	q := w.at.Query()
	switch {
	case !strings.HasPrefix(w.at.String(), w.v.app+"/callback?"):
		return fmt.Errorf("the broker sent the browser to %s, not to the app", bare(w.at))
	case q.Get("error") != "":
		return fmt.Errorf("the broker answered %s: %s", q.Get("error"), q.Get("error_description"))
	case q.Get("state") != w.state:
		return errors.New("the state is not the one that the app sent")
	case q.Get("iss") != w.v.issuer: // RFC 9207
		return errors.New("iss does not name the broker")
	}
	w.code = q.Get("code")
	return nil
}

func (w *walker) redeem(ctx context.Context) error {
	err := w.askToken(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {w.code}, "redirect_uri": {w.v.app + "/callback"}, "code_verifier": {w.verifier}})
	if err != nil {
		return err
	}
	ctx = oidc.ClientContext(ctx, w.v.client)
	p, err := oidc.NewProvider(ctx, w.v.issuer)
	if err != nil {
		return err
	}
	id, err := p.Verifier(&oidc.Config{ClientID: "web"}).Verify(ctx, w.tokens.ID)
	if err != nil {
		return fmt.Errorf("the ID token does not verify: %w", err)
	}
	if id.Nonce != w.nonce {
		return errors.New("the nonce is not the one that the app sent")
	}
	if err := w.show("ID token", w.tokens.ID); err != nil {
		return err
	}
	return w.show("access token", w.tokens.Access)
}

func (w *walker) askToken(ctx context.Context, form url.Values) error {
	body, _, err := w.ask(ctx, "app", http.MethodPost, w.meta.Token, form, "Basic "+base64.StdEncoding.EncodeToString([]byte("web:"+w.v.appSecret)), http.StatusOK)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &w.tokens)
}

func (w *walker) askUserinfo(ctx context.Context) error {
	body, _, err := w.ask(ctx, "app", http.MethodGet, w.meta.Userinfo, nil, "Bearer "+w.tokens.Access, http.StatusOK)
	if err != nil {
		return err
	}
	w.say(record{Shows: "userinfo", Content: body})
	return nil
}

func (w *walker) read(ctx context.Context) error {
	body, _, err := w.ask(ctx, "app", http.MethodGet, w.v.api+"/items", nil, "Bearer "+w.tokens.Access, http.StatusOK)
	if err == nil {
		w.say(record{Shows: "items", Content: body})
	}
	return err
}

func (w *walker) write(ctx context.Context) error {
	want := http.StatusForbidden
	if strings.Contains(" "+w.tokens.Scope+" ", " items:write ") {
		want = http.StatusCreated // this person's rules do grant it
	}
	_, header, err := w.ask(ctx, "app", http.MethodPost, w.v.api+"/items", itemToWrite, "Bearer "+w.tokens.Access, want)
	if err == nil && want == http.StatusForbidden && !strings.Contains(header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		return fmt.Errorf("WWW-Authenticate does not say insufficient_scope: %q", header.Get("WWW-Authenticate"))
	}
	return err
}

func (w *walker) refresh(ctx context.Context) error {
	before := w.tokens.Refresh
	if before == "" {
		return errors.New("no refresh token was given")
	}
	if err := w.askToken(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before}}); err != nil {
		return err
	}
	if w.tokens.Refresh == before || w.tokens.Refresh == "" {
		return errors.New("the refresh token was not rotated")
	}
	return nil
}

// ask makes one request and tells it. An unexpected status is an error.
func (w *walker) ask(ctx context.Context, who, method, to string, form url.Values, authorization string, want ...int) ([]byte, http.Header, error) {
	w.hop++
	body, kind := form.Encode(), "application/x-www-form-urlencoded"
	if authorization != "" && strings.HasPrefix(to, w.v.api) {
		body, kind = `{"name":"`+form.Get("name")+`"}`, "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", kind)
	}
	client := w.v.client
	if who == "browser" {
		client = w.browser
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	r := record{Hop: w.hop, Who: who, Whom: w.name(req.URL), Request: method + " " + bare(req.URL), Query: shortenValues(req.URL.Query())}
	if who == "browser" {
		for _, c := range client.Jar.Cookies(req.URL) {
			r.Carries = append(r.Carries, c.Name)
		}
	}
	if form != nil {
		r.Form = shortenValues(form)
	}
	res, err := client.Do(req)
	if err != nil {
		w.say(r)
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	r.Status = res.StatusCode
	if to, err := url.Parse(res.Header.Get("Location")); err == nil && res.Header.Get("Location") != "" {
		r.Location, r.Answer = bare(to), shortenValues(to.Query())
	}
	r.Challenge = res.Header.Get("WWW-Authenticate")
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			r.Clears = append(r.Clears, c.Name)
		} else {
			r.Sets = append(r.Sets, c.Name)
		}
	}
	w.say(r)
	if err != nil {
		return nil, nil, err
	}
	for _, status := range want {
		if res.StatusCode == status {
			return answer, res.Header, nil
		}
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		return nil, nil, fmt.Errorf("%s answered %s with a page: %s", r.Whom, res.Status, sentence(answer))
	}
	return nil, nil, fmt.Errorf("%s answered %s: %.300s", r.Whom, res.Status, answer)
}

// itemToWrite is what the app tries to write.
var itemToWrite = url.Values{"name": {"A walked item"}}

// sentence is the text of a page's first paragraph, where a page says what is wrong.
func sentence(page []byte) string {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return ""
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "p" && n.FirstChild != nil && n.FirstChild.Type == html.TextNode {
			return strings.Join(strings.Fields(n.FirstChild.Data), " ")
		}
	}
	return ""
}

// name says which part of the village an address belongs to.
func (w *walker) name(u *url.URL) string {
	for _, d := range w.v.doors {
		if strings.HasSuffix(d.url, "//"+u.Host) {
			return d.name
		}
	}
	return u.Host
}

// show tells a token's claims.
func (w *walker) show(name, jwt string) error {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return fmt.Errorf("the %s is not a JWT", name)
	}
	for i, part := range []string{" header", ""} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return fmt.Errorf("the %s is not a JWT: %w", name, err)
		}
		w.say(record{Shows: name + part, Content: raw})
	}
	return nil
}

// readSignInForm finds the form of a sign-in page and its hidden fields.
func readSignInForm(page []byte) (action string, fields url.Values, err error) {
	doc, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return "", nil, err
	}
	fields = url.Values{}
	found := false
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form" && !found:
			action, found = htmlAttribute(n, "action"), true
		case n.Data == "input" && htmlAttribute(n, "type") == "hidden":
			fields.Set(htmlAttribute(n, "name"), htmlAttribute(n, "value"))
		}
	}
	if !found {
		return "", nil, errors.New("the page has no form")
	}
	return action, fields, nil
}

func htmlAttribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
