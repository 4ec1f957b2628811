package guardtest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

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
