package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/door"
)

// mostForm is how much a form may hold.
const mostForm = 1 << 20

var (
	errForbidden  = errors.New("the role does not allow this")
	errNotFound   = errors.New("there is nothing at this address")
	errCrossSite  = errors.New("the form was not sent by a page of this console")
	errFormToken  = errors.New("the form was made for another session")
	errSignedOut  = errors.New("nobody is signed in")
	errWrongHost  = errors.New("the Host header names another host")
	errMethod     = errors.New("this address does not answer that method")
	errUnreadable = errors.New("the form could not be read")
)

// enter is what every request crosses: the address must be ours and canonical, and what
// changes something must come from a page of ours, for this very session.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) {
	began := c.Now()
	rec := &door.Writer{ResponseWriter: w}
	v := &visit{c: c, w: rec, r: r, reference: newReference()}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), visitKey{}, v))
	defer cancel()
	r = r.WithContext(ctx)
	v.r = r
	defer func() {
		p := recover()
		if p == http.ErrAbortHandler { // half an answer must not look like a whole one
			defer panic(p)
		} else if p != nil {
			c.Logger.Error("console panic", "reference", v.reference, "path", door.Cut(r.URL.Path), "panic", door.KindOfPanic(p), "stack", string(debug.Stack()))
			if rec.Status == 0 {
				v.fail(errors.New("panic"))
			}
		}
		attrs := []any{"reference", v.reference, "method", door.Cut(r.Method), "path", door.Cut(r.URL.Path), "status", rec.Status, "took_us", c.Now().Sub(began).Microseconds()}
		if errors.Is(v.cause, errCrossSite) || errors.Is(v.cause, errFormToken) {
			attrs = append(attrs, "event", string(door.EventCrossSite))
			c.Event(door.EventCrossSite)
		}
		if v.cause != nil {
			attrs = append(attrs, "cause", door.Cut(v.cause.Error()))
		}
		if rec.Status >= 500 {
			c.Logger.Error("console", attrs...)
		} else {
			c.Logger.Info("console", attrs...)
		}
	}()
	setHeaders(w.Header())
	if err := c.admit(v); err != nil {
		if v.session != nil && r.Method == http.MethodGet && !errors.Is(err, errWrongHost) {
			_ = c.recognise(v) // for the navigation; without it the page says the same
		}
		v.fail(err)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/assets/"); ok {
		if !c.look.serve(rec, r, name) {
			v.fail(errNotFound)
		}
		return
	}
	c.mux.ServeHTTP(rec, r)
}

// admit refuses what no page of ours would send. Its order is the order of the least said.
func (c *Console) admit(v *visit) error {
	r := v.r
	if !door.SameHost(c.url, r.Host) {
		return errWrongHost
	}
	if !canonical(r.URL) {
		return errNotFound
	}
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet // answers alike; net/http drops the body
		defer func() { r.Method = http.MethodHead }()
	}
	v.session = c.jar.session(r)
	allow := c.methods(r.URL.Path)
	if strings.HasPrefix(r.URL.Path, "/assets/") {
		allow = []string{http.MethodGet, http.MethodHead}
	}
	if len(allow) == 0 {
		return errNotFound
	}
	if !slices.Contains(allow, r.Method) {
		v.w.Header().Set("Allow", strings.Join(allow, ", "))
		return errMethod
	}
	if r.Method == http.MethodGet {
		return nil
	}
	if !door.SameSite(r, c.url) {
		return errCrossSite
	}
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
		return errUnreadable
	}
	r.Body = http.MaxBytesReader(v.w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return errUnreadable
	}
	if v.session != nil && !v.session.formTokenOK(r.PostForm.Get(csrfField)) {
		return errFormToken
	}
	return nil
}

// canonical tells whether an address is spelled in the one way that pages spell it:
// nothing in it is escaped (A18).
func canonical(u *url.URL) bool {
	return door.Canonical(u) && u.EscapedPath() == u.Path && strings.HasPrefix(u.Path, "/")
}

// setHeaders sets what every answer carries: no framing, no opener, no referrer, no
// cache, and nothing from anywhere but the console itself.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
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

// contentPolicy allows one stylesheet, one script and the icon, all by file. Forms end
// here: a new sign-in begins by a link, since Chrome checks form-action on every hop.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
