//! Writing tasks, many in one call.

use serde::Serialize;
use uuid::Uuid;

use super::input::name_key;
use super::model::Task;
use super::rows::Row;
use crate::storage::rows::json;
use crate::storage::{Error, Tx};
use crate::{sql, statements};

/// New rows, and present ones whose version is the one before. What belongs to somebody else is left alone, and the
/// count of rows then tells.
macro_rules! put {
    ($from:expr) => {
        concat!(
            "INSERT INTO tasks (id, user_id, title, description, priority, project_id, section_id, parent_id, position, tags, ",
            "due_date, due_at, due_zone, start_date, deadline, reminders, recurrence, series_id, occurrence, completed_at, deleted_at, version, created_at, updated_at) SELECT ",
            "id, user_id, title, description, priority, project_id, section_id, parent_id, position, tags, due_date, due_at, ",
            "due_zone, start_date, deadline, reminders, recurrence, series_id, occurrence, completed_at, deleted_at, version, created_at, updated_at FROM ",
            $from,
            " WHERE true ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description, ",
            "priority = excluded.priority, project_id = excluded.project_id, section_id = excluded.section_id, ",
            "parent_id = excluded.parent_id, position = excluded.position, tags = excluded.tags, due_date = excluded.due_date, ",
            "due_at = excluded.due_at, due_zone = excluded.due_zone, start_date = excluded.start_date, ",
            "deadline = excluded.deadline, reminders = excluded.reminders, recurrence = excluded.recurrence, ",
            "series_id = excluded.series_id, occurrence = excluded.occurrence, completed_at = excluded.completed_at, deleted_at = excluded.deleted_at, ",
            "version = excluded.version, updated_at = excluded.updated_at ",
            "WHERE tasks.user_id = excluded.user_id AND tasks.version = excluded.version - 1"
        )
    };
}

statements! {
    PUT: "task.put" = {
        put!("jsonb_to_recordset(CAST($1 AS jsonb)) AS new (id uuid, user_id uuid, title text, description text, priority bigint, \
            project_id uuid, section_id uuid, parent_id uuid, position text, tags text, due_date date, due_at timestamptz, \
            due_zone text, start_date date, deadline date, reminders text, recurrence text, series_id uuid, occurrence date, completed_at timestamptz, deleted_at timestamptz, version bigint, \
            created_at timestamptz, updated_at timestamptz)"),
        put!("(SELECT unhex(replace(value ->> 'id', '-', '')) AS id, unhex(replace(value ->> 'user_id', '-', '')) AS user_id, \
            value ->> 'title' AS title, value ->> 'description' AS description, value ->> 'priority' AS priority, \
            unhex(replace(value ->> 'project_id', '-', '')) AS project_id, unhex(replace(value ->> 'section_id', '-', '')) AS section_id, \
            unhex(replace(value ->> 'parent_id', '-', '')) AS parent_id, value ->> 'position' AS position, value ->> 'tags' AS tags, \
            value ->> 'due_date' AS due_date, value ->> 'due_at' AS due_at, value ->> 'due_zone' AS due_zone, \
            value ->> 'start_date' AS start_date, value ->> 'deadline' AS deadline, value ->> 'reminders' AS reminders, value ->> 'recurrence' AS recurrence, \
            unhex(replace(value ->> 'series_id', '-', '')) AS series_id, value ->> 'occurrence' AS occurrence, value ->> 'completed_at' AS completed_at, \
            value ->> 'deleted_at' AS deleted_at, value ->> 'version' AS version, value ->> 'created_at' AS created_at, \
            value ->> 'updated_at' AS updated_at FROM json_each($1))")
    };
    UNTAG: "task.untag" = {
        "DELETE FROM task_tags WHERE user_id = $1 AND task_id IN (SELECT CAST(value AS uuid) FROM \
            jsonb_array_elements_text(CAST($2 AS jsonb)))",
        "DELETE FROM task_tags WHERE user_id = $1 AND task_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))"
    };
    TAG: "task.tag" = {
        "INSERT INTO task_tags (user_id, name_key, task_id) SELECT $1, name_key, task_id FROM \
            jsonb_to_recordset(CAST($2 AS jsonb)) AS new (name_key text, task_id uuid)",
        "INSERT INTO task_tags (user_id, name_key, task_id) SELECT $1, value ->> 'name_key', \
            unhex(replace(value ->> 'task_id', '-', '')) FROM json_each($2)"
    };
    UNTAG_ALL: "task.untag_all" = "DELETE FROM task_tags WHERE user_id = $1";
}

/// One change of a task.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// `None`: it is new.
    pub before: Option<Task>,
    /// What it is now.
    pub after: Task,
}

impl Written {
    /// Whether it changes what a task says: its title, its tags or its description.
    pub fn says_other(&self) -> bool {
        let after = &self.after;
        self.before.as_ref().is_none_or(|before| {
            (&before.title, &before.tags, &before.description) != (&after.title, &after.tags, &after.description)
        })
    }
}

#[derive(Serialize)]
struct TagRow {
    name_key: String,
    task_id: Uuid,
}

/// Writes all of a user's changes, new tasks and present ones. `false`: one of them is not what it was, or not the
/// user's; then nothing may be committed.
pub(super) async fn put(tx: &mut Tx, user_id: Uuid, changes: &[Written]) -> Result<bool, Error> {
    let rows: Vec<_> = changes.iter().map(|change| Row::from(&change.after)).collect();
    let written = sql!(execute tx, PUT, json(&rows))?;
    if usize::try_from(written) != Ok(changes.len()) {
        return Ok(false);
    }
    let tagged = |task: &Option<Task>| task.as_ref().map_or(0, |task| task.tags.len()) > 0;
    let differ = |change: &&Written| change.before.as_ref().map_or(&[][..], |task| &task.tags[..]) != change.after.tags;
    let retagged: Vec<_> = changes.iter().filter(differ).collect();
    let gone: Vec<_> = retagged.iter().filter(|change| tagged(&change.before)).map(|change| change.after.id).collect();
    if !gone.is_empty() {
        untag(tx, user_id, &gone).await?;
    }
    let row = |task_id: Uuid| move |name: &String| TagRow { name_key: name_key(name), task_id };
    let new: Vec<_> = retagged.iter().flat_map(|change| change.after.tags.iter().map(row(change.after.id))).collect();
    if !new.is_empty() {
        sql!(execute tx, TAG, user_id, json(&new))?;
    }
    Ok(true)
}

/// Removes the tags of these tasks.
pub(super) async fn untag(tx: &mut Tx, user_id: Uuid, tasks: &[Uuid]) -> Result<(), Error> {
    sql!(execute tx, UNTAG, user_id, json(tasks)).map(drop)
}

/// Removes every use of a tag, with the account.
pub(super) async fn erase_tags(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, UNTAG_ALL, user_id).map(drop)
}
