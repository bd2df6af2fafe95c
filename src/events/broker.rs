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

/// A dead letter on its way to its topic: bytes as they were read, and where they come from as headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// `<topic>.dlq`.
    pub topic: String,
    /// The key that it had.
    pub key: Option<Vec<u8>>,
    /// The value that it had.
    pub value: Option<Vec<u8>>,
    /// The headers that it had, and `dlq-…`.
    pub headers: Vec<(String, Vec<u8>)>,
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

/// A broker.
pub trait Broker: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Publishes a batch and returns one outcome for each record, in order. `Ok` means that the broker has it for
    /// good. **Contract:** records of one key are taken in the order of the batch, and after one that was not taken
    /// no later one of the same key is.
    fn publish(&self, batch: Vec<Record>) -> BoxFuture<'_, Vec<Result<(), PublishError>>>;

    /// Publishes a dead letter.
    fn publish_dead(&self, letter: Dead) -> BoxFuture<'_, Result<(), PublishError>>;

    /// From here on it knows the topics as they are now: their partitions may have changed.
    fn refresh(&self) {}

    /// Whether it can be reached.
    fn check(&self) -> BoxFuture<'_, ProbeResult>;

    /// Waits for what is under way, at most until the deadline.
    fn close(&self, deadline: Duration) -> BoxFuture<'_, ()>;
}
