//! The history's end: events that are older than they shall be kept.
//!
//! **Invariants.**
//! - What goes is always the beginning of a user's log: what stays has no holes, so that a reader who asks for what was
//!   cut is told so (`resync_required`). The time of an event is taken before its number, so a cut by time alone would
//!   leave holes.
//! - Nothing that the outbox holds goes, nor anything after it, and a user's newest event stays: the log says where it
//!   ends.
//!
//! **Why it goes by user.** Each look and each deletion walks along the log's key, whatever the tables hold. The index by
//! time of PostgreSQL (BRIN) tells old rows from new ones only until deleted space is used again.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Error, outbox};
use crate::storage::Db;
use crate::{sql, statements};

statements! {
    LOGS: "history.logs" = "SELECT log.user_id, (SELECT oldest.occurred_at FROM events AS oldest WHERE oldest.user_id = log.user_id \
        ORDER BY oldest.seq LIMIT 1) AS oldest FROM user_logs AS log WHERE log.user_id > $1 ORDER BY log.user_id LIMIT $2";
    ENDS: "history.ends" = "SELECT oldest.seq, log.last_seq FROM user_logs AS log JOIN events AS oldest ON oldest.user_id = log.user_id \
        WHERE log.user_id = $1 ORDER BY oldest.seq LIMIT 1";
    YOUNG: "history.young" = "SELECT seq FROM events WHERE user_id = $1 AND seq >= $2 AND seq < $3 AND occurred_at >= $4 \
        ORDER BY seq LIMIT 1";
    PRUNE: "history.prune" = "DELETE FROM events WHERE user_id = $1 AND seq >= $2 AND seq < $3";
}

/// Users that are looked at in one go.
const PAGE: i64 = 1000;

/// Deletes old events, a batch at a time. It goes through the users and begins again at the end.
pub struct Pruner {
    batch: i64,
    after: Uuid,
    old: Vec<Old>,
}

/// A user with old events.
struct Old {
    user_id: Uuid,
    /// The first event that the relay still has to publish.
    held: i64,
}

impl Pruner {
    /// Deletes at most `batch` rows with a statement.
    pub fn new(batch: i64) -> Self {
        Self { batch, after: Uuid::nil(), old: Vec::new() }
    }

    /// One batch of what happened before `before`. Returns how many rows were deleted; `None`: all users were looked
    /// at, and the next call begins again.
    pub async fn step(&mut self, db: &Db, before: DateTime<Utc>) -> Result<Option<u64>, Error> {
        let Some(old) = self.old.last() else {
            return Ok(self.look(db, before).await?.then_some(0));
        };
        let deleted = self.prune(db, old, before).await?;
        if deleted < self.batch.unsigned_abs() {
            self.old.pop();
        }
        Ok(Some(deleted))
    }

    /// The next users with old events. False: there are no more users.
    async fn look(&mut self, db: &Db, before: DateTime<Utc>) -> Result<bool, Error> {
        let mut exec = db.read().await?;
        let logs = sql!(fetch_all (Uuid, Option<DateTime<Utc>>) => exec, LOGS, self.after, PAGE)?;
        drop(exec);
        let is_old = |(_, oldest): &&(Uuid, Option<DateTime<Utc>>)| oldest.is_some_and(|at| at < before);
        let old: Vec<_> = logs.iter().filter(is_old).map(|(user_id, _)| *user_id).collect();
        if let (Some(first), Some(last)) = (old.first(), old.last()) {
            // What is appended from here on is young.
            let held = outbox::held(db, *first, *last).await?;
            let held = |user_id| held.get(&user_id).copied().unwrap_or(i64::MAX);
            self.old = old.iter().rev().map(|user_id| Old { user_id: *user_id, held: held(*user_id) }).collect();
        }
        self.after = logs.last().map_or(Uuid::nil(), |(user_id, _)| *user_id);
        Ok(!logs.is_empty())
    }

    /// One batch of one user's.
    pub async fn of_user(&self, db: &Db, user_id: Uuid, before: DateTime<Utc>) -> Result<u64, Error> {
        let held = outbox::held(db, user_id, user_id).await?.get(&user_id).copied().unwrap_or(i64::MAX);
        self.prune(db, &Old { user_id, held }, before).await
    }

    async fn prune(&self, db: &Db, old: &Old, before: DateTime<Utc>) -> Result<u64, Error> {
        let user_id = old.user_id;
        let mut exec = db.read().await?;
        let ends = sql!(fetch_optional (i64, i64) => exec, ENDS, user_id)?;
        let Some((first, last)) = ends else { return Ok(0) };
        let end = first.saturating_add(self.batch).min(old.held).min(last);
        let young = sql!(fetch_optional (i64,) => exec, YOUNG, user_id, first, end, before)?;
        drop(exec);
        let end = young.map_or(end, |(seq,)| seq);
        if end <= first {
            return Ok(0);
        }
        let mut tx = db.begin().await?;
        let deleted = sql!(execute tx, PRUNE, user_id, first, end)?;
        tx.commit().await?;
        Ok(deleted)
    }
}
