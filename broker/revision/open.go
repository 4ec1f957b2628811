package revision

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// Open reads the active revision, after the file, if there is one, had its say (see
// TakeFile): whoever starts a server with a file that is refused is there to mend it.
// Without a revision that this node can run there is nothing to serve.
func (b *Book) Open(ctx context.Context, fromFile *directory.Document, hash string) (*Active, error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	base, err := b.newest(ctx)
	if err != nil {
		return nil, err
	}
	if fromFile != nil {
		if err := b.takeFile(ctx, base, *fromFile, hash); err != nil {
			return nil, fmt.Errorf("the settings file is not applied: %w", err)
		}
	}
	b.stand(func(s *State) { s.Read = b.Now() })
	b.opened = true
	if a := b.active.Load(); a != nil {
		return a, nil
	}
	return nil, errors.New("the active directory cannot be run here: " + b.State().Cause)
}

// TakeFile is what becomes of a settings file at the start and when it changes. On one
// node a file that is not the last one taken is applied. Where several nodes share a
// book, it is only into an empty one, since one node's file would undo another's: there,
// a difference is a warning.
func (b *Book) TakeFile(ctx context.Context, doc directory.Document, hash string) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	base, err := b.newest(ctx)
	if err == nil {
		err = b.takeFile(ctx, base, doc, hash)
	}
	if err != nil {
		b.Logger.Error("the settings file was not applied; the former directory stays", "cause", err)
	}
	return err
}

func (b *Book) takeFile(ctx context.Context, base *Active, doc directory.Document, hash string) error {
	hash = b.DB.Fingerprint("file", hash) // so that it is no test for guessing a literal secret in the file
	last, err := b.DB.LastFileHash(ctx)
	if err != nil {
		return err
	}
	if last == hash || base.Number > 0 && !b.OneNode {
		b.differs(base, doc, last == hash)
		return nil
	}
	actor := storage.Actor{Kind: "system", ID: fileSource + hash[:min(len(hash), 12)]}
	_, plan, err := b.apply(ctx, Change{Base: base.Number, Document: doc, Actor: actor, Reason: "the settings file", Source: fileSource + hash, Shell: true, CanOwn: true})
	if errors.Is(err, ErrConflict) && !b.OneNode { // another node was first with an empty book
		_, err := b.newest(ctx)
		return err
	}
	if err != nil {
		return err
	}
	b.Logger.Info("the settings file was applied", "revision", plan.Number, "changes", len(plan.Changes), "people_affected", plan.Affected)
	return nil
}

const fileSource = "file:"

func fileOf(source string) (hash string, is bool) { return strings.CutPrefix(source, fileSource) }

// differs says that the file is not what this house runs.
func (b *Book) differs(base *Active, doc directory.Document, taken bool) {
	doc = ownSecrets(doc)
	doc.FoldSecrets(b.DB.Fingerprint, func(string, string) bool { return true })
	n := len(directory.Diff(base.Document, doc))
	switch {
	case n == 0:
	case taken:
		b.Logger.Info("the directory was changed since this settings file was applied; the change stays", "revision", base.Number, "source", base.Source, "differences", n)
	default:
		b.Logger.Warn("the settings file says another directory than the active one, which stays; handstamp plan shows the difference, handstamp apply makes the file the active one",
			"revision", base.Number, "source", base.Source, "differences", n)
	}
}
