package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/guard/guardtest"
	"github.com/handstamp/handstamp/tokens"
)

func TestARefusalSaysWhatRFC6750Wants(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	good := issuer.Token("usr_alice", "items:read")
	const realm = `Bearer realm="https://api.example", `
	const scope = `scope="items:read items:write"`
	for _, row := range []struct {
		why, authorization string
		status             int
		challenge, code    string
	}{
		{"no token: no error in the challenge (§3.1)", "", 401, realm + scope, "missing_token"},
		{"another scheme is no token", "Basic dXNlcjpwYXNz", 401, realm + scope, "missing_token"},
		{"a scheme that begins like ours", "Bearerx " + good, 401, realm + scope, "missing_token"},
		{"no token after the scheme", "Bearer", 400, realm + `error="invalid_request", error_description="the Authorization header is not Bearer and one token", ` + scope, "invalid_request"},
		{"two tokens", "Bearer a b", 400, realm + `error="invalid_request", error_description="the Authorization header is not Bearer and one token", ` + scope, "invalid_request"},
		{"rubbish", "Bearer rubbish", 401, realm + `error="invalid_token", error_description="the access token is not valid", ` + scope, "invalid_token"},
		{"forged", "Bearer " + issuer.Token("usr_alice", "items:read", guardtest.Forged()), 401, realm + `error="invalid_token", error_description="the access token is not valid", ` + scope, "invalid_token"},
		{"of another issuer", "Bearer " + issuer.Token("usr_alice", "items:read", guardtest.OfIssuer("https://evil.example")), 401, realm + `error="invalid_token", error_description="the access token is not valid", ` + scope, "invalid_token"},
		{"expired", "Bearer " + issuer.Token("usr_alice", "items:read", guardtest.Expired()), 401, realm + `error="invalid_token", error_description="the access token has expired", ` + scope, "invalid_token"},
		{"T13: for another API", "Bearer " + issuer.Token("usr_alice", "items:read", guardtest.For("https://other.example")), 401, realm + `error="invalid_token", error_description="the access token is for another audience", ` + scope, "invalid_token"},
		{"one scope of two", "Bearer " + good, 403, realm + `error="insufficient_scope", error_description="the access token does not have the scopes that this needs", ` + scope, "insufficient_scope"},
	} {
		w := call(g, row.authorization, "items:read", "items:write")
		want(t, row.why, w, row.status)
		if got := w.Header().Get("WWW-Authenticate"); got != row.challenge {
			t.Errorf("%s: WWW-Authenticate\n got %s\nwant %s", row.why, got, row.challenge)
		}
		var body map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body["error"] != row.code || body["error_description"] == "" || len(body) != 2 {
			t.Errorf("%s: body %s", row.why, w.Body)
		}
		if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", row.why, h)
		}
	}
	want(t, "both scopes", call(g, "Bearer "+issuer.Token("usr_alice", "items:write items:read"), "items:read", "items:write"), 200)
	want(t, "no scope needed, none there", call(g, "bEARER "+issuer.Token("usr_alice", "")), 200)
	want(t, "a scope is no prefix", call(g, "Bearer "+issuer.Token("usr_alice", "items:readonly"), "items:read"), 403)
}

func TestAHandlerSeesWhoIsAsking(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	raw := issuer.Token("usr_alice", "items:read items:write", guardtest.Client("web"), guardtest.Roles("reader", "editor"),
		guardtest.Claim("department", "press"), guardtest.Session("sid1"))
	w := call(g, "Bearer "+raw, "items:write")
	if got := w.Body.String(); w.Code != 200 || got != "usr_alice via web: items:read items:write reader editor" {
		t.Errorf("%d %s", w.Code, got)
	}
	token, err := g.Verify(context.Background(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if !token.HasRole("editor") || token.HasRole("edit") || !token.HasScope("items:read") || token.HasScope("items") || token.SessionID != "sid1" ||
		token.Claims["department"] != "press" || token.ID == "" || token.ExpiresAt.Sub(token.IssuedAt) != 5*time.Minute {
		t.Errorf("%+v", token)
	}
	if _, ok := guard.From(context.Background()); ok {
		t.Error("a token out of nothing")
	}
	if _, ok := guard.From(guard.NewContext(context.Background(), nil)); ok {
		t.Error("a nil token is a token")
	}
}

func TestATokenElsewhereThanInTheHeaderIsNotLookedAt(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	raw := issuer.Token("usr_alice", "")
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let through") })
	post := httptest.NewRequest("POST", "/items", strings.NewReader("access_token="+raw))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	cookie := httptest.NewRequest("GET", "/items", nil)
	cookie.AddCookie(&http.Cookie{Name: "access_token", Value: raw})
	for why, r := range map[string]*http.Request{"query": httptest.NewRequest("GET", "/items?access_token="+raw, nil), "form": post, "cookie": cookie} {
		w := httptest.NewRecorder()
		g.Require()(never).ServeHTTP(w, r)
		want(t, why, w, 401)
	}
	two := httptest.NewRequest("GET", "/items", nil)
	two.Header["Authorization"] = []string{"Bearer " + raw, "Bearer " + raw}
	w := httptest.NewRecorder()
	g.Require()(never).ServeHTTP(w, two)
	want(t, "two headers", w, 400)
}

func TestT15_AHugeTokenIsRefusedUnread(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	for why, raw := range map[string]string{"dots": strings.Repeat(".", 1<<20), "letters": strings.Repeat("a", 1<<20), "one too many": strings.Repeat("a", tokens.MaxLength+1)} {
		want(t, why, call(g, "Bearer "+raw), 401)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+strings.Repeat(".", 1<<20))
	check := g.Checker()
	if n := testing.AllocsPerRun(10, func() { check(r) }); n > 20 {
		t.Errorf("%v allocations", n)
	}
}

func TestT08_AnIDTokenOpensNoAPI(t *testing.T) {
	b := newBroker(t)
	g := b.guard()
	m := &tokens.Mint{Issuer: b.URL, Ring: b.ring, Now: b.now}
	raw, err := m.ID(context.Background(), tokens.Granted{Subject: "usr_alice", ClientID: audience}, tokens.IDToken{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "an ID token whose audience would fit", call(g, "Bearer "+raw), 401)
}

func TestT27_ARevocationIsNoticedWhenTheTokenExpires(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	raw := issuer.Token("usr_alice", "")
	issuer.Advance(tokens.DefaultAccessTTL + guard.DefaultLeeway - 2*time.Second)
	want(t, "within the documented bound", call(g, "Bearer "+raw), 200)
	issuer.Advance(2 * time.Second)
	want(t, "after it", call(g, "Bearer "+raw), 401)
	long := issuer.Token("usr_alice", "", guardtest.LivesFor(24*time.Hour))
	issuer.Advance(tokens.MaxTTL + guard.DefaultLeeway)
	want(t, "no token lives longer than an hour", call(g, "Bearer "+long), 401)
}

func TestStatsCountWhatHappened(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	good := "Bearer " + issuer.Token("usr_alice", "items:read")
	call(g, good, "items:read")
	call(g, good, "items:read")
	call(g, "")
	call(g, "Bearer a b")
	call(g, good, "items:write")
	call(g, "Bearer rubbish")
	if _, err := g.Verify(context.Background(), "rubbish"); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if got, want := g.Stats(), (guard.Stats{Accepted: 2, Missing: 2, Invalid: 2, Forbidden: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b := newBroker(t)
	remote := b.guard()
	call(remote, "Bearer "+b.token())
	b.down()
	b.advance(25 * time.Hour)
	call(remote, "Bearer "+b.token())
	s := remote.Stats()
	if s.Accepted != 1 || s.Unavailable != 1 || s.KeyFetches != 2 || s.KeyFailures != 1 || s.KeysFetched.IsZero() || s.KeysLastFail == "" {
		t.Errorf("%+v", s)
	}
}

func TestReadyWithoutANetworkIsReady(t *testing.T) {
	if err := guardtest.New(t).Guard(audience).Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAnIssuerMustBeSafe(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"https://id.example": true, "https://id.example/": true, "https://id.example:8443/tenant": true,
		"http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://127.9.9.9": true,
		"http://id.example": false, "http://localhost.evil.example": false, "http://127.0.0.1.evil.example": false, "http://10.0.0.1": false,
		"http://0.0.0.0:8080": false, "http://[::ffff:10.0.0.1]": false, "http://evil.localhost": false,
		"": false, "id.example": false, "//id.example": false, "ftp://id.example": false, "https://": false, "https:id.example": false,
		"https://user@id.example": false, "https://id.example?x=1": false, "https://id.example?": false, "https://id.example#x": false, "https://id.example#": false,
		"https://id .example": false, "https://id.example\n": false, "javascript:alert(1)": false,
	} {
		if _, err := guard.New(issuer, audience); (err == nil) != ok {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

func TestASettingThatCannotBeMeantIsRefused(t *testing.T) {
	for why, make := range map[string]func() (*guard.Guard, error){
		"no audience":         func() (*guard.Guard, error) { return guard.New("https://id.example", "") },
		"a quote in audience": func() (*guard.Guard, error) { return guard.New("https://id.example", `a"b`) },
		"a header in realm": func() (*guard.Guard, error) {
			return guard.New("https://id.example", audience, guard.WithRealm("x\r\nSet-Cookie: a=b"))
		},
		"a negative leeway": func() (*guard.Guard, error) {
			return guard.New("https://id.example", audience, guard.WithLeeway(-1))
		},
		"an hour's leeway": func() (*guard.Guard, error) {
			return guard.New("https://id.example", audience, guard.WithLeeway(time.Hour))
		},
		"no client": func() (*guard.Guard, error) {
			return guard.New("https://id.example", audience, guard.WithHTTPClient(nil))
		},
		"no clock": func() (*guard.Guard, error) {
			return guard.New("https://id.example", audience, guard.WithClock(nil))
		},
		"no keys": func() (*guard.Guard, error) {
			return guard.New("https://id.example", audience, guard.WithKeys(nil))
		},
	} {
		if g, err := make(); err == nil || g != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	g := guardtest.New(t).Guard(audience, guard.WithRealm("items"), guard.WithLeeway(0))
	if got := call(g, "").Header().Get("WWW-Authenticate"); got != `Bearer realm="items"` {
		t.Errorf("challenge %s", got)
	}
	if got := call(guardtest.New(t).Guard(audience, guard.WithRealm("")), "").Header().Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("challenge %s", got)
	}
}

func TestAMalformedScopeIsFoundAtStart(t *testing.T) {
	g := guardtest.New(t).Guard(audience)
	for _, scope := range []string{"", "items:read items:write", `a"b`, `a\b`, "tab\t", "ü"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was taken", scope)
				}
			}()
			g.Require("items:read", scope)
		}()
	}
}

func FuzzAuthorizationHeader(f *testing.F) {
	issuer := guardtest.New(f)
	g := issuer.Guard(audience)
	good := issuer.Token("usr_alice", "items:read")
	for _, seed := range []string{"", "Bearer", "Bearer ", "Bearer  " + good, "bearer " + good, "Bearer " + good + "=", "Basic x", "Bearer a,b", "Bearer\t" + good, "Bearer " + good + "\r\nX: y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		token, refusal := g.Checker("items:read")(r)
		if (token == nil) == (refusal == nil) {
			t.Fatal("exactly one of the two")
		}
		if refusal == nil {
			if !strings.EqualFold(header[:7], "Bearer ") || strings.Trim(header[7:], " ") != good {
				t.Fatalf("let through with %q", header)
			}
			return
		}
		w := httptest.NewRecorder()
		refusal.Write(w)
		if w.Code != 400 && w.Code != 401 || strings.ContainsAny(w.Header().Get("WWW-Authenticate"), "\r\n") || w.Body.Len() > 300 {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	issuer := guardtest.New(b)
	g := issuer.Guard(audience)
	raw := issuer.Token("usr_alice", "items:read", guardtest.Roles("reader"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Verify(context.Background(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequire is a whole request, keys from a broker, on all cores.
func BenchmarkRequire(b *testing.B) {
	broker := newBroker(b)
	g := broker.guard()
	h := g.Require("items:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	raw := broker.token()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest("GET", "/items", nil)
		r.Header.Set("Authorization", "Bearer "+raw)
		for pb.Next() {
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}
