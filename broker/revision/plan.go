package revision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// replayed is how many logins a plan looks at: the last of each person at each client,
// the newest first.
const replayed = 1000

// Plan tells what a change would do, and changes nothing. With an error that refuses the
// change, what could be told of the plan comes along.
func (b *Book) Plan(ctx context.Context, c Change) (*Plan, error) {
	b.turn.Lock()
	base, err := b.newest(ctx)
	b.turn.Unlock()
	if err != nil {
		return nil, err
	}
	p, err := b.propose(ctx, base, c)
	return p.plan, err
}

// proposal is a change on its way to becoming a revision.
type proposal struct {
	Change
	base     *Active            // what the book has; its Snapshot is nil where this node cannot run it
	document directory.Document // in source form
	json     []byte
	secrets  map[string]string // that are new, by fingerprint
	bound    map[string]storage.Bound
	issuers  map[string]string // by slug
	snapshot *directory.Snapshot
	plan     *Plan
}

// propose judges a change step by step, from what refuses it at a glance to what it
// would do to people.
func (b *Book) propose(ctx context.Context, base *Active, c Change) (*proposal, error) {
	p := &proposal{Change: c, base: base, plan: &Plan{Base: base.Number, Changes: []directory.Change{}, Effects: []policy.Effect{}}}
	if c.Base != base.Number {
		return p, fmt.Errorf("revision %d is active, and this was made from %d: %w", base.Number, c.Base, ErrConflict)
	}
	if err := b.chosen(ctx, p); err != nil {
		return p, err
	}
	held, err := b.DB.HeldSecrets(ctx)
	if err != nil {
		return p, err
	}
	p.document = ownSecrets(p.document)
	problems := []directory.Problem{}
	p.secrets, problems = p.document.FoldSecrets(b.DB.Fingerprint, held.Has)
	if p.json, err = json.Marshal(p.document); err != nil {
		return p, err
	}
	p.plan.Changes = append(p.plan.Changes, directory.Diff(base.Document, p.document)...)
	p.look()
	if p.bound, err = b.DB.BoundProviders(ctx); err != nil {
		return p, err
	}
	if err := p.guard(); err != nil {
		return p, err
	}
	if len(problems) == 0 {
		p.snapshot, problems = b.compile(p.document, p.secrets, held, p.bound)
	}
	if p.plan.Problems = problems; len(problems) > 0 {
		return p, &Invalid{problems}
	}
	return p, b.foresee(ctx, p)
}

// chosen finds the document: the one that came along, or an earlier revision's.
func (b *Book) chosen(ctx context.Context, p *proposal) error {
	p.document = p.Document
	if p.Rollback == 0 {
		return nil
	}
	r, err := b.DB.Revision(ctx, p.Rollback)
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("revision %d: %w", p.Rollback, ErrNoRevision)
	}
	if err != nil {
		return err
	}
	doc, problems := directory.ParseDocument(r.Document)
	if len(problems) > 0 {
		p.plan.Problems = problems
		return &Invalid{problems}
	}
	p.document, p.Source = doc, fmt.Sprintf("rollback:%d", p.Rollback)
	return nil
}

// ownSecrets copies what folding and giving secrets change.
func ownSecrets(d directory.Document) directory.Document {
	d.Providers = append([]directory.Provider(nil), d.Providers...)
	d.Clients = append([]directory.Client(nil), d.Clients...)
	for i := range d.Clients {
		c := &d.Clients[i]
		c.Secrets = append([]providers.Secret(nil), c.Secrets...)
		c.SecretSources = append([]string(nil), c.SecretSources...)
	}
	return d
}

// compile fills in the secrets and makes the snapshot as this node would run it.
func (b *Book) compile(doc directory.Document, fresh map[string]string, held *storage.HeldSet, bound map[string]storage.Bound) (*directory.Snapshot, []directory.Problem) {
	full := ownSecrets(doc)
	err := full.GiveSecrets(func(owner, source string) (providers.Secret, error) {
		fingerprint, sealed := directory.SealedFingerprint(source)
		if !sealed {
			return b.Resolve(source)
		}
		if value, ok := fresh[fingerprint]; ok && b.DB.Fingerprint(owner, value) == fingerprint {
			return providers.Secret(value), nil
		}
		value, err := held.Secret(owner, fingerprint)
		return providers.Secret(value), err
	})
	if err != nil {
		return nil, problemsOf(err)
	}
	snapshot, problems := directory.Compile(b.Issuer, full)
	if b.Check != nil {
		problems = append(problems, b.Check(doc)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	ids := make(map[string]string, len(bound))
	for slug, is := range bound {
		ids[slug] = is.ID
	}
	snapshot.BindInternalIDs(ids)
	return snapshot, nil
}

// problemsOf reads what GiveSecrets joined: "path: what is wrong" each.
func problemsOf(err error) (out []directory.Problem) {
	faults := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		faults = joined.Unwrap()
	}
	for _, fault := range faults {
		path, message, ok := strings.Cut(fault.Error(), ": ")
		if !ok {
			path, message = "", fault.Error()
		}
		out = append(out, directory.Problem{Path: path, Message: message, Hint: "each node resolves references for itself: set it where the broker runs"})
	}
	return out
}

// foresee replays what people did lately, and looks whether owners still come in.
func (b *Book) foresee(ctx context.Context, p *proposal) error {
	if p.base.Snapshot == nil {
		p.plan.Warnings = append(p.plan.Warnings, directory.Problem{Message: "nothing was replayed: this node cannot run the active revision itself", Hint: "see its log"})
	} else if err := b.replay(ctx, p); err != nil {
		return err
	}
	p.plan.Gains = policy.Gains(p.base.Document, p.document, p.plan.Effects)
	return b.owners(ctx, p)
}

func (b *Book) replay(ctx context.Context, p *proposal) error {
	recent, err := b.DB.RecentLogins(ctx, replayed)
	if err != nil {
		return err
	}
	logins := make([]policy.Login, len(recent))
	for i, l := range recent {
		logins[i] = policy.Login{Reference: l.Reference, Person: l.Person, Provider: l.Provider, Client: l.ClientID, Claims: l.Claims, Scopes: l.Asked, At: l.At, UserSubject: l.UserSubject}
	}
	p.plan.Replayed = len(logins)
	p.plan.Effects = append(p.plan.Effects, policy.Effects(p.base.Snapshot, p.snapshot, logins)...)
	people := map[string]bool{}
	for _, e := range p.plan.Effects {
		people[e.UserSubject+"\x00"+e.Person] = true
	}
	p.plan.Affected = len(people)
	return nil
}
