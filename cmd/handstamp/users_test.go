package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// ledger is a settings file with a provider of kind local, in a folder of its own.
func ledger(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "handstamp.yaml")
	text := "issuer: http://127.0.0.1:5999\nstorage: {url: 'sqlite:" + filepath.Join(filepath.Dir(file), "book.db") + "'}\nproviders: [{slug: local, kind: local}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// users runs a verb and gives what it printed.
func users(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := usersCmd()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// opened opens the database of a ledger as a server would.
func opened(t *testing.T, file string) *storage.DB {
	t.Helper()
	cfg, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := sealerFor(cfg, logger(cfg, &bytes.Buffer{}))
	if err != nil {
		t.Fatal(err)
	}
	db, err := storage.Open(t.Context(), storage.Options{URL: cfg.Storage.URL.Reveal(), Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestUsersWorksBesideServersOnPostgreSQL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "handstamp.yaml")
	text := "issuer: http://127.0.0.1:5999\nstorage: {url: '" + storagetest.PostgresURL(t) + "'}\nsealing_keys: ['nhS6P7pQ2vWc0fH1kZ9yqR3tUe5xLm8oBdAjVgYiKsE=']\nproviders: [{slug: local, kind: local}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	db := opened(t, file)
	defer db.Close()
	if out, err := users(t, "stamped at the front door\n", "new", "alice", "--password-stdin", "-c", file); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	a, err := db.Account(t.Context(), "local", "alice")
	if err != nil || a.Login != "alice" {
		t.Fatalf("the server does not see her: %v", err)
	}
	if out, err := users(t, "", "disable", "alice", "-c", file); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if a, err = db.Account(t.Context(), "local", "alice"); err != nil || !a.User.Disabled {
		t.Errorf("the server does not see that she is disabled: %v", err)
	}
}

func TestAPasswordFromTheShellIsTheOneThatWorks(t *testing.T) {
	file := ledger(t)
	if out, err := users(t, "stamped at the front door\r\n", "new", "alice", "--password-stdin", "-c", file); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	drawn, err := users(t, "", "new", "bob", "-c", file)
	if err != nil {
		t.Fatal(err)
	}
	db := opened(t, file)
	defer db.Close()
	for login, typed := range map[string]string{"alice": "stamped at the front door", "bob": strings.Fields(drawn)[len(strings.Fields(drawn))-1]} {
		a, err := db.Account(t.Context(), "local", login)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := password.Verify(t.Context(), a.Hash, typed); !ok || err != nil {
			t.Errorf("%s: %q does not fit (%v)", login, typed, err)
		}
	}
	rows, err := db.Audit(t.Context(), 10)
	if err != nil || len(rows) == 0 || rows[0].Actor.Kind != "admin" || rows[0].Action != storage.AuditAccountMade {
		t.Errorf("the audit says %+v, %v", rows, err)
	}
}

func TestL12_WhoComesFromAProviderIsTurnedAwayBySub(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "handstamp.yaml")
	write(t, file, fmt.Sprintf(settings, filepath.Join(dir, "book.db"), "https://idp.example", "Web")) // no provider of kind local at all
	db := opened(t, file)
	id, err := db.BindProvider(t.Context(), storage.Actor{Kind: "system"}, "work", "https://idp.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.SignIn(t.Context(), storage.Actor{Kind: "system"}, storage.SignIn{StateHash: make([]byte, 32), StateExpires: time.Now().Add(time.Hour), ProviderID: id, Issuer: "https://idp.example", Subject: "up-1",
		Create: true, NewSubject: "sub-of-a-person", Session: storage.NewSession{IDHash: make([]byte, 32), SID: "sid", Idle: time.Hour, ExpiresAt: time.Now().Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		verb     string
		disabled bool
	}{{"disable", true}, {"enable", false}} {
		out, err := users(t, "", row.verb, "-c", file, "--sub", "sub-of-a-person")
		if err != nil || !strings.Contains(out, "sub-of-a-person is "+row.verb+"d") {
			t.Fatalf("%s: %v %s", row.verb, err, out)
		}
		db := opened(t, file)
		u, err := db.User(t.Context(), s.UserID)
		if err != nil || u.Disabled != row.disabled {
			t.Errorf("after %s: %+v %v", row.verb, u, err)
		}
		if _, err := db.Session(t.Context(), make([]byte, 32), time.Hour); err == nil {
			t.Errorf("after %s: the session lives", row.verb)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := users(t, "", "disable", "-c", file, "--sub", "nobody"); err == nil {
		t.Errorf("nobody was disabled: %s", out)
	}
	if out, err := users(t, "", "disable", "-c", file, "alice", "--sub", "x"); err == nil {
		t.Errorf("two people at once: %s", out)
	}
}

// A login name of one person may be the address of another: nobody is guessed at.
func TestAVerbAsksWhichOfTwoPeopleIsMeant(t *testing.T) {
	file := ledger(t)
	if out, err := users(t, "", "new", "alice@acme.example", "-c", file); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := users(t, "", "disable", "alice@acme.example", "-c", file); err != nil || !strings.Contains(out, "alice@acme.example is disabled") {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := users(t, "", "new", "other", "--email", "Alice@acme.example", "-c", file); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := users(t, "", "enable", "alice@acme.example", "-c", file); err == nil || !strings.Contains(err.Error(), "several people are called alice@acme.example; say which with --sub: ") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := users(t, "", "enable", "alice@acme.example", "--provider", "local", "-c", file); err != nil { // the login there
		t.Errorf("%v %s", err, out)
	}
}
