package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// call is one request to the API and its answer, for the page.
type call struct {
	Door      string // "read", "write" or "empty"
	Method    string
	Path      string
	Scope     string // what the door asks for
	Status    int
	Words     string // "200 OK"
	Challenge string // the WWW-Authenticate header
	Body      string
	Failed    string // why there is no answer
	sends     string // the request's body
}

// Allowed tells whether the API did what was asked.
func (c call) Allowed() bool { return c.Status >= 200 && c.Status < 300 }

// calls are all that the app asks of the API.
var calls = []call{
	{Door: "read", Method: http.MethodGet, Path: "/items", Scope: "items:read"},
	{Door: "write", Method: http.MethodPost, Path: "/items", Scope: "items:write", sends: `{"name":"A pot of glue"}`},
	{Door: "empty", Method: http.MethodDelete, Path: "/items", Scope: "items:write"},
}

// callAPI goes through the door that the address names.
func (a *app) callAPI(w http.ResponseWriter, r *http.Request, v *visit) {
	i := slices.IndexFunc(calls, func(c call) bool { return c.Door == r.PathValue("door") })
	if i < 0 {
		a.show(w, http.StatusNotFound, view{Problem: &problem{Title: "There is nothing at this address"}})
		return
	}
	a.call(w, r, v, calls[i])
}

// call asks the API with the access token, which is refreshed first when it is
// about to end. Where the API wants a younger or stronger sign-in, the person is sent
// to the broker and the call is made when they are back.
func (a *app) call(w http.ResponseWriter, r *http.Request, v *visit, c call) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
	defer cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.who.RefreshToken != "" && a.Now().Add(10*time.Second).After(v.who.Expires) {
		a.renew(ctx, v)
	}
	c = a.ask(ctx, c, v.who.AccessToken)
	v.keep(c)
	if ask, wanted := stepUp(c.Challenge); wanted && c.Status == http.StatusUnauthorized {
		a.signInAgain(w, r, v, c.Door, ask)
		return
	}
	http.Redirect(w, r, "/#"+c.Door, http.StatusSeeOther)
}

// keep notes the newest answer of a door.
func (v *visit) keep(c call) {
	v.calls = append(slices.DeleteFunc(v.calls, func(old call) bool { return old.Door == c.Door }), c)
}

func (a *app) ask(ctx context.Context, c call, token string) call {
	req, err := http.NewRequestWithContext(ctx, c.Method, strings.TrimSuffix(a.APIURL, "/")+c.Path, strings.NewReader(c.sends))
	if err != nil {
		c.Failed = "The API's address is not valid."
		return c
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if c.sends != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.HTTPClient.Do(req)
	if err != nil {
		a.Logger.Warn("call API", "cause", err)
		c.Failed = "The API does not answer."
		return c
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if err != nil {
		c.Failed = "The API's answer broke off."
		return c
	}
	c.Status = resp.StatusCode
	c.Words = fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	c.Challenge = resp.Header.Get("WWW-Authenticate")
	c.Body = pretty(answer)
	return c
}

// refresh trades the refresh token for new tokens.
func (a *app) refresh(w http.ResponseWriter, r *http.Request, v *visit) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
	defer cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.who.RefreshToken == "" {
		v.problem = &problem{Title: "There is no refresh token", Text: "The broker gives one only to apps whose settings allow it."}
	} else {
		a.renew(ctx, v)
	}
	http.Redirect(w, r, "/#refreshing", http.StatusSeeOther)
}

// renew is called with the visit's lock held: a refresh token is good for one use,
// and using an old one ends the whole family.
func (a *app) renew(ctx context.Context, v *visit) {
	who, err := a.broker.renew(ctx, v.who)
	if err != nil {
		a.Logger.Warn("refresh", "cause", err.Error()[:min(len(err.Error()), 256)])
		v.problem = explain("The broker did not refresh the tokens", err)
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) && answer.ErrorCode == "invalid_grant" {
			v.who.RefreshToken = "" // it will never work again
		}
		return
	}
	v.who = who
	a.sessions.renewed(v, who.IDToken)
	v.refreshed++
	v.renewedAt = a.Now()
}

// pretty indents JSON and leaves anything else as it is.
func pretty(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(b), "", "  ") != nil {
		return strings.ToValidUTF8(string(b), "�")
	}
	return out.String()
}
