package revision_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestAChangeIsNumberedAndReachesRequestsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		first := n.Current()
		plan := n.apply(t, n.edit(func(d *directory.Document) { d.Clients[0].Disabled = true }))
		now := n.Current()
		if plan.Number != 2 || now.Number != 2 || now.Reason != "a test" || now.Author != alice || now.Source != "console" || len(plan.Changes) != 1 {
			t.Errorf("plan %+v, active %+v", plan, now)
		}
		if c, _ := now.Snapshot.Client("web"); !c.Disabled {
			t.Error("the change is not in the snapshot")
		}
		if c, _ := first.Snapshot.Client("web"); c.Disabled {
			t.Error("the former snapshot was changed")
		}
		if len(n.used) != 2 || n.used[1] != 2 {
			t.Errorf("requests saw %v", n.used)
		}
		row, err := n.DB.Audit(t.Context(), 1)
		if err != nil || row[0].Target != "revision:2" || row[0].Detail["client web disabled"] == "" || row[0].Detail["reason"] != "a test" {
			t.Errorf("audit: %+v, %v", row, err)
		}
	})
}

func TestWhatChangesNothingMakesNoRevision(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		a, plan, err := n.Apply(t.Context(), n.edit(func(*directory.Document) {}))
		if err != nil || plan.Number != 0 || a.Number != 1 || len(plan.Changes) != 0 {
			t.Errorf("%+v, %+v, %v", a, plan, err)
		}
	})
}

func TestABadEditIsRefusedAndTheOldOneStays(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		change := n.edit(func(d *directory.Document) {
			d.Rules[0].When = "claims.groups ="
			d.Clients[0].RedirectURIs = []string{"http://evil.example/cb"}
		})
		_, plan, err := n.Apply(t.Context(), change)
		var invalid *revision.Invalid
		if !errors.As(err, &invalid) || len(invalid.Problems) != 2 || len(plan.Problems) != 2 || n.Current().Number != 1 {
			t.Errorf("%v, plan %+v", err, plan)
		}
	})
}

func TestAPlanChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		writes := n.DB.WriteTransactions()
		plan, err := n.Plan(t.Context(), n.edit(func(d *directory.Document) { d.Clients[0].Name = "Another" }))
		if err != nil || len(plan.Changes) != 1 || plan.Base != 1 || plan.Number != 0 {
			t.Errorf("%+v, %v", plan, err)
		}
		if n.Current().Number != 1 || n.DB.WriteTransactions() != writes {
			t.Error("a plan wrote")
		}
	})
}

// Two administrators save at once: one gets a conflict, and nothing is overwritten.
func TestA14_OfChangesMadeFromOneRevisionOneWins(t *testing.T) {
	two(t, func(t *testing.T, a, b *node) {
		var wg sync.WaitGroup
		results := make([]error, 20)
		for i := range results {
			n := []*node{a, b}[i%2]
			change := n.edit(func(d *directory.Document) { d.Clients[0].Name = strings.Repeat("x", i+1) })
			wg.Go(func() { _, _, results[i] = n.Apply(t.Context(), change) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, revision.ErrConflict):
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 20 changes of revision 1 were applied", won)
		}
	})
}

func TestL09_ASlugKeepsItsIssuerOnceSomebodyIsKnownByIt(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		slip := n.apply(t, n.edit(func(d *directory.Document) {
			d.Providers[0].Issuer, d.Providers[0].ClientSecret, d.Providers[0].ClientSecretSource = "https://sso.typo.example", "typed-again", ""
		}))
		if len(slip.Changes) == 0 {
			t.Error("a slip of the pen cannot be mended")
		}
		p := n.Current().Document.Providers[0]
		bound, err := n.DB.BoundProviders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.DB.SignIn(t.Context(), storage.Actor{Kind: "person"}, storage.SignIn{StateHash: []byte("a state of one login"), StateExpires: n.clock.now().Add(time.Minute), ProviderID: bound[p.Slug].ID,
			Issuer: p.Issuer, Subject: "alice", Claims: map[string]any{}, Create: true, NewSubject: "sub-of-alice",
			Session: storage.NewSession{IDHash: []byte("a session of one login"), SID: "sid", AuthTime: n.clock.now(), Idle: time.Hour, ExpiresAt: n.clock.now().Add(time.Hour)}}); err != nil {
			t.Fatal(err)
		}
		other := func(d *directory.Document) {
			d.Providers[0].Issuer, d.Providers[0].ClientSecret, d.Providers[0].ClientSecretSource = "https://sso.evil.example", "typed-again", ""
		}
		for why, change := range map[string]func(*directory.Document){"edited": other} {
			_, _, err := n.Apply(t.Context(), n.edit(change))
			if r := revision.Refusals(err); !errors.Is(err, revision.ErrIssuerChanged) || len(r) != 1 || r[0].Path != "providers[0].issuer" {
				t.Errorf("%s: %v", why, err)
			}
		}
		kept := n.Current().Document
		n.apply(t, n.edit(func(d *directory.Document) { d.Providers = d.Providers[1:] }))
		again := edited(kept, other)
		change := n.change(again)
		change.Shell, change.Force = true, true
		if _, _, err := n.Apply(t.Context(), change); !errors.Is(err, revision.ErrIssuerChanged) {
			t.Errorf("removed and made anew, even by force: %v", err)
		}
	})
}

// What is stored and shown is the document in source form.
func TestA04_NoSecretIsInARevision(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		n.apply(t, n.edit(func(d *directory.Document) {
			d.Clients[0].Secrets[0] = "sold-as-new-secret-of-the-client"
			d.Clients[0].SecretSources = nil
		}))
		for number := int64(1); number <= 2; number++ {
			r, err := n.DB.Revision(t.Context(), number)
			if err != nil {
				t.Fatal(err)
			}
			active, _ := json.Marshal(n.Current().Document)
			audit, _ := n.DB.Audit(t.Context(), 50)
			rows, _ := json.Marshal(audit)
			for _, secret := range []string{"a-secret-that-was-typed", webSecret, "sold-as-new"} {
				if strings.Contains(string(r.Document)+string(active)+string(rows)+n.log.String(), secret) {
					t.Errorf("revision %d shows %s", number, secret)
				}
			}
		}
		p, _ := n.Current().Snapshot.Provider("corp")
		if p.ClientSecret.Reveal() != "a-secret-that-was-typed" {
			t.Error("the sealed secret did not come back")
		}
		if d := n.Current().Document; !strings.HasPrefix(d.Providers[0].ClientSecretSource, "sealed:") || d.Providers[0].ClientSecret != "" {
			t.Errorf("source form: %+v", d.Providers[0])
		}
	})
}

func TestARollbackBringsBackDocumentAndSecrets(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		n.apply(t, n.edit(func(d *directory.Document) { d.Providers = d.Providers[1:] }))
		a, plan, err := n.Apply(t.Context(), revision.Change{Base: 2, Rollback: 1, Actor: alice, Reason: "it was better", CanOwn: true})
		if err != nil || plan.Number != 3 || a.Source != "rollback:1" {
			t.Fatalf("%+v, %+v, %v", a, plan, err)
		}
		if p, ok := a.Snapshot.Provider("corp"); !ok || p.ClientSecret.Reveal() != "a-secret-that-was-typed" {
			t.Error("the provider is not back as it was")
		}
		if _, _, err := n.Apply(t.Context(), revision.Change{Base: 3, Rollback: 99, Actor: alice}); !errors.Is(err, revision.ErrNoRevision) {
			t.Errorf("to what never was: %v", err)
		}
	})
}

// A node that was down reads on where the others are, from the database alone.
func TestANewNodeRunsTheActiveRevision(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		n := opened(t, db)
		n.apply(t, n.edit(func(d *directory.Document) { d.Clients[0].Name = "Renamed" }))
		again := newNode(db)
		a, err := again.Open(t.Context(), nil, "")
		if err != nil || a.Number != 2 || a.Reason != "a test" || a.Source != "console" || a.Author.ID != "alice" {
			t.Fatalf("%+v, %v", a, err)
		}
		if a.Hash == "" || a.Hash != n.Current().Hash {
			t.Errorf("hashes %q and %q", a.Hash, n.Current().Hash)
		}
		if a.Snapshot.Version() != n.Current().Snapshot.Version() {
			t.Error("two nodes run two versions of one revision")
		}
	})
}

func TestOnlyTheProviderThatChangedIsBuiltAnew(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		before := n.Current().Upstreams
		n.built = nil
		n.apply(t, n.edit(func(d *directory.Document) {
			d.Providers[1].Scopes = []string{"openid", "email"}
			d.Providers[0].Title = "Corp"
		}))
		if len(n.built) != 1 || n.built[0] != "other" || n.Current().Upstreams["corp"] != before["corp"] || n.Current().Upstreams["other"] == before["other"] {
			t.Errorf("built %v", n.built)
		}
		n.built, before = nil, n.Current().Upstreams
		n.apply(t, n.edit(func(d *directory.Document) {
			d.Rules = append(d.Rules, mapping.Rule{Name: "engineers", When: "claims.department == 'eng'", Roles: []string{"editor"}})
		}))
		if len(n.built) != 0 || n.Current().Upstreams["corp"] != before["corp"] {
			t.Errorf("for a rule over a new claim were built %v", n.built)
		}
	})
}
