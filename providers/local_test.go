package providers

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers/password"
)

// shelf is a book of one account, which notes what it is asked.
type shelf struct {
	account Account
	asked   []string
	spent   int64
	fail    error
	failAt  error
}

func (s *shelf) Try(_ context.Context, login, _ string, code bool) (func(context.Context, bool) error, error) {
	s.asked = append(s.asked, "try")
	return func(context.Context, bool) error { s.asked = append(s.asked, "right"); return nil }, s.fail
}
func (s *shelf) At(context.Context, string) (Account, error) {
	s.asked = append(s.asked, "at")
	return s.account, s.failAt
}
func (s *shelf) Upgrade(_ context.Context, _, _, better string) error {
	s.asked = append(s.asked, "upgrade")
	s.account.Hash = better
	return nil
}
func (s *shelf) Spend(_ context.Context, _ string, step int64) (bool, error) {
	won := step > s.spent
	s.spent = max(s.spent, step)
	return won, nil
}

func localWith(t *testing.T, s *shelf) Provider {
	t.Helper()
	k, _ := Lookup("local")
	p, err := k.New(t.Context(), Settings{Slug: "local", Kind: "local", Accounts: s})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLocalAsksAndKnowsNoUpstream(t *testing.T) {
	k, ok := Lookup("local")
	if !ok || !k.OwnBook {
		t.Fatal("there is no kind local with a book of its own")
	}
	p := localWith(t, &shelf{})
	step, err := p.Begin(t.Context(), Attempt{LoginHint: " Alice "})
	if err != nil || step.Ask == nil || step.Redirect != "" || step.Post != nil || step.Ask.Fields[0].Value != "alice" {
		t.Fatalf("%+v %v", step, err)
	}
	step, err = p.Begin(t.Context(), Attempt{LoginHint: `"><script>`})
	if err != nil || step.Ask.Fields[0].Value != "" {
		t.Errorf("a hint that is no name: %+v %v", step.Ask, err)
	}
	bare, err := k.New(t.Context(), Settings{Slug: "local", Kind: "local"})
	if err != nil {
		t.Fatal(err)
	}
	var pe *Error
	if _, err := bare.Begin(t.Context(), Attempt{}); !errors.As(err, &pe) || pe.Code != ServerError {
		t.Errorf("without a book: %v", err)
	}
	if _, err := bare.Finish(t.Context(), Attempt{}, nil); !errors.As(err, &pe) {
		t.Errorf("without a book: %v", err)
	}
	if _, err := k.New(t.Context(), Settings{MinPassword: 5}); err == nil || !strings.HasPrefix(err.Error(), "min_password:") {
		t.Errorf("a minimum of five: %v", err)
	}
}

// The steps of a refusal are the same whatever is wrong (I20); storage chooses whose
// hash is worked on.
func TestI20_EveryRefusalTakesTheSameSteps(t *testing.T) {
	hash, err := password.Hash(t.Context(), "stamped at the front door")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why     string
		account Account
		name    string
		typed   string
	}{
		{"a wrong password", Account{Subject: "s", Login: "alice", Hash: hash}, "alice", "not the right one"},
		{"an unknown name beside somebody", Account{Subject: "s", Login: "bob", Hash: hash}, "alice", "not the right one"},
		{"an unknown name and its neighbour's password", Account{Subject: "s", Login: "bob", Hash: hash}, "alice", "stamped at the front door"},
		{"an empty book", Account{}, "alice", "stamped at the front door"},
		{"no name at all", Account{}, "", "stamped at the front door"},
		{"no password yet", Account{Subject: "s", Login: "alice"}, "alice", "stamped at the front door"},
		{"a second factor", Account{Subject: "s", Login: "alice", Hash: hash, TOTP: NewTOTP()}, "alice", "not the right one"},
	} {
		s := &shelf{account: row.account}
		_, err := localWith(t, s).Finish(t.Context(), Attempt{}, url.Values{"username": {row.name}, "password": {row.typed}})
		var again *Again
		if !errors.As(err, &again) || again.Ask.Problem != wrongPassword || again.Ask.Keep != "" {
			t.Errorf("%s: %v", row.why, err)
		}
		if got := strings.Join(s.asked, " "); got != "try at" {
			t.Errorf("%s: it took the steps %s", row.why, got)
		}
		s = &shelf{account: row.account}
		if _, err := localWith(t, s).(PasswordChecker).CheckPassword(t.Context(), row.name, row.typed, ""); !errors.Is(err, ErrWrong) || strings.Join(s.asked, " ") != "try at" {
			t.Errorf("%s, by grant: %v after %v", row.why, err, s.asked)
		}
	}
	s := &shelf{account: Account{Subject: "s", Login: "alice", Hash: hash, TOTP: NewTOTP()}}
	if _, err := localWith(t, s).(PasswordChecker).CheckPassword(t.Context(), "alice", "stamped at the front door", ""); !errors.Is(err, ErrWrong) || strings.Join(s.asked, " ") != "try at" {
		t.Errorf("a right password with a second factor, by grant: %v after %v", err, s.asked)
	}
}

func TestABookThatDoesNotAnswerIsNoWrongPassword(t *testing.T) {
	_, err := localWith(t, &shelf{fail: errors.New("disk")}).Finish(t.Context(), Attempt{}, url.Values{"username": {"alice"}, "password": {"x"}})
	var pe *Error
	if !errors.As(err, &pe) || pe.Code != TemporarilyUnavailable {
		t.Errorf("%v", err)
	}
	s := &shelf{failAt: errors.New("disk")} // a try that could not be made is nobody's failure
	_, err = localWith(t, s).Finish(t.Context(), Attempt{}, url.Values{"username": {"alice"}, "password": {"x"}})
	if !errors.As(err, &pe) || pe.Code != TemporarilyUnavailable || strings.Join(s.asked, " ") != "try at right" {
		t.Errorf("%v after %v", err, s.asked)
	}
}

// RFC 6238, appendix B, the SHA-1 column cut to six digits.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	secret, err := ParseTOTP("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		step, ok := matchTOTP(secret, want, time.Unix(at, 0))
		if !ok || step != at/30 {
			t.Errorf("at %d: %v, step %d", at, ok, step)
		}
		for _, off := range []int64{-61, 61} {
			if _, ok := matchTOTP(secret, want, time.Unix(at/30*30+off+15, 0)); ok && at > 100 {
				t.Errorf("at %d it still works %d seconds away", at, off)
			}
		}
	}
	for _, bad := range []string{"", "short", "not base32 !!!!!!!!!!!!!", strings.Repeat("A", 200)} {
		if s, err := ParseTOTP(bad); err == nil {
			t.Errorf("%q became %q", bad, s)
		}
	}
	if s := NewTOTP(); len(s) != 32 {
		t.Errorf("a new secret is %q", s)
	}
	if link := TOTPLink("login.example.com", "alice", "ABC"); link != "otpauth://totp/login.example.com:alice?algorithm=SHA1&digits=6&issuer=login.example.com&period=30&secret=ABC" {
		t.Errorf("link: %s", link)
	}
}

func TestL15_ALoginNameHasOneSpellingAndNoLookAlikes(t *testing.T) {
	for typed, want := range map[string]string{"Alice": "alice", " alice@acme.example ": "alice@acme.example", "a.b+c_d-e": "a.b+c_d-e"} {
		if got := LoginName(typed); got != want || !ValidLogin(got) {
			t.Errorf("%q became %q", typed, got)
		}
	}
	for _, bad := range []string{"", "аlice", "alice\u200b", "ａlice", "al ice", "alice\x00", "alice/admin", strings.Repeat("a", 101)} { // the second is Cyrillic
		if ValidLogin(bad) {
			t.Errorf("%q may be a name", bad)
		}
	}
}
