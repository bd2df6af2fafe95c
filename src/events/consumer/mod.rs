//! Consumers: what the product itself does with its events.
//!
//! **How an effect happens exactly once.** The broker delivers at least once. A consumer's effect and its place in the
//! user's events (the inbox) are one transaction, so that a repetition is seen by its `seq` and dropped, wherever the
//! process died in between. The offset is stored after that transaction.
//!
//! **How order is kept.** A topic's partition has all events of a user, and the inbox row of the user is locked while
//! something is done to them. An event whose effect fails waits in the database and is tried again; later events of
//! its user wait behind it, others flow on. What fails to the end of the ladder becomes a dead letter, and the user's
//! next event has its turn.
//!
//! **Where messages come from.** From Kafka by a consumer group of the consumer's name; on the embedded default from
//! the in-process broker, which acknowledges an event when every consumer has it for good.

mod dead;
mod erased;
mod inbox;
mod kafka;
mod message;
mod processor;
mod replay;
mod retry;
mod trace;
mod worker;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::events::{Error, Topic};
use crate::storage::{self, Db, Tx};

pub use dead::{Letter, LetterState, discard, letter, letters, purge_decided, redrive};
pub use erased::Forgetter;
pub use inbox::taken;
pub use kafka::KafkaSource;
pub use message::{Delivery, Message};
pub use processor::{Ladder, Processor};
pub use replay::{erased, replay, users};
pub use worker::{run, run_dead_letters};

pub(super) use dead::STATEMENTS as DEAD;
pub(super) use erased::STATEMENTS as ERASED;
pub(super) use inbox::STATEMENTS as INBOX;
pub(super) use replay::STATEMENTS as REPLAY;
pub(super) use retry::STATEMENTS as RETRIES;

/// What is done with events.
pub trait Handler: Send + Sync {
    /// Its name: the consumer group, and the key of its rows. It never changes.
    fn name(&self) -> &'static str;

    /// The topics it reads.
    fn topics(&self) -> &'static [Topic];

    /// How long its events may wait at the broker for others; `None` where somebody waits for the effect.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// Whose events may have an effect at all, of these users; `None`: everybody's. The others' are passed over: they get
    /// no place in the inbox, so that whoever is not named now must have no effect of these events later either, and
    /// holes are not looked for.
    fn concerned<'a>(
        &'a self,
        _: &'a Db,
        _: &'a BTreeSet<Uuid>,
    ) -> BoxFuture<'a, Result<Option<BTreeSet<Uuid>>, Error>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The effect of these events, written in `tx`. Each user's are in order and come once. All of it is undone where
    /// it fails: then they come again one by one.
    fn apply<'a>(&'a self, tx: &'a mut Tx, events: &'a [Delivery]) -> BoxFuture<'a, Result<(), Failure>>;

    /// Called after the commit of [`Handler::apply`], for those of this process who wait for its effect. A call is lost
    /// with the process: nothing may rest on it.
    fn applied(&self, _: &[Delivery]) {}
}

/// Why an effect did not happen. It is decided where the failure arises.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database is away or busy: nobody's events go on, and nothing counts as a try.
    #[error(transparent)]
    Storage(storage::Error),
    /// The same event may work later.
    #[error("{0}")]
    Retry(String),
    /// This event will never work.
    #[error("{0}")]
    Reject(String),
}

impl Failure {
    /// The payload is not what its type says. What it holds is not told: the error is logged, and shown to operators.
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub fn unreadable(error: serde_json::Error) -> Self {
        Self::Reject(format!("its payload cannot be read: {:?}", error.classify()))
    }
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        if error.is_transient() { Self::Storage(error) } else { Self::Retry(error.to_string()) }
    }
}
