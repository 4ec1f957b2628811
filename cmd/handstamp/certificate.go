package main

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"time"
)

// certificate is a key pair on disk that may be replaced while we run. A
// replacement that does not load is logged, and the former one goes on.
type certificate struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex
	pair   *tls.Certificate
	stamps string
	looked time.Time
}

// load reads the files.
func (c *certificate) load() error {
	stamps := stamp(c.cert) + stamp(c.key)
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair, c.stamps, c.looked = &pair, stamps, c.now()
	return nil
}

// get answers a handshake; it looks at the files at most once a second.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.looked) < time.Second {
		return c.pair, nil
	}
	c.looked = c.now()
	if stamps := stamp(c.cert) + stamp(c.key); stamps != c.stamps {
		if err := c.load(); err != nil {
			c.log.Error("the new TLS certificate was not taken; the former one stays", "file", c.cert, "cause", err)
			c.stamps = stamps // tell it once, not at every handshake
		} else {
			c.log.Info("a new TLS certificate was taken", "file", c.cert)
		}
	}
	return c.pair, nil
}
