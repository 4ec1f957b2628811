package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/providers/persona"
)

// devHost is the broker's host name over https: browsers lead names below .localhost here.
const devHost = "broker.localhost"

// devOptions are the flags of `handstamp dev`.
type devOptions struct {
	port    int
	data    string
	tls     bool
	host    string
	walk    bool
	person  string
	at      string
	json    bool
	verbose bool
}

func devCmd() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{Use: "dev", Short: "Run everything on this machine, with pretend providers, a sample app and a sample API", Args: noArgs,
		Long: "Run everything on this machine: the broker, three pretend providers (Google, Okta, Auth0) with a few people each,\n" +
			"a sample web app, two single-page apps and a sample internal API. No account anywhere is needed, and nothing leaves the machine.\n\n" +
			"With --walk, play browser and app once, print every hop, and end: 0, or 1 naming the hop that failed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return dev(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}}
	f := cmd.Flags()
	f.IntVar(&o.port, "port", 5555, "port of the broker; all other parts take the next ones; 0 takes any free ones")
	f.StringVar(&o.data, "data", "", "folder to keep the database in (default: a temporary one, removed at the end)")
	f.BoolVar(&o.tls, "tls", false, "use https, with a certificate authority made for this run and a host name for each part")
	f.StringVar(&o.host, "host", devHost, "host name of the broker with --tls; app, api and all others become its siblings")
	f.BoolVar(&o.walk, "walk", false, "sign in once without a browser, print every hop, and end")
	f.StringVar(&o.person, "person", "alice", "with --walk: who signs in")
	f.StringVar(&o.at, "provider", "google", "with --walk: at which provider")
	f.BoolVar(&o.json, "json", false, "print for programs")
	f.BoolVar(&o.verbose, "verbose", false, "show the broker's log")
	return cmd
}

func dev(ctx context.Context, o devOptions, out, errOut io.Writer) (err error) {
	if o.host != devHost && !o.tls {
		return errors.New("--host needs --tls: over http every part is at 127.0.0.1")
	}
	if o.data == "" {
		if o.data, err = os.MkdirTemp("", "handstamp-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	} else if err := os.MkdirAll(o.data, 0o700); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.walk {
		o.port = 0
	}
	level := slog.LevelError
	if o.verbose {
		level = slog.LevelInfo
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	v, err := openVillage(ctx, o, slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	ended := v.serve(ctx)
	if o.walk {
		err = walk(ctx, v, o, out)
		stop()
		return errors.Join(err, <-ended)
	}
	if err := v.announce(out, o); err != nil {
		return err
	}
	return <-ended
}

// check refuses a walk that has nowhere to go or nobody to play, and says what there is.
func (o devOptions) check() error {
	var people []string
	for _, p := range persona.People(persona.KindGoogle) {
		people = append(people, p.ID)
	}
	switch {
	case !o.walk:
		return nil
	case !slices.Contains([]string{"google", "okta", "auth0"}, o.at):
		return errors.New("--walk signs in at a pretend provider: --provider google, okta or auth0")
	case !slices.Contains(people, o.person):
		return fmt.Errorf("nobody at the pretend providers is called %s: --person is one of %s", o.person, strings.Join(people, ", "))
	}
	return nil
}

// announce says what is where. The first URL is the issuer.
func (v *village) announce(out io.Writer, o devOptions) error {
	if o.json {
		return json.NewEncoder(out).Encode(v.directory())
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "issuer\t%s\tthe broker; discovery at /.well-known/openid-configuration\n", v.issuer)
	fmt.Fprintf(w, "app\t%s\tsample web app: OPEN THIS PAGE FIRST\n", v.app)
	fmt.Fprintf(w, "api\t%s\tsample internal API behind the guard: GET /items, POST /items\n", v.api)
	fmt.Fprintf(w, "bff\t%s\tsingle-page app with a backend: no token in the browser\n", v.at("bff").url)
	fmt.Fprintf(w, "spa\t%s\tthe same page as its own client: tokens in its memory\n", v.at("spa").url)
	fmt.Fprintf(w, "console\t%s\tfor administrators: enter as owner, once, within ten minutes\n", v.console)
	if v.socket != "" {
		fmt.Fprintf(w, "shell\thandstamp logins list --socket %s\tthe same for a shell\n", v.socket)
	}
	fmt.Fprintf(w, "docs\t%s/docs\tthe broker's own API: read it, sign in, try it\n", v.issuer)
	fmt.Fprintf(w, "api docs\t%s/docs\tthe sample API's: its Authorize button signs in at the broker\n", v.api)
	for _, p := range v.upstreams {
		fmt.Fprintf(w, "%s\t%s\tpretend %s\n", p.slug, p.persona.Issuer(), p.persona.Title())
	}
	fmt.Fprintf(w, "password\t%s\tof %s, whom the broker knows by itself, for this run\n", v.password, resident)
	fmt.Fprintf(w, "data\t%s\tthe database and its key\n", v.data)
	if v.tls {
		fmt.Fprintf(w, "ca\t%s\ttrust it in your browser for this run only\n", v.caFile)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if v.tls {
		fmt.Fprintf(out, "\nThe names must lead to this machine. Names below .localhost do in browsers; others need this line in the hosts file:\n127.0.0.1 %s\n", v.names())
	}
	fmt.Fprintf(out, "\nOpen %s and press a button. Stop with Ctrl-C.\n", v.app)
	if !o.verbose {
		fmt.Fprintln(out, "To see in the broker's log why something was refused, begin again with --verbose.")
	}
	return nil
}
