package main

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

// told says a sentence to people, or the facts to programs.
func (v *visit) told(facts any, format string, args ...any) error {
	if v.json {
		return v.answer(facts, nil)
	}
	return v.say(format, args...)
}

// Completion asks the house, where one answers, and says nothing where none does: a shell
// that completes must neither wait nor complain.

// clientIDs completes the id of an app.
func (d *desk) clientIDs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return d.names(cmd, func(ctx context.Context, c *api.Client) (names []string, err error) {
		page, err := c.Clients(ctx, "", api.ListOptions{Limit: 200})
		if err != nil {
			return nil, err
		}
		for _, one := range page.Items {
			names = append(names, one.ID)
		}
		return names, nil
	})
}

// providerSlugs completes the slug of a provider.
func (d *desk) providerSlugs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return d.names(cmd, func(ctx context.Context, c *api.Client) (names []string, err error) {
		page, err := c.Providers(ctx, api.ListOptions{Limit: 200})
		if err != nil {
			return nil, err
		}
		for _, one := range page.Items {
			names = append(names, one.Slug)
		}
		return names, nil
	})
}

// references completes the reference of a login that did not go well.
func (d *desk) references(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return d.names(cmd, func(ctx context.Context, c *api.Client) (names []string, err error) {
		page, err := c.Logins(ctx, api.LoginFilter{ListOptions: api.ListOptions{Limit: 50}})
		if err != nil {
			return nil, err
		}
		for _, one := range page.Items {
			names = append(names, one.Reference+"\t"+outcomes[one.Outcome]+": "+oneLine(one.Person)+" at "+oneLine(one.Client))
		}
		return names, nil
	})
}

// people completes whom a verb is about.
func (d *desk) people(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return d.names(cmd, func(ctx context.Context, c *api.Client) (names []string, err error) {
		page, err := c.Users(ctx, api.UserFilter{ListOptions: api.ListOptions{Limit: 100}})
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			names = append(names, called(&page.Items[i]))
		}
		return names, nil
	})
}

// answering is the way to a house that somebody keeps open; no other is gone.
func (d *desk) answering(ctx context.Context) (*api.Client, func() error, error) {
	if d.url == "" {
		socket, err := d.findSocket()
		if err != nil {
			return nil, nil, err
		}
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", socket)
		if err == nil {
			err = c.Close()
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return d.reach(ctx, io.Discard, false)
}

func (d *desk) names(cmd *cobra.Command, list func(context.Context, *api.Client) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	client, leave, err := d.answering(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := list(ctx, client)
	if err = errors.Join(err, leave()); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
