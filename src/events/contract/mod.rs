//! The contract: what is in an event of each topic, as types. The JSON Schemas in `../schemas/` are made from them
//! (`make schemas`), and a test fails where the two differ.
//!
//! **Rules.** A slice makes its events from these types, so an event without what its type promises does not compile.
//! The schema is flat: one `eventType` of all, and one payload that has the fields of all, of which only those that
//! every event has are required. It is what a reader may rely on in every version; see [`super::compat`].
//! A field that is added is optional, and the topic's version rises with it.

mod chat;
mod collection;
#[cfg(test)]
mod generate;
mod reminder;
mod todo;
mod user;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

pub use chat::{ChatEvent, Message, Role};
pub use collection::CollectionPayload;
pub use reminder::ReminderFired;
pub use todo::{FieldChange, TaskPayload, TaskPriority, TaskReminder, TodoEvent};
pub use user::{
    ApiTokenCreated, ApiTokenRevoked, Erased, NotificationDeleted, NotificationRead, PasswordChanged, ProfileUpdated,
    Registered, SessionsRevoked, SignInFailed, SignedIn, SignedOut, UserEvent, WebhookCreated, WebhookDeleted,
    WebhookDisabled, WebhookSecretRotated, WebhookUpdated,
};

use super::{Draft, Topic};

/// An event as a consumer reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<E> {
    /// The same in each delivery of the event: drop what was seen.
    pub event_id: Uuid,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// Whose it is; the key on the broker.
    pub user_id: Uuid,
    /// `eventType` and `payload`.
    #[serde(flatten)]
    pub event: E,
}

/// The events of one topic.
pub trait Contract {
    /// The topic.
    const TOPIC: Topic;

    /// The name of this one, e.g. `TASK_CREATED`.
    fn event_type(&self) -> &'static str;

    /// Serialises the payload alone.
    fn serialize_payload<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// The payload of an event, without its name.
#[derive(Debug)]
pub struct PayloadOf<E>(E);

impl<E: Contract> Serialize for PayloadOf<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_payload(serializer)
    }
}

impl<E: Contract> Draft<PayloadOf<E>> {
    /// An event about `subject_id`.
    pub fn of(subject_id: Uuid, event: E) -> Self {
        Self { topic: E::TOPIC, event_type: event.event_type(), subject_id, payload: PayloadOf(event) }
    }
}

/// Declares the events of a topic, each name once: an enum that serde tags as the envelope does, and its [`Contract`].
macro_rules! events {
    ($(#[$doc:meta])* $name:ident on $topic:ident { $($(#[$about:meta])* $case:ident($payload:ty) = $type:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(tag = "eventType", content = "payload")]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $type)] $case($payload),)+
        }

        impl $crate::events::contract::Contract for $name {
            const TOPIC: $crate::events::Topic = $crate::events::Topic::$topic;

            fn event_type(&self) -> &'static str {
                match self { $(Self::$case(_) => $type,)+ }
            }

            fn serialize_payload<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$case(payload) => serde::Serialize::serialize(payload, serializer),)+ }
            }
        }
    };
}
use events;

#[cfg(test)]
mod tests;
