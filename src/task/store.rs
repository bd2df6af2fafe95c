//! The SQL of tasks.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::model::{Priority, Task};
use crate::events::Event;
use crate::http::idempotency::{Key, Reply};
use crate::kernel::{Cursor, Page};
use crate::storage::{self, Db, Sql, Tx};
use crate::{append_event, sql, statements};

macro_rules! columns {
    () => {
        "id, user_id, title, description, priority, due_date, completed_at, deleted_at, version, created_at, updated_at"
    };
}

/// A page of one order: the key and the id of the row before it come as `$3` and `$4`.
macro_rules! list {
    ($key:literal, $after:literal, $direction:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM tasks WHERE user_id = $1 AND (",
            "($2 = 'open' AND completed_at IS NULL AND deleted_at IS NULL) OR ",
            "($2 = 'completed' AND completed_at IS NOT NULL AND deleted_at IS NULL) OR ",
            "($2 = 'all' AND deleted_at IS NULL) OR ($2 = 'trash' AND deleted_at IS NOT NULL)) AND (",
            $key,
            ", id) ",
            $after,
            " ($3, $4) ORDER BY ",
            $key,
            " ",
            $direction,
            ", id ",
            $direction,
            " LIMIT $5"
        )
    };
}

/// The new task's row, where `log` says that its event was written: `$5` is its id, `$8` the time, as in the event.
macro_rules! insert_task {
    () => {
        concat!(
            "task AS (INSERT INTO tasks (",
            columns!(),
            ") SELECT $5, log.user_id, $10, $11, $12, $13, $14, NULL, 1, $8, $8 ",
            "FROM log) SELECT (SELECT last_seq FROM log)"
        )
    };
}

statements! {
    GET: "task.get" = (concat!("SELECT ", columns!(), " FROM tasks WHERE user_id = $1 AND id = $2"));
    /// Everything that creating a task is, in one statement and one round trip.
    CREATE: "task.create" = {
        concat!("WITH ", append_event!(), ", ", insert_task!()),
        concat!("INSERT INTO tasks (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, 1, $8, $8)")
    };
    /// The same, done once for an Idempotency-Key: no row in `key` means that it was done before.
    CREATE_ONCE: "task.create_once" = {
        concat!(
            "WITH key AS (INSERT INTO idempotency_keys (user_id, key_hash, fingerprint, status, headers, body, created_at) ",
            "SELECT user_id, $15, $16, $17, $18, $19, $8 FROM user_logs WHERE user_id = $1 AND erased_at IS NULL ",
            "ON CONFLICT DO NOTHING RETURNING user_id), ",
            append_event!(after "key"), ", ", insert_task!()
        ),
        "SELECT 1"
    };
    UPDATE: "task.update" = "UPDATE tasks SET title = $4, description = $5, priority = $6, due_date = $7, \
        completed_at = $8, deleted_at = $9, version = version + 1, updated_at = $10 \
        WHERE user_id = $1 AND id = $2 AND version = $3";
    LIST_CREATED: "task.list" = { list!("created_at", ">", "ASC"), list!("created_at", ">", "ASC") };
    LIST_NEWEST: "task.list" = { list!("created_at", "<", "DESC"), list!("created_at", "<", "DESC") };
    LIST_UPDATED: "task.list" = { list!("updated_at", "<", "DESC"), list!("updated_at", "<", "DESC") };
    LIST_DUE: "task.list" = { list!("coalesce(due_date, DATE '9999-12-31')", ">", "ASC"),
        list!("coalesce(due_date, '9999-12-31')", ">", "ASC") };
    LIST_PRIORITY: "task.list" = { list!("priority", "<", "DESC"), list!("priority", "<", "DESC") };
    ERASE: "task.erase" = "DELETE FROM tasks WHERE user_id = $1";
    EXPORT: "task.export" = (concat!("SELECT ", columns!(), " FROM tasks WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"));
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    title: String,
    description: String,
    priority: i64,
    due_date: Option<NaiveDate>,
    completed_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Task {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            title: row.title,
            description: row.description,
            priority: Priority::of_rank(row.priority),
            due_date: row.due_date,
            completed: row.completed_at.is_some(),
            completed_at: row.completed_at,
            deleted_at: row.deleted_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Which tasks a listing has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not done, not in the trash.
    #[default]
    Open,
    /// Done, not in the trash.
    Completed,
    /// Both of these.
    All,
    /// In the trash.
    Trash,
}

/// The order of a listing. Ties are broken by id, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sort {
    /// Oldest first.
    #[default]
    #[serde(rename = "created")]
    Created,
    /// Newest first.
    #[serde(rename = "-created")]
    Newest,
    /// Last changed first.
    #[serde(rename = "-updated")]
    Updated,
    /// Earliest due first; those without a date come last.
    #[serde(rename = "due")]
    Due,
    /// Most urgent first.
    #[serde(rename = "-priority")]
    Priority,
}

/// One listing.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which tasks.
    pub state: State,
    /// In which order.
    pub sort: Sort,
    /// Where to go on.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

pub(super) async fn get(db: &Db, user_id: Uuid, id: Uuid) -> Result<Option<Task>, storage::Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional Row => exec, GET, user_id, id)?.map(Task::from))
}

/// Writes a new task, its event and (where there is a key) its reply, all or nothing. `None`: the key was used before,
/// or the account is gone.
pub(super) async fn create(
    db: &Db,
    task: &Task,
    event: &Event,
    once: Option<(&Key, &Reply)>,
) -> Result<Option<i64>, Error> {
    let mut exec = db.single().await?;
    let (topic, channel) = (event.topic.name(), event.channel.as_str());
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
            task.due_date,
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
            task.due_date,
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

/// The new task's row, inside a transaction (SQLite).
pub(super) async fn insert(tx: &mut Tx, task: &Task) -> Result<(), storage::Error> {
    sql!(execute tx, CREATE, task.id, task.user_id, &task.title, &task.description, task.priority.rank(),
        task.due_date, task.completed_at, task.created_at)
    .map(drop)
}

/// Writes `after` over version `after.version - 1`. `false`: that is not the present version.
pub(super) async fn update(tx: &mut Tx, after: &Task) -> Result<bool, storage::Error> {
    let rows = sql!(execute tx, UPDATE, after.user_id, after.id, after.version - 1, &after.title, &after.description,
        after.priority.rank(), after.due_date, after.completed_at, after.deleted_at, after.updated_at)?;
    Ok(rows == 1)
}

pub(super) async fn list(db: &Db, user_id: Uuid, query: &Query) -> Result<Page<Task>, Error> {
    let tasks = match query.sort {
        Sort::Created => page(db, user_id, query, &LIST_CREATED, (DateTime::UNIX_EPOCH, Uuid::nil())).await?,
        Sort::Newest => page(db, user_id, query, &LIST_NEWEST, (far_future(), Uuid::max())).await?,
        Sort::Updated => page(db, user_id, query, &LIST_UPDATED, (far_future(), Uuid::max())).await?,
        Sort::Due => page(db, user_id, query, &LIST_DUE, (NaiveDate::default(), Uuid::nil())).await?,
        Sort::Priority => page(db, user_id, query, &LIST_PRIORITY, (i64::MAX, Uuid::max())).await?,
    };
    let no_date = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or_default();
    Ok(match query.sort {
        Sort::Created | Sort::Newest => Page::of(tasks, query.limit, |task| (task.created_at, task.id)),
        Sort::Updated => Page::of(tasks, query.limit, |task| (task.updated_at, task.id)),
        Sort::Due => Page::of(tasks, query.limit, |task| (task.due_date.unwrap_or(no_date), task.id)),
        Sort::Priority => Page::of(tasks, query.limit, |task| (task.priority.rank(), task.id)),
    })
}

/// Later than any task, and still a four-digit year.
fn far_future() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default()
}

async fn page<K>(db: &Db, user_id: Uuid, query: &Query, sql: &Sql, start: (K, Uuid)) -> Result<Vec<Task>, Error>
where
    K: serde::de::DeserializeOwned + Send,
    K: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    K: for<'q> sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let (key, id) = match &query.cursor {
        Some(cursor) => Cursor::decode::<(K, Uuid)>(cursor)?,
        None => start,
    };
    let state = match query.state {
        State::Open => "open",
        State::Completed => "completed",
        State::All => "all",
        State::Trash => "trash",
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, sql, user_id, state, key, id, limit)?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// At most `limit` tasks of the user, trash included, after `after` in the order of ids.
pub(super) async fn export(db: &Db, user_id: Uuid, after: Uuid, limit: i64) -> Result<Vec<Task>, storage::Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all Row => exec, EXPORT, user_id, after, limit)?.into_iter().map(Task::from).collect())
}

pub(super) async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
    sql!(execute tx, ERASE, user_id).map(drop)
}
