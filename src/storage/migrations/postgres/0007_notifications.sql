-- Notifications: what a person is told in the product, made of events by the consumer todo-notifications.
CREATE TABLE notification_users (
    -- Its lock orders what is done to one user's notifications, so that numbers are committed in their order.
    user_id     uuid   PRIMARY KEY,
    -- The last number that was given; it only rises, also when the notification is gone.
    last_number bigint NOT NULL
);
ALTER TABLE notification_users SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE notifications (
    user_id      uuid        NOT NULL,
    -- The user's own numbers, rising.
    number       bigint      NOT NULL,
    -- That of the event it was made of.
    id           uuid        NOT NULL,
    kind         text        NOT NULL,
    severity     text        NOT NULL,
    title        text        NOT NULL,
    -- What it is about; NULL where that is nothing with an id.
    subject_type text,
    subject_id   uuid,
    -- A JSON object.
    data         text        NOT NULL,
    -- When the event happened.
    created_at   timestamptz NOT NULL,
    read_at      timestamptz,
    PRIMARY KEY (user_id, number)
);
CREATE UNIQUE INDEX notifications_id ON notifications (user_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, number) WHERE read_at IS NULL;
CREATE INDEX notifications_age ON notifications (created_at);
ALTER TABLE notifications SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
