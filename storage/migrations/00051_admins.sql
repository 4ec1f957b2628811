-- Who may administer, and the links that give an owner's session when nothing else does.

-- +goose Up

-- An admin is bound by provider and subject. Without the identity there is no admin.
CREATE TABLE admins (
    provider_id TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    role        TEXT   NOT NULL, -- owner, editor, viewer
    created_at  BIGINT NOT NULL,
    created_by  TEXT   NOT NULL,
    PRIMARY KEY (provider_id, subject),
    FOREIGN KEY (provider_id, subject) REFERENCES identities (provider_id, subject) ON DELETE CASCADE
);

CREATE TABLE admin_links (
    hash       TEXT   NOT NULL PRIMARY KEY,
    id         TEXT   NOT NULL UNIQUE, -- of the session that it gives
    created_at BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    expires_at BIGINT NOT NULL, -- of the link, and of its session
    used_at    BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL
);
