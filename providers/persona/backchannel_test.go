package persona_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	status, err := idp.BackchannelLogout(t.Context(), "alice")
	if err != nil || status != http.StatusNoContent {
		t.Fatal(status, err)
	}
	alice, _ := idp.User("alice")
	events, _ := got["events"].(map[string]any)
	if typ != "logout+jwt" || got["sub"] != alice.Subject || got["aud"] != idp.ClientID() || got["iss"] != idp.Issuer() || len(events) != 1 || got["nonce"] != nil {
		t.Errorf("told with type %q: %v", typ, got)
	}
	resp, err := http.PostForm(idp.BaseURL()+"/persona/signout", url.Values{"user": {"alice"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "answered 204") {
		t.Errorf("the administrator's button: %s, %v", page, err)
	}
	if _, err := idp.BackchannelLogout(t.Context(), "nobody"); err == nil {
		t.Error("somebody who is not there was signed out")
	}
}
