-- What is looked back at: the trace of each login, and how many there were.

-- +goose Up

-- A trace is kept after the login and apart from it. Those of nobody we know, which any
-- stranger can cause, have a budget of rows.
CREATE TABLE logins (
    reference    TEXT   NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    took         BIGINT NOT NULL,
    client_id    TEXT   NOT NULL,
    provider     TEXT   NOT NULL, -- slug
    provider_id  TEXT   NOT NULL,
    user_id      TEXT   NOT NULL, -- '' for nobody we know
    user_subject TEXT   NOT NULL,
    person       TEXT   NOT NULL,
    subject      TEXT   NOT NULL, -- upstream
    outcome      TEXT   NOT NULL,
    code         TEXT   NOT NULL,
    cause        TEXT   NOT NULL,
    rule         TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    snapshot     TEXT   NOT NULL,
    ip           TEXT   NOT NULL,
    device       TEXT   NOT NULL,
    asked        TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    roles        TEXT   NOT NULL,
    claims       TEXT   NOT NULL, -- sealed, or '' where upstream said nothing
    steps        TEXT   NOT NULL,
    trace        TEXT   NOT NULL -- sealed, or '' where no rule spoke
);
CREATE INDEX logins_at ON logins (at);
CREATE INDEX logins_user_id ON logins (user_id, at);

CREATE TABLE login_counts (
    hour      BIGINT NOT NULL,
    provider  TEXT   NOT NULL,
    client_id TEXT   NOT NULL,
    outcome   TEXT   NOT NULL,
    logins    BIGINT NOT NULL,
    took_sum  BIGINT NOT NULL,
    took_max  BIGINT NOT NULL,
    PRIMARY KEY (hour, provider, client_id, outcome)
);
