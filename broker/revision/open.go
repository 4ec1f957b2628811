package revision

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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
	s := b.State()
	return nil, fmt.Errorf("revision %d is active, and cannot be run here: %s", s.Newest, s.Cause)
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

// Reload resolves the references of the active revision anew, for a secret in a file that
// changed. A secret that cannot be read leaves everything as it is.
func (b *Book) Reload(ctx context.Context) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	_, err := b.follow(ctx)
	return err
}

func (b *Book) takeFile(ctx context.Context, base *Active, doc directory.Document, hash string) error {
	hash = b.DB.Fingerprint("file", hash) // so that it is no test for guessing a literal secret in the file
	folded := ownSecrets(doc)
	folded.FoldSecrets(b.DB.Fingerprint, func(string, string) bool { return true })
	taken, err := b.taken(ctx, folded, hash)
	if err != nil {
		return err
	}
	if taken || base.Number > 0 && !b.OneNode {
		b.differs(base, folded, taken)
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

// taken tells whether a file had its say already: it is the last one that was taken, or
// since then somebody made a revision of just what it says, as handstamp apply does. What
// came after that is meant to stay.
func (b *Book) taken(ctx context.Context, folded directory.Document, hash string) (bool, error) {
	text, err := json.Marshal(folded)
	if err != nil {
		return false, err
	}
	says := hashOf(text)
	for before := int64(0); ; {
		page, err := b.DB.Revisions(ctx, before, lookBack)
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, r := range page {
			if r.Hash == says {
				return true, nil
			}
			if last, isFile := fileOf(r.Source); isFile {
				return last == hash, nil
			}
		}
		before = page[len(page)-1].Number
	}
}

// hashOf names a document as storage.Revision.Hash does.
func hashOf(document []byte) string {
	sum := sha256.Sum256(document)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

const lookBack = 200 // revisions at once

// differs says that the file is not what this house runs.
func (b *Book) differs(base *Active, folded directory.Document, taken bool) {
	n := len(directory.Diff(base.Document, folded))
	switch {
	case n == 0:
	case taken:
		b.Logger.Info("the directory was changed since this settings file was applied; the change stays, and handstamp apply takes it back", "revision", base.Number, "source", base.Source, "differences", n)
	default:
		b.Logger.Warn("the settings file says another directory than the active one, which stays; handstamp plan shows the difference, handstamp apply makes the file the active one",
			"revision", base.Number, "source", base.Source, "differences", n)
	}
}
