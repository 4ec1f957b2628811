-- First-party accounts: people whom this house itself recognises by a password.

-- +goose Up

-- place is a hash of the login name: an unknown name finds its neighbour, so that
-- refusing it takes the same work as refusing a wrong password.
CREATE TABLE accounts (
    provider_id    TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    login          TEXT    NOT NULL,
    place          TEXT    NOT NULL,
    hash           TEXT    NOT NULL, -- sealed
    totp           TEXT    NOT NULL, -- sealed
    totp_step      BIGINT  NOT NULL, -- of the last code used
    name           TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    email_verified BOOLEAN NOT NULL,
    member_of      TEXT    NOT NULL, -- its groups
    created_at     BIGINT  NOT NULL,
    changed_at     BIGINT  NOT NULL, -- of the password
    PRIMARY KEY (provider_id, subject),
    FOREIGN KEY (provider_id, subject) REFERENCES identities (provider_id, subject) ON DELETE CASCADE
);
CREATE UNIQUE INDEX accounts_place ON accounts (provider_id, place);

-- A link that sets a password, once.
CREATE TABLE invitations (
    hash        TEXT   NOT NULL PRIMARY KEY,
    provider_id TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    FOREIGN KEY (provider_id, subject) REFERENCES accounts (provider_id, subject) ON DELETE CASCADE
);
CREATE INDEX invitations_account ON invitations (provider_id, subject);

-- Failed tries at passwords, by account, address and network. Rows have a budget.
CREATE TABLE guesses (
    key        TEXT   NOT NULL PRIMARY KEY, -- hash
    failures   BIGINT NOT NULL,
    until      BIGINT NOT NULL, -- no try before this
    expires_at BIGINT NOT NULL
);
CREATE INDEX guesses_expires_at ON guesses (expires_at);
