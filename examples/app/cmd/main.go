// Command cmd runs the sample app.
//
//	ISSUER         the broker's issuer, such as https://login.example
//	CLIENT_ID      this app's id in the broker's settings; web when not set
//	CLIENT_SECRET  its secret
//	BASE_URL       where people reach this app; http://127.0.0.1:9000 when not set
//	API_URL        base URL of the sample API
//	RESOURCE       the API's resource id at the broker; API_URL when not set
//	SCOPES         asked for at sign-in, separated by spaces
//	PROVIDERS      the buttons, such as "google=Google,okta=Okta"
//	LISTEN         where to listen; 127.0.0.1:9000 when not set
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

	"github.com/handstamp/handstamp/examples/app"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	c := app.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     cmp.Or(os.Getenv("CLIENT_ID"), "web"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		BaseURL:      cmp.Or(os.Getenv("BASE_URL"), "http://127.0.0.1:9000"),
		APIURL:       os.Getenv("API_URL"),
		Resource:     cmp.Or(os.Getenv("RESOURCE"), os.Getenv("API_URL")),
		Scopes:       strings.Fields(os.Getenv("SCOPES")),
		Providers:    buttons(os.Getenv("PROVIDERS")),
	}
	h, err := app.New(c)
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:9000"), Handler: h, ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	log.Printf("sample app on %s; the broker needs redirect URI %s, post-logout redirect URI %s and back-channel logout URI %s",
		c.BaseURL, c.RedirectURI(), c.PostLogoutRedirectURI(), c.BackchannelLogoutURI())
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

// buttons reads "google=Google,okta=Okta"; a slug alone is its own title.
func buttons(s string) (out []app.Provider) {
	for _, item := range strings.Split(s, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		slug, title, _ := strings.Cut(item, "=")
		out = append(out, app.Provider{Slug: slug, Title: cmp.Or(title, slug)})
	}
	return out
}
