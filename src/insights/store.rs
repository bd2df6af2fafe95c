//! The SQL of insights. What concerns many rows goes to the database as one list in JSON: one statement for a batch.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::model::{Overdue, Span, Tally};
use super::rows::{DayRow, SinceRow, TaskKey, TaskRow, UserKey, UserRow, ZoneRow};
use crate::storage::rows::json;
use crate::storage::{Db, Error, Tx};
use crate::{sql, statements};

/// A list of rows with these columns, from `$1`.
macro_rules! list {
    ($($column:literal $type:literal),+) => {
        concat!("(SELECT * FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS row (", list!(@join $($column, " ", $type),+), ")) AS new")
    };
    (@join $first:literal, $space:literal, $type:literal $(, $column:literal, $gap:literal, $other:literal)*) => {
        concat!($first, $space, $type $(, ", ", $column, $gap, $other)*)
    };
}

/// The same on SQLite: `id` columns are UUIDs, the others are as JSON has them.
macro_rules! lite {
    ($($id:literal),+; $($column:literal),*) => {
        concat!("(SELECT ", lite!(@join $($id),+) $(, ", value ->> '", $column, "' AS ", $column)*, " FROM json_each($1)) AS new")
    };
    (@join $first:literal $(, $id:literal)*) => {
        concat!(lite!(@id $first) $(, ", ", lite!(@id $id))*)
    };
    (@id $id:literal) => {
        concat!("unhex(replace(value ->> '", $id, "', '-', '')) AS ", $id)
    };
}

macro_rules! task_columns {
    () => {
        "user_id, generation, task_id, seq, created_at, due_date, completed_at, deleted_at, created_on, completed_on, \
            overdue_from, overdue_until"
    };
}

/// The rows of a table that belong to those of a list: one look along the table's key for each, whatever the planner
/// thinks. `OFFSET 0` keeps PostgreSQL from taking the subquery apart (a plan that was made while the table was small
/// would read all of it), and `CROSS JOIN` keeps the order on SQLite.
macro_rules! of_each {
    (postgres, $list:expr, $columns:expr, $table:literal, $on:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $list,
            " CROSS JOIN LATERAL (SELECT * FROM ",
            $table,
            " AS old WHERE old.user_id = new.user_id AND old.generation = new.generation",
            $on,
            " OFFSET 0) AS old"
        )
    };
    (sqlite, $list:expr, $columns:expr, $table:literal, $on:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $list,
            " CROSS JOIN ",
            $table,
            " AS old WHERE old.user_id = new.user_id AND old.generation = new.generation",
            $on
        )
    };
}

macro_rules! tasks {
    ($engine:ident, $list:expr, $on:literal) => {
        of_each!(
            $engine,
            $list,
            "old.user_id, old.generation, old.task_id, old.seq, old.created_at, old.due_date, old.completed_at, \
                old.deleted_at, old.created_on, old.completed_on, old.overdue_from, old.overdue_until",
            "insights_tasks",
            $on
        )
    };
}

macro_rules! zones {
    ($engine:ident, $list:expr) => {
        of_each!($engine, $list, "old.user_id, old.seq, old.since, old.time_zone", "insights_zones", "")
    };
}

macro_rules! upsert_tasks {
    ($list:expr) => {
        concat!(
            "INSERT INTO insights_tasks (", task_columns!(), ") SELECT ", task_columns!(), " FROM ", $list,
            " WHERE true ON CONFLICT (user_id, generation, task_id) DO UPDATE SET seq = excluded.seq, ",
            "created_at = excluded.created_at, due_date = excluded.due_date, completed_at = excluded.completed_at, ",
            "deleted_at = excluded.deleted_at, created_on = excluded.created_on, completed_on = excluded.completed_on, ",
            "overdue_from = excluded.overdue_from, overdue_until = excluded.overdue_until"
        )
    };
}

macro_rules! add_days {
    ($list:expr) => {
        concat!(
            "INSERT INTO insights_days (user_id, generation, day, created, completed) ",
            "SELECT user_id, generation, day, created, completed FROM ", $list,
            " WHERE true ON CONFLICT (user_id, generation, day) DO UPDATE ",
            "SET created = insights_days.created + excluded.created, completed = insights_days.completed + excluded.completed"
        )
    };
}

macro_rules! set_zones {
    ($list:expr) => {
        concat!(
            "INSERT INTO insights_zones (user_id, generation, seq, since, time_zone) ",
            "SELECT user_id, generation, seq, since, time_zone FROM ",
            $list,
            " WHERE true ON CONFLICT DO NOTHING"
        )
    };
}

macro_rules! all_task_lists {
    () => {
        list!(
            "user_id" "uuid", "generation" "bigint", "task_id" "uuid", "seq" "bigint", "created_at" "timestamptz",
            "due_date" "date", "completed_at" "timestamptz", "deleted_at" "timestamptz", "created_on" "date",
            "completed_on" "date", "overdue_from" "date", "overdue_until" "date"
        )
    };
}

statements! {
    /// Locks the users' rows, and makes those that are missing.
    LOCK: "insights.lock" = {
        concat!("INSERT INTO insights_users (user_id, generation, building, as_of) SELECT user_id, 0, 0, as_of FROM ",
            list!("user_id" "uuid", "as_of" "timestamptz"), " ORDER BY user_id ON CONFLICT (user_id) DO UPDATE \
            SET as_of = greatest(insights_users.as_of, excluded.as_of) RETURNING user_id, generation"),
        concat!("INSERT INTO insights_users (user_id, generation, building, as_of) SELECT user_id, 0, 0, as_of FROM ",
            lite!("user_id"; "as_of"), " WHERE true ON CONFLICT (user_id) DO UPDATE \
            SET as_of = max(coalesce(insights_users.as_of, excluded.as_of), coalesce(excluded.as_of, insights_users.as_of)) RETURNING user_id, generation")
    };
    ZONES: "insights.zones" = {
        zones!(postgres, list!("user_id" "uuid", "generation" "bigint")),
        zones!(sqlite, lite!("user_id"; "generation"))
    };
    SET_ZONES: "insights.set_zones" = {
        set_zones!(list!("user_id" "uuid", "generation" "bigint", "seq" "bigint", "since" "timestamptz", "time_zone" "text")),
        set_zones!(lite!("user_id"; "generation", "seq", "since", "time_zone"))
    };
    TASKS: "insights.tasks" = {
        tasks!(postgres, list!("user_id" "uuid", "generation" "bigint", "task_id" "uuid"), " AND old.task_id = new.task_id"),
        tasks!(sqlite, lite!("user_id", "task_id"; "generation"), " AND old.task_id = new.task_id")
    };
    /// The tasks of which something happened since an instant.
    TASKS_SINCE: "insights.tasks_since" = {
        tasks!(postgres, list!("user_id" "uuid", "generation" "bigint", "since" "timestamptz"),
            " AND (old.created_at >= new.since OR old.completed_at >= new.since OR old.deleted_at >= new.since)"),
        tasks!(sqlite, lite!("user_id"; "generation", "since"),
            " AND (old.created_at >= new.since OR old.completed_at >= new.since OR old.deleted_at >= new.since)")
    };
    SET_TASKS: "insights.set_tasks" = {
        upsert_tasks!(all_task_lists!()),
        upsert_tasks!(lite!("user_id", "task_id"; "generation", "seq", "created_at", "due_date", "completed_at", "deleted_at",
            "created_on", "completed_on", "overdue_from", "overdue_until"))
    };
    ADD_DAYS: "insights.add_days" = {
        add_days!(list!("user_id" "uuid", "generation" "bigint", "day" "date", "created" "bigint", "completed" "bigint")),
        add_days!(lite!("user_id"; "generation", "day", "created", "completed"))
    };
    FORGET: "insights.forget" = "DELETE FROM insights_users WHERE user_id = $1";
    FORGET_ZONES: "insights.forget_zones" = "DELETE FROM insights_zones WHERE user_id = $1 AND generation <> $2";
    FORGET_TASKS: "insights.forget_tasks" = "DELETE FROM insights_tasks WHERE user_id = $1 AND generation <> $2";
    FORGET_DAYS: "insights.forget_days" = "DELETE FROM insights_days WHERE user_id = $1 AND generation <> $2";

    HEAD: "insights.head" = "SELECT as_of, (SELECT time_zone FROM insights_zones AS told \
        WHERE told.user_id = insights_users.user_id AND told.generation = insights_users.generation \
        ORDER BY since DESC, seq DESC LIMIT 1) FROM insights_users WHERE user_id = $1";
    DAYS: "insights.days" = "SELECT day, created, completed FROM insights_days WHERE user_id = $1 \
        AND generation = (SELECT generation FROM insights_users WHERE user_id = $1) AND day BETWEEN $2 AND $3";
    OVERDUE: "insights.overdue" = "SELECT overdue_from, overdue_until, count(*) FROM insights_tasks WHERE user_id = $1 \
        AND generation = (SELECT generation FROM insights_users WHERE user_id = $1) \
        AND overdue_from <= $3 AND (overdue_until IS NULL OR overdue_until > $2) GROUP BY overdue_from, overdue_until";
    /// Days with something completed, latest first.
    ACTIVE: "insights.active" = "SELECT day FROM insights_days WHERE user_id = $1 \
        AND generation = (SELECT generation FROM insights_users WHERE user_id = $1) \
        AND day <= $2 AND completed > 0 ORDER BY day DESC LIMIT $3";

    BEGIN: "insights.begin" = "INSERT INTO insights_users (user_id, generation, building) VALUES ($1, 0, 1) \
        ON CONFLICT (user_id) DO UPDATE SET building = insights_users.building + 1 RETURNING generation, building";
    KEEP: "insights.keep" = "UPDATE insights_users SET building = $2 WHERE user_id = $1 AND building = $2";
    SWAP: "insights.swap" = "UPDATE insights_users SET generation = building WHERE user_id = $1 AND building = $2";
}

/// Locks the users' rows until the end of the transaction, notes the time of the last event of each, and says which
/// generation is theirs.
pub(super) async fn lock(
    tx: &mut Tx,
    users: &BTreeMap<Uuid, Option<DateTime<Utc>>>,
) -> Result<BTreeMap<Uuid, i64>, Error> {
    let rows: Vec<_> = users.iter().map(|(user_id, as_of)| UserRow { user_id: *user_id, as_of: *as_of }).collect();
    Ok(sql!(fetch_all (Uuid, i64) => tx, LOCK, json(&rows))?.into_iter().collect())
}

/// The zones of users, each in a generation.
pub(super) async fn zones(tx: &mut Tx, of: &BTreeMap<Uuid, i64>) -> Result<Vec<ZoneRow>, Error> {
    let key = |(user_id, generation): (&Uuid, &i64)| UserKey { user_id: *user_id, generation: *generation };
    let rows: Vec<_> = of.iter().map(key).collect();
    let told = sql!(fetch_all (Uuid, i64, DateTime<Utc>, String) => tx, ZONES, json(&rows))?;
    let row = |(user_id, seq, since, time_zone)| ZoneRow {
        user_id,
        generation: of.get(&user_id).copied().unwrap_or_default(),
        seq,
        since,
        time_zone,
    };
    Ok(told.into_iter().map(row).collect())
}

pub(super) async fn set_zones(tx: &mut Tx, rows: &[ZoneRow]) -> Result<(), Error> {
    sql!(execute tx, SET_ZONES, json(&rows)).map(drop)
}

/// Those of these tasks that are known.
pub(super) async fn tasks(tx: &mut Tx, keys: impl Iterator<Item = &TaskKey>) -> Result<Vec<TaskRow>, Error> {
    let keys: Vec<_> = keys.collect();
    sql!(fetch_all TaskRow => tx, TASKS, json(&keys))
}

/// The users' tasks of which something happened since an instant.
pub(super) async fn tasks_since(tx: &mut Tx, since: impl Iterator<Item = SinceRow>) -> Result<Vec<TaskRow>, Error> {
    let since: Vec<_> = since.collect();
    sql!(fetch_all TaskRow => tx, TASKS_SINCE, json(&since))
}

pub(super) async fn set_tasks(tx: &mut Tx, rows: &[TaskRow]) -> Result<(), Error> {
    sql!(execute tx, SET_TASKS, json(&rows)).map(drop)
}

/// Adds to the days' counts.
pub(super) async fn add_days(tx: &mut Tx, rows: &[DayRow]) -> Result<(), Error> {
    sql!(execute tx, ADD_DAYS, json(&rows)).map(drop)
}

/// Deletes everything of a user, the row with the lock first.
pub(super) async fn forget(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, FORGET, user_id)?;
    // No generation has this number.
    forget_others(tx, user_id, -1).await
}

/// Deletes every generation but this one.
pub(super) async fn forget_others(tx: &mut Tx, user_id: Uuid, generation: i64) -> Result<(), Error> {
    sql!(execute tx, FORGET_ZONES, user_id, generation)?;
    sql!(execute tx, FORGET_TASKS, user_id, generation)?;
    sql!(execute tx, FORGET_DAYS, user_id, generation)?;
    Ok(())
}

/// The time of the last event that was applied, and the user's present zone, where there is one.
pub(super) async fn head(db: &Db, user_id: Uuid) -> Result<(Option<DateTime<Utc>>, Option<String>), Error> {
    let mut exec = db.read().await?;
    let head = sql!(fetch_optional (Option<DateTime<Utc>>, Option<String>) => exec, HEAD, user_id)?;
    Ok(head.unwrap_or_default())
}

/// The days of a span that have a count.
pub(super) async fn days(db: &Db, user_id: Uuid, span: Span) -> Result<BTreeMap<NaiveDate, Tally>, Error> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all (NaiveDate, i64, i64) => exec, DAYS, user_id, span.from, span.to)?;
    Ok(rows.into_iter().map(|(day, created, completed)| (day, Tally { created, completed })).collect())
}

/// How many tasks are overdue from when to when, as far as it touches the span.
pub(super) async fn overdue(db: &Db, user_id: Uuid, span: Span) -> Result<Vec<Overdue>, Error> {
    let mut exec = db.read().await?;
    sql!(fetch_all Overdue => exec, OVERDUE, user_id, span.from, span.to)
}

/// At most `limit` days up to `until` with something completed, latest first.
pub(super) async fn active(db: &Db, user_id: Uuid, until: NaiveDate, limit: i64) -> Result<Vec<NaiveDate>, Error> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all (NaiveDate,) => exec, ACTIVE, user_id, until, limit)?;
    Ok(rows.into_iter().map(|(day,)| day).collect())
}

/// Begins a generation beside the user's present one. Returns both, the present one first.
pub(super) async fn begin(tx: &mut Tx, user_id: Uuid) -> Result<(i64, i64), Error> {
    sql!(fetch_one (i64, i64) => tx, BEGIN, user_id)
}

/// Locks the user's row while this is still the generation that was begun last. False: it is not.
pub(super) async fn keep(tx: &mut Tx, user_id: Uuid, building: i64) -> Result<bool, Error> {
    Ok(sql!(execute tx, KEEP, user_id, building)? == 1)
}

/// Readers see this generation from the commit on.
pub(super) async fn swap(tx: &mut Tx, user_id: Uuid, building: i64) -> Result<(), Error> {
    sql!(execute tx, SWAP, user_id, building).map(drop)
}
