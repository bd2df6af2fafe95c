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

mod error;
mod log;
pub mod metrics;
mod schema;
mod topic;

pub use error::Error;
pub use log::{
    Change, Draft, Event, EventLog, SHARDS, STATEMENTS, changes, first_seq, forget_erased, last_seq, shard_of,
};
pub use schema::Schemas;
pub use topic::Topic;
