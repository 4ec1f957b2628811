package guardtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/guard/guardtest"
	"github.com/handstamp/handstamp/tokens"
)

func TestATokenIsWhatItsOptionsSay(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard("https://api.example")
	ctx := context.Background()
	token, err := g.Verify(ctx, issuer.Token("usr_alice", "a b", guardtest.Client("cli"), guardtest.Roles("r"), guardtest.Claim("team", "x"), guardtest.Claim("sub", "usr_mallory"), guardtest.Session("s")))
	if err != nil || token.Subject != "usr_alice" || token.ClientID != "cli" || fmt.Sprint(token.Scopes, token.Roles) != "[a b] [r]" || token.Claims["team"] != "x" || token.SessionID != "s" {
		t.Errorf("%+v, %v", token, err)
	}
	for why, row := range map[string]struct {
		raw  string
		want error
	}{
		"expired":        {issuer.Token("u", "", guardtest.Expired()), tokens.ErrExpired},
		"elsewhere":      {issuer.Token("u", "", guardtest.For("https://other.example")), tokens.ErrAudience},
		"forged":         {issuer.Token("u", "", guardtest.Forged()), tokens.ErrInvalid},
		"other issuer":   {issuer.Token("u", "", guardtest.OfIssuer("https://evil.example")), tokens.ErrInvalid},
		"another tester": {guardtest.New(t).Token("u", "", guardtest.For("https://api.example")), tokens.ErrUnknownKey},
	} {
		if _, err := g.Verify(ctx, row.raw); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestAdvanceLetsATokenExpire(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard("https://api.example")
	raw := issuer.Token("u", "", guardtest.LivesFor(time.Minute))
	if _, err := g.Verify(context.Background(), raw); err != nil {
		t.Fatal(err)
	}
	issuer.Advance(2 * time.Minute)
	if _, err := g.Verify(context.Background(), raw); !errors.Is(err, tokens.ErrExpired) {
		t.Errorf("%v", err)
	}
	if _, err := g.Verify(context.Background(), issuer.Token("u", "")); err != nil {
		t.Errorf("a new one: %v", err)
	}
}

// recorder is a test that must fail.
type recorder struct{ said string }

func (*recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestAMistakeOfTheTestSaysWhatToDo(t *testing.T) {
	fails := func(f func(*guardtest.Issuer)) string {
		r := &recorder{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			f(guardtest.New(r))
		}()
		<-done
		return r.said
	}
	for want, f := range map[string]func(*guardtest.Issuer){
		"guardtest: the issuer made 0 guards: say with guardtest.For which audience the token is for": func(i *guardtest.Issuer) { i.Token("u", "") },
		"guardtest: the issuer made 2 guards: say with guardtest.For which audience the token is for": func(i *guardtest.Issuer) {
			i.Guard("a")
			i.Guard("b")
			i.Token("u", "")
		},
		"guardtest: guard: the audience is empty or has characters that do not belong there":             func(i *guardtest.Issuer) { i.Guard("") },
		"guardtest: the grant is incomplete: an access token needs issuer, subject, client and audience": func(i *guardtest.Issuer) { i.Token("", "", guardtest.For("a")) },
	} {
		if got := fails(f); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// An API's own test: a real guard, real tokens, no broker and no network.
func ExampleIssuer() {
	var t example // in a test of yours, its *testing.T
	issuer := guardtest.New(t)
	api := issuer.Guard("https://api.example").Require("items:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := guard.From(r.Context())
		fmt.Fprint(w, "items of "+token.Subject)
	}))
	for _, token := range []string{
		issuer.Token("usr_alice", "items:read"),
		issuer.Token("usr_alice", "items:write"),
		issuer.Token("usr_alice", "items:read", guardtest.Forged()),
	} {
		r, w := httptest.NewRequest("GET", "/items", nil), httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+token)
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200 items of usr_alice
	// 403 {"error":"insufficient_scope","error_description":"the access token does not have the scopes that this needs"}
	// 401 {"error":"invalid_token","error_description":"the access token is not valid"}
}

// example stands in for a *testing.T, which an Example has not.
type example struct{}

func (example) Helper()                           {}
func (example) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
