//! The SQL of series.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::Series;
use crate::storage::rows::json;
use crate::storage::{Db, Error, Exec, Tx};
use crate::{sql, statements};

/// What is due and nobody is about to make. `$1` is the present.
macro_rules! due {
    ($what:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM series WHERE next_at <= $1 AND (claimed_until IS NULL OR claimed_until < $1) ",
            $rest
        )
    };
}

statements! {
    GET: "series.get" = "SELECT state FROM series WHERE user_id = $1 AND id = $2";
    PUT: "series.put" = "INSERT INTO series (id, user_id, state, next_at) VALUES ($2, $1, $3, $4) ON CONFLICT (id) DO UPDATE SET \
        state = excluded.state, next_at = excluded.next_at, claim = NULL, claimed_until = NULL WHERE series.user_id = excluded.user_id";
    DELETE: "series.delete" = "DELETE FROM series WHERE user_id = $1 AND id = $2";
    ERASE: "series.erase" = "DELETE FROM series WHERE user_id = $1";
    OCCURRENCE: "series.occurrence" = "SELECT id FROM tasks WHERE series_id = $2 AND occurrence = $3 AND user_id = $1";
    OPEN: "series.open" = "SELECT id FROM tasks WHERE series_id = $2 AND user_id = $1 AND completed_at IS NULL AND deleted_at IS NULL \
        ORDER BY occurrence LIMIT $3";
    IS_DUE: "series.is_due" = { due!("CAST(1 AS bigint)", "LIMIT 1"), due!("1", "LIMIT 1") };
    CANDIDATES: "series.candidates" = {
        due!("user_id, id", "ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED"),
        due!("user_id, id", "ORDER BY next_at LIMIT $2")
    };
    CLAIM: "series.claim" = {
        // The rows are locked, so they stay where they are.
        "UPDATE series SET claim = $2, claimed_until = $3 WHERE ctid = ANY(ARRAY(SELECT found.ctid FROM \
            jsonb_array_elements_text(CAST($1 AS jsonb)) AS due CROSS JOIN LATERAL \
            (SELECT ctid FROM series WHERE id = CAST(due.value AS uuid) OFFSET 0) AS found))",
        "UPDATE series SET claim = $2, claimed_until = $3 WHERE id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))"
    };
    CLAIMED: "series.claimed" = "SELECT state FROM series WHERE user_id = $1 AND id = $2 AND claim = $3";
}

fn read(row: Option<(String,)>) -> Option<Series> {
    serde_json::from_str(&row?.0).ok()
}

/// A series of the user's, also one that ended.
pub async fn get(on: &mut Exec, user_id: Uuid, id: Uuid) -> Result<Option<Series>, Error> {
    Ok(read(sql!(fetch_optional (String,) => on, GET, user_id, id)?))
}

/// Writes what a series has become; `None`: there is none any more.
pub async fn put(tx: &mut Tx, user_id: Uuid, id: Uuid, series: Option<&Series>) -> Result<(), Error> {
    match series {
        Some(series) => sql!(execute tx, PUT, user_id, id, json(series), series.next_at()).map(drop),
        None => sql!(execute tx, DELETE, user_id, id).map(drop),
    }
}

/// Deletes all of a user's.
pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, ERASE, user_id).map(drop)
}

/// The occurrence of a date, whatever became of it.
pub async fn occurrence(tx: &mut Tx, user_id: Uuid, id: Uuid, date: NaiveDate) -> Result<Option<Uuid>, Error> {
    Ok(sql!(fetch_optional (Uuid,) => tx, OCCURRENCE, user_id, id, date)?.map(|(id,)| id))
}

/// At most `limit` open occurrences, in the order of their dates.
pub async fn open(tx: &mut Tx, user_id: Uuid, id: Uuid, limit: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sql!(fetch_all (Uuid,) => tx, OPEN, user_id, id, limit)?.into_iter().map(|(id,)| id).collect())
}

/// Whether a worker has something to make.
pub async fn is_due(db: &Db, now: DateTime<Utc>) -> Result<bool, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (i64,) => exec, IS_DUE, now)?.is_some())
}

/// Claims at most `limit` series of which an occurrence is to be made: whose they are, and their ids.
pub async fn claim(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
    claim: Uuid,
    until: DateTime<Utc>,
) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let due = sql!(fetch_all (Uuid, Uuid) => tx, CANDIDATES, now, limit)?;
    if !due.is_empty() {
        let ids: Vec<_> = due.iter().map(|(_, id)| *id).collect();
        sql!(execute tx, CLAIM, json(&ids), claim, until)?;
    }
    Ok(due)
}

/// A series, where the claim is still the caller's.
pub async fn claimed(tx: &mut Tx, user_id: Uuid, id: Uuid, claim: Uuid) -> Result<Option<Series>, Error> {
    Ok(read(sql!(fetch_optional (String,) => tx, CLAIMED, user_id, id, claim)?))
}
