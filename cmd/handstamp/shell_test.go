package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// running is a house that serves until the test ends.
type running struct {
	*house
	config, url, door string // of the settings file, the console and the broker
}

// serving opens a house as serve does.
func serving(t *testing.T, settings string) *running {
	t.Helper()
	path := filepath.Join(t.TempDir(), "handstamp.yaml")
	write(t, path, settings)
	cfg, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	office, err := listenAdmin(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	h, err := openHouse(t.Context(), cfg, log, houseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	openings, err := h.openDoors(office)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveAll(ctx, openings, log) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return &running{h, path, h.adminURL(), "http://" + openings[0].listener.Addr().String()}
}

// small is a settings file of a house with one provider and one client.
func small(url string) string {
	return strings.Replace(fmt.Sprintf(settings, "X", "https://idp.example", "Web"), "sqlite:X", url, 1)
}

// say runs the program and returns what it printed and its exit code.
func say(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out strings.Builder
	root := program()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	var code exitCode
	switch {
	case err == nil:
		return out.String(), 0
	case errors.As(err, &code):
		return out.String(), int(code)
	}
	return out.String() + words(err), 1
}

func TestTheSocketIsTheOwnersAloneAndGoesWithTheServer(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "book.db")
	write(t, filepath.Join(dir, "old"), "")
	// A server that died left its socket there.
	dead, err := privateSocket(db + ".sock")
	if err != nil {
		t.Fatal(err)
	}
	dead.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	r := serving(t, small("sqlite:"+db))
	info, err := os.Stat(db + ".sock")
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&fs.ModeSocket == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	if _, err := listenSocket(db + ".sock"); err == nil || !strings.Contains(err.Error(), "another server answers") {
		t.Errorf("a second server took it: %v", err)
	}
	if err := removeSocket(filepath.Join(dir, "old")); err == nil {
		t.Error("a file that is no socket was removed")
	}
	_ = r
}

func TestC18_VerbsReachARunningServerByItsSocket(t *testing.T) {
	r := serving(t, small("sqlite:"+filepath.Join(t.TempDir(), "book.db")))
	text, code := say(t, "history", "-c", r.config)
	if code != 0 || !strings.Contains(text, "the settings file") {
		t.Errorf("%d: %s", code, text)
	}
	write(t, r.config, strings.Replace(small(r.cfg.Storage.URL.Reveal()), "name: Web", "name: Renamed", 1))
	if text, code = say(t, "apply", "-c", r.config, "--reason", "a better name"); code != 0 || !strings.Contains(text, "Web → Renamed") {
		t.Errorf("%d: %s", code, text)
	}
	if c, _ := r.book.Current().Snapshot.Client("web"); c.Name != "Renamed" || r.book.Current().Reason != "a better name" {
		t.Errorf("the server runs %+v", c)
	}
	if a := r.book.Current().Author; a.Kind != "admin" && a.Kind != "shell" {
		t.Errorf("who did it: %+v", a)
	}
}

// Where the database has no file, a verb opens the house beside the servers.
func TestVerbsWorkBesideServersOnPostgreSQL(t *testing.T) {
	url := storagetest.PostgresURL(t)
	text := small(url) + "sealing_keys: [\"xJ0mIhYFZ1tXk2v3bTjLqO9w4Rr8sNf5uGa7dHcEyB0=\"]\n"
	r := serving(t, text)
	write(t, r.config, strings.Replace(text, "name: Web", "name: Renamed", 1))
	if out, code := say(t, "apply", "-c", r.config); code != 0 || !strings.Contains(out, "Web → Renamed") {
		t.Fatalf("%d: %s", code, out)
	}
	r.book.Look(t.Context())
	if c, _ := r.book.Current().Snapshot.Client("web"); c.Name != "Renamed" {
		t.Errorf("the server still runs %q", c.Name)
	}
}

func TestVerbsReachAServerOverTheNetworkWithAToken(t *testing.T) {
	r := serving(t, small("sqlite:"+filepath.Join(t.TempDir(), "book.db")))
	t.Setenv("HANDSTAMP_TOKEN", "no-token-of-anybody")
	if text, code := say(t, "history", "--url", r.url); code == 0 || !strings.Contains(text, "get a new one") {
		t.Errorf("%d: %s", code, text)
	}
	if text, code := say(t, "history", "--url", "http://admin.example.com"); code == 0 || !strings.Contains(text, "in the clear") {
		t.Errorf("%d: %s", code, text)
	}
	t.Setenv("HANDSTAMP_TOKEN", "")
	if text, code := say(t, "history", "--url", r.url); code == 0 || !strings.Contains(text, "HANDSTAMP_CLIENT_ID") {
		t.Errorf("%d: %s", code, text)
	}
}

// The console and the API have the administrators' address, and the broker has neither.
func TestAdministratorsComeInAtTheirOwnAddress(t *testing.T) {
	r := serving(t, small("sqlite:"+filepath.Join(t.TempDir(), "book.db")))
	for _, row := range []struct {
		path string
		want int
	}{{"/livez", 200}, {"/readyz", 200}, {api.Base + "/me", 401}, {api.Base, 404}, {"/nothing", 404}, {"/authorize", 404}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != row.want {
			t.Errorf("%s: %d, want %d", row.path, resp.StatusCode, row.want)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, r.door+api.Base+"/me", nil)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 404 && resp.StatusCode != 421 {
		t.Errorf("the broker's own door answers for the API: %d", resp.StatusCode)
	}
}

func TestTheAnswerOfAHandlerInProcessIsReadWhileItIsWritten(t *testing.T) {
	next := make(chan struct{})
	w := within{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"a":1}`)
		<-next
		fmt.Fprint(w, "\n")
	})}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://handstamp/", nil)
	resp, err := w.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]int
	d := json.NewDecoder(resp.Body)
	if err := d.Decode(&got); err != nil || got["a"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	close(next)
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	hang := within{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
	req, _ = http.NewRequestWithContext(late, http.MethodGet, "http://handstamp/", nil)
	if resp, err := hang.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("a caller that gave up waits on")
	}
}

// A program administers with a token of its own, and with no more than its machine_scopes.
func TestVerbsReachAServerAsAMachine(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(small("sqlite:"+filepath.Join(t.TempDir(), "book.db")), "http://127.0.0.1:5999\nlisten: 127.0.0.1:0", "http://"+door+"\nlisten: "+door, 1)
	r := serving(t, text+"  - {id: ci, secrets: [abcdefghijklmnopqrstuvwxyz-of-ci], machine_scopes: [\"handstamp:directory:read\"]}\n")
	t.Setenv("HANDSTAMP_CLIENT_ID", "ci")
	t.Setenv("HANDSTAMP_CLIENT_SECRET", "abcdefghijklmnopqrstuvwxyz-of-ci")
	if text, code := say(t, "history", "--url", r.url, "-c", r.config); code != 0 || !strings.Contains(text, "the settings file") {
		t.Errorf("%d: %s", code, text)
	}
	if text, code := say(t, "rollback", "1", "--url", r.url, "-c", r.config); code == 0 || !strings.Contains(text, "handstamp:directory:write") {
		t.Errorf("what its scopes do not have: %d: %s", code, text)
	}
	t.Setenv("HANDSTAMP_ISSUER", r.cfg.Issuer)
	t.Setenv("HANDSTAMP_CLIENT_SECRET", "not-the-one-that-it-has")
	if text, code := say(t, "history", "--url", r.url, "-c", "nowhere.yaml"); code == 0 || !strings.Contains(text, "invalid_client") {
		t.Errorf("another secret: %d: %s", code, text)
	}
}

func TestAVerbSaysWhichVariableTheSettingsMiss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "handstamp.yaml")
	write(t, path, "issuer: http://127.0.0.1:5999\nstorage: {url: \"${HANDSTAMP_TEST_NOT_SET}\"}\n")
	if text, code := say(t, "history", "-c", path); code == 0 || !strings.Contains(text, "HANDSTAMP_TEST_NOT_SET is not set") {
		t.Errorf("%d: %s", code, text)
	}
}
