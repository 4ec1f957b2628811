-- The directory's life: every version of its document, and the secrets that people
-- typed into it.

-- +goose Up

-- One random key of this book, from which those for fingerprints and for the audit's
-- chain are made. Unlike a sealing key it never changes.
CREATE TABLE book_keys (
    name   TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL -- sealed
);

-- The newest is the active one. The document comes last: lists do not read it.
CREATE TABLE revisions (
    number     BIGINT NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor_kind TEXT   NOT NULL,
    actor_id   TEXT   NOT NULL,
    ip         TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    changes    BIGINT NOT NULL,
    hash       TEXT   NOT NULL,
    document   TEXT   NOT NULL -- JSON without secrets, deflated
);

-- A fingerprint begins with a mark of its owner.
CREATE TABLE directory_secrets (
    fingerprint  TEXT   NOT NULL PRIMARY KEY,
    secret       TEXT   NOT NULL, -- sealed
    created_at   BIGINT NOT NULL,
    unused_since BIGINT NOT NULL  -- the first revision without it, 0 while it is in use
);

INSERT INTO generations (name, value) VALUES ('directory', 0);
INSERT INTO generations (name, value) VALUES ('admins', 0);
