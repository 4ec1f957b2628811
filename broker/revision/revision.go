// Package revision keeps the directory's document through its life: which one is
// active, what a change would do, and how it reaches every request on every node.
//
//	file, API, console ──▶ Plan ──▶ Apply ──▶ storage (one truth, numbered)
//	                        │         │             │
//	                        │         ▼             ▼ generation
//	     what changes, who gains    Current ◀──── Watch ◀── another node's Apply
//	     and loses, what is refused    │
//	                                   ▼
//	                            Use: snapshot and providers of this node
//
// A document is kept in source form: secrets are references, which each node resolves
// for itself, or sealed in the database. A change is judged here, whoever makes it, by
// rules that no caller can forget: a stale base, a slug's issuer, a secret that would
// follow a changed address, a reference that would read this machine, a change after
// which no owner could sign in.
//
// It leaves to directory what a document means, to policy what it would do to people,
// to storage the numbering, and to its callers who may change anything at all.
package revision

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// Book is the life of one house's directory on one node. Its fields are set before
// Open and not changed afterwards; its methods are safe for parallel use.
type Book struct {
	DB      *storage.DB
	Issuer  string // the broker's own
	OneNode bool   // nobody else has this book open (SQLite): a changed settings file applies

	// Resolve reads ${NAME} or file:/path on this node.
	Resolve func(source string) (providers.Secret, error)
	// Upstream makes a provider of this node, for a snapshot that needs these claims of
	// it. It touches no network.
	Upstream func(ctx context.Context, p *directory.Provider, claims []string) (providers.Provider, error)
	// Check finds what the rest of this house's settings has against a document. May be nil.
	Check func(directory.Document) []directory.Problem

	// Use makes a new Active what requests see. It is called by Apply and Watch, one at a
	// time, and not by Open. May be nil.
	Use func(*Active) error
	// Keys reads the signing keys anew; Watch calls it when a node has changed them. May be nil.
	Keys func(context.Context) error
	// Stands is told whenever State changes. May be nil.
	Stands func(State)

	Now    func() time.Time
	Logger *slog.Logger

	active atomic.Pointer[Active]
	turn   sync.Mutex // one directory at a time becomes active on this node
	opened bool       // guarded by turn
	watch  lookout
}

// Active is the directory as this node runs it. It is immutable.
type Active struct {
	Number    int64              // 0: the book is empty, and so is the directory
	Document  directory.Document // in source form, without any secret
	Snapshot  *directory.Snapshot
	Upstreams map[string]providers.Provider // by slug
	At        time.Time
	Author    storage.Actor
	Reason    string
	Source    string // console, api, shell, file:<hash>, rollback:<number>
	Hash      string

	made map[string]made // what Upstreams were made from, by slug
}

// Change is a document that somebody wants to become the active one.
type Change struct {
	Base     int64              // the revision that it was made from, 0 for an empty book
	Document directory.Document // in source form; literal secrets in it are new ones
	Rollback int64              // instead of Document: an earlier revision's
	Actor    storage.Actor
	Reason   string
	Source   string // "" for a rollback

	Shell  bool // from this machine: may name any reference, open private networks, and force
	Force  bool // even if no owner could sign in afterwards; counts only with Shell
	CanOwn bool // the actor may do what only owners may
}

// Plan is what a change would do.
type Plan struct {
	Base     int64               `json:"base"`
	Number   int64               `json:"number,omitzero"` // of the revision that Apply made
	Changes  []directory.Change  `json:"changes"`
	Effects  []policy.Effect     `json:"effects"`  // on people who signed in lately
	Gains    []policy.Gain       `json:"gains"`    // roles and scopes that it newly gives, by rule: what tests have to expect
	Replayed int                 `json:"replayed"` // logins that were looked at
	Affected int                 `json:"affected"` // people among them for whom something changes
	Warnings []directory.Problem `json:"warnings,omitzero"`
	Problems []directory.Problem `json:"problems,omitzero"` // for which it is refused

	LocksOut   bool `json:"locks_out,omitzero"`   // no owner could sign in afterwards
	NeedsOwner bool `json:"needs_owner,omitzero"` // it touches what machines may administer
	Sensitive  bool `json:"sensitive,omitzero"`   // some change is
}

// State tells how this node stands to the book.
type State struct {
	Active int64     // the revision that this node runs
	Newest int64     // the one that the book has
	Cause  string    // why this node does not run the newest, or ""
	Blind  bool      // the book could not be read for so long that it may say anything
	Read   time.Time // when it was last read
}

// Current is the directory that this node runs.
func (b *Book) Current() *Active { return b.active.Load() }
