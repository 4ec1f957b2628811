package revision_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func contains(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// Watch looks four times a second; one look is enough.
func TestC10_WhatOneNodeSwitchesOffIsOffOnTheOtherAtItsNextLook(t *testing.T) {
	two(t, func(t *testing.T, a, b *node) {
		a.apply(t, a.edit(func(d *directory.Document) { d.Clients[0].Disabled, d.Providers[1].Disabled = true, true }))
		b.Look(t.Context())
		client, _ := b.Current().Snapshot.Client("web")
		provider, _ := b.Current().Snapshot.Provider("other")
		if b.Current().Number != 2 || !client.Disabled || !provider.Disabled {
			t.Errorf("the other node runs revision %d", b.Current().Number)
		}
		if len(b.used) != 1 || b.used[0] != 2 {
			t.Errorf("its requests saw %v", b.used)
		}
		if len(b.built) != 3 { // two at the start, and the one that changed is disabled, not another
			t.Logf("built %v", b.built)
		}
		b.Look(t.Context())
		if len(b.used) != 1 {
			t.Error("a look at what did not change made it new")
		}
	})
}

// A change is made from what the book has, not from what the node has heard of.
func TestC14_AChangeOnANodeThatIsBehindIsAConflict(t *testing.T) {
	two(t, func(t *testing.T, a, b *node) {
		stale := b.edit(func(d *directory.Document) { d.Clients[0].Disabled = false })
		a.apply(t, a.edit(func(d *directory.Document) { d.Clients[0].Disabled = true }))
		if _, _, err := b.Apply(t.Context(), stale); !errors.Is(err, revision.ErrConflict) {
			t.Errorf("what another switched off was switched on again: %v", err)
		}
		if b.Current().Number != 2 {
			t.Error("the node has not followed")
		}
	})
}

func TestC10_ANodeThatCannotReadTheBookGoesBlindAndSeesAgain(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		n := opened(t, db)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		dead := broken(t, n)
		n.Look(t.Context())
		seen := n.State().Read
		for _, step := range []struct {
			after time.Duration
			blind bool
		}{{time.Second, false}, {3 * time.Second, false}, {time.Second, true}, {time.Minute, true}} {
			n.clock.advance(step.after)
			dead.Look(t.Context())
			if s := dead.State(); s.Blind != step.blind {
				t.Errorf("%s after the last look: blind is %t", n.clock.now().Sub(seen), s.Blind)
			}
		}
		if len(dead.told) != 1 || !dead.told[0].Blind || !contains(dead.log.String(), "no tokens are given") {
			t.Errorf("told %+v, log %s", dead.told, dead.log)
		}
		dead.DB = db
		dead.Look(gone) // who stops looking learns nothing by it
		if !dead.State().Blind {
			t.Error("a look that was broken off counts")
		}
		dead.Look(t.Context())
		if s := dead.State(); s.Blind || len(dead.told) != 2 {
			t.Errorf("still blind: %+v", s)
		}
	})
}

// broken is a node whose database is closed, with the clock of another.
func broken(t *testing.T, n *node) *node {
	t.Helper()
	db := storagetest.OpenURL(t, storagetest.SQLiteURL(t))
	dead := opened(t, db, func(d *node) { d.clock, d.Now = n.clock, n.clock.now })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dead
}

func TestC09_ANodeReadsTheKeysWhenAnotherChangedThemAndForAnUnknownOne(t *testing.T) {
	two(t, func(t *testing.T, a, b *node) {
		b.Look(t.Context())
		before := b.keys
		b.Look(t.Context())
		if b.keys != before {
			t.Error("keys are read although nothing changed")
		}
		_, generation, err := a.DB.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.DB.SaveKeys(t.Context(), alice, generation, []storage.StoredKey{{ID: "k", Alg: "ES256", State: "active", PKCS8: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		b.Look(t.Context())
		if b.keys != before+1 {
			t.Error("keys that another node changed are not read")
		}
		b.clock.advance(time.Minute)
		for range 100 { // a stranger sends kids that nobody has
			b.Relearn(t.Context())
		}
		if b.keys != before+2 {
			t.Errorf("100 unknown kids in one second: %d reads", b.keys-before-1)
		}
		b.clock.advance(time.Second)
		if !b.Relearn(t.Context()) {
			t.Error("a second later an unknown kid is not looked for")
		}
	})
}

func TestANodeThatCannotRunARevisionKeepsTheFormerAndSaysWhy(t *testing.T) {
	two(t, func(t *testing.T, a, b *node) {
		a.env["ONLY_ON_A"] = "value-of-node-a"
		change := a.edit(func(d *directory.Document) {
			d.Providers[0].ClientSecretSource, d.Clients[0].Name = "${ONLY_ON_A}", "Renamed"
		})
		change.Shell = true
		a.apply(t, change)
		for range 3 {
			b.Look(t.Context())
			b.clock.advance(time.Second)
		}
		s := b.State()
		if b.Current().Number != 1 || s.Active != 1 || s.Newest != 2 || !contains(s.Cause, "providers[0].client_secret", "not set") {
			t.Errorf("active %d, %+v", b.Current().Number, s)
		}
		if n := strings.Count(b.log.String(), "level=ERROR"); n != 1 {
			t.Errorf("said %d times: %s", n, b.log)
		}
		if len(b.told) != 1 || b.told[0].Cause == "" {
			t.Errorf("told %+v", b.told)
		}
		fix := b.change(edited(a.Current().Document, func(d *directory.Document) { d.Providers[0].ClientSecretSource = "${CORP_SECRET}" }))
		fix.Base, fix.Shell = 2, true
		b.apply(t, fix) // it can be mended from here
		if s := b.State(); s.Cause != "" || b.Current().Number != 3 {
			t.Errorf("mended, and still %+v", s)
		}
		change = a.edit(func(d *directory.Document) { d.Clients[0].Name = "x" })
		if _, _, err := a.Apply(t.Context(), change); !errors.Is(err, revision.ErrConflict) {
			t.Errorf("the first node: %v", err)
		}
	})
}

func TestAFileThatComesLaterLetsTheNodeFollow(t *testing.T) {
	two(t, func(t *testing.T, a, b *node) {
		a.env["LATE"] = "a-secret-that-comes-later"
		change := a.edit(func(d *directory.Document) { d.Providers[0].ClientSecretSource = "${LATE}" })
		change.Shell = true
		a.apply(t, change)
		b.Look(t.Context())
		b.env["LATE"] = "a-secret-that-comes-later"
		b.Look(t.Context())
		if b.Current().Number != 1 {
			t.Error("it is tried at every look")
		}
		b.clock.advance(6 * time.Second)
		b.Look(t.Context())
		if b.Current().Number != 2 || b.State().Cause != "" {
			t.Errorf("%+v", b.State())
		}
	})
}

// A secret in a file is changed beside the directory, and SIGHUP says so.
func TestAReloadReadsAgainWhatReferencesName(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		change := n.edit(func(d *directory.Document) { d.Providers[0].ClientSecretSource = "${CORP_SECRET}" })
		change.Shell = true
		n.apply(t, change)
		before := n.Current().Upstreams
		n.env["CORP_SECRET"] = "another-one-by-now"
		if err := n.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := n.Current()
		if p, _ := now.Snapshot.Provider("corp"); now.Number != 2 || p.ClientSecret != "another-one-by-now" || now.Upstreams["corp"] == before["corp"] || now.Upstreams["other"] != before["other"] {
			t.Errorf("revision %d has the secret of before, or made too much anew", now.Number)
		}
		delete(n.env, "CORP_SECRET")
		if err := n.Reload(t.Context()); err != nil || n.State().Cause == "" {
			t.Errorf("%v, %+v", err, n.State())
		}
		if p, _ := n.Current().Snapshot.Provider("corp"); p.ClientSecret != "another-one-by-now" {
			t.Error("a secret that is gone took the provider away")
		}
	})
}

func TestAStartWithoutWhatTheActiveRevisionNamesSaysWhatIsMissing(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		change := n.edit(func(d *directory.Document) { d.Providers[0].ClientSecretSource = "${CORP_SECRET}" })
		change.Shell = true
		n.apply(t, change)
		bare := newNode(n.DB, func(n *node) { delete(n.env, "CORP_SECRET") })
		if _, err := bare.Open(t.Context(), nil, ""); err == nil || !contains(err.Error(), "revision 2", "providers[0].client_secret", "not set") {
			t.Errorf("%v", err)
		}
		file := edited(document(), func(d *directory.Document) { d.Clients[0].Name = "Mended" })
		if a, err := bare.Open(t.Context(), &file, "hash"); err != nil || a.Number != 3 {
			t.Errorf("a file that names it no more: %+v, %v", a, err)
		}
	})
}
