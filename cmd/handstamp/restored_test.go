package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// exchangeable is a room that can be put in another's place while its door is open.
type exchangeable struct{ now atomic.Pointer[http.Handler] }

func (e *exchangeable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*e.now.Load()).ServeHTTP(w, r)
}

// reopening is a village whose broker can be stopped and started.
type reopening struct {
	*village
	t             *testing.T
	broker, shell exchangeable
}

func newReopening(t *testing.T) *reopening {
	t.Helper()
	v, err := openVillage(t.Context(), devOptions{data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := &reopening{village: v, t: t}
	r.move()
	v.at("broker").handler, v.at("shell").handler = &r.broker, &r.shell
	var openings []opening
	for _, d := range v.doors {
		openings = append(openings, opening{d.name, d.listener, d.handler, nil})
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveAll(ctx, openings, v.log) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, v.house.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *reopening) move() {
	door, desk := http.Handler(r.house.broker), r.house.desk.Shell()
	r.broker.now.Store(&door)
	r.shell.now.Store(&desk)
}

// backup copies the database while it is in use.
func (r *reopening) backup() (file string) {
	r.t.Helper()
	file = filepath.Join(r.t.TempDir(), "backup.db")
	db, err := sql.Open("sqlite", "file://"+filepath.Join(r.data, "handstamp.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`VACUUM INTO '` + file + `'`); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// restore stops the broker, puts a backup in place and starts it.
func (r *reopening) restore(file string) {
	r.t.Helper()
	cfg, log, hosts := r.house.cfg, r.house.log, r.house.hosts
	if err := r.house.Close(); err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.data, "handstamp.db")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	write(r.t, path, string(content))
	if r.house, err = openHouse(r.t.Context(), cfg, log, houseOptions{hosts: hosts}); err != nil {
		r.t.Fatal(err)
	}
	r.move()
}

// visitor is a person with a browser, at an app.
type visitor struct {
	*walker
	t *testing.T
}

// signedIn walks to the point where the app has its tokens.
func (r *reopening) signedIn(person string) *visitor {
	r.t.Helper()
	w := &visitor{newWalker(r.village, devOptions{at: "google", person: person}, io.Discard), r.t}
	w.walks(w.discover, w.authorize, w.signInUpstream, w.callback, w.redeem)
	return w
}

func (w *visitor) walks(steps ...func(context.Context) error) {
	w.t.Helper()
	for _, step := range steps {
		if err := step(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// silently asks for a code without asking the person, and tells what the broker answered.
func (w *visitor) silently() url.Values {
	w.t.Helper()
	challenge, _ := oauth.S256(w.verifier)
	q := url.Values{"client_id": {"web"}, "redirect_uri": {w.v.app + "/callback"}, "response_type": {"code"}, "scope": {"openid"}, "state": {w.state}, "prompt": {"none"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	w.walks(func(ctx context.Context) error { return w.follow(ctx, w.meta.Authorize+"?"+q.Encode()) })
	return w.at.Query()
}

// lives tells which of the things that a person and an app hold still work.
func (w *visitor) lives(held tokenAnswer, code string) (what []string) {
	w.t.Helper()
	if w.silently().Get("code") != "" {
		what = append(what, "session")
	}
	w.tokens = held
	if w.askUserinfo(w.t.Context()) == nil {
		what = append(what, "access token")
	}
	if w.refresh(w.t.Context()) == nil {
		what = append(what, "refresh token")
	}
	if code != "" && w.askToken(w.t.Context(), url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {w.v.app + "/callback"}, "code_verifier": {w.verifier}}) == nil {
		what = append(what, "code")
	}
	return what
}

func TestC15_ARestoredBackupBringsNothingBack(t *testing.T) {
	r := newReopening(t)
	w := r.signedIn("alice")
	held, code := w.tokens, w.silently().Get("code")
	file := r.backup()

	// The night passes: everything that was held ends, each in its own way.
	w.walks(w.refresh)
	if _, err := r.house.db.Restored(t.Context(), storage.Actor{Kind: "system"}, storage.NewKeys{Generation: -1}); !errors.Is(err, storage.ErrConflict) {
		t.Fatalf("on other keys than those that are there: %v", err)
	}
	ended, out := api.Restored{}, ""
	restored := func() {
		t.Helper()
		text, exit := say(t, "restored", "--socket", r.socket, "--reason", "a drill", "--json")
		if exit != 0 {
			t.Fatalf("%d %s", exit, text)
		}
		if err := json.Unmarshal([]byte(text), &ended); err != nil {
			t.Fatal(err)
		}
		out = text
	}
	restored()
	if live := w.lives(held, code); live != nil {
		t.Fatalf("before the backup comes back, these live: %v", live)
	}

	// The backup alone brings all of it back. With the verb, nothing.
	r.restore(file)
	if live := w.lives(held, code); !slices.Equal(live, []string{"session", "access token", "refresh token", "code"}) {
		t.Fatalf("this test proves nothing: the backup brings back only %v", live)
	}
	r.restore(file)
	old, _, err := r.house.db.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restored()
	if live := w.lives(held, code); live != nil {
		t.Errorf("these live on: %v", live)
	}
	if ended.Sessions != 1 || ended.Codes != 1 || ended.RefreshTokens != 1 || ended.Newest == nil || len(ended.Keys) < 2 {
		t.Errorf("it says %s", out)
	}
	for _, k := range old {
		if strings.Contains(out, k.ID) {
			t.Errorf("the key %s is still there", k.ID)
		}
	}
	rows, _, err := r.house.db.AuditPage(t.Context(), storage.AuditFilter{Action: storage.AuditRestored})
	if err != nil || len(rows) != 1 || rows[0].Detail["reason"] != "a drill" || rows[0].Detail["sessions"] != "1" {
		t.Errorf("audited: %+v %v", rows, err)
	}

	// People come in again, and their old tokens stay dead.
	if w := r.signedIn("alice"); len(w.lives(w.tokens, "")) != 3 {
		t.Error("nobody can sign in any more")
	}
	if live := w.lives(held, code); live != nil {
		t.Errorf("after the next login these live: %v", live)
	}
}

// After a promotion one verb, run anywhere, reaches every node on the database.
func TestC13_TheVerbReachesNodesThatGoOn(t *testing.T) {
	r := serving(t, fmt.Sprintf(machines, storagetest.PostgresURL(t)))
	_, answer := tokenOf(t, r.house)
	held := fmt.Sprint(answer["access_token"])
	active := func() any {
		_, answer := post(t, r.house, "/introspect", "items", url.Values{"token": {held}})
		return answer["active"]
	}
	r.book.Look(t.Context())
	if active() != true {
		t.Fatal("the token was never good")
	}
	if text, code := say(t, "restored", "-c", r.config); code != 0 || !strings.Contains(text, "Every signing key is new") {
		t.Fatalf("%d %s", code, text)
	}
	r.book.Look(t.Context())
	if active() != false {
		t.Error("a token from before is good")
	}
	if code, _ := tokenOf(t, r.house); code != http.StatusOK {
		t.Errorf("no new ones are given: %d", code)
	}
}
