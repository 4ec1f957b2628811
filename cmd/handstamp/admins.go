package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func adminCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "admin", Short: "Say who administers, and get in when nobody can",
		Long: "Say who administers, and get in when nobody can.\n\n" +
			"An administrator is an identity of one provider, by name: an owner may do everything, an editor changes the\n" +
			"directory and people, a viewer looks. No rule and no group makes anybody one."}
	at.flags(cmd)
	cmd.AddCommand(adminLinkCmd(at), listAdminsCmd(at), setAdminCmd(at), removeAdminCmd(at))
	return cmd
}

func adminLinkCmd(at *desk) *cobra.Command {
	var revoke bool
	cmd := &cobra.Command{Use: "link", Short: "Make a link that lets its holder in as an owner, once", Args: noArgs,
		Long: "Make a link that lets its holder into the console as an owner: once, within ten minutes, for half an hour.\n" +
			"It needs no provider, so it works when every one of them is broken, and while there is no owner yet.\n" +
			"Making and taking it are audited.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				if revoke {
					ended, err := v.RevokeAdminLinks(ctx, v.at.reason)
					if err != nil {
						return err
					}
					return v.told(ended, "%s ended, used or not.", count(ended.Sessions, "link"))
				}
				link, err := v.NewAdminLink(ctx, v.at.reason)
				if err != nil {
					return err
				}
				if err := v.told(link, "Open this within ten minutes. It works once, and makes you an owner for half an hour:\n\n    %s\n", link.Link); err != nil || v.json || !silent(ctx, link.Link) {
					return err
				}
				return v.say("Nobody answers there now: start the server (handstamp serve) before that.")
			})
		}}
	cmd.Flags().BoolVar(&revoke, "revoke", false, "end every link instead, and the sessions that came of one")
	at.reasons(cmd)
	return cmd
}

// silent tells whether an address of this very machine is one where nobody listens. Of
// others it cannot be told from here.
func silent(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() || u.Port() == "" {
		return false
	}
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", u.Host)
	return err != nil || c.Close() != nil
}

func listAdminsCmd(at *desk) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List who administers", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				page, err := v.Admins(ctx)
				if err != nil {
					return err
				}
				if v.json {
					return printJSON(v.out, page.Items)
				}
				if len(page.Items) == 0 {
					return v.told(nil, "There are no administrators. handstamp admin link lets you in as an owner; handstamp admin set makes one.")
				}
				t := v.table("ROLE", "PERSON", "PROVIDER", "SUBJECT", "SINCE", "BY", "STATE")
				for _, a := range page.Items {
					state := "active"
					if a.Disabled {
						state = "cannot sign in"
					}
					t.row(a.Role, personOf(a.Name, a.Email), a.Provider, a.Subject, moment(a.CreatedAt), a.CreatedBy, state)
				}
				return t.flush()
			})
		}}
}

// personOf names a person: Alice <alice@example.com>.
func personOf(name, email string) string {
	if name != "" && email != "" {
		return name + " <" + email + ">"
	}
	return name + email
}

// identityFlags pick one of the ways in which a person is known.
type identityFlags struct {
	sub, provider, subject string
}

func (f *identityFlags) add(cmd *cobra.Command, at *desk) {
	cmd.ValidArgsFunction = at.people
	cmd.Flags().StringVar(&f.sub, "sub", "", "the person's sub, instead of a name")
	cmd.Flags().StringVar(&f.provider, "provider", "", "the identity at this provider, where the person has several")
	cmd.Flags().StringVar(&f.subject, "subject", "", "the identity with this subject at the provider, where even that is not enough")
	completes(cmd, "provider", at.providerSlugs)
}

// identity finds the one that is meant.
func (v *visit) identity(ctx context.Context, args []string, f identityFlags) (*api.User, *api.Identity, error) {
	u, err := v.person(ctx, args, f.sub, "")
	if err != nil {
		return nil, nil, err
	}
	page, err := v.Identities(ctx, u.Sub)
	if err != nil {
		return nil, nil, err
	}
	var fit []api.Identity
	var all []string
	for _, i := range page.Items {
		all = append(all, "--provider "+i.Provider+" --subject "+i.Subject)
		if (f.provider == "" || i.Provider == f.provider) && (f.subject == "" || i.Subject == f.subject) {
			fit = append(fit, i)
		}
	}
	switch len(fit) {
	case 1:
		return u, &fit[0], nil
	case 0:
		return nil, nil, fmt.Errorf("this person has no such identity; there is %s", strings.Join(all, ", "))
	}
	return nil, nil, fmt.Errorf("this person has several identities; say which: %s", strings.Join(all, ", "))
}

func setAdminCmd(at *desk) *cobra.Command {
	var f identityFlags
	var role string
	var force bool
	cmd := &cobra.Command{Use: "set PERSON --role ROLE", Short: "Make somebody an owner, editor or viewer", Args: somebody(&f.sub),
		Long: "Make somebody an owner, editor or viewer. The person is named by login, e-mail address or sub, and has signed\n" +
			"in at least once, for example at the issuer's /account. The role is bound to one identity: whoever signs in\n" +
			"by another provider does not have it.",
		Example: "  handstamp admin set alice@example.com --role owner",
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, i, err := v.identity(ctx, args, f)
				if err != nil {
					return err
				}
				if err := v.SetAdmin(ctx, i.Provider, i.Subject, role, v.at.reason, force); err != nil {
					return err
				}
				return v.told(map[string]any{"sub": u.Sub, "provider": i.Provider, "role": role}, "%s is %s now, by %s.", called(u), article(role), i.Provider)
			})
		}}
	f.add(cmd, at)
	cmd.Flags().StringVar(&role, "role", "", "owner, editor or viewer")
	cmd.Flags().BoolVar(&force, "force", false, "even if there is no owner afterwards")
	at.reasons(cmd)
	must(cmd.MarkFlagRequired("role"))
	completes(cmd, "role", fixed("owner", "editor", "viewer"))
	return cmd
}

func article(role string) string {
	if role == "owner" || role == "editor" {
		return "an " + role
	}
	return "a " + role
}

func removeAdminCmd(at *desk) *cobra.Command {
	var f identityFlags
	var force bool
	cmd := &cobra.Command{Use: "remove PERSON", Short: "Take somebody's role away, at once", Args: somebody(&f.sub),
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				u, i, err := v.identity(ctx, args, f)
				if err != nil {
					return err
				}
				if err := v.RemoveAdmin(ctx, i.Provider, i.Subject, v.at.reason, force); err != nil {
					if api.IsKind(err, api.LastOwner) {
						return errors.New("they are the last owner who can sign in: make another one first (handstamp admin set), or use --force and come back in with handstamp admin link")
					}
					return err
				}
				return v.told(map[string]any{"sub": u.Sub, "provider": i.Provider, "role": ""}, "%s has no role any more.", called(u))
			})
		}}
	f.add(cmd, at)
	cmd.Flags().BoolVar(&force, "force", false, "even if there is no owner afterwards")
	at.reasons(cmd)
	return cmd
}
