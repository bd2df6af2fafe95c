//! Insights: what came of a person's days.
//!
//! **Purpose.** `GET /api/v1/insights` tells for each day how many tasks were made, done and overdue. It is the first
//! consumer of the product's own events: it reads `todo-events` and `user-events` and keeps projections of its own.
//!
//! **Rules.** It knows of tasks and accounts only what their events say, and imports neither slice. `api` → `service` →
//! {`store`, `model`}; `projector` → {`store`, `book`}; `model` and `book` are pure.
//!
//! **Invariants.** The figures depend on which events were applied and not on their order across topics, nor on how
//! often: a task is what its event with the greatest number says, and what happened at an instant is counted on the day
//! of the zone that the user had then, whenever that zone became known. Whoever changes a user's rows has locked the
//! user's row in `insights_users` first. Nothing is kept of an erased account. Readers see one generation of a user's
//! rows, whole.

mod api;
mod book;
mod error;
pub mod metrics;
mod model;
mod projector;
mod rebuild;
mod rows;
mod service;
mod store;

pub use api::routes;
pub use error::Error;
pub use projector::Projector;
pub use rebuild::{rebuild, rebuild_all};
pub use service::Insights;
pub use store::STATEMENTS;
