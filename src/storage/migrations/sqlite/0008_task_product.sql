-- The task product: where a task belongs, in which order, when it matters, and what it is called by.
-- Every column is new and may be NULL, so that the version before goes on writing tasks: they are in the inbox, at the
-- end, without tags.
ALTER TABLE tasks ADD COLUMN project_id blob;
ALTER TABLE tasks ADD COLUMN section_id blob;
ALTER TABLE tasks ADD COLUMN parent_id blob;
-- A fractional index: its text is its order.
ALTER TABLE tasks ADD COLUMN position text;
-- A JSON array of names; task_tags finds by them.
ALTER TABLE tasks ADD COLUMN tags text;
-- The instant, where it is due at a time; due_date is then its day in due_zone.
ALTER TABLE tasks ADD COLUMN due_at text;
ALTER TABLE tasks ADD COLUMN due_zone text;
ALTER TABLE tasks ADD COLUMN start_date text;
ALTER TABLE tasks ADD COLUMN deadline text;
-- An occurrence of a series: each exists once.
ALTER TABLE tasks ADD COLUMN series_id blob;
ALTER TABLE tasks ADD COLUMN occurrence text;
CREATE UNIQUE INDEX tasks_occurrence ON tasks (series_id, occurrence) WHERE series_id IS NOT NULL;
CREATE INDEX tasks_open ON tasks (user_id, created_at, id) WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_project ON tasks (user_id, coalesce(project_id, user_id), coalesce(position, lower(hex(id)) || 'i'), id)
    WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_agenda ON tasks (user_id, coalesce(min(due_date, deadline), due_date, deadline, '9999-12-31'), id)
    WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_priority ON tasks (user_id, priority, id) WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tasks_completed ON tasks (user_id, completed_at, id) WHERE completed_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX tasks_parent ON tasks (user_id, parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE task_tags (
    user_id  blob NOT NULL,
    -- The name in NFKC and lower case.
    name_key text NOT NULL,
    task_id  blob NOT NULL,
    PRIMARY KEY (user_id, name_key, task_id)
);
CREATE INDEX task_tags_task ON task_tags (user_id, task_id);

-- What a person keeps in an order of their own, by kind: projects, sections of them, saved filters, tags. The inbox is no row:
-- it is the project whose id is the user's.
CREATE TABLE collections (
    id          blob PRIMARY KEY,
    user_id     blob NOT NULL,
    -- project, section, filter or tag.
    kind        text NOT NULL,
    -- The project of a section; for the others the user's id, so that a name is unique within it.
    project_id  blob NOT NULL,
    name        text NOT NULL,
    name_key    text NOT NULL,
    color       text,
    -- The expression of a filter.
    query       text,
    position    text NOT NULL,
    archived_at text,
    version     integer NOT NULL,
    created_at  text NOT NULL,
    updated_at  text NOT NULL
);
CREATE UNIQUE INDEX collections_name ON collections (user_id, kind, project_id, name_key);
