package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

const machines = `issuer: http://127.0.0.1:5999
listen: 127.0.0.1:0
admin: {listen: off}
storage: {url: "%s"}
sealing_keys: ["xJ0mIhYFZ1tXk2v3bTjLqO9w4Rr8sNf5uGa7dHcEyB0="]
providers:
  - {slug: work, kind: oidc, issuer: "https://idp.example", client_id: x, client_secret: abcdefghijklmnopqrstuvwxyz}
clients:
  - {id: robot, secrets: [abcdefghijklmnopqrstuvwxyz-robot], machine_scopes: ["items:read"]}
  - {id: items, secrets: [abcdefghijklmnopqrstuvwxyz-items], introspects: ["https://api.example"]}
resources:
  - {id: "https://api.example", scopes: [{name: "items:read"}]}
`

// nodesOf opens two nodes on one PostgreSQL, as two servers would.
func nodesOf(t *testing.T) (a, b *house) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "handstamp.yaml")
	write(t, path, fmt.Sprintf(machines, storagetest.PostgresURL(t)))
	var nodes []*house
	for range 2 {
		h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, h)
	}
	return nodes[0], nodes[1]
}

// post sends a form as a client, straight into a node's door.
func post(t *testing.T, h *house, path, client string, form url.Values) (int, map[string]any) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, h.cfg.Issuer+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, "abcdefghijklmnopqrstuvwxyz-"+client)
	rec := httptest.NewRecorder()
	h.broker.ServeHTTP(rec, req)
	var answer map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return rec.Code, answer
}

func tokenOf(t *testing.T, h *house) (int, map[string]any) {
	t.Helper()
	return post(t, h, "/token", "robot", url.Values{"grant_type": {"client_credentials"}})
}

func ready(t *testing.T, h *house) int {
	t.Helper()
	rec := httptest.NewRecorder()
	h.broker.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/readyz", nil))
	return rec.Code
}

// Node A signs with a key that node B has not heard of. B reads the keys, and knows it.
func TestC09_ATokenByAKeyOfAMomentAgoIsKnownOnTheOtherNode(t *testing.T) {
	a, b := nodesOf(t)
	for _, atOnce := range []bool{true, false} {
		if err := a.rotate(t.Context(), keeper, "", atOnce); err != nil {
			t.Fatal(err)
		}
		_, answer := tokenOf(t, a)
		if _, got := post(t, b, "/introspect", "items", url.Values{"token": {fmt.Sprint(answer["access_token"])}}); got["active"] != true {
			t.Errorf("at once %t: node B says %v", atOnce, got)
		}
	}
	if err := a.rotate(t.Context(), keeper, "PS256", false); err == nil {
		t.Error("a key that keys.algs does not have was made")
	}
}

func TestC10_AClientThatOneNodeSwitchesOffGetsNothingFromTheOther(t *testing.T) {
	a, b := nodesOf(t)
	if code, _ := tokenOf(t, b); code != http.StatusOK {
		t.Fatal(code)
	}
	now := a.book.Current()
	d := now.Document
	d.Clients = append([]directory.Client(nil), d.Clients...)
	d.Clients[0].Disabled = true
	if _, _, err := a.book.Apply(t.Context(), revision.Change{Base: now.Number, Document: d, Actor: storage.Actor{Kind: "admin", ID: "alice"}, Source: "console"}); err != nil {
		t.Fatal(err)
	}
	b.book.Look(t.Context())
	for name, h := range map[string]*house{"a": a, "b": b} {
		if code, answer := tokenOf(t, h); code != http.StatusUnauthorized || answer["error"] != "invalid_client" {
			t.Errorf("node %s: %d %v", name, code, answer)
		}
	}
}

func TestC10_ABlindNodeGivesNothingAndANodeThatIsBehindIsNotReady(t *testing.T) {
	a, _ := nodesOf(t)
	a.stand(revision.State{Blind: true})
	if code, answer := tokenOf(t, a); code != http.StatusServiceUnavailable || answer["access_token"] != nil {
		t.Errorf("blind: %d %v", code, answer)
	}
	if code := ready(t, a); code != http.StatusServiceUnavailable {
		t.Errorf("blind, and /readyz says %d", code)
	}
	a.stand(revision.State{Cause: "a variable is not set"})
	if code, _ := tokenOf(t, a); code != http.StatusOK {
		t.Errorf("behind, and the former directory does not serve: %d", code)
	}
	if code := ready(t, a); code != http.StatusServiceUnavailable {
		t.Errorf("behind, and /readyz says %d", code)
	}
	a.stand(revision.State{})
	if code := ready(t, a); code != http.StatusOK {
		t.Errorf("well again, and /readyz says %d", code)
	}
}

// A settings file need not say anything about the directory.
func TestAHouseWithoutADirectoryBeginsEmptyAndIsFilledLater(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handstamp.yaml")
	write(t, path, "issuer: http://127.0.0.1:5999\nadmin: {listen: off}\nstorage: {url: \"sqlite:book.db\"}\n")
	write(t, filepath.Join(dir, "directory.yaml"), strings.SplitN(machines, "\n", 6)[5])
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"plan", "-f", filepath.Join(dir, "directory.yaml")}, "client robot"},
		{[]string{"history"}, "There is no revision yet"},
		{[]string{"apply", "-f", filepath.Join(dir, "directory.yaml")}, "Revision 1 is active"},
	} {
		if text, code := say(t, append(row.args, "-c", path)...); code != 0 || !strings.Contains(text, row.want) {
			t.Fatalf("%v: %d %s", row.args, code, text)
		}
	}
	for range 2 { // the second start, too
		h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if code, answer := tokenOf(t, h); code != http.StatusOK || h.book.Current().Number != 1 {
			t.Errorf("%d %v, revision %d", code, answer, h.book.Current().Number)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
