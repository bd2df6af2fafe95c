//! How far a consumer is with each user's events. The row's lock orders what is done to one user's events.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::message::Delivery;
use crate::events::Topic;
use crate::storage::{Db, Engine, Error, Tx};
use crate::{sql, statements};

statements! {
    // One look along the key for each user, in their order: a plan that was made while the table was small would read all
    // users of the consumer for each batch, and PostgreSQL does not take a subquery that locks apart.
    LOCK: "inbox.lock" = {
        "SELECT place.user_id, place.last_seq, place.waiting FROM unnest(CAST($3 AS uuid[])) AS who (user_id) \
            CROSS JOIN LATERAL (SELECT user_id, last_seq, waiting FROM inbox WHERE consumer = $1 AND topic = $2 \
            AND inbox.user_id = who.user_id FOR UPDATE) AS place",
        "SELECT user_id, last_seq, waiting FROM inbox WHERE consumer = $1 AND topic = $2 \
            AND user_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($3))"
    };
    OPEN: "inbox.open" = {
        "INSERT INTO inbox (consumer, topic, user_id, last_seq, waiting) SELECT $1, $2, user_id, 0, 0 \
            FROM unnest(CAST($3 AS uuid[])) AS user_id ORDER BY user_id ON CONFLICT DO NOTHING",
        "INSERT INTO inbox (consumer, topic, user_id, last_seq, waiting) SELECT $1, $2, unhex(replace(value, '-', '')), 0, 0 \
            FROM json_each($3) WHERE true ON CONFLICT DO NOTHING"
    };
    // The rows are there and locked. An insert that conflicts finds each by its key, whatever the planner thinks.
    ADVANCE: "inbox.advance" = {
        "INSERT INTO inbox (consumer, topic, user_id, last_seq, waiting) SELECT $1, $2, user_id, seq, waiting \
            FROM unnest(CAST($3 AS uuid[]), CAST($4 AS bigint[]), CAST($5 AS bigint[])) AS new (user_id, seq, waiting) \
            ON CONFLICT (consumer, topic, user_id) DO UPDATE SET last_seq = excluded.last_seq, waiting = excluded.waiting",
        "UPDATE inbox SET last_seq = new.seq, waiting = new.waiting FROM (SELECT unhex(replace(who.value, '-', '')) AS user_id, \
            seqs.value AS seq, counts.value AS waiting FROM json_each($3) AS who JOIN json_each($4) AS seqs ON seqs.key = who.key \
            JOIN json_each($5) AS counts ON counts.key = who.key) AS new \
            WHERE consumer = $1 AND topic = $2 AND inbox.user_id = new.user_id"
    };
    // Events of this topic that are in the log between the two: they were published, and did not come.
    BETWEEN: "inbox.between" = "SELECT count(*) FROM events WHERE user_id = $1 AND topic = $2 AND seq > $3 AND seq < $4";
    PLACE: "inbox.place" = "SELECT last_seq FROM inbox WHERE consumer = $1 AND topic = $2 AND user_id = $3";
}

/// The last event of a user that a consumer has taken, 0 where there is none. What it took may wait to be tried again.
pub async fn taken(db: &Db, consumer: &str, topic: Topic, user_id: Uuid) -> Result<i64, Error> {
    let mut exec = db.read().await?;
    let place = sql!(fetch_optional (i64,) => exec, PLACE, consumer, topic.name(), user_id)?;
    Ok(place.map_or(0, |(seq,)| seq))
}

/// How far one user's events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The last one that was taken.
    pub(super) last_seq: i64,
    /// How many wait to be tried again.
    pub(super) waiting: i64,
}

/// The places of some users, locked.
pub(super) type Places = BTreeMap<Uuid, Place>;

/// Locks the users' places, and makes those that are missing.
pub(super) async fn lock(
    tx: &mut Tx,
    engine: Engine,
    consumer: &str,
    topic: Topic,
    users: impl Iterator<Item = Uuid>,
) -> Result<Places, Error> {
    let users: std::collections::BTreeSet<_> = users.collect();
    let list = list(engine, users.iter());
    let mut rows = sql!(fetch_all (Uuid, i64, i64) => tx, LOCK, consumer, topic.name(), &list)?;
    if rows.len() < users.len() {
        sql!(execute tx, OPEN, consumer, topic.name(), &list)?;
        rows = sql!(fetch_all (Uuid, i64, i64) => tx, LOCK, consumer, topic.name(), &list)?;
    }
    Ok(rows.into_iter().map(|(user_id, last_seq, waiting)| (user_id, Place { last_seq, waiting })).collect())
}

/// Writes the places back.
pub(super) async fn advance(
    tx: &mut Tx,
    engine: Engine,
    consumer: &str,
    topic: Topic,
    places: &Places,
) -> Result<(), Error> {
    let users = list(engine, places.keys());
    let seqs = engine.array(places.values().map(|place| place.last_seq));
    let counts = engine.array(places.values().map(|place| place.waiting));
    sql!(execute tx, ADVANCE, consumer, topic.name(), users, seqs, counts)?;
    Ok(())
}

/// How many events were published between the user's last one and this, and never came. A user's numbers run over all
/// topics, so that a hole in one topic is the rule and only the log tells it from a loss.
pub(super) async fn missing(tx: &mut Tx, last_seq: i64, next: &Delivery) -> Result<i64, Error> {
    let (missing,) = sql!(fetch_one (i64,) => tx, BETWEEN, next.user_id, next.topic.name(), last_seq, next.seq)?;
    Ok(missing)
}

/// The ids as an array.
fn list<'a>(engine: Engine, users: impl Iterator<Item = &'a Uuid>) -> String {
    engine.array(users.map(|user_id| format!("\"{user_id}\"")))
}
