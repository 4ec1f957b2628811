package page

import (
	"net/http"
	"slices"
	"strings"
)

// policy builds the Content-Security-Policy of one page. Its zero value allows
// nothing at all.
type policy struct {
	Style  string   // one source, or ""
	Script string   // one source, or ""
	Images []string // sources
	Forms  string   // "'none'" or "'self'"; "" for a page whose form ends at an app
}

// String writes the header. A page whose form is answered by a redirect to an
// app carries no form-action at all: Chrome checks it against every hop after
// the submission, and apps live on hosts (and schemes) of their own.
func (p policy) String() string {
	d := []string{"default-src 'none'"}
	if p.Style != "" {
		d = append(d, "style-src "+p.Style)
	}
	if p.Script != "" {
		d = append(d, "script-src "+p.Script)
	}
	if len(p.Images) > 0 {
		slices.Sort(p.Images)
		d = append(d, "img-src "+strings.Join(slices.Compact(p.Images), " "))
	}
	d = append(d, "base-uri 'none'", "frame-ancestors 'none'")
	if p.Forms != "" {
		d = append(d, "form-action "+p.Forms)
	}
	return strings.Join(d, "; ")
}

// image admits one configured picture and returns its address, or "" for one
// that is not an https URL. Only that picture's host is added to the policy.
func (p *policy) image(address string) string {
	u, ok := webURL(address)
	if !ok {
		return ""
	}
	p.Images = append(p.Images, u.Scheme+"://"+u.Host)
	return u.String()
}

// setHeaders sets what every HTML answer carries: no framing (RFC 9700 §4.16), no
// referrer (§4.2.4), no opener (§4.17), no cache, and only the scripts of its policy.
func setHeaders(h http.Header, p policy) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.String())
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), publickey-credentials-get=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Robots-Tag", "noindex")
}
