//! The SQL of reminders that are still to fire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::instants;
use crate::storage::rows::{instant, json};
use crate::storage::{Db, Error, Tx};
use crate::task::write::Written;
use crate::{sql, statements};

/// What is due and nobody is about to fire. `$1` is the present.
macro_rules! due {
    ($what:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM reminders WHERE fire_at <= $1 AND (claimed_until IS NULL OR claimed_until < $1) ",
            $rest
        )
    };
}

statements! {
    ADD: "reminder.add" = {
        "INSERT INTO reminders (user_id, task_id, fire_at) SELECT $1, task_id, fire_at FROM \
            jsonb_to_recordset(CAST($2 AS jsonb)) AS new (task_id uuid, fire_at timestamptz) ON CONFLICT DO NOTHING",
        "INSERT INTO reminders (user_id, task_id, fire_at) SELECT $1, unhex(replace(value ->> 'task_id', '-', '')), value ->> 'fire_at' \
            FROM json_each($2) WHERE true ON CONFLICT DO NOTHING"
    };
    REMOVE: "reminder.remove" = {
        // One look by key for each, whatever is known of the table.
        "DELETE FROM reminders WHERE ctid = ANY(ARRAY(SELECT found.ctid FROM \
            jsonb_to_recordset(CAST($2 AS jsonb)) AS gone (task_id uuid, fire_at timestamptz) CROSS JOIN LATERAL \
            (SELECT ctid FROM reminders WHERE user_id = $1 AND task_id = gone.task_id AND fire_at = gone.fire_at OFFSET 0) AS found))",
        "DELETE FROM reminders WHERE user_id = $1 AND (task_id, fire_at) IN (SELECT unhex(replace(value ->> 'task_id', '-', '')), \
            value ->> 'fire_at' FROM json_each($2))"
    };
    IS_DUE: "reminder.is_due" = { due!("CAST(1 AS bigint)", "LIMIT 1"), due!("1", "LIMIT 1") };
    CANDIDATES: "reminder.candidates" = {
        due!("user_id, task_id, fire_at", "ORDER BY fire_at LIMIT $2 FOR UPDATE SKIP LOCKED"),
        due!("user_id, task_id, fire_at", "ORDER BY fire_at LIMIT $2")
    };
    CLAIM: "reminder.claim" = {
        // The rows are locked, so they stay where they are.
        "UPDATE reminders SET claim = $2, claimed_until = $3 WHERE ctid = ANY(ARRAY(SELECT found.ctid FROM \
            jsonb_to_recordset(CAST($1 AS jsonb)) AS due (user_id uuid, task_id uuid, fire_at timestamptz) CROSS JOIN LATERAL \
            (SELECT ctid FROM reminders WHERE user_id = due.user_id AND task_id = due.task_id AND fire_at = due.fire_at OFFSET 0) \
            AS found))",
        "UPDATE reminders SET claim = $2, claimed_until = $3 WHERE (user_id, task_id, fire_at) IN (SELECT \
            unhex(replace(value ->> 'user_id', '-', '')), unhex(replace(value ->> 'task_id', '-', '')), value ->> 'fire_at' \
            FROM json_each($1))"
    };
    FIRE: "reminder.fire" = "DELETE FROM reminders WHERE user_id = $1 AND claim = $2 RETURNING task_id, fire_at";
    ERASE: "reminder.erase" = "DELETE FROM reminders WHERE user_id = $1";
}

#[derive(Serialize)]
struct Key {
    task_id: Uuid,
    #[serde(serialize_with = "instant")]
    fire_at: DateTime<Utc>,
}

/// A reminder that is due.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct DueReminder {
    /// Whose it is.
    pub user_id: Uuid,
    /// Of which task.
    pub task_id: Uuid,
    /// When it was to fire.
    #[serde(serialize_with = "instant")]
    pub fire_at: DateTime<Utc>,
}

/// Brings the rows of changed tasks up to date. What is past at `now` is not added.
pub async fn put(tx: &mut Tx, user_id: Uuid, changes: &[Written], now: DateTime<Utc>) -> Result<(), Error> {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for change in changes {
        let before = change.before.as_ref().map(instants).unwrap_or_default();
        let after = instants(&change.after);
        let key = |fire_at: &DateTime<Utc>| Key { task_id: change.after.id, fire_at: *fire_at };
        gone.extend(before.difference(&after).map(key));
        new.extend(after.difference(&before).filter(|at| **at > now).map(key));
    }
    if !gone.is_empty() {
        sql!(execute tx, REMOVE, user_id, json(&gone))?;
    }
    if !new.is_empty() {
        sql!(execute tx, ADD, user_id, json(&new))?;
    }
    Ok(())
}

/// Whether something is due.
pub async fn is_due(db: &Db, now: DateTime<Utc>) -> Result<bool, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (i64,) => exec, IS_DUE, now)?.is_some())
}

/// Claims at most `limit` of what is due.
pub async fn claim(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
    claim: Uuid,
    until: DateTime<Utc>,
) -> Result<Vec<DueReminder>, Error> {
    let due = sql!(fetch_all DueReminder => tx, CANDIDATES, now, limit)?;
    if !due.is_empty() {
        sql!(execute tx, CLAIM, json(&due), claim, until)?;
    }
    Ok(due)
}

/// Deletes what is claimed of a user, and tells what it was.
pub async fn fire(tx: &mut Tx, user_id: Uuid, claim: Uuid) -> Result<Vec<(Uuid, DateTime<Utc>)>, Error> {
    sql!(fetch_all (Uuid, DateTime<Utc>) => tx, FIRE, user_id, claim)
}

/// Deletes all of a user's.
pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, ERASE, user_id).map(drop)
}
