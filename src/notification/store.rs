//! The SQL of notifications.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::model::{Notice, Notification, Subject};
use crate::events::consumer::Delivery;
use crate::storage::rows::json;
use crate::storage::{Db, Error, Sql, Tx};
use crate::{sql, statements};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, number, kind, severity, title, subject_type, subject_id, data, created_at, read_at ",
            "FROM notifications WHERE user_id = $1 AND ",
            $rest
        )
    };
}

statements! {
    /// Locks the user's row, made where it is missing, and takes so many numbers.
    TAKE: "notification.take" = "INSERT INTO notification_users (user_id, last_number) VALUES ($1, $2) ON CONFLICT (user_id) \
        DO UPDATE SET last_number = notification_users.last_number + excluded.last_number RETURNING last_number";
    LOCK: "notification.lock" = {
        "SELECT last_number FROM notification_users WHERE user_id = $1 FOR UPDATE",
        "SELECT last_number FROM notification_users WHERE user_id = $1"
    };
    INSERT: "notification.insert" = "INSERT INTO notifications (user_id, number, id, kind, severity, title, subject_type, \
        subject_id, data, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    /// All but the newest `$2`.
    CUT: "notification.cut" = "DELETE FROM notifications WHERE user_id = $1 AND number <= (SELECT number FROM notifications \
        WHERE user_id = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)";

    LAST: "notification.last" = "SELECT last_number FROM notification_users WHERE user_id = $1";
    LAST_OF: "notification.last_of" = {
        "SELECT user_id, last_number FROM notification_users \
            WHERE user_id IN (SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($1 AS jsonb)))",
        "SELECT user_id, last_number FROM notification_users \
            WHERE user_id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($1))"
    };
    GET: "notification.get" = (select!("id = $2"));
    PAGE: "notification.list" = (select!("number < $2 ORDER BY number DESC LIMIT $3"));
    PAGE_UNREAD: "notification.list_unread" = (select!("number < $2 AND read_at IS NULL ORDER BY number DESC LIMIT $3"));
    AFTER: "notification.after" = (select!("number > $2 ORDER BY number LIMIT $3"));
    UNREAD: "notification.unread" = "SELECT count(*) FROM notifications WHERE user_id = $1 AND read_at IS NULL";
    UNREAD_IDS: "notification.unread_ids" =
        "SELECT id FROM notifications WHERE user_id = $1 AND read_at IS NULL AND number <= $2 ORDER BY number";

    READ: "notification.read" = {
        "UPDATE notifications SET read_at = $3 WHERE user_id = $1 AND read_at IS NULL \
            AND id IN (SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST($2 AS jsonb)))",
        "UPDATE notifications SET read_at = $3 WHERE user_id = $1 AND read_at IS NULL \
            AND id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))"
    };
    DELETE: "notification.delete" = "DELETE FROM notifications WHERE user_id = $1 AND id = $2";
    FORGET_USER: "notification.forget_user" = "DELETE FROM notification_users WHERE user_id = $1";
    FORGET: "notification.forget" = "DELETE FROM notifications WHERE user_id = $1";
    /// Housekeeping waits for nobody who holds a row, so that nobody waits for it in a circle.
    PURGE: "notification.purge" = {
        "DELETE FROM notifications WHERE (user_id, number) IN (SELECT user_id, number FROM notifications \
            WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        "DELETE FROM notifications WHERE (user_id, number) IN (SELECT user_id, number FROM notifications \
            WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
    };
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    number: i64,
    kind: String,
    severity: String,
    title: String,
    subject_type: Option<String>,
    subject_id: Option<Uuid>,
    data: String,
    created_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
}

impl From<Row> for Notification {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            number: row.number,
            kind: row.kind,
            severity: row.severity,
            title: row.title,
            subject: row.subject_type.zip(row.subject_id).map(|(of, id)| Subject { of, id }),
            data: serde_json::from_str(&row.data).unwrap_or_default(),
            created_at: row.created_at,
            read_at: row.read_at,
        }
    }
}

/// Locks the user's row until the end of the transaction, and takes `count` numbers. Returns the first one.
pub(super) async fn take_numbers(tx: &mut Tx, user_id: Uuid, count: usize) -> Result<i64, Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (last,) = sql!(fetch_one (i64,) => tx, TAKE, user_id, count)?;
    Ok(last - count + 1)
}

/// Locks the user's row, where there is one: without it there is no notification either.
pub(super) async fn lock(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(fetch_optional (i64,) => tx, LOCK, user_id).map(drop)
}

/// False: there is one of this event already.
pub(super) async fn insert(tx: &mut Tx, number: i64, event: &Delivery, notice: &Notice) -> Result<bool, Error> {
    let subject_type = notice.subject.as_ref().map(|subject| &subject.of);
    let subject_id = notice.subject.as_ref().map(|subject| subject.id);
    let (kind, severity) = (notice.kind.as_str(), notice.kind.severity());
    let rows = sql!(execute tx, INSERT, event.user_id, number, event.event_id, kind, severity, &notice.title,
        subject_type, subject_id, notice.data.to_string(), event.occurred_at)?;
    Ok(rows == 1)
}

/// Leaves the newest `most` of a user.
pub(super) async fn cut(tx: &mut Tx, user_id: Uuid, most: i64) -> Result<(), Error> {
    sql!(execute tx, CUT, user_id, most).map(drop)
}

/// The last number that the user was given; 0 before the first.
pub(super) async fn last_number(db: &Db, user_id: Uuid) -> Result<i64, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (i64,) => exec, LAST, user_id)?.map_or(0, |(number,)| number))
}

/// The same of many, those left out that never had one.
pub(super) async fn last_numbers(db: &Db, users: &[Uuid]) -> Result<Vec<(Uuid, i64)>, Error> {
    let mut exec = db.read().await?;
    sql!(fetch_all (Uuid, i64) => exec, LAST_OF, json(users))
}

pub(super) async fn get(db: &Db, user_id: Uuid, id: Uuid) -> Result<Option<Notification>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional Row => exec, GET, user_id, id)?.map(Notification::from))
}

async fn some(db: &Db, sql: &Sql, user_id: Uuid, from: i64, limit: i64) -> Result<Vec<Notification>, Error> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, sql, user_id, from, limit)?;
    Ok(rows.into_iter().map(Notification::from).collect())
}

/// At most `limit` before number `before`, newest first.
pub(super) async fn page(
    db: &Db,
    user_id: Uuid,
    unread: bool,
    before: i64,
    limit: i64,
) -> Result<Vec<Notification>, Error> {
    some(db, if unread { &PAGE_UNREAD } else { &PAGE }, user_id, before, limit).await
}

/// At most `limit` after number `after`, oldest first.
pub(super) async fn after(db: &Db, user_id: Uuid, after: i64, limit: i64) -> Result<Vec<Notification>, Error> {
    some(db, &AFTER, user_id, after, limit).await
}

/// How many are unread.
pub(super) async fn unread(db: &Db, user_id: Uuid) -> Result<i64, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_one (i64,) => exec, UNREAD, user_id)?.0)
}

/// Those that are unread, up to a number.
pub(super) async fn unread_ids(db: &Db, user_id: Uuid, up_to: i64) -> Result<Vec<Uuid>, Error> {
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all (Uuid,) => exec, UNREAD_IDS, user_id, up_to)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Marks those of these that are unread. Returns how many were.
pub(super) async fn read(tx: &mut Tx, user_id: Uuid, ids: &[Uuid], at: DateTime<Utc>) -> Result<usize, Error> {
    let rows = sql!(execute tx, READ, user_id, json(ids), at)?;
    Ok(usize::try_from(rows).unwrap_or_default())
}

/// False: there is none.
pub(super) async fn delete(tx: &mut Tx, user_id: Uuid, id: Uuid) -> Result<bool, Error> {
    Ok(sql!(execute tx, DELETE, user_id, id)? == 1)
}

/// Deletes everything of a user, the row with the lock first.
pub(super) async fn forget(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, FORGET_USER, user_id)?;
    sql!(execute tx, FORGET, user_id).map(drop)
}

/// Deletes at most `limit` that are older. Returns how many.
pub(super) async fn purge(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    db.purge(&PURGE, before, limit).await
}
