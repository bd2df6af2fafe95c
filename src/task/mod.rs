//! Tasks: what a person has to do.
//!
//! **Purpose.** Create, read, list, edit, complete, delete to the trash and restore, each change an event in the log.
//! This file is the facade: other rooms use only what is named here.
//!
//! **Rules.** `api` → `service` → {`store`, `model`}; the model is pure. The user's id comes from the [`Actor`]
//! of the request, never from a body; a task of another user does not exist.
//!
//! **Invariants.** Each change raises the version by one, writes one event, and is refused when it was made on an
//! older version. A change that changes nothing writes nothing.
//!
//! [`Actor`]: crate::kernel::Actor

mod api;
mod error;
mod event;
mod model;
mod service;
mod store;

pub use api::routes;
pub use error::Error;
pub use model::{Draft, Input, Invalid, Priority, Task};
pub use service::{Expect, Once, Tasks};
pub use store::{Query, STATEMENTS, Sort, State};
