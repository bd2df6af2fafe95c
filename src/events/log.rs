//! The log: every change of a user is one event, numbered densely from 1, written in the change's own transaction.
//!
//! **Invariants.**
//! - The user's log row is locked before the number is taken, so commit order and number order are the same.
//! - An event and its outbox row are written together; only an acknowledgement removes the outbox row.
//! - The value is checked against its schema before anything is written.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use uuid::Uuid;

use super::schema::Schemas;
use super::{Error, Topic};
use crate::kernel::{Actor, Channel, Clock, Ids};
use crate::storage::rows::{instant, json};
use crate::storage::{Conn, Db, Tx};
use crate::telemetry::propagation::current_traceparent;
use crate::{sql, statements};

/// How many shards the users hash to. Fixed for ever: relays lease shards, and each log row stores its own.
pub const SHARDS: i64 = 64;
const SLOTS: usize = 64;

/// The columns of an event in the order of the parameters `$1` to `$9`: see [`Event`].
///
/// `append_event!()` is the tail of a `WITH` that locks the log, takes the number, writes the event and queues it;
/// `append_event!(after "cte")` does so only when `cte` (with a column `user_id`) has a row. PostgreSQL only. The CTE
/// `log` then has `user_id` and `last_seq` where the event was written.
#[macro_export]
macro_rules! append_event {
    () => {
        $crate::append_event!(@with "", "")
    };
    (after $cte:literal) => {
        $crate::append_event!(@with concat!(" FROM ", $cte), concat!(" AND ", $cte, ".user_id = user_logs.user_id"))
    };
    (@with $from:expr, $join:expr) => {
        concat!(
            "log AS (UPDATE user_logs SET last_seq = last_seq + 1", $from,
            " WHERE user_logs.user_id = $1 AND erased_at IS NULL", $join,
            " RETURNING user_logs.user_id, shard, last_seq), ",
            "event AS (INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, traceparent, ",
            "occurred_at, value) SELECT log.user_id, log.last_seq, $2, $3, $4, $5, $6, $7, $8, $9 FROM log), ",
            "queued AS (INSERT INTO outbox (shard, user_id, seq) SELECT shard, user_id, last_seq FROM log)"
        )
    };
}

statements! {
    OPEN: "log.open" = "INSERT INTO user_logs (user_id, shard, last_seq) VALUES ($1, $2, 0)";
    TAKE: "log.take" =
        "UPDATE user_logs SET last_seq = last_seq + 1 WHERE user_id = $1 AND erased_at IS NULL RETURNING shard, last_seq";
    INSERT: "log.insert" = "INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, \
        traceparent, occurred_at, value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    QUEUE: "log.queue" = "INSERT INTO outbox (shard, user_id, seq) VALUES ($1, $2, $3)";
    APPEND: "log.append" = {
        concat!("WITH ", append_event!(), " SELECT last_seq FROM log"),
        // SQLite has no data-changing CTE: there the three statements above run.
        "SELECT last_seq FROM user_logs WHERE user_id = $1"
    };
    LOCK: "log.lock" = {
        "SELECT last_seq FROM user_logs WHERE user_id = $1 AND erased_at IS NULL FOR UPDATE",
        "SELECT last_seq FROM user_logs WHERE user_id = $1 AND erased_at IS NULL"
    };
    APPEND_ALL: "log.append_all" = {
        "WITH log AS (UPDATE user_logs SET last_seq = last_seq + $2 WHERE user_id = $1 AND erased_at IS NULL \
            RETURNING user_id, shard, last_seq), \
            new AS (SELECT log.user_id, log.shard, log.last_seq - $2 + rank AS seq, row.* FROM log, \
            jsonb_to_recordset(CAST($3 AS jsonb)) AS row (rank bigint, event_id uuid, topic text, event_type text, \
            subject_id uuid, channel text, traceparent text, occurred_at timestamptz, value text)), \
            event AS (INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, traceparent, \
            occurred_at, value) SELECT user_id, seq, event_id, topic, event_type, subject_id, channel, traceparent, \
            occurred_at, value FROM new), \
            queued AS (INSERT INTO outbox (shard, user_id, seq) SELECT shard, user_id, seq FROM new ORDER BY seq) \
            SELECT last_seq FROM log",
        // SQLite has no data-changing CTE: there each event is appended by itself.
        "SELECT last_seq FROM user_logs WHERE user_id = $1"
    };
    LAST: "log.last" = "SELECT last_seq FROM user_logs WHERE user_id = $1";
    LAST_OF: "log.last_of" = {
        "SELECT log.user_id, log.last_seq FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS who CROSS JOIN LATERAL \
            (SELECT user_id, last_seq FROM user_logs WHERE user_id = CAST(who.value AS uuid) OFFSET 0) AS log",
        "SELECT user_id, last_seq FROM user_logs WHERE user_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))"
    };
    FIRST: "log.first" = "SELECT seq FROM events WHERE user_id = $1 ORDER BY seq LIMIT 1";
    SINCE: "log.since" = "SELECT seq, value, channel, traceparent FROM events WHERE user_id = $1 AND seq > $2 \
        ORDER BY seq LIMIT $3";
    OF_SUBJECT: "log.of_subject" = "SELECT seq, value, channel, traceparent FROM events WHERE subject_id = $2 AND user_id = $1 \
        AND seq < $3 ORDER BY seq DESC LIMIT $4";
    ERASE: "log.erase" = "UPDATE user_logs SET erased_at = $2 WHERE user_id = $1";
    FORGET: "log.forget" = "DELETE FROM events WHERE user_id = $1 AND NOT EXISTS \
        (SELECT 1 FROM outbox WHERE outbox.user_id = events.user_id AND outbox.seq = events.seq)";
    ERASED: "log.erased" = "SELECT user_id FROM user_logs WHERE erased_at IS NOT NULL AND EXISTS \
        (SELECT 1 FROM events WHERE events.user_id = user_logs.user_id) LIMIT $1";
}

/// What a slice says happened.
#[derive(Debug)]
pub struct Draft<P> {
    /// Where it is published.
    pub topic: Topic,
    /// The contract's name for it, e.g. `TASK_CREATED`.
    pub event_type: &'static str,
    /// What it happened to: a task, a session, the account itself.
    pub subject_id: Uuid,
    /// The payload.
    pub payload: P,
}

/// An event that was checked and is ready to be written. Its fields are the parameters of
/// [`append_event!`](crate::append_event), in this order.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// `$1`: whose log.
    pub user_id: Uuid,
    /// `$2`
    pub event_id: Uuid,
    /// `$3`
    pub topic: Topic,
    /// `$4`
    pub event_type: &'static str,
    /// `$5`
    pub subject_id: Uuid,
    /// `$6`: who did it.
    pub channel: Channel,
    /// `$7`: the W3C trace context of the request that did it.
    pub traceparent: Option<String>,
    /// `$8`
    #[serde(serialize_with = "instant")]
    pub occurred_at: DateTime<Utc>,
    /// `$9`: the JSON as it goes to the broker, byte for byte.
    pub value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, P> {
    event_id: Uuid,
    event_type: &'a str,
    timestamp: String,
    user_id: Uuid,
    payload: &'a P,
}

/// An event among several: `rank` is its place, from 1.
#[derive(Serialize)]
struct EventRow<'a> {
    rank: i64,
    #[serde(flatten)]
    event: &'a Event,
}

/// One change as a client reads it.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Its number in the user's log.
    pub seq: i64,
    /// Through what it was made: `person`, `api_token`, `chat`, `scheduler`, `operator`.
    pub channel: String,
    /// The trace of the request that made it.
    #[serde(rename = "traceId")]
    pub trace_id: Option<String>,
    /// The event as it was published.
    pub event: Box<RawValue>,
}

/// Who else hears of commits.
struct Told(Box<dyn Fn(Uuid) + Send + Sync>);

/// Writes and reads the log. Clones share the schemas and the relay's hint.
#[derive(Clone)]
pub struct EventLog {
    clock: Clock,
    ids: Ids,
    schemas: Arc<Schemas>,
    hint: Arc<watch::Sender<Commits>>,
    told: Arc<OnceLock<Told>>,
}

impl EventLog {
    /// A log with the embedded schemas.
    pub fn new(clock: Clock, ids: Ids) -> Result<Self, Error> {
        Ok(Self {
            clock,
            ids,
            schemas: Arc::new(Schemas::embedded()?),
            hint: Arc::new(watch::channel(Commits::default()).0),
            told: Arc::default(),
        })
    }

    /// Makes and checks an event of `actor`.
    pub fn prepare<P: Serialize>(&self, actor: &Actor, draft: &Draft<P>) -> Result<Event, Error> {
        self.prepare_at(actor, draft, self.clock.now())
    }

    /// The same of a change that happens `at` an instant: for a statement that takes the row's instants from the event.
    pub fn prepare_at<P: Serialize>(&self, actor: &Actor, draft: &Draft<P>, at: DateTime<Utc>) -> Result<Event, Error> {
        let (event_id, occurred_at) = (self.ids.uuid(), at);
        let envelope = Envelope {
            event_id,
            event_type: draft.event_type,
            timestamp: occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            user_id: actor.user_id,
            payload: &draft.payload,
        };
        let unserializable = |error: serde_json::Error| Error::Schema { topic: draft.topic, reason: error.to_string() };
        let value = serde_json::to_string(&envelope).map_err(unserializable)?;
        self.schemas.check(draft.topic, &serde_json::from_str(&value).map_err(unserializable)?)?;
        Ok(Event {
            user_id: actor.user_id,
            event_id,
            topic: draft.topic,
            event_type: draft.event_type,
            subject_id: draft.subject_id,
            channel: actor.channel,
            traceparent: current_traceparent(),
            occurred_at,
            value,
        })
    }

    /// Starts the log of a new account.
    pub async fn open(&self, tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
        sql!(execute tx, OPEN, user_id, shard_of(user_id))?;
        Ok(())
    }

    /// Writes the event and queues it for the relay. Call it first in the transaction: it takes the user's lock, so a
    /// lock of a task always comes after it and no two transactions wait for each other. Returns its number.
    pub async fn append(&self, tx: &mut Tx, event: &Event) -> Result<i64, Error> {
        if matches!(tx.conn(), Conn::Postgres(..)) {
            let row = sql!(fetch_optional (i64,) => tx,
                APPEND,
                event.user_id,
                event.event_id,
                event.topic.name(),
                event.event_type,
                event.subject_id,
                event.channel.as_str(),
                &event.traceparent,
                event.occurred_at,
                &event.value
            )?;
            return row.map(|(seq,)| seq).ok_or(Error::NoLog);
        }
        let taken = sql!(fetch_optional (i64, i64) => tx, TAKE, event.user_id)?;
        let (shard, seq) = taken.ok_or(Error::NoLog)?;
        sql!(execute tx, INSERT, event.user_id, seq, event.event_id, event.topic.name(), event.event_type,
            event.subject_id, event.channel.as_str(), &event.traceparent, event.occurred_at, &event.value)?;
        sql!(execute tx, QUEUE, shard, event.user_id, seq)?;
        Ok(seq)
    }

    /// Locks the user's log, so that what is read after it stays as it is until the transaction ends: every change of
    /// the user's takes this lock.
    pub async fn lock(&self, tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
        sql!(fetch_optional (i64,) => tx, LOCK, user_id)?.map(drop).ok_or(Error::NoLog)
    }

    /// Writes several events of one user and queues them, in their order; none is nothing.
    pub async fn append_all(&self, tx: &mut Tx, events: &[Event]) -> Result<(), Error> {
        let Some(first) = events.first() else { return Ok(()) };
        if events.len() == 1 || !matches!(tx.conn(), Conn::Postgres(..)) {
            for event in events {
                self.append(tx, event).await?;
            }
            return Ok(());
        }
        let rows: Vec<_> = events.iter().zip(1..).map(|(event, rank)| EventRow { rank, event }).collect();
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let row = sql!(fetch_optional (i64,) => tx, APPEND_ALL, first.user_id, count, json(&rows))?;
        row.map(drop).ok_or(Error::NoLog)
    }

    /// Tells the relay of this process that there is something to publish. Call it after the commit; a call that is
    /// forgotten or lost costs a poll interval, never an event.
    pub fn committed(&self, user_id: Uuid) {
        self.hint.send_modify(|commits| commits.note(shard_of(user_id)));
        if let Some(Told(tell)) = self.told.get() {
            tell(user_id);
        }
    }

    /// Tells also `tell` whose log has something new, from now on. The first call counts.
    pub fn tell(&self, tell: impl Fn(Uuid) + Send + Sync + 'static) {
        let _ = self.told.set(Told(Box::new(tell)));
    }

    /// What [`EventLog::committed`] wakes.
    pub fn hint(&self) -> watch::Receiver<Commits> {
        self.hint.subscribe()
    }

    /// Closes the log of an erased account: nothing is appended any more, and what was published already is deleted.
    /// [`forget_erased`] deletes the rest once it was published too.
    pub async fn erase(&self, tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
        sql!(execute tx, ERASE, user_id, self.clock.now())?;
        sql!(execute tx, FORGET, user_id)?;
        Ok(())
    }
}

/// How many commits each shard saw in this process: what changed since one looked is worth a query.
#[derive(Clone, Copy, Debug)]
pub struct Commits([u32; SLOTS]);

impl Default for Commits {
    fn default() -> Self {
        Self([0; SLOTS])
    }
}

impl Commits {
    fn note(&mut self, shard: i64) {
        if let Some(count) = usize::try_from(shard).ok().and_then(|shard| self.0.get_mut(shard)) {
            *count = count.wrapping_add(1);
        }
    }

    /// Whether one of `shards` (as bits) saw a commit since `before`.
    pub(super) fn since(&self, before: &Self, shards: i64) -> bool {
        self.0.iter().zip(&before.0).enumerate().any(|(shard, (now, then))| now != then && shards >> shard & 1 == 1)
    }
}

/// The shard of a user: the low bits of a UUID version 7 are random.
pub fn shard_of(user_id: Uuid) -> i64 {
    i64::from((user_id.as_u128() & 0x3f) as u8)
}

/// The numbers of many users' latest changes.
pub async fn last_seqs(db: &Db, users: &[Uuid]) -> Result<Vec<(Uuid, i64)>, crate::storage::Error> {
    let mut exec = db.read().await?;
    sql!(fetch_all (Uuid, i64) => exec, LAST_OF, json(users))
}

/// The number of the user's latest change: 0 before the first, `None` for an unknown user.
pub async fn last_seq(db: &Db, user_id: Uuid) -> Result<Option<i64>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (i64,) => exec, LAST, user_id)?.map(|(seq,)| seq))
}

/// The number of the oldest change that is still kept.
pub async fn first_seq(db: &Db, user_id: Uuid) -> Result<Option<i64>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (i64,) => exec, FIRST, user_id)?.map(|(seq,)| seq))
}

/// At most `limit` changes of the user after `since`, in order.
pub async fn changes(db: &Db, user_id: Uuid, since: i64, limit: i64) -> Result<Vec<Change>, Error> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all ChangeRow => exec, SINCE, user_id, since, limit)?;
    as_changes(rows)
}

/// At most `limit` changes of one thing of the user's, before the number `before`, the last one first.
pub async fn changes_of(
    db: &Db,
    user_id: Uuid,
    subject_id: Uuid,
    before: i64,
    limit: i64,
) -> Result<Vec<Change>, Error> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all ChangeRow => exec, OF_SUBJECT, user_id, subject_id, before, limit)?;
    as_changes(rows)
}

type ChangeRow = (i64, String, String, Option<String>);

fn as_changes(rows: Vec<ChangeRow>) -> Result<Vec<Change>, Error> {
    let change = |(seq, value, channel, traceparent): ChangeRow| {
        let event = RawValue::from_string(value)
            .map_err(|error| Error::Schema { topic: Topic::User, reason: format!("stored event {seq}: {error}") })?;
        let trace_id = traceparent.as_deref().and_then(|text| text.split('-').nth(1)).map(str::to_owned);
        Ok(Change { seq, channel, trace_id, event })
    };
    rows.into_iter().map(change).collect()
}

/// Deletes what is left of erased accounts' events once it was published, of at most `limit` accounts. Returns how many
/// events were deleted.
pub async fn forget_erased(db: &Db, limit: i64) -> Result<u64, Error> {
    let mut exec = db.read().await?;
    let erased = sql!(fetch_all (Uuid,) => exec, ERASED, limit)?;
    drop(exec);
    let mut deleted = 0;
    for (user_id,) in erased {
        let mut tx = db.begin().await?;
        deleted += sql!(execute tx, FORGET, user_id)?;
        tx.commit().await?;
    }
    Ok(deleted)
}
