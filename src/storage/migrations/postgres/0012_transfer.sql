-- What comes from elsewhere, and what calendars read.
CREATE TABLE imports (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL,
    -- JSON: the format, what is in the file and what was made of it so far.
    state         text NOT NULL,
    -- The file; NULL once it is not needed any more.
    content       bytea,
    -- When a worker goes on with it; NULL where nobody shall.
    next_at       timestamptz,
    claim         uuid,
    claimed_until timestamptz,
    created_at    timestamptz NOT NULL
);
CREATE INDEX imports_user ON imports (user_id, created_at, id);
CREATE INDEX imports_next ON imports (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX imports_created ON imports (created_at);

-- The address of a user's calendar feed: only a hash of its secret.
CREATE TABLE feeds (
    user_id    uuid PRIMARY KEY,
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX feeds_token ON feeds (token_hash);
