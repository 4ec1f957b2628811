package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func usersCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "users", Short: "Look after people: who they are, where they are signed in, what they may do",
		Long: "Look after people: who they are, where they are signed in, what they may do.\n\n" +
			"A person is named by login (who has a password here), e-mail address or sub, the name that apps and APIs see."}
	at.flags(cmd)
	cmd.AddCommand(listUsersCmd(at), showUserCmd(at), userSessionsCmd(at), userAccessCmd(at),
		disableUserCmd(at), enableUserCmd(at), signOutUserCmd(at), linkUserCmd(at), unlinkUserCmd(at), exportUserCmd(at), eraseUserCmd(at),
		newUserCmd(at), inviteUserCmd(at), passwordUserCmd(at), totpUserCmd(at), importUsersCmd(at))
	return cmd
}

// somebody accepts one name, or none where --sub says who.
func somebody(sub *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if *sub != "" {
			return noArgs(cmd, args)
		}
		return oneArg(cmd, args)
	}
}

// one names a person in a verb's flags.
type one struct{ sub, provider string }

func (o *one) add(cmd *cobra.Command, at *desk) {
	cmd.Args = somebody(&o.sub)
	cmd.ValidArgsFunction = at.people
	cmd.Flags().StringVar(&o.sub, "sub", "", "the person's sub, instead of a name")
}

// person finds who is meant: by sub, by login at a provider of kind local, or by e-mail
// address. Two people of one address are never guessed at.
func (v *visit) person(ctx context.Context, args []string, sub, provider string) (*api.User, error) {
	if sub != "" {
		u, err := v.User(ctx, sub)
		if api.IsNotFound(err) {
			return nil, fmt.Errorf("nobody has the sub %s", oneLine(sub))
		}
		return u, err
	}
	name := args[0]
	if !strings.Contains(name, "@") {
		if u, err := v.User(ctx, name); err == nil || !api.IsNotFound(err) {
			return u, err
		}
	}
	var fit []api.User
	switch u, err := v.UserByLogin(ctx, provider, name); {
	case err == nil && provider != "":
		return u, nil
	case err == nil:
		fit = append(fit, *u)
	case api.IsNotFound(err) && provider != "":
		return nil, fmt.Errorf("there is no %s at %s; handstamp users list shows who is there", oneLine(name), provider)
	case !api.IsNotFound(err) && !api.IsInvalid(err) || provider != "": // invalid: nobody has a password here
		return nil, err
	}
	if strings.Contains(name, "@") {
		all, err := upTo(1000, func(o api.ListOptions) (*api.Page[api.User], error) {
			return v.Users(ctx, api.UserFilter{ListOptions: o, Q: name})
		})
		if err != nil {
			return nil, err
		}
		for _, u := range all {
			if strings.EqualFold(u.Email, name) && (len(fit) == 0 || fit[0].Sub != u.Sub) {
				fit = append(fit, u)
			}
		}
	}
	switch len(fit) {
	case 0:
		return nil, fmt.Errorf("there is no %s; handstamp users list shows who is there", oneLine(name))
	case 1:
		return &fit[0], nil
	}
	var subs []string
	for _, u := range fit {
		subs = append(subs, u.Sub+" ("+strings.Join(u.Providers, ", ")+")")
	}
	return nil, fmt.Errorf("several people are called %s; say which with --sub: %s", oneLine(name), strings.Join(subs, "; "))
}

// called names a person in a sentence: as they sign in here, or as people know them.
func called(u *api.User) string {
	if u.Account != nil {
		return u.Account.Login
	}
	return oneLine(cmp.Or(u.Email, u.Name, u.Sub))
}

func must(err error) {
	if err != nil {
		panic(err) // what it is about stands a few lines above
	}
}

func listUsersCmd(at *desk) *cobra.Command {
	var f api.UserFilter
	var disabled bool
	limit := 100
	cmd := &cobra.Command{Use: "list", Short: "List people, the newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("disabled") {
				f.Disabled = &disabled
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.listUsers(ctx, f, limit) })
		}}
	cmd.Flags().StringVar(&f.Q, "q", "", "part of a name or address")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "only who is switched off (=false: only who is not)")
	cmd.Flags().IntVar(&limit, "limit", limit, "so many at most")
	return cmd
}

func (v *visit) listUsers(ctx context.Context, f api.UserFilter, limit int) error {
	all, err := upTo(limit, func(o api.ListOptions) (*api.Page[api.User], error) {
		f.ListOptions = o
		return v.Users(ctx, f)
	})
	if err != nil {
		return err
	}
	if v.json {
		return printJSON(v.out, all)
	}
	t := v.table("LOGIN", "STATE", "SECOND FACTOR", "LAST SIGN-IN", "NAME", "E-MAIL", "PROVIDERS", "ROLE", "SUB")
	for _, u := range all {
		login, factor, last := "", "", ""
		if u.Account != nil {
			login = u.Account.Login
			if u.Account.SecondFactor {
				factor = "TOTP"
			}
		}
		if !u.LastSignIn.IsZero() {
			last = u.LastSignIn.Format("2006-01-02")
		}
		t.row(login, stateOf(&u), factor, last, u.Name, address(&u), strings.Join(u.Providers, ", "), u.Role, u.Sub)
	}
	return t.flush()
}

func stateOf(u *api.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.Account != nil:
		return u.Account.State
	}
	return "active"
}

func address(u *api.User) string {
	verified := u.EmailVerified || u.Account != nil && u.Account.EmailVerified
	if u.Email == "" || verified {
		return u.Email
	}
	return u.Email + " (unverified)"
}

func showUserCmd(at *desk) *cobra.Command {
	var o one
	cmd := &cobra.Command{Use: "show PERSON", Short: "Tell about one person: how they are known, and by what",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.showUser(ctx, args, o) })
		}}
	o.add(cmd, at)
	return cmd
}

func (v *visit) showUser(ctx context.Context, args []string, o one) error {
	u, err := v.person(ctx, args, o.sub, "")
	if err != nil {
		return err
	}
	identities, err := v.Identities(ctx, u.Sub)
	if err != nil {
		return err
	}
	if v.json {
		return printJSON(v.out, struct {
			*api.User
			Identities []api.Identity `json:"identities"`
		}{u, identities.Items})
	}
	p := &printer{out: v.out}
	p.line("%s", oneLine(cmp.Or(personOf(u.Name, u.Email), u.Sub)))
	p.line("  sub        %s", u.Sub)
	p.line("  state      %s", stateOf(u))
	if u.Account != nil {
		p.line("  login      %s at %s", u.Account.Login, u.Account.Provider)
		p.line("  groups     %s", cmp.Or(oneLine(strings.Join(u.Account.Groups, ", ")), "none"))
	}
	if u.Role != "" {
		p.line("  role       %s", u.Role)
	}
	p.line("  here since %s", moment(u.CreatedAt))
	p.line("")
	for _, i := range identities.Items {
		p.line("%s  %s", i.Provider, oneLine(i.Subject))
		if !i.ClaimsAt.IsZero() {
			p.line("  last seen  %s", moment(i.ClaimsAt))
		}
		if i.Role != "" {
			p.line("  role       %s", i.Role)
		}
	}
	return p.err
}
