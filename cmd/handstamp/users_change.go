package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func disableUserCmd(at *desk) *cobra.Command {
	return switchUserCmd(at, "disable", "Turn a person away at once: sign-ins, sessions and refresh tokens end", true)
}

func enableUserCmd(at *desk) *cobra.Command {
	return switchUserCmd(at, "enable", "Let a person sign in again; what ended stays ended", false)
}

func switchUserCmd(at *desk, verb, short string, disabled bool) *cobra.Command {
	var o one
	var force bool
	cmd := &cobra.Command{Use: verb + " PERSON | --sub SUB", Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, o.provider)
				if err != nil {
					return err
				}
				if _, err := v.SwitchUser(ctx, u.Sub, disabled, v.at.reason, force); err != nil {
					return err
				}
				name := called(u)
				if o.sub != "" {
					name = o.sub
				}
				return v.told(map[string]any{"sub": u.Sub, "disabled": disabled}, "%s is %sd.", name, verb)
			})
		}}
	o.add(cmd, at)
	o.local(cmd, at)
	at.reasons(cmd)
	if disabled {
		cmd.Flags().BoolVar(&force, "force", false, "even the last owner")
	}
	return cmd
}

// local adds the flag that tells providers of kind local apart.
func (o *one) local(cmd *cobra.Command, at *desk) {
	cmd.Flags().StringVar(&o.provider, "provider", "", "slug of the provider of kind local (default: the only one)")
	completes(cmd, "provider", at.providerSlugs)
}

func exportUserCmd(at *desk) *cobra.Command {
	var o one
	cmd := &cobra.Command{Use: "export PERSON", Short: "Write everything that is kept about a person, as JSON",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, "")
				if err != nil {
					return err
				}
				all, err := v.ExportUser(ctx, u.Sub, v.at.reason)
				if err != nil {
					return err
				}
				return printJSON(v.out, all)
			})
		}}
	o.add(cmd, at)
	at.reasons(cmd)
	return cmd
}

func eraseUserCmd(at *desk) *cobra.Command {
	var o one
	var yes, force bool
	cmd := &cobra.Command{Use: "erase PERSON --yes", Short: "Remove a person and everything personal about them, for good",
		Long: "Remove a person and everything personal about them, for good. The audit keeps what was done, by ids.\n" +
			"If they come back they are somebody new.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, err := v.person(ctx, args, o.sub, "")
				if err != nil {
					return err
				}
				if !yes {
					return errors.New(called(u) + " would be gone for good: say --yes if that is meant (handstamp users disable turns them away and can be undone)")
				}
				if err := v.EraseUser(ctx, u.Sub, v.at.reason, force); err != nil {
					return err
				}
				return v.told(map[string]any{"sub": u.Sub, "erased": true}, "%s is erased.", called(u))
			})
		}}
	o.add(cmd, at)
	cmd.Flags().BoolVar(&yes, "yes", false, "this is meant")
	cmd.Flags().BoolVar(&force, "force", false, "even the last owner")
	at.reasons(cmd)
	return cmd
}
