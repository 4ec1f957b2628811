package storage_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage/storagetest"
)

// A server is killed in the middle of logins, several times. Whatever it answered is
// there, whatever it did not is whole or absent, and the file opens at once.
func TestC04_AKilledServerKeepsWhatItAnswered(t *testing.T) {
	url := storagetest.SQLiteURL(t)
	answered := map[string]string{} // grant → refresh token
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChildThatIsKilled$", "-test.v")
		cmd.Env = append(os.Environ(), "HANDSTAMP_TEST_CHILD="+url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "answered "); ok {
				grant, token, _ := strings.Cut(rest, " ")
				answered[grant] = token
				if n++; n == 40 {
					if err := cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		_ = cmd.Wait() // killed: that is the point
		if n < 40 {
			t.Fatalf("the server ended after %d logins by itself", n)
		}
	}
	b := newBook(t, storagetest.OpenURL(t, url), newClock())
	for grant, token := range answered {
		if _, err := b.refresh(token, "web"); err != nil {
			t.Errorf("grant %s was answered and is gone: %v", grant, err)
		}
	}
	db := raw(t, url)
	for what, query := range map[string]string{
		"used codes without a family":      `SELECT count(*) FROM codes c WHERE c.used_at <> 0 AND NOT EXISTS (SELECT 1 FROM families f WHERE f.grant_id = c.grant_id)`,
		"families without a used code":     `SELECT count(*) FROM families f WHERE NOT EXISTS (SELECT 1 FROM codes c WHERE c.grant_id = f.grant_id AND c.used_at <> 0)`,
		"users without an identity":        `SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id)`,
		"sessions without their audit row": `SELECT count(*) - (SELECT count(*) FROM audit WHERE action = 'sign_in') FROM sessions`,
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
}

func TestChildThatIsKilled(t *testing.T) {
	url := os.Getenv("HANDSTAMP_TEST_CHILD")
	if url == "" {
		return // no test: TestC04_AKilledServerKeepsWhatItAnswered starts it as its child
	}
	b := newBook(t, storagetest.OpenURL(t, url), newClock())
	b.clock.now = time.Now() // as in the book, which the parent opens without a clock of its own
	race(8, func(i int) error {
		for j := range 100000 {
			g := b.grant("web")
			if _, err := b.SignIn(t.Context(), actor, b.signInOf(fmt.Sprintf("sub-%d-%d", i, j%50), g)); err != nil {
				return err
			}
			taken, err := b.TakeCode(t.Context(), actor, take(g, offline))
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stdout, "answered %s %s\n", g.ID, taken.RefreshToken)
		}
		return nil
	})
}
