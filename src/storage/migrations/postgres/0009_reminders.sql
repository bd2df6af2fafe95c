-- Reminders: what a task says of them, and the instants that are still to come.
-- The version before knows no reminders, and goes on writing tasks without.
-- A JSON array; NULL is none.
ALTER TABLE tasks ADD COLUMN reminders text;

-- A reminder that has not fired: it is deleted in the transaction that writes its event. Only open tasks have some.
CREATE TABLE reminders (
    user_id       uuid NOT NULL,
    task_id       uuid NOT NULL,
    fire_at       timestamptz NOT NULL,
    -- Who is about to fire it, and until when nobody else is.
    claim         uuid,
    claimed_until timestamptz,
    PRIMARY KEY (user_id, task_id, fire_at)
);
CREATE INDEX reminders_due ON reminders (fire_at);
-- A queue: each row is written, claimed and deleted.
ALTER TABLE reminders SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
