package persona_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers/persona"
)

func TestAPersonaTellsTheRelyingPartyThatSomebodyIsSignedOut(t *testing.T) {
	var got map[string]any
	var typ string
	rp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.PostFormValue("logout_token"), ".")
		head, _ := base64.RawURLEncoding.DecodeString(parts[0])
		body, _ := base64.RawURLEncoding.DecodeString(parts[1])
		var h struct{ Typ string }
		if json.Unmarshal(head, &h) != nil || json.Unmarshal(body, &got) != nil {
			t.Error("not a JWT")
		}
		typ = h.Typ
		w.WriteHeader(http.StatusNoContent)
	}))
	defer rp.Close()
	idp := persona.Start(t, persona.Okta, persona.Options{BackchannelLogoutURI: rp.URL})
	status, err := idp.BackchannelLogout(t.Context(), nil, "alice")
	if err != nil || status != http.StatusNoContent {
		t.Fatal(status, err)
	}
	alice, _ := idp.User("alice")
	events, _ := got["events"].(map[string]any)
	if typ != "logout+jwt" || got["sub"] != alice.Subject || got["aud"] != idp.ClientID() || got["iss"] != idp.Issuer() || len(events) != 1 || got["nonce"] != nil {
		t.Errorf("told with type %q: %v", typ, got)
	}
	if _, err := idp.BackchannelLogout(t.Context(), nil, "nobody"); err == nil {
		t.Error("somebody who is not there was signed out")
	}
}
