package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What becomes of admin links.
const (
	AuditAdminLinkMade   = "admin_link_made"
	AuditAdminLinkTaken  = "admin_link_taken"
	AuditAdminLinksEnded = "admin_links_ended"
)

// AdminLink is a link that gave an owner's session, and that session.
type AdminLink struct {
	ID                           string
	CreatedBy                    string // actor kind and id
	CreatedAt, UsedAt, ExpiresAt time.Time
}

// NewAdminLink keeps a link, by its hash, until it is used or expires.
func (d *DB) NewAdminLink(ctx context.Context, a Actor, hash []byte, expires time.Time) (id string, err error) {
	if len(hash) < 16 || expires.IsZero() {
		return "", errors.New("make admin link: it needs a hash and an end")
	}
	id = newID()
	_, err = write(ctx, d, "make admin link", func(ctx context.Context, q runner) (none struct{}, err error) {
		if _, err := q.ExecContext(ctx, `INSERT INTO admin_links (hash, id, created_at, created_by, expires_at, used_at, ended_at) VALUES ($1, $2, $3, $4, $5, 0, 0)`,
			hashText(hash), id, d.now(), a.name(), micros(expires)); err != nil {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditAdminLinkMade, "admin_link:"+id, map[string]string{"expires": expires.UTC().Format(time.RFC3339)})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// TakeAdminLink uses a link up and returns its id, which names the session that it
// gives from now on for so long. Of any number of tries the first wins; the others get
// ErrNotFound, as do links that expired or were revoked.
func (d *DB) TakeAdminLink(ctx context.Context, a Actor, hash []byte, session time.Duration) (id string, err error) {
	// Strangers may try, and do not get to write: only a link that is good is worth a transaction.
	err = d.read(ctx, `SELECT id FROM admin_links WHERE hash = $1 AND used_at = 0 AND ended_at = 0 AND expires_at > $2`, hashText(hash), d.now()).Scan(&id)
	if err := found("use the link", err); err != nil {
		return "", err
	}
	return write(ctx, d, "take admin link", func(ctx context.Context, q runner) (id string, err error) {
		now := d.now()
		err = q.QueryRowContext(ctx, `UPDATE admin_links SET used_at = $1, expires_at = $3 WHERE hash = $2 AND used_at = 0 AND ended_at = 0 AND expires_at > $1 RETURNING id`,
			now, hashText(hash), now+session.Microseconds()).Scan(&id)
		if err := found("use the link", err); err != nil {
			return "", err
		}
		return id, d.audit(ctx, q, a, AuditAdminLinkTaken, "admin_link:"+id, nil)
	})
}

// AdminLink returns a link that was taken and whose session still stands: ErrNotFound
// once it expired or was revoked.
func (d *DB) AdminLink(ctx context.Context, id string) (*AdminLink, error) {
	var l AdminLink
	err := d.read(ctx, `SELECT id, created_by, created_at, used_at, expires_at FROM admin_links
		WHERE id = $1 AND used_at <> 0 AND ended_at = 0 AND expires_at > $2`, id, d.now()).
		Scan(&l.ID, &l.CreatedBy, when{&l.CreatedAt}, when{&l.UsedAt}, when{&l.ExpiresAt})
	return only(&l, found("find admin link", err))
}

// RevokeAdminLinks ends every link, used or not, with the session that it gave, and
// tells how many.
func (d *DB) RevokeAdminLinks(ctx context.Context, a Actor) (int64, error) {
	return write(ctx, d, "end admin links", func(ctx context.Context, q runner) (int64, error) {
		n, err := endAdminLinks(ctx, q, d.now())
		if err != nil || n == 0 {
			return 0, err
		}
		return n, d.audit(ctx, q, a, AuditAdminLinksEnded, "admin_links", map[string]string{"links": fmt.Sprint(n)})
	})
}

// EndAdminLink ends one link's session. What has ended, or never was, is fine.
func (d *DB) EndAdminLink(ctx context.Context, a Actor, id string) error {
	_, err := write(ctx, d, "end admin link", func(ctx context.Context, q runner) (none struct{}, err error) {
		n, err := exec(ctx, q, `UPDATE admin_links SET ended_at = $1 WHERE id = $2 AND ended_at = 0`, d.now(), id)
		if err != nil || n == 0 {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditAdminLinksEnded, "admin_link:"+id, nil)
	})
	return err
}

func endAdminLinks(ctx context.Context, q runner, now int64) (int64, error) {
	return exec(ctx, q, `UPDATE admin_links SET ended_at = $1 WHERE ended_at = 0 AND expires_at > $1`, now)
}
