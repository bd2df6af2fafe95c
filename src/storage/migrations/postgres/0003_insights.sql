-- Insights: a projection of the events of tasks and accounts. All of it can be made again from the log.
--
-- Each user's rows have a generation, and readers see the one that insights_users names: another one is built beside it
-- and takes its place in one step.
CREATE TABLE insights_users (
    -- Its lock orders what is done to one user's rows: there is no order between two topics.
    user_id    uuid        PRIMARY KEY,
    generation bigint      NOT NULL,
    -- The last generation that was begun.
    building   bigint      NOT NULL,
    -- The time of the last event that was applied; NULL before the first.
    as_of      timestamptz
);
ALTER TABLE insights_users SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- The time zones that a user had, each from an instant on.
CREATE TABLE insights_zones (
    user_id    uuid        NOT NULL,
    generation bigint      NOT NULL,
    seq        bigint      NOT NULL,
    since      timestamptz NOT NULL,
    -- Name of an IANA time zone.
    time_zone  text        NOT NULL,
    PRIMARY KEY (user_id, generation, seq)
);

-- What the latest event of each task says, and on which days it is counted.
CREATE TABLE insights_tasks (
    user_id       uuid        NOT NULL,
    generation    bigint      NOT NULL,
    task_id       uuid        NOT NULL,
    -- The number of that event: earlier ones change nothing.
    seq           bigint      NOT NULL,
    created_at    timestamptz NOT NULL,
    due_date      date,
    completed_at  timestamptz,
    deleted_at    timestamptz,
    created_on    date        NOT NULL,
    completed_on  date,
    -- The first day at whose end it was overdue; NULL where there is none.
    overdue_from  date,
    -- The first day at whose end it was not any more; NULL while it is.
    overdue_until date,
    PRIMARY KEY (user_id, generation, task_id)
);
CREATE INDEX insights_tasks_overdue ON insights_tasks (user_id, generation, overdue_until) WHERE overdue_from IS NOT NULL;
ALTER TABLE insights_tasks SET (fillfactor = 90);

-- How many tasks are counted on each day of a user.
CREATE TABLE insights_days (
    user_id    uuid   NOT NULL,
    generation bigint NOT NULL,
    day        date   NOT NULL,
    created    bigint NOT NULL,
    completed  bigint NOT NULL,
    PRIMARY KEY (user_id, generation, day)
);
ALTER TABLE insights_days SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
