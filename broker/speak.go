package broker

import (
	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/page"
)

// speak gives the pages in the language of the person and with the looks of the house:
// ui_locales of the request, once it is known, comes before what the browser prefers.
func (b *Broker) speak(c *gin.Context) *page.Pages {
	p := b.pages
	if d := b.dir.Load(); d != nil && d.Brand() != (directory.Brand{}) {
		p = p.As(p.Brand().With(page.Brand(d.Brand())))
	}
	return p.For(rec(c).locales, c.GetHeader("Accept-Language"))
}
