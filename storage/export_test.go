package storage

import "context"

// Runner and Write let tests put their own statements into a write.
type Runner = runner

// Write runs fn as one write transaction.
func (d *DB) Write(ctx context.Context, fn func(ctx context.Context, q Runner) error) error {
	_, err := write(ctx, d, "test", func(ctx context.Context, q runner) (struct{}, error) { return struct{}{}, fn(ctx, q) })
	return err
}

// Reader gives the connections that reads use.
func (d *DB) Reader() Runner { return d.engine.reader() }

// SetGuessBudget lowers the budget and gives the way back.
func SetGuessBudget(rows int64) (restore func()) {
	before := guessBudget
	guessBudget = rows
	return func() { guessBudget = before }
}

// SetWindow lowers how many rows a page looks through and gives the way back.
func SetWindow(rows int) (restore func()) {
	before := window
	window = rows
	return func() { window = before }
}
