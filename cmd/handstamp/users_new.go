package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

// newcomer is what the flags say about a new person who has a password here.
type newcomer struct {
	api.NewUser
	stdin bool
}

func (n *newcomer) flags(cmd *cobra.Command, at *desk) {
	f := cmd.Flags()
	f.StringVar(&n.Provider, "provider", "", "slug of the provider of kind local (default: the only one)")
	f.StringVar(&n.Name, "name", "", "the person's name")
	f.StringVar(&n.Email, "email", "", "e-mail address")
	f.BoolVar(&n.EmailVerified, "email-verified", false, "you know that the address is theirs; it counts for the domains in email_domains")
	f.StringArrayVar(&n.Groups, "group", nil, "a group, which rules read as claims.groups; may be repeated")
	at.reasons(cmd)
	completes(cmd, "provider", at.providerSlugs)
}

func newUserCmd(at *desk) *cobra.Command {
	var n newcomer
	cmd := &cobra.Command{Use: "new LOGIN", Short: "Make a person who has a password here, and draw it or read it", Args: oneArg,
		Long: "Make a person who has a password here. Without --password-stdin one is drawn and shown this once; only its\n" +
			"hash is kept. handstamp users invite lets people choose their own.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) (err error) {
				if n.Login = args[0]; n.stdin {
					if n.Password, err = readPassword(cmd.InOrStdin()); err != nil {
						return err
					}
				}
				made, err := v.AddUser(ctx, n.NewUser, v.at.reason)
				if err != nil {
					return err
				}
				if made.Password == "" {
					return v.told(made, "%s can sign in now.", called(&made.User))
				}
				return v.told(made, "%s can sign in now. The password is shown this once:\n\n    %s\n", called(&made.User), made.Password)
			})
		}}
	n.flags(cmd, at)
	cmd.Flags().BoolVar(&n.stdin, "password-stdin", false, "read the password from the standard input, one line")
	return cmd
}

func readPassword(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("there is no password on the standard input")
	}
	return line, nil
}

func inviteUserCmd(at *desk) *cobra.Command {
	var n newcomer
	cmd := &cobra.Command{Use: "invite LOGIN", Short: "Make a link with which a person chooses a password, once", Args: oneArg,
		Long: "Make a link with which a person chooses a password: once, within 72 hours. The person is made if they are\n" +
			"not there; for somebody who is, the link sets a new password. No mail is sent: copy the link. An earlier\n" +
			"link for the same person stops working.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.invite(ctx, args[0], n) })
		}}
	n.flags(cmd, at)
	return cmd
}

func (v *visit) invite(ctx context.Context, login string, n newcomer) error {
	var link *api.Invitation
	u, err := v.UserByLogin(ctx, n.Provider, login)
	switch {
	case api.IsNotFound(err):
		n.Login, n.Invite = login, true
		made, err := v.AddUser(ctx, n.NewUser, v.at.reason)
		if err != nil {
			return err
		}
		u, link = &made.User, made.Invitation
	case err != nil:
		return err
	case n.Name != "" || n.Email != "" || n.EmailVerified || len(n.Groups) > 0:
		return fmt.Errorf("%s is there already: --name, --email and --group are for new people", called(u))
	case u.Disabled:
		return fmt.Errorf("%s is disabled: handstamp users enable %s comes first", called(u), called(u))
	default:
		if link, err = v.Invite(ctx, u.Sub, v.at.reason); err != nil {
			return err
		}
	}
	return v.told(map[string]any{"login": called(u), "sub": u.Sub, "link": link.Link, "expires": link.ExpiresAt.Format(time.RFC3339)},
		"Send this link to %s. It sets a password once, until %s:\n\n    %s\n", called(u), link.ExpiresAt.Local().Format("Mon 2 Jan 15:04"), link.Link)
}

func passwordUserCmd(at *desk) *cobra.Command {
	var o one
	var stdin bool
	cmd := &cobra.Command{Use: "password LOGIN", Short: "Give a person a new password; their sessions and refresh tokens end",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, o.provider)
				if err != nil {
					return err
				}
				var in api.NewPassword
				if stdin {
					if in.Password, err = readPassword(cmd.InOrStdin()); err != nil {
						return err
					}
				}
				out, err := v.SetPassword(ctx, u.Sub, in, v.at.reason)
				if err != nil {
					return err
				}
				facts := map[string]any{"login": called(u), "sub": u.Sub}
				if out.Password == "" {
					return v.told(facts, "%s has the new password.", called(u))
				}
				facts["password"] = out.Password
				return v.told(facts, "The new password of %s is shown this once:\n\n    %s\n", called(u), out.Password)
			})
		}}
	o.add(cmd, at)
	o.local(cmd, at)
	at.reasons(cmd)
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the standard input, one line, instead of drawing one")
	return cmd
}

func totpUserCmd(at *desk) *cobra.Command {
	var o one
	var off bool
	cmd := &cobra.Command{Use: "totp LOGIN", Short: "Give a person a second factor (an authenticator app), or take it away",
		Long: "Give a person a second factor: a new secret for an authenticator app, shown this once. From now on they are\n" +
			"asked for a code after the password, and the password grant refuses them. With --off, take it away.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, o.provider)
				if err != nil {
					return err
				}
				if off {
					if err := v.DropSecondFactor(ctx, u.Sub, v.at.reason); err != nil {
						return err
					}
					return v.told(map[string]any{"login": called(u), "second_factor": false}, "%s signs in with the password alone.", called(u))
				}
				out, err := v.SetSecondFactor(ctx, u.Sub, v.at.reason)
				if err != nil {
					return err
				}
				return v.told(map[string]any{"login": called(u), "second_factor": true, "secret": out.Secret, "link": out.Link},
					"Put this into the authenticator app of %s. It is shown this once:\n\n    secret  %s\n    link    %s\n", called(u), out.Secret, out.Link)
			})
		}}
	o.add(cmd, at)
	o.local(cmd, at)
	at.reasons(cmd)
	cmd.Flags().BoolVar(&off, "off", false, "take the second factor away")
	return cmd
}

func importUsersCmd(at *desk) *cobra.Command {
	var dry bool
	var provider string
	cmd := &cobra.Command{Use: "import FILE", Short: "Take over people and their password hashes from another system", Args: oneArg,
		Long: "Take over people with their password hashes, from CSV with a header or from JSON, one object a line.\n\n" +
			"  username, hash             needed\n" +
			"  name, email, email_verified, groups, disabled, totp\n\n" +
			"Hashes: argon2id and argon2i (PHC), bcrypt, PBKDF2 with sha256 or sha512 as Django, Passlib and Keycloak write\n" +
			"them. People sign in with the password they have, which is then hashed anew with argon2id. In CSV, groups are\n" +
			"separated by semicolons. Lines of JSON may be users of a Keycloak export (jq -c '.users[]' realm.json).\n\n" +
			"If anything is wrong, every line is named and nothing is imported.",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("%s: the file of people cannot be read: %w", oneLine(args[0]), errors.Unwrap(err))
			}
			defer f.Close()
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				out, err := v.ImportUsers(ctx, provider, f, dry, v.at.reason)
				var wrong *api.Problem
				if errors.As(err, &wrong) && api.IsInvalid(err) && len(wrong.Problems) > 0 {
					return v.refuse(args[0], wrong)
				}
				switch {
				case err != nil:
					return err
				case dry:
					return v.told(out, "%s is good: %s. Nothing was imported.", args[0], peopleCount(out.People))
				}
				return v.told(out, "%s can sign in now.", peopleCount(out.Imported))
			})
		}}
	cmd.Flags().StringVar(&provider, "provider", "", "slug of the provider of kind local (default: the only one)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only check the file")
	at.reasons(cmd)
	completes(cmd, "provider", at.providerSlugs)
	return cmd
}

func peopleCount(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// refuse tells what is wrong with each line, as compilers do.
func (v *visit) refuse(file string, wrong *api.Problem) error {
	type lineProblem struct {
		Line    int    `json:"line"`
		Message string `json:"message"`
	}
	told := []lineProblem{}
	p := &printer{out: v.out}
	for _, one := range wrong.Problems {
		n, err := strconv.Atoi(strings.TrimPrefix(one.Path, "line "))
		if err != nil {
			return wrong // it is not about lines
		}
		told = append(told, lineProblem{n, one.Message})
	}
	if v.json {
		return errors.Join(printJSON(v.out, map[string]any{"imported": 0, "problems": told}), exitCode(1))
	}
	for _, one := range told {
		p.line("%s:%d: %s", file, one.Line, oneLine(one.Message))
	}
	if _, more, is := strings.Cut(wrong.Detail, "; "); is {
		p.line("… %s", oneLine(more))
	}
	p.line("Nothing was imported: %s.", count(len(told), "problem"))
	return errors.Join(p.err, exitCode(1))
}
