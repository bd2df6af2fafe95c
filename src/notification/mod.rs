//! Notifications: what a person is told in the product.
//!
//! **Purpose.** The consumer `todo-notifications` makes notifications of events: of an account's security, and of what
//! the product did on its own and somebody should know. `GET /api/v1/notifications` lists them, and
//! `GET /api/v1/notifications/stream` tells of new ones as they come.
//!
//! **Rules.** Which event becomes which notification is in `model` alone. The slice knows of accounts, tasks and the
//! rest only what their events say, and imports no other slice. `api` → `service` → {`store`, `model`};
//! `notifier` → {`store`, `model`}; the model is pure.
//!
//! **Invariants.** An event makes a notification once, in the transaction of the consumer's inbox; the notification has
//! the event's id. A user's notifications have rising numbers, given under the lock of the user's row in
//! `notification_users`: one that is seen is never followed by a lower one. Whoever changes a user's notifications has
//! that lock, but for housekeeping, which waits for nobody. What the user does to them (reading, deleting) is an event
//! in the same transaction; that one was made is no event, because an event says it already. Nobody has more than
//! `notifications.per_user`, none is older than `notifications.days`, and nothing is kept of an erased account.

mod api;
mod config;
mod error;
mod event;
mod hub;
pub mod metrics;
mod model;
mod notifier;
mod service;
mod store;

pub use api::{ApiState, routes};
pub use config::Config;
pub use error::Error;
pub use notifier::Notifier;
pub use service::Notifications;
pub use store::STATEMENTS;
