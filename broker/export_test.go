package broker

import (
	"context"
	"net/url"

	"github.com/gin-gonic/gin"
)

// SameHost lets tests ask what the entrance compares.
func SameHost(issuer, host string) bool {
	u, err := url.Parse(issuer)
	return err == nil && sameHost(u, host)
}

// TellAppsNow lets tests tell apps what is due now, once; it returns how much that was.
func (b *Broker) TellAppsNow(ctx context.Context) (int, error) { return b.outbox.Round(ctx) }

// Routes lists the doors of a running broker.
func (b *Broker) Routes() gin.RoutesInfo { return b.engine.Routes() }

// OpenAPI is the document as it is served.
func (b *Broker) OpenAPI() []byte { return b.openAPI.Load().body }
