-- Recurrence: what a task says of it, and the series that its occurrences are of.
-- A JSON object; NULL is none.
ALTER TABLE tasks ADD COLUMN recurrence text;

CREATE TABLE series (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL,
    -- JSON: the rule, how far it is, and what the next occurrence is made of.
    state         text NOT NULL,
    -- When a worker makes the next occurrence; NULL where that waits for the one before, or there is none.
    next_at       timestamptz,
    -- Which worker is about to, and until when no other one is.
    claim         uuid,
    claimed_until timestamptz
);
CREATE INDEX series_user ON series (user_id);
CREATE INDEX series_next ON series (next_at) WHERE next_at IS NOT NULL;
