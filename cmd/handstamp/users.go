package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

func usersCmd() *cobra.Command {
	var at place
	cmd := &cobra.Command{Use: "users", Short: "Keep the people who have a password here (providers of kind local)",
		Long: "Keep the people who have a password here: those of a provider of kind local.\n\n" +
			"These verbs open the database themselves. On SQLite that works only while no server runs, since one\n" +
			"program at a time may have the file; on PostgreSQL it works beside running servers."}
	cmd.PersistentFlags().StringVarP(&at.config, "config", "c", "handstamp.yaml", "settings file")
	cmd.PersistentFlags().StringVar(&at.slug, "provider", "", "slug of the provider (default: the only one of kind local)")
	cmd.PersistentFlags().BoolVar(&at.json, "json", false, "print for programs")
	cmd.AddCommand(newUserCmd(&at), inviteUserCmd(&at), listUsersCmd(&at), disableUserCmd(&at), enableUserCmd(&at), passwordUserCmd(&at),
		totpUserCmd(&at), importUsersCmd(&at))
	return cmd
}

// place is where a verb of users works.
type place struct {
	config, slug string
	json         bool
}

// book is the opened database with one provider of it.
type book struct {
	*storage.DB
	cfg      *configs.Config
	provider *directory.Provider
	maker    providers.PasswordMaker
	json     bool
	out      io.Writer
}

// shell is who acts, for the audit.
var shell = storage.Actor{Kind: "admin", ID: "shell"}

// within runs a verb about people of one provider of kind local, with the database open.
func (at *place) within(cmd *cobra.Command, do func(ctx context.Context, b *book) error) error {
	var kind providers.Kind
	prepare := func(ctx context.Context, b *book) (err error) {
		if b.provider, err = at.provider(b.cfg); err != nil {
			return err
		}
		kind, _ = providers.Lookup(b.provider.Kind)
		made, err := kind.New(ctx, b.provider.Settings())
		if err != nil {
			return fmt.Errorf("provider %s: %w", b.provider.Slug, err)
		}
		b.maker = made.(providers.PasswordMaker) // every kind with a book of its own is one
		return nil
	}
	return at.open(cmd, prepare, func(ctx context.Context, b *book) error {
		issuer, err := kind.Issuer(b.provider.Settings())
		if err != nil {
			return err
		}
		if _, err := b.BindProvider(ctx, storage.Actor{Kind: "system", ID: "settings"}, b.provider.Slug, issuer); err != nil {
			return fmt.Errorf("provider %s: %w", b.provider.Slug, err)
		}
		return do(ctx, b)
	})
}

// open runs a verb with the database open. What prepare refuses touches no database.
func (at *place) open(cmd *cobra.Command, prepare, do func(ctx context.Context, b *book) error) (err error) {
	ctx := cmd.Context()
	b := &book{json: at.json, out: cmd.OutOrStdout()}
	if b.cfg, err = configs.Load(at.config); err != nil {
		return err
	}
	if prepare != nil {
		if err := prepare(ctx, b); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	sealer, err := sealerFor(b.cfg, log)
	if err != nil {
		return err
	}
	b.DB, err = storage.Open(ctx, storage.Options{URL: b.cfg.Storage.URL.Reveal(), Sealer: sealer, Now: time.Now, Logger: log})
	if errors.Is(err, storage.ErrLocked) {
		return errors.New("a server has this database open, and SQLite serves one program at a time: stop the server, run this again, and start it (PostgreSQL knows no such limit)")
	}
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return do(ctx, b)
}

// provider finds the one that is meant.
func (at *place) provider(cfg *configs.Config) (*directory.Provider, error) {
	var own []*directory.Provider
	for _, p := range cfg.Snapshot().Providers() {
		kind, _ := providers.Lookup(p.Kind)
		switch {
		case at.slug == p.Slug && !kind.OwnBook:
			return nil, fmt.Errorf("--provider %s: people there have their passwords at %s, not here", p.Slug, kind.Title)
		case kind.OwnBook && (at.slug == "" || at.slug == p.Slug):
			own = append(own, p)
		}
	}
	switch {
	case len(own) == 1:
		return own[0], nil
	case len(own) > 1:
		return nil, errors.New("there are several providers of kind local: say which with --provider")
	case at.slug != "":
		return nil, fmt.Errorf("--provider %s: %s has no such provider", at.slug, at.config)
	}
	return nil, fmt.Errorf("%s has no provider of kind local: add one (slug: local, kind: local)", at.config)
}

// account finds a person by login name.
func (b *book) account(ctx context.Context, name string) (*storage.Account, error) {
	a, err := b.Account(ctx, b.provider.Slug, providers.LoginName(name))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("there is no %s at %s; handstamp users list shows who is there", oneLine(name), b.provider.Slug)
	}
	return a, err
}

// say prints a sentence, or the same for programs.
func (b *book) say(facts map[string]any, format string, args ...any) error {
	if b.json {
		return printJSON(b.out, facts)
	}
	p := &printer{out: b.out}
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		p.line("%s", strings.TrimSuffix(line, "\n"))
	}
	return p.err
}
