package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func userSessionsCmd(at *desk) *cobra.Command {
	var o one
	cmd := &cobra.Command{Use: "sessions PERSON", Short: "List where a person is signed in",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, "")
				if err != nil {
					return err
				}
				page, err := v.Sessions(ctx, u.Sub)
				if err != nil {
					return err
				}
				if v.json {
					return printJSON(v.out, page.Items)
				}
				t := v.table("SESSION", "PROVIDER", "DEVICE", "FROM", "SINCE", "LAST SEEN")
				for _, s := range page.Items {
					t.row(s.SID, s.Provider, s.Device, s.IP, moment(s.CreatedAt), moment(s.LastSeen))
				}
				return t.flush()
			})
		}}
	o.add(cmd, at)
	return cmd
}

func userAccessCmd(at *desk) *cobra.Command {
	var o one
	var client string
	cmd := &cobra.Command{Use: "access PERSON", Short: "Tell what a person may do at each app, and why",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, "")
				if err != nil {
					return err
				}
				page, err := v.AccessAt(ctx, u.Sub, client)
				if err != nil {
					return err
				}
				if v.json {
					return printJSON(v.out, page.Items)
				}
				return tellAccess(&printer{out: v.out}, page.Items)
			})
		}}
	o.add(cmd, at)
	cmd.Flags().StringVar(&client, "client", "", "only at this app")
	completes(cmd, "client", at.clientIDs)
	return cmd
}

func tellAccess(p *printer, all []api.Access) error {
	for _, a := range all {
		p.line("%s  (%s)", oneLine(a.Name), a.Client)
		switch {
		case a.Today == nil:
			p.line("  today   %s", oneLine(a.Unjudged))
		case !a.Today.Admitted:
			p.line("  today   not admitted: %s", oneLine(a.Today.Refusal.ForOperator))
		default:
			p.line("  today   roles %s; scopes %s", listOr(a.Today.Decision.Roles, "none"), listOr(a.Today.Scopes, "none"))
			for _, step := range a.Today.Decision.Trace {
				if step.Matched && !step.Deny {
					p.line("          by the rule %s: %s", oneLine(step.Rule), gives(step))
				}
			}
		}
		for _, h := range a.Holds {
			kind := "until sign-out"
			if h.Offline {
				kind = "also after sign-out"
			}
			p.line("  holds   %s, %s, last used %s, from %s", listOr(h.Scopes, "no scope"), kind, moment(h.LastUsed), oneLine(cmp.Or(h.Device, h.IP, "somewhere")))
		}
		for _, c := range a.Consents {
			p.line("  agreed  %s at %s, %s", listOr(c.Scopes, "no scope"), oneLine(c.RedirectHost), moment(c.UpdatedAt))
		}
	}
	return p.err
}

func signOutUserCmd(at *desk) *cobra.Command {
	var o one
	var sid string
	var apps bool
	cmd := &cobra.Command{Use: "sign-out PERSON", Short: "Sign a person out everywhere, or of one session",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, "")
				if err != nil {
					return err
				}
				if sid != "" {
					if err := v.EndSession(ctx, u.Sub, sid, v.at.reason); err != nil {
						return err
					}
					return v.told(api.Ended{Sessions: 1}, "The session of %s has ended.", called(u))
				}
				ended, err := v.SignOut(ctx, u.Sub, apps, v.at.reason)
				if err != nil {
					return err
				}
				return v.told(ended, "%s is signed out: %s ended.", called(u), count(ended.Sessions, "session"))
			})
		}}
	o.add(cmd, at)
	cmd.Flags().StringVar(&sid, "session", "", "only this one (see handstamp users sessions)")
	cmd.Flags().BoolVar(&apps, "apps", false, "also from apps that come back without the person (offline_access)")
	at.reasons(cmd)
	return cmd
}

func linkUserCmd(at *desk) *cobra.Command {
	var o one
	var provider, subject, from string
	cmd := &cobra.Command{Use: "link PERSON --provider SLUG --subject SUBJECT", Short: "Give a person a way to sign in, for a provider that knows them by a new subject",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, "")
				if err != nil {
					return err
				}
				i, err := v.Link(ctx, u.Sub, provider, subject, from, v.at.reason)
				if err != nil {
					return err
				}
				return v.told(i, "Whoever %s calls %s is %s now.", i.Provider, oneLine(i.Subject), called(u))
			})
		}}
	o.add(cmd, at)
	cmd.Flags().StringVar(&provider, "provider", "", "the provider")
	cmd.Flags().StringVar(&subject, "subject", "", "what the provider calls them (sub), see handstamp logins show")
	cmd.Flags().StringVar(&from, "from", "", "the sub of the person who has it now and loses it")
	must(cmd.MarkFlagRequired("provider"))
	must(cmd.MarkFlagRequired("subject"))
	completes(cmd, "provider", at.providerSlugs)
	at.reasons(cmd)
	return cmd
}

func unlinkUserCmd(at *desk) *cobra.Command {
	var f identityFlags
	var force bool
	cmd := &cobra.Command{Use: "unlink PERSON --provider SLUG", Short: "Take a way to sign in from a person, with what rests on it", Args: somebody(&f.sub),
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, i, err := v.identity(ctx, args, f)
				if err != nil {
					return err
				}
				if err := v.Unlink(ctx, u.Sub, i.Provider, i.Subject, v.at.reason, force); err != nil {
					return err
				}
				return v.told(map[string]any{"sub": u.Sub, "provider": i.Provider, "subject": i.Subject}, "%s cannot sign in by %s any more.", called(u), i.Provider)
			})
		}}
	f.add(cmd, at)
	must(cmd.MarkFlagRequired("provider"))
	cmd.Flags().BoolVar(&force, "force", false, "even the last one of the person, or of the last owner")
	at.reasons(cmd)
	return cmd
}
