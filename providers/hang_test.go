package providers

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inner answers a request by calling e, without any network, so that a test's
// clock can stand still or jump.
type inner struct{ e *evil }

func (i inner) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.e.ServeHTTP(w, r)
	return w.Result(), nil
}

// stuck hangs on some paths and counts who waits there.
type stuck struct {
	inner
	path    string
	slow    http.RoundTripper // how it hangs; nil: silence
	waiting atomic.Int32
	most    atomic.Int32
}

func (s *stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, s.path) {
		return s.inner.RoundTrip(r)
	}
	n := s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	if s.slow != nil {
		return s.slow.RoundTrip(r)
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// piped is a real transport whose connections end at a server of the test.
func piped(serve func(net.Conn)) *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serve(theirs)
		return ours, nil
	}}
}

func TestU24_AHangingUpstreamHoldsNobodyLongerThanTenSeconds(t *testing.T) {
	silence := func(c net.Conn) { _, _ = io.Copy(io.Discard, c); c.Close() } // takes all, says nothing
	dripping := func(c net.Conn) {                                           // one byte a second, for ever
		defer c.Close()
		go func() { _, _ = io.Copy(io.Discard, c) }()
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"); err != nil {
			return
		}
		for {
			time.Sleep(time.Second) //nolint:forbidigo // of the test's clock
			if _, err := io.WriteString(c, " "); err != nil {
				return
			}
		}
	}
	e := newEvil(t)
	for _, row := range []struct {
		why, path string
		serve     func(net.Conn)
	}{
		{"token: silence before any byte", "/token", nil},
		{"token: silence after the request", "/token", silence},
		{"token: a byte a second", "/token", dripping},
		{"userinfo: a byte a second", "/userinfo", dripping},
		{"keys: silence", "/jwks", silence},
		{"discovery: silence", discoveryPath, silence},
		{"discovery: a byte a second", discoveryPath, dripping},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stuck{inner: inner{e}, path: row.path}
			if row.serve != nil {
				tr := piped(row.serve)
				s.slow = tr
				defer tr.CloseIdleConnections()
			}
			p := e.provider("oidc", alwaysUserInfo, func(o *Settings) { o.Client = &http.Client{Transport: s} })
			began := time.Now()
			_, err := e.login(p)
			wantError(t, err, TemporarilyUnavailable, row.why)
			if took := time.Since(began); took > patience {
				t.Errorf("%s: took %s", row.why, took)
			}
			if !p.Health().Down && row.path != "/userinfo" {
				t.Errorf("%s: nobody is told", row.why)
			}
			time.Sleep(2 * time.Second) //nolint:forbidigo // of the test's clock: the dripping end notices that nobody listens
		})
	}
}

func TestU24_FiveHundredStuckLoginsLeaveTheOthersAlone(t *testing.T) {
	e := newEvil(t)
	synctest.Test(t, func(t *testing.T) {
		s := &stuck{inner: inner{e}, path: "/token"}
		a := e.provider("oidc", func(o *Settings) { o.Client = &http.Client{Transport: s} })
		b := e.provider("oidc", func(o *Settings) { o.Client = &http.Client{Transport: inner{e}} })
		began := time.Now()
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				_, err := e.login(a)
				wantError(t, err, TemporarilyUnavailable, "a stuck login")
			})
		}
		synctest.Wait() // all 500 hang
		if n := s.waiting.Load(); n != maxParallel {
			t.Errorf("%d requests are under way, want %d", n, maxParallel)
		}
		for range 20 {
			if _, err := e.login(b); err != nil {
				t.Errorf("the other provider: %v", err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the other provider waited %s", took)
		}
		wg.Wait()
		if took := time.Since(began); took > patience {
			t.Errorf("a stuck login took %s", took)
		}
		if n := s.most.Load(); n > maxParallel {
			t.Errorf("%d requests at once", n)
		}
		if len(a.places) != 0 {
			t.Errorf("%d places were not given back", len(a.places))
		}
	})
}

func TestAPersonWhoLeavesSpoilsNothingForTheOthers(t *testing.T) {
	e := newEvil(t)
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &gated{inner: inner{e}, gate: gate}
		p := e.provider("oidc", func(o *Settings) { o.Client = &http.Client{Transport: s} })
		ctx, leave := context.WithCancel(context.Background())
		var first, second error
		var wg sync.WaitGroup
		wg.Go(func() { _, first = p.Begin(ctx, newAttempt()) })
		synctest.Wait()
		wg.Go(func() { _, second = p.Begin(context.Background(), newAttempt()) })
		synctest.Wait()
		leave()
		synctest.Wait()
		close(gate)
		wg.Wait()
		wantError(t, first, TemporarilyUnavailable, "who left")
		if second != nil {
			t.Errorf("who stayed: %v", second)
		}
		if n := s.count.Load(); n != 1 {
			t.Errorf("discovery was asked %d times, want once for both", n)
		}
		if p.Health().Down {
			t.Error("the upstream is blamed")
		}
	})
}

type gated struct {
	inner
	gate  chan struct{}
	count atomic.Int32
}

func (g *gated) RoundTrip(r *http.Request) (*http.Response, error) {
	g.count.Add(1)
	<-g.gate
	return g.inner.RoundTrip(r)
}

func TestADeadUpstreamSaysSoAndComesBack(t *testing.T) {
	e := newEvil(t)
	synctest.Test(t, func(t *testing.T) {
		d := &mortal{inner: inner{e}}
		p := e.provider("oidc", func(o *Settings) { o.Client, o.Now = &http.Client{Transport: d}, e.clock.Now })
		if h := p.Health(); h.Down || h.Asked || d.count.Load() != 0 {
			t.Errorf("before anybody asked: %+v", h)
		}
		p.LookAgain()
		synctest.Wait()
		if n := d.count.Load(); n != 1 {
			t.Errorf("looking at it made %d requests, want 1", n)
		}
		if _, err := e.login(p); err != nil {
			t.Fatal(err)
		}

		d.dead.Store(true)
		_, err := e.login(p)
		wantError(t, err, TemporarilyUnavailable, "dead")
		h := p.Health()
		if !h.Down || h.Reason == "" || !h.Since.Equal(e.clock.Now()) {
			t.Errorf("health says %+v", h)
		}
		synctest.Wait()
		asked := d.count.Load()
		for range 100 {
			p.LookAgain()
			synctest.Wait()
		}
		if n := d.count.Load() - asked; n > 1 {
			t.Errorf("a hundred looks made %d requests", n)
		}

		d.dead.Store(false)
		e.clock.Advance(failureRest + time.Second)
		p.LookAgain()
		synctest.Wait()
		if h := p.Health(); h.Down {
			t.Errorf("it is back, but: %+v", h)
		}
	})
}

func TestADeadUpstreamDoesNotKeepNewOrOthersFromWorking(t *testing.T) {
	e := newEvil(t)
	dead := e.provider("oidc", func(s *Settings) { s.Issuer = closedPort(t) })
	_, err := dead.Begin(t.Context(), newAttempt())
	wantError(t, err, TemporarilyUnavailable, "nobody listens")
	if h := dead.Health(); !h.Down {
		t.Error("nobody is told")
	}
	if err := dead.Probe(t.Context()); err == nil {
		t.Error("the probe is content")
	}
	p := e.provider("oidc")
	if err := p.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := e.login(p); err != nil {
		t.Error(err)
	}
}

func TestTheProbeComparesTheAuthMethod(t *testing.T) {
	e := newEvil(t)
	e.metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []any{"private_key_jwt"} }
	if err := e.provider("oidc").Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "auth_method") {
		t.Errorf("got %v", err)
	}
}

type mortal struct {
	inner
	dead  atomic.Bool
	count atomic.Int32
}

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	m.count.Add(1)
	if m.dead.Load() {
		return nil, &net.OpError{Op: "dial", Err: io.ErrClosedPipe}
	}
	return m.inner.RoundTrip(r)
}

// closedPort is the URL of a port where nobody listens any more.
func closedPort(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	u := must(url.Parse(s.URL))
	s.Close()
	return u.String()
}
