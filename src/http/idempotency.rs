//! `Idempotency-Key`: the reply of a POST is stored in the transaction of its write, so that a retry gets the same
//! reply and the work is done once (draft-ietf-httpapi-idempotency-key-header).
//!
//! **Invariants.** Only the SHA-256 of a key is stored. The row is written in the transaction of the effect: either
//! both exist or neither. A parallel retry waits for the first one's transaction and then reads its reply. Replies
//! that carry a secret are never stored here.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::storage::{self, Db, Tx};
use crate::{sql, statements};

statements! {
    INSERT: "idempotency.insert" = "INSERT INTO idempotency_keys (user_id, key_hash, fingerprint, status, headers, \
        body, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    FIND: "idempotency.find" =
        "SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2";
    /// Housekeeping waits for nobody who holds a row.
    PURGE: "idempotency.purge" = {
        "DELETE FROM idempotency_keys WHERE (user_id, key_hash) IN (SELECT user_id, key_hash FROM idempotency_keys \
            WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        "DELETE FROM idempotency_keys WHERE (user_id, key_hash) IN (SELECT user_id, key_hash FROM idempotency_keys \
            WHERE created_at < $1 LIMIT $2)"
    };
    ERASE: "idempotency.erase" = "DELETE FROM idempotency_keys WHERE user_id = $1";
}

/// How long a reply is kept: a retry after that is a new request.
pub const KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// The columns of `insert_once!` in the order of their parameters.
#[derive(Clone, Debug)]
pub struct Key {
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// SHA-256 of method, path and body: the same key with another request is refused.
    pub fingerprint: [u8; 32],
}

impl Key {
    /// A key of a request.
    pub fn new(key: &str, method: &str, path: &str, body: &[u8]) -> Self {
        let request = [method.as_bytes(), b" ", path.as_bytes(), b"\n", body].concat();
        Self { hash: sha256(key.as_bytes()), fingerprint: sha256(&request) }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// A reply that can be stored and given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// `ETag` and `Location`, where there are any.
    pub headers: Vec<(HeaderName, String)>,
    /// JSON, or empty.
    pub body: String,
    /// Whether it is a stored one, given again.
    pub replayed: bool,
}

impl Reply {
    /// A fresh reply with a JSON body.
    pub fn json(status: StatusCode, body: &impl serde::Serialize) -> Self {
        Self { status, headers: Vec::new(), body: serde_json::to_string(body).unwrap_or_default(), replayed: false }
    }

    /// A fresh reply without a body.
    pub fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: String::new(), replayed: false }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The headers as they are stored.
    pub fn stored_headers(&self) -> String {
        let lines: Vec<_> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.join("\n")
    }

    fn from_row((_, status, headers, body): (Vec<u8>, i64, String, String)) -> Self {
        let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
        let headers = headers.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.parse().ok()?, value.to_owned()))
        });
        Self { status: status.unwrap_or(StatusCode::OK), headers: headers.collect(), body, replayed: true }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let has_body = !self.body.is_empty();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if self.replayed {
            headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// What is known of a key.
#[derive(Debug)]
pub enum Seen {
    /// Nothing: go on.
    Never,
    /// The same request was done: this was its reply.
    Same(Reply),
    /// Another request was done with this key.
    Other,
}

/// Looks a key up.
pub async fn find(db: &Db, user_id: Uuid, key: &Key) -> Result<Seen, storage::Error> {
    let mut exec = db.read().await?;
    let row = sql!(fetch_optional (Vec<u8>, i64, String, String) => exec, FIND, user_id, key.hash.as_slice())?;
    Ok(match row {
        None => Seen::Never,
        Some(row) if row.0 == key.fingerprint => Seen::Same(Reply::from_row(row)),
        Some(_) => Seen::Other,
    })
}

/// What came of a write: the thing as it is now, or the stored reply of the same request.
#[derive(Debug)]
pub enum Outcome<T> {
    /// Done now.
    Done(T),
    /// Done before.
    Replay(Reply),
}

impl<T> Outcome<T> {
    /// The reply: what `fresh` makes of it, or the stored one.
    pub fn reply(self, fresh: impl FnOnce(&T) -> Reply) -> Reply {
        match self {
            Self::Done(done) => fresh(&done),
            Self::Replay(reply) => reply,
        }
    }
}

/// Stores the reply in the transaction of the write. `false`: the key was taken meanwhile; roll back and [`find`] it.
pub async fn store(
    tx: &mut Tx,
    user_id: Uuid,
    key: &Key,
    reply: &Reply,
    now: DateTime<Utc>,
) -> Result<bool, storage::Error> {
    let (status, headers) = (i64::from(reply.status.as_u16()), reply.stored_headers());
    let (hash, fingerprint) = (key.hash.as_slice(), key.fingerprint.as_slice());
    Ok(sql!(execute tx, INSERT, user_id, hash, fingerprint, status, headers, &reply.body, now)? == 1)
}

/// Deletes at most `limit` replies older than [`KEPT`]. Returns how many.
pub async fn purge(db: &Db, now: DateTime<Utc>, limit: i64) -> Result<u64, storage::Error> {
    db.purge(&PURGE, now - KEPT, limit).await
}

/// Deletes an account's replies.
pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
    sql!(execute tx, ERASE, user_id).map(drop)
}
