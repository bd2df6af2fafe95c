//! Dead letters: what a consumer gave up, kept until somebody decides.
//!
//! **Invariant.** A letter is decided once: `dead` becomes `redriven` or `discarded`, never the other way round.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use sqlx::FromRow;
use uuid::Uuid;

use super::inbox;
use super::message::{Delivery, Message};
use super::retry;
use crate::events::{Broker, Error, PublishError, RawRecord};
use crate::kernel::Clock;
use crate::storage::{self, Db, Tx};
use crate::{sql, statements};

/// The head of each query for [`Letter`]s.
macro_rules! letters {
    () => {
        "SELECT id, consumer, topic, partition, record_offset, user_id, seq, record_key, value, headers, attempts, error, \
            first_failed_at, last_failed_at, state FROM dead_letters "
    };
}

statements! {
    BURY: "dead.bury" = "INSERT INTO dead_letters (id, consumer, topic, partition, record_offset, user_id, seq, record_key, value, \
        headers, attempts, error, first_failed_at, last_failed_at, state) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
        $12, $13, $14, 'dead' WHERE CAST($7 AS bigint) IS NOT NULL OR NOT EXISTS (SELECT 1 FROM dead_letters WHERE consumer = $2 AND topic = $3 \
        AND partition = $4 AND record_offset = $5 AND record_key IS NOT DISTINCT FROM $8)";
    LIST: "dead.list" = (concat!(letters!(), "WHERE ($1 = '' OR state = $1) AND ($2 = '' OR topic = $2) \
        AND ($3 = '' OR consumer = $3) ORDER BY topic, user_id, seq, id LIMIT $4"));
    GET: "dead.get" = (concat!(letters!(), "WHERE id = $1"));
    DECIDE: "dead.decide" = "UPDATE dead_letters SET state = $2, decided_at = $3 WHERE id = $1 AND state = 'dead'";
    COUNT: "dead.count" = "SELECT topic, count(*) FROM dead_letters WHERE state = 'dead' GROUP BY topic";
    UNPUBLISHED: "dead.unpublished" = (concat!(letters!(), "WHERE published_at IS NULL ORDER BY id LIMIT 100"));
    // A version that knows no decided_at may have decided.
    PURGE: "dead.purge" = "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE state <> 'dead' \
        AND coalesce(decided_at, last_failed_at) < $1 AND published_at IS NOT NULL \
        ORDER BY coalesce(decided_at, last_failed_at) LIMIT $2)";
    PUBLISHED: "dead.published" = "UPDATE dead_letters SET published_at = $2 WHERE id = $1";
}

/// What was decided about a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    /// Nothing yet.
    Dead,
    /// It was given back to its consumer.
    Redriven,
    /// It was given up.
    Discarded,
}

impl LetterState {
    /// The name in the database, on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for LetterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LetterState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Dead, Self::Redriven, Self::Discarded]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown state `{text}`: allowed are dead, redriven, discarded"))
    }
}

/// A dead letter.
#[derive(Clone, Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Its id.
    pub id: Uuid,
    /// Who gave it up.
    pub consumer: String,
    /// Where it was read.
    pub topic: String,
    /// Its partition there.
    pub partition: i64,
    /// Its offset there.
    #[sqlx(rename = "record_offset")]
    pub offset: i64,
    /// Whose event it is, where it could be decoded.
    pub user_id: Option<Uuid>,
    /// The event's number.
    pub seq: Option<i64>,
    /// Its key, byte for byte.
    #[sqlx(rename = "record_key")]
    #[serde(serialize_with = "text")]
    pub key: Option<Vec<u8>>,
    /// Its value, byte for byte.
    #[serde(serialize_with = "text")]
    pub value: Option<Vec<u8>>,
    #[serde(skip)]
    headers: String,
    /// How often it was tried.
    pub attempts: i64,
    /// What went wrong the last time.
    pub error: String,
    /// When it failed first.
    pub first_failed_at: DateTime<Utc>,
    /// When it failed last.
    pub last_failed_at: DateTime<Utc>,
    state: String,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn text<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_deref().map(String::from_utf8_lossy).serialize(serializer)
}

impl Letter {
    /// What was decided about it.
    pub fn state(&self) -> LetterState {
        self.state.parse().unwrap_or(LetterState::Dead)
    }

    /// The message as it was read.
    pub fn message(&self) -> Message {
        Message {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
            key: self.key.clone(),
            value: self.value.clone(),
            headers: Message::headers_from(&self.headers),
        }
    }

    /// The message for `<topic>.dlq`: the bytes as they were, and where they come from as headers.
    fn record(&self) -> RawRecord {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut headers = Message::headers_from(&self.headers);
        let origin = [
            ("dlq-topic", self.topic.clone()),
            ("dlq-partition", self.partition.to_string()),
            ("dlq-offset", self.offset.to_string()),
            ("dlq-key", String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()),
            ("dlq-consumer-group", self.consumer.clone()),
            ("dlq-attempts", self.attempts.to_string()),
            ("dlq-first-failed-at", time(self.first_failed_at)),
            ("dlq-last-failed-at", time(self.last_failed_at)),
            ("dlq-error", self.error.clone()),
            ("dlq-id", self.id.to_string()),
        ];
        headers.extend(origin.map(|(name, value)| (name.to_owned(), value.into_bytes())));
        RawRecord { topic: format!("{}.dlq", self.topic), key: self.key.clone(), value: self.value.clone(), headers }
    }
}

/// How a message failed.
pub(super) struct Failed<'a> {
    pub(super) message: &'a Message,
    /// Whose event it is, and its number, where it could be decoded.
    pub(super) of: Option<(Uuid, i64)>,
    pub(super) attempts: i64,
    pub(super) error: &'a str,
    pub(super) first: DateTime<Utc>,
    pub(super) last: DateTime<Utc>,
}

/// Writes a letter. One that cannot be decoded is written once however often it is delivered.
pub(super) async fn bury(tx: &mut Tx, id: Uuid, consumer: &str, failed: &Failed<'_>) -> Result<(), storage::Error> {
    let Failed { message, of, attempts, error, first, last } = failed;
    let (user_id, seq) = of.unzip();
    sql!(execute tx, BURY, id, consumer, &message.topic, message.partition, message.offset, user_id, seq, &message.key,
        &message.value, message.headers_json(), *attempts, *error, *first, *last)?;
    metrics::counter!(super::super::metrics::DEAD, "consumer" => consumer.to_owned()).increment(1);
    tracing::error!(
        consumer,
        topic = message.topic,
        partition = message.partition,
        offset = message.offset,
        attempts,
        error,
        "an event became a dead letter: see `todo dlq`"
    );
    Ok(())
}

/// Letters in the order of their users' events. Empty filters let all through.
pub async fn letters(
    db: &Db,
    state: Option<LetterState>,
    topic: &str,
    consumer: &str,
    limit: i64,
) -> Result<Vec<Letter>, Error> {
    let mut exec = db.read().await?;
    let state = state.map_or("", LetterState::as_str);
    Ok(sql!(fetch_all Letter => exec, LIST, state, topic, consumer, limit)?)
}

/// One letter.
pub async fn letter(db: &Db, id: Uuid) -> Result<Option<Letter>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional Letter => exec, GET, id)?)
}

/// Gives a letter back to its consumer, which handles it before the later events of its user that wait. Several
/// letters of one user keep their order when they are redriven in the order of [`letters`]. False: it was decided
/// before.
pub async fn redrive(db: &Db, clock: &Clock, letter: &Letter) -> Result<bool, Error> {
    let message = letter.message();
    let event = message.decode().map_err(|reason| Error::Undecodable { id: letter.id, reason })?;
    let mut tx = db.begin().await?;
    // The user's lock first, as everywhere.
    let users = std::iter::once(event.user_id);
    let mut places = inbox::lock(&mut tx, db.engine(), &letter.consumer, event.topic, users).await?;
    if sql!(execute tx, DECIDE, letter.id, LetterState::Redriven.as_str(), clock.now())? == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    give_back(&mut tx, clock, letter, &message, &event).await?;
    for place in places.values_mut() {
        place.waiting += 1;
        place.last_seq = place.last_seq.max(event.seq);
    }
    inbox::advance(&mut tx, db.engine(), &letter.consumer, event.topic, &places).await?;
    tx.commit().await?;
    Ok(true)
}

async fn give_back(
    tx: &mut Tx,
    clock: &Clock,
    letter: &Letter,
    message: &Message,
    event: &Delivery,
) -> Result<(), storage::Error> {
    let again = retry::Waiting { attempts: 0, error: &letter.error, first_failed_at: None, due_at: Some(clock.now()) };
    retry::keep(tx, &letter.consumer, message, event, &again).await
}

/// Gives a letter up. False: it was decided before.
pub async fn discard(db: &Db, clock: &Clock, id: Uuid) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    let discarded = sql!(execute tx, DECIDE, id, LetterState::Discarded.as_str(), clock.now())? == 1;
    tx.commit().await?;
    Ok(discarded)
}

/// Publishes what `<topic>.dlq` has not yet. A crash in between publishes a letter twice: `dlq-id` tells.
pub(super) async fn publish(db: &Db, broker: &dyn Broker, clock: &Clock) -> Result<(), Error> {
    let mut exec = db.read().await?;
    let unpublished = sql!(fetch_all Letter => exec, UNPUBLISHED)?;
    drop(exec);
    let outcomes = broker.publish_raw(unpublished.iter().map(Letter::record).collect()).await;
    let mut failure = None;
    for (letter, outcome) in unpublished.iter().zip(outcomes) {
        match outcome {
            // A letter that no broker will ever take is in the database all the same.
            Ok(()) | Err(PublishError::Permanent(_)) => {
                let mut tx = db.begin().await?;
                sql!(execute tx, PUBLISHED, letter.id, clock.now())?;
                tx.commit().await?;
            }
            Err(error) => failure = Some(error.to_string()),
        }
    }
    failure.map_or(Ok(()), |cause| Err(Error::Broker(cause)))
}

/// Deletes letters that were decided about before `before` and that `<topic>.dlq` has: at most `limit`. Returns how
/// many. Those that wait for a decision stay.
pub async fn purge_decided(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    Ok(db.purge(&PURGE, before, limit).await?)
}

/// How many letters of each topic wait for a decision.
pub(super) async fn count(db: &Db) -> Result<Vec<(String, i64)>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (String, i64) => exec, COUNT)?)
}
