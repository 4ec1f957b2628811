-- The reference of the login that a grant comes from: what an app is told about a code
-- that failed can be looked up with what the person was told.

-- +goose Up

ALTER TABLE grants ADD COLUMN login TEXT NOT NULL DEFAULT '';
