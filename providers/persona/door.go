package persona

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody is more than any honest request needs.
const maxBody = 1 << 20

// door records a request, breaks the endpoint if a fault says so, and only
// then lets the request in.
func (p *Persona) door(e Endpoint, in http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		parsed := r.ParseForm()
		// What is left of the body is read, or net/http does not notice that
		// the caller hangs up.
		_, _ = io.Copy(io.Discard, r.Body)
		p.requests.add(Request{Endpoint: e, Method: r.Method, Query: r.URL.Query(), Form: cloneValues(r.PostForm), Header: r.Header.Clone()})

		if p.faults.broken(e, w, r) {
			return
		}
		if parsed != nil {
			http.Error(w, "unreadable request", http.StatusBadRequest)
			return
		}
		in(w, r)
	}
}

// broken lets an endpoint fail and reports whether it did.
func (f *Faults) broken(e Endpoint, w http.ResponseWriter, r *http.Request) bool {
	b, ok := f.Current().At[e]
	if !ok {
		return false
	}
	if b.Meanwhile != nil {
		b.Meanwhile()
	}
	status := func(usual int) int {
		if b.Status != 0 {
			return b.Status
		}
		return usual
	}
	contentType := b.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	switch {
	case b.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case b.Cut:
		panic(http.ErrAbortHandler)
	case b.Redirect != "":
		w.Header().Set("Location", b.Redirect)
		w.WriteHeader(status(http.StatusTemporaryRedirect))
	case b.Flood != 0:
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status(http.StatusOK))
		flood(w, b.Flood)
	case b.Body != "":
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status(http.StatusOK))
		_, _ = io.WriteString(w, b.Body)
	case b.Status != 0:
		w.WriteHeader(b.Status)
	default:
		return false
	}
	return true
}

// flood writes n bytes of a JSON object that never ends, or writes until the
// caller hangs up.
func flood(w io.Writer, n int64) {
	chunk := []byte(strings.Repeat("x", 32<<10))
	if _, err := io.WriteString(w, `{"padding":"`); err != nil {
		return
	}
	for sent := int64(0); n < 0 || sent < n; sent += int64(len(chunk)) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}`)
}

// canary answers with something that would pass for a key set.
func (p *Persona) canary(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{publicJWK("canary", &strangerKey().PublicKey)}, "groups": []string{"Admins"}})
}

func cloneValues(v url.Values) url.Values { return url.Values(http.Header(v).Clone()) }
