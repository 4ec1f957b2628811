package storage

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
)

// window bounds how many rows one page looks through for those that its filter wants: a
// filter that nothing fits costs the same as any other. A test lowers it.
var window = 20_000

// errCursor is for a Before that no page gave.
var errCursor = errors.New("the place to go on from is not one that a page gave")

// cursor is a row's place in a list: the newest first, equals by id.
type cursor struct {
	at int64
	id string
}

// beginning comes before every row.
var beginning = cursor{math.MaxInt64, ""}

func (c cursor) String() string { return strconv.FormatInt(c.at, 10) + ":" + c.id }

func parseCursor(text string) (cursor, error) {
	if text == "" {
		return beginning, nil
	}
	at, id, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || id == "" {
		return cursor{}, errCursor
	}
	return cursor{n, id}, nil
}

// nextPlace says where a page goes on: after its last row when it is full, else after
// the last row that it looked at; "" at the end. last is a query for that row.
func (d *DB) nextPlace(ctx context.Context, full bool, lastShown cursor, last string, from cursor) (string, error) {
	if full {
		return lastShown.String(), nil
	}
	var c cursor
	err := found("look for more", d.read(ctx, last, from.at, from.id, window-1).Scan(&c.at, &c.id))
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return c.String(), nil
}

// containing is a LIKE pattern for texts with s in them. Letters of the alphabet are
// compared without case.
func containing(s string) string {
	if s == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
