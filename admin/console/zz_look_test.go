package console_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestZZ(t *testing.T) {
	if os.Getenv("LOOK") == "" {
		t.Skip()
	}
	w := newTown(t)
	now := time.Now()
	var batch []storage.Login
	for i := range 400 {
		o := "signed_in"
		switch {
		case i%9 == 0:
			o = "refused"
		case i%31 == 0:
			o = "failed"
		case i%17 == 0:
			o = "abandoned"
		}
		p := "okta"
		if i%3 == 0 {
			p = "google"
		}
		h := time.Duration((i*i*7)%(167*60)) * time.Minute
		if i%2 == 0 {
			h = time.Duration((i*37)%(22*60)) * time.Minute
		}
		batch = append(batch, storage.Login{Reference: fmt.Sprintf("ABCDEFGH%08d", i), At: now.Add(-h), Took: time.Duration(80+i%700) * time.Millisecond, ClientID: "web", Provider: p, Outcome: o, Person: "somebody@acme.example"})
	}
	for i := 0; i < len(batch); i += 50 {
		if err := w.db.KeepLogins(t.Context(), batch[i:i+50]); err != nil {
			t.Fatal(err)
		}
	}
	f, _ := os.Create(os.Getenv("LOOK"))
	fmt.Fprintln(f, w.link())
	for _, p := range w.pages() {
		fmt.Fprintln(f, p)
	}
	f.Close()
	for {
		if _, err := os.Stat(os.Getenv("LOOK")); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}
