//! The broker port: where events go.

use std::time::Duration;

use futures::future::BoxFuture;
use uuid::Uuid;

use super::Topic;
use crate::kernel::ProbeResult;

/// One message: the value is the contract's JSON, the headers are CloudEvents 1.0 in binary mode, and ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it goes.
    pub topic: Topic,
    /// The user: what is ordered.
    pub key: Uuid,
    /// The JSON, byte for byte as it was stored.
    pub value: String,
    /// `ce_*`, `seq`, `traceparent`, `content-type`.
    pub headers: Vec<(&'static str, String)>,
}

/// A message for any topic of the broker, byte for byte: a dead letter, or an event that is published once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// Where it goes.
    pub topic: String,
    /// What is ordered.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// The same message for `topic`.
    pub(super) fn into_raw(self, topic: String) -> RawRecord {
        let headers = self.headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()));
        let (key, value) = (self.key.to_string().into_bytes(), self.value.into_bytes());
        RawRecord { topic, key: Some(key), value: Some(value), headers: headers.collect() }
    }
}

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The same record may be taken later.
    #[error("{0}")]
    Transient(String),
    /// This record will never be taken: its key is parked until an operator decides.
    #[error("{0}")]
    Permanent(String),
    /// Not tried, because an earlier record of the same key was not taken.
    #[error("held back behind an earlier event of the same user")]
    Held,
}

impl PublishError {
    /// The name in traces.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Transient(_) => "transient",
            Self::Permanent(_) => "permanent",
            Self::Held => "held",
        }
    }
}

/// A broker.
pub trait Broker: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Publishes a batch and returns one outcome for each record, in order. `Ok` means that the broker has it for
    /// good. **Contract:** records of one key are taken in the order of the batch, and after one that was not taken
    /// no later one of the same key is.
    fn publish(&self, batch: Vec<Record>) -> BoxFuture<'_, Vec<Result<(), PublishError>>>;

    /// The same for messages that are not the relay's. The same contract.
    fn publish_raw(&self, batch: Vec<RawRecord>) -> BoxFuture<'_, Vec<Result<(), PublishError>>>;

    /// From here on it knows the topics as they are now: their partitions may have changed.
    fn refresh(&self) {}

    /// Whether it can be reached.
    fn check(&self) -> BoxFuture<'_, ProbeResult>;

    /// Waits for what is under way, at most until the deadline.
    fn close(&self, deadline: Duration) -> BoxFuture<'_, ()>;
}
