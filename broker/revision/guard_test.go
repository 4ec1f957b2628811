package revision_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// A kept secret does not follow where its provider is moved to, whoever moves it.
func TestA03_AChangedConnectionNeedsTheSecretAgain(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for field, edit := range map[string]func(*directory.Provider){
			"client_id":            func(p *directory.Provider) { p.ClientID = "another" },
			"auth_method":          func(p *directory.Provider) { p.AuthMethod = directory.AuthPost },
			"endpoint_hosts":       func(p *directory.Provider) { p.EndpointHosts = []string{"evil.example"} },
			"authorization_server": func(p *directory.Provider) { p.AuthorizationServer = "evil" },
		} {
			kept := n.edit(func(d *directory.Document) { edit(&d.Providers[0]) })
			if _, _, err := n.Apply(t.Context(), kept); !errors.Is(err, revision.ErrRetype) || revision.Refusals(err)[0].Path != "providers[0].client_secret" {
				t.Errorf("%s with the kept secret: %v", field, err)
			}
			kept.Shell = true
			if _, _, err := n.Apply(t.Context(), kept); !errors.Is(err, revision.ErrRetype) {
				t.Errorf("%s with the kept secret, from the shell: %v", field, err)
			}
		}
		again := n.edit(func(d *directory.Document) {
			d.Providers[0].ClientID, d.Providers[0].ClientSecretSource, d.Providers[0].ClientSecret = "another", "", "typed-once-more"
		})
		n.apply(t, again)
		same := n.edit(func(d *directory.Document) {
			d.Providers[0].ClientID, d.Providers[0].ClientSecretSource, d.Providers[0].ClientSecret = "a-third", "", "typed-once-more"
		})
		n.apply(t, same) // who types the same one knows it
		harmless := n.edit(func(d *directory.Document) {
			d.Providers[0].Title, d.Providers[0].Scopes = "Corp", []string{"openid", "email"}
		})
		n.apply(t, harmless)
	})
}

// A sealed secret cannot be had back under other settings by way of a removal.
func TestA03_ARemovedProviderComesBackOnlyAsItWas(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		corp := n.Current().Document.Providers[0]
		n.apply(t, n.edit(func(d *directory.Document) { d.Providers = d.Providers[1:] }))
		corp.EndpointHosts = []string{"evil.example"}
		back := n.edit(func(d *directory.Document) { d.Providers = append(d.Providers, corp) })
		if _, _, err := n.Apply(t.Context(), back); !errors.Is(err, revision.ErrReference) {
			t.Errorf("made anew with the name of the sealed secret: %v", err)
		}
		if _, _, err := n.Apply(t.Context(), revision.Change{Base: 2, Rollback: 1, Actor: alice}); err != nil {
			t.Errorf("a rollback, which brings it back as it was: %v", err)
		}
	})
}

func TestWhoIsElsewhereNamesNoFileOrVariableOfThisMachine(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for _, source := range []string{"${CORP_SECRET}", "file:/etc/shadow", "sealed:" + "made-up-by-somebody"} {
			for why, edit := range map[string]func(*directory.Document){
				"instead of a sealed one": func(d *directory.Document) {
					d.Providers[0].ClientSecretSource, d.Providers[0].ClientSecret = source, ""
				},
				"for a new provider": func(d *directory.Document) {
					d.Providers = append(d.Providers, directory.Provider{Slug: "new", Kind: "oidc", Issuer: "https://new.example", ClientID: "x", ClientSecretSource: source})
				},
				"for a client": func(d *directory.Document) {
					d.Clients[0].SecretSources, d.Clients[0].Secrets = []string{source}, []providers.Secret{""}
				},
			} {
				if _, _, err := n.Apply(t.Context(), n.edit(edit)); !errors.Is(err, revision.ErrReference) {
					t.Errorf("%s %s: %v", source, why, err)
				}
			}
		}
		shell := n.edit(func(d *directory.Document) {
			d.Providers[0].ClientSecretSource, d.Providers[0].ClientSecret = "${CORP_SECRET}", ""
		})
		shell.Shell = true
		n.apply(t, shell)
		if p, _ := n.Current().Snapshot.Provider("corp"); p.ClientSecret != "from-the-environment" {
			t.Error("the reference is not resolved")
		}
		n.apply(t, n.edit(func(d *directory.Document) { d.Providers[0].Title = "Corp" })) // what is there may stay
		moved := n.edit(func(d *directory.Document) { d.Providers[0].ClientID = "another" })
		if _, _, err := n.Apply(t.Context(), moved); !errors.Is(err, revision.ErrRetype) {
			t.Errorf("a kept reference of another client_id: %v", err)
		}
	})
}

func TestA08_PrivateNetworksAreOpenedFromTheShellOnly(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for why, edit := range map[string]func(*directory.Document){
			"provider": func(d *directory.Document) { d.Providers[0].AllowPrivateNetwork = true },
			"client":   func(d *directory.Document) { d.Clients[0].AllowPrivateNetwork = true },
		} {
			change := n.edit(edit)
			if _, _, err := n.Apply(t.Context(), change); !errors.Is(err, revision.ErrPrivate) {
				t.Errorf("%s: %v", why, err)
			}
			change.Shell = true
			n.apply(t, change)
			open := n.Current().Number
			n.apply(t, n.edit(func(d *directory.Document) { d.Rules[0].Name += " always" })) // it may stay
			shut := n.edit(func(d *directory.Document) {
				d.Providers[0].AllowPrivateNetwork, d.Clients[0].AllowPrivateNetwork = false, false
			})
			n.apply(t, shut)
			back := revision.Change{Base: n.Current().Number, Rollback: open, Actor: alice}
			if _, _, err := n.Apply(t.Context(), back); !errors.Is(err, revision.ErrPrivate) {
				t.Errorf("%s: opened again by a rollback: %v", why, err)
			}
			back.Shell = true
			n.apply(t, back)
			n.apply(t, n.edit(func(d *directory.Document) {
				d.Providers[0].AllowPrivateNetwork, d.Clients[0].AllowPrivateNetwork = false, false
			}))
		}
	})
}

// What the operator opened for one server of the private network is open for no other.
func TestA08_APrivateAddressStaysOnItsHost(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		open := n.edit(func(d *directory.Document) {
			d.Clients[0].AllowPrivateNetwork, d.Clients[0].BackchannelLogoutURI = true, "https://app.inner.example/logout"
		})
		open.Shell = true
		n.apply(t, open)
		for why, uri := range map[string]string{"a neighbour": "https://db.inner.example/logout", "another port": "https://app.inner.example:8443/logout", "an address": "https://10.0.0.7/logout"} {
			_, _, err := n.Apply(t.Context(), n.edit(func(d *directory.Document) { d.Clients[0].BackchannelLogoutURI = uri }))
			if all := revision.Refusals(err); !errors.Is(err, revision.ErrPrivate) || len(all) != 1 || all[0].Path != "clients[0].backchannel_logout_uri" {
				t.Errorf("%s: %v", why, err)
			}
		}
		n.apply(t, n.edit(func(d *directory.Document) { d.Clients[0].BackchannelLogoutURI = "https://app.inner.example/goodbye" }))
		n.apply(t, n.edit(func(d *directory.Document) { d.Clients[0].BackchannelLogoutURI = "" }))
	})
}

func TestOnlyOwnersSayWhatMachinesAdminister(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		robot := directory.Client{ID: "robot", Secrets: []providers.Secret{"thirty-two-characters-of-a-robot"}, MachineScopes: []string{directory.ReadDirectory}}
		refused := func(why string, edit func(*directory.Document)) {
			t.Helper()
			change := n.edit(edit)
			change.CanOwn = false
			_, plan, err := n.Apply(t.Context(), change)
			if !errors.Is(err, revision.ErrNeedsOwner) || !plan.NeedsOwner {
				t.Errorf("%s: %v", why, err)
			}
		}
		refused("a new one", func(d *directory.Document) { d.Clients = append(d.Clients, robot) })
		n.apply(t, n.edit(func(d *directory.Document) { d.Clients = append(d.Clients, robot) }))
		refused("more scopes", func(d *directory.Document) { d.Clients[1].MachineScopes = []string{directory.WriteOwners} })
		refused("a secret of one's own", func(d *directory.Document) {
			d.Clients[1].Secrets, d.Clients[1].SecretSources = []providers.Secret{"thirty-two-characters-of-somebody"}, nil
		})
		refused("other keys", func(d *directory.Document) { d.Clients[1].AuthMethod = directory.AuthPost })
		refused("removed", func(d *directory.Document) { d.Clients = d.Clients[:1] })
		other := n.edit(func(d *directory.Document) { d.Clients[0].Name = "Web" })
		other.CanOwn = false
		n.apply(t, other)
	})
}

// lockouts are changes after which the owner at corp could not come back.
var lockouts = map[string]func(*directory.Document){
	"disabled":       func(d *directory.Document) { d.Providers[0].Disabled = true },
	"removed":        func(d *directory.Document) { d.Providers = d.Providers[1:] },
	"another domain": func(d *directory.Document) { d.Providers[0].AllowedDomains = []string{"corp.example"} },
	"denied by a rule": func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "nobody", When: "claims.sub != ''", Deny: "not today"})
	},
	"denied at the console": func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "no console", When: "client.id == 'handstamp:admin'", Deny: "not here"})
	},
}

func TestA15_AChangeThatLocksEveryOwnerOutIsRefused(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		owner(t, n, "corp", "olivia")
		for why, edit := range lockouts {
			change := n.edit(edit)
			change.Force = true // counts from the shell only
			plan, err := n.Plan(t.Context(), change)
			if err != nil || !plan.LocksOut {
				t.Errorf("%s: the plan says %+v, %v", why, plan, err)
			}
			if _, _, err := n.Apply(t.Context(), change); !errors.Is(err, revision.ErrLocksOut) || n.Current().Number != 1 {
				t.Errorf("%s: %v", why, err)
			}
			change.Force, change.Shell = false, true
			if _, _, err := n.Apply(t.Context(), change); !errors.Is(err, revision.ErrLocksOut) {
				t.Errorf("%s, from the shell without force: %v", why, err)
			}
		}
		forced := n.edit(lockouts["removed"])
		forced.Force, forced.Shell = true, true
		n.apply(t, forced)
		n.apply(t, n.edit(func(d *directory.Document) { d.Clients[0].Name = "Web" })) // who mends it step by step may
	})
}

func TestA15_OneOwnerWhoStillComesInIsEnough(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		owner(t, n, "corp", "olivia")
		second := owner(t, n, "other", "oscar")
		if plan, err := n.Plan(t.Context(), n.edit(lockouts["removed"])); err != nil || plan.LocksOut {
			t.Fatalf("%+v, %v", plan, err)
		}
		if err := n.DB.SetUserDisabled(t.Context(), alice, second.UserID, true); err != nil {
			t.Fatal(err)
		}
		if plan, err := n.Plan(t.Context(), n.edit(lockouts["removed"])); err != nil || !plan.LocksOut {
			t.Errorf("the other one is switched off: %+v, %v", plan, err)
		}
	})
}

func TestAPlanWarnsWhenEveryOwnersConnectionChanges(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		owner(t, n, "corp", "olivia")
		plan, err := n.Plan(t.Context(), n.edit(func(d *directory.Document) {
			d.Providers[0].ClientID, d.Providers[0].ClientSecretSource, d.Providers[0].ClientSecret = "another", "", "typed-again"
		}))
		if err != nil || len(plan.Warnings) != 1 || plan.LocksOut || !plan.Sensitive {
			t.Errorf("%+v, %v", plan, err)
		}
	})
}

func TestAPlanTellsWhoGainsAndWhoLoses(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		person(t, n, "corp", "ann", map[string]any{"groups": []any{"eng"}})
		person(t, n, "corp", "bob", map[string]any{"groups": []any{"sales"}})
		person(t, n, "corp", "cid", map[string]any{"groups": []any{"legal"}})
		plan, err := n.Plan(t.Context(), n.edit(func(d *directory.Document) {
			d.Rules[0].When = "!('sales' in claims.groups)"
			d.Rules = append(d.Rules, mapping.Rule{Name: "engineers", When: "'eng' in claims.groups", Roles: []string{"editor"}})
		}))
		if err != nil || plan.Replayed != 3 || plan.Affected != 2 || len(plan.Effects) != 2 {
			t.Fatalf("%+v, %v", plan, err)
		}
		for _, e := range plan.Effects {
			got := fmt.Sprint(e.GainedRoles, e.LostRoles, e.GainedScopes, e.LostScopes)
			if want := map[string]string{"ann": "[editor] [] [] []", "bob": "[] [reader] [] [items:read]"}[e.Person]; got != want {
				t.Errorf("%s: %s, want %s", e.Person, got, want)
			}
		}
	})
}

// A settings file is applied once for what it says; what the console changed since stays.
func TestOnOneNodeAChangedFileApplies(t *testing.T) {
	db := storagetest.Open(t)
	n := newNode(db)
	file := document()
	if _, err := n.Open(t.Context(), &file, "hash-1"); err != nil || n.Current().Number != 1 {
		t.Fatal(err)
	}
	if a := n.Current(); a.Source == "file:hash-1" || a.Source[:5] != "file:" || a.Author.Kind != "system" {
		t.Errorf("%+v: the hash of a file with a literal secret is a test for guessing it", a)
	}
	n.apply(t, n.edit(func(d *directory.Document) { d.Clients[0].Name = "From the console" }))
	again := newNode(db)
	if a, err := again.Open(t.Context(), &file, "hash-1"); err != nil || a.Number != 2 {
		t.Errorf("the same file at the next start: %+v, %v", a, err)
	}
	edited := edited(file, func(d *directory.Document) { d.Clients[0].Name = "From the file" })
	if err := again.TakeFile(t.Context(), edited, "hash-2"); err != nil || again.Current().Number != 3 || len(again.used) != 1 {
		t.Errorf("a changed file: %+v, %v", again.Current(), err)
	}
	bad := edited
	bad.Rules = []mapping.Rule{{Name: "broken", When: "("}}
	if err := again.TakeFile(t.Context(), bad, "hash-3"); err == nil || again.Current().Number != 3 {
		t.Errorf("a file with a mistake: %v", err)
	}
	if _, err := newNode(db).Open(t.Context(), &bad, "hash-3"); err == nil {
		t.Error("a start with a file with a mistake goes on in silence")
	}
}

// Who applies a file from the shell and then rolls back does not find the file applied
// once more by the server that watches it.
func TestAFileThatTheShellAppliedWasTaken(t *testing.T) {
	n := newNode(storagetest.Open(t))
	file := document()
	if _, err := n.Open(t.Context(), &file, "hash-1"); err != nil {
		t.Fatal(err)
	}
	renamed := edited(file, func(d *directory.Document) { d.Clients[0].Name = "Renamed" })
	shell := n.change(renamed)
	shell.Shell, shell.Source = true, "shell"
	n.apply(t, shell)
	if err := n.TakeFile(t.Context(), renamed, "hash-2"); err != nil || n.Current().Number != 2 {
		t.Errorf("what the file says is active, and became revision %d: %v", n.Current().Number, err)
	}
	if _, _, err := n.Apply(t.Context(), revision.Change{Base: 2, Rollback: 1, Actor: alice}); err != nil {
		t.Fatal(err)
	}
	if err := n.TakeFile(t.Context(), renamed, "hash-2"); err != nil || n.Current().Number != 3 {
		t.Errorf("the rollback was undone by revision %d: %v", n.Current().Number, err)
	}
	another := edited(file, func(d *directory.Document) { d.Clients[0].Name = "Another" })
	if err := n.TakeFile(t.Context(), another, "hash-3"); err != nil || n.Current().Number != 4 {
		t.Errorf("a file that is new: %d, %v", n.Current().Number, err)
	}
}

func TestWhereNodesShareABookAFileOnlyFillsAnEmptyOne(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		file := document()
		n := newNode(db, func(n *node) { n.OneNode = false })
		if a, err := n.Open(t.Context(), &file, "hash-1"); err != nil || a.Number != 1 {
			t.Fatal(err)
		}
		other := newNode(db, func(n *node) { n.OneNode = false })
		edited := edited(file, func(d *directory.Document) { d.Clients[0].Name = "Of the other node" })
		if a, err := other.Open(t.Context(), &edited, "hash-2"); err != nil || a.Number != 1 {
			t.Errorf("%+v, %v", a, err)
		}
		if text := other.log.String(); !contains(text, "handstamp apply", "level=WARN", "differences=1") {
			t.Errorf("log: %s", text)
		}
	})
}
