package providers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/handstamp/handstamp/providers/password"
)

// Kind local has no upstream: for places without one, and for the day when every
// upstream is dead. It asks for a login name and a password on a page of ours, then
// for a code where the account has a second factor.

func init() {
	Register(Kind{Name: "local", Title: "Password", New: newLocal, OwnBook: true,
		Issuer: func(Settings) (string, error) { return localIssuer, nil }})
}

const (
	localIssuer = "handstamp:local"
	codeTime    = 5 * time.Minute // between the password and the code

	wrongPassword = "This user name and password do not fit together."
	wrongCode     = "This code is not right, or it was used before. Please take the next one."
)

// ErrWrong is the one answer to a wrong name, a wrong password, an account without
// one, and an account that needs more than one.
var ErrWrong = errors.New("the user name and password do not fit together")

// PasswordChecker is a provider that can check a password without a page. It refuses
// people with a second factor. Its errors are ErrWrong, *Held and *Error.
type PasswordChecker interface {
	CheckPassword(ctx context.Context, login, typed, address string) (*Identity, error)
}

// PasswordMaker is a provider that keeps passwords: it checks a new one and gives the
// line to store. A weak one is a *password.Weak.
type PasswordMaker interface {
	NewPassword(ctx context.Context, typed string) (hash string, err error)
}

type local struct {
	settings Settings
	rules    password.Rules
}

func newLocal(_ context.Context, s Settings) (Provider, error) {
	if least := s.MinPassword; least != 0 && (least < password.Floor || least > 64) {
		return nil, fmt.Errorf("min_password: must be between %d and 64", password.Floor)
	}
	if s.TrustEmail == "" {
		s.TrustEmail = "own_domains"
	}
	if !slices.Contains(trustEmail, s.TrustEmail) {
		return nil, fmt.Errorf("trust_email: must be one of %s", strings.Join(trustEmail, ", "))
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	s.EmailDomains = slices.Clone(s.EmailDomains)
	for i, d := range s.EmailDomains {
		s.EmailDomains[i] = strings.ToLower(d)
	}
	return &local{settings: s, rules: password.Rules{Least: s.MinPassword}}, nil
}

// Begin asks for name and password.
func (l *local) Begin(_ context.Context, a Attempt) (Step, error) {
	if l.settings.Accounts == nil {
		return Step{}, broken("there is no book of accounts")
	}
	login := LoginName(a.LoginHint)
	if !ValidLogin(login) {
		login = ""
	}
	return Step{Ask: askPassword(login, "")}, nil
}

// Finish checks what the person filled in.
func (l *local) Finish(ctx context.Context, a Attempt, answer url.Values) (*Identity, error) {
	if l.settings.Accounts == nil {
		return nil, broken("there is no book of accounts")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if a.Keep != "" {
		return l.second(ctx, a, answer.Get("code"))
	}
	login := LoginName(answer.Get("username"))
	who, right, err := l.check(ctx, login, answer.Get("password"), a.Address)
	var held *Held
	switch {
	case errors.As(err, &held):
		return nil, &Again{*wait(askPassword(shown(login), ""), held), held.Error()}
	case errors.Is(err, ErrWrong):
		return nil, &Again{*askPassword(shown(login), wrongPassword), err.Error()}
	case err != nil:
		return nil, err
	}
	if who.TOTP == "" {
		return l.welcome(ctx, who, right, "pwd")
	}
	if err := right(ctx, false); err != nil {
		return nil, noBook(err)
	}
	return nil, &Again{*askCode(l.keep(who), ""), "the second factor comes next"}
}

// CheckPassword is for the password grant.
func (l *local) CheckPassword(ctx context.Context, login, typed, address string) (*Identity, error) {
	if l.settings.Accounts == nil {
		return nil, broken("there is no book of accounts")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	who, right, err := l.check(ctx, LoginName(login), typed, address)
	if err != nil {
		return nil, err
	}
	if who.TOTP != "" { // counted as a failure: nobody learns that the password was right
		return nil, ErrWrong
	}
	return l.welcome(ctx, who, right, "pwd")
}

// NewPassword checks a new password and gives its hash.
func (l *local) NewPassword(ctx context.Context, typed string) (string, error) {
	normal, err := l.rules.Check(typed)
	if err != nil {
		return "", err
	}
	hash, err := password.Hash(ctx, normal)
	if err != nil {
		return "", &Error{TemporarilyUnavailable, "the password cannot be hashed now", err}
	}
	return hash, nil
}

// check finds out whose password this is. Every step is taken for every name: an
// unknown one costs the work of its neighbour in the book (I20).
func (l *local) check(ctx context.Context, login, typed, address string) (who Account, right func(context.Context, bool) error, err error) {
	book := l.settings.Accounts
	right, err = book.Try(ctx, login, address, false)
	var held *Held
	if errors.As(err, &held) {
		return who, nil, held
	}
	if err != nil {
		return who, nil, noBook(err)
	}
	if who, err = book.At(ctx, login); err != nil {
		return who, nil, unanswered(ctx, right, noBook(err))
	}
	fits, err := password.Verify(ctx, who.Hash, typed)
	if err != nil {
		return who, nil, unanswered(ctx, right, &Error{TemporarilyUnavailable, "the password cannot be checked now", err})
	}
	if !fits || who.Login != login || login == "" {
		return Account{}, nil, ErrWrong
	}
	if password.Outdated(who.Hash) {
		l.upgrade(ctx, &who, typed)
	}
	return who, right, nil
}

// unanswered takes a try back that was never made: our own trouble is nobody's failure.
func unanswered(ctx context.Context, right func(context.Context, bool) error, why *Error) *Error {
	if err := right(context.WithoutCancel(ctx), false); err != nil {
		why.Err = errors.Join(why.Err, err)
	}
	return why
}

// upgrade hashes a right password anew. If it fails, the next sign-in tries again.
func (l *local) upgrade(ctx context.Context, who *Account, typed string) {
	better, err := password.Hash(ctx, password.Normal(typed))
	if err == nil {
		err = l.settings.Accounts.Upgrade(ctx, who.Subject, who.Hash, better)
	}
	switch {
	case err == nil:
		who.Hash = better
	case l.settings.Logger != nil:
		l.settings.Logger.Warn("a password hash was not upgraded", "provider", l.settings.Slug, "cause", err)
	}
}

// passed is what the second step knows of the first. It is sealed by the broker.
type passed struct {
	Login string `json:"l"`
	Hash  string `json:"h"` // fingerprint: a password changed meanwhile begins anew
	At    int64  `json:"t"`
}

func (l *local) keep(who Account) string {
	b, err := json.Marshal(passed{who.Login, fingerprint(who.Hash), l.settings.Now().Unix()})
	if err != nil {
		panic(err) // two strings and a number always marshal
	}
	return string(b)
}

func fingerprint(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// second checks the code of somebody whose password was right.
func (l *local) second(ctx context.Context, a Attempt, code string) (*Identity, error) {
	var k passed
	if err := json.Unmarshal([]byte(a.Keep), &k); err != nil {
		return nil, mixedUp("what was kept between password and code is damaged")
	}
	book := l.settings.Accounts
	right, err := book.Try(ctx, k.Login, a.Address, true)
	var held *Held
	switch {
	case errors.As(err, &held):
		return nil, &Again{*wait(askCode(a.Keep, ""), held), held.Error()}
	case err != nil:
		return nil, noBook(err)
	}
	who, err := book.At(ctx, k.Login)
	if err != nil {
		return nil, unanswered(ctx, right, noBook(err))
	}
	age := l.settings.Now().Sub(time.Unix(k.At, 0))
	if who.Login != k.Login || fingerprint(who.Hash) != k.Hash || who.TOTP == "" || age > codeTime || age < -time.Minute {
		return nil, &Again{*askPassword(shown(k.Login), "That took too long. Please begin again."), "the account changed, or the password was typed too long ago"}
	}
	step, ok := matchTOTP(who.TOTP, strings.Map(digits, code), l.settings.Now())
	if ok {
		if ok, err = book.Spend(ctx, who.Subject, step); err != nil {
			return nil, noBook(err)
		}
	}
	if !ok {
		return nil, &Again{*askCode(a.Keep, wrongCode), "the code is wrong or was used"}
	}
	return l.welcome(ctx, who, right, "pwd", "otp", "mfa")
}

func digits(r rune) rune {
	if r == ' ' || r == '-' || r == '\u00a0' {
		return -1
	}
	return r
}

// welcome says who signed in. amr is of RFC 8176.
func (l *local) welcome(ctx context.Context, who Account, right func(context.Context, bool) error, amr ...string) (*Identity, error) {
	if err := right(ctx, true); err != nil {
		return nil, noBook(err)
	}
	claims := map[string]any{"sub": who.Subject, "preferred_username": who.Login, "amr": anys(amr)}
	if who.Name != "" {
		claims["name"] = who.Name
	}
	if who.Email != "" {
		claims["email"], claims["email_verified"] = who.Email, who.EmailVerified
	}
	if len(who.Groups) > 0 {
		claims["groups"] = anys(who.Groups)
	}
	verified, _ := judgeEmail(l.settings, nil, claims) // an administrator's word weighs as that of any other provider
	return &Identity{Issuer: localIssuer, Subject: who.Subject, AuthTime: l.settings.Now(), AMR: amr, Claims: claims,
		EmailVerified: verified, PasswordSince: who.PasswordSince}, nil
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func noBook(err error) *Error {
	return &Error{TemporarilyUnavailable, "the book of accounts does not answer", err}
}
