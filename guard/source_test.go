package guard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/guard"
)

func TestU23_U25_AnAnswerThatIsNotTheKeySetIsRefused(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked", r.URL)
	}))
	defer elsewhere.Close()
	rows := map[string]func(b *fakeBroker){
		"a redirect elsewhere": func(b *fakeBroker) {
			b.keySet = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, 302) }
		},
		"a redirect at home": func(b *fakeBroker) {
			b.keySet = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", 307) }
		},
		"a discovery that redirects": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, 301) }
		},
		"keys on another host": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, b.URL, elsewhere.URL+"/jwks")
			}
		},
		"keys behind a user name": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, b.URL, strings.Replace(b.URL, "//", "//user@", 1)+"/jwks")
			}
		},
		"another issuer": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"issuer":"https://evil.example","jwks_uri":%q}`, b.URL+"/jwks")
			}
		},
		"the issuer with a slash": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, b.URL+"/", b.URL+"/jwks")
			}
		},
		"no key set named": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"issuer":%q}`, b.URL) }
		},
		"an endless discovery": func(b *fakeBroker) { b.discovery = endless },
		"a right discovery that is too large": func(b *fakeBroker) {
			b.discovery = func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}%s`, b.URL, b.URL+"/jwks", strings.Repeat(" ", 64<<10))
			}
		},
		"an endless key set": func(b *fakeBroker) { b.keySet = endless },
		"a page": func(b *fakeBroker) {
			b.keySet = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>evil") }
		},
		"an empty set": func(b *fakeBroker) {
			b.keySet = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"keys":[]}`) }
		},
		"an error with a key set": func(b *fakeBroker) {
			b.keySet = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(500)
				body, _ := b.ring.JWKS()
				w.Write(body)
			}
		},
		"a broken connection": func(b *fakeBroker) {
			b.keySet = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		},
		"a first line of noise": func(b *fakeBroker) {
			b.keySet = func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					panic(err)
				}
				fmt.Fprintf(conn, "%s\r\n\r\n", strings.Repeat("evil", 10_000))
				conn.Close()
			}
		},
	}
	for why, spoil := range rows {
		b := newBroker(t)
		spoil(b)
		g := b.guard()
		want(t, why, call(g, "Bearer "+b.token()), 503)
		s := g.Stats()
		if s.Keys != 0 || s.KeyFailures != 1 || s.KeysLastFail == "" || len(s.KeysLastFail) > 500 {
			t.Errorf("%s: %+v", why, s)
		}
		if b.strangers.Load() != 0 {
			t.Errorf("%s: a redirect was followed", why)
		}
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := []byte(strings.Repeat(" ", 64<<10))
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestABadAnswerLeavesTheKeysThatAreKnown(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	want(t, "fetch", call(g, "Bearer "+b.token()), 200)
	b.misbehave(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"keys":[]}`) })
	b.advance(20 * time.Minute)
	want(t, "after an empty set", call(g, "Bearer "+b.token()), 200)
}

func TestAGivenClientIsHardenedToo(t *testing.T) {
	b := newBroker(t)
	followed := false
	given := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { followed = true; return nil }}
	b.misbehave(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", 302) })
	g := b.guard(guard.WithHTTPClient(given))
	want(t, "a redirect", call(g, "Bearer "+b.token()), 503)
	if followed || b.strangers.Load() > 0 || given.Timeout != 0 {
		t.Error("the given client was followed, or changed")
	}
}

func TestAnIssuerWithAPathOrASlashIsFound(t *testing.T) {
	for _, path := range []string{"/", "/tenant", "/tenant/"} {
		var asked []string
		var s *httptest.Server
		s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Path)
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.URL+path, s.URL+"/jwks")
		}))
		g, err := guard.New(s.URL+path, audience)
		if err != nil {
			t.Fatal(err)
		}
		g.Ready(context.Background()) // fails: no keys; what was asked is what counts
		s.Close()
		if want := strings.TrimSuffix(path, "/") + "/.well-known/openid-configuration"; len(asked) != 2 || asked[0] != want {
			t.Errorf("%s: asked %q, want %s", path, asked, want)
		}
	}
}
