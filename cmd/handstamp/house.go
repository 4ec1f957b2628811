package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/console"
	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// house is one running broker with all its rooms.
type house struct {
	cfg     *configs.Config
	log     *slog.Logger
	db      *storage.DB
	ring    *tokens.Ring
	broker  *broker.Broker
	journal *broker.Journal   // of logins
	book    *revision.Book    // of the directory
	hosts   map[string]string // names that this process resolves by itself (dev)
	file    fileRule
	work    sync.WaitGroup // that must end before the database is closed

	keyTurn  sync.Mutex
	workshop *workshop
	desk     *admin.Server    // the administration API
	console  *console.Console // nil where the settings have no address for it
	finder   tokens.KeyFinder // finds keys that another node made a moment ago, too

	telemetry *telemetry
}

// houseOptions are what no settings file says.
type houseOptions struct {
	hosts  map[string]string // names that this process resolves by itself (dev)
	file   fileRule
	former formerIssuer
}

// fileRule says what the settings file's directory is worth at the start.
type fileRule int

const (
	fileServes     fileRule = iota // it applies where the database has one node; else only into an empty book
	fileFillsEmpty                 // only into an empty book: a verb beside a house changes nothing in passing
	fileIsSilent                   // not at all
)

// openHouse turns settings into running rooms. The order is the order of need: what
// is sealed needs the sealing key, tokens need keys, the door needs them all.
func openHouse(ctx context.Context, cfg *configs.Config, log *slog.Logger, o houseOptions) (*house, error) {
	h := &house{cfg: cfg, log: log, hosts: o.hosts, file: o.file, telemetry: &telemetry{}}
	sealer, err := sealerFor(cfg, log)
	if err != nil {
		return nil, err
	}
	if o.file == fileServes { // a verb beside a house has nobody to tell
		if h.telemetry, err = openTelemetry(cfg.Telemetry, cfg.Outgoing.CAFile, log); err != nil {
			return nil, err
		}
	}
	if h.db, err = storage.Open(ctx, storage.Options{URL: cfg.Storage.URL.Reveal(), Sealer: sealer, Now: time.Now, Logger: log, Retention: retentionOf(cfg), Metrics: h.telemetry.meter()}); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if o.file == fileServes { // a verb beside a house gives no tokens
		err = h.keepIssuer(ctx, o.former)
	}
	if err == nil {
		err = h.furnish(ctx, sealer)
	}
	if err != nil {
		return nil, errors.Join(err, h.db.Close())
	}
	return h, nil
}

func (h *house) furnish(ctx context.Context, sealer *storage.Sealer) error {
	var err error
	if h.ring, err = h.openRing(ctx); err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	issuer, err := url.Parse(h.cfg.Issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	pages, err := page.New(page.Brand(h.cfg.Brand), strings.TrimSuffix(issuer.Path, "/")+"/assets")
	if err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	accounts := func(slug string) providers.Accounts { return broker.Accounts(h.db, slug) }
	if h.workshop, err = newWorkshop(h.cfg, h.log, h.hosts, accounts); err != nil {
		return err
	}
	h.workshop.metrics = h.telemetry.meter()
	if err := h.openBook(ctx); err != nil {
		return err
	}
	h.finder = &tokens.Relearning{Keys: h.ring, Again: h.book.Relearn}
	h.journal = broker.NewJournal(h.db.KeepLogins, h.log)
	var door *broker.AdminDoor
	if url := h.adminURL(); url != "" {
		door = &broker.AdminDoor{RedirectURI: url + "/callback", Base: url}
	}
	h.broker, err = broker.New(broker.Options{Admin: door, Journal: h.journal, Issuer: h.cfg.Issuer, DB: h.db, Sealer: sealer, Ring: h.ring, Keys: h.finder, Pages: pages,
		Life: lifetimes(h.cfg), TrustedProxies: h.cfg.TrustedProxies, Docs: docs(h.cfg), Outgoing: h.workshop.open, Private: h.workshop.private, Logger: h.log, Now: time.Now, Telemetry: h.telemetry.broker()},
		view(h.book.Current()))
	if err != nil {
		return err
	}
	if h.desk, err = h.openDesk(sealer); err != nil {
		return err
	}
	if h.console, err = h.openConsole(sealer); err != nil {
		return err
	}
	return h.gauge()
}

// tellApps keeps telling apps that sessions ended until ctx ends.
func (h *house) tellApps(ctx context.Context) { h.work.Go(func() { h.broker.TellApps(ctx) }) }

// Close lets the work and the writes under way finish. What was begun with a context
// ends only after that does.
func (h *house) Close() error {
	h.work.Wait()
	if h.journal != nil {
		h.journal.Close() // the last logins
	}
	h.telemetry.Close()
	return h.db.Close()
}

// docs is the documentation page, where the settings want it.
func docs(cfg *configs.Config) *broker.Docs {
	if !cfg.Docs.Enabled {
		return nil
	}
	return &broker.Docs{ClientID: cfg.Docs.ClientID}
}

func lifetimes(cfg *configs.Config) grant.Lifetimes {
	l, d := cfg.Lifetimes, directory.Duration.Std
	return grant.Lifetimes{Access: d(l.Access), ID: d(l.ID), Code: d(l.Code), Transaction: d(l.Transaction), SessionIdle: d(l.SessionIdle),
		SessionAbsolute: d(l.SessionAbsolute), RefreshIdle: d(l.RefreshIdle), RefreshAbsolute: d(l.RefreshAbsolute), RefreshGrace: d(l.RefreshGrace),
		MaxUpstreamAge: d(l.MaxUpstreamAge)}
}

// sealerFor finds the key that is not in the database: from the settings, or for
// SQLite from a file beside it, made at the first start.
func sealerFor(cfg *configs.Config, log *slog.Logger) (*storage.Sealer, error) {
	keys, err := cfg.SealingKeyBytes()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		path, sqlite := strings.CutPrefix(cfg.Storage.URL.Reveal(), "sqlite:")
		if !sqlite {
			return nil, errors.New("sealing_keys: PostgreSQL needs one, since a key beside the data would not protect it (openssl rand -base64 32)")
		}
		key, made, err := storage.SealingKeyFile(path + ".key")
		if err != nil {
			return nil, fmt.Errorf("sealing key: %w", err)
		}
		if made {
			log.Warn("a sealing key was made: back it up apart from the database; without it, nothing sealed can be read again", "file", path+".key")
		}
		keys = [][]byte{key}
	}
	return storage.NewSealer(keys...)
}

// reseal moves what older sealing keys sealed to the first one, so that they may be
// taken out of the settings.
func (h *house) reseal(ctx context.Context) {
	if len(h.cfg.SealingKeys) < 2 {
		return
	}
	n, err := h.db.Reseal(ctx, storage.Actor{Kind: "system", ID: "sealing keys"})
	if err != nil {
		h.log.Error("not everything could be sealed anew; keep the older sealing keys", "cause", err)
		return
	}
	h.log.Info("everything is sealed with the first sealing key; the others may go", "values", n)
}
