//! Listing tasks: a statement for each state and order, so that each goes by the index that is made for it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::model::Task;
use super::rows::{Row, columns};
use crate::kernel::{Cursor, Page};
use crate::sql;
use crate::storage::{Db, Sql};

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
    /// Last done first; open ones come last.
    #[serde(rename = "-completed")]
    Completed,
    /// Earliest due date or deadline first; those without one come last.
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

/// A page of one order: the key and the id of the row before it come as `$2` and `$3`.
macro_rules! page {
    ($dialect:ident, $state:expr, $key:expr, $after:literal, $direction:literal) => {
        concat!(
            "SELECT ",
            columns!($dialect),
            " FROM tasks AS t WHERE t.user_id = $1 AND ",
            $state,
            " AND (",
            $key,
            ", t.id) ",
            $after,
            " ($2, $3) ORDER BY ",
            $key,
            " ",
            $direction,
            ", t.id ",
            $direction,
            " LIMIT $4"
        )
    };
}

/// The statements of the four states, in their order, for one order.
macro_rules! pages {
    ($name:ident, $postgres:expr, $sqlite:expr, $after:literal, $direction:literal) => {
        const $name: [Sql; 4] = [
    pages!(@one "t.completed_at IS NULL AND t.deleted_at IS NULL", $postgres, $sqlite, $after, $direction),
    pages!(@one "t.completed_at IS NOT NULL AND t.deleted_at IS NULL", $postgres, $sqlite, $after, $direction),
    pages!(@one "t.deleted_at IS NULL", $postgres, $sqlite, $after, $direction),
    pages!(@one "t.deleted_at IS NOT NULL", $postgres, $sqlite, $after, $direction),
        ];
    };
    (@one $state:literal, $postgres:expr, $sqlite:expr, $after:literal, $direction:literal) => {
        Sql {
            summary: "task.list",
            postgres: page!(postgres, $state, $postgres, $after, $direction),
            sqlite: page!(sqlite, $state, $sqlite, $after, $direction),
        }
    };
}

pages!(CREATED, "t.created_at", "t.created_at", ">", "ASC");
pages!(NEWEST, "t.created_at", "t.created_at", "<", "DESC");
pages!(UPDATED, "t.updated_at", "t.updated_at", "<", "DESC");
// An open task has no such time: the earliest one puts it last.
pages!(
    COMPLETED,
    "coalesce(t.completed_at, TIMESTAMPTZ '1970-01-01Z')",
    "coalesce(t.completed_at, '1970-01-01T00:00:00+00:00')",
    "<",
    "DESC"
);
pages!(COMPLETED_ONLY, "t.completed_at", "t.completed_at", "<", "DESC");
pages!(
    DUE,
    "coalesce(least(t.due_date, t.deadline), DATE '9999-12-31')",
    "coalesce(min(t.due_date, t.deadline), t.due_date, t.deadline, '9999-12-31')",
    ">",
    "ASC"
);
pages!(PRIORITY, "t.priority", "t.priority", "<", "DESC");

/// Every statement of the listing: a test prepares them on both databases.
pub(super) const STATEMENTS: [&[Sql]; 7] = [&CREATED, &NEWEST, &UPDATED, &COMPLETED, &COMPLETED_ONLY, &DUE, &PRIORITY];

pub(super) async fn list(db: &Db, user_id: Uuid, query: &Query) -> Result<Page<Task>, Error> {
    let newest = (far_future(), Uuid::max());
    let done = if query.state == State::Completed { &COMPLETED_ONLY } else { &COMPLETED };
    let tasks = match query.sort {
        Sort::Created => page(db, user_id, query, &CREATED, (DateTime::UNIX_EPOCH, Uuid::nil())).await?,
        Sort::Newest => page(db, user_id, query, &NEWEST, newest).await?,
        Sort::Updated => page(db, user_id, query, &UPDATED, newest).await?,
        Sort::Completed => page(db, user_id, query, done, newest).await?,
        Sort::Due => page(db, user_id, query, &DUE, (NaiveDate::default(), Uuid::nil())).await?,
        Sort::Priority => page(db, user_id, query, &PRIORITY, (i64::MAX, Uuid::max())).await?,
    };
    let limit = query.limit;
    Ok(match query.sort {
        Sort::Created | Sort::Newest => Page::of(tasks, limit, |task| (task.created_at, task.id)),
        Sort::Updated => Page::of(tasks, limit, |task| (task.updated_at, task.id)),
        Sort::Completed => Page::of(tasks, limit, |task| (task.completed_at.unwrap_or_default(), task.id)),
        Sort::Due => Page::of(tasks, limit, |task| (agenda(task), task.id)),
        Sort::Priority => Page::of(tasks, limit, |task| (task.priority.rank(), task.id)),
    })
}

/// The day on which a task matters first.
fn agenda(task: &Task) -> NaiveDate {
    let days = [task.due_date, task.deadline];
    days.into_iter().flatten().min().or(NaiveDate::from_ymd_opt(9999, 12, 31)).unwrap_or_default()
}

/// Later than any task, and still a four-digit year.
fn far_future() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default()
}

async fn page<K>(
    db: &Db,
    user_id: Uuid,
    query: &Query,
    statements: &'static [Sql; 4],
    start: (K, Uuid),
) -> Result<Vec<Task>, Error>
where
    K: serde::de::DeserializeOwned + Send,
    K: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    K: for<'q> sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let (key, id) = match &query.cursor {
        Some(cursor) => Cursor::decode::<(K, Uuid)>(cursor)?,
        None => start,
    };
    let [open, completed, all, trash] = statements;
    let sql = match query.state {
        State::Open => open,
        State::Completed => completed,
        State::All => all,
        State::Trash => trash,
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, sql, user_id, key, id, limit)?;
    Ok(rows.into_iter().map(Task::from).collect())
}
