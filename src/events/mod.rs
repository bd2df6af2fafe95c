//! Events: the envelope and its schemas, the per-user log, the outbox, the relay, and the broker port.
//!
//! **Purpose.** Every change that a user can see is one event in that user's log; this room writes it, and carries it
//! to the broker without loss and in order.
//!
//! **Rules.** Slices call [`EventLog::prepare`], then [`EventLog::append`] inside their transaction, then
//! [`EventLog::committed`]. Nobody else writes these tables. It imports kernel, telemetry and storage only.
//!
//! **Invariants.** Numbers are dense per user; a row leaves the outbox only after a broker acknowledged it; there is no
//! cursor over commit order; a stale relay cannot record an acknowledgement.

mod broker;
mod broker_kafka;
mod broker_memory;
pub mod compat;
mod config;
pub mod consumer;
pub mod contract;
mod error;
mod expand;
mod fence;
mod history;
mod lanes;
mod lease;
mod log;
pub mod metrics;
mod outbox;
pub mod registry;
mod relay;
mod republish;
mod sampler;
mod schema;
mod tail;
mod topic;

pub use broker::{Broker, PublishError, RawRecord, Record};
pub use broker_kafka::{KafkaBroker, TopicSpec};
pub use broker_memory::MemoryBroker;
pub use config::{BrokerKind, Config, KafkaConfig};
pub use error::Error;
pub use expand::{Expansion, expand, unfence};
pub use fence::fenced;
pub use history::Pruner;
pub use lease::holders;
pub use log::{
    Change, Commits, Draft, Event, EventLog, SHARDS, changes, changes_of, first_seq, forget_erased, last_seq,
    last_seqs, shard_of,
};
pub use outbox::{Backlog, ParkedKey, backlog, parked, rearm};
pub use relay::Relay;
pub use republish::{Progress, Replay, Start, replay};
pub use sampler::sample;
pub use schema::Schemas;
pub use tail::{Entry, Tail};
pub use topic::Topic;

/// Every statement of this room: a test prepares them on both databases.
pub const STATEMENTS: &[&[crate::storage::Sql]] = &[
    log::STATEMENTS,
    outbox::STATEMENTS,
    lease::STATEMENTS,
    tail::STATEMENTS,
    fence::STATEMENTS,
    history::STATEMENTS,
    republish::STATEMENTS,
    consumer::DEAD,
    consumer::INBOX,
    consumer::RETRIES,
    consumer::ERASED,
    consumer::REPLAY,
];
