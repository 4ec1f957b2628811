-- +goose Up

-- Access tokens that were revoked before their end and that no grant could tell of:
-- those of machines. A row lives as long as its token would have.
CREATE TABLE revoked_tokens (
    hash       TEXT   NOT NULL PRIMARY KEY, -- of the jti
    client_id  TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);
