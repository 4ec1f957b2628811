package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How much of one trace is kept.
const (
	mostText = 512      // bytes of a text
	mostJSON = 64 << 10 // bytes of claims, steps and trace each; longer ones are left out
)

// defaultStrangers is how many traces of nobody we know are kept.
const defaultStrangers = 10_000

// countKey is one row of login_counts.
type countKey struct {
	hour                      int64
	provider, client, outcome string
}

// countOf is what one login adds to its row, or takes away.
type countOf struct{ logins, sum, max int64 }

// keptLogin is a login as its row holds it.
type keptLogin struct {
	key    countKey
	took   int64
	userID string
	row    []any
}

// KeepLogins keeps traces in one transaction, each in place of an earlier one with the
// same reference, and counts them by hour. A trace of a user who was erased meanwhile is
// counted and not kept. Callers pass only providers, clients and outcomes that there are:
// each makes a counter.
func (d *DB) KeepLogins(ctx context.Context, batch []Login) error {
	if len(batch) == 0 {
		return nil
	}
	kept := make([]keptLogin, len(batch))
	strangers := int64(0)
	for i := range batch {
		k, err := d.packLogin(&batch[i])
		if err != nil {
			return err
		}
		if kept[i] = k; k.userID == "" {
			strangers++
		}
	}
	trim := strangers > 0 && d.strangers.Add(strangers) >= d.strangerSlack()
	_, err := write(ctx, d, "keep logins", func(ctx context.Context, q runner) (none struct{}, err error) {
		counts := map[countKey]countOf{}
		for _, k := range kept {
			if err := keepLogin(ctx, q, k, counts); err != nil {
				return none, err
			}
		}
		if err := addCounts(ctx, q, counts); err != nil {
			return none, err
		}
		if !trim {
			return none, nil
		}
		_, err = q.ExecContext(ctx, `DELETE FROM logins WHERE user_id = '' AND at <= (SELECT at FROM logins WHERE user_id = '' ORDER BY at DESC LIMIT 1 OFFSET $1)`, d.strangerBudget())
		return none, err
	})
	if err == nil && trim {
		d.strangers.Store(0)
	}
	return err
}

func (d *DB) strangerBudget() int64 { return int64(cmp.Or(d.keep.Strangers, defaultStrangers)) }

// strangerSlack is after how many new ones the oldest go: looking for them in every
// batch would cost more than the batch.
func (d *DB) strangerSlack() int64 { return max(1, d.strangerBudget()/100) }

func (d *DB) packLogin(l *Login) (k keptLogin, err error) {
	if l.Reference == "" || l.At.IsZero() || l.Outcome == "" {
		return k, errors.New("keep login: reference, time and outcome are needed")
	}
	reference, sealed := plainText(l.Reference, mostText), ""
	if l.Subject != "" && l.Claims != nil {
		plain, err := json.Marshal(l.Claims)
		if err != nil {
			return k, fmt.Errorf("keep login: claims: %w", err)
		}
		if len(plain) <= mostJSON {
			sealed = d.sealer.sealColumn("logins", reference, "claims", plain)
		}
	}
	text := func(s string) string { return plainText(s, mostText) }
	texts := func(list []string) string {
		if len(list) > 100 {
			list = list[:100]
		}
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = text(s)
		}
		return listText(out)
	}
	at := micros(l.At)
	k = keptLogin{userID: l.UserID, took: l.Took.Microseconds(),
		key: countKey{hourOf(l.At), text(l.Provider), text(l.ClientID), text(l.Outcome)}}
	k.row = []any{reference, at, k.took, k.key.client, k.key.provider, l.ProviderID, l.UserID, l.UserSubject, text(l.Person), text(l.Subject), k.key.outcome,
		text(l.Code), text(l.Cause), text(l.Rule), l.Revision, l.Snapshot, l.IP, text(l.Device), texts(l.Asked), texts(l.Scopes), texts(l.Roles), sealed,
		jsonText(l.Steps), d.sealTrace(reference, l.Trace)}
	return k, nil
}

// sealTrace seals the reasons of rules: they repeat what upstream said.
func (d *DB) sealTrace(reference string, trace []byte) string {
	text := jsonText(trace)
	if text == "" {
		return ""
	}
	return d.sealer.sealColumn("logins", reference, "trace", []byte(text))
}

// jsonText is how JSON from elsewhere is kept: as it is, or not at all.
func jsonText(b []byte) string {
	if len(b) > mostJSON {
		return ""
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\x00", "")
}

func keepLogin(ctx context.Context, q runner, k keptLogin, counts map[countKey]countOf) error {
	for first := true; ; first = false {
		n, err := exec(ctx, q, `INSERT INTO logins (reference, at, took, client_id, provider, provider_id, user_id, user_subject, person, subject, outcome,
			code, cause, rule, revision, snapshot, ip, device, asked, scopes, roles, claims, steps, trace)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24
			WHERE $7 = '' OR EXISTS (SELECT 1 FROM users WHERE id = $7) ON CONFLICT (reference) DO NOTHING`, k.row...)
		if err != nil {
			return fmt.Errorf("keep login: %w", err)
		}
		if n == 1 || !first {
			break
		}
		before := keptLogin{}
		var at time.Time
		err = found("find the trace before", q.QueryRowContext(ctx, `DELETE FROM logins WHERE reference = $1 RETURNING at, took, provider, client_id, outcome`, k.row[0]).
			Scan(when{&at}, &before.took, &before.key.provider, &before.key.client, &before.key.outcome))
		if errors.Is(err, ErrNotFound) {
			break // the user is gone
		}
		if err != nil {
			return err
		}
		before.key.hour = hourOf(at)
		c := counts[before.key]
		c.logins, c.sum = c.logins-1, c.sum-before.took
		counts[before.key] = c
	}
	c := counts[k.key]
	counts[k.key] = countOf{c.logins + 1, c.sum + k.took, max(c.max, k.took)}
	return nil
}

// addCounts locks rows in one order, so that two nodes do not wait for each other.
func addCounts(ctx context.Context, q runner, counts map[countKey]countOf) error {
	keys := make([]countKey, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.provider, b.provider), cmp.Compare(a.client, b.client), cmp.Compare(a.outcome, b.outcome))
	})
	for _, k := range keys {
		c := counts[k]
		if _, err := q.ExecContext(ctx, `INSERT INTO login_counts (hour, provider, client_id, outcome, logins, took_sum, took_max) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (hour, provider, client_id, outcome) DO UPDATE SET logins = login_counts.logins + excluded.logins, took_sum = login_counts.took_sum + excluded.took_sum,
			took_max = CASE WHEN excluded.took_max > login_counts.took_max THEN excluded.took_max ELSE login_counts.took_max END`,
			k.hour, k.provider, k.client, k.outcome, c.logins, c.sum, c.max); err != nil {
			return fmt.Errorf("count logins: %w", err)
		}
	}
	return nil
}

// plainText is a text of a bounded length on one line: no control characters, which
// could end a line of a log or an export, and nothing that a database refuses.
func plainText(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	s = strings.ToValidUTF8(s, "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
