//! The SQL of the outbox: what waits, what was acknowledged, what is parked.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::broker::Record;
use super::lease::now;
use super::{Error, Topic};
use crate::storage::Db;
use crate::{sql, statements};

statements! {
    // The shards come as the bits of a number: a plain filter, so that the plan stays a walk along the primary key. It
    // says `<> 0` because PostgreSQL takes `= 1` to fit one row in two hundred, and would then sort the whole backlog.
    BATCH: "outbox.batch" = "SELECT outbox.id, outbox.shard, outbox.user_id, outbox.seq, events.event_id, events.topic, \
        events.event_type, events.subject_id, events.traceparent, events.occurred_at, events.value, \
        (SELECT CAST(coalesce(sum(generation), 0) AS bigint) FROM topic_fences) AS generation FROM outbox JOIN events ON events.user_id = outbox.user_id AND events.seq = outbox.seq \
        WHERE (($1 >> CAST(outbox.shard AS integer)) & 1) <> 0 \
        AND NOT EXISTS (SELECT 1 FROM parked_keys WHERE parked_keys.user_id = outbox.user_id) \
        AND NOT EXISTS (SELECT 1 FROM topic_fences WHERE topic_fences.topic = events.topic AND topic_fences.fenced = 1) \
        ORDER BY outbox.id LIMIT $2";
    // Recorded only where the lease is still ours and has not ended: `todo topics expand` takes a relay whose lease ended
    // for gone, and what that one handed over went to the partitions of before. Losing this commit in a crash repeats a publish and loses nothing,
    // so PostgreSQL need not wait for its disk here. The sub-selects without a row of the outbox are evaluated once.
    ACKNOWLEDGE: "outbox.acknowledge" = {
        concat!("DELETE FROM outbox WHERE id = ANY(CAST($1 AS bigint[])) \
            AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL \
            AND EXISTS (SELECT 1 FROM relay_leases AS lease WHERE lease.shard = outbox.shard AND lease.owner = $2 \
            AND lease.epoch = CAST((SELECT CAST($3 AS jsonb)) ->> CAST(outbox.shard AS text) AS bigint) \
            AND lease.lease_until > ", now!(postgres), ")"),
        concat!("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each($1)) AND EXISTS (SELECT 1 FROM relay_leases AS lease \
            WHERE lease.shard = outbox.shard AND lease.owner = $2 \
            AND lease.epoch = json_extract($3, '$.\"' || outbox.shard || '\"') AND lease.lease_until > ", now!(sqlite), ")")
    };
    // By the owner of the lease only: who lost it may speak of an event that another has published since.
    PARK: "outbox.park" = {
        concat!("INSERT INTO parked_keys (user_id, topic, reason, parked_at) SELECT $1, $2, $3, $4 \
            FROM relay_leases AS lease WHERE lease.shard = $5 AND lease.owner = $6 AND lease.epoch = $7 \
            AND lease.lease_until > ", now!(postgres), " ON CONFLICT (user_id) DO NOTHING"),
        concat!("INSERT INTO parked_keys (user_id, topic, reason, parked_at) SELECT $1, $2, $3, $4 \
            FROM relay_leases AS lease WHERE lease.shard = $5 AND lease.owner = $6 AND lease.epoch = $7 \
            AND lease.lease_until > ", now!(sqlite), " ON CONFLICT (user_id) DO NOTHING")
    };
    REARM: "outbox.rearm" = "DELETE FROM parked_keys WHERE user_id = $1";
    REARM_ALL: "outbox.rearm_all" = "DELETE FROM parked_keys";
    PARKED: "outbox.parked" = "SELECT user_id, topic, reason, parked_at FROM parked_keys ORDER BY parked_at LIMIT 1000";
    COUNT_PARKED: "outbox.count_parked" = "SELECT count(*) FROM parked_keys";
    COUNT: "outbox.count" = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 2000000) AS waiting";
    // There is no index by user, which would cost every write: it reads the outbox, which is short in good order.
    HELD: "outbox.held" = "SELECT user_id, min(seq) FROM outbox WHERE user_id >= $1 AND user_id <= $2 GROUP BY user_id";
    OLDEST: "outbox.oldest" = "SELECT events.occurred_at FROM outbox JOIN events ON events.user_id = outbox.user_id \
        AND events.seq = outbox.seq ORDER BY outbox.id LIMIT 1";
}

/// An event that waits.
#[derive(Debug, FromRow)]
pub(super) struct Waiting {
    pub(super) id: i64,
    pub(super) shard: i64,
    #[sqlx(flatten)]
    pub(super) event: Stored,
    /// Of the fences, as the look at the outbox saw them.
    pub(super) generation: i64,
}

/// An event as the log has it.
#[derive(Debug, FromRow)]
pub(super) struct Stored {
    pub(super) user_id: Uuid,
    pub(super) seq: i64,
    event_id: Uuid,
    pub(super) topic: String,
    event_type: String,
    subject_id: Uuid,
    pub(super) traceparent: Option<String>,
    pub(super) occurred_at: DateTime<Utc>,
    value: String,
}

impl Stored {
    /// The message: CloudEvents 1.0, Kafka protocol binding, binary mode.
    pub(super) fn record(&self) -> Result<Record, String> {
        let topic: Topic = self.topic.parse()?;
        let time = self.occurred_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", self.event_id.to_string()),
            ("ce_type", self.event_type.clone()),
            ("ce_source", "/todo".to_owned()),
            ("ce_subject", self.subject_id.to_string()),
            ("ce_time", time),
            ("ce_dataschema", topic.dataschema().to_owned()),
            ("seq", self.seq.to_string()),
        ];
        headers.extend(self.traceparent.clone().map(|traceparent| ("traceparent", traceparent)));
        Ok(Record { topic, key: self.user_id, value: self.value.clone(), headers })
    }
}

/// A user whose events wait for an operator.
#[derive(Debug, FromRow)]
pub struct ParkedKey {
    /// The user.
    pub user_id: Uuid,
    /// The topic that refused.
    pub topic: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub parked_at: DateTime<Utc>,
}

/// The state of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Events that no broker has acknowledged; counted up to two millions.
    pub waiting: i64,
    /// When the oldest of them happened.
    pub oldest: Option<DateTime<Utc>>,
    /// Users that are parked.
    pub parked: i64,
}

/// The oldest events of the shards whose bits are set in `shards`, those of parked users left out.
pub(super) async fn batch(db: &Db, shards: i64, limit: i64) -> Result<Vec<Waiting>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all Waiting => exec, BATCH, shards, limit)?)
}

/// The first event that waits of each user from `first` to `last`, where any waits: it and all later ones are the
/// relay's.
pub(super) async fn held(db: &Db, first: Uuid, last: Uuid) -> Result<HashMap<Uuid, i64>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (Uuid, i64) => exec, HELD, first, last)?.into_iter().collect())
}

/// Removes what was acknowledged. `epochs` is JSON: `{"12":3}`. Returns how many were removed.
pub(super) async fn acknowledge(db: &Db, ids: &[i64], owner: Uuid, epochs: &str) -> Result<u64, Error> {
    let ids = db.engine().array(ids.iter());
    let mut exec = db.single().await?;
    let removed = sql!(execute exec, ACKNOWLEDGE, ids, owner, epochs)?;
    exec.commit().await?;
    Ok(removed)
}

/// Parks the user of a row that the broker refuses for good. False: the lease is not `owner`'s any more.
pub(super) async fn park(
    db: &Db,
    row: &Waiting,
    reason: &str,
    now: DateTime<Utc>,
    (owner, epoch): (Uuid, i64),
) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    let parked = sql!(execute tx, PARK, row.event.user_id, &row.event.topic, reason, now, row.shard, owner, epoch)?;
    tx.commit().await?;
    Ok(parked > 0)
}

/// Lets a parked user's events (or everybody's) go again. Returns how many were parked.
pub async fn rearm(db: &Db, user_id: Option<Uuid>) -> Result<u64, Error> {
    let mut tx = db.begin().await?;
    let rearmed = match user_id {
        Some(user_id) => sql!(execute tx, REARM, user_id)?,
        None => sql!(execute tx, REARM_ALL)?,
    };
    tx.commit().await?;
    Ok(rearmed)
}

/// Who is parked, and why.
pub async fn parked(db: &Db) -> Result<Vec<ParkedKey>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all ParkedKey => exec, PARKED)?)
}

/// The state of the outbox now.
pub async fn backlog(db: &Db) -> Result<Backlog, Error> {
    let mut exec = db.read().await?;
    let (waiting,) = sql!(fetch_one (i64,) => exec, COUNT)?;
    let oldest = sql!(fetch_optional (DateTime<Utc>,) => exec, OLDEST)?.map(|(at,)| at);
    let (parked,) = sql!(fetch_one (i64,) => exec, COUNT_PARKED)?;
    Ok(Backlog { waiting, oldest, parked })
}
