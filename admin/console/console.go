package console

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/handstamp/handstamp/broker/door"
)

// Sealer keeps what travels in a browser unreadable and unchanged; *storage.Sealer is one.
type Sealer interface {
	Seal(purpose string, aad, plain []byte) []byte
	Open(purpose string, aad, sealed []byte) ([]byte, error)
}

// Brand is what the people who run the broker call themselves.
type Brand struct {
	Name string // "Handstamp" when empty
}

// Options are the running rooms that the console joins.
type Options struct {
	URL    string       // the console's own address, without a path
	Issuer string       // the broker's
	API    http.Handler // the admin API, in process
	Broker http.Handler // the broker, in process: code exchange, refresh, revocation
	Sealer Sealer
	Brand  Brand
	Event  func(door.Event) // counts what should not happen here; nil: nobody counts
	Now    func() time.Time
	Logger *slog.Logger
}

// Console serves the pages. It is safe for concurrent use.
type Console struct {
	Options
	url, issuer *url.URL
	broker      *http.Client
	look        *look
	jar         *jar
	pending     *pending
	renewals    *renewals
	table       []route
	mux         *http.ServeMux
}

// New joins the rooms and lists the pages.
func New(o Options) (*Console, error) {
	c := &Console{Options: o}
	if c.Event == nil {
		c.Event = func(door.Event) {}
	}
	var err error
	if c.url, err = address(o.URL); err != nil {
		return nil, fmt.Errorf("console: url: %w", err)
	}
	if c.url.Path != "" {
		return nil, errors.New("console: url: it stands at the root of a host, without a path")
	}
	if c.issuer, err = address(o.Issuer); err != nil {
		return nil, fmt.Errorf("console: issuer: %w", err)
	}
	if o.API == nil || o.Broker == nil || o.Sealer == nil {
		return nil, errors.New("console: it needs the API, the broker and a sealer")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Brand.Name == "" {
		c.Brand.Name = "Handstamp"
	}
	if c.look, err = newLook(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c.broker = &http.Client{Transport: inside{o.Broker}, CheckRedirect: stay}
	c.jar = newJar(c.url, o.Sealer, c.Now)
	c.pending, c.renewals = newPending(c.Now), newRenewals(c.Now)
	return c, c.open()
}

// Handler is the front door.
func (c *Console) Handler() http.Handler { return http.HandlerFunc(c.enter) }

// RedirectURI is where the broker's answer to a sign-in goes.
func (c *Console) RedirectURI() string { return c.URL + "/callback" }

func address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "/") {
		return nil, fmt.Errorf("%q is not a web address without a trailing slash", text)
	}
	return u, nil
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
