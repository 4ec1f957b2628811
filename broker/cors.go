package broker

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
)

// preflight answers OPTIONS on the three endpoints that a page may call. It carries
// no client, so it answers for the union of all registered origins; the request
// that follows is checked against its own client.
func (b *Broker) preflight(c *gin.Context) {
	origin := c.GetHeader("Origin")
	c.Header("Vary", "Origin")
	if b.dir.Load().AllowsOrigin(origin) {
		c.Header("Access-Control-Allow-Origin", origin)
		c.Header("Access-Control-Allow-Methods", "GET, POST")
		c.Header("Access-Control-Allow-Headers", "Authorization, Content-Type")
		c.Header("Access-Control-Max-Age", "600")
	}
	empty(c, http.StatusNoContent)
}

// allowOrigin lets a page of the client's own origins read the answer, never with
// cookies. A request without an Origin does not come from a page.
func (b *Broker) allowOrigin(c *gin.Context, client *directory.Client) bool {
	origin := c.GetHeader("Origin")
	if origin == "" || b.docs != nil && origin == b.origin() {
		return true // the documentation page is ours: no other origin reads the answer
	}
	c.Header("Vary", "Origin")
	if !client.AllowsOrigin(origin) {
		return false
	}
	c.Header("Access-Control-Allow-Origin", origin)
	c.Header("Access-Control-Expose-Headers", "WWW-Authenticate")
	return true
}
