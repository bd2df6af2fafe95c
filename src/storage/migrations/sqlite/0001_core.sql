-- Accounts ------------------------------------------------------------------------------------------------------
CREATE TABLE users (
    id            blob        PRIMARY KEY,
    -- As typed, for display. NULL for an account of an external issuer that tells no address.
    email         text,
    -- NFKC and lower case: what makes an address unique.
    email_key     text        UNIQUE,
    password_hash text,
    display_name  text        NOT NULL,
    time_zone     text        NOT NULL,
    locale        text        NOT NULL,
    version       integer      NOT NULL,
    created_at    text NOT NULL,
    updated_at    text NOT NULL
);

CREATE TABLE external_identities (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    user_id    blob        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at text NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_identities_user ON external_identities (user_id);

-- A session is a family of refresh tokens.
CREATE TABLE sessions (
    id           blob        PRIMARY KEY,
    user_id      blob        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent   text        NOT NULL,
    created_at   text NOT NULL,
    last_used_at text NOT NULL,
    expires_at   text NOT NULL,
    revoked_at   text
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash blob       PRIMARY KEY,
    session_id blob        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at  text NOT NULL,
    used_at    text
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE api_tokens (
    id           blob        PRIMARY KEY,
    user_id      blob        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         text        NOT NULL,
    token_hash   blob       NOT NULL UNIQUE,
    scopes       text        NOT NULL,
    created_at   text NOT NULL,
    expires_at   text,
    revoked_at   text
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, created_at);

-- Tasks -----------------------------------------------------------------------------------------------------------
CREATE TABLE tasks (
    id           blob        PRIMARY KEY,
    user_id      blob        NOT NULL,
    title        text        NOT NULL,
    description  text        NOT NULL,
    -- 0 none, 1 low, 2 medium, 3 high, 4 urgent.
    priority     integer      NOT NULL,
    due_date     text,
    completed_at text,
    deleted_at   text,
    version      integer      NOT NULL,
    created_at   text NOT NULL,
    updated_at   text NOT NULL
);
CREATE INDEX tasks_user_created ON tasks (user_id, created_at, id);
CREATE INDEX tasks_trash ON tasks (deleted_at) WHERE deleted_at IS NOT NULL;

-- The log, the outbox and the relay ---------------------------------------------------------------------------------
-- One row a user: its lock orders the user's changes, its number counts them.
CREATE TABLE user_logs (
    user_id   blob        PRIMARY KEY,
    shard     integer      NOT NULL,
    last_seq  integer      NOT NULL,
    erased_at text
);

CREATE TABLE events (
    user_id     blob        NOT NULL,
    seq         integer      NOT NULL,
    event_id    blob        NOT NULL,
    topic       text        NOT NULL,
    event_type  text        NOT NULL,
    subject_id  blob        NOT NULL,
    channel     text        NOT NULL,
    traceparent text,
    occurred_at text NOT NULL,
    -- The JSON as it goes to the broker, byte for byte.
    value       text        NOT NULL,
    PRIMARY KEY (user_id, seq)
);
CREATE INDEX events_time ON events (occurred_at);
CREATE INDEX events_subject ON events (subject_id);

-- What no broker has acknowledged yet. The id is taken after the user's lock, so within a user it rises with seq.
CREATE TABLE outbox (
    id      integer PRIMARY KEY AUTOINCREMENT,
    shard   integer NOT NULL,
    user_id blob   NOT NULL,
    seq     integer NOT NULL
);

-- Times of the relay are milliseconds since 1970 on the database's clock: leases of many hosts are compared on one clock.
CREATE TABLE relay_members (
    owner   blob        PRIMARY KEY,
    seen_at integer NOT NULL
);

CREATE TABLE relay_leases (
    shard       integer      PRIMARY KEY,
    owner       blob,
    epoch       integer      NOT NULL,
    lease_until integer     NOT NULL
);

-- The shards, all free.
WITH RECURSIVE shards (shard) AS (SELECT 0 UNION ALL SELECT shard + 1 FROM shards WHERE shard < 63)
INSERT INTO relay_leases (shard, owner, epoch, lease_until) SELECT shard, NULL, 0, 0 FROM shards;

-- Users whose next event a broker refuses for good: their rows wait here for an operator; others flow on.
CREATE TABLE parked_keys (
    user_id   blob        PRIMARY KEY,
    topic     text        NOT NULL,
    reason    text        NOT NULL,
    parked_at text NOT NULL
);

-- Replies of POSTs that carried an Idempotency-Key ----------------------------------------------------------------
CREATE TABLE idempotency_keys (
    user_id     blob        NOT NULL,
    key_hash    blob       NOT NULL,
    fingerprint blob       NOT NULL,
    status      integer      NOT NULL,
    headers     text        NOT NULL,
    body        text        NOT NULL,
    created_at  text NOT NULL,
    PRIMARY KEY (user_id, key_hash)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
