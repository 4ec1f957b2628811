package storage

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// scanner is a row that was asked for.
type scanner interface{ Scan(dest ...any) error }

// found turns "no rows" into ErrNotFound and names the act.
func found(act string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", act, ErrNotFound)
	}
	return fmt.Errorf("%s: %w", act, classified(err))
}

// newID draws an id: 128 random bits, 22 characters.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashText is how a hash is kept.
func hashText(hash []byte) string { return base64.RawURLEncoding.EncodeToString(hash) }

// micros and fromMicros map a time to UTC microseconds, and none to 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// listText keeps a list as JSON.
func listText(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

// list reads what listText wrote.
type list struct{ to *[]string }

// Scan implements sql.Scanner.
func (l list) Scan(v any) error {
	text, err := asText(v)
	if err != nil {
		return err
	}
	if text == "[]" {
		*l.to = nil
		return nil
	}
	return json.Unmarshal([]byte(text), l.to)
}

// when reads a time.
type when struct{ to *time.Time }

// Scan implements sql.Scanner.
func (w when) Scan(v any) error {
	us, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is %T in the database", v)
	}
	*w.to = fromMicros(us)
	return nil
}

func asText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("a text is %T in the database", v)
}

// each walks over the rows of a query.
func each(ctx context.Context, q runner, scan func(row scanner) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec runs a statement and tells how many rows it changed.
func exec(ctx context.Context, q runner, query string, args ...any) (int64, error) {
	r, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// ignoreNotFound is for questions where "none" is an answer.
func ignoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
