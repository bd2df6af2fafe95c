//! Which event becomes which notification: pure.
//!
//! **To add one.** Name it in [`Kind`] with its severity, and give its event an arm in [`notice`]: the kind, a title for
//! people, what it is about, and the data that a program needs to say it in its own words. Nothing else knows the list:
//! no table, no route and no client's code has to change. An event of another version of the product, of which this one
//! does not know the type's payload, is read member by member ([`text`], [`id`]), and what is missing is left out.

use chrono::{DateTime, Utc};
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::events::contract::{ApiTokenCreated, ApiTokenRevoked, ReminderFired, SessionsRevoked};

/// What a notification tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The password was changed.
    PasswordChanged,
    /// A session was ended because two had its refresh token.
    SessionRevoked,
    /// A personal API token was made.
    ApiTokenCreated,
    /// A personal API token was revoked.
    ApiTokenRevoked,
    /// A webhook failed for so long that nothing is sent to it any more.
    WebhookDisabled,
    /// A reminder of a task fired.
    Reminder,
}

impl Kind {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PasswordChanged => "password_changed",
            Self::SessionRevoked => "session_revoked",
            Self::ApiTokenCreated => "api_token_created",
            Self::ApiTokenRevoked => "api_token_revoked",
            Self::WebhookDisabled => "webhook_disabled",
            Self::Reminder => "reminder",
        }
    }

    /// `info`: good to know. `warning`: look whether it is right. `critical`: somebody else may have been here.
    pub fn severity(self) -> &'static str {
        match self {
            Self::ApiTokenRevoked | Self::Reminder => "info",
            Self::PasswordChanged | Self::ApiTokenCreated | Self::WebhookDisabled => "warning",
            Self::SessionRevoked => "critical",
        }
    }
}

/// What a notification is about: enough to link to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Subject {
    /// `session`, `api_token`, `webhook`, `task`; more may come.
    #[serde(rename = "type")]
    #[schema(example = "api_token")]
    pub of: String,
    /// Its id.
    pub id: Uuid,
}

/// What an event tells somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What it tells.
    pub kind: Kind,
    /// For people, in English. A client that speaks another language has `kind` and `data`.
    pub title: String,
    /// What it is about.
    pub subject: Option<Subject>,
    /// An object.
    pub data: Value,
}

impl Notice {
    fn new(kind: Kind, title: impl Into<String>, subject: Option<(&str, Uuid)>, data: Value) -> Self {
        let subject = subject.map(|(of, id)| Subject { of: of.to_owned(), id });
        Self { kind, title: title.into(), subject, data }
    }
}

/// What an event tells its user; most tell nothing. An error says that a payload lacks what its type promises.
pub fn notice(event_type: &str, payload: &Value) -> Result<Option<Notice>, serde_json::Error> {
    Ok(match event_type {
        "USER_PASSWORD_CHANGED" => {
            Some(Notice::new(Kind::PasswordChanged, "Your password was changed", None, json!({})))
        }
        "USER_SESSIONS_REVOKED" => {
            let revoked = SessionsRevoked::deserialize(payload)?;
            // Whoever ends a session themselves, or changes the password, knows it.
            (revoked.reason == "refresh_token_reused").then(|| {
                let title = "A session was ended because its refresh token came twice";
                let session = revoked.session_ids.first().map(|id| ("session", *id));
                Notice::new(Kind::SessionRevoked, title, session, json!({ "reason": revoked.reason }))
            })
        }
        "USER_API_TOKEN_CREATED" => {
            let token = ApiTokenCreated::deserialize(payload)?;
            let subject = Some(("api_token", token.api_token_id));
            Some(Notice::new(
                Kind::ApiTokenCreated,
                "An API token was made",
                subject,
                json!({ "scopes": token.scopes }),
            ))
        }
        "USER_API_TOKEN_REVOKED" => {
            let subject = Some(("api_token", ApiTokenRevoked::deserialize(payload)?.api_token_id));
            Some(Notice::new(Kind::ApiTokenRevoked, "An API token was revoked", subject, json!({})))
        }
        "WEBHOOK_DISABLED" => {
            let (host, reason) = (text(payload, "host", 255), text(payload, "reason", 500));
            let which = host.as_ref().map_or_else(|| "A webhook".to_owned(), |host| format!("The webhook to {host}"));
            let subject = id(payload, "webhookId").map(|id| ("webhook", id));
            let data = json!({ "host": host, "reason": reason });
            Some(Notice::new(Kind::WebhookDisabled, format!("{which} was switched off"), subject, data))
        }
        "REMINDER_FIRED" => {
            let fired = ReminderFired::deserialize(payload)?;
            let data = json!({
                "remindAt": fired.remind_at, "dueDate": fired.due_date, "dueAt": fired.due_at, "dueZone": fired.due_zone,
                "minutesBefore": fired.minutes_before, "lateSeconds": fired.late_seconds,
            });
            Some(Notice::new(Kind::Reminder, fired.task_title, Some(("task", fired.task_id)), data))
        }
        _ => None,
    })
}

/// A text of a payload, on one line and of at most so many characters.
fn text(payload: &Value, name: &str, most: usize) -> Option<String> {
    let text = payload.get(name)?.as_str()?;
    Some(text.chars().filter(|c| !c.is_control()).take(most).collect())
}

/// An id of a payload.
fn id(payload: &Value, name: &str) -> Option<Uuid> {
    payload.get(name)?.as_str()?.parse().ok()
}

/// A notification as its reader gets it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// That of the event it was made of.
    pub id: Uuid,
    /// Rises with each notification of the user; numbers may be missing.
    pub number: i64,
    /// `password_changed`, `session_revoked`, `api_token_created`, `api_token_revoked`, `webhook_disabled`,
    /// `reminder`; more may come.
    #[schema(example = "password_changed")]
    pub kind: String,
    /// `info`, `warning` or `critical`.
    #[schema(example = "warning")]
    pub severity: String,
    /// For people, in English.
    #[schema(example = "Your password was changed")]
    pub title: String,
    /// What it is about, where that has an id.
    pub subject: Option<Subject>,
    /// What else there is to say, by kind.
    #[schema(value_type = Object)]
    pub data: Value,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// When it was read.
    pub read_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
