package bff

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

	minting "github.com/handstamp/handstamp/tokens"
)

// fakeBroker speaks the broker's half of a login and can lie about each part of it.
type fakeBroker struct {
	*httptest.Server
	mint *minting.Mint
	now  func() time.Time

	mu      sync.Mutex
	codes   map[string]url.Values // code → the authorization request
	refresh string                // the one refresh token that works
	issued  int
	renewed int           // refresh tokens spent
	spent   int           // refresh tokens spent twice
	revoked []string      // tokens taken back
	asked   url.Values    // the last authorization request
	left    url.Values    // the last logout request
	seen    []string      // access tokens given
	ids     []string      // ID tokens given
	hold    chan struct{} // a refresh waits for it

	answer  func(q url.Values) url.Values // the authorization answer, when it should lie
	subject string
	scopes  string
	nonce   string // instead of the right one
	azp     string // instead of the right audience
	status  int    // of the token endpoint, when it should fail
}

func newFakeBroker(now func() time.Time) (*fakeBroker, error) {
	f := &fakeBroker{codes: map[string]url.Values{}, now: now, subject: "usr_alice", scopes: "openid profile email items:read"}
	var keys []*minting.Key
	for _, alg := range []minting.Alg{minting.ES256, minting.RS256} {
		k, err := minting.NewKey(alg)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	ring, err := minting.NewRing(keys...)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	f.Server = httptest.NewServer(mux)
	f.mint = &minting.Mint{Issuer: f.URL, Ring: ring, Now: now}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"issuer": f.URL, "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token", "revocation_endpoint": f.URL + "/revoke",
			"jwks_uri": f.URL + "/jwks", "end_session_endpoint": f.URL + "/logout", "id_token_signing_alg_values_supported": []string{"RS256", "ES256"}})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		body, _ := ring.JWKS()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("POST /revoke", f.revoke)
	mux.HandleFunc("GET /logout", f.logout)
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
	f.asked = r.URL.Query()
	code := fmt.Sprintf("code-%d", len(f.codes)+1)
	f.codes[code] = f.asked
	out := url.Values{"code": {code}, "state": f.asked["state"], "iss": {f.URL}}
	if f.answer != nil {
		out = f.answer(out)
	}
	http.Redirect(w, r, f.asked.Get("redirect_uri")+"?"+out.Encode(), http.StatusSeeOther)
}

func (f *fakeBroker) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil && r.FormValue("grant_type") == "refresh_token" {
		<-hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id, secret, _ := r.BasicAuth(); id != "bff" || secret != "s3cret" {
		reply(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	if f.status != 0 {
		reply(w, f.status, map[string]string{"error": map[bool]string{true: "invalid_grant", false: "server_error"}[f.status == 400]})
		return
	}
	req := url.Values{}
	switch r.FormValue("grant_type") {
	case "authorization_code":
		req = f.codes[r.FormValue("code")]
		delete(f.codes, r.FormValue("code"))
		if req == nil || oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != req.Get("code_challenge") || req.Get("redirect_uri") != r.FormValue("redirect_uri") {
			reply(w, 400, map[string]string{"error": "invalid_grant"})
			return
		}
	case "refresh_token":
		if r.FormValue("refresh_token") != f.refresh {
			f.spent++
			reply(w, 400, map[string]string{"error": "invalid_grant"})
			return
		}
		f.renewed++
	}
	g := minting.Granted{GrantID: "gr_1", Subject: f.subject, ClientID: "bff", SessionID: "ses_x4", Audience: []string{"https://api.example", f.URL}, Scopes: strings.Fields(f.scopes), AuthTime: f.now()}
	access, ttl, err := f.mint.Access(context.Background(), g)
	if err != nil {
		reply(w, 500, err.Error())
		return
	}
	nonce := req.Get("nonce")
	if f.nonce != "" {
		nonce = f.nonce
	}
	if f.azp != "" {
		g.ClientID = f.azp
	}
	name := strings.ToUpper(f.subject[4:5]) + f.subject[5:]
	id, err := f.mint.ID(context.Background(), g, minting.IDToken{Nonce: nonce, AccessToken: access, Claims: map[string]any{"name": name, "email": f.subject[4:] + "@acme.example"}})
	if err != nil {
		reply(w, 500, err.Error())
		return
	}
	f.issued++
	f.refresh = fmt.Sprintf("hsr_%d_abcdefghijklmnop", f.issued)
	f.seen, f.ids = append(f.seen, access), append(f.ids, id)
	reply(w, 200, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(ttl.Seconds()), "id_token": id, "refresh_token": f.refresh, "scope": f.scopes})
}

func (f *fakeBroker) revoke(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id, secret, _ := r.BasicAuth(); id == "bff" && secret == "s3cret" {
		f.revoked = append(f.revoked, r.FormValue("token"))
	}
	w.WriteHeader(http.StatusOK)
}

func (f *fakeBroker) logout(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = r.URL.Query()
	http.Redirect(w, r, f.left.Get("post_logout_redirect_uri"), http.StatusSeeOther)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
