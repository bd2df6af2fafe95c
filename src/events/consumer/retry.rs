//! Events that wait in the database: one whose effect failed, and those of the same user behind it.
//!
//! **Invariant.** Of one user's waiting events only the first has a time at which it is due, or, after a redrive, is
//! the only one that is taken: an event is tried when no earlier one of its user waits.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::message::{Delivery, Message};
use crate::storage::{Db, Error, Tx};
use crate::{sql, statements};

statements! {
    KEEP: "retry.keep" = "INSERT INTO consumer_retries (consumer, topic, user_id, seq, partition, record_offset, headers, value, \
        attempts, error, first_failed_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    DUE: "retry.due" = "SELECT topic, user_id, seq, partition, record_offset, headers, value, attempts, first_failed_at \
        FROM consumer_retries AS waiting WHERE consumer = $1 AND due_at <= $2 AND NOT EXISTS (SELECT 1 FROM consumer_retries AS earlier \
        WHERE earlier.consumer = waiting.consumer AND earlier.topic = waiting.topic AND earlier.user_id = waiting.user_id \
        AND earlier.seq < waiting.seq) ORDER BY due_at LIMIT $3";
    FIRST: "retry.first" = "SELECT seq, attempts FROM consumer_retries WHERE consumer = $1 AND topic = $2 AND user_id = $3 \
        ORDER BY seq LIMIT 1";
    AGAIN: "retry.again" = "UPDATE consumer_retries SET attempts = attempts + 1, error = $5, due_at = $6, \
        first_failed_at = coalesce(first_failed_at, $7) WHERE consumer = $1 AND topic = $2 AND user_id = $3 AND seq = $4";
    DONE: "retry.done" = "DELETE FROM consumer_retries WHERE consumer = $1 AND topic = $2 AND user_id = $3 AND seq = $4";
    NEXT: "retry.next" = "UPDATE consumer_retries SET due_at = $4 WHERE consumer = $1 AND topic = $2 AND user_id = $3 \
        AND seq = (SELECT min(seq) FROM consumer_retries AS rest WHERE rest.consumer = $1 AND rest.topic = $2 AND rest.user_id = $3)";
    COUNT: "retry.count" = "SELECT count(*) FROM (SELECT 1 FROM consumer_retries WHERE consumer = $1 LIMIT 100000) AS waiting";
}

/// What is written about an event that waits.
pub(super) struct Waiting<'a> {
    pub(super) attempts: i64,
    pub(super) error: &'a str,
    pub(super) first_failed_at: Option<DateTime<Utc>>,
    /// None: behind an earlier one.
    pub(super) due_at: Option<DateTime<Utc>>,
}

/// An event that is due.
#[derive(Debug, FromRow)]
pub(super) struct Due {
    topic: String,
    pub(super) user_id: Uuid,
    pub(super) seq: i64,
    partition: i64,
    record_offset: i64,
    headers: String,
    value: Vec<u8>,
    pub(super) attempts: i64,
    pub(super) first_failed_at: Option<DateTime<Utc>>,
}

impl Due {
    pub(super) fn message(&self) -> Message {
        Message {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.record_offset,
            key: Some(self.user_id.to_string().into_bytes()),
            value: Some(self.value.clone()),
            headers: Message::headers_from(&self.headers),
        }
    }
}

/// Lets an event wait.
pub(super) async fn keep(
    tx: &mut Tx,
    consumer: &str,
    message: &Message,
    event: &Delivery,
    waiting: &Waiting<'_>,
) -> Result<(), Error> {
    let Waiting { attempts, error, first_failed_at, due_at } = waiting;
    let (topic, value) = (event.topic.name(), message.value.as_deref().unwrap_or_default());
    sql!(execute tx, KEEP, consumer, topic, event.user_id, event.seq, message.partition, message.offset,
        message.headers_json(), value, *attempts, *error, *first_failed_at, *due_at)?;
    Ok(())
}

/// The events that are due, no two of one user.
pub(super) async fn due(db: &Db, consumer: &str, now: DateTime<Utc>, limit: i64) -> Result<Vec<Due>, Error> {
    let mut exec = db.read().await?;
    sql!(fetch_all Due => exec, DUE, consumer, now, limit)
}

/// Whether the event is still the first of its user and was not tried since it was read. Asked under the user's lock.
pub(super) async fn is_first(tx: &mut Tx, consumer: &str, event: &Delivery, attempts: i64) -> Result<bool, Error> {
    let first = sql!(fetch_optional (i64, i64) => tx, FIRST, consumer, event.topic.name(), event.user_id)?;
    Ok(first == Some((event.seq, attempts)))
}

/// It failed again, and is due at `due_at`.
pub(super) async fn again(
    tx: &mut Tx,
    consumer: &str,
    event: &Delivery,
    error: &str,
    (now, due_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Error> {
    sql!(execute tx, AGAIN, consumer, event.topic.name(), event.user_id, event.seq, error, due_at, now)?;
    Ok(())
}

/// It waits no more; the user's next one is due now.
pub(super) async fn done(tx: &mut Tx, consumer: &str, event: &Delivery, now: DateTime<Utc>) -> Result<(), Error> {
    let topic = event.topic.name();
    sql!(execute tx, DONE, consumer, topic, event.user_id, event.seq)?;
    sql!(execute tx, NEXT, consumer, topic, event.user_id, now)?;
    Ok(())
}

/// How many events of a consumer wait; counted up to a hundred thousand.
pub(super) async fn count(db: &Db, consumer: &str) -> Result<i64, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_one (i64,) => exec, COUNT, consumer)?.0)
}
