package broker

import (
	"context"

	"github.com/gin-gonic/gin"
)

// TellAppsNow lets tests tell apps what is due now, once; it returns how much that was.
func (b *Broker) TellAppsNow(ctx context.Context) (int, error) { return b.outbox.Round(ctx) }

// Routes lists the doors of a running broker.
func (b *Broker) Routes() gin.RoutesInfo { return b.engine.Routes() }

// OpenAPI is the document as it is served.
func (b *Broker) OpenAPI() []byte { return b.openAPI.Load().body }
