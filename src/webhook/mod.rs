//! Webhooks: a person's events, sent to an HTTPS address of theirs.
//!
//! **Purpose.** `/api/v1/webhooks` keeps the addresses. The consumer `todo-webhooks` makes one delivery of each event for
//! each webhook that wants it; senders in the role `worker` carry the deliveries out. What is sent is the event's JSON
//! byte for byte, signed as Standard Webhooks has it.
//!
//! **Rules.** It knows of tasks and accounts only what their events say, and imports neither slice. `api*` → `service`,
//! `attempts` → {`store`, `queue`, `model`}; `fanout` → {`store`, `queue`}; `sender` → `service`; `model`, `target`,
//! `address` and `signature` are pure. No address beyond its host and no secret enters an event, a log line, a span or a
//! label.
//!
//! **Secrets.** They are nowhere at rest: each is an HMAC, under the key `server.key` that the `auth` room keeps outside of
//! the database, of the webhook's id and the number of its secret. So a copy of the database signs nothing, and who
//! changes `server.key` changes every secret. For a day after a rotation the one before signs too.
//!
//! **Invariants.**
//! - An event becomes one delivery of a webhook, however often it comes: (webhook, number of the event) is unique.
//! - A delivery is sent at least once and has the same id in each try; of two tries no two are under way at once while
//!   the clocks of the senders agree to within twenty seconds. Between the claim and the record no transaction is open;
//!   the claim of a sender that died ends by itself.
//! - **No order is promised**, not even within a webhook: a delivery that waits for its next try holds up no other. The
//!   event's own `timestamp`, and `version` of a task, tell what is newer.
//! - What is connected to was checked: names are resolved here, and only addresses that pass are handed on (`client`).
//! - Nothing is sent for a webhook that is disabled or gone. What comes due while it is disabled is cancelled.

mod address;
mod api;
mod api_delivery;
mod attempts;
mod client;
mod config;
mod error;
mod event;
mod fanout;
pub mod metrics;
mod model;
mod queue;
mod sender;
mod service;
mod signature;
mod store;
mod target;

pub use api::routes;
pub use config::Config;
pub use error::Error;
pub use fanout::Fanout;
pub use sender::Sender;
pub use service::Webhooks;

/// The statements of this slice: a test prepares them on both databases.
pub const STATEMENTS: [&[crate::storage::Sql]; 2] = [store::STATEMENTS, queue::STATEMENTS];
