package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// inside is an http.RoundTripper that walks through the wall: it hands a request to a
// handler of this very process. No port, no proxy and no certificate stands between.
type inside struct{ http.Handler }

// RoundTrip serves one request. The visitor's address and device go along, so that
// limits and the audit log see the person and not the console.
func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = in.URL.RequestURI()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if v, ok := r.Context().Value(visitorKey{}).(*http.Request); ok {
		in.RemoteAddr = v.RemoteAddr
		for _, name := range []string{"User-Agent", "X-Forwarded-For"} {
			if values := v.Header.Values(name); len(values) > 0 {
				in.Header[name] = values
			}
		}
	} else {
		in.RemoteAddr = "127.0.0.1:0"
	}
	body, pipe := io.Pipe()
	w := &reply{header: http.Header{}, body: pipe, ready: make(chan struct{})}
	go func() {
		defer func() {
			p := recover()
			if p != nil {
				_ = pipe.CloseWithError(errors.New("the handler gave up"))
			}
			w.WriteHeader(http.StatusOK)
			_ = pipe.Close() // of a pipe: never fails
		}()
		i.ServeHTTP(w, in)
	}()
	select {
	case <-w.ready:
	case <-r.Context().Done():
		_ = body.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	return &http.Response{Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: r}, nil
}

// visitorKey leads from a context to the request that a person's browser sent.
type visitorKey struct{}

// onBehalf is a context for requests that are made for a visitor's.
func onBehalf(r *http.Request) context.Context {
	return context.WithValue(r.Context(), visitorKey{}, r)
}

// reply hands an answer over while it is written, so that an export of any length needs
// no room.
type reply struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	ready        chan struct{}
}

func (w *reply) Header() http.Header { return w.header }

func (w *reply) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	}
}

func (w *reply) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush does nothing: what is written is read at once.
func (w *reply) Flush() {}
