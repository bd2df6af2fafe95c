//! What can go wrong with events.

use super::Topic;
use crate::storage;

/// A failure of the event rooms.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The event does not fit its schema: a mistake of ours, and nothing was written.
    #[error("an event for {topic} was refused: {reason}")]
    Schema {
        /// The topic.
        topic: Topic,
        /// Where it does not fit.
        reason: String,
    },
    /// The broker did not take a batch.
    #[error("the broker: {0}")]
    Broker(String),
    /// A dead letter cannot be redriven: this version cannot read it either.
    #[error("the letter {id} cannot be redriven: {reason}")]
    Undecodable {
        /// The letter.
        id: uuid::Uuid,
        /// What is wrong with it.
        reason: String,
    },
    /// The schema registry refuses, or is none.
    #[error("the schema registry {0}")]
    Registry(String),
    /// The schema registry does not answer: later it may.
    #[error("the schema registry {0}")]
    RegistryDown(String),
    /// The user has no log: there is no such account, or it was erased.
    #[error("the account does not exist any more")]
    NoLog,
}
