package admin_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// A server of the inner network that must never be called.
func canary(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Error(w, "inner", http.StatusTeapot)
	}))
	t.Cleanup(srv.Close)
	return srv, &calls
}

// names is a DNS server that gives each name the addresses of its list, one an answer.
func names(t *testing.T, table map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go serveNames(conn, table)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// serveNames answers questions for A as RFC 1035 §4 has it.
func serveNames(conn net.PacketConn, table map[string][]string) {
	asked := map[string]int{}
	b := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		end := 12
		var labels []string
		for end < n && b[end] != 0 {
			labels = append(labels, string(b[end+1:end+1+int(b[end])]))
			end += 1 + int(b[end])
		}
		question := b[12 : end+5]
		reply := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
		name := strings.Join(labels, ".")
		if all := table[name]; len(all) > 0 && question[len(question)-3] == 1 {
			ip := net.ParseIP(all[min(asked[name], len(all)-1)]).To4()
			asked[name]++
			reply[7] = 1
			reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip...)
		}
		if _, err := conn.WriteTo(reply, from); err != nil {
			return
		}
	}
}

func TestA08_ACheckCallsNoAddressOfTheInnerNetwork(t *testing.T) {
	k := newKit(t)
	inner, calls := canary(t)
	_, port, _ := net.SplitHostPort(inner.Listener.Addr().String())
	var err error
	if k.client, err = providers.NewClient(providers.ClientOptions{Timeout: 2 * time.Second, Resolver: names(t, map[string][]string{
		"inner.example": {"127.0.0.1"}, "ten.example": {"10.0.0.1"}, "cloud.example": {"169.254.169.254"}, "rebinding.example": {"203.0.113.9", "127.0.0.1"}})}); err != nil {
		t.Fatal(err)
	}
	token := k.robot()
	for why, address := range map[string]string{
		"loopback": "https://127.0.0.1:" + port, "IPv6 loopback": "https://[::1]:" + port, "an odd spelling": "https://0x7f.1:" + port,
		"mapped": "https://[::ffff:127.0.0.1]:" + port, "NAT64": "https://[64:ff9b::7f00:1]:" + port, "private": "https://10.0.0.1", "link-local": "https://169.254.169.254",
		"a name of loopback": "https://inner.example:" + port, "a name of a private network": "https://ten.example", "a name of a cloud's metadata": "https://cloud.example",
		"rebinding": "https://rebinding.example:" + port, "plain http": "http://127.0.0.1:" + port, "localhost": "http://localhost:" + port,
	} {
		draft := fmt.Sprintf(`{"provider":{"slug":"draft","kind":"oidc","issuer":%q,"client_id":"x"}}`, address)
		a := k.do("POST", "/providers/draft/check", token, draft)
		if why == "an odd spelling" && a.StatusCode == http.StatusOK && into[api.CheckResult](t, a).State == "silent" {
			continue // a name that resolves to nothing
		}
		p := must(t, a, http.StatusUnprocessableEntity).problem(t)
		if p.Kind() != api.BlockedAddress && !(strings.HasPrefix(address, "http:") && p.Kind() == api.Invalid) {
			t.Errorf("%s: %s", why, a.body)
		}
		if strings.Contains(a.body, "127.0.0.1") || strings.Contains(a.body, "10.0.0.1") {
			t.Errorf("%s: the answer maps the network: %s", why, a.body)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("the inner server was called %d times", calls.Load())
	}
	// Only the shell may open private networks; the network keeps what is there.
	draft := `{"provider":{"slug":"draft","kind":"oidc","issuer":"https://ten.example","client_id":"x","allow_private_network":true}}`
	must(t, k.do("POST", "/providers/draft/check", token, draft), http.StatusUnprocessableEntity)
	in := k.settings("/providers/corp", token)
	in["allow_private_network"] = true
	if p := must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusUnprocessableEntity).problem(t); p.Kind() != api.BlockedAddress || p.Problems[0].Path != "allow_private_network" {
		t.Errorf("%+v", p)
	}
	must(t, k.shell("PUT", "/providers/corp", asJSON(in), "If-Match", k.current()), http.StatusOK)
	in["title"] = "Corporation"
	must(t, k.do("PUT", "/providers/corp", token, asJSON(in), "If-Match", k.current()), http.StatusOK)
	// What was opened for one server is not open for its neighbours.
	neighbour := `{"provider":{"slug":"corp","kind":"oidc","issuer":"https://ten.example","client_id":"x","allow_private_network":true}}`
	must(t, k.do("POST", "/providers/corp/check", token, neighbour), http.StatusUnprocessableEntity)
	must(t, k.do("POST", "/providers/corp/check", token, asJSON(map[string]any{"provider": in})), http.StatusOK)
}

// A redirect is not followed, wherever it leads; what comes back is why, not what was there.
func TestA08_ACheckFollowsNoRedirectAndTellsNothingOfTheAnswer(t *testing.T) {
	k := newKit(t)
	inner, calls := canary(t)
	var answer http.HandlerFunc
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	t.Cleanup(outer.Close)
	var err error
	if k.client, err = providers.NewClient(providers.ClientOptions{Timeout: 2 * time.Second, AllowLoopback: true}); err != nil {
		t.Fatal(err)
	}
	check := func() *answerOf {
		return &answerOf{k.do("POST", "/providers/draft/check", k.robot(), fmt.Sprintf(`{"provider":{"slug":"draft","kind":"oidc","issuer":%q,"client_id":"x"}}`, outer.URL))}
	}
	answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL+"/secret", http.StatusFound)
	}
	if p := must(t, check().answer, http.StatusUnprocessableEntity).problem(t); p.Kind() != api.BlockedAddress || strings.Contains(p.Detail, inner.URL) {
		t.Errorf("%+v", p)
	}
	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("inner-secret-text"))
	}
	a := must(t, check().answer, http.StatusOK)
	if got := into[api.CheckResult](t, a); got.State != "silent" || got.Reason == "" || strings.Contains(a.body, "inner-secret") {
		t.Errorf("%s", a.body)
	}
	if calls.Load() != 0 {
		t.Errorf("the inner server was called %d times", calls.Load())
	}
}

type answerOf struct{ answer *answer }

func TestA14_AWriteNamesWhatItWasMadeFrom(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	bodies := map[string]string{"/directory": asJSON(k.book.Current().Document), "/providers": `{"slug":"x","kind":"oidc"}`, "/clients": `{"id":"x"}`, "/resources": `{"id":"https://x.example"}`, "/rules": `{"name":"x"}`, "/brand": `{"name":"x"}`}
	tries := 0
	for _, r := range admin.Routes() {
		if !r.Changes {
			continue
		}
		tries++
		body := ""
		if r.In != nil {
			part, _, _ := strings.Cut(r.Path[1:], "/")
			body = bodies["/"+part]
		}
		before := k.current()
		if p := must(t, k.do(r.Method, fill(r.Path), token, body), http.StatusPreconditionRequired).problem(t); p.Kind() != api.NoIfMatch {
			t.Errorf("%s %s: %s", r.Method, r.Path, p.Type)
		}
		if p := must(t, k.do(r.Method, fill(r.Path), token, body, "If-Match", `"77"`), http.StatusPreconditionFailed).problem(t); p.Kind() != api.Conflict || api.ETag(p.Revision) != before {
			t.Errorf("%s %s: %+v", r.Method, r.Path, p)
		}
		if k.current() != before {
			t.Errorf("%s %s changed something", r.Method, r.Path)
		}
	}
	if tries < 15 {
		t.Errorf("%d routes", tries)
	}
}

func TestA14_OfManyAtOnceOneWins(t *testing.T) {
	k := newKit(t)
	token, tag := k.robot(), k.current()
	var won, lost atomic.Int64
	var all sync.WaitGroup
	k.document() // read once, before many do
	for i := range 16 {
		all.Go(func() {
			req, err := http.NewRequest("PUT", k.url+api.Base+"/rules/"+api.Key("everybody reads"), strings.NewReader(fmt.Sprintf(`{"name":"everybody reads","roles":["r%d"],"scopes":["items:read"]}`, i)))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("If-Match", tag)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusOK:
				won.Add(1)
			case http.StatusPreconditionFailed:
				lost.Add(1)
			default:
				t.Errorf("%s", resp.Status)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

// Each change can be looked at first, without If-Match, and nothing comes of it.
func TestEveryChangeOfTheDirectoryCanBePlanned(t *testing.T) {
	k := newKit(t)
	token, before := k.robot(), k.current()
	web := into[api.ClientInfo](t, k.do("GET", "/clients/web", token, ""))
	print, _ := directory.SealedFingerprint(web.SecretSources[0])
	bodies := map[string]string{
		"PUT /directory": asJSON(k.book.Current().Document), "POST /providers": `{"slug":"new","kind":"oidc","issuer":"https://new.example","client_id":"x","client_secret":"y"}`,
		"PUT /providers/:slug": asJSON(k.settings("/providers/corp", token)), "POST /clients": `{"id":"new","redirect_uris":["https://new.example/cb"]}`,
		"PUT /clients/:id": asJSON(k.settings("/clients/web", token)), "POST /resources": `{"id":"https://new.example"}`,
		"PUT /resources/:key": `{"name":"Things","scopes":[{"name":"items:read"},{"name":"items:write"}]}`,
		"POST /rules":         `{"name":"new","roles":["x"]}`, "PUT /rules/:key": `{"roles":["x"]}`, "PUT /brand": `{"name":"x"}`,
	}
	for _, r := range admin.Routes() {
		if !r.Changes {
			continue
		}
		path := strings.Replace(fill(r.Path), "/AAAA", "/"+print, 1)
		if plan := into[api.Plan](t, must(t, k.do(r.Method, path+"?plan=true", token, bodies[r.Method+" "+r.Path]), http.StatusOK)); plan.Base != 1 || plan.Changes == nil {
			t.Errorf("%s %s: %+v", r.Method, r.Path, plan)
		}
		if k.current() != before {
			t.Errorf("%s %s changed something", r.Method, r.Path)
		}
	}
	must(t, k.do("PUT", "/resources/"+api.Key(apiID), token, bodies["PUT /resources/:key"], "If-Match", before), http.StatusOK)
}

// lonely is a house with one owner, who signs in at corp.
func lonely(t *testing.T) (*kit, string) {
	t.Helper()
	k := newKit(t)
	return k, k.admin(storage.RoleOwner)
}

func TestA15_NobodyLocksEverybodyOut(t *testing.T) {
	k, token := lonely(t)
	disabled := k.settings("/providers/corp", token)
	disabled["disabled"] = true
	for why, a := range map[string]*answer{
		"the owner's provider is disabled": k.do("PUT", "/providers/corp", token, asJSON(disabled), "If-Match", k.current()),
		"a rule denies them":               k.do("POST", "/rules", token, `{"name":"nobody","providers":["corp"],"deny":"closed"}`, "If-Match", k.current()),
	} {
		p := a.problem(t)
		if a.StatusCode != http.StatusConflict || p.Kind() != api.LocksOut || p.Plan == nil || !p.Plan.LocksOut {
			t.Errorf("%s: %s %s", why, a.Status, a.body)
		}
	}
	if plan := into[api.Plan](t, must(t, k.do("PUT", "/providers/corp?plan=true", token, asJSON(disabled)), http.StatusOK)); !plan.LocksOut || len(plan.Changes) != 1 {
		t.Errorf("%+v", plan)
	}
	must(t, k.do("PUT", "/providers/corp?force=true", token, asJSON(disabled), "If-Match", k.current()), http.StatusForbidden)
	must(t, k.shell("PUT", "/providers/corp", asJSON(disabled), "If-Match", k.current()), http.StatusConflict)
	must(t, k.shell("PUT", "/providers/corp?force=true&reason=a+test", asJSON(disabled), "If-Match", k.current()), http.StatusOK)
}

func TestA18_OnlyPlainPathsAreAnswered(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/api/v1//me", "/api/v1/./me", "/api/v1/../v1/me", "/api/v1/x/..;/me", "/api/v1;x/me", "/api/v1/%6de", "/api/v1%2fme", "/api/v1/me/", "/API/v1/me",
		"/api/v1/me%00", "/api/v1/me%20", "/api%5cv1%5cme", "/api/v1/clients/%2e%2e/me", "/api/v1/clients/web%2fsecrets", "/api/v1/ME"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = path // as it is, byte for byte
		req.Header.Set("Authorization", "Bearer "+k.robot())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// A name that leads here by DNS tricks (rebinding) is not ours.
func TestA18_AForeignHostIsNotAnswered(t *testing.T) {
	k := newKit(t)
	for host, status := range map[string]int{"evil.example": 421, "localhost:1": 421, "": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+api.Base+"/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Authorization", "Bearer "+k.robot())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("Host %q: %s", host, resp.Status)
		}
	}
	for _, path := range []string{"/livez", "/readyz"} { // of a balancer, which calls by address
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "10.1.2.3"
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// What an editor may change is the directory, not who administers it.
func TestMachinesAreGivenAdministrationByOwnersOnly(t *testing.T) {
	k := newKit(t)
	k.admin(storage.RoleOwner)
	editor := k.admin(storage.RoleEditor)
	robot := `{"id":"mine","grant_types":["client_credentials"],"machine_scopes":["handstamp:users:write"]}`
	if p := must(t, k.do("POST", "/clients", editor, robot, "If-Match", k.current()), http.StatusForbidden).problem(t); p.Kind() != api.OwnersOnly {
		t.Errorf("%+v", p)
	}
	must(t, k.do("POST", "/clients/robot/secrets", editor, "", "If-Match", k.current()), http.StatusForbidden)
	if plan := into[api.Plan](t, must(t, k.do("POST", "/clients?plan=true", editor, robot), http.StatusOK)); !plan.NeedsOwner {
		t.Errorf("%+v", plan)
	}
	must(t, k.do("POST", "/clients", k.admin(storage.RoleOwner), robot, "If-Match", k.current()), http.StatusCreated)
	// Nothing else can have such a scope: no rule, no app of people, no resource.
	for path, body := range map[string]string{
		"/rules":     `{"name":"x","scopes":["handstamp:users:write"]}`,
		"/clients":   `{"id":"x","public":true,"redirect_uris":["https://x.example/cb"],"scopes":["openid","handstamp:users:write"]}`,
		"/resources": `{"id":"https://x.example","scopes":[{"name":"handstamp:users:write"}]}`,
	} {
		must(t, k.do("POST", path, k.robot(), body, "If-Match", k.current()), http.StatusUnprocessableEntity)
	}
	must(t, k.do("POST", "/resources", k.robot(), `{"id":"urn:handstamp:admin"}`, "If-Match", k.current()), http.StatusUnprocessableEntity)
}

func TestTheHousesLookIsChangedLikeEverythingElse(t *testing.T) {
	k := newKit(t)
	c, ctx := k.goClient(k.robot()), t.Context()
	look := directory.Brand{Name: "Acme sign-in", Accent: "#1a7f5a", PolicyURI: "https://www.acme.example/privacy"}
	plan := ok[*api.Plan](t)(c.Plan(ctx, api.PlanRequest{Edits: []api.Edit{{Op: "put", Kind: directory.KindBrand, Brand: &look}}}))
	if len(plan.Changes) != 3 || plan.Changes[0].Kind != directory.KindBrand || k.current() != `"1"` {
		t.Errorf("%+v", plan.Changes)
	}
	ok[*api.Applied](t)(c.PutBrand(ctx, look, k.since("our colours")))
	if got := ok[*directory.Brand](t)(c.Brand(ctx)); *got != look {
		t.Errorf("%+v", got)
	}
	for body, path := range map[string]string{`{"accent":"red"}`: "accent", `{"logo":"javascript:alert(1)"}`: "logo", `{"policy_uri":"http://x.example"}`: "policy_uri", `{"name":"a\nb"}`: "name"} {
		p := must(t, k.do("PUT", "/brand", k.robot(), body, "If-Match", k.current()), http.StatusUnprocessableEntity).problem(t)
		if len(p.Problems) != 1 || p.Problems[0].Path != path {
			t.Errorf("%s: %+v", body, p.Problems)
		}
	}
	must(t, k.do("POST", "/plans", k.robot(), `{"edits":[{"op":"delete","kind":"brand","id":"x"}]}`), http.StatusBadRequest)
}
