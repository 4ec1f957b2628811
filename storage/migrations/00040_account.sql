-- What a person is shown on the account page: where a session began, where an app
-- was given access, and where its refresh token came first.

-- +goose Up

ALTER TABLE sessions ADD COLUMN ip TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- browser and system in a few words
ALTER TABLE grants ADD COLUMN ip TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN first_ip TEXT NOT NULL DEFAULT ''; -- who redeemed the code: for a web app its server
