package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func restoredCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "restored", Short: "Make a database that came from a backup or a replica safe to use", Args: noArgs,
		Long: "Make a database that came from a backup, or from a replica that was promoted, safe to use. What was signed out,\n" +
			"revoked or used up since then would work again, so everything ends in one step: sessions, refresh tokens,\n" +
			"codes, invitations and admin links, and the signing keys with all that they signed. People sign in again;\n" +
			"they, their consents and the directory stay as the backup has them.\n\n" +
			"Run it after the database is in place and before the server starts; where one runs already, it is told.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if at.url != "" {
				return errors.New("this verb has no --url: run it where the settings file is (handstamp restored -c FILE)")
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				r, err := v.Restored(ctx, v.at.reason)
				if err != nil || v.json {
					return v.answer(r, err)
				}
				if err := v.say("Ended: %s, %s, %s, %s, %s. Every signing key is new, and what the old ones signed is void.", count(int(r.Sessions), "session"),
					count(int(r.RefreshTokens), "refresh token"), count(int(r.Codes), "code"), count(int(r.Invitations), "invitation"), count(int(r.AdminLinks), "admin link")); err != nil {
					return err
				}
				if r.Newest == nil {
					return nil
				}
				return v.say("The newest row that the audit had is of %s. What was changed after the backup (people disabled or erased, apps, rules, roles) is as it was before: do it again.",
					moment(*r.Newest))
			})
		}}
	at.flags(cmd)
	at.reasons(cmd)
	return cmd
}
