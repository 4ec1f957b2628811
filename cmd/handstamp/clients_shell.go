package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func listClientsCmd(at *desk) *cobra.Command {
	var q string
	cmd := &cobra.Command{Use: "list", Short: "List apps and machines", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				all, err := api.All(func(o api.ListOptions) (*api.Page[api.ClientInfo], error) { return v.Clients(ctx, q, o) })
				if err != nil || v.json {
					return v.answer(all, err)
				}
				t := v.table("CLIENT", "NAME", "SORT", "SCOPES", "REDIRECT URIS", "STATE")
				for _, c := range all {
					state := "active"
					if c.Disabled {
						state = "disabled"
					}
					t.row(c.ID, c.Name, sortOf(&c), strings.Join(append(c.Scopes, c.MachineScopes...), " "), strings.Join(c.RedirectURIs, " "), state)
				}
				return t.flush()
			})
		}}
	cmd.Flags().StringVar(&q, "q", "", "part of an id or name")
	return cmd
}

// sortOf says in a word what kind of client it is.
func sortOf(c *api.ClientInfo) string {
	switch {
	case c.Public:
		return "public"
	case len(c.RedirectURIs) == 0:
		return "machine"
	}
	return "app"
}

func showClientCmd(at *desk) *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show one client: its settings, and what they come to", Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				c, err := v.Client.Client(ctx, args[0])
				if err != nil || v.json {
					return v.answer(c, err)
				}
				return v.showClient(c)
			})
		}}
	cmd.ValidArgsFunction = at.clientIDs
	return cmd
}

func (v *visit) showClient(c *api.ClientInfo) error {
	p := &printer{out: v.out}
	list := func(name string, values []string) {
		if len(values) > 0 {
			p.line("  %-14s %s", name, oneLine(strings.Join(values, " ")))
		}
	}
	p.line("%s  %s", c.ID, oneLine(c.Name))
	p.line("  %-14s %s", "sort", sortOf(c))
	list("redirect URIs", c.RedirectURIs)
	list("scopes", c.Scopes)
	list("machine scopes", c.MachineScopes)
	if e := c.Effective; e != nil {
		p.line("  %-14s %s", "proves itself", cmp.Or(e.AuthMethod, "with a secret"))
		p.line("  %-14s %s", "PKCE", e.PKCE)
		list("grant types", e.GrantTypes)
		list("providers", e.Providers)
	}
	for _, source := range c.SecretSources {
		p.line("  %-14s %s  (%s)", "secret", api.SecretName(source), kindOfSecret(source))
	}
	return p.err
}

// kindOfSecret says where a secret lies.
func kindOfSecret(source string) string {
	if strings.HasPrefix(source, "sealed:") {
		return "kept here, as a digest"
	}
	return oneLine(source)
}

// base is the revision that a change is made from, and where that came from.
func (v *visit) base(ctx context.Context) (*api.Revision, error) {
	page, err := v.Revisions(ctx, api.ListOptions{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return &api.Revision{}, nil
	}
	return &page.Items[0], nil
}

// changing makes a change that does not depend on what else is in the directory: where
// somebody else was faster it is made again.
func (v *visit) changing(ctx context.Context, change func(api.ChangeOptions) (*api.Applied, error)) (applied *api.Applied, fromFile bool, err error) {
	for range 5 {
		base, err := v.base(ctx)
		if err != nil {
			return nil, false, err
		}
		applied, err = change(api.ChangeOptions{IfMatch: base.Number, Reason: v.at.reason})
		if !api.IsConflict(err) {
			return applied, strings.HasPrefix(base.Source, "file:"), err
		}
	}
	return nil, false, errors.New("others change the directory all the time: try again in a moment")
}

func (v *visit) newClient(ctx context.Context, o newClient) error {
	client, err := o.client()
	if err != nil {
		return err
	}
	client.Secrets = nil // the API draws it
	applied, fromFile, err := v.changing(ctx, func(c api.ChangeOptions) (*api.Applied, error) { return v.AddClient(ctx, client, c) })
	if err != nil || v.json {
		return v.answer(applied, err)
	}
	if len(applied.Secrets) == 0 {
		err = v.say("%s is there (revision %d).", client.ID, applied.Revision)
	} else {
		err = v.say("%s is there (revision %d). Its secret is shown this once:\n\n%s=%s\n", client.ID, applied.Revision, variable(client.ID), applied.Secrets[0].Secret)
	}
	if err == nil && fromFile {
		name := ""
		if !client.Public {
			name = variable(client.ID)
		}
		err = v.say("The directory comes from a settings file, which brings back what it says when it changes. Put this\nthere, too, under clients:\n")
		if err == nil {
			_, err = io.WriteString(v.out, clientLines(client, name))
		}
	}
	return err
}

func rotateSecretCmd(at *desk) *cobra.Command {
	cmd := &cobra.Command{Use: "rotate-secret ID", Short: "Give a client a new secret beside the one that it has", Args: oneArg,
		Long: "Give a client a new secret. Both are good until the older one is ended (handstamp clients end-secret), so that\n" +
			"nothing stands still meanwhile. Two can be live.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				applied, _, err := v.changing(ctx, func(c api.ChangeOptions) (*api.Applied, error) { return v.DrawSecret(ctx, args[0], c) })
				if err != nil || v.json {
					return v.answer(applied, err)
				}
				if len(applied.Secrets) == 0 {
					return errors.New("the answer has no secret")
				}
				return v.say("The new secret of %s is shown this once:\n\n%s=%s\n\nWhen the client uses it: handstamp clients end-secret %s", args[0], variable(args[0]), applied.Secrets[0].Secret, args[0])
			})
		}}
	at.reasons(cmd)
	cmd.ValidArgsFunction = at.clientIDs
	return cmd
}

func endSecretCmd(at *desk) *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "end-secret ID", Short: "End the older of a client's two secrets, or the one that is named", Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				gone := name
				if gone == "" {
					c, err := v.Client.Client(ctx, args[0])
					if err != nil {
						return err
					}
					if len(c.SecretSources) < 2 {
						return fmt.Errorf("%s has only one secret, and could not sign in without it: handstamp clients rotate-secret %s comes first", c.ID, c.ID)
					}
					gone = api.SecretName(c.SecretSources[0])
				}
				applied, _, err := v.changing(ctx, func(c api.ChangeOptions) (*api.Applied, error) { return v.EndSecret(ctx, args[0], gone, c) })
				if err != nil || v.json {
					return v.answer(applied, err)
				}
				return v.say("The secret %s of %s has ended.", gone, cmp.Or(args[0], "the client"))
			})
		}}
	cmd.Flags().StringVar(&name, "secret", "", "its name, as handstamp clients show tells (default: the older of two)")
	at.reasons(cmd)
	cmd.ValidArgsFunction = at.clientIDs
	return cmd
}
