package revision

import "context"

// Plan tells what a change would do, and changes nothing. With an error that refuses the
// change, what could be told of the plan comes along.
func (b *Book) Plan(ctx context.Context, c Change) (*Plan, error) { return nil, ErrConflict }

// Apply makes a change the active revision. When it returns, this node runs it. A change
// that changes nothing makes no revision, and the plan has no Number.
func (b *Book) Apply(ctx context.Context, c Change) (*Active, *Plan, error) {
	return nil, nil, ErrConflict
}
