//! What an account's events say: never an e-mail address, a network address or a secret.

use uuid::Uuid;

use crate::events::Draft as AnyDraft;
use crate::events::contract::{
    ApiTokenCreated, ApiTokenRevoked, Erased, PasswordChanged, PayloadOf, ProfileUpdated, Registered, SessionsRevoked,
    SignInFailed, SignedIn, SignedOut, UserEvent,
};

type Draft = AnyDraft<PayloadOf<UserEvent>>;

pub(super) fn registered(user: Uuid, time_zone: &str, locale: &str) -> Draft {
    let payload = Registered { time_zone: time_zone.to_owned(), locale: locale.to_owned() };
    Draft::of(user, UserEvent::Registered(payload))
}

pub(super) fn signed_in(session: Uuid) -> Draft {
    Draft::of(session, UserEvent::SignedIn(SignedIn { session_id: session }))
}

/// `client` is a keyed hash of the address, so that tries from one place can be told apart and the place cannot.
pub(super) fn sign_in_failed(user: Uuid, client: String) -> Draft {
    let payload = SignInFailed { reason: "wrong_password".to_owned(), client_hash: client };
    Draft::of(user, UserEvent::SignInFailed(payload))
}

pub(super) fn signed_out(session: Uuid) -> Draft {
    Draft::of(session, UserEvent::SignedOut(SignedOut { session_id: session }))
}

pub(super) fn sessions_revoked(user: Uuid, sessions: &[Uuid], reason: &str) -> Draft {
    let payload = SessionsRevoked { session_ids: sessions.to_vec(), reason: reason.to_owned() };
    Draft::of(user, UserEvent::SessionsRevoked(payload))
}

/// Of what changed only the time zone is told: others count a user's days by it.
pub(super) fn profile_updated(user: Uuid, changed: &[&str], time_zone: &str) -> Draft {
    let time_zone = changed.contains(&"timeZone").then(|| time_zone.to_owned());
    let changed = changed.iter().map(|name| (*name).to_owned()).collect();
    Draft::of(user, UserEvent::ProfileUpdated(ProfileUpdated { changed, time_zone, display_name: None }))
}

pub(super) fn password_changed(user: Uuid) -> Draft {
    Draft::of(user, UserEvent::PasswordChanged(PasswordChanged {}))
}

pub(super) fn api_token_created(token: Uuid, scopes: &str) -> Draft {
    let scopes = scopes.split(' ').map(str::to_owned).collect();
    Draft::of(token, UserEvent::ApiTokenCreated(ApiTokenCreated { api_token_id: token, scopes, name: None }))
}

pub(super) fn api_token_revoked(token: Uuid) -> Draft {
    Draft::of(token, UserEvent::ApiTokenRevoked(ApiTokenRevoked { api_token_id: token }))
}

pub(super) fn erased(user: Uuid) -> Draft {
    Draft::of(user, UserEvent::Erased(Erased {}))
}
