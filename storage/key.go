package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// StoredKey is a signing key at rest; the private part is sealed in its row.
type StoredKey struct {
	ID, Alg, State                        string
	PKCS8                                 []byte
	CreatedAt, ActiveAt, RetireAt, GoneAt time.Time
}

// String names the key without its secret.
func (k StoredKey) String() string { return k.Alg + " key " + k.ID + " (" + k.State + ")" }

// GoString keeps %#v from printing the private key.
func (k StoredKey) GoString() string { return k.String() }

// Keys returns the signing keys and the generation to give to SaveKeys.
func (d *DB) Keys(ctx context.Context) (keys []StoredKey, generation int64, err error) {
	q := d.engine.reader()
	// The counter first: if keys change in between, SaveKeys refuses.
	if err := q.QueryRowContext(ctx, `SELECT value FROM generations WHERE name = 'signing_keys'`).Scan(&generation); err != nil {
		return nil, 0, found("read the key generation", err)
	}
	err = each(ctx, q, func(row scanner) error {
		var k StoredKey
		var sealed string
		if err := row.Scan(&k.ID, &k.Alg, &k.State, &sealed, when{&k.CreatedAt}, when{&k.ActiveAt}, when{&k.RetireAt}, when{&k.GoneAt}); err != nil {
			return err
		}
		var err error
		k.PKCS8, err = d.sealer.openColumn("signing_keys", k.ID, "pkcs8", sealed)
		keys = append(keys, k)
		return err
	}, `SELECT id, alg, state, pkcs8, created_at, active_at, retire_at, gone_at FROM signing_keys ORDER BY created_at, id`)
	if err != nil {
		return nil, 0, found("read signing keys", err)
	}
	return keys, generation, nil
}

// SaveKeys replaces the signing keys if nobody else did since Keys gave this
// generation; otherwise ErrConflict, and the caller reads and decides again.
func (d *DB) SaveKeys(ctx context.Context, a Actor, generation int64, keys []StoredKey) error {
	_, err := write(ctx, d, "save signing keys", func(ctx context.Context, q runner) (none struct{}, err error) {
		return none, d.replaceKeys(ctx, q, a, generation, generation+1, keys)
	})
	return err
}

func (d *DB) replaceKeys(ctx context.Context, q runner, a Actor, generation, next int64, keys []StoredKey) error {
	for _, k := range keys {
		if k.ID == "" || len(k.PKCS8) == 0 {
			return errors.New("save signing keys: a key needs an id and its private part")
		}
	}
	n, err := exec(ctx, q, `UPDATE generations SET value = $1 WHERE name = 'signing_keys' AND value = $2`, next, generation)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrConflict
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM signing_keys`); err != nil {
		return err
	}
	detail := map[string]string{"generation": strconv.FormatInt(next, 10)}
	for _, k := range keys {
		if _, err := q.ExecContext(ctx, `INSERT INTO signing_keys (id, alg, state, pkcs8, created_at, active_at, retire_at, gone_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, k.ID, k.Alg, k.State, d.sealer.sealColumn("signing_keys", k.ID, "pkcs8", k.PKCS8),
			micros(k.CreatedAt), micros(k.ActiveAt), micros(k.RetireAt), micros(k.GoneAt)); err != nil {
			return fmt.Errorf("key %s: %w", k.ID, err)
		}
		detail[k.ID] = k.State
	}
	return d.audit(ctx, q, a, AuditKeysChanged, "signing_keys", detail)
}
