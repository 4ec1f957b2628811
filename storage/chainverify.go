package storage

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"
)

// ChainReport is what AuditChain found.
type ChainReport struct {
	Rows    int64     // verified
	Links   int64     // of how many links
	Waiting int64     // too new to be in the chain
	Older   int64     // from before there was a chain
	Since   time.Time // of the oldest link: what was before is past its retention
	Head    string    // of the newest link: kept elsewhere, it proves that nothing was cut off
	Broken  *Break    // the first row that is not as it was, nil when all are
}

// Break is a row that is not as it was written.
type Break struct {
	ID  string
	At  time.Time // by its id
	Why string
}

// broken ends a verification.
type broken struct{ Break }

func (b *broken) Error() string { return "audit row " + b.ID + ": " + b.Why }

func breakAt(id, why string) error {
	return &broken{Break{ID: id, At: fromMicros(timeOf(id)), Why: why}}
}

// verification is one walk along the chain.
type verification struct {
	d      *DB
	report *ChainReport
	begin  anchor
	before string            // MAC of the link before
	seq    int64             // of that link
	first  map[string]string // node → its first id in a link
	last   map[string]string // node → its last id in a link
}

// AuditChain verifies the audit from the oldest link to the newest: that no row was
// changed, added or taken away, and names the first of which that is not so. It reads
// everything, and may go on while the book is in use. What a process wrote since its last
// link counts as waiting.
func (d *DB) AuditChain(ctx context.Context) (*ChainReport, error) {
	for {
		v := &verification{d: d, report: &ChainReport{}, first: map[string]string{}, last: map[string]string{}}
		err := v.walk(ctx)
		var b *broken
		if !errors.As(err, &b) {
			return only(v.report, err)
		}
		if now, err := d.anchor(ctx, d.engine.reader()); err == nil && now.seq > v.begin.seq {
			continue // what was missed went with its retention meanwhile
		}
		v.report.Broken = &b.Break
		return v.report, nil
	}
}

func (v *verification) walk(ctx context.Context) error {
	d := v.d
	begin, err := d.anchor(ctx, d.engine.reader())
	if errors.Is(err, ErrSealed) || errors.Is(err, ErrNotFound) {
		return breakAt("", "where the chain begins was changed")
	}
	if err != nil {
		return err
	}
	v.begin, v.before, v.seq = begin, begin.mac, begin.seq
	for {
		links, err := d.links(ctx, v.seq, 50)
		if err != nil {
			return err
		}
		for i := range links {
			if err := v.link(ctx, &links[i]); err != nil {
				return err
			}
		}
		if len(links) == 0 {
			break
		}
	}
	d.chain.mu.Lock()
	seen := d.chain.seen
	d.chain.mu.Unlock()
	if v.seq < seen {
		return breakAt("", fmt.Sprintf("the chain ends at link %d, and there was a link %d", v.seq, seen))
	}
	v.report.Head = fmt.Sprintf("%d:%s", v.seq, v.before)
	return v.rest(ctx)
}

// links lists links after a number.
func (d *DB) links(ctx context.Context, after int64, limit int) (out []link, err error) {
	err = each(ctx, d.engine.reader(), func(row scanner) error {
		var l link
		err := row.Scan(&l.seq, &l.at, &l.node, &l.lastID, &l.ids, &l.mac)
		out = append(out, l)
		return err
	}, `SELECT seq, at, node, last_id, ids, mac FROM audit_links WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	return out, found("read the chain", err)
}

// link verifies one link and its rows.
func (v *verification) link(ctx context.Context, l *link) error {
	ids, err := l.list()
	if err != nil || len(ids) == 0 || ids[len(ids)-1] != l.lastID || l.seq != v.seq+1 {
		return breakAt(l.lastID, fmt.Sprintf("link %d is not the one that was made", v.seq+1))
	}
	after, ok := v.last[l.node]
	if !ok { // what comes before is looked at in the end
		v.first[l.node], after = ids[0], ids[0][:len(ids[0])-1]
	}
	rows := make([]chained, 0, len(ids))
	err = each(ctx, v.d.engine.reader(), func(row scanner) error {
		var mac string
		r, detail, err := scanAudit(row, &mac)
		if err != nil {
			return breakAt(r.ID, "it cannot be read")
		}
		is := v.d.rowMAC(r.ID, micros(r.At), r.Actor, r.Action, r.Target, detail)
		switch want := ids[min(len(rows), len(ids)-1)]; {
		case r.ID > want:
			return breakAt(want, "it was taken away")
		case r.ID < want || len(rows) == len(ids):
			return breakAt(r.ID, "it was added")
		case !hmac.Equal([]byte(is), []byte(mac)):
			return breakAt(r.ID, "it was changed")
		}
		rows = append(rows, chained{r.ID, is})
		return nil
	}, `SELECT `+auditColumns+`, mac FROM audit WHERE id > $1 AND id <= $2 AND substr(id, 17) = $3 ORDER BY id`, after, l.lastID, l.node)
	var b *broken
	if err != nil && !errors.As(err, &b) {
		return found("read the audit", err)
	}
	if err != nil {
		return err
	}
	if len(rows) < len(ids) {
		return breakAt(ids[len(rows)], "it was taken away")
	}
	if !hmac.Equal([]byte(l.mac), []byte(v.d.linkMAC(v.before, *l, rows))) {
		return breakAt(ids[0], fmt.Sprintf("link %d, which begins with it, is not the one that was made", l.seq))
	}
	if v.report.Since.IsZero() {
		v.report.Since = fromMicros(l.at)
	}
	v.report.Rows += int64(len(rows))
	v.report.Links++
	v.before, v.seq, v.last[l.node] = l.mac, l.seq, l.lastID
	return nil
}

// rest looks at rows that no link covers: they are new, or they were added.
func (v *verification) rest(ctx context.Context) error {
	d := v.d
	if err := d.read(ctx, `SELECT COUNT(*) FROM audit WHERE id <= $1`, v.begin.beforeID).Scan(&v.report.Older); err != nil {
		return found("count older rows", err)
	}
	type span struct{ first, last string }
	spans := map[string]span{}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var node string
		var s span
		err := row.Scan(&node, &s.first, &s.last)
		spans[node] = s
		return err
	}, `SELECT substr(id, 17), MIN(id), MAX(id) FROM audit WHERE id > $1 GROUP BY substr(id, 17)`, v.begin.beforeID)
	if err != nil {
		return found("look for rows without a link", err)
	}
	overdue := idAt(d.now() - adoptAfter.Microseconds() - 2*time.Minute.Microseconds())
	for _, node := range sortedKeys(spans) {
		if v.first[node] != "" && spans[node].first < v.first[node] {
			return breakAt(spans[node].first, "it was added")
		}
		after := max(v.last[node], v.begin.beforeID)
		if spans[node].last <= after {
			continue
		}
		var first string
		var count int64
		if err := d.read(ctx, `SELECT COALESCE(MIN(id), ''), COUNT(*) FROM audit WHERE id > $1 AND substr(id, 17) = $2`, after, node).Scan(&first, &count); err != nil {
			return found("look for rows without a link", err)
		}
		if count > 0 && first < overdue {
			return breakAt(first, "no link covers it: it was added, or the newest links were taken away")
		}
		v.report.Waiting += count
	}
	return nil
}
