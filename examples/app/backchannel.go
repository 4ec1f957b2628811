package app

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// BackchannelLogoutURI is what the broker's settings must list as backchannel_logout_uri.
func (c Config) BackchannelLogoutURI() string { return c.base() + "/backchannel-logout" }

// backchannelLogout is told by the broker that a session ended there: because the
// person signed out of another app, an admin disabled them, their provider said so
// (OpenID Connect Back-Channel Logout 1.0 §2.5). No browser takes part, so the only
// proof is the token.
func (a *app) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	subject, sid, err := a.broker.readLogout(r.Context(), r.PostFormValue("logout_token"))
	if err != nil {
		a.Logger.Warn("logout token", "cause", err.Error()[:min(len(err.Error()), 256)])
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_request"}`))
		return
	}
	a.sessions.endOf(subject, sid)
	w.WriteHeader(http.StatusOK) // also when there was none: it is over either way
}

// readLogout checks a logout token (§2.6). The library knows signature, issuer,
// audience, times, events, and that there is no nonce; the type is left to the app.
func (b *broker) readLogout(ctx context.Context, raw string) (subject, sid string, err error) {
	if typ := typeOf(raw); !strings.EqualFold(typ, "logout+jwt") {
		return "", "", errors.New("no logout token came")
	}
	m, err := b.learn(ctx)
	if err != nil {
		return "", "", err
	}
	token, err := m.verifier.VerifyLogout(b.with(ctx), raw)
	switch {
	case err != nil:
		return "", "", err
	case len(token.Audience) != 1:
		return "", "", errors.New("the logout token is for others, too")
	case b.config.Now().Sub(token.IssuedAt) > 5*time.Minute:
		return "", "", errors.New("the logout token is old")
	}
	return token.Subject, token.SessionID, nil
}

// typeOf reads the typ of a JWT's header; "" is none.
func typeOf(raw string) string {
	var header struct{ Typ string }
	first, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil || json.Unmarshal(b, &header) != nil {
		return ""
	}
	return header.Typ
}

// sessionID reads the sid of an ID token that was checked before.
func sessionID(checked string) string {
	var claims struct {
		SID string `json:"sid"`
	}
	parts := strings.Split(checked, ".")
	if len(parts) != 3 {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(b, &claims) != nil {
		return ""
	}
	return claims.SID
}

// endOf ends the sessions that a logout token names: that of a sid, or without one
// every session of a person. Their browsers are told when they come next.
func (s *sessions) endOf(subject, sid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, v := range s.byID {
		if (subject == "" || v.subject == subject) && (sid == "" || slices.Contains(v.sids, sid)) {
			delete(s.byID, key)
			if len(s.ended) >= mostSeats {
				clear(s.ended) // who is forgotten is signed out without a word
			}
			s.ended[key] = s.now()
		}
	}
}

// endedElsewhere tells, once, whether the broker ended a browser's session.
func (s *sessions) endedElsewhere(id string) bool {
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ended := s.ended[key]
	delete(s.ended, key)
	return ended && s.now().Sub(at) < sessionLife
}

// renewed notes the sid of a newer ID token: the broker may name the session by it.
func (s *sessions) renewed(v *visit, idToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sid := sessionID(idToken); sid != "" && !slices.Contains(v.sids, sid) {
		v.sids = append(v.sids, sid)
	}
}
