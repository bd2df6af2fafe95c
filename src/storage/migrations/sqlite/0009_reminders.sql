-- Reminders: what a task says of them, and the instants that are still to come.
-- The version before knows no reminders, and goes on writing tasks without.
-- A JSON array; NULL is none.
ALTER TABLE tasks ADD COLUMN reminders text;

-- A reminder that has not fired: it is deleted in the transaction that writes its event. Only open tasks have some.
CREATE TABLE reminders (
    user_id       blob NOT NULL,
    task_id       blob NOT NULL,
    fire_at       text NOT NULL,
    -- Who is about to fire it, and until when nobody else is.
    claim         blob,
    claimed_until text,
    PRIMARY KEY (user_id, task_id, fire_at)
);
CREATE INDEX reminders_due ON reminders (fire_at);
