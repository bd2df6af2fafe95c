//! `user-events`: what happens to accounts, and to what tasks are kept in. Never an e-mail address, a network address or a secret.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CollectionPayload, FieldChange, ReminderFired};

super::events! {
    /// What happens to accounts. Never an e-mail address.
    UserEvent on User {
        /// An account was made.
        Registered(Registered) = "USER_REGISTERED",
        /// A session began.
        SignedIn(SignedIn) = "USER_SIGNED_IN",
        /// A session was ended by who used it.
        SignedOut(SignedOut) = "USER_SIGNED_OUT",
        /// Somebody did not know the password.
        SignInFailed(SignInFailed) = "USER_SIGN_IN_FAILED",
        /// The profile was edited.
        ProfileUpdated(ProfileUpdated) = "USER_PROFILE_UPDATED",
        /// The password was changed.
        PasswordChanged(PasswordChanged) = "USER_PASSWORD_CHANGED",
        /// Sessions were ended from elsewhere, or by the service.
        SessionsRevoked(SessionsRevoked) = "USER_SESSIONS_REVOKED",
        /// A personal API token was made.
        ApiTokenCreated(ApiTokenCreated) = "USER_API_TOKEN_CREATED",
        /// A personal API token was revoked.
        ApiTokenRevoked(ApiTokenRevoked) = "USER_API_TOKEN_REVOKED",
        /// Notifications were read.
        NotificationRead(NotificationRead) = "NOTIFICATION_READ",
        /// Notifications were deleted by their reader.
        NotificationDeleted(NotificationDeleted) = "NOTIFICATION_DELETED",
        /// A webhook was made. It is the first event that the webhook gets.
        WebhookCreated(WebhookCreated) = "WEBHOOK_CREATED",
        /// A webhook was edited, switched off or switched on.
        WebhookUpdated(WebhookUpdated) = "WEBHOOK_UPDATED",
        /// A webhook was deleted.
        WebhookDeleted(WebhookDeleted) = "WEBHOOK_DELETED",
        /// A webhook was switched off by the service.
        WebhookDisabled(WebhookDisabled) = "WEBHOOK_DISABLED",
        /// A webhook got a new signing secret.
        WebhookSecretRotated(WebhookSecretRotated) = "WEBHOOK_SECRET_ROTATED",
        /// A reminder of a task fired.
        ReminderFired(ReminderFired) = "REMINDER_FIRED",
        /// A project was made.
        ProjectCreated(CollectionPayload) = "PROJECT_CREATED",
        /// A project was edited, moved or archived.
        ProjectUpdated(CollectionPayload) = "PROJECT_UPDATED",
        /// A project was deleted, and its sections.
        ProjectDeleted(CollectionPayload) = "PROJECT_DELETED",
        /// A section of a project was made.
        SectionCreated(CollectionPayload) = "SECTION_CREATED",
        /// A section was edited or moved.
        SectionUpdated(CollectionPayload) = "SECTION_UPDATED",
        /// A section was deleted.
        SectionDeleted(CollectionPayload) = "SECTION_DELETED",
        /// A filter was saved.
        FilterCreated(CollectionPayload) = "FILTER_CREATED",
        /// A saved filter was edited or moved.
        FilterUpdated(CollectionPayload) = "FILTER_UPDATED",
        /// A saved filter was deleted.
        FilterDeleted(CollectionPayload) = "FILTER_DELETED",
        /// A tag got a colour.
        TagCreated(CollectionPayload) = "TAG_CREATED",
        /// A tag with a colour was edited.
        TagUpdated(CollectionPayload) = "TAG_UPDATED",
        /// A tag has no colour any more.
        TagDeleted(CollectionPayload) = "TAG_DELETED",
        /// The account and all of its data were erased: the last event of its log.
        Erased(Erased) = "USER_ERASED",
    }
}

/// An account was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// Name of an IANA time zone.
    pub time_zone: String,
    /// A BCP 47 language tag.
    pub locale: String,
}

/// A session began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// The session.
    pub session_id: Uuid,
}

/// A session was ended by who used it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedOut {
    /// The session.
    pub session_id: Uuid,
}

/// Somebody did not know the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInFailed {
    /// Why it happened.
    pub reason: String,
    /// A truncated keyed hash of where it came from: tries from one place can be told apart, the place cannot.
    pub client_hash: String,
}

/// The profile was edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileUpdated {
    /// The names of the fields that changed; their values are personal.
    pub changed: Vec<String>,
    /// Name of an IANA time zone.
    // Where it changed: what the user's days are depends on it. The registration tells it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub time_zone: Option<String>,
    /// Version 1 reserved it. It is personal, and never filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub display_name: Option<String>,
}

/// The password was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PasswordChanged {}

/// Sessions were ended from elsewhere, or by the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionsRevoked {
    /// The sessions.
    pub session_ids: Vec<Uuid>,
    /// Why it happened.
    pub reason: String,
}

/// A personal API token was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiTokenCreated {
    /// The token, not its secret.
    pub api_token_id: Uuid,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Version 1 reserved it. It is personal, and never filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub name: Option<String>,
}

/// A personal API token was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiTokenRevoked {
    /// The token, not its secret.
    pub api_token_id: Uuid,
}

/// Notifications were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRead {
    /// The notifications: each has the id of the event that it was made of.
    pub notification_ids: Vec<Uuid>,
}

/// Notifications were deleted by their reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationDeleted {
    /// The notifications: each has the id of the event that it was made of.
    pub notification_ids: Vec<Uuid>,
}

/// A webhook was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookCreated {
    /// The webhook, not its secret.
    pub webhook_id: Uuid,
    /// The host of its address. The rest of the address may hold credentials, and is never told.
    pub host: String,
    /// The types of events that it gets; none: all.
    pub event_types: Vec<String>,
}

/// A webhook was edited, switched off or switched on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookUpdated {
    /// The webhook, not its secret.
    pub webhook_id: Uuid,
    /// The host of its address. The rest of the address may hold credentials, and is never told.
    pub host: String,
    /// The names of the fields that changed; their values are personal.
    pub changed: Vec<String>,
    /// Field by field, what it was and what it is. Of a webhook only what is not personal: `host`, `eventTypes`, `enabled`.
    pub changes: BTreeMap<String, FieldChange>,
}

/// A webhook was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDeleted {
    /// The webhook, not its secret.
    pub webhook_id: Uuid,
    /// The host of its address. The rest of the address may hold credentials, and is never told.
    pub host: String,
}

/// A webhook was switched off by the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDisabled {
    /// The webhook, not its secret.
    pub webhook_id: Uuid,
    /// The host of its address. The rest of the address may hold credentials, and is never told.
    pub host: String,
    /// Why it happened.
    pub reason: String,
}

/// A webhook got a new signing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSecretRotated {
    /// The webhook, not its secret.
    pub webhook_id: Uuid,
}

/// The account and all of its data were erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {}
