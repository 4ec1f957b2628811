package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestO14_AnotherIssuerIsRefusedUntilTheOperatorSaysSo(t *testing.T) {
	const oldIssuer, newIssuer = "http://127.0.0.1:5999", "http://127.0.0.1:6000"
	storagetest.EachURL(t, func(t *testing.T, database string) {
		// starts opens a house as serve does; a second one of SQLite waits for the first to close.
		starts := func(issuer, former string) (*house, error) {
			path := filepath.Join(t.TempDir(), "handstamp.yaml")
			write(t, path, strings.Replace(fmt.Sprintf(machines, database), oldIssuer, issuer, 1))
			cfg, err := configs.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			return openHouse(context.Background(), cfg, slog.New(slog.DiscardHandler), houseOptions{former: formerIssuer{known: former}})
		}
		closes := func(h *house) {
			t.Helper()
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
		active := func(h *house, token any) any {
			_, answer := post(t, h, "/introspect", "items", url.Values{"token": {fmt.Sprint(token)}})
			return answer["active"]
		}
		published := func(h *house) string { keys, _ := h.ring.JWKS(); return string(keys) }
		a, err := starts(oldIssuer, "")
		if err != nil {
			t.Fatal(err)
		}
		_, answer := tokenOf(t, a)
		token := answer["access_token"]
		if active(a, token) != true {
			t.Fatal("the token was never good")
		}
		before := published(a)
		closes(a)

		for _, former := range []string{"", "https://another.example"} {
			h, err := starts(newIssuer, former)
			if err == nil {
				closes(h)
				t.Fatalf("--issuer-changed-from %q: it started", former)
			}
			for _, want := range []string{"issuer " + newIssuer, "of " + oldIssuer, "--issuer-changed-from " + oldIssuer, "set issuer"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("--issuer-changed-from %q: %v does not say %q", former, err, want)
				}
			}
		}
		if a, err = starts(oldIssuer, ""); err != nil {
			t.Fatalf("what was refused has changed something: %v", err)
		}
		if active(a, token) != true {
			t.Error("what was refused has ended a token")
		}
		closes(a)

		// Nodes that move it together agree: one did it, and both run.
		nodes := 1
		if strings.HasPrefix(database, "postgres") {
			nodes = 4
		}
		moved, errs := make([]*house, nodes), make([]error, nodes)
		var wg sync.WaitGroup
		for i := range moved {
			wg.Go(func() { moved[i], errs[i] = starts(newIssuer, oldIssuer) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i, h := range moved {
			if active(h, token) != false {
				t.Errorf("node %d takes a token of the former issuer", i)
			}
			if published(h) == before || published(h) != published(moved[0]) {
				t.Errorf("node %d has other keys", i)
			}
			if code, _ := tokenOf(t, h); code != http.StatusOK {
				t.Errorf("node %d: %d", i, code)
			}
		}
		rows, _, err := moved[0].db.AuditPage(t.Context(), storage.AuditFilter{Action: storage.AuditIssuerChanged})
		if err != nil || len(rows) != 1 || rows[0].Detail["from"] != oldIssuer || rows[0].Detail["to"] != newIssuer || rows[0].Detail["sessions"] != "0" {
			t.Errorf("audited: %+v %v", rows, err)
		}
		for _, h := range moved {
			closes(h)
		}

		// It is the issuer now: said again it does nothing, and the former one is a stranger.
		for _, former := range []string{"", oldIssuer} {
			h, err := starts(newIssuer, former)
			if err != nil {
				t.Fatal(err)
			}
			if rows, _, err := h.db.AuditPage(t.Context(), storage.AuditFilter{Action: storage.AuditIssuerChanged}); err != nil || len(rows) != 1 {
				t.Errorf("--issuer-changed-from %q: %d rows, %v", former, len(rows), err)
			}
			closes(h)
		}
		if h, err := starts(oldIssuer, ""); err == nil {
			closes(h)
			t.Error("a server of the former issuer started")
		}
	})
}

func TestO14_ServeTellsWhatToDo(t *testing.T) {
	db := filepath.Join(t.TempDir(), "book.db")
	path := filepath.Join(t.TempDir(), "handstamp.yaml")
	write(t, path, small("sqlite:"+db))
	h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(small("sqlite:"+db), ":5999", ":6000", 1))
	for _, args := range [][]string{{}, {"--issuer-changed-from", "http://127.0.0.1:7000"}} {
		if text, code := say(t, append([]string{"serve", "-c", path}, args...)...); code != 1 || !strings.Contains(text, "--issuer-changed-from http://127.0.0.1:5999") {
			t.Errorf("%v: %d %s", args, code, text)
		}
	}
	// A verb beside the house gives no tokens, and works: one may want to look first.
	if text, code := say(t, "users", "list", "-c", path); code != 0 {
		t.Errorf("%d %s", code, text)
	}
}
