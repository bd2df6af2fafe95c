-- Webhooks: where a user's events are sent. Their secrets are not here: they are derived from the server's key.
CREATE TABLE webhooks (
    id              blob        PRIMARY KEY,
    user_id         blob        NOT NULL,
    url             text        NOT NULL,
    description     text        NOT NULL,
    -- Names with spaces between them; NULL: all.
    event_types     text,
    -- Which secret is the present one, counted from 1, and since when: the one before signs too for a day.
    secret_version  integer      NOT NULL,
    rotated_at      text,
    -- The number of the event since which it gets events: its making, or when it was last switched on.
    since_seq       integer      NOT NULL,
    -- Deliveries in a row that failed to the end.
    failures        integer      NOT NULL,
    -- NULL: it is enabled.
    disabled_at     text,
    -- user, gone or failing
    disabled_reason text,
    version         integer      NOT NULL,
    created_at      text NOT NULL,
    updated_at      text NOT NULL
);
CREATE INDEX webhooks_user ON webhooks (user_id, created_at, id);

-- What is to be sent, what was, and what came of it.
CREATE TABLE webhook_deliveries (
    -- The same in each try: `webhook-id`.
    id              blob        PRIMARY KEY,
    webhook_id      blob        NOT NULL,
    user_id         blob        NOT NULL,
    -- The event's number in the user's log; NULL for a test.
    seq             integer,
    event_id        blob        NOT NULL,
    event_type      text        NOT NULL,
    -- The event's JSON, byte for byte.
    body            text        NOT NULL,
    traceparent     text,
    -- pending, delivered, failed or cancelled
    state           text        NOT NULL,
    attempts        integer      NOT NULL,
    -- When it is tried next; NULL: never.
    due_at          text,
    -- Which sender has it, and until when.
    claim           blob,
    claimed_until   text,
    response_status integer,
    error           text,
    created_at      text NOT NULL,
    -- NULL while it is pending.
    finished_at     text
);
-- An event goes to a webhook once, however often it comes.
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_latest ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX webhook_deliveries_user ON webhook_deliveries (user_id);
