package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

// book is a place to keep logins that may be slow or broken.
type book struct {
	mu      sync.Mutex
	batches [][]storage.Login
	broken  error
	held    chan struct{} // nil: nobody waits
	entered chan struct{}
}

func (b *book) keep(_ context.Context, batch []storage.Login) error {
	if b.held != nil {
		b.entered <- struct{}{}
		<-b.held
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	b.batches = append(b.batches, batch)
	return nil
}

func (b *book) kept() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, batch := range b.batches {
		n += len(batch)
	}
	return n
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func numbered(i int) func() storage.Login {
	return func() storage.Login { return storage.Login{Reference: fmt.Sprint(i)} }
}

func TestTheJournalKeepsEverythingInOrderInSmallBatches(t *testing.T) {
	b := &book{}
	j := NewJournal(b.keep, slog.New(slog.DiscardHandler))
	for i := range 1000 {
		j.put(noon, i%2 == 0, numbered(i))
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.kept() != 1000 || j.Dropped() != 0 || j.Kept() != 1000 {
		t.Errorf("kept %d, dropped %d", b.kept(), j.Dropped())
	}
	j.put(noon, false, numbered(1000))
	j.Close() // what waits is kept
	next := 0
	for _, batch := range b.batches {
		if len(batch) > journalBatch {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, l := range batch {
			if l.Reference != fmt.Sprint(next) {
				t.Fatalf("%s after %d", l.Reference, next-1)
			}
			next++
		}
	}
	if next != 1001 {
		t.Errorf("%d of 1001 are kept", next)
	}
	j.put(noon, false, numbered(0)) // too late
	if err := j.Flush(t.Context()); err != nil || j.Dropped() != 1 {
		t.Errorf("after the end: %v, dropped %d", err, j.Dropped())
	}
	j.Close()
}

// A database that does not answer costs memory up to a bound, and strangers fill only
// their share of it: logins of people we know are kept.
func TestI15_TheJournalIsBoundedAndStrangersFillAShare(t *testing.T) {
	b := &book{held: make(chan struct{}), entered: make(chan struct{}, 1)}
	j := NewJournal(b.keep, slog.New(slog.DiscardHandler))
	for i := range journalBatch {
		j.put(noon, false, numbered(i))
	}
	<-b.entered // it holds one batch now, and everything else queues
	for i := range 10 * journalLength {
		j.put(noon, true, numbered(i))
	}
	if n, most := j.Waiting(); n != journalStranger || most != journalLength {
		t.Errorf("%d of %d wait, strangers may be %d", n, most, journalStranger)
	}
	for i := range 10 * journalLength {
		j.put(noon, false, numbered(i))
	}
	if n, _ := j.Waiting(); n != journalLength {
		t.Errorf("%d wait", n)
	}
	want := int64(10*journalLength - journalStranger + 10*journalLength - (journalLength - journalStranger))
	if j.Dropped() != want {
		t.Errorf("dropped %d, want %d", j.Dropped(), want)
	}
	close(b.held)
	go func() {
		for range b.entered {
		}
	}()
	j.Close()
	close(b.entered)
	if b.kept() != journalBatch+journalLength {
		t.Errorf("kept %d", b.kept())
	}
}

func TestStrangersComeAtAPace(t *testing.T) {
	b := &book{}
	j := NewJournal(b.keep, slog.New(slog.DiscardHandler))
	for second := range 3 {
		for i := range journalStranger {
			j.put(noon.Add(time.Duration(second)*time.Second), true, numbered(i))
			if i%100 == 0 {
				if err := j.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	j.put(noon, false, numbered(0))
	j.Close()
	if want := journalStranger + 2*strangersASec + 1; b.kept() != want {
		t.Errorf("kept %d, want %d", b.kept(), want)
	}
}

func TestABookThatDoesNotTakeLoginsIsToldInTheLogAndCounted(t *testing.T) {
	var log strings.Builder
	b := &book{broken: errors.New("the disk is full")}
	j := NewJournal(b.keep, slog.New(slog.NewJSONHandler(&log, nil)))
	j.put(noon, false, numbered(1))
	j.Close()
	if j.Dropped() != 1 || j.Kept() != 0 || !strings.Contains(log.String(), "the disk is full") {
		t.Errorf("dropped %d, log %s", j.Dropped(), &log)
	}
}

func TestTheStepsOfALoginFitIntoFewBytesAndComeBack(t *testing.T) {
	var steps []storage.LoginStep
	for i, what := range letters {
		steps = append(steps, storage.LoginStep{After: int64(i * i * 1000), What: what})
	}
	text := walk(append(steps, storage.LoginStep{What: storage.StepCode}))
	if got := unwalk(nil, text); !reflect.DeepEqual(got, steps) || len(text) > 60 {
		t.Errorf("%q gives %v", text, got)
	}
	for _, bad := range []string{"A", "Z1", "AB", "a1", "1", strings.Repeat("A0", 1000), "A\xff", "Azzzzzzzzzzzzzzzzzz"} {
		if got := unwalk(nil, bad); len(got) > mostSteps {
			t.Errorf("%q gives %d steps", bad, len(got))
		}
	}
}

func TestO04_WhatLooksLikeAKeyIsNotKeptOfClaims(t *testing.T) {
	jwt := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x"
	claims := map[string]any{"sub": "1", "email": "a@b.example", "nonce": "canary", "at_hash": "canary", "c_hash": "canary", "sid": "canary", "jti": "canary",
		"access_token": "canary", "Refresh_Token": "canary", "id_token": jwt, "client_secret": "canary", "user_password": "canary", "x-api-key": 1, "apikey": "canary", "code": "canary",
		"groups": []any{"staff", jwt, map[string]any{"token": "canary", "name": "x"}}, "nested": map[string]any{"secret": "canary", "deep": []any{[]any{jwt}}, "zip_code": "12345"},
		"authorization": "canary", "header": "Bearer canary", "state": "Bavaria", "email_verified": true}
	before := fmt.Sprint(claims)
	got := redacted(claims, nil)
	if text := fmt.Sprint(got); strings.Contains(text, "canary") || strings.Contains(text, "eyJ") {
		t.Errorf("kept: %s", text)
	}
	if got["sub"] != "1" || got["email"] != "a@b.example" || got["state"] != "Bavaria" || got["nested"].(map[string]any)["zip_code"] != "12345" || got["groups"].([]any)[0] != "staff" || got["email_verified"] != true {
		t.Errorf("what rules read is gone: %v", got)
	}
	if fmt.Sprint(claims) != before {
		t.Error("the claims that the login goes on with were changed")
	}
	large := map[string]any{"sub": "1", "groups": make([]any, 20_000)}
	for i := range 20_000 {
		large["groups"].([]any)[i] = "a group"
	}
	if got := redacted(large, nil); got["sub"] != "1" || got["groups"] != "[too large to keep]" {
		t.Errorf("too much: %.200v", got)
	}
}
