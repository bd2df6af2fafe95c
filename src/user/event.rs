//! What an account's events say: never an e-mail address, a network address or a secret.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::events::{Draft, Topic};

/// An event on `user-events` about `subject_id`: the account, a session or a token.
fn about(event_type: &'static str, subject_id: Uuid, payload: Value) -> Draft<Value> {
    Draft { topic: Topic::User, event_type, subject_id, payload }
}

pub(super) fn registered(user: Uuid, time_zone: &str, locale: &str) -> Draft<Value> {
    about("USER_REGISTERED", user, json!({ "timeZone": time_zone, "locale": locale }))
}

pub(super) fn signed_in(session: Uuid) -> Draft<Value> {
    about("USER_SIGNED_IN", session, json!({ "sessionId": session }))
}

/// `client` is a keyed hash of the address, so that tries from one place can be told apart and the place cannot.
pub(super) fn sign_in_failed(user: Uuid, client: &str) -> Draft<Value> {
    about("USER_SIGN_IN_FAILED", user, json!({ "reason": "wrong_password", "clientHash": client }))
}

pub(super) fn signed_out(session: Uuid) -> Draft<Value> {
    about("USER_SIGNED_OUT", session, json!({ "sessionId": session }))
}

pub(super) fn sessions_revoked(user: Uuid, sessions: &[Uuid], reason: &str) -> Draft<Value> {
    about("USER_SESSIONS_REVOKED", user, json!({ "sessionIds": sessions, "reason": reason }))
}

pub(super) fn profile_updated(user: Uuid, changed: &[&str]) -> Draft<Value> {
    about("USER_PROFILE_UPDATED", user, json!({ "changed": changed }))
}

pub(super) fn password_changed(user: Uuid) -> Draft<Value> {
    about("USER_PASSWORD_CHANGED", user, json!({}))
}

pub(super) fn api_token_created(token: Uuid, scopes: &str) -> Draft<Value> {
    let scopes: Vec<_> = scopes.split(' ').collect();
    about("USER_API_TOKEN_CREATED", token, json!({ "apiTokenId": token, "scopes": scopes }))
}

pub(super) fn api_token_revoked(token: Uuid) -> Draft<Value> {
    about("USER_API_TOKEN_REVOKED", token, json!({ "apiTokenId": token }))
}

pub(super) fn erased(user: Uuid) -> Draft<Value> {
    about("USER_ERASED", user, json!({}))
}
