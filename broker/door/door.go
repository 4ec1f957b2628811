// Package door is what every listener of the house asks of a request before a route sees
// it, and what it keeps of the answer: the broker's, the administration API's and the
// console's doors differ in what they say, not in whom they believe.
//
//	request ─▶ Canonical? SameHost? ─▶ (a form: SameSite?) ─▶ routes ─▶ Writer: the status for the log
//
// It owns these questions only. What is answered, counted and logged is each door's own
// business.
package door

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"strings"
	"time"
)

// Canonical tells whether a proxy in front and we read the same address: a guard of
// paths there must not be talked around. What stands escaped in it is only what has to.
func Canonical(u *url.URL) bool {
	return u.RawPath == "" && u.Path == path.Clean(u.Path) && !strings.ContainsAny(u.Path, ";\\")
}

// SameHost tells whether a Host header names our own host (RFC 9110 §7.2); the scheme's
// port may be spelled out.
func SameHost(own *url.URL, host string) bool {
	if own.Port() == "" {
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[own.Scheme])
	}
	return strings.EqualFold(host, own.Host)
}

// SameSite tells whether a POST that brings cookies was sent by a page of our own:
// Sec-Fetch-Site or else Origin must say so. A request with neither is another site's.
func SameSite(r *http.Request, own *url.URL) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return strings.EqualFold(r.Header.Get("Origin"), own.Scheme+"://"+own.Host)
}

// Writer remembers the status of an answer; 0 while there is none. Only the first one
// counts, as net/http has it.
type Writer struct {
	http.ResponseWriter
	Status int
}

// WriteHeader begins the answer.
func (w *Writer) WriteHeader(status int) {
	if w.Status != 0 {
		return // gin says it once more
	}
	w.Status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer with 200 where nothing did.
func (w *Writer) Write(p []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Cut makes what a stranger sent fit for one value of a log line.
func Cut(s string) string {
	if len(s) > 256 {
		s = s[:256] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// KindOfPanic says what panicked. Only the runtime's own words are repeated: any other
// value could carry what the request did.
func KindOfPanic(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// longAnswer is how long the whole audit of a large house may take.
const longAnswer = 15 * time.Minute

// Patient gives the reader of a long answer more time than the server gives to all.
func Patient(w http.ResponseWriter) {
	// A writer of this process, which has no deadline, says that it cannot.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longAnswer))
}
