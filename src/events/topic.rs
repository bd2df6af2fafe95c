//! The three topics of the contract.

use std::fmt;
use std::str::FromStr;

/// A topic, with the JSON Schema of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What happens to tasks.
    Todo,
    /// What is said in conversations.
    Chat,
    /// What happens to accounts.
    User,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 3] = [Self::Todo, Self::Chat, Self::User];

    /// The name on the broker.
    pub fn name(self) -> &'static str {
        match self {
            Self::Todo => "todo-events",
            Self::Chat => "chat-events",
            Self::User => "user-events",
        }
    }

    /// The topic of its dead letters.
    pub fn dead_letters(self) -> String {
        format!("{}.dlq", self.name())
    }

    /// The schema of its values (JSON Schema 2020-12).
    pub fn schema(self) -> &'static str {
        match self {
            Self::Todo => include_str!("schemas/todo-events.schema.json"),
            Self::Chat => include_str!("schemas/chat-events.schema.json"),
            Self::User => include_str!("schemas/user-events.schema.json"),
        }
    }

    /// The schema's name: the CloudEvents attribute `dataschema`, and the schema's own `$id`.
    pub fn dataschema(self) -> &'static str {
        match self {
            Self::Todo => "urn:todo:schema:todo-events:2",
            Self::Chat => "urn:todo:schema:chat-events:1",
            Self::User => "urn:todo:schema:user-events:4",
        }
    }

    /// The number at the end of [`Topic::dataschema`].
    pub fn version(self) -> usize {
        match self {
            Self::Chat => 1,
            Self::Todo => 2,
            Self::User => 4,
        }
    }

    /// The versions that were released, the first one first. They are never edited: what is on a broker was written
    /// by them, and somebody reads with them.
    pub fn released(self) -> &'static [&'static str] {
        match self {
            Self::Todo => &[include_str!("schemas/released/todo-events/1.schema.json")],
            Self::Chat => &[include_str!("schemas/released/chat-events/1.schema.json")],
            Self::User => &[
                include_str!("schemas/released/user-events/1.schema.json"),
                include_str!("schemas/released/user-events/2.schema.json"),
                include_str!("schemas/released/user-events/3.schema.json"),
            ],
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Topic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|topic| topic.name() == text)
            .ok_or_else(|| format!("unknown topic `{text}`: allowed are todo-events, chat-events, user-events"))
    }
}
