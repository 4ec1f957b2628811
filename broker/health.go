package broker

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// livez says that the process runs; it knows nothing else and tells nothing else.
func (b *Broker) livez(c *gin.Context) { c.Status(http.StatusOK) }

// Behind says that this node could not follow the directory: it serves a former one, and
// is not ready while others are.
func (b *Broker) Behind(behind bool) { b.behind.Store(behind) }

// readyz says whether people should be sent here: the database answers and we are
// not stopping. A dead upstream does not make the broker unready, since the others work.
func (b *Broker) readyz(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), 2*time.Second)
	defer cancel()
	if b.stopping.Load() || b.blind.Load() || b.behind.Load() || b.db.Ping(ctx) != nil {
		c.Status(http.StatusServiceUnavailable)
		return
	}
	c.Status(http.StatusOK)
}
