package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/providers/persona"
)

// pretenders are the personas that can stand alone, by name.
var pretenders = map[string]func(persona.Options) *persona.Persona{
	persona.KindGoogle: persona.Google, persona.KindOkta: persona.Okta, persona.KindOktaOrg: persona.OktaOrg, persona.KindAuth0: persona.Auth0,
}

func oneKind(cmd *cobra.Command, args []string) error {
	if err := oneArg(cmd, args); err != nil {
		return err
	}
	if !slices.Contains(cmd.ValidArgs, args[0]) {
		return fmt.Errorf("nobody here pretends to be %q: it is one of %s", args[0], strings.Join(cmd.ValidArgs, " "))
	}
	return nil
}

func pretendCmd() *cobra.Command {
	var o persona.Options
	var listen string
	cmd := &cobra.Command{Use: "pretend KIND", Short: "Run a pretend Google, Okta or Auth0 on this machine, to try things out", ValidArgs: []string{"google", "okta", "okta-org", "auth0"},
		Args: oneKind,
		Long: "Run a pretend Google, Okta or Auth0: a complete OpenID Provider with the paths, claims and quirks of the real one\n" +
			"and a few people to sign in as. Whoever presses a button is signed in, so it listens on loopback only.",
		Example: "  handstamp pretend google --client-id try --client-secret try-it --redirect-uri http://127.0.0.1:8080/callback/google",
		RunE: func(cmd *cobra.Command, args []string) error {
			return pretend(cmd.Context(), args[0], listen, o, cmd.OutOrStdout())
		}}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:4100", "where to listen: an address of this machine only")
	f.StringVar(&o.ClientID, "client-id", "handstamp", "the one client that it knows")
	f.StringVar(&o.ClientSecret, "client-secret", "", "that client's secret")
	f.StringSliceVar(&o.RedirectURIs, "redirect-uri", nil, "where the client may have people sent back to")
	for _, required := range []string{"client-secret", "redirect-uri"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err) // the flag was defined a few lines above
		}
	}
	return cmd
}

// pretend serves a persona until ctx ends.
func pretend(ctx context.Context, kind, listen string, o persona.Options, out io.Writer) error {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return errors.New("--listen: a pretend provider signs in whoever presses a button: give it an address of this machine, such as 127.0.0.1:4100")
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	o.Issuer = "http://" + l.Addr().String()
	p := pretenders[kind](o)
	var people []string
	for _, u := range p.Users() {
		people = append(people, u.ID)
	}
	slices.Sort(people)
	fmt.Fprintf(out, "issuer  %s\npeople  %s\n", p.Issuer(), strings.Join(people, " "))
	srv := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
