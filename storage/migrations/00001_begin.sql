-- One text for SQLite and PostgreSQL: TEXT, BIGINT and BOOLEAN only. Times are
-- UTC microseconds made by the program, 0 where there is none; lists are JSON
-- text; hashes and sealed values are base64url text.

-- +goose Up

-- A slug is tied to one id and issuer for ever: rows are never changed or deleted.
CREATE TABLE providers (
    id         TEXT   NOT NULL PRIMARY KEY,
    slug       TEXT   NOT NULL UNIQUE,
    issuer     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id             TEXT    NOT NULL PRIMARY KEY,
    subject        TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    email_verified BOOLEAN NOT NULL,
    disabled       BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL
);
CREATE INDEX users_created_at ON users (created_at);

CREATE TABLE identities (
    provider_id TEXT   NOT NULL REFERENCES providers (id),
    subject     TEXT   NOT NULL,
    user_id     TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer      TEXT   NOT NULL,
    claims      TEXT   NOT NULL, -- sealed
    claims_at   BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (provider_id, subject)
);
CREATE INDEX identities_user_id ON identities (user_id);

-- One row for each upstream login that came back: its insert has one winner.
CREATE TABLE spent_states (
    hash       TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id_hash      TEXT   NOT NULL PRIMARY KEY,
    sid          TEXT   NOT NULL UNIQUE,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider_id  TEXT   NOT NULL,
    subject      TEXT   NOT NULL, -- of the identity that signed in
    upstream_sid TEXT   NOT NULL,
    auth_time    BIGINT NOT NULL,
    acr          TEXT   NOT NULL,
    amr          TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle         BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id);

CREATE TABLE grants (
    id             TEXT    NOT NULL PRIMARY KEY,
    user_id        TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id      TEXT    NOT NULL,
    provider_id    TEXT    NOT NULL,
    subject        TEXT    NOT NULL, -- of the identity that signed in
    sid            TEXT    NOT NULL,
    offline        BOOLEAN NOT NULL, -- survives the end of the session
    scopes         TEXT    NOT NULL,
    audience       TEXT    NOT NULL,
    roles          TEXT    NOT NULL,
    claims         TEXT    NOT NULL, -- sealed
    trace          TEXT    NOT NULL,
    snapshot       TEXT    NOT NULL,
    auth_time      BIGINT  NOT NULL,
    acr            TEXT    NOT NULL,
    amr            TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL,
    expires_at     BIGINT  NOT NULL, -- of its code
    revoked_at     BIGINT  NOT NULL,
    revoked_reason TEXT    NOT NULL
);
CREATE INDEX grants_user_id ON grants (user_id);
CREATE INDEX grants_sid ON grants (sid);

-- A used code stays until its grant goes, so that a replay is recognised.
CREATE TABLE codes (
    hash         TEXT   NOT NULL PRIMARY KEY,
    grant_id     TEXT   NOT NULL UNIQUE REFERENCES grants (id) ON DELETE CASCADE,
    client_id    TEXT   NOT NULL,
    redirect_uri TEXT   NOT NULL,
    challenge    TEXT   NOT NULL,
    nonce        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    failures     BIGINT NOT NULL
);

-- A refresh token is (id, generation) under a MAC; only the current generation
-- is in the row, so order never depends on a clock.
CREATE TABLE families (
    id          TEXT    NOT NULL PRIMARY KEY,
    grant_id    TEXT    NOT NULL UNIQUE REFERENCES grants (id) ON DELETE CASCADE,
    client_id   TEXT    NOT NULL,
    offline     BOOLEAN NOT NULL,
    secret      TEXT    NOT NULL, -- sealed: the key of the MAC
    generation  BIGINT  NOT NULL,
    created_at  BIGINT  NOT NULL,
    rotated_at  BIGINT  NOT NULL,
    idle        BIGINT  NOT NULL,
    idle_at     BIGINT  NOT NULL, -- dead from here unless rotated before
    expires_at  BIGINT  NOT NULL, -- absolute, never slides
    revoked_at  BIGINT  NOT NULL
);

CREATE TABLE consents (
    user_id       TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id     TEXT   NOT NULL,
    redirect_host TEXT   NOT NULL,
    scopes        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, redirect_host)
);

CREATE TABLE signing_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    alg        TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    pkcs8      TEXT   NOT NULL, -- sealed
    created_at BIGINT NOT NULL,
    active_at  BIGINT NOT NULL,
    retire_at  BIGINT NOT NULL,
    gone_at    BIGINT NOT NULL
);

-- Counters that only move by compare-and-swap.
CREATE TABLE generations (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO generations (name, value) VALUES ('signing_keys', 0);

-- One row for each sealing key that something here may be sealed with.
CREATE TABLE sealing_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    proof      TEXT   NOT NULL, -- sealed
    created_at BIGINT NOT NULL
);

-- Append-only.
CREATE TABLE audit (
    id         TEXT   NOT NULL PRIMARY KEY, -- sorts by time
    at         BIGINT NOT NULL,
    actor_kind TEXT   NOT NULL,
    actor_id   TEXT   NOT NULL,
    ip         TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    target     TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);
