//! The log as a consumer reads it, for one that makes its projection again from nothing.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Failure;
use super::message::{Delivery, Message};
use crate::storage::{self, Db, Tx};
use crate::{sql, statements};

statements! {
    REPLAY: "replay.since" = "SELECT seq, topic, value, traceparent FROM events WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    USERS: "replay.users" = "SELECT user_id FROM user_logs WHERE user_id > $1 AND erased_at IS NULL ORDER BY user_id LIMIT $2";
    ERASED: "replay.erased" = {
        "SELECT user_id FROM user_logs WHERE erased_at IS NOT NULL \
            AND user_id IN (SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($1 AS jsonb)))",
        "SELECT user_id FROM user_logs WHERE erased_at IS NOT NULL \
            AND user_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))"
    };
}

/// At most `limit` of a user's events after `since`, of all topics, in order.
pub async fn replay(db: &Db, user_id: Uuid, since: i64, limit: i64) -> Result<Vec<Delivery>, Failure> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all (i64, String, String, Option<String>) => exec, REPLAY, user_id, since, limit)?;
    let delivery = |(seq, topic, value, traceparent): (i64, String, String, Option<String>)| {
        let traceparent = traceparent.map(|text| ("traceparent".to_owned(), text.into_bytes()));
        let seq = ("seq".to_owned(), seq.to_string().into_bytes());
        let message = Message {
            topic,
            key: Some(user_id.to_string().into_bytes()),
            value: Some(value.into_bytes()),
            headers: std::iter::once(seq).chain(traceparent).collect(),
            ..Message::default()
        };
        message.decode().map_err(Failure::Reject)
    };
    rows.into_iter().map(delivery).collect()
}

/// At most `limit` users who have a log, after `after` in the order of their ids.
pub async fn users(db: &Db, after: Uuid, limit: i64) -> Result<Vec<Uuid>, storage::Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (Uuid,) => exec, USERS, after, limit)?.into_iter().map(|(user_id,)| user_id).collect())
}

/// Those of these users whose account is gone. An account's last event says it too, but events of its other topics may
/// come after that one: ask here before writing something that nothing would delete.
pub async fn erased(tx: &mut Tx, users: &BTreeSet<Uuid>) -> Result<BTreeSet<Uuid>, storage::Error> {
    let list = serde_json::to_string(users).unwrap_or_default();
    Ok(sql!(fetch_all (Uuid,) => tx, ERASED, list)?.into_iter().map(|(user_id,)| user_id).collect())
}
