package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/page"
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
	hosts   map[string]string // names that this process resolves by itself (dev)
	work    sync.WaitGroup    // that must end before the book is closed
}

// openHouse turns settings into running rooms. The order is the order of need: what
// is sealed needs the sealing key, tokens need keys, the door needs them all.
func openHouse(ctx context.Context, cfg *configs.Config, log *slog.Logger, hosts map[string]string) (*house, error) {
	h := &house{cfg: cfg, log: log, hosts: hosts}
	sealer, err := sealerFor(cfg, log)
	if err != nil {
		return nil, err
	}
	if h.db, err = storage.Open(ctx, storage.Options{URL: cfg.Storage.URL.Reveal(), Sealer: sealer, Now: time.Now, Logger: log, Retention: retentionOf(cfg)}); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if err := h.furnish(ctx, sealer); err != nil {
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
	dir, err := h.furnishDirectory(ctx, h.cfg)
	if err != nil {
		return err
	}
	client, err := outgoing(h.cfg, false, h.hosts)
	if err != nil {
		return err
	}
	private, err := outgoing(h.cfg, true, h.hosts)
	if err != nil {
		return err
	}
	h.journal = broker.NewJournal(h.db.KeepLogins, h.log)
	h.broker, err = broker.New(broker.Options{Journal: h.journal, Issuer: h.cfg.Issuer, DB: h.db, Sealer: sealer, Ring: h.ring, Pages: pages, Life: lifetimes(h.cfg),
		TrustedProxies: h.cfg.TrustedProxies, Docs: docs(h.cfg), Outgoing: client, Private: private, Logger: h.log, Now: time.Now}, dir)
	return err
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
	return h.db.Close()
}

// furnishDirectory ties the settings' providers to what storage knows of them and
// builds them. No upstream is asked: a dead one must not keep the others from working.
func (h *house) furnishDirectory(ctx context.Context, cfg *configs.Config) (*broker.Directory, error) {
	snap := cfg.Snapshot()
	upstreams, err := buildUpstreams(ctx, cfg, snap, h.log, h.hosts, func(slug string) providers.Accounts { return broker.Accounts(h.db, slug) })
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, p := range snap.Providers() {
		kind, _ := providers.Lookup(p.Kind)
		issuer, err := kind.Issuer(p.Settings())
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Slug, err)
		}
		ids[p.Slug], err = h.db.BindProvider(ctx, storage.Actor{Kind: "system", ID: "settings"}, p.Slug, issuer)
		if errors.Is(err, storage.ErrIssuerChanged) {
			return nil, fmt.Errorf("provider %s: its slug is tied to another issuer for ever, because people are known by it: use a new slug", p.Slug)
		}
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Slug, err)
		}
	}
	snap.BindInternalIDs(ids)
	return &broker.Directory{Snapshot: snap, Upstreams: upstreams}, nil
}

// buildUpstreams makes each provider of the settings. It touches no network. accounts
// gives a provider that has people of its own its book.
func buildUpstreams(ctx context.Context, cfg *configs.Config, snap *directory.Snapshot, log *slog.Logger, hosts map[string]string,
	accounts func(slug string) providers.Accounts) (map[string]providers.Provider, error) {
	out := map[string]providers.Provider{}
	clients := map[bool]*http.Client{}
	for _, p := range snap.Providers() {
		kind, ok := providers.Lookup(p.Kind)
		if !ok {
			return nil, fmt.Errorf("provider %s: unknown kind %q", p.Slug, p.Kind)
		}
		client := clients[p.AllowPrivateNetwork]
		if client == nil {
			var err error
			if client, err = outgoing(cfg, p.AllowPrivateNetwork, hosts); err != nil {
				return nil, err
			}
			clients[p.AllowPrivateNetwork] = client
		}
		s := p.Settings()
		s.Client, s.Now, s.Logger, s.MappedClaims = client, time.Now, log, snap.ClaimNames(p.Slug)
		if kind.OwnBook && accounts != nil {
			s.Accounts = accounts(p.Slug)
		}
		upstream, err := kind.New(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Slug, err)
		}
		out[p.Slug] = upstream
	}
	return out, nil
}

// outgoing is the hardened client for one kind of network.
func outgoing(cfg *configs.Config, private bool, hosts map[string]string) (*http.Client, error) {
	client, err := providers.NewClient(providers.ClientOptions{CAFile: cfg.Outgoing.CAFile, Proxy: cfg.Outgoing.Proxy.Reveal(),
		AllowLoopback: cfg.Outgoing.AllowLoopback, AllowPrivate: private, Timeout: cfg.Outgoing.Timeout.Std(), Hosts: hosts})
	if err != nil {
		return nil, fmt.Errorf("outgoing: %w", err)
	}
	return client, nil
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
