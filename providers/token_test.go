package providers

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestU29_OneTokenRequestWithTheAgreedAuthentication(t *testing.T) {
	for _, row := range []struct {
		method    string
		basic     bool
		id, inURL bool
	}{
		{"client_secret_basic", true, false, false},
		{"client_secret_post", false, true, false},
		{"none", false, true, false},
	} {
		for _, status := range []int{200, 400, 401, 403, 500} {
			e := newEvil(t)
			if status != 200 {
				e.replace("/token", func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("WWW-Authenticate", "Basic")
					writeJSON(w, status, map[string]any{"error": "invalid_client"})
				})
			}
			p := e.provider("oidc", func(s *Settings) {
				if s.AuthMethod = row.method; row.method == "none" {
					s.ClientSecret, e.secret = "", ""
				}
			})
			_, err := e.login(p)
			if (err == nil) != (status == 200) {
				t.Errorf("%s %d: %v", row.method, status, err)
			}
			if n := e.count("/token"); n != 1 {
				t.Errorf("%s %d: %d token requests", row.method, status, n)
			}
			r := e.last("/token")
			_, hasBasic := r.header["Authorization"]
			if hasBasic != row.basic || r.form.Has("client_id") != row.id || r.form.Has("client_secret") != (row.method == "client_secret_post") {
				t.Errorf("%s %d: sent header %t, form %v", row.method, status, hasBasic, r.form)
			}
		}
	}
}

func TestO05_NothingTheUpstreamSaysIsKept(t *testing.T) {
	for _, path := range endpoints {
		for _, row := range []struct {
			why   string
			serve func(w http.ResponseWriter, echo string)
		}{
			{"an error body", func(w http.ResponseWriter, echo string) { w.WriteHeader(400); fmt.Fprint(w, echo) }},
			{"an error description", func(w http.ResponseWriter, echo string) {
				writeJSON(w, 400, map[string]any{"error": "invalid_grant", "error_description": echo, "error_uri": echo})
			}},
			{"an error code", func(w http.ResponseWriter, echo string) { writeJSON(w, 400, map[string]any{"error": echo}) }},
			{"an error with status 200", func(w http.ResponseWriter, echo string) { writeJSON(w, 200, map[string]any{"error": echo}) }},
			{"no JSON", func(w http.ResponseWriter, echo string) { fmt.Fprint(w, "<html>"+echo) }},
			{"half a JSON", func(w http.ResponseWriter, echo string) { fmt.Fprintf(w, `{"issuer":%q,"keys":[%q`, echo, echo) }},
			{"a wrong type", func(w http.ResponseWriter, echo string) {
				writeJSON(w, 200, map[string]any{echo: echo, "expires_in": echo})
			}},
			{"no HTTP at all", func(w http.ResponseWriter, echo string) {
				c, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					fmt.Fprintf(c, "%s\r\n\r\n", echo)
					c.Close()
				}
			}},
			{"a header that is none", func(w http.ResponseWriter, echo string) {
				c, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", echo)
					c.Close()
				}
			}},
		} {
			e := newEvil(t)
			p := e.provider("oidc", alwaysUserInfo, func(s *Settings) { s.AuthMethod = "client_secret_post" })
			const canary = "can4ry"
			e.replace(path, func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				row.serve(w, canary+" "+r.Form.Get("client_secret")+" "+r.Form.Get("code")+" "+r.Header.Get("Authorization"))
			})
			_, err := e.login(p)
			var pe *Error
			if !errors.As(err, &pe) {
				t.Errorf("%s, %s: got %v", path, row.why, err)
				continue
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
					if strings.Contains(text, canary) || strings.Contains(text, "s3cret") {
						t.Errorf("%s, %s: kept %q", path, row.why, text)
					}
				}
			}
			if h := p.Health(); strings.Contains(fmt.Sprint(h), canary) {
				t.Errorf("%s, %s: health says %+v", path, row.why, h)
			}
		}
	}
}

func TestTokenAnswersOfEverySort(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	for _, row := range []struct {
		why, code string
		spoil     func(map[string]any)
	}{
		{"expires_in as text", "", func(a map[string]any) { a["expires_in"] = "3600" }},
		{"expires_in of 20,000 years", "", func(a map[string]any) { a["expires_in"] = 600000000000 }},
		{"no expires_in", "", func(a map[string]any) { delete(a, "expires_in") }},
		{"bearer in lower case", "", func(a map[string]any) { a["token_type"] = "bearer" }},
		{"no ID token", ServerError, func(a map[string]any) { delete(a, "id_token") }},
		{"ID token as an object", ServerError, func(a map[string]any) { a["id_token"] = map[string]any{"x": 1} }},
		{"ID token under another case", ServerError, func(a map[string]any) { a["ID_TOKEN"] = a["id_token"]; delete(a, "id_token") }},
		{"no access token", ServerError, func(a map[string]any) { delete(a, "access_token") }},
		{"a MAC token", ServerError, func(a map[string]any) { a["token_type"] = "mac" }},
		{"an error beside tokens", ServerError, func(a map[string]any) { a["error"] = "invalid_grant" }},
	} {
		e.token = row.spoil
		_, err := e.login(p)
		if row.code != "" {
			wantError(t, err, row.code, row.why)
		} else if err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
	}
	e.token = nil
	for status, code := range map[int]string{500: TemporarilyUnavailable, 503: TemporarilyUnavailable, 429: TemporarilyUnavailable, 404: ServerError, 204: ServerError} {
		e.replace("/token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := e.login(p)
		wantError(t, err, code, fmt.Sprint("status ", status))
	}
}

func TestBasicCredentialsAreFormEncoded(t *testing.T) {
	e := newEvil(t)
	e.secret = "a:b%c+d e&f"
	if _, err := e.login(e.provider("oidc")); err != nil {
		t.Fatal(err)
	}
	// RFC 6749 §2.3.1
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+url.QueryEscape(e.secret)))
	if got := e.last("/token").header.Get("Authorization"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
