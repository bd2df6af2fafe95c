//! The SQL of imports and feeds.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::import::Import;
use crate::storage::rows::json;
use crate::storage::{Db, Error, Exec, Tx};
use crate::{sql, statements};

macro_rules! due {
    ($what:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM imports WHERE next_at <= $1 AND (claimed_until IS NULL OR claimed_until < $1) ",
            $rest
        )
    };
}

statements! {
    INSERT: "import.insert" = "INSERT INTO imports (id, user_id, state, content, next_at, created_at) VALUES ($1, $2, $3, $4, NULL, $5)";
    GET: "import.get" = "SELECT state FROM imports WHERE user_id = $1 AND id = $2";
    LIST: "import.list" = "SELECT state FROM imports WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 50";
    COUNT: "import.count" = "SELECT count(*) FROM imports WHERE user_id = $1";
    START: "import.start" = "UPDATE imports SET state = $3, next_at = $4 WHERE user_id = $1 AND id = $2";
    PROGRESS: "import.progress" = "UPDATE imports SET state = $3, claimed_until = $5 WHERE id = $1 AND claim = $2 AND user_id = $4";
    END: "import.end" = "UPDATE imports SET state = $3, content = NULL, next_at = NULL, claim = NULL WHERE id = $1 AND claim = $2";
    DELETE: "import.delete" = "DELETE FROM imports WHERE user_id = $1 AND id = $2";
    ERASE: "import.erase" = "DELETE FROM imports WHERE user_id = $1";
    PURGE: "import.purge" = "DELETE FROM imports WHERE id IN (SELECT id FROM imports WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    IS_DUE: "import.is_due" = { due!("CAST(1 AS bigint)", "LIMIT 1"), due!("1", "LIMIT 1") };
    CANDIDATE: "import.candidate" = {
        due!("id", "ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED"),
        due!("id", "ORDER BY next_at LIMIT 1")
    };
    CLAIM: "import.claim" = "UPDATE imports SET claim = $2, claimed_until = $3 WHERE id = $1 RETURNING user_id, state, content";
    PRESENT: "import.present" = {
        "SELECT there.id FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS which CROSS JOIN LATERAL \
            (SELECT id FROM tasks WHERE id = CAST(which.value AS uuid) AND user_id = $1 OFFSET 0) AS there",
        "SELECT id FROM tasks WHERE user_id = $1 AND id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))"
    };
    FEED_PUT: "feed.put" = "INSERT INTO feeds (user_id, token_hash, created_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE \
        SET token_hash = excluded.token_hash, created_at = excluded.created_at";
    FEED_GET: "feed.get" = "SELECT created_at FROM feeds WHERE user_id = $1";
    FEED_OF: "feed.of" = "SELECT user_id FROM feeds WHERE token_hash = $1";
    FEED_DELETE: "feed.delete" = "DELETE FROM feeds WHERE user_id = $1";
}

fn read(state: &str) -> Option<Import> {
    serde_json::from_str(state).ok()
}

pub async fn insert(tx: &mut Tx, user_id: Uuid, import: &Import, content: &[u8]) -> Result<(), Error> {
    sql!(execute tx, INSERT, import.id, user_id, json(import), content, import.created_at).map(drop)
}

pub async fn get(on: &mut Exec, user_id: Uuid, id: Uuid) -> Result<Option<Import>, Error> {
    Ok(sql!(fetch_optional (String,) => on, GET, user_id, id)?.and_then(|(state,)| read(&state)))
}

pub async fn list(db: &Db, user_id: Uuid) -> Result<Vec<Import>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (String,) => exec, LIST, user_id)?.iter().filter_map(|(state,)| read(state)).collect())
}

pub async fn count(tx: &mut Tx, user_id: Uuid) -> Result<i64, Error> {
    Ok(sql!(fetch_one (i64,) => tx, COUNT, user_id)?.0)
}

pub async fn start(tx: &mut Tx, user_id: Uuid, import: &Import, now: DateTime<Utc>) -> Result<(), Error> {
    sql!(execute tx, START, user_id, import.id, json(import), now).map(drop)
}

/// Notes how far it is and takes it for longer. False: it is not this worker's any more.
pub async fn progress(
    tx: &mut Tx,
    user_id: Uuid,
    import: &Import,
    claim: Uuid,
    until: DateTime<Utc>,
) -> Result<bool, Error> {
    Ok(sql!(execute tx, PROGRESS, import.id, claim, json(import), user_id, until)? == 1)
}

pub async fn end(tx: &mut Tx, import: &Import, claim: Uuid) -> Result<(), Error> {
    sql!(execute tx, END, import.id, claim, json(import)).map(drop)
}

pub async fn delete(tx: &mut Tx, user_id: Uuid, id: Uuid) -> Result<(), Error> {
    sql!(execute tx, DELETE, user_id, id).map(drop)
}

/// Deletes everything of a user's.
pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, ERASE, user_id)?;
    sql!(execute tx, FEED_DELETE, user_id).map(drop)
}

/// Deletes at most `limit` imports that were begun before `before`.
pub async fn purge(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    db.purge(&PURGE, before, limit).await
}

/// An import that a worker has claimed: whose it is, how far it is, and the file.
pub type Claimed = (Uuid, Import, Vec<u8>);

/// Claims one that waits.
pub async fn claim(db: &Db, now: DateTime<Utc>, claim: Uuid, until: DateTime<Utc>) -> Result<Option<Claimed>, Error> {
    let mut exec = db.read().await?;
    if sql!(fetch_optional (i64,) => exec, IS_DUE, now)?.is_none() {
        return Ok(None);
    }
    drop(exec);
    let mut tx = db.begin().await?;
    let Some((id,)) = sql!(fetch_optional (Uuid,) => tx, CANDIDATE, now)? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let row = sql!(fetch_optional (Uuid, String, Option<Vec<u8>>) => tx, CLAIM, id, claim, until)?;
    tx.commit().await?;
    Ok(row.and_then(|(user_id, state, content)| Some((user_id, read(&state)?, content?))))
}

/// Those of some ids that are tasks of the user's.
pub async fn present(tx: &mut Tx, user_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sql!(fetch_all (Uuid,) => tx, PRESENT, user_id, json(ids))?.into_iter().map(|(id,)| id).collect())
}

pub async fn put_feed(tx: &mut Tx, user_id: Uuid, hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
    sql!(execute tx, FEED_PUT, user_id, hash, now).map(drop)
}

pub async fn feed(db: &Db, user_id: Uuid) -> Result<Option<DateTime<Utc>>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (DateTime<Utc>,) => exec, FEED_GET, user_id)?.map(|(at,)| at))
}

/// Whose feed has this secret.
pub async fn feed_of(db: &Db, hash: &[u8]) -> Result<Option<Uuid>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (Uuid,) => exec, FEED_OF, hash)?.map(|(id,)| id))
}

pub async fn delete_feed(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, FEED_DELETE, user_id).map(drop)
}
