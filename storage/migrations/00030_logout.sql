-- Logout that arrives: who is to be told of the end of a session, what the provider
-- needs to end its own, and which of its logout tokens were seen.

-- +goose Up

-- One row for each app that took part in a session that ended. It is written in the
-- transaction that ends the session, and stays a while after it is settled, so that
-- an admin can see what became of it. Nothing refers to the user: a deleted one's
-- apps are told as well.
CREATE TABLE logout_outbox (
    id          TEXT   NOT NULL PRIMARY KEY,
    client_id   TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    subject     TEXT   NOT NULL, -- the sub that the app knows
    sid         TEXT   NOT NULL, -- the sid that the app knows
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL, -- next try, or the end of the lease of the one under way
    lease       TEXT   NOT NULL, -- of the try under way
    attempts    BIGINT NOT NULL,
    settled_at  BIGINT NOT NULL, -- delivered or given up
    outcome     TEXT   NOT NULL, -- waiting, delivered, gave_up, unwanted
    last_status BIGINT NOT NULL, -- HTTP status of the last answer
    last_error  TEXT   NOT NULL, -- in our own words
    last_try_at BIGINT NOT NULL,
    UNIQUE (client_id, sid)
);
CREATE INDEX logout_outbox_due ON logout_outbox (settled_at, due_at);

-- A session's upstream ID token, only where the provider wants it back at sign-out.
CREATE TABLE upstream_hints (
    sid      TEXT NOT NULL PRIMARY KEY REFERENCES sessions (sid) ON DELETE CASCADE,
    id_token TEXT NOT NULL -- sealed
);

-- Logout tokens of providers: the insert of each has one winner.
CREATE TABLE spent_logout_tokens (
    hash        TEXT   NOT NULL PRIMARY KEY,
    provider_id TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX spent_logout_tokens_expiry ON spent_logout_tokens (provider_id, expires_at);

-- How providers name the sessions that they end.
CREATE INDEX sessions_upstream_sid ON sessions (provider_id, upstream_sid);
CREATE INDEX sessions_subject ON sessions (provider_id, subject);

-- The sid of the session that the grant began with, once the person's next sign-in
-- took it along to another one: the app still knows this one.
ALTER TABLE grants ADD COLUMN first_sid TEXT NOT NULL DEFAULT '';
