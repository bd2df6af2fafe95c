//! The SQL of accounts, sessions and tokens.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::model::{Account, ApiToken, Email, Session};
use crate::storage::{self, Db, Tx};
use crate::{sql, statements};

statements! {
    INSERT: "user.insert" = "INSERT INTO users (id, email, email_key, password_hash, display_name, time_zone, locale, \
        version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    GET: "user.get" = "SELECT id, email, password_hash, display_name, time_zone, locale, version, created_at, updated_at \
        FROM users WHERE id = $1";
    HOME: "user.home" = "SELECT time_zone, locale FROM users WHERE id = $1";
    BY_EMAIL: "user.by_email" = "SELECT id, email, password_hash, display_name, time_zone, locale, version, created_at, \
        updated_at FROM users WHERE email_key = $1";
    UPDATE: "user.update" = "UPDATE users SET display_name = $3, time_zone = $4, locale = $5, version = version + 1, \
        updated_at = $6 WHERE id = $1 AND version = $2";
    PASSWORD: "user.password" = "UPDATE users SET password_hash = $2, version = version + 1, updated_at = $3 WHERE id = $1";
    DELETE: "user.delete" = "DELETE FROM users WHERE id = $1";
    LINK: "user.link" = "INSERT INTO external_identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)";
    LINKED: "user.linked" = "SELECT user_id FROM external_identities WHERE issuer = $1 AND subject = $2";

    OPEN_SESSION: "session.open" = "INSERT INTO sessions (id, user_id, user_agent, created_at, last_used_at, expires_at) \
        VALUES ($1, $2, $3, $4, $4, $5)";
    ADD_REFRESH: "session.add_token" = "INSERT INTO refresh_tokens (token_hash, session_id, issued_at) VALUES ($1, $2, $3)";
    FIND_REFRESH: "session.find_token" = {
        "SELECT t.session_id, s.user_id, t.used_at, s.revoked_at, s.expires_at FROM refresh_tokens AS t \
            JOIN sessions AS s ON s.id = t.session_id WHERE t.token_hash = $1 FOR UPDATE OF t",
        "SELECT t.session_id, s.user_id, t.used_at, s.revoked_at, s.expires_at FROM refresh_tokens AS t \
            JOIN sessions AS s ON s.id = t.session_id WHERE t.token_hash = $1"
    };
    USED_AT: "session.used_at" = "SELECT used_at FROM refresh_tokens WHERE token_hash = $1";
    USE_REFRESH: "session.use_token" = "UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1";
    TOUCH: "session.touch" = "UPDATE sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1";
    SESSIONS: "session.list" = "SELECT id, user_agent, created_at, last_used_at, expires_at FROM sessions \
        WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC LIMIT 200";
    REVOKE: "session.revoke" =
        "UPDATE sessions SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";
    REVOKE_OTHERS: "session.revoke_others" = "UPDATE sessions SET revoked_at = $3 \
        WHERE user_id = $1 AND revoked_at IS NULL AND id <> $2 RETURNING id";
    /// Housekeeping waits for nobody who holds a row.
    PURGE_SESSIONS: "session.purge" = {
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 OR revoked_at < $1 \
            LIMIT $2 FOR UPDATE SKIP LOCKED)",
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 OR revoked_at < $1 LIMIT $2)"
    };

    ADD_API_TOKEN: "api_token.add" = "INSERT INTO api_tokens (id, user_id, name, token_hash, scopes, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    API_TOKENS: "api_token.list" = "SELECT id, name, scopes, created_at, expires_at FROM api_tokens \
        WHERE user_id = $1 AND revoked_at IS NULL ORDER BY created_at DESC LIMIT 200";
    FIND_API_TOKEN: "api_token.find" = "SELECT id, user_id, scopes FROM api_tokens \
        WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    REVOKE_API_TOKEN: "api_token.revoke" =
        "UPDATE api_tokens SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";
}

/// An account with its password's hash.
#[derive(FromRow)]
pub(super) struct Known {
    pub(super) id: Uuid,
    pub(super) email: Option<String>,
    pub(super) password_hash: Option<String>,
    display_name: String,
    time_zone: String,
    locale: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Known> for Account {
    fn from(known: Known) -> Self {
        Self {
            id: known.id,
            email: known.email,
            display_name: known.display_name,
            time_zone: known.time_zone,
            locale: known.locale,
            version: known.version,
            created_at: known.created_at,
            updated_at: known.updated_at,
        }
    }
}

/// A refresh token with the session that it belongs to.
#[derive(FromRow)]
pub(super) struct Refresh {
    pub(super) session_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) used_at: Option<DateTime<Utc>>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
    pub(super) expires_at: DateTime<Utc>,
}

type Result<T> = std::result::Result<T, storage::Error>;

/// The time zone and the locale of a user; `None` for one that is not known.
pub(super) async fn home(db: &Db, user_id: Uuid) -> Result<Option<(String, String)>> {
    let mut exec = db.read().await?;
    sql!(fetch_optional (String, String) => exec, HOME, user_id)
}

pub(super) async fn insert(tx: &mut Tx, account: &Account, email: Option<&Email>, hash: Option<&str>) -> Result<()> {
    let (text, key) = (email.map(|email| &email.text), email.map(|email| &email.key));
    sql!(execute tx, INSERT, account.id, text, key, hash, &account.display_name, &account.time_zone, &account.locale,
        account.version, account.created_at)
    .map(drop)
}

pub(super) async fn get(db: &Db, id: Uuid) -> Result<Option<Known>> {
    let mut exec = db.read().await?;
    sql!(fetch_optional Known => exec, GET, id)
}

pub(super) async fn by_email(db: &Db, key: &str) -> Result<Option<Known>> {
    let mut exec = db.read().await?;
    sql!(fetch_optional Known => exec, BY_EMAIL, key)
}

pub(super) async fn update(tx: &mut Tx, after: &Account) -> Result<bool> {
    let rows = sql!(execute tx, UPDATE, after.id, after.version - 1, &after.display_name, &after.time_zone, &after.locale,
        after.updated_at)?;
    Ok(rows == 1)
}

pub(super) async fn set_password(tx: &mut Tx, id: Uuid, hash: &str, now: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, PASSWORD, id, hash, now).map(drop)
}

pub(super) async fn delete(tx: &mut Tx, id: Uuid) -> Result<()> {
    sql!(execute tx, DELETE, id).map(drop)
}

pub(super) async fn linked(db: &Db, issuer: &str, subject: &str) -> Result<Option<Uuid>> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_optional (Uuid,) => exec, LINKED, issuer, subject)?.map(|(id,)| id))
}

pub(super) async fn link(tx: &mut Tx, issuer: &str, subject: &str, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, LINK, issuer, subject, id, now).map(drop)
}

pub(super) async fn open_session(tx: &mut Tx, user_id: Uuid, session: &Session) -> Result<()> {
    sql!(execute tx, OPEN_SESSION, session.id, user_id, &session.user_agent, session.created_at, session.expires_at)
        .map(drop)
}

pub(super) async fn add_refresh(tx: &mut Tx, hash: [u8; 32], session: Uuid, now: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, ADD_REFRESH, hash.as_slice(), session, now).map(drop)
}

pub(super) async fn find_refresh(tx: &mut Tx, hash: [u8; 32]) -> Result<Option<Refresh>> {
    sql!(fetch_optional Refresh => tx, FIND_REFRESH, hash.as_slice())
}

/// Whether the token was used; `None` when there is no such token.
pub(super) async fn was_used(tx: &mut Tx, hash: [u8; 32]) -> Result<Option<bool>> {
    let row = sql!(fetch_optional (Option<DateTime<Utc>>,) => tx, USED_AT, hash.as_slice())?;
    Ok(row.map(|(used_at,)| used_at.is_some()))
}

pub(super) async fn use_refresh(tx: &mut Tx, hash: [u8; 32], now: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, USE_REFRESH, hash.as_slice(), now).map(drop)
}

pub(super) async fn touch(tx: &mut Tx, session: Uuid, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> Result<()> {
    sql!(execute tx, TOUCH, session, now, expires_at).map(drop)
}

pub(super) async fn sessions(db: &Db, user_id: Uuid, now: DateTime<Utc>) -> Result<Vec<Session>> {
    type Row = (Uuid, String, DateTime<Utc>, DateTime<Utc>, DateTime<Utc>);
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, SESSIONS, user_id, now)?;
    let session = |(id, user_agent, created_at, last_used_at, expires_at)| Session {
        id,
        user_agent,
        created_at,
        last_used_at,
        expires_at,
    };
    Ok(rows.into_iter().map(session).collect())
}

pub(super) async fn revoke(tx: &mut Tx, session: Uuid, user_id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    Ok(sql!(execute tx, REVOKE, session, user_id, now)? == 1)
}

/// Revokes all sessions of the user but `keep`.
pub(super) async fn revoke_others(tx: &mut Tx, user_id: Uuid, keep: Uuid, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    Ok(sql!(fetch_all (Uuid,) => tx, REVOKE_OTHERS, user_id, keep, now)?.into_iter().map(|(id,)| id).collect())
}

/// Deletes at most `limit` that ended before. Returns how many.
pub(super) async fn purge_sessions(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    db.purge(&PURGE_SESSIONS, before, limit).await
}

pub(super) async fn add_api_token(tx: &mut Tx, user_id: Uuid, token: &ApiToken, hash: [u8; 32]) -> Result<()> {
    sql!(execute tx, ADD_API_TOKEN, token.id, user_id, &token.name, hash.as_slice(), &token.scopes, token.created_at,
        token.expires_at)
    .map(drop)
}

pub(super) async fn api_tokens(db: &Db, user_id: Uuid) -> Result<Vec<ApiToken>> {
    type Row = (Uuid, String, String, DateTime<Utc>, Option<DateTime<Utc>>);
    let mut exec = db.read().await?;
    let rows = sql!(fetch_all Row => exec, API_TOKENS, user_id)?;
    let token = |(id, name, scopes, created_at, expires_at)| ApiToken { id, name, scopes, created_at, expires_at };
    Ok(rows.into_iter().map(token).collect())
}

/// The id, owner and scopes of a token that may be used now.
pub(super) async fn find_api_token(
    db: &Db,
    hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<(Uuid, Uuid, String)>> {
    let mut exec = db.read().await?;
    sql!(fetch_optional (Uuid, Uuid, String) => exec, FIND_API_TOKEN, hash.as_slice(), now)
}

pub(super) async fn revoke_api_token(tx: &mut Tx, id: Uuid, user_id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    Ok(sql!(execute tx, REVOKE_API_TOKEN, id, user_id, now)? == 1)
}
