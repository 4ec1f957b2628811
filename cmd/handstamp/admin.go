package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/admin/console"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/storage"
)

// opening is one listener with what answers there.
type opening struct {
	name     string
	listener net.Listener
	handler  http.Handler
	stopping func()
}

// serveAll serves until ctx ends or one of them fails, then lets the requests under way
// finish everywhere.
func serveAll(ctx context.Context, openings []opening, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(openings))
	for _, o := range openings {
		go func() {
			err := serveUntil(ctx, o.listener, o.handler, o.stopping, log)
			if err != nil {
				err = fmt.Errorf("%s: %w", o.name, err)
			}
			stop()
			ended <- err
		}()
	}
	var errs []error
	for range openings {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// adminURL is the console's address, or "" where there is none.
func (h *house) adminURL() string {
	if !h.cfg.Admin.Enabled() {
		return ""
	}
	return h.cfg.AdminURL(h.cfg.Admin.Listen)
}

// openDesk joins the administration API to this house. The shell's verbs use it also
// where no network does.
func (h *house) openDesk(sealer *storage.Sealer) (*admin.Server, error) {
	return admin.New(admin.Options{Issuer: h.cfg.Issuer, URL: cmp.Or(h.adminURL(), h.cfg.Issuer), Version: version(), DB: h.db, Book: h.book, Keys: h.finder, Sealer: sealer,
		TrustedProxies: h.cfg.TrustedProxies, TestSignIn: h.broker.TestSignIn, Rotate: h.rotate, Restored: h.restored, YAML: configs.MarshalDirectory, Event: h.broker.Count, Now: time.Now, Logger: h.log})
}

// openConsole joins the pages for administrators to the API that they speak and to the
// broker that their people sign in through, both in this process.
func (h *house) openConsole(sealer *storage.Sealer) (*console.Console, error) {
	url := h.adminURL()
	if url == "" || h.file != fileServes {
		return nil, nil
	}
	return console.New(console.Options{URL: url, Issuer: h.cfg.Issuer, API: h.desk.Handler(), Broker: h.broker, Sealer: sealer, Brand: console.Brand{Name: h.cfg.Brand.Name},
		Event: h.broker.Count, Now: time.Now, Logger: h.log})
}

// administration is what answers at the administrators' own address: the API, its
// health, and the console everywhere else.
func (h *house) administration() http.Handler {
	desk, pages := h.desk.Handler(), h.console.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/livez", path == "/readyz", path == api.Base, strings.HasPrefix(path, api.Base+"/"):
			desk.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// listenAdmin opens the address for administrators, so that the console's own address is
// known before the broker has to lead there. It is nil where there is none.
func listenAdmin(cfg *configs.Config, log *slog.Logger) (net.Listener, error) {
	if !cfg.Admin.Enabled() {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.Admin.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %w (another port, or off)", err)
	}
	cfg.Admin.URL = cfg.AdminURL(l.Addr().String())
	if strings.HasPrefix(cfg.Admin.URL, "https:") && cfg.TLS.Cert != "" {
		return withTLS(l, cfg.TLS.Cert, cfg.TLS.Key, log)
	}
	return l, nil
}

// listenSocket opens the socket for the shell. Whoever may open the database may remove
// what a server that died left there; one that answers belongs to a server that lives.
func listenSocket(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		return nil, errors.Join(fmt.Errorf("admin.socket: another server answers at %s", path), c.Close())
	}
	if err := removeSocket(path); err != nil {
		return nil, fmt.Errorf("admin.socket: %w", err)
	}
	l, err := privateSocket(path)
	if err != nil {
		return nil, fmt.Errorf("admin.socket: %w", err)
	}
	return l, nil
}
