package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/configs"
)

func serveCmd() *cobra.Command {
	var path, former string
	cmd := &cobra.Command{Use: "serve -c FILE", Short: "Run the broker from a settings file", Args: onlyConfig,
		Long: "Run the broker from a settings file.\n\nWith SQLite the file is read again on SIGHUP and when it changes: providers, clients, resources and\n" +
			"rules then take effect at once, in one step; what is refused changes nothing and is in the log. With\nPostgreSQL, where several nodes share them, handstamp apply does that. All else needs a restart.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), path, former, cmd.ErrOrStderr())
		}}
	cmd.Flags().StringVarP(&path, "config", "c", "handstamp.yaml", "settings file")
	cmd.Flags().StringVar(&former, "issuer-changed-from", "", "DANGER: the database is of this issuer, and moves to that of the settings: every session, refresh token and signing key ends")
	return cmd
}

func serve(ctx context.Context, path, former string, out io.Writer) error {
	cfg, err := configs.Load(path)
	if err != nil {
		return err
	}
	log := logger(cfg, out)
	for _, w := range cfg.Warnings {
		log.Warn(w.String())
	}
	office, err := listenAdmin(cfg, log)
	if err != nil {
		return err
	}
	h, err := openHouse(ctx, cfg, log, houseOptions{former: formerIssuer{known: former}})
	if err != nil {
		return errors.Join(err, closeListener(office))
	}
	openings, err := h.openDoors(office)
	if err != nil {
		return errors.Join(err, h.Close())
	}
	current := h.book.Current()
	log.Info("the door is open", "issuer", cfg.Issuer, "listen", openings[0].listener.Addr().String(), "tls", cfg.TLS.Cert != "", "revision", current.Number,
		"providers", len(current.Document.Providers), "clients", len(current.Document.Clients), "console", h.adminURL())
	giveBack() // what reading settings and compiling rules took is not needed again
	background, stop := context.WithCancel(ctx)
	defer stop()
	go h.reseal(background)
	h.keepHouse(background)
	go h.rereading(background, path)
	err = serveAll(ctx, openings, log)
	stop()
	if err = errors.Join(err, h.Close()); err == nil {
		log.Info("the door is closed")
	}
	return err
}

// keepHouse does in the background what no request waits for, until ctx ends.
func (h *house) keepHouse(ctx context.Context) {
	go h.housekeeping(ctx)
	h.work.Go(func() { h.book.Watch(ctx) })
	h.tellApps(ctx)
}

// openDoors opens what is not open yet, when the house is furnished: the broker's own
// door first, then those of administrators. Nobody knocks before.
func (h *house) openDoors(office net.Listener) (openings []opening, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeListener(office))
			for _, o := range openings {
				err = errors.Join(err, closeListener(o.listener))
			}
		}
	}()
	l, err := net.Listen("tcp", h.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if l, err = withTLS(l, h.cfg.TLS.Cert, h.cfg.TLS.Key, h.log); err != nil {
		return nil, err
	}
	openings = append(openings, opening{"listen", l, h.broker, h.broker.Stopping})
	if path := h.cfg.AdminSocket(); path != "" && sockets {
		if l, err = listenSocket(path); err != nil {
			return openings, err
		}
		openings = append(openings, opening{"admin.socket", l, h.desk.Shell(), nil})
	}
	if office != nil {
		openings = append(openings, opening{"admin.listen", office, h.administration(), nil})
	}
	if m := h.cfg.Telemetry.Metrics; m.Enabled() {
		if l, err = net.Listen("tcp", m.Listen); err != nil {
			return openings, fmt.Errorf("telemetry.metrics.listen: %w", err)
		}
		openings = append(openings, opening{"telemetry.metrics.listen", l, h.telemetry.handler(h.broker), nil})
	}
	return openings, nil
}

func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// newServer closes every way to hold a connection open for ever: a header, a body or
// a reader that never ends, and headers without bound.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100}}
}

// serveUntil serves until ctx ends, then lets the requests under way finish.
func serveUntil(ctx context.Context, l net.Listener, handler http.Handler, stopping func(), log *slog.Logger) error {
	srv := newServer(handler, log)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if stopping != nil {
		stopping()
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		return fmt.Errorf("stopped before every request was answered: %w", err)
	}
	return nil
}

// logger writes one record a line, as JSON for machines or as text for people.
func logger(cfg *configs.Config, out io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Log.Level)) // checked by configs; empty means info
	if cfg.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
}

// withTLS ends TLS on a listener with a certificate that is read again when its files change.
func withTLS(l net.Listener, cert, key string, log *slog.Logger) (net.Listener, error) {
	if cert == "" {
		return l, nil
	}
	c := &certificate{cert: cert, key: key, log: log, now: time.Now}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return tls.NewListener(l, tlsConfig(c)), nil
}

// tlsConfig takes TLS 1.2 at least; Go chooses the suites.
func tlsConfig(c *certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}
}
