-- The task product: where a task belongs, in which order, when it matters, and what it is called by.
-- Every column is new and may be NULL, so that the version before goes on writing tasks: they are in the inbox, at the
-- end, without tags.
ALTER TABLE tasks ADD COLUMN project_id uuid;
ALTER TABLE tasks ADD COLUMN section_id uuid;
ALTER TABLE tasks ADD COLUMN parent_id uuid;
-- A fractional index: its text is its order.
ALTER TABLE tasks ADD COLUMN position text COLLATE "C";
-- A JSON array of names; task_tags finds by them.
ALTER TABLE tasks ADD COLUMN tags text;
-- The instant, where it is due at a time; due_date is then its day in due_zone.
ALTER TABLE tasks ADD COLUMN due_at timestamptz;
ALTER TABLE tasks ADD COLUMN due_zone text;
ALTER TABLE tasks ADD COLUMN start_date date;
ALTER TABLE tasks ADD COLUMN deadline date;
-- An occurrence of a series: each exists once.
ALTER TABLE tasks ADD COLUMN series_id uuid;
ALTER TABLE tasks ADD COLUMN occurrence date;
CREATE UNIQUE INDEX tasks_occurrence ON tasks (series_id, occurrence) WHERE series_id IS NOT NULL;
CREATE INDEX tasks_open ON tasks (user_id, created_at, id) WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_project ON tasks (user_id, (coalesce(project_id, user_id)), (coalesce(position, replace(CAST(id AS text), '-', '') || 'i')), id)
    WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_agenda ON tasks (user_id, (coalesce(least(due_date, deadline), DATE '9999-12-31')), id)
    WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_priority ON tasks (user_id, priority, id) WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_completed ON tasks (user_id, completed_at, id) WHERE completed_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX tasks_parent ON tasks (user_id, parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE task_tags (
    user_id  uuid NOT NULL,
    -- The name in NFKC and lower case.
    name_key text NOT NULL,
    task_id  uuid NOT NULL,
    PRIMARY KEY (user_id, name_key, task_id)
);
CREATE INDEX task_tags_task ON task_tags (user_id, task_id);

-- What a person keeps in an order of their own, by kind: projects, sections of them, saved filters, tags. The inbox is no row:
-- it is the project whose id is the user's.
CREATE TABLE collections (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    -- project, section, filter or tag.
    kind        text NOT NULL,
    -- The project of a section; for the others the user's id, so that a name is unique within it.
    project_id  uuid NOT NULL,
    name        text NOT NULL,
    name_key    text NOT NULL,
    color       text,
    -- The expression of a filter.
    query       text,
    position    text COLLATE "C" NOT NULL,
    archived_at timestamptz,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX collections_name ON collections (user_id, kind, project_id, name_key);
