// Command cmd runs the single-page app with a backend of its own.
//
//	ISSUER         the broker's issuer, such as https://login.example
//	CLIENT_ID      this app's id in the broker's settings; bff when not set
//	CLIENT_SECRET  its secret
//	BASE_URL       where people reach this app; http://127.0.0.1:9200 when not set
//	API_URL        base URL of the sample API
//	RESOURCE       the API's resource id at the broker; API_URL when not set
//	SCOPES         asked for at sign-in, separated by spaces
//	LISTEN         where to listen; 127.0.0.1:9200 when not set
package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/handstamp/handstamp/examples/bff"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	c := bff.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     cmp.Or(os.Getenv("CLIENT_ID"), "bff"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		BaseURL:      cmp.Or(os.Getenv("BASE_URL"), "http://127.0.0.1:9200"),
		APIURL:       os.Getenv("API_URL"),
		Resource:     cmp.Or(os.Getenv("RESOURCE"), os.Getenv("API_URL")),
		Scopes:       strings.Fields(os.Getenv("SCOPES")),
	}
	h, err := bff.New(c)
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:9200"), Handler: h, ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	log.Printf("single-page app with its backend on %s; the broker needs redirect URI %s and post-logout redirect URI %s", c.BaseURL, c.RedirectURI(), c.PostLogoutRedirectURI())
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
