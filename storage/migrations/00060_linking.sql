-- A second way to sign in, on its way to an account.

-- +goose Up

-- What a provider said about somebody who is to be added to the account of the person
-- who is signed in, until that person agrees. A row is for one account and one session.
CREATE TABLE link_offers (
    hash        TEXT   NOT NULL PRIMARY KEY,
    state_hash  TEXT   NOT NULL UNIQUE, -- one answer of the provider makes one offer
    user_id     TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sid         TEXT   NOT NULL,
    provider_id TEXT   NOT NULL REFERENCES providers (id),
    issuer      TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    claims      TEXT   NOT NULL, -- sealed
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX link_offers_user_id ON link_offers (user_id);
CREATE INDEX link_offers_expires_at ON link_offers (expires_at);

CREATE INDEX users_address ON users (LOWER(email));
