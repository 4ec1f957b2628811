package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func keysCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "keys", Short: "Look at the keys that sign tokens, and move them on"}
	at.flags(cmd)
	cmd.AddCommand(listKeysCmd(at), rotateKeysCmd(at))
	return cmd
}

func listKeysCmd(at *desk) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the signing keys", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				page, err := v.Keys(ctx)
				if err != nil {
					return err
				}
				return v.tellKeys(page)
			})
		}}
}

func (v *visit) tellKeys(page *api.Page[api.SigningKey]) error {
	if v.json {
		return printJSON(v.out, page.Items)
	}
	t := v.table("KEY", "ALG", "STATE", "MADE", "SIGNS FROM", "RETIRES", "GONE")
	for _, k := range page.Items {
		t.row(k.ID, k.Alg, k.State, moment(k.CreatedAt), maybe(k.ActiveAt), maybe(k.RetireAt), maybe(k.GoneAt))
	}
	return t.flush()
}

func maybe(t *time.Time) string {
	if t == nil {
		return ""
	}
	return moment(*t)
}

func rotateKeysCmd(at *desk) *cobra.Command {
	var in api.RotateRequest
	cmd := &cobra.Command{Use: "rotate", Short: "Begin to sign with new keys", Args: noArgs,
		Long: "Begin to sign with new keys. A new key is published first and signs when everybody has had the time to\n" +
			"learn of it; what the old one signed stays valid.\n\n" +
			"--now is for a key that leaked: the new one signs at once, and everything that the old one signed is void.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				page, err := v.RotateKeys(ctx, in, v.at.reason)
				if err != nil {
					return err
				}
				return v.tellKeys(page)
			})
		}}
	cmd.Flags().StringVar(&in.Alg, "alg", "", "only of this algorithm, such as RS256")
	cmd.Flags().BoolVar(&in.Now, "now", false, "a key leaked: drop the old ones with all that they signed")
	at.reasons(cmd)
	return cmd
}
