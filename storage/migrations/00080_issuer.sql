-- The issuer that every session and token here names: a start with another one is no
-- accident that may pass.

-- +goose Up

CREATE TABLE issuer (
    name   TEXT   NOT NULL PRIMARY KEY, -- 'issuer': there is one row
    issuer TEXT   NOT NULL,
    since  BIGINT NOT NULL
);
