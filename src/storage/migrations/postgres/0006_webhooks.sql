-- Webhooks: where a user's events are sent. Their secrets are not here: they are derived from the server's key.
CREATE TABLE webhooks (
    id              uuid        PRIMARY KEY,
    user_id         uuid        NOT NULL,
    url             text        NOT NULL,
    description     text        NOT NULL,
    -- Names with spaces between them; NULL: all.
    event_types     text,
    -- Which secret is the present one, counted from 1, and since when: the one before signs too for a day.
    secret_version  bigint      NOT NULL,
    rotated_at      timestamptz,
    -- The number of the event since which it gets events: its making, or when it was last switched on.
    since_seq       bigint      NOT NULL,
    -- Deliveries in a row that failed to the end.
    failures        bigint      NOT NULL,
    -- NULL: it is enabled.
    disabled_at     timestamptz,
    -- user, gone or failing
    disabled_reason text,
    version         bigint      NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX webhooks_user ON webhooks (user_id, created_at, id);
ALTER TABLE webhooks SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- What is to be sent, what was, and what came of it.
CREATE TABLE webhook_deliveries (
    -- The same in each try: `webhook-id`.
    id              uuid        PRIMARY KEY,
    webhook_id      uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    -- The event's number in the user's log; NULL for a test.
    seq             bigint,
    event_id        uuid        NOT NULL,
    event_type      text        NOT NULL,
    -- The event's JSON, byte for byte.
    body            text        NOT NULL,
    traceparent     text,
    -- pending, delivered, failed or cancelled
    state           text        NOT NULL,
    attempts        bigint      NOT NULL,
    -- When it is tried next; NULL: never.
    due_at          timestamptz,
    -- Which sender has it, and until when.
    claim           uuid,
    claimed_until   timestamptz,
    response_status bigint,
    error           text,
    created_at      timestamptz NOT NULL,
    -- NULL while it is pending.
    finished_at     timestamptz
);
-- An event goes to a webhook once, however often it comes.
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_latest ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX webhook_deliveries_user ON webhook_deliveries (user_id);
-- A queue: each row is written three times within seconds, and deleted after two weeks.
ALTER TABLE webhook_deliveries SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
