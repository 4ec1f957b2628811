package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// People who have a password here: those of a provider of kind local. They are made,
// invited and taken over from elsewhere; what is drawn for them is shown once.

const (
	// invitationLife is how long a link may lie in a mailbox.
	invitationLife = 72 * time.Hour
	// mostImported bounds a file of people: it is taken over in one transaction, which may
	// not keep others waiting for long.
	mostImported = 5000
	mostProblems = 100 // told of one file
)

// ledger is one provider of kind local, with what checks its passwords.
type ledger struct {
	*directory.Provider
	maker providers.PasswordMaker
}

// ledger finds the provider that is meant: the only one where none is named.
func (s *Server) ledger(ctx context.Context, slug string) (*ledger, error) {
	var own []*directory.Provider
	for _, p := range s.snapshot().Providers() {
		kind, _ := providers.Lookup(p.Kind)
		switch {
		case slug == p.Slug && !kind.OwnBook:
			return nil, invalid("people of the provider %s have their passwords at %s, not here", p.Slug, kind.Title)
		case kind.OwnBook && (slug == "" || slug == p.Slug):
			own = append(own, p)
		}
	}
	switch {
	case len(own) > 1:
		return nil, invalid("there are several providers of kind local: say which one (provider)")
	case len(own) == 0 && slug != "":
		return nil, invalid("there is no provider %q of kind local", slug)
	case len(own) == 0:
		return nil, invalid("there is no provider of kind local: add one (slug: local, kind: local)")
	}
	kind, _ := providers.Lookup(own[0].Kind)
	made, err := kind.New(ctx, own[0].Settings())
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", own[0].Slug, err)
	}
	return &ledger{own[0], made.(providers.PasswordMaker)}, nil // every kind with a book of its own is one
}

// hash checks a password that somebody chose, or draws one.
func (l *ledger) hash(ctx context.Context, typed string) (hash, drawn string, err error) {
	if typed == "" {
		drawn = drawPassword()
		typed = drawn
	}
	hash, err = l.maker.NewPassword(ctx, typed)
	if weak := (*password.Weak)(nil); errors.As(err, &weak) {
		return "", "", invalid("%s", weak.Error())
	}
	return hash, drawn, err
}

// drawPassword gives 120 random bits that can be read out over a telephone.
func drawPassword() string {
	text := strings.ToLower(rand.Text())[:24]
	return strings.Join([]string{text[:6], text[6:12], text[12:18], text[18:]}, "-")
}

// makeUser makes a person with a password, or with a link to choose one.
func (s *Server) makeUser(c *call) error {
	in, err := body[api.NewUser](c)
	if err != nil {
		return err
	}
	if in.Invite && in.Password != "" {
		return invalid("invite and password exclude each other: who is invited chooses one")
	}
	l, err := s.ledger(c.ctx(), in.Provider)
	if err != nil {
		return err
	}
	account := storage.NewAccount{Subject: oauth.NewSecret()[:22], UserSubject: oauth.NewSecret()[:26], Login: providers.LoginName(in.Login),
		Name: in.Name, Email: in.Email, EmailVerified: in.EmailVerified, Groups: in.Groups}
	if err := checkNewcomer(&account); err != nil {
		return invalid("%s", err)
	}
	var out api.MadeUser
	if !in.Invite {
		if account.Hash, out.Password, err = l.hash(c.ctx(), in.Password); err != nil {
			return err
		}
	}
	err = s.db.MakeAccounts(c.ctx(), c.actor(), l.Slug, account)
	if errors.Is(err, storage.ErrConflict) {
		return exists("the login name %s is taken", account.Login)
	}
	if err != nil {
		return err
	}
	if in.Invite {
		if out.Invitation, err = s.inviteTo(c, l.Slug, account.Subject); err != nil {
			return err
		}
	}
	u, err := s.db.UserBySubject(c.ctx(), account.UserSubject)
	if err != nil {
		return err
	}
	whole, err := s.tellUser(c.ctx(), u)
	if err != nil {
		return err
	}
	out.User = *whole
	return c.json(http.StatusCreated, out)
}

// checkNewcomer holds a person's data to what pages and tokens can show.
func checkNewcomer(a *storage.NewAccount) error {
	switch {
	case !providers.ValidLogin(a.Login):
		return fmt.Errorf("%q is not a login name: a-z, 0-9 and . _ @ + - are, at most 100 of them", a.Login)
	case len(a.Name) > 256 || !oauth.CleanText(a.Name):
		return errors.New("the name has more than 256 bytes, or characters that cannot be shown")
	case a.Email != "" && !plainAddress(a.Email):
		return errors.New("the e-mail address is not a plain one, such as alice@example.com")
	case a.EmailVerified && a.Email == "":
		return errors.New("there is no e-mail address that could be verified")
	case len(a.Groups) > 100:
		return errors.New("there are more than 100 groups")
	}
	for _, g := range a.Groups {
		if g == "" || len(g) > 120 || !oauth.CleanText(g) {
			return errors.New("a group is empty, has more than 120 bytes, or characters that cannot be shown")
		}
	}
	return nil
}

func plainAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && strings.Contains(domain, ".") && len(s) <= 254 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[\]`, r) }) && strings.Count(s, "@") == 1
}

// inviteUser makes a link with which a person chooses a new password.
func (s *Server) inviteUser(c *call) error {
	u, a, err := s.account(c)
	if err != nil {
		return err
	}
	if u.Disabled {
		return notNow("this person is disabled: enable them first")
	}
	link, err := s.inviteTo(c, a.Provider, a.Subject)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, link)
}

func (s *Server) inviteTo(c *call, provider, subject string) (*api.Invitation, error) {
	token, expires := oauth.NewSecret(), s.now().Add(invitationLife).Truncate(time.Second)
	if err := s.db.Invite(c.ctx(), c.actor(), provider, subject, oauth.InvitationHash(token), expires); err != nil {
		return nil, err
	}
	return &api.Invitation{Link: s.issuer + "/invitation?" + url.Values{"token": {token}}.Encode(), ExpiresAt: expires.UTC()}, nil
}

// setPassword gives a person a new password; what they hold ends.
func (s *Server) setPassword(c *call) error {
	in, err := body[api.NewPassword](c)
	if err != nil {
		return err
	}
	_, a, err := s.account(c)
	if err != nil {
		return err
	}
	l, err := s.ledger(c.ctx(), a.Provider)
	if err != nil {
		return err
	}
	hash, drawn, err := l.hash(c.ctx(), in.Password)
	if err != nil {
		return err
	}
	if err := s.db.SetPassword(c.ctx(), c.actor(), a.Provider, a.Subject, hash); err != nil {
		return err
	}
	return c.json(http.StatusOK, api.NewPassword{Password: drawn})
}

// setSecondFactor gives a person a new secret for an authenticator app.
func (s *Server) setSecondFactor(c *call) error {
	_, a, err := s.account(c)
	if err != nil {
		return err
	}
	secret := providers.NewTOTP()
	if err := s.db.SetTOTP(c.ctx(), c.actor(), a.Provider, a.Subject, secret); err != nil {
		return err
	}
	return c.json(http.StatusCreated, api.SecondFactor{Secret: secret, Link: providers.TOTPLink(houseName(s.issuer), a.Login, secret)})
}

// dropSecondFactor lets a person sign in with the password alone.
func (s *Server) dropSecondFactor(c *call) error {
	_, a, err := s.account(c)
	if err != nil {
		return err
	}
	if err := s.db.SetTOTP(c.ctx(), c.actor(), a.Provider, a.Subject, ""); err != nil {
		return err
	}
	return c.empty()
}

// houseName is what an authenticator app shows beside the code.
func houseName(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Hostname()
}

// account is the person of the path, who must have a password here that the caller may
// change.
func (s *Server) account(c *call) (*storage.User, *storage.Account, error) {
	u, err := s.user(c)
	if err == nil {
		err = s.mayTouch(c, u)
	}
	if err != nil {
		return nil, nil, err
	}
	a, err := s.db.AccountOf(c.ctx(), u.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil, notNow("this person has no password here: they sign in at another provider")
	}
	return u, a, err
}

// importUsers takes over a file of people with their password hashes: everybody, or
// nobody and every problem.
func (s *Server) importUsers(c *call) error {
	l, err := s.ledger(c.ctx(), c.query("provider"))
	if err != nil {
		return err
	}
	content, err := c.file()
	if err != nil {
		return err
	}
	people, problems := readPeople(content)
	more, err := s.taken(c.ctx(), l, people)
	if err != nil {
		return err
	}
	problems = append(problems, more...)
	if len(people) == 0 && len(problems) == 0 {
		problems = append(problems, api.LineProblem{Line: 1, Message: "there is nobody in this file"})
	}
	if len(people) > mostImported {
		problems = append(problems, api.LineProblem{Line: people[mostImported].line, Message: fmt.Sprintf("a file may hold %d people, since all of them are taken in one step: split it", mostImported)})
	}
	out := api.Imported{People: len(people)}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(x, y api.LineProblem) int { return x.Line - y.Line })
		return wrongLines(problems)
	}
	if c.query("dry_run") == "true" {
		return c.json(http.StatusOK, out)
	}
	accounts := make([]storage.NewAccount, len(people))
	for i, p := range people {
		accounts[i] = p.account
	}
	err = s.db.MakeAccounts(c.ctx(), c.actor(), l.Slug, accounts...)
	if errors.Is(err, storage.ErrConflict) {
		return exists("nothing was imported: %s", err)
	}
	if err != nil {
		return err
	}
	out.Imported = len(people)
	return c.json(http.StatusOK, out)
}

// taken finds names that stand twice in the file, or in the book already.
func (s *Server) taken(ctx context.Context, l *ledger, people []imported) (problems []api.LineProblem, err error) {
	first := map[string]int{}
	for _, p := range people[:min(len(people), mostImported+1)] {
		name := p.account.Login
		if line, twice := first[name]; twice {
			problems = append(problems, api.LineProblem{Line: p.line, Message: fmt.Sprintf("the login name %s stands in line %d already", name, line)})
			continue
		}
		first[name] = p.line
		switch _, err := s.db.Account(ctx, l.Slug, name); {
		case err == nil:
			problems = append(problems, api.LineProblem{Line: p.line, Message: "the login name " + name + " is taken"})
		case !errors.Is(err, storage.ErrNotFound):
			return nil, err
		}
	}
	return problems, nil
}

// wrongLines refuses a file with everything that is wrong with it.
func wrongLines(problems []api.LineProblem) error {
	p := problem(http.StatusUnprocessableEntity, api.Invalid, "nothing was imported")
	for _, one := range problems[:min(len(problems), mostProblems)] {
		p.Problems = append(p.Problems, api.Fault{Path: fmt.Sprintf("line %d", one.Line), Message: one.Message})
	}
	if more := len(problems) - mostProblems; more > 0 {
		p.Detail += fmt.Sprintf("; %d more lines are wrong than are told here", more)
	}
	return p
}
