package guard_test

import (
	"context"
	"testing"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/guard/guardtest"
)

func TestD30_AMachinesTokenHasItsOwnSubjectAndNoSession(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	token, err := g.Verify(context.Background(), issuer.MachineToken("nightly", "items:read"))
	if err != nil {
		t.Fatal(err)
	}
	if !token.Machine() || token.Subject != "client:nightly" || token.ClientID != "nightly" || token.SessionID != "" || len(token.Roles) > 0 || !token.HasScope("items:read") {
		t.Errorf("%+v", token)
	}
	if _, there := token.Claims["sid"]; there {
		t.Error("a machine has no session")
	}
	raw := issuer.MachineToken("nightly", "items:read")
	want(t, "its scope opens what it opens to people", call(g, "Bearer "+raw, "items:read"), 200)
	want(t, "and no more", call(g, "Bearer "+raw, "items:write"), 403)
	want(t, "T13: at another API", call(g, "Bearer "+issuer.MachineToken("nightly", "items:read", guardtest.For("https://other.example"))), 401)
}

func TestD30_NobodyElseIsAMachine(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	for why, raw := range map[string]string{
		"a person":                             issuer.Token("usr_alice", ""),
		"a person whose name is the client's":  issuer.Token("nightly", "", guardtest.Client("nightly")),
		"another client's name behind the tag": issuer.Token("client:nightly", "", guardtest.Client("web")),
		"the tag alone":                        issuer.Token("client:", "", guardtest.Client("web")),
		"in other letters":                     issuer.Token("Client:web", "", guardtest.Client("web")),
	} {
		token, err := g.Verify(context.Background(), raw)
		if err != nil || token.Machine() {
			t.Errorf("%s: %v, %+v", why, err, token)
		}
	}
	if (&guard.Token{Subject: "client:"}).Machine() {
		t.Error("a token without a client is no machine's")
	}
}
