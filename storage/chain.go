package storage

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The audit's chain
//
//	write ──▶ audit row + MAC of it      in the transaction of the change
//	ChainAudit ──▶ link: MAC(link before ‖ ids and MACs of up to 250 rows)
//
// A login pays for one MAC a row. Links are made shortly afterwards, by each process for
// the rows it wrote: only it knows which of its writes are still under way, so no row is
// committed behind a link's back, however many nodes there are. All links form one chain.
// What a process left behind when it died is linked by another one.
//
// The key is not in the database. Who has only that can neither change a row nor make a
// link; and rows or links that are taken away are missed by the links that follow.

const (
	rowsPerLink = 250
	linksAtOnce = 20 // of one pass
	// adoptAfter is when another process takes over rows that were not linked, and when
	// AuditChain begins to miss a link: clocks of two nodes may differ by less.
	adoptAfter = 10 * time.Minute
	// doubt is how long a write whose outcome is unknown may still commit.
	doubt = 30 * time.Second
)

// chainer is what this process knows of the chain.
type chainer struct {
	mu      sync.Mutex // one pass at a time
	linked  string     // the last id of ours in a link
	adopted int64
	seen    int64 // the newest link, as far as we know

	flying  sync.Mutex
	flights map[*flight]struct{}
}

// flight is a write under way: ids that it draws are later than from.
type flight struct{ from, until int64 }

func (c *chainer) begin(s *stamper) *flight {
	c.flying.Lock()
	defer c.flying.Unlock()
	f := &flight{from: s.last.Load()}
	c.flights[f] = struct{}{}
	return f
}

// end notes how a write ended. One of which that is not known stays for a while.
func (c *chainer) end(f *flight, err error, now time.Time) {
	c.flying.Lock()
	defer c.flying.Unlock()
	if errors.Is(err, ErrOutcomeUnknown) {
		f.until = now.Add(doubt).UnixMicro()
		return
	}
	delete(c.flights, f)
}

// settled is up to where every row that this process will ever have is in the table.
func (c *chainer) settled(s *stamper, now time.Time) int64 {
	c.flying.Lock()
	defer c.flying.Unlock()
	at := s.last.Load()
	for f := range c.flights {
		if f.until != 0 && f.until < now.UnixMicro() {
			delete(c.flights, f)
			continue
		}
		at = min(at, f.from)
	}
	return at
}

// openChain notes where the chain begins, in a book that has none, and links what an
// earlier process left.
func (d *DB) openChain(ctx context.Context) error {
	var newest string
	if d.engine.alone() { // ids never step back, even where the clock did
		if err := d.read(ctx, `SELECT COALESCE(MAX(id), '') FROM audit`).Scan(&newest); err != nil {
			return found("find the newest audit row", err)
		}
	}
	d.stamps.begin(max(d.now(), timeOf(newest)))
	d.chain.linked = idAt(d.stamps.begun)
	_, err := d.anchor(ctx, d.engine.reader())
	if err == nil {
		_, err = d.adopt(ctx)
	}
	if errors.Is(err, ErrNotFound) {
		return d.beginChain(ctx)
	}
	if err != nil { // people sign in all the same, and AuditChain says what is wrong
		d.log.Error("the audit's chain could not go on", "cause", err)
	}
	return nil
}

func (d *DB) beginChain(ctx context.Context) error {
	_, err := write(ctx, d, "begin the audit's chain", func(ctx context.Context, q runner) (none struct{}, err error) {
		var before string
		if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), '') FROM audit`).Scan(&before); err != nil {
			return none, err
		}
		_, err = q.ExecContext(ctx, `INSERT INTO audit_anchor (name, seq, mac, before_id, proof) VALUES ('anchor', 0, '', $1, $2) ON CONFLICT (name) DO NOTHING`,
			before, d.anchorProof(anchor{beforeID: before}))
		return none, err
	})
	return err
}

// anchor is where the chain begins.
type anchor struct {
	seq           int64
	mac, beforeID string
}

func (d *DB) anchorProof(a anchor) string {
	return hashText(macOf(d.keys.audit, "anchor", fmt.Sprint(a.seq), a.mac, a.beforeID))
}

func (d *DB) anchor(ctx context.Context, q runner) (a anchor, err error) {
	var proof string
	err = q.QueryRowContext(ctx, `SELECT seq, mac, before_id, proof FROM audit_anchor WHERE name = 'anchor'`).Scan(&a.seq, &a.mac, &a.beforeID, &proof)
	if err := found("find the beginning of the audit's chain", err); err != nil {
		return a, err
	}
	if !hmac.Equal([]byte(proof), []byte(d.anchorProof(a))) {
		return a, fmt.Errorf("the beginning of the audit's chain: %w", ErrSealed)
	}
	return a, nil
}

// rowMAC is over everything that a row says.
func (d *DB) rowMAC(id string, at int64, a Actor, action, target, detail string) string {
	b := make([]byte, 0, 512)
	for _, part := range [...]string{"row", id, a.Kind, a.ID, a.IP, a.RequestID, action, target, detail} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	m := hmac.New(sha256.New, d.keys.audit)
	m.Write(b)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// link is one of the chain.
type link struct {
	seq, at           int64
	node, lastID, mac string
	ids               string // eleven characters each: an id without its node
}

// chained is a row as a link sees it.
type chained struct{ id, mac string }

const (
	idHalf  = 16 // characters of an id that are its time
	linkIDs = 11 // characters that a link keeps of it
)

func (d *DB) linkMAC(before string, l link, rows []chained) string {
	parts := make([]string, 0, len(rows)+6)
	parts = append(parts, "link", before, fmt.Sprint(l.seq), fmt.Sprint(l.at), l.node, l.ids)
	for _, r := range rows {
		parts = append(parts, r.mac)
	}
	return hashText(macOf(d.keys.audit, parts...))
}

func packIDs(rows []chained) (string, error) {
	out := make([]byte, 0, linkIDs*len(rows))
	for _, r := range rows {
		b, err := hex.DecodeString(r.id[:idHalf])
		if err != nil {
			return "", fmt.Errorf("audit row %s has an id that is not ours", r.id)
		}
		out = base64.RawURLEncoding.AppendEncode(out, b)
	}
	return string(out), nil
}

// list gives the ids back.
func (l *link) list() ([]string, error) {
	if len(l.ids)%linkIDs != 0 {
		return nil, ErrSealed
	}
	out := make([]string, 0, len(l.ids)/linkIDs)
	for i := 0; i < len(l.ids); i += linkIDs {
		b, err := base64.RawURLEncoding.DecodeString(l.ids[i : i+linkIDs])
		if err != nil {
			return nil, ErrSealed
		}
		out = append(out, hex.EncodeToString(b)+l.node)
	}
	return out, nil
}

// idAt is what the id of a row begins with that was written at a time.
func idAt(us int64) string { return fmt.Sprintf("%016x", max(0, us)) }

// ChainAudit adds new audit rows to the chain and tells how many. The roof calls it every
// second or so; several nodes may.
func (d *DB) ChainAudit(ctx context.Context) (int, error) {
	d.chain.mu.Lock()
	defer d.chain.mu.Unlock()
	total := 0
	for {
		upTo := idAt(d.chain.settled(&d.stamps, d.clock())) + "g" // after every node
		n, last, err := d.linkNode(ctx, d.stamps.node, d.chain.linked, upTo)
		total += n
		if err != nil {
			return total, fmt.Errorf("chain the audit: %w", err)
		}
		if last != "" {
			d.chain.linked = last
		}
		if n < rowsPerLink*linksAtOnce {
			break
		}
	}
	n, err := d.adopt(ctx)
	if err != nil {
		return total + n, fmt.Errorf("chain the audit: %w", err)
	}
	return total + n, nil
}

// linkNode links what one process wrote between two ids, as much as one pass may, and
// tells of how many rows and up to which.
func (d *DB) linkNode(ctx context.Context, node, after, upTo string) (int, string, error) {
	rows, err := chainedRows(ctx, d.engine.reader(), node, after, upTo, rowsPerLink*linksAtOnce)
	if err != nil || len(rows) == 0 {
		return 0, "", found("read new rows", err)
	}
	for attempt := 0; ; attempt++ {
		seq, err := write(ctx, d, "link", func(ctx context.Context, q runner) (int64, error) { return d.linkRows(ctx, q, node, rows) })
		if errors.Is(err, ErrConflict) && attempt < 10*maxRetries { // another node made a link: ours comes after it
			continue
		}
		if err != nil {
			return 0, "", err
		}
		d.chain.seen = max(d.chain.seen, seq)
		return len(rows), rows[len(rows)-1].id, nil
	}
}

func chainedRows(ctx context.Context, q runner, node, after, upTo string, limit int) (out []chained, err error) {
	err = each(ctx, q, func(row scanner) error {
		var r chained
		err := row.Scan(&r.id, &r.mac)
		out = append(out, r)
		return err
	}, `SELECT id, mac FROM audit WHERE id > $1 AND id <= $2 AND substr(id, 17) = $3 ORDER BY id LIMIT $4`, after, upTo, node, limit)
	return out, err
}

// linkRows makes the links for rows, leaving out what another pass has linked already.
func (d *DB) linkRows(ctx context.Context, q runner, node string, rows []chained) (int64, error) {
	before, err := d.newestLink(ctx, q)
	if err != nil {
		return 0, err
	}
	linked, err := linkedUpTo(ctx, q, node)
	if err != nil {
		return 0, err
	}
	for len(rows) > 0 && rows[0].id <= linked {
		rows = rows[1:]
	}
	for len(rows) > 0 {
		part := rows[:min(rowsPerLink, len(rows))]
		rows = rows[len(part):]
		l := link{seq: before.seq + 1, at: d.now(), node: node, lastID: part[len(part)-1].id}
		if l.ids, err = packIDs(part); err != nil {
			return 0, err
		}
		l.mac = d.linkMAC(before.mac, l, part)
		n, err := exec(ctx, q, `INSERT INTO audit_links (seq, at, node, last_id, ids, mac) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (seq) DO NOTHING`,
			l.seq, l.at, l.node, l.lastID, l.ids, l.mac)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, ErrConflict
		}
		before = l
	}
	return before.seq, nil
}

// newestLink is what the next one follows: the newest, or the anchor.
func (d *DB) newestLink(ctx context.Context, q runner) (l link, err error) {
	err = found("find the newest link", q.QueryRowContext(ctx, `SELECT seq, mac FROM audit_links ORDER BY seq DESC LIMIT 1`).Scan(&l.seq, &l.mac))
	if errors.Is(err, ErrNotFound) {
		var a anchor
		a, err = d.anchor(ctx, q)
		l.seq, l.mac = a.seq, a.mac
	}
	return l, err
}

func linkedUpTo(ctx context.Context, q runner, node string) (id string, err error) {
	err = q.QueryRowContext(ctx, `SELECT COALESCE(MAX(last_id), '') FROM audit_links WHERE node = $1`, node).Scan(&id)
	return id, found("find the last link", err)
}

// timeOf is when a row was written, by its id.
func timeOf(id string) int64 {
	b, err := hex.DecodeString(id[:min(len(id), idHalf)])
	if err != nil || len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}
