package persona

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// logoutEvent is the one event of a logout token (OIDC Back-Channel Logout §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// SetBackchannelLogout registers the address of the relying party that is told when
// BackchannelLogout signs somebody out.
func (p *Persona) SetBackchannelLogout(uri string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backchannel = uri
}

// LogoutToken makes a logout token about a person: about their sessions here, where
// the vendor names those in its ID tokens, and else about all they have. A fault
// makes it lie: its Claims, Header, AppendPayload, Payload and Forge count.
func (p *Persona) LogoutToken(user string, f Fault) (string, error) {
	u, ok := p.User(user)
	if !ok {
		return "", fmt.Errorf("there is no user %q at this persona", user)
	}
	claims := Claims{
		"iss": p.Issuer(), "aud": p.clientID, "sub": u.Subject, "jti": random(22),
		"iat": p.now().Unix(), "exp": p.now().Add(2 * time.Minute).Unix(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	if sid := p.lastSession(user); sid != "" && p.vendor.kind == KindAuth0 {
		claims["sid"] = sid
	}
	override(claims, f.Claims)
	payload := compactJSON(claims)
	if f.AppendPayload != "" {
		payload = append(payload[:len(payload)-1], ","+f.AppendPayload+"}"...)
	}
	if f.Payload != nil {
		payload = f.Payload(payload)
	}
	header := Claims{"typ": "logout+jwt"}
	maps.Copy(header, f.Header)
	f.Header = header
	return p.sign(f, payload), nil
}

// BackchannelLogout signs a person out in every browser, as an administrator at the
// vendor does, and tells the relying party. It returns the status of the answer.
func (p *Persona) BackchannelLogout(ctx context.Context, user string) (int, error) {
	token, err := p.LogoutToken(user, p.faults.Current())
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	uri := p.backchannel
	for key, s := range p.state.sessions.items {
		if s.user == user {
			p.state.sessions.drop(key)
		}
	}
	p.mu.Unlock()
	if uri == "" {
		return 0, fmt.Errorf("no address was registered with SetBackchannelLogout")
	}
	return deliver(ctx, p.client, uri, token)
}

// signOutEverywhere is the administrator's button on the page of BaseURL.
func (p *Persona) signOutEverywhere(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	u, ok := p.User(r.PostFormValue("user"))
	if !ok {
		p.showError(w, http.StatusBadRequest, "invalid_request", "There is no such person here.")
		return
	}
	status, err := p.BackchannelLogout(r.Context(), u.ID)
	if err != nil {
		p.showError(w, http.StatusBadGateway, "logout_failed", "The app could not be told.")
		return
	}
	p.showMessage(w, http.StatusOK, "Signed out everywhere", fmt.Sprintf("%s has no session here any more. The app was told, and answered %d.", u.Name, status))
}

// deliver posts a logout token (OIDC Back-Channel Logout §2.5) and returns the status
// of the answer.
func deliver(ctx context.Context, client *http.Client, uri, token string) (int, error) {
	if client == nil {
		client = http.DefaultClient
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, err
}

// lastSession is the newest session of a person, by the id that ID tokens carry.
func (p *Persona) lastSession(user string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last session
	for _, s := range p.state.sessions.items {
		if s.user == user && !s.at.Before(last.at) {
			last = s
		}
	}
	return last.id
}
