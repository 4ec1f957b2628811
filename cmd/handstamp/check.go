package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

// The exit codes of check, beside 0: all is well.
const (
	exitBadSettings  exitCode = 1 // the settings file cannot be used
	exitDeadUpstream exitCode = 2 // the file is good, and some provider does not answer
)

const probePatience = 20 * time.Second

func checkCmd() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{Use: "check -c FILE", Short: "Tell what is wrong with a settings file, and whether each provider answers", Args: onlyConfig,
		Long: "Tell everything that is wrong with a settings file at once: file, line, key, what is wrong and the likely fix.\n" +
			"If nothing is, ask each provider for its discovery document and keys, and each client for the keys it publishes.\n\n" +
			"Exit codes: 0 all is well (there may be warnings), 1 the file cannot be used, 2 a provider or a client does not answer.\n" +
			"Nothing is changed, and no secret is printed.",
		RunE: func(cmd *cobra.Command, _ []string) error { return check(cmd.Context(), o, cmd.OutOrStdout()) }}
	f := cmd.Flags()
	f.StringVarP(&o.path, "config", "c", "handstamp.yaml", "settings file")
	f.BoolVar(&o.offline, "offline", false, "do not ask the providers")
	f.BoolVar(&o.json, "json", false, "print for programs")
	return cmd
}

type checkOptions struct {
	path          string
	offline, json bool
}

// verdict is all that check found; the form of --json.
type verdict struct {
	File      string            `json:"file"`
	OK        bool              `json:"ok"`
	Problems  []configs.Problem `json:"problems"`
	Warnings  []configs.Problem `json:"warnings"`
	Upstreams []probed          `json:"upstreams"` // empty with --offline, or when the file cannot be used
	Keys      []probedKeys      `json:"client_keys"`
}

// probed is what one provider said.
type probed struct {
	Slug        string `json:"slug"`
	Kind        string `json:"kind"`
	Issuer      string `json:"issuer"`
	RedirectURI string `json:"redirect_uri,omitempty"` // what its console has to know
	State       string `json:"state"`                  // answers, silent, disabled; own: it has no upstream
	Reason      string `json:"reason,omitempty"`
	Millis      int64  `json:"milliseconds,omitempty"`
}

func check(ctx context.Context, o checkOptions, out io.Writer) error {
	v := verdict{File: o.path, Problems: []configs.Problem{}, Warnings: []configs.Problem{}, Upstreams: []probed{}, Keys: []probedKeys{}}
	cfg, err := configs.Load(o.path)
	var problems *configs.Problems
	switch {
	case errors.As(err, &problems):
		v.Problems = problems.List
	case err != nil:
		return err
	default:
		v.OK, v.Warnings = true, append(v.Warnings, cfg.Warnings...)
	}
	if v.OK && !o.offline {
		if v.Upstreams, err = probeAll(ctx, cfg); err != nil {
			return err
		}
		for _, u := range v.Upstreams {
			v.OK = v.OK && u.State != "silent"
		}
		if v.Keys, err = probeKeys(ctx, cfg); err != nil {
			return err
		}
		for _, k := range v.Keys {
			v.OK = v.OK && k.State != "silent"
		}
	}
	if o.json {
		err = printJSON(out, v)
	} else {
		err = v.print(out, o.offline)
	}
	switch {
	case err != nil:
		return err
	case len(v.Problems) > 0:
		return exitBadSettings
	case !v.OK:
		return exitDeadUpstream
	}
	return nil
}

// probeAll asks all providers side by side, each by the client it would have in serve.
func probeAll(ctx context.Context, cfg *configs.Config) ([]probed, error) {
	snap := cfg.Snapshot()
	shop, err := newWorkshop(cfg, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	all := snap.Providers()
	out := make([]probed, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		upstream, err := shop.make(ctx, p, snap.ClaimNames(p.Slug))
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Slug, err)
		}
		wg.Go(func() { out[i] = probe(ctx, cfg.Issuer, p, upstream) })
	}
	wg.Wait()
	return out, nil
}

func probe(ctx context.Context, issuer string, p *directory.Provider, upstream providers.Provider) probed {
	u := probed{Slug: p.Slug, Kind: p.Kind, RedirectURI: issuer + "/callback/" + p.Slug, State: "answers"}
	if kind, ok := providers.Lookup(p.Kind); ok {
		u.Issuer, _ = kind.Issuer(p.Settings()) // checked when the settings were
		if kind.OwnBook {
			u.State, u.RedirectURI = "own", ""
		}
	}
	if p.Disabled {
		u.State = "disabled"
		return u
	}
	prober, ok := upstream.(providers.Prober)
	if !ok {
		u.Reason = "its kind has nothing to ask"
		return u
	}
	began := time.Now()
	if err := prober.Probe(ctx); err != nil {
		u.State, u.Reason = "silent", err.Error()
	}
	u.Millis = time.Since(began).Milliseconds()
	return u
}

// print is for people: what to mend, then who answers, then one line to remember.
func (v verdict) print(out io.Writer, offline bool) error {
	p := &printer{out: out}
	for _, one := range v.Problems {
		p.problem(one, "")
	}
	if n := len(v.Problems); n > 0 {
		p.line("%s cannot be used: %s.", v.File, count(n, "problem"))
		return p.err
	}
	for _, one := range v.Warnings {
		p.problem(one, "warning: ")
	}
	for _, u := range v.Upstreams {
		switch u.State {
		case "answers":
			p.line("%s: answers in %d ms (%s)", u.Slug, u.Millis, u.Issuer)
		case "silent":
			p.line("%s: DOES NOT ANSWER (%s)", u.Slug, u.Issuer)
			p.line("    %s", u.Reason)
		case "own":
			p.line("%s: asks people itself (handstamp users list)", u.Slug)
			continue
		default:
			p.line("%s: %s (%s)", u.Slug, u.State, u.Issuer)
		}
		p.line("    its console needs the redirect URI %s", u.RedirectURI)
	}
	for _, k := range v.Keys {
		k.print(p)
	}
	switch {
	case slices.ContainsFunc(v.Upstreams, func(u probed) bool { return u.State == "silent" }):
		p.line("%s is good, but not every provider answers.", v.File)
	case !v.OK:
		p.line("%s is good, but not every client's keys can be had.", v.File)
	case offline:
		p.line("%s is good. The providers were not asked.", v.File)
	case len(v.Upstreams) == 0:
		p.line("%s is good. It names no provider, so none was asked: those of the database are asked in the console, Providers.", v.File)
	default:
		p.line("%s is good, and every provider answers.", v.File)
	}
	return p.err
}

// printer writes lines and keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, oneLine(fmt.Sprintf(format, args...)))
	}
}

// problem writes the place so that editors jump to it, and the fix below.
func (p *printer) problem(one configs.Problem, mark string) {
	hint := one.Hint
	one.Hint, one.Message = "", mark+one.Message
	p.line("%s", one.String())
	if hint != "" {
		p.line("    fix: %s", hint)
	}
}

// oneLine keeps a terminal from obeying what a settings file or a provider says.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
