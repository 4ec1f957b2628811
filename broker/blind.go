package broker

import (
	"github.com/gin-gonic/gin"
)

// Blind says that this node cannot tell whether the directory has changed: somebody may
// have been turned away meanwhile, so it gives no codes and no tokens until it can tell
// again, and a balancer is asked to send people elsewhere.
func (b *Broker) Blind(blind bool) { b.blind.Store(blind) }

// seeing is a handler of the doors at which codes and tokens are given.
func (b *Broker) seeing(h handler) handler {
	return func(c *gin.Context) error {
		if b.blind.Load() {
			return unavailable(reason("this node cannot tell whether the directory has changed"))
		}
		return h(c)
	}
}
