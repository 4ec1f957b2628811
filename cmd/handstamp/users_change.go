package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

func listUsersCmd(at *place) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the people who have a password here", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return at.within(cmd, listUsers) }}
}

// listed is a person in --json. No hash and no secret is ever shown.
type listed struct {
	Login         string   `json:"login"`
	Sub           string   `json:"sub"`
	Name          string   `json:"name,omitempty"`
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified"`
	Groups        []string `json:"groups,omitempty"`
	State         string   `json:"state"`         // active, disabled, invited
	SecondFactor  bool     `json:"second_factor"` // TOTP
	Imported      bool     `json:"imported"`      // the hash is another system's until the next sign-in
	LastSignIn    string   `json:"last_sign_in,omitempty"`
}

// mostListed is more people than anybody reads.
const mostListed = 100_000

func listUsers(ctx context.Context, b *book) error {
	accounts, err := b.Accounts(ctx, b.provider.Slug, mostListed)
	if err != nil {
		return err
	}
	people := make([]listed, len(accounts))
	for i := range accounts {
		people[i] = listing(&accounts[i])
	}
	if b.json {
		return printJSON(b.out, people)
	}
	w := tabwriter.NewWriter(b.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "LOGIN\tSTATE\tSECOND FACTOR\tLAST SIGN-IN\tNAME\tE-MAIL\tGROUPS")
	for _, p := range people {
		factor, last, email := "-", "-", p.Email
		if p.SecondFactor {
			factor = "TOTP"
		}
		if p.LastSignIn != "" {
			last = p.LastSignIn[:10]
		}
		if email != "" && !p.EmailVerified {
			email += " (unverified)"
		}
		fmt.Fprintln(w, strings.Join([]string{p.Login, p.State, factor, last, oneLine(p.Name), email, oneLine(strings.Join(p.Groups, ", "))}, "\t"))
	}
	return w.Flush()
}

func listing(a *storage.Account) listed {
	p := listed{Login: a.Login, Sub: a.User.Subject, Name: a.Name, Email: a.Email, EmailVerified: a.EmailVerified, Groups: a.Groups, State: "active",
		SecondFactor: a.TOTP != "", Imported: a.Hash != "" && password.Outdated(a.Hash)}
	switch {
	case a.User.Disabled:
		p.State = "disabled"
	case a.Hash == "":
		p.State = "invited"
	}
	if !a.LastSignIn.IsZero() {
		p.LastSignIn = a.LastSignIn.Format(time.RFC3339)
	}
	return p
}

func disableUserCmd(at *place) *cobra.Command {
	return switchUserCmd(at, "disable", "Turn a person away at once: sign-ins, sessions and refresh tokens end", true)
}

func enableUserCmd(at *place) *cobra.Command {
	return switchUserCmd(at, "enable", "Let a person sign in again; what ended stays ended", false)
}

func switchUserCmd(at *place, verb, short string, disabled bool) *cobra.Command {
	var sub string
	cmd := &cobra.Command{Use: verb + " LOGIN | --sub SUB", Short: short,
		Long: short + ".\n\nA person with a password here is named by login; anybody, also who comes from a provider,\nby the sub that apps and APIs see in their tokens.",
		Args: func(cmd *cobra.Command, args []string) error {
			if sub != "" {
				return cobra.NoArgs(cmd, args)
			}
			return oneArg(cmd, args)
		}}
	cmd.Flags().StringVar(&sub, "sub", "", "the person's sub, instead of a login")
	turn := func(ctx context.Context, b *book, key, name string, u storage.User) error {
		if err := b.SetUserDisabled(ctx, shell, u.ID, disabled); err != nil {
			return err
		}
		return b.say(map[string]any{key: name, "disabled": disabled}, "%s is %sd.", name, verb)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if sub == "" {
			return at.within(cmd, func(ctx context.Context, b *book) error {
				a, err := b.account(ctx, args[0])
				if err != nil {
					return err
				}
				return turn(ctx, b, "login", a.Login, a.User)
			})
		}
		return at.open(cmd, nil, func(ctx context.Context, b *book) error {
			u, err := b.UserBySubject(ctx, sub)
			if errors.Is(err, storage.ErrNotFound) {
				return fmt.Errorf("nobody has the sub %s", oneLine(sub))
			}
			if err != nil {
				return err
			}
			return turn(ctx, b, "sub", sub, *u)
		})
	}
	return cmd
}

func passwordUserCmd(at *place) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{Use: "password LOGIN", Short: "Give a person a new password; their sessions and refresh tokens end", Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.within(cmd, func(ctx context.Context, b *book) error {
				a, err := b.account(ctx, args[0])
				if err != nil {
					return err
				}
				typed, drawn, err := choosePassword(stdin, cmd.InOrStdin())
				if err != nil {
					return err
				}
				hash, err := b.maker.NewPassword(ctx, typed)
				if err != nil {
					return err
				}
				if err := b.SetPassword(ctx, shell, b.provider.Slug, a.Subject, hash); err != nil {
					return err
				}
				facts := map[string]any{"login": a.Login}
				if !drawn {
					return b.say(facts, "%s has the new password.", a.Login)
				}
				facts["password"] = typed
				return b.say(facts, "The new password of %s is shown this once:\n\n    %s\n", a.Login, typed)
			})
		}}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the standard input, one line, instead of drawing one")
	return cmd
}

func totpUserCmd(at *place) *cobra.Command {
	var off bool
	cmd := &cobra.Command{Use: "totp LOGIN", Short: "Give a person a second factor (an authenticator app), or take it away", Args: oneArg,
		Long: "Give a person a second factor: a new secret for an authenticator app, shown this once. From now on they are\n" +
			"asked for a code after the password, and the password grant refuses them. With --off, take it away.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.within(cmd, func(ctx context.Context, b *book) error {
				a, err := b.account(ctx, args[0])
				if err != nil {
					return err
				}
				secret := ""
				if !off {
					secret = providers.NewTOTP()
				}
				if err := b.SetTOTP(ctx, shell, b.provider.Slug, a.Subject, secret); err != nil {
					return err
				}
				if off {
					return b.say(map[string]any{"login": a.Login, "second_factor": false}, "%s signs in with the password alone.", a.Login)
				}
				link := providers.TOTPLink(houseName(b.cfg.Issuer), a.Login, secret)
				return b.say(map[string]any{"login": a.Login, "second_factor": true, "secret": secret, "link": link},
					"Put this into the authenticator app of %s. It is shown this once:\n\n    secret  %s\n    link    %s\n", a.Login, secret, link)
			})
		}}
	cmd.Flags().BoolVar(&off, "off", false, "take the second factor away")
	return cmd
}

// houseName is what an authenticator app shows beside the code.
func houseName(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Hostname()
}
