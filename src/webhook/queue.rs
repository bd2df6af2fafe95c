//! The SQL of deliveries: a queue, and the history of what was sent. Lists go to the database as one value in JSON.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::model::State;
use crate::kernel::{Cursor, Page};
use crate::storage::rows::json;
use crate::storage::{self, Db, Tx};
use crate::{sql, statements};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, event_id, event_type, seq, state, attempts, response_status, error, created_at, due_at, finished_at ",
            "FROM webhook_deliveries ",
            $rest
        )
    };
}

macro_rules! add {
    ($from:literal) => {
        concat!(
            "INSERT INTO webhook_deliveries (id, webhook_id, user_id, seq, event_id, event_type, body, traceparent, state, ",
            "attempts, due_at, created_at) SELECT id, webhook_id, user_id, seq, event_id, event_type, body, traceparent, ",
            "'pending', 0, $2, $2 FROM ",
            $from,
            " WHERE true ON CONFLICT (webhook_id, seq) DO NOTHING"
        )
    };
}

/// What a sender may take: due, in nobody's hands, and not of these webhooks.
macro_rules! due {
    ($what:literal, $fits:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM webhook_deliveries WHERE due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1) ",
            "AND ",
            $fits,
            " ",
            $rest
        )
    };
}

macro_rules! claimed {
    ($sent:literal) => {
        concat!(
            "SELECT sent.id, sent.webhook_id, sent.user_id, sent.seq, sent.event_type, sent.body, sent.traceparent, ",
            "sent.attempts, hook.url, hook.secret_version, hook.rotated_at, hook.disabled_at ",
            "FROM ",
            $sent,
            " JOIN webhooks AS hook ON hook.id = sent.webhook_id"
        )
    };
}

statements! {
    ADD: "webhook_delivery.add" = {
        add!("(SELECT * FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS row (id uuid, webhook_id uuid, user_id uuid, seq bigint, \
            event_id uuid, event_type text, body text, traceparent text)) AS new"),
        add!("(SELECT unhex(replace(value ->> 'id', '-', '')) AS id, unhex(replace(value ->> 'webhook_id', '-', '')) AS webhook_id, \
            unhex(replace(value ->> 'user_id', '-', '')) AS user_id, value ->> 'seq' AS seq, \
            unhex(replace(value ->> 'event_id', '-', '')) AS event_id, value ->> 'event_type' AS event_type, \
            value ->> 'body' AS body, value ->> 'traceparent' AS traceparent FROM json_each($1)) AS new")
    };
    IS_DUE: "webhook_delivery.is_due" = {
        due!("CAST(1 AS bigint)", "webhook_id <> ALL(ARRAY(SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($2 AS jsonb))))", "LIMIT 1"),
        due!("1", "webhook_id NOT IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))", "LIMIT 1")
    };
    // No order is promised, so what another sender is about to take is passed over.
    CANDIDATES: "webhook_delivery.candidates" = {
        due!("id, webhook_id", "webhook_id <> ALL(ARRAY(SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($2 AS jsonb))))",
            "ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED"),
        due!("id, webhook_id", "webhook_id NOT IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))", "ORDER BY due_at LIMIT $3")
    };
    CLAIM: "webhook_delivery.claim" = {
        // One look by key for each: for many ids at once PostgreSQL may walk through another index that has them too. The
        // rows are locked, so they stay where they are.
        "UPDATE webhook_deliveries SET claim = $2, claimed_until = $3 WHERE ctid = ANY(ARRAY(SELECT sent.ctid \
            FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS which CROSS JOIN LATERAL \
            (SELECT ctid FROM webhook_deliveries WHERE id = CAST(which.value AS uuid) OFFSET 0) AS sent))",
        "UPDATE webhook_deliveries SET claim = $2, claimed_until = $3 \
            WHERE id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))"
    };
    CLAIMED: "webhook_delivery.claimed" = {
        // `OFFSET 0`: the join with the webhooks must not choose how the deliveries are read.
        claimed!("jsonb_array_elements_text(CAST($1 AS jsonb)) AS which CROSS JOIN LATERAL \
            (SELECT * FROM webhook_deliveries WHERE id = CAST(which.value AS uuid) OFFSET 0) AS sent"),
        claimed!("json_each($1) AS which CROSS JOIN webhook_deliveries AS sent ON sent.id = unhex(replace(which.value, '-', ''))")
    };
    RECORD: "webhook_delivery.record" = "UPDATE webhook_deliveries SET state = $3, attempts = $4, response_status = $5, error = $6, \
        due_at = $7, finished_at = $8, claim = NULL, claimed_until = NULL WHERE id = $1 AND claim = $2";
    AGAIN: "webhook_delivery.again" = "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, response_status = NULL, error = NULL, \
        due_at = $4, finished_at = NULL, claim = NULL, claimed_until = NULL \
        WHERE user_id = $1 AND webhook_id = $2 AND id = $3 AND state <> 'pending'";
    GET: "webhook_delivery.get" = (select!("WHERE user_id = $1 AND webhook_id = $2 AND id = $3"));
    LIST: "webhook_delivery.list" = (select!("WHERE user_id = $1 AND webhook_id = $2 AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT $5"));
    FORGET: "webhook_delivery.forget" = "DELETE FROM webhook_deliveries WHERE webhook_id = $1";
    ERASE: "webhook_delivery.erase" = "DELETE FROM webhook_deliveries WHERE user_id = $1";
    PENDING: "webhook_delivery.pending" = "SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE due_at IS NOT NULL \
        LIMIT 100000) AS pending";
    PURGE: "webhook_delivery.purge" = "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries \
        WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";
}

/// A delivery that is to be made.
#[derive(Debug, Serialize)]
pub(super) struct New<'a> {
    pub(super) id: Uuid,
    pub(super) webhook_id: Uuid,
    pub(super) user_id: Uuid,
    /// `None`: a test.
    pub(super) seq: Option<i64>,
    pub(super) event_id: Uuid,
    pub(super) event_type: &'a str,
    pub(super) body: &'a str,
    pub(super) traceparent: Option<&'a str>,
}

/// A delivery that a sender has.
#[derive(Debug, FromRow)]
pub(super) struct Job {
    pub(super) id: Uuid,
    pub(super) webhook_id: Uuid,
    pub(super) user_id: Uuid,
    /// `None`: a test.
    pub(super) seq: Option<i64>,
    pub(super) event_type: String,
    pub(super) body: String,
    pub(super) traceparent: Option<String>,
    /// How often it was tried before.
    pub(super) attempts: i64,
    pub(super) url: String,
    pub(super) secret_version: i64,
    pub(super) rotated_at: Option<DateTime<Utc>>,
    pub(super) disabled_at: Option<DateTime<Utc>>,
}

/// What is written about a try.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) state: State,
    pub(super) attempts: i64,
    pub(super) response_status: Option<u16>,
    pub(super) error: Option<String>,
    /// When it is tried again.
    pub(super) due_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

/// A delivery as its owner sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    /// The `webhook-id` of each of its tries.
    pub(super) id: Uuid,
    /// The event.
    event_id: Uuid,
    /// What happened; `WEBHOOK_TEST` for a test.
    event_type: String,
    /// The event's number in your log; null for a test.
    seq: Option<i64>,
    pub(super) state: State,
    /// How often it was tried.
    attempts: i64,
    /// The HTTP status of the last answer, where there was one.
    pub(super) response_status: Option<u16>,
    /// Why the last try failed.
    error: Option<String>,
    /// When the event came to be delivered.
    created_at: DateTime<Utc>,
    /// When it is tried next; null: never.
    next_try_at: Option<DateTime<Utc>>,
    /// When it was delivered or given up.
    finished_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    event_id: Uuid,
    event_type: String,
    seq: Option<i64>,
    state: String,
    attempts: i64,
    response_status: Option<i64>,
    error: Option<String>,
    created_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            event_id: row.event_id,
            event_type: row.event_type,
            seq: row.seq,
            state: State::of(&row.state),
            attempts: row.attempts,
            response_status: row.response_status.and_then(|status| status.try_into().ok()),
            error: row.error,
            created_at: row.created_at,
            next_try_at: row.due_at,
            finished_at: row.finished_at,
        }
    }
}

type Result<T> = std::result::Result<T, storage::Error>;

/// Adds deliveries, due now. Those of an event that a webhook has already are left out.
pub(super) async fn add(tx: &mut Tx, deliveries: &[New<'_>], now: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, ADD, json(&deliveries), now).map(drop)
}

/// Whether anything is due, the webhooks `busy` left aside.
pub(super) async fn is_due(db: &Db, now: DateTime<Utc>, busy: &[Uuid]) -> Result<bool> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (i64,) => exec, IS_DUE, now, json(&busy))?.is_some())
}

/// At most `limit` deliveries that are due, each with its webhook, locked to the end of the transaction.
pub(super) async fn candidates(
    tx: &mut Tx,
    now: DateTime<Utc>,
    busy: &[Uuid],
    limit: usize,
) -> Result<Vec<(Uuid, Uuid)>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    sql!(fetch_all (Uuid, Uuid) => tx, CANDIDATES, now, json(&busy), limit)
}

/// Takes deliveries until `until`. `claim` says who has them.
pub(super) async fn claim(tx: &mut Tx, ids: &[Uuid], claim: Uuid, until: DateTime<Utc>) -> Result<Vec<Job>> {
    let ids = json(&ids);
    sql!(execute tx, CLAIM, &ids, claim, until)?;
    sql!(fetch_all Job => tx, CLAIMED, &ids)
}

/// Writes what came of a try. `false`: somebody else has it by now, or it is gone.
pub(super) async fn record(tx: &mut Tx, id: Uuid, claim: Uuid, outcome: &Outcome) -> Result<bool> {
    let status = outcome.response_status.map(i64::from);
    let rows = sql!(execute tx, RECORD, id, claim, outcome.state.as_str(), outcome.attempts, status, &outcome.error,
        outcome.due_at, outcome.finished_at)?;
    Ok(rows == 1)
}

/// A finished delivery begins again, with the same id.
pub(super) async fn again(tx: &mut Tx, user_id: Uuid, webhook: Uuid, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, AGAIN, user_id, webhook, id, now).map(drop)
}

/// One delivery, as this transaction sees it.
pub(super) async fn get(tx: &mut Tx, user_id: Uuid, webhook: Uuid, id: Uuid) -> Result<Option<Delivery>> {
    Ok(sql!(fetch_optional Row => tx, GET, user_id, webhook, id)?.map(Delivery::from))
}

/// The webhook's deliveries, latest first.
pub(super) async fn list(
    db: &Db,
    user_id: Uuid,
    webhook: Uuid,
    cursor: Option<&str>,
    limit: usize,
) -> std::result::Result<Page<Delivery>, Error> {
    let before = cursor.map(Cursor::decode::<(DateTime<Utc>, Uuid)>).transpose()?;
    // Later than any delivery, and still a four-digit year.
    let latest = (DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default(), Uuid::max());
    let (created_at, id) = before.unwrap_or(latest);
    let surplus = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, LIST, user_id, webhook, created_at, id, surplus)?;
    let rows = rows.into_iter().map(Delivery::from).collect();
    Ok(Page::of(rows, limit, |delivery: &Delivery| (delivery.created_at, delivery.id)))
}

/// Deletes a webhook's deliveries.
pub(super) async fn forget(tx: &mut Tx, webhook: Uuid) -> Result<()> {
    sql!(execute tx, FORGET, webhook).map(drop)
}

/// Deletes a user's deliveries.
pub(super) async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<()> {
    sql!(execute tx, ERASE, user_id).map(drop)
}

/// How many are to be tried; counted up to a hundred thousand.
pub(super) async fn pending(db: &Db) -> Result<i64> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_one (i64,) => exec, PENDING)?.0)
}

/// Deletes at most `limit` of those that were finished before `before`. Returns how many.
pub(super) async fn purge(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    db.purge(&PURGE, before, limit).await
}
