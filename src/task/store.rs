//! The SQL of tasks: creating one in one call, and reading.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::Task;
use super::rows::{Row, columns};
use crate::events::Event;
use crate::http::idempotency::{Key, Reply};
use crate::storage::rows::json;
use crate::storage::{self, Db, Exec, Tx};
use crate::{append_event, sql, statements};

macro_rules! select {
    ($rest:literal) => {
        select!($rest, $rest)
    };
    ($postgres:literal, $sqlite:literal) => {
        (
            concat!("SELECT ", columns!(postgres), " FROM tasks AS t ", $postgres),
            concat!("SELECT ", columns!(sqlite), " FROM tasks AS t ", $sqlite),
        )
    };
}

/// The new task's row, where `log` says that its event was written: `$5` is its id, `$8` the time, as in the event. In
/// the inbox, without tags.
macro_rules! insert_task {
    () => {
        concat!(
            "task AS (INSERT INTO tasks (id, user_id, title, description, priority, project_id, position, due_date, due_at, ",
            "due_zone, start_date, deadline, completed_at, version, created_at, updated_at) ",
            "SELECT $5, log.user_id, $10, $11, $12, log.user_id, $13, $14, $15, $16, $17, $18, $19, 1, $8, $8 ",
            "FROM log) SELECT (SELECT last_seq FROM log)"
        )
    };
}

/// Tasks that a user may have, the trash included.
pub const TASKS_MAX: i64 = 100_000;

/// Whether there is room for one more. They are counted only where there were as many changes: each task is one.
macro_rules! room {
    (by $counted:literal) => {
        concat!("user_id = $1 AND (last_seq < 100000 OR ", $counted, ")")
    };
    (postgres) => {
        room!(by "tasks_fewer_than($1, 100000)")
    };
    (sqlite) => {
        room!(by "(SELECT count(*) FROM (SELECT 1 FROM tasks WHERE user_id = $1 LIMIT 100000)) < 100000")
    };
}

const BY_ID: (&str, &str) = select!("WHERE t.user_id = $1 AND t.id = $2");
const BY_IDS: (&str, &str) = select!(
    "WHERE t.user_id = $1 AND t.id = ANY(ARRAY(SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($2 AS jsonb))))",
    "WHERE t.user_id = $1 AND t.id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))"
);
const BY_PARENT: (&str, &str) = select!(
    "WHERE t.user_id = $1 AND t.parent_id IN (SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($2 AS jsonb))) \
        ORDER BY t.id LIMIT $3",
    "WHERE t.user_id = $1 AND t.parent_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2)) ORDER BY t.id LIMIT $3"
);
const BY_AGE: (&str, &str) = select!("WHERE t.user_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3");
const OF_PROJECT: (&str, &str) = select!(
    "WHERE t.user_id = $1 AND coalesce(t.project_id, t.user_id) = $2 AND t.deleted_at IS NULL ORDER BY t.id LIMIT $3"
);
const OF_SECTION: (&str, &str) =
    select!("WHERE t.user_id = $1 AND t.section_id = $2 AND t.deleted_at IS NULL ORDER BY t.id LIMIT $3");
const BY_TRASH: (&str, &str) = select!("WHERE t.deleted_at < $1 ORDER BY t.deleted_at, t.id LIMIT $2");

statements! {
    GET: "task.get" = { BY_ID.0, BY_ID.1 };
    SOME: "task.some" = { BY_IDS.0, BY_IDS.1 };
    /// Everything that creating a task in the inbox is, in one statement and one round trip.
    CREATE: "task.create" = {
        concat!(
            "WITH room AS (SELECT user_id FROM user_logs WHERE ", room!(postgres), "), ",
            append_event!(after "room"), ", ", insert_task!()
        ),
        "SELECT 1"
    };
    /// The same, done once for an Idempotency-Key: no row in `key` means that it was done before.
    CREATE_ONCE: "task.create_once" = {
        concat!(
            "WITH key AS (INSERT INTO idempotency_keys (user_id, key_hash, fingerprint, status, headers, body, created_at) ",
            "SELECT user_id, $20, $21, $22, $23, $24, $8 FROM user_logs WHERE erased_at IS NULL AND ",
            room!(postgres), " ON CONFLICT DO NOTHING RETURNING user_id), ",
            append_event!(after "key"), ", ", insert_task!()
        ),
        "SELECT 1"
    };
    CHILDREN: "task.children" = { BY_PARENT.0, BY_PARENT.1 };
    INSIDE_PROJECT: "task.inside_project" = { OF_PROJECT.0, OF_PROJECT.1 };
    INSIDE_SECTION: "task.inside_section" = { OF_SECTION.0, OF_SECTION.1 };
    ERASE: "task.erase" = "DELETE FROM tasks WHERE user_id = $1";
    EXPORT: "task.export" = { BY_AGE.0, BY_AGE.1 };
    HAS_ROOM: "task.has_room" = {
        concat!("SELECT user_id FROM user_logs WHERE ", room!(postgres)),
        concat!("SELECT user_id FROM user_logs WHERE ", room!(sqlite))
    };
    IN_TRASH: "task.in_trash" = { BY_TRASH.0, BY_TRASH.1 };
    PURGE: "task.purge" = {
        "DELETE FROM tasks WHERE user_id = $1 AND deleted_at < $2 AND id IN (SELECT CAST(value AS uuid) FROM \
            jsonb_array_elements_text(CAST($3 AS jsonb))) RETURNING id",
        "DELETE FROM tasks WHERE user_id = $1 AND deleted_at < $2 AND id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($3)) RETURNING id"
    };
}

/// A reader of one task, alone or in a transaction.
pub(super) async fn get(on: &mut Exec, user_id: Uuid, id: Uuid) -> Result<Option<Task>, storage::Error> {
    Ok(sql!(fetch_optional Row => on, GET, user_id, id)?.map(Task::from))
}

/// Those of these that there are.
pub(super) async fn some(tx: &mut Tx, user_id: Uuid, ids: &[Uuid]) -> Result<Vec<Task>, storage::Error> {
    Ok(sql!(fetch_all Row => tx, SOME, user_id, json(ids))?.into_iter().map(Task::from).collect())
}

/// Writes a new task of the inbox, its event and (where there is a key) its reply, all or nothing, on PostgreSQL.
/// `None`: the key was used before, or the account is gone.
pub(super) async fn create(
    db: &Db,
    task: &Task,
    event: &Event,
    once: Option<(&Key, &Reply)>,
) -> Result<Option<i64>, storage::Error> {
    let mut exec = db.single().await?;
    let (topic, channel) = (event.topic.name(), event.channel.as_str());
    let zone = task.due_zone.map(chrono_tz::Tz::name);
    let row = match once {
        None => sql!(fetch_one (Option<i64>,) => exec,
            CREATE,
            event.user_id,
            event.event_id,
            topic,
            event.event_type,
            event.subject_id,
            channel,
            &event.traceparent,
            event.occurred_at,
            &event.value,
            &task.title,
            &task.description,
            task.priority.rank(),
            task.position.as_str(),
            task.due_date,
            task.due_at,
            zone,
            task.start_date,
            task.deadline,
            task.completed_at
        ),
        Some((key, reply)) => sql!(fetch_one (Option<i64>,) => exec,
            CREATE_ONCE,
            event.user_id,
            event.event_id,
            topic,
            event.event_type,
            event.subject_id,
            channel,
            &event.traceparent,
            event.occurred_at,
            &event.value,
            &task.title,
            &task.description,
            task.priority.rank(),
            task.position.as_str(),
            task.due_date,
            task.due_at,
            zone,
            task.start_date,
            task.deadline,
            task.completed_at,
            key.hash.as_slice(),
            key.fingerprint.as_slice(),
            i64::from(reply.status.as_u16()),
            reply.stored_headers(),
            &reply.body
        ),
    }?;
    exec.commit().await?;
    Ok(row.0)
}

/// The subtasks of these tasks, those in the trash included: at most `limit`.
pub(super) async fn children(
    tx: &mut Tx,
    user_id: Uuid,
    parents: &[Uuid],
    limit: i64,
) -> Result<Vec<Task>, storage::Error> {
    Ok(sql!(fetch_all Row => tx, CHILDREN, user_id, json(parents), limit)?.into_iter().map(Task::from).collect())
}

/// At most `limit` tasks of a project or a section, those in the trash left out.
pub(super) async fn inside(
    tx: &mut Tx,
    user_id: Uuid,
    id: Uuid,
    is_section: bool,
    limit: i64,
) -> Result<Vec<Task>, storage::Error> {
    let sql = if is_section { &INSIDE_SECTION } else { &INSIDE_PROJECT };
    Ok(sql!(fetch_all Row => tx, sql, user_id, id, limit)?.into_iter().map(Task::from).collect())
}

/// Whether a user may have one more task.
pub(super) async fn has_room(on: &mut Exec, user_id: Uuid) -> Result<bool, storage::Error> {
    Ok(sql!(fetch_optional (Uuid,) => on, HAS_ROOM, user_id)?.is_some())
}

/// At most `limit` tasks of the user, trash included, after `after` in the order of ids.
pub(super) async fn export(db: &Db, user_id: Uuid, after: Uuid, limit: i64) -> Result<Vec<Task>, storage::Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all Row => exec, EXPORT, user_id, after, limit)?.into_iter().map(Task::from).collect())
}

pub(super) async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
    sql!(execute tx, ERASE, user_id).map(drop)
}

/// At most `limit` tasks of everybody that went to the trash before `before`.
pub(super) async fn in_trash(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<Vec<Task>, storage::Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all Row => exec, IN_TRASH, before, limit)?.into_iter().map(Task::from).collect())
}

/// Deletes those of a user's tasks that are in the trash since before `before`, and tells which.
pub(super) async fn purge(
    tx: &mut Tx,
    user_id: Uuid,
    before: DateTime<Utc>,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, storage::Error> {
    let rows = sql!(fetch_all (Uuid,) => tx, PURGE, user_id, before, json(ids))?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
