-- The audit proves itself. Each row carries a MAC of what it says; links cover the MACs
-- of a few rows each, and the link before.

-- +goose Up

ALTER TABLE audit ADD COLUMN mac TEXT NOT NULL DEFAULT '';

-- Append-only, as the audit is. A link covers rows that one process wrote, in the order
-- of their ids: those end in the process's mark.
CREATE TABLE audit_links (
    seq     BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    node    TEXT   NOT NULL, -- the process
    last_id TEXT   NOT NULL,
    ids     TEXT   NOT NULL, -- the first halves of the ids of its rows
    mac     TEXT   NOT NULL
);
CREATE INDEX audit_links_node ON audit_links (node, last_id);

-- One row: where the chain begins, once older links are past their retention.
CREATE TABLE audit_anchor (
    name      TEXT   NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL, -- of the last link that went
    mac       TEXT   NOT NULL, -- of that link
    before_id TEXT   NOT NULL, -- the last row from before there was a chain
    proof     TEXT   NOT NULL  -- MAC of the three
);

-- Up to when rows of processes that are gone were looked for.
INSERT INTO generations (name, value) VALUES ('audit_adopted', 0);
