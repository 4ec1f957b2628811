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
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/configs"
)

func serveCmd() *cobra.Command {
	var path string
	cmd := &cobra.Command{Use: "serve -c FILE", Short: "Run the broker from a settings file", Args: onlyConfig,
		Long: "Run the broker from a settings file.\n\nThe file is read again on SIGHUP and when it changes: providers, clients, resources and rules\n" +
			"then take effect at once, in one step; a file with a mistake changes nothing. Issuer, storage,\naddresses and keys need a restart.",
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), path, cmd.ErrOrStderr()) }}
	cmd.Flags().StringVarP(&path, "config", "c", "handstamp.yaml", "settings file")
	return cmd
}

func serve(ctx context.Context, path string, out io.Writer) error {
	cfg, err := configs.Load(path)
	if err != nil {
		return err
	}
	log := logger(cfg, out)
	for _, w := range cfg.Warnings {
		log.Warn(w.String())
	}
	h, err := openHouse(ctx, cfg, log, nil)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), h.Close())
	}
	if listener, err = withTLS(listener, cfg.TLS.Cert, cfg.TLS.Key, log); err != nil {
		return errors.Join(err, h.Close())
	}
	log.Info("the door is open", "issuer", cfg.Issuer, "listen", listener.Addr().String(), "tls", cfg.TLS.Cert != "", "providers", len(cfg.Directory.Providers), "clients", len(cfg.Directory.Clients))
	debug.FreeOSMemory() // what reading settings and compiling rules took is not needed again
	background, stop := context.WithCancel(ctx)
	defer stop()
	go h.reseal(background)
	go h.housekeeping(background)
	h.tellApps(background)
	go h.rereading(background, path)
	err = serveUntil(ctx, listener, h.broker, h.broker.Stopping, log)
	stop()
	if err = errors.Join(err, h.Close()); err == nil {
		log.Info("the door is closed")
	}
	return err
}

// newServer closes every way to hold a connection open for ever: a header, a body or
// a reader that never ends, and headers without bound.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
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
