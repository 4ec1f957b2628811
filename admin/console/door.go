package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
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
	rec := &recorder{ResponseWriter: w}
	v := &visit{c: c, w: rec, r: r, reference: newReference()}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), visitKey{}, v))
	defer cancel()
	r = r.WithContext(ctx)
	v.r = r
	defer func() {
		if p := recover(); p != nil {
			c.Logger.Error("console panic", "reference", v.reference, "path", cut(r.URL.Path), "stack", string(debug.Stack()))
			if rec.status == 0 {
				v.fail(errors.New("panic"))
			}
		}
		attrs := []any{"reference", v.reference, "method", cut(r.Method), "path", cut(r.URL.Path), "status", rec.status, "took_us", c.Now().Sub(began).Microseconds()}
		if v.cause != nil {
			attrs = append(attrs, "cause", cut(v.cause.Error()))
		}
		if rec.status >= 500 {
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
	if !sameHost(c.url, r.Host) {
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
	if !fromOurselves(r, c.url) {
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

// canonical tells whether an address is spelled in the one way that pages spell it: a
// proxy that guards a path must not be talked around (A18).
func canonical(u *url.URL) bool {
	p := u.EscapedPath()
	return p == u.Path && !strings.ContainsAny(p, `%\;`) && strings.HasPrefix(p, "/") && path.Clean(p) == p
}

// sameHost tells whether a Host header names the console's host (RFC 9110 §7.2).
func sameHost(u *url.URL, host string) bool {
	if u.Port() == "" {
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	}
	return strings.EqualFold(host, u.Host)
}

// fromOurselves is what a POST must show: Sec-Fetch-Site or else Origin speaks for the
// console itself; a request with neither is refused too (S05).
func fromOurselves(r *http.Request, u *url.URL) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return strings.EqualFold(r.Header.Get("Origin"), u.Scheme+"://"+u.Host)
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

type recorder struct {
	http.ResponseWriter
	status int
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return rec.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }
