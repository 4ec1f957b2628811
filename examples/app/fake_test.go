package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/tokens"
)

// fakeBroker speaks the broker's half of a login and can lie about each part of it.
type fakeBroker struct {
	*httptest.Server
	mint *tokens.Mint

	mu      sync.Mutex
	codes   map[string]url.Values // code → the authorization request
	refresh string                // the one refresh token that works
	spent   int                   // refresh tokens spent twice
	asked   url.Values            // the last authorization request
	left    url.Values            // the last logout request

	now    func() time.Time
	answer func(q url.Values) url.Values // the authorization answer, when it should lie
	name   string                        // of the person
	scopes string                        // granted
	nonce  string                        // instead of the right one
	azp    string                        // instead of the right audience
	hash   string                        // access token that at_hash is made of
	info   map[string]any                // more userinfo
	down   bool
	ago    time.Duration // since the person signed in
	deaf   bool          // a broker that does not care for max_age
	sub    string        // instead of the right person
}

func newFakeBroker(now func() time.Time) (*fakeBroker, error) {
	f := &fakeBroker{codes: map[string]url.Values{}, now: now, name: "Alice Example", scopes: "openid profile email groups offline_access items:read", info: map[string]any{
		"email": "alice@acme.example", "email_verified": true, "groups": []string{"Everyone", "Engineering"},
		"handstamp_why": []map[string]any{
			{"rule": "everybody with a verified e-mail", "roles": []string{"reader"}, "scopes": []string{"items:read"}},
			{"rule": "engineering edits", "roles": []string{"editor"}, "scopes": nil},
		}}}
	var keys []*tokens.Key
	for _, alg := range []tokens.Alg{tokens.ES256, tokens.RS256} {
		k, err := tokens.NewKey(alg)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	ring, err := tokens.NewRing(keys...)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		down := f.down
		f.mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	f.mint = &tokens.Mint{Issuer: f.URL, Ring: ring, Now: now}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		send(w, 200, map[string]any{"issuer": f.URL, "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token", "userinfo_endpoint": f.URL + "/userinfo",
			"jwks_uri": f.URL + "/jwks", "end_session_endpoint": f.URL + "/logout", "id_token_signing_alg_values_supported": []string{"RS256", "ES256"}})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		body, _ := ring.JWKS()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/authorize", f.authorize)
	mux.HandleFunc("/token", f.token)
	mux.HandleFunc("/userinfo", f.userinfo)
	mux.HandleFunc("/logout", f.logout)
	return f, nil
}

func (f *fakeBroker) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeBroker) authorize(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	f.asked = q
	code := fmt.Sprintf("code-%d", len(f.codes)+1)
	f.codes[code] = q
	out := url.Values{"code": {code}, "state": q["state"], "iss": {f.URL}}
	if f.answer != nil {
		out = f.answer(out)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+out.Encode(), http.StatusSeeOther)
}

func (f *fakeBroker) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	if id != "web" || secret != "s3cret" {
		send(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	req := url.Values{}
	switch r.FormValue("grant_type") {
	case "authorization_code":
		req = f.codes[r.FormValue("code")]
		delete(f.codes, r.FormValue("code"))
		if req == nil || req.Get("code_challenge_method") != "S256" || oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != req.Get("code_challenge") ||
			req.Get("redirect_uri") != r.FormValue("redirect_uri") {
			send(w, 400, map[string]string{"error": "invalid_grant", "error_description": "the code is not good"})
			return
		}
	case "refresh_token":
		if r.FormValue("refresh_token") != f.refresh {
			f.spent++
			send(w, 400, map[string]string{"error": "invalid_grant", "error_description": "the refresh token was used before"})
			return
		}
	}
	ago := f.ago
	if req.Get("max_age") != "" && !f.deaf {
		ago = 0
	}
	subject := "usr_7Qm4cW2nXb8LrTzK"
	if f.sub != "" {
		subject = f.sub
	}
	g := tokens.Granted{GrantID: "gr_1", Subject: subject, ClientID: "web", SessionID: "ses_x4", Audience: []string{"https://api.example", f.URL},
		Scopes: strings.Fields(f.scopes), Roles: []string{"reader", "editor"}, AuthTime: f.now().Add(-ago), ACR: "urn:handstamp:single", AMR: []string{"pwd", "mfa"}}
	access, ttl, err := f.mint.Access(context.Background(), g)
	if err != nil {
		send(w, 500, err.Error())
		return
	}
	nonce, hashed := req.Get("nonce"), access
	if f.nonce != "" {
		nonce = f.nonce
	}
	if f.hash != "" {
		hashed = f.hash
	}
	if f.azp != "" {
		g.ClientID = f.azp
	}
	idToken, err := f.mint.ID(context.Background(), g, tokens.IDToken{Nonce: nonce, AccessToken: hashed, Claims: map[string]any{"email": "alice@acme.example", "email_verified": true}})
	if err != nil {
		send(w, 500, err.Error())
		return
	}
	f.refresh = fmt.Sprintf("hsr_%d_abcdefghijklmnop", f.now().UnixNano()+int64(len(f.refresh)))
	if r.FormValue("grant_type") == "refresh_token" {
		f.refresh += "x"
	}
	send(w, 200, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(ttl.Seconds()), "id_token": idToken, "refresh_token": f.refresh, "scope": f.scopes})
}

func (f *fakeBroker) userinfo(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]any{"sub": "usr_7Qm4cW2nXb8LrTzK", "name": f.name}
	for k, v := range f.info {
		out[k] = v
	}
	send(w, 200, out)
}

func (f *fakeBroker) logout(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = r.URL.Query()
	http.Redirect(w, r, f.left.Get("post_logout_redirect_uri")+"?state="+url.QueryEscape(f.left.Get("state")), http.StatusSeeOther)
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
