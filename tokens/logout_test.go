package tokens

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestALogoutTokenSaysWhatItIsAndNothingMore(t *testing.T) {
	m := testMint(t, ES256, RS256)
	raw, err := m.Logout(context.Background(), Logout{ClientID: "web", Subject: "usr_alice", SessionID: "sid1"})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(raw, ".")
	head, _ := base64.RawURLEncoding.DecodeString(parts[0])
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if !strings.HasPrefix(string(head), `{"alg":"RS256","typ":"logout+jwt","kid":"`) {
		t.Errorf("header %s", head)
	}
	var claims map[string]any
	if err := json.Unmarshal(body, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["jti"] == "" || len(claims["jti"].(string)) != 22 || claims["exp"].(float64)-claims["iat"].(float64) != LogoutTTL.Seconds() || int64(claims["iat"].(float64)) != noon.Unix() {
		t.Errorf("claims %s", body)
	}
	for _, name := range []string{"jti", "iat", "exp"} {
		delete(claims, name)
	}
	rest, _ := json.Marshal(claims)
	if want := `{"aud":"web","events":{"http://schemas.openid.net/event/backchannel-logout":{}},"iss":"https://id.example","sid":"sid1","sub":"usr_alice"}`; string(rest) != want {
		t.Errorf("says %s\nwant %s", rest, want)
	}
	es, err := m.Logout(context.Background(), Logout{ClientID: "web", Subject: "s", SessionID: "i", Alg: ES256})
	if err != nil || !strings.HasPrefix(es, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"`))[:18]) {
		t.Errorf("as the client's ID tokens are signed: %v", err)
	}
}

func TestT08_ALogoutTokenIsNeitherAnAccessTokenNorAHint(t *testing.T) {
	m := testMint(t, ES256, RS256)
	raw, err := m.Logout(context.Background(), Logout{ClientID: "web", Subject: "usr_alice", SessionID: "sid1"})
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{Issuer: testIssuer, Keys: m.Ring, Now: func() time.Time { return noon }}
	if _, err := v.Access(context.Background(), raw, "web"); !errors.Is(err, ErrInvalid) {
		t.Errorf("as an access token: %v", err)
	}
	if _, err := v.AccessForAnyAudience(context.Background(), raw); !errors.Is(err, ErrInvalid) {
		t.Errorf("as an access token for anybody: %v", err)
	}
	if _, err := v.IDHint(context.Background(), raw); !errors.Is(err, ErrInvalid) {
		t.Errorf("as a hint: %v", err)
	}
}

func TestAnIncompleteLogoutTokenIsNotCoined(t *testing.T) {
	m := testMint(t, RS256)
	for _, l := range []Logout{{Subject: "s", SessionID: "i"}, {ClientID: "c", SessionID: "i"}, {ClientID: "c", Subject: "s"}} {
		if _, err := m.Logout(context.Background(), l); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
