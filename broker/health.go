package broker

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// mostSkew is how far this node's clock may be from the database's. Beyond it codes, tokens
// and sessions would live longer or shorter here than on the other nodes.
const mostSkew = 30 * time.Second

// livez says that the process runs; it knows nothing else and tells nothing else.
func (b *Broker) livez(c *gin.Context) { c.Status(http.StatusOK) }

// Behind says that this node could not follow the directory: it serves a former one, and
// is not ready while others are.
func (b *Broker) Behind(behind bool) { b.behind.Store(behind) }

// readyz says whether people should be sent here: the database answers, our clock agrees
// with its, and we are not stopping. A dead upstream does not make the broker unready,
// since the others work. The answer is a status alone; the log has the reason.
func (b *Broker) readyz(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), 2*time.Second)
	defer cancel()
	if err := b.unready(ctx); err != nil {
		rec(c).cause = err
		c.Status(http.StatusServiceUnavailable)
		return
	}
	c.Status(http.StatusOK)
}

func (b *Broker) unready(ctx context.Context) error {
	switch {
	case b.stopping.Load():
		return reason("it is stopping")
	case b.blind.Load():
		return reason("this node cannot tell whether the directory has changed")
	case b.behind.Load():
		return reason("this node could not follow the directory")
	}
	skew, err := b.db.Skew(ctx)
	if err != nil {
		return err
	}
	if skew.Abs() > mostSkew {
		return reason("its clock is " + skew.Round(time.Second).String() + " ahead of the database's")
	}
	return nil
}
