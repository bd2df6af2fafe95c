//! Collections: what a person keeps in an order of their own. Projects, sections of them, saved filters.
//!
//! **Rules.** A name is unique within its kind (a section's, within its project), whatever its case. The inbox is the
//! project whose id is the user's: it has no row, and stays as it is. What becomes of the tasks of a deleted project or
//! section is said by the caller, and is in the same transaction.

mod api;
mod event;
mod model;
mod service;
pub(super) mod store;
pub(super) mod tag;
mod undo;

pub(super) use api::routes;
pub(super) use model::Fields;
pub use model::{Collection, Kind};
pub(super) use undo::{add, become_again, make_again, present, remove_again};
