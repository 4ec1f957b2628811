package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

// workshop makes providers as this house's settings let them reach the world.
type workshop struct {
	open, private *http.Client // the hardened ones: for the internet, and for private networks, too
	accounts      func(slug string) providers.Accounts
	log           *slog.Logger
	metrics       metric.MeterProvider // nil: nothing is measured
}

// newWorkshop makes the clients that all providers share. accounts gives a provider that
// has people of its own its book, and may be nil where nobody signs in.
func newWorkshop(cfg *configs.Config, log *slog.Logger, hosts map[string]string, accounts func(string) providers.Accounts) (*workshop, error) {
	w := &workshop{accounts: accounts, log: log}
	var err error
	if w.open, err = outgoing(cfg, false, hosts); err == nil {
		w.private, err = outgoing(cfg, true, hosts)
	}
	return w, err
}

// make makes one provider. It touches no network: a dead upstream must not keep the
// others from working.
func (w *workshop) make(ctx context.Context, p *directory.Provider, claims []string) (providers.Provider, error) {
	kind, ok := providers.Lookup(p.Kind)
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", p.Kind)
	}
	s := p.Settings()
	s.Client, s.Now, s.Logger, s.MappedClaims = w.open, time.Now, w.log, claims
	s.Metrics = w.metrics
	if p.AllowPrivateNetwork {
		s.Client = w.private
	}
	if kind.OwnBook && w.accounts != nil {
		s.Accounts = w.accounts(p.Slug)
	}
	return kind.New(ctx, s)
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
