package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// invitationLife is how long a link may lie in a mailbox.
const invitationLife = 72 * time.Hour

// newcomer is what the flags say about a new person.
type newcomer struct {
	name, email string
	verified    bool
	groups      []string
	stdin       bool
}

func (n *newcomer) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&n.name, "name", "", "the person's name")
	f.StringVar(&n.email, "email", "", "e-mail address")
	f.BoolVar(&n.verified, "email-verified", false, "you know that the address is theirs; it counts for the domains in email_domains")
	f.StringArrayVar(&n.groups, "group", nil, "a group, which rules read as claims.groups; may be repeated")
}

func newUserCmd(at *place) *cobra.Command {
	var n newcomer
	cmd := &cobra.Command{Use: "new LOGIN", Short: "Make a person, and draw a password or read one", Args: oneArg,
		Long: "Make a person. Without --password-stdin a password is drawn and shown this once; only its hash is kept.\n" +
			"handstamp users invite lets people choose their own.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.within(cmd, func(ctx context.Context, b *book) error { return n.make(ctx, b, args[0], cmd.InOrStdin()) })
		}}
	n.flags(cmd)
	cmd.Flags().BoolVar(&n.stdin, "password-stdin", false, "read the password from the standard input, one line")
	return cmd
}

func (n *newcomer) make(ctx context.Context, b *book, login string, in io.Reader) error {
	a, err := n.account(login)
	if err != nil {
		return err
	}
	typed, drawn, err := choosePassword(n.stdin, in)
	if err != nil {
		return err
	}
	if a.Hash, err = b.maker.NewPassword(ctx, typed); err != nil {
		return err
	}
	if err := b.add(ctx, a); err != nil {
		return err
	}
	facts := map[string]any{"login": a.Login, "provider": b.provider.Slug}
	if !drawn {
		return b.say(facts, "%s can sign in now.", a.Login)
	}
	facts["password"] = typed
	return b.say(facts, "%s can sign in now. The password is shown this once:\n\n    %s\n", a.Login, typed)
}

// account is the row of a newcomer.
func (n *newcomer) account(login string) (storage.NewAccount, error) {
	a := storage.NewAccount{Subject: oauth.NewSecret()[:22], UserSubject: oauth.NewSecret()[:26], Login: providers.LoginName(login),
		Name: n.name, Email: n.email, EmailVerified: n.verified, Groups: n.groups}
	return a, checkAccount(&a)
}

// checkAccount holds a person's data to what pages and tokens can show.
func checkAccount(a *storage.NewAccount) error {
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

func (b *book) add(ctx context.Context, a storage.NewAccount) error {
	err := b.MakeAccounts(ctx, shell, b.provider.Slug, a)
	if errors.Is(err, storage.ErrConflict) {
		return fmt.Errorf("the login name %s is taken", a.Login)
	}
	return err
}

// choosePassword reads a password or draws one.
func choosePassword(stdin bool, in io.Reader) (typed string, drawn bool, err error) {
	if !stdin {
		return drawPassword(), true, nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), false, nil
}

// drawPassword gives 120 random bits that can be read out over a telephone.
func drawPassword() string {
	text := strings.ToLower(rand.Text())[:24]
	return strings.Join([]string{text[:6], text[6:12], text[12:18], text[18:]}, "-")
}

func inviteUserCmd(at *place) *cobra.Command {
	var n newcomer
	cmd := &cobra.Command{Use: "invite LOGIN", Short: "Make a link with which a person chooses a password, once", Args: oneArg,
		Long: "Make a link with which a person chooses a password: once, within 72 hours. The person is made if they are\n" +
			"not there; for somebody who is, the link sets a new password. No mail is sent: copy the link. An earlier\n" +
			"link for the same person stops working.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.within(cmd, func(ctx context.Context, b *book) error {
				return n.invite(ctx, b, args[0], time.Now())
			})
		}}
	n.flags(cmd)
	return cmd
}

func (n *newcomer) invite(ctx context.Context, b *book, login string, now time.Time) error {
	a, err := b.Account(ctx, b.provider.Slug, providers.LoginName(login))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		fresh, err := n.account(login)
		if err != nil {
			return err
		}
		if err := b.add(ctx, fresh); err != nil {
			return err
		}
		a = &storage.Account{Subject: fresh.Subject, Login: fresh.Login}
	case err != nil:
		return err
	case n.name != "" || n.email != "" || n.verified || len(n.groups) > 0:
		return fmt.Errorf("%s is there already: --name, --email and --group are for new people", a.Login)
	case a.User.Disabled:
		return fmt.Errorf("%s is disabled: handstamp users enable %s comes first", a.Login, a.Login)
	}
	token, expires := oauth.NewSecret(), now.Add(invitationLife)
	if err := b.Invite(ctx, shell, b.provider.Slug, a.Subject, oauth.InvitationHash(token), expires); err != nil {
		return err
	}
	link := b.cfg.Issuer + "/invitation?" + url.Values{"token": {token}}.Encode()
	return b.say(map[string]any{"login": a.Login, "provider": b.provider.Slug, "link": link, "expires": expires.UTC().Format(time.RFC3339)},
		"Send this link to %s. It sets a password once, until %s:\n\n    %s\n", a.Login, expires.Local().Format("Mon 2 Jan 15:04"), link)
}
