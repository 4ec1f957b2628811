package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func loginsCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "logins", Short: "Look at who signed in, and find out why somebody could not"}
	at.flags(cmd)
	cmd.AddCommand(listLoginsCmd(at), showLoginCmd(at))
	return cmd
}

func listLoginsCmd(at *desk) *cobra.Command {
	var f api.LoginFilter
	var since ago
	cmd := &cobra.Command{Use: "list", Short: "List recent logins, the newest first", Args: noArgs,
		Example: "  handstamp logins list --outcome refused --since 2h\n  handstamp logins list --q alice@example.com",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				if since > 0 {
					f.Since = time.Now().Add(-time.Duration(since))
				}
				return v.listLogins(ctx, f)
			})
		}}
	flags := cmd.Flags()
	flags.StringVar(&f.Client, "client", "", "only of this app")
	flags.StringVar(&f.Provider, "provider", "", "only by this provider")
	flags.StringVar(&f.Outcome, "outcome", "", "only signed_in, refused, failed, abandoned or test")
	flags.StringVar(&f.User, "user", "", "only of the person with this sub")
	flags.StringVar(&f.Q, "q", "", "part of the name or address, or the beginning of a reference")
	flags.Var(&since, "since", "only of so long ago, such as 24h or 7d")
	flags.IntVar(&f.Limit, "limit", 50, "so many at most")
	completes(cmd, "outcome", fixed("signed_in", "refused", "failed", "abandoned", "test"))
	completes(cmd, "client", at.clientIDs)
	completes(cmd, "provider", at.providerSlugs)
	return cmd
}

func (v *visit) listLogins(ctx context.Context, f api.LoginFilter) error {
	all, err := upTo(f.Limit, func(o api.ListOptions) (*api.Page[api.Login], error) {
		f.ListOptions = o
		return v.Logins(ctx, f)
	})
	if err != nil {
		return err
	}
	if v.json {
		return printJSON(v.out, all)
	}
	t := v.table("REFERENCE", "WHEN", "OUTCOME", "PERSON", "PROVIDER", "APP", "WHY")
	for _, l := range all {
		t.row(l.Reference, moment(l.At), l.Outcome, cmp.Or(l.Person, l.Subject), l.Provider, l.Client, shortly(l))
	}
	return t.flush()
}

// shortly is why a login did not go well, for a column.
func shortly(l api.Login) string {
	if l.Rule != "" {
		return "rule " + l.Rule
	}
	if l.Outcome == "signed_in" {
		return ""
	}
	return cmp.Or(l.Cause, l.Code)
}

func showLoginCmd(at *desk) *cobra.Command {
	cmd := &cobra.Command{Use: "show REFERENCE", Short: "Tell the story of one login, and what would help", Args: oneArg,
		Long: "Tell the story of one login: each step, what the provider said, which rules spoke, what was refused and why,\n" +
			"and what would probably help. The reference stands on the error page, in the log, and in what the app was told.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				l, err := v.Login(ctx, args[0])
				if err != nil {
					return err
				}
				if v.json {
					return printJSON(v.out, l)
				}
				return tellLogin(v.out, l)
			})
		}}
	cmd.ValidArgsFunction = at.references
	return cmd
}

// tellLogin is the story for people.
func tellLogin(out io.Writer, l *api.Login) error {
	p := &printer{out: out}
	p.line("%s  %s", l.Reference, outcomes[l.Outcome])
	p.line("  when      %s, took %d ms", moment(l.At), l.TookMS)
	p.line("  person    %s", cmp.Or(oneLine(l.Person), "unknown"))
	if l.Sub != "" {
		p.line("  sub       %s", l.Sub)
	}
	p.line("  app       %s", cmp.Or(oneLine(l.Client), "unknown"))
	p.line("  provider  %s", cmp.Or(l.Provider, "none was chosen"))
	if l.IP != "" || l.Device != "" {
		p.line("  from      %s", oneLine(l.IP+"  "+l.Device))
	}
	if l.Revision > 0 {
		p.line("  revision  %d", l.Revision)
	}
	p.line("")
	for _, s := range l.Steps {
		p.line("  %6d ms  %s", s.AfterMS, oneLine(s.Says))
	}
	if len(l.Trace) > 0 {
		p.line("")
		p.line("Rules:")
		for i, step := range l.Trace {
			p.step(i, step, nil)
		}
	}
	p.line("")
	switch {
	case l.Outcome == "signed_in":
		p.line("SIGNED IN")
		p.line("  roles     %s", listOr(l.Roles, "none"))
		p.line("  scopes    %s", listOr(l.Scopes, "none"))
	case l.Code != "":
		p.line("%s", oneLine(l.Code+": "+cmp.Or(l.Cause, "no reason was kept")))
	}
	if l.Fix != nil {
		p.line("")
		p.line("What would help: %s", oneLine(l.Fix.Says))
		if l.Fix.Command != "" {
			p.line("  %s", oneLine(l.Fix.Command))
		}
	}
	return p.err
}

// outcomes are words for people.
var outcomes = map[string]string{"signed_in": "signed in", "refused": "was refused", "failed": "failed", "abandoned": "was abandoned", "test": "was a test sign-in"}

// upTo reads pages until there are so many items.
func upTo[T any](limit int, list func(api.ListOptions) (*api.Page[T], error)) ([]T, error) {
	if err := atLeastOne(limit); err != nil {
		return nil, err
	}
	all := []T{}
	o := api.ListOptions{Limit: min(limit, 200)}
	for {
		page, err := list(o)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if o.Cursor = page.Next; o.Cursor == "" || len(all) >= limit {
			return all[:min(len(all), limit)], nil
		}
	}
}

// fixed completes one of a few words.
func fixed(words ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func completes(cmd *cobra.Command, flag string, by cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, by); err != nil {
		panic(fmt.Sprint("complete ", flag, ": ", err)) // the flag was defined a few lines above
	}
}
