//! The SQL of webhooks.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::Error;
use super::model::{DisabledReason, Webhook};
use crate::kernel::{Cursor, Page};
use crate::storage::{self, Db, Tx};
use crate::{sql, statements};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, url, description, event_types, secret_version, rotated_at, disabled_at, disabled_reason, ",
            "version, created_at, updated_at FROM webhooks ",
            $rest
        )
    };
}

statements! {
    GET: "webhook.get" = (select!("WHERE user_id = $1 AND id = $2"));
    LIST: "webhook.list" = (select!("WHERE user_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4"));
    COUNT: "webhook.count" = "SELECT count(*) FROM webhooks WHERE user_id = $1";
    INSERT: "webhook.insert" = "INSERT INTO webhooks (id, user_id, url, description, event_types, secret_version, since_seq, failures, \
        disabled_at, disabled_reason, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $11)";
    // It starts anew where it is switched on: with the events from that one on ($11), and with no failure.
    UPDATE: "webhook.update" = "UPDATE webhooks SET url = $4, description = $5, event_types = $6, secret_version = $7, rotated_at = $8, \
        disabled_at = $9, disabled_reason = $10, since_seq = coalesce(CAST($11 AS bigint), since_seq), \
        failures = CASE WHEN CAST($11 AS bigint) IS NULL THEN failures ELSE 0 END, version = version + 1, updated_at = $12 \
        WHERE user_id = $1 AND id = $2 AND version = $3";
    DELETE: "webhook.delete" = "DELETE FROM webhooks WHERE user_id = $1 AND id = $2 AND version = $3";
    ERASE: "webhook.erase" = "DELETE FROM webhooks WHERE user_id = $1";
    // Locked, so that who deletes a webhook waits, and deletes what is added to it here. One look for each user: of a
    // join PostgreSQL makes a walk through all webhooks as long as it takes them to be few.
    ENABLED: "webhook.enabled" = {
        "SELECT hook.id, hook.user_id, hook.event_types, hook.since_seq FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS who \
            CROSS JOIN LATERAL (SELECT id, user_id, event_types, since_seq FROM webhooks WHERE disabled_at IS NULL \
            AND user_id = CAST(who.value AS uuid) FOR KEY SHARE) AS hook",
        "SELECT id, user_id, event_types, since_seq FROM webhooks WHERE disabled_at IS NULL \
            AND user_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1)) ORDER BY id"
    };
    LOCK: "webhook.lock" = {
        "SELECT id FROM webhooks WHERE user_id = $1 AND id = $2 FOR KEY SHARE",
        "SELECT id FROM webhooks WHERE user_id = $1 AND id = $2"
    };
    OWNERS: "webhook.owners" = {
        "SELECT DISTINCT user_id FROM webhooks WHERE disabled_at IS NULL \
            AND user_id = ANY(ARRAY(SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($1 AS jsonb))))",
        "SELECT DISTINCT user_id FROM webhooks WHERE disabled_at IS NULL \
            AND user_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))"
    };
    WORKED: "webhook.worked" = "UPDATE webhooks SET failures = 0 WHERE id = $1 AND failures > 0";
    FAILED: "webhook.failed" = "UPDATE webhooks SET failures = failures + 1 WHERE id = $1 RETURNING failures";
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    url: String,
    description: String,
    event_types: Option<String>,
    secret_version: i64,
    rotated_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            url: row.url,
            description: row.description,
            event_types: row.event_types.map(|names| names.split(' ').map(str::to_owned).collect()),
            enabled: row.disabled_at.is_none(),
            disabled_reason: row.disabled_reason.as_deref().map(DisabledReason::of),
            disabled_at: row.disabled_at,
            secret_version: row.secret_version,
            secret_rotated_at: row.rotated_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A webhook as the consumer needs it.
#[derive(FromRow)]
pub(super) struct Enabled {
    pub(super) id: Uuid,
    pub(super) user_id: Uuid,
    event_types: Option<String>,
    since_seq: i64,
}

impl Enabled {
    /// Whether it gets an event of this type and number.
    pub(super) fn wants(&self, event_type: &str, seq: i64) -> bool {
        let types = self.event_types.as_deref();
        seq >= self.since_seq && types.is_none_or(|types| types.split(' ').any(|name| name == event_type))
    }
}

type Result<T> = std::result::Result<T, storage::Error>;

pub(super) async fn get(db: &Db, user_id: Uuid, id: Uuid) -> Result<Option<Webhook>> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional Row => exec, GET, user_id, id)?.map(Webhook::from))
}

/// The user's webhooks, oldest first.
pub(super) async fn list(
    db: &Db,
    user_id: Uuid,
    cursor: Option<&str>,
    limit: usize,
) -> std::result::Result<Page<Webhook>, Error> {
    let after = cursor.map(Cursor::decode::<(DateTime<Utc>, Uuid)>).transpose()?;
    let (created_at, id) = after.unwrap_or((DateTime::UNIX_EPOCH, Uuid::nil()));
    let surplus = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, LIST, user_id, created_at, id, surplus)?;
    let rows = rows.into_iter().map(Webhook::from).collect();
    Ok(Page::of(rows, limit, |webhook: &Webhook| (webhook.created_at, webhook.id)))
}

pub(super) async fn count(tx: &mut Tx, user_id: Uuid) -> Result<i64> {
    Ok(sql!(fetch_one (i64,) => tx, COUNT, user_id)?.0)
}

/// `since` is the number of the event that tells of it.
pub(super) async fn insert(tx: &mut Tx, webhook: &Webhook, since: i64) -> Result<()> {
    let (types, reason) = (types(webhook), webhook.disabled_reason.map(DisabledReason::as_str));
    sql!(execute tx, INSERT, webhook.id, webhook.user_id, &webhook.url, &webhook.description, types,
        webhook.secret_version, since, webhook.disabled_at, reason, webhook.version, webhook.created_at)
    .map(drop)
}

/// Writes `after` over version `after.version - 1`. `false`: that is not the present version. `since`: it was switched on
/// with this event.
pub(super) async fn update(tx: &mut Tx, after: &Webhook, since: Option<i64>) -> Result<bool> {
    let (types, reason) = (types(after), after.disabled_reason.map(DisabledReason::as_str));
    let rows = sql!(execute tx, UPDATE, after.user_id, after.id, after.version - 1, &after.url, &after.description, types,
        after.secret_version, after.secret_rotated_at, after.disabled_at, reason, since, after.updated_at)?;
    Ok(rows == 1)
}

/// `false`: that is not the present version.
pub(super) async fn delete(tx: &mut Tx, webhook: &Webhook) -> Result<bool> {
    Ok(sql!(execute tx, DELETE, webhook.user_id, webhook.id, webhook.version)? == 1)
}

pub(super) async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<()> {
    sql!(execute tx, ERASE, user_id).map(drop)
}

/// Locks a webhook, so that who deletes it waits, and deletes what is added to it here. `false`: there is none.
pub(super) async fn lock(tx: &mut Tx, user_id: Uuid, id: Uuid) -> Result<bool> {
    Ok(sql!(fetch_optional (Uuid,) => tx, LOCK, user_id, id)?.is_some())
}

/// Who of these users (a list in JSON) has a webhook that is enabled.
pub(super) async fn owners(db: &Db, users: &str) -> Result<BTreeSet<Uuid>> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (Uuid,) => exec, OWNERS, users)?.into_iter().map(|(user_id,)| user_id).collect())
}

/// The webhooks of these users (a list in JSON) that are enabled.
pub(super) async fn enabled(tx: &mut Tx, users: &str) -> Result<Vec<Enabled>> {
    sql!(fetch_all Enabled => tx, ENABLED, users)
}

/// A delivery was taken: what failed before does not count any more.
pub(super) async fn worked(tx: &mut Tx, id: Uuid) -> Result<()> {
    sql!(execute tx, WORKED, id).map(drop)
}

/// A delivery failed to the end. Returns how many in a row did; `None`: the webhook is gone.
pub(super) async fn failed(tx: &mut Tx, id: Uuid) -> Result<Option<i64>> {
    Ok(sql!(fetch_optional (i64,) => tx, FAILED, id)?.map(|(failures,)| failures))
}

fn types(webhook: &Webhook) -> Option<String> {
    webhook.event_types.as_ref().map(|names| names.join(" "))
}
