package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Identity is a person as one provider knows them. It is found by provider and
// subject, never by e-mail.
type Identity struct {
	ProviderID, Issuer, Subject, UserID string
	Claims                              map[string]any // the whole last upstream answer; sealed at rest
	ClaimsAt, CreatedAt                 time.Time
}

const identityColumns = `i.provider_id, i.issuer, i.subject, i.user_id, i.claims, i.claims_at, i.created_at`

func (i *Identity) fields(sealed *string) []any {
	return []any{&i.ProviderID, &i.Issuer, &i.Subject, &i.UserID, sealed, when{&i.ClaimsAt}, when{&i.CreatedAt}}
}

// BindProvider ties a provider's slug to an internal id and an issuer for ever: it
// makes the id at the first call and returns the same one afterwards. A slug with
// another issuer is ErrIssuerChanged, since its subjects would be other people.
func (d *DB) BindProvider(ctx context.Context, a Actor, slug, issuer string) (id string, err error) {
	if slug == "" || issuer == "" {
		return "", errors.New("bind provider: slug and issuer are needed")
	}
	id, bound, err := boundProvider(ctx, d.engine.reader(), slug)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	if err != nil {
		_, err = write(ctx, d, "bind provider "+slug, func(ctx context.Context, q runner) (none struct{}, err error) {
			id, bound, err = d.bind(ctx, q, a, slug, issuer)
			return none, err
		})
		if err != nil {
			return "", err
		}
	}
	if bound != issuer {
		return "", fmt.Errorf("bind provider %s: %w: it was first used with %s", slug, ErrIssuerChanged, bound)
	}
	return id, nil
}

// bind ties a slug that was not tied when its caller looked. It returns how it is tied
// now: another node may have been first.
func (d *DB) bind(ctx context.Context, q runner, a Actor, slug, issuer string) (id, bound string, err error) {
	id = newID()
	n, err := exec(ctx, q, `INSERT INTO providers (id, slug, issuer, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (slug) DO NOTHING`, id, slug, issuer, d.now())
	if err != nil {
		return "", "", err
	}
	if n == 0 {
		return boundProvider(ctx, q, slug)
	}
	return id, issuer, d.audit(ctx, q, a, AuditProviderBound, "provider:"+id, map[string]string{"slug": slug, "issuer": issuer})
}

func boundProvider(ctx context.Context, q runner, slug string) (id, issuer string, err error) {
	err = q.QueryRowContext(ctx, `SELECT id, issuer FROM providers WHERE slug = $1`, slug).Scan(&id, &issuer)
	return id, issuer, found("find provider", err)
}

// FindIdentity finds a person by what a provider calls them.
func (d *DB) FindIdentity(ctx context.Context, providerID, subject string) (*User, *Identity, error) {
	var u User
	var i Identity
	var sealed string
	err := d.read(ctx, `SELECT `+userColumns+`, `+identityColumns+` FROM identities i JOIN users u ON u.id = i.user_id
		WHERE i.provider_id = $1 AND i.subject = $2`, providerID, subject).Scan(append(u.fields(), i.fields(&sealed)...)...)
	if err := found("find identity", err); err != nil {
		return nil, nil, err
	}
	if i.Claims, err = d.openClaims("identities", identityPlace(i.ProviderID, i.Subject), sealed); err != nil {
		return nil, nil, fmt.Errorf("find identity: %w", err)
	}
	return &u, &i, nil
}

// Identity returns a user's identity at a provider, the last used if there are several.
func (d *DB) Identity(ctx context.Context, userID, providerID string) (*Identity, error) {
	all, err := d.identities(ctx, `WHERE i.user_id = $1 AND i.provider_id = $2 ORDER BY i.claims_at DESC LIMIT 1`, userID, providerID)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("find identity: %w", ErrNotFound)
	}
	return &all[0], nil
}

// Identities lists a user's identities, the last used first.
func (d *DB) Identities(ctx context.Context, userID string) ([]Identity, error) {
	return d.identities(ctx, `WHERE i.user_id = $1 ORDER BY i.claims_at DESC, i.provider_id, i.subject`, userID)
}

func (d *DB) identities(ctx context.Context, where string, args ...any) ([]Identity, error) {
	var out []Identity
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var i Identity
		var sealed string
		if err := row.Scan(i.fields(&sealed)...); err != nil {
			return err
		}
		var err error
		i.Claims, err = d.openClaims("identities", identityPlace(i.ProviderID, i.Subject), sealed)
		out = append(out, i)
		return err
	}, `SELECT `+identityColumns+` FROM identities i `+where, args...)
	if err != nil {
		return nil, found("list identities", err)
	}
	return out, nil
}

// identityPlace names an identity's row for sealing. Provider ids have no slash.
func identityPlace(providerID, subject string) string { return providerID + "/" + subject }

// sealClaims and openClaims keep a claim map, sealed in its row's place.
func (d *DB) sealClaims(table, id string, claims map[string]any) (string, error) {
	plain, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	return d.sealer.sealColumn(table, id, "claims", plain), nil
}

func (d *DB) openClaims(table, id, text string) (map[string]any, error) {
	plain, err := d.sealer.openColumn(table, id, "claims", text)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := json.Unmarshal(plain, &claims); err != nil {
		return nil, fmt.Errorf("claims of %s: %w", table, err)
	}
	return claims, nil
}
