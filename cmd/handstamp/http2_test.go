package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// flooder is an attacker's end of an HTTP/2 connection: frames as it likes.
type flooder struct {
	*http2.Framer
	conn *tls.Conn
}

func flood(t *testing.T, srv *httptest.Server) *flooder {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		t.Fatal("the server speaks no HTTP/2")
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a bound for a broken server, nothing that is measured
		t.Fatal(err)
	}
	f := &flooder{http2.NewFramer(conn, conn), conn}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

func headers(t *testing.T, more int) []byte {
	t.Helper()
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	fields := []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "example.com"}, {Name: ":path", Value: "/"}}
	if more > 0 {
		fields = append(fields, hpack.HeaderField{Name: "x-long", Value: string(bytes.Repeat([]byte("x"), more)), Sensitive: true})
	}
	for _, h := range fields {
		if err := e.WriteField(h); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// ended reads until the server ends the connection and returns its reason.
func (f *flooder) ended(t *testing.T) http2.ErrCode {
	t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return http2.ErrCodeNo
		}
		if away, ok := frame.(*http2.GoAwayFrame); ok {
			return away.ErrCode
		}
	}
}

func TestI14_HTTP2FloodsEndTheirOwnConnectionOnly(t *testing.T) {
	release := make(chan struct{})
	var began = make(chan struct{}, 100_000)
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			began <- struct{}{}
			<-release
		}
	}), slog.New(slog.DiscardHandler))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })

	f := flood(t, srv)
	frame, err := f.ReadFrame()
	settings, ok := frame.(*http2.SettingsFrame)
	if err != nil || !ok {
		t.Fatal(frame, err)
	}
	if most, ok := settings.Value(http2.SettingMaxConcurrentStreams); !ok || most != 100 {
		t.Errorf("streams at once: %d, %v", most, ok)
	}

	// Rapid reset: streams that are cancelled as soon as they begin (CVE-2023-44487).
	block, sent := headers(t, 0), 0
	for id := uint32(1); sent < 20_000; id, sent = id+2, sent+1 {
		err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
		if err == nil {
			err = f.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			break
		}
	}
	if code := f.ended(t); code != http2.ErrCodeEnhanceYourCalm && code != http2.ErrCodeNo {
		t.Errorf("rapid reset ends with %v", code)
	}
	if n := len(began); n > 100 {
		t.Errorf("%d of the cancelled requests ran at once", n)
	}

	// CONTINUATION frames without end (CVE-2023-45288).
	f, taken := flood(t, srv), 0
	err = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(t, 0), EndStream: true})
	for piece := headers(t, 12<<10); err == nil && taken < 64<<20; taken += len(piece) {
		err = f.WriteContinuation(1, false, piece)
	}
	if err == nil {
		t.Errorf("%d bytes of headers were taken", taken)
	}

	// PING without ever reading the answers.
	f, taken = flood(t, srv), 0
	for err = nil; err == nil && taken < 8_000_000; taken++ {
		err = f.WritePing(false, [8]byte{})
	}
	if err == nil {
		t.Error("8 million pings were answered into nowhere")
	}

	res, err := srv.Client().Get(srv.URL + "/honest")
	if err != nil || res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		t.Fatalf("somebody else: %v, %v", res, err)
	}
	if err := res.Body.Close(); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
