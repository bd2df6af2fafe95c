-- Insights: a projection of the events of tasks and accounts. All of it can be made again from the log.
--
-- Each user's rows have a generation, and readers see the one that insights_users names: another one is built beside it
-- and takes its place in one step.
CREATE TABLE insights_users (
    -- Its lock orders what is done to one user's rows: there is no order between two topics.
    user_id    blob        PRIMARY KEY,
    generation integer      NOT NULL,
    -- The last generation that was begun.
    building   integer      NOT NULL,
    -- The time of the last event that was applied; NULL before the first.
    as_of      text
);

-- The time zones that a user had, each from an instant on.
CREATE TABLE insights_zones (
    user_id    blob        NOT NULL,
    generation integer      NOT NULL,
    seq        integer      NOT NULL,
    since      text NOT NULL,
    -- Name of an IANA time zone.
    time_zone  text        NOT NULL,
    PRIMARY KEY (user_id, generation, seq)
);

-- What the latest event of each task says, and on which days it is counted.
CREATE TABLE insights_tasks (
    user_id       blob        NOT NULL,
    generation    integer      NOT NULL,
    task_id       blob        NOT NULL,
    -- The number of that event: earlier ones change nothing.
    seq           integer      NOT NULL,
    created_at    text NOT NULL,
    due_date      text,
    completed_at  text,
    deleted_at    text,
    created_on    text        NOT NULL,
    completed_on  text,
    -- The first day at whose end it was overdue; NULL where there is none.
    overdue_from  text,
    -- The first day at whose end it was not any more; NULL while it is.
    overdue_until text,
    PRIMARY KEY (user_id, generation, task_id)
);
CREATE INDEX insights_tasks_overdue ON insights_tasks (user_id, generation, overdue_until) WHERE overdue_from IS NOT NULL;

-- How many tasks are counted on each day of a user.
CREATE TABLE insights_days (
    user_id    blob   NOT NULL,
    generation integer NOT NULL,
    day        text   NOT NULL,
    created    integer NOT NULL,
    completed  integer NOT NULL,
    PRIMARY KEY (user_id, generation, day)
);
