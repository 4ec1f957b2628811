package broker

import (
	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/providers"
)

// choose shows one button a provider. A button is a link that repeats the request
// with the provider named: nothing is stored for somebody who only looks.
func (b *Broker) choose(c *gin.Context, v *visit, allowed []*directory.Provider) error {
	view := page.Chooser{App: v.app(), CancelHref: b.cancel(v.request)}
	looks := 0
	for _, p := range allowed {
		button := page.ChooserButton{Slug: p.Slug, Title: titleOf(p), Icon: p.Icon, Href: b.link(v.request, "provider", p.Slug)}
		if r, ok := v.dir.Upstreams[p.Slug].(providers.Reporter); ok {
			if h := r.Health(); h.Down {
				button.Down, button.DownReason = true, "It is not reachable right now."
			}
			if looks < providers.MostLooks && r.LookAgain() {
				looks++
			}
		}
		view.Buttons = append(view.Buttons, button)
	}
	return b.speak(c).Chooser(c.Writer, view)
}

func titleOf(p *directory.Provider) string {
	if p.Title != "" {
		return p.Title
	}
	if k, ok := providers.Lookup(p.Kind); ok {
		return k.Title
	}
	return p.Slug
}
