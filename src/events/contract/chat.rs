//! `chat-events`: what is said in conversations. Nothing is published on it yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

super::events! {
    /// What is said in conversations.
    ChatEvent on Chat {
        /// A person or the assistant said something.
        MessageSent(Message) = "MESSAGE_SENT",
        /// A conversation began, with this message.
        ConversationCreated(Message) = "CONVERSATION_CREATED",
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Where it was said.
    pub conversation_id: Uuid,
    /// The message.
    pub message_id: Uuid,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// Who speaks.
// A documented value would become a schema of its own, instead of a word in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Assistant,
}
