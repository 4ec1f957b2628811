package storage

import (
	"context"
	"fmt"
)

// sealedColumns is where sealed values are. The row's place for the seal is the
// key's parts joined with a slash.
var sealedColumns = []struct{ table, column, key, where string }{
	{"identities", "claims", `provider_id || '/' || subject`, `provider_id || '/' || subject = $1`},
	{"grants", "claims", `id`, `id = $1`},
	{"families", "secret", `id`, `id = $1`},
	{"signing_keys", "pkcs8", `id`, `id = $1`},
	{"accounts", "hash", `provider_id || '/' || subject`, `provider_id || '/' || subject = $1`},
	{"accounts", "totp", `provider_id || '/' || subject`, `provider_id || '/' || subject = $1`},
	{"upstream_hints", "id_token", `sid`, `sid = $1`},
	{"book_keys", "secret", `name`, `name = $1`},
	{"directory_secrets", "secret", `fingerprint`, `fingerprint = $1`},
	{"logins", "claims", `reference`, `reference = $1`},
	{"logins", "trace", `reference`, `reference = $1`}, // the reasons of rules repeat claims
	{"link_offers", "claims", `hash`, `hash = $1`},
}

// proveSealingKeys opens the proof of every key that something here is sealed with.
// If one does not open, the wrong keys were given: nothing is touched, and the
// program does not start.
func (d *DB) proveSealingKeys(ctx context.Context) error {
	proofs, err := d.proofs(ctx)
	if err != nil {
		return err
	}
	for id, proof := range proofs {
		if _, err := d.sealer.openColumn("sealing_keys", id, "proof", proof); err != nil {
			return fmt.Errorf("%w: this database needs sealing key %s, which is not among those given", ErrSealed, id)
		}
	}
	id := d.sealer.keyID()
	if _, known := proofs[id]; known {
		return nil
	}
	_, err = write(ctx, d, "note the sealing key", func(ctx context.Context, q runner) (struct{}, error) {
		_, err := q.ExecContext(ctx, `INSERT INTO sealing_keys (id, proof, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`,
			id, d.sealer.sealColumn("sealing_keys", id, "proof", []byte("proof")), d.now())
		return struct{}{}, err
	})
	return err
}

func (d *DB) proofs(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var id, proof string
		err := row.Scan(&id, &proof)
		out[id] = proof
		return err
	}, `SELECT id, proof FROM sealing_keys`)
	return out, found("read sealing keys", err)
}

// Reseal seals everything anew that is sealed with an older key, in small batches
// while the book is in use, and then forgets the older keys: after it they may be
// taken out of the settings. It tells how many values it sealed.
//
// On PostgreSQL, give every node the new key first.
func (d *DB) Reseal(ctx context.Context, a Actor) (int64, error) {
	var total int64
	for _, c := range sealedColumns {
		for stuck := 0; ; {
			seen, sealed, err := d.resealOnce(ctx, c.table, c.column, c.key, c.where)
			total += sealed
			if err != nil {
				return total, fmt.Errorf("reseal %s: %w", c.table, err)
			}
			if seen == 0 {
				break
			}
			if sealed > 0 {
				stuck = 0
			} else if stuck++; stuck > maxRetries {
				return total, fmt.Errorf("reseal %s: %w: does another process still seal with an older key?", c.table, ErrConflict)
			}
		}
	}
	_, err := write(ctx, d, "forget older sealing keys", func(ctx context.Context, q runner) (none struct{}, err error) {
		n, err := exec(ctx, q, `DELETE FROM sealing_keys WHERE id <> $1`, d.sealer.keyID())
		if err != nil || n == 0 && total == 0 {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditResealed, "sealing_key:"+d.sealer.keyID(), map[string]string{"values": fmt.Sprint(total)})
	})
	return total, err
}

func (d *DB) resealOnce(ctx context.Context, table, column, key, where string) (seen int, sealed int64, err error) {
	type value struct{ id, old, anew string }
	var values []value
	err = each(ctx, d.engine.reader(), func(row scanner) error {
		var v value
		if err := row.Scan(&v.id, &v.old); err != nil {
			return err
		}
		plain, err := d.sealer.openColumn(table, v.id, column, v.old)
		if err != nil {
			return err
		}
		v.anew = d.sealer.sealColumn(table, v.id, column, plain)
		values = append(values, v)
		return nil
	}, `SELECT `+key+`, `+column+` FROM `+table+` WHERE `+column+` <> '' AND substr(`+column+`, 1, 12) <> $1 LIMIT $2`, d.sealer.keyPrefix(), sweepBatch)
	if err != nil || len(values) == 0 {
		return 0, 0, classified(err)
	}
	sealed, err = write(ctx, d, "seal anew", func(ctx context.Context, q runner) (int64, error) {
		var total int64
		for _, v := range values { // only what nobody changed meanwhile
			n, err := exec(ctx, q, `UPDATE `+table+` SET `+column+` = $2 WHERE `+where+` AND `+column+` = $3`, v.id, v.anew, v.old)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	})
	return len(values), sealed, err
}
