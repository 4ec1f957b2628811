// Command cmd runs the sample API.
//
//	ISSUER    the broker's issuer, such as https://login.example
//	AUDIENCE  this API's resource id in the broker's settings
//	ORIGINS   of pages that may call it from a browser, separated by spaces
//	DOCS      the public client that the page at /docs signs in with; no page when not set
//	LISTEN    where to listen; 127.0.0.1:9100 when not set
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/handstamp/handstamp/examples/api"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	h, err := api.New(api.Config{Issuer: os.Getenv("ISSUER"), Audience: os.Getenv("AUDIENCE"), Origins: strings.Fields(os.Getenv("ORIGINS")),
		DocsClient: os.Getenv("DOCS")})
	if err != nil {
		return err
	}
	listen := os.Getenv("LISTEN")
	if listen == "" {
		listen = "127.0.0.1:9100"
	}
	srv := &http.Server{Addr: listen, Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	log.Printf("sample API on %s, for tokens of %s", listen, os.Getenv("ISSUER"))
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
