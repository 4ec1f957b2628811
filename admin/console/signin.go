package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
)

// trip is what a sign-in must find again when the browser comes back.
type trip struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	To       string    `json:"t"`           // a page of ours
	Sub      string    `json:"u,omitempty"` // who must come back: a new sign-in of the same person
	Fresh    bool      `json:"f,omitempty"` // the person proves again who they are
	Began    time.Time `json:"b"`
}

const (
	tripLife    = 10 * time.Minute
	sessionLife = 12 * time.Hour
)

func (c *Console) signInRoutes() []route {
	return []route{
		{"GET /sign-in", nobody, c.signIn},
		{"GET /callback", nobody, c.callback},
	}
}

// signIn sends the browser to the broker with secrets that only this browser can match.
// It is a link and no form, so that no form-action stands in the way of upstreams.
func (c *Console) signIn(v *visit) error {
	t := trip{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), To: ownPath(v.query("to")), Began: c.Now()}
	scopes := append([]string{"openid", "profile", "email"}, directory.AdminScopes("owner")...)
	challenge := sha256.Sum256([]byte(t.Verifier))
	q := url.Values{"client_id": {directory.AdminClient}, "redirect_uri": {c.RedirectURI()}, "response_type": {"code"}, "scope": {strings.Join(scopes, " ")},
		"resource": {directory.AdminResource}, "state": {t.State}, "nonce": {t.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"}}
	switch v.query("as") {
	case "again": // the same person proves it again
		t.Fresh = true
		if v.session != nil {
			t.Sub = v.session.Sub
		}
		q.Set("max_age", "0")
		q.Set("prompt", "login")
	case "other":
		q.Set("prompt", "select_account")
	}
	if !c.jar.seal(v.w, "-trip", t, tripLife) {
		return errors.New("the sign-in does not fit into a cookie")
	}
	return v.seeOther(c.Issuer + "/authorize?" + q.Encode())
}

// callback takes the broker's answer: this browser's, of this trip, from our broker.
func (c *Console) callback(v *visit) error {
	if v.r.Method != http.MethodGet {
		return errMethod // a HEAD would spend the code
	}
	var t trip
	q := v.r.URL.Query()
	known := c.jar.open(v.r, "-trip", &t)
	if !known || t.State == "" || len(q["state"]) != 1 || q.Get("state") != t.State || c.Now().Sub(t.Began) > tripLife {
		return v.tell(http.StatusBadRequest, "That sign-in did not begin here", "It began in another browser or tab, took too long, or was answered before. Please sign in again.", "/sign-in?to=/")
	}
	c.jar.clear(v.w, "-trip")
	if q.Get("iss") != c.Issuer {
		return v.tell(http.StatusBadRequest, "Somebody else answered", "The answer to your sign-in did not come from this broker.", "/sign-in?to=/")
	}
	if q.Get("error") != "" {
		return c.refused(v, q)
	}
	if len(q["code"]) != 1 {
		return v.tell(http.StatusBadRequest, "The sign-in could not be finished", "The broker's answer holds no code.", "/sign-in?to=/")
	}
	s, err := c.redeem(onBehalf(v.r), &t, q.Get("code"))
	if err != nil {
		v.cause = err
		return v.tell(http.StatusBadGateway, "The sign-in could not be finished", "The broker did not accept its own answer. Please sign in again.", "/sign-in?to=/")
	}
	if t.Sub != "" && t.Sub != s.Sub {
		return v.tell(http.StatusForbidden, "That is somebody else", "You confirmed a change as another person. Nothing was changed.", "/")
	}
	if v.session != nil && v.session.Sub == s.Sub && t.Fresh {
		s.ID = v.session.ID // forms that are open in other tabs stay good
	}
	if !c.jar.setSession(v.w, s) {
		return errors.New("the session does not fit into a cookie")
	}
	return v.seeOther(t.To)
}

// refused tells why the broker sent the person back without a code.
func (c *Console) refused(v *visit, q url.Values) error {
	said := words(q.Get("error_description"), 300)
	if said == "" {
		said = "The broker answered " + words(q.Get("error"), 60) + "."
	}
	title := "The sign-in was refused"
	if q.Get("error") == "access_denied" || q.Get("error") == "invalid_scope" {
		title = "You do not administer this broker"
		said += " An owner gives the role; the first owner comes in with: handstamp admin link"
	}
	return v.tell(http.StatusForbidden, title, said, "/sign-in?as=other&to=/")
}

// tokens is the broker's answer to a code or a refresh token.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Expires int    `json:"expires_in"`
	Error   string `json:"error"`
	Said    string `json:"error_description"`
}

// redeem exchanges the code in process. The ID token comes straight from the broker
// (OpenID Connect Core §3.1.3.7 step 6), so its claims are looked at, not its signature.
func (c *Console) redeem(ctx context.Context, t *trip, code string) (*session, error) {
	got, err := c.token(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.RedirectURI()}, "code_verifier": {t.Verifier}})
	if err != nil {
		return nil, err
	}
	id, err := claimsOf(got.ID)
	if err != nil {
		return nil, fmt.Errorf("ID token: %w", err)
	}
	if id.Issuer != c.Issuer || id.Nonce != t.Nonce || id.Subject == "" || !id.For(directory.AdminClient) {
		return nil, errors.New("ID token: it was made for another sign-in")
	}
	now := c.Now()
	return &session{ID: rand.Text(), Sub: id.Subject, Access: got.Access, Refresh: got.Refresh, IDToken: got.ID,
		Expires: now.Add(time.Duration(got.Expires) * time.Second), Ends: now.Add(sessionLife)}, nil
}

// token asks the token endpoint, in process, as the built-in public client.
func (c *Console) token(ctx context.Context, form url.Values) (*tokens, error) {
	form.Set("client_id", directory.AdminClient)
	res, err := c.postForm(ctx, "/token", form)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var got tokens
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		return nil, fmt.Errorf("token answer %s: %w", res.Status, err)
	}
	if res.StatusCode != http.StatusOK || got.Access == "" {
		return nil, &oauthError{res.StatusCode, got.Error, got.Said}
	}
	return &got, nil
}

func (c *Console) postForm(ctx context.Context, path string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.broker.Do(req)
}

type oauthError struct {
	status     int
	code, said string
}

func (e *oauthError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.said) }

// claims is what the console reads of tokens that it got in process.
type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	Nonce    string          `json:"nonce"`
	Expires  int64           `json:"exp"`
}

// For tells whether the token names an audience.
func (c claims) For(who string) bool {
	var one string
	if json.Unmarshal(c.Audience, &one) == nil {
		return one == who
	}
	var all []string
	_ = json.Unmarshal(c.Audience, &all) // neither: nobody's
	return len(all) == 1 && all[0] == who
}

func claimsOf(raw string) (c claims, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return c, errors.New("no JWT")
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(body, &c)
}

// ownPath is a page of ours, or the first one.
func ownPath(p string) string {
	u, err := url.Parse(p)
	if err != nil || u.Host != "" || u.Scheme != "" || u.User != nil || !canonical(u) || strings.ContainsAny(p, "\\\r\n\t") || len(p) > 1000 || strings.HasPrefix(u.Path, "/sign-in") || strings.HasPrefix(u.Path, "/callback") {
		return "/"
	}
	return u.RequestURI()
}
