//! Tasks: what a person has to do.
//!
//! **Purpose.** Create, read, list, edit, move, complete, delete to the trash and restore, each change an event in the
//! log. A task is in a project (the inbox, where nothing is said), maybe in a section of it, maybe a part of another task.
//! This file is the facade: other rooms use only what is named here.
//!
//! **Rules.** `api` → `service` → {`edit`, `undo`, `bulk`} → `change` → {`place`, `store`, `write`}; `model`, `input` and `position` are pure. The user's id comes from the [`Actor`]
//! of the request, never from a body; a task of another user does not exist.
//!
//! **Invariants.** Each change raises the version by one, writes one event, and is refused when it was made on an
//! older version. A change that changes nothing writes nothing. What follows for subtasks is in the same transaction. A
//! subtask is in the project and the section of its parent; trees have no cycle and are at most eight deep. Who deletes a
//! task deletes what is below it, and who restores it restores just that.
//!
//! [`Actor`]: crate::kernel::Actor

mod api;
mod api_log;
mod bulk;
mod capture;
mod change;
mod collection;
mod edit;
mod error;
mod event;
mod find;
mod history;
mod input;
mod model;
mod place;
mod position;
mod reminder;
mod rounds;
mod rows;
mod search;
mod series;
mod service;
mod store;
mod transfer;
mod trash;
mod undo;
mod write;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use collection::{Collection, Kind};
pub use error::Error;
pub use find::{Query, Sort, State, View};
pub use input::{Draft, Input, Invalid, Local};
pub use model::{Priority, Task};
pub use place::Destination;
pub use position::Position;
pub use reminder::{Reminder, ReminderInput, Reminders};
pub use search::index;
pub use series::{Reach, Recurrence, RecurrenceInput, Recurrences};
pub use service::{Expect, Follow, Home, Once, People, Subtasks, Tasks};
pub use transfer::{FILES, Import, Imports};
pub use trash::TRASH_KEPT;

/// Tells the recorder what this room's metrics mean.
pub fn describe() {
    reminder::describe();
    series::describe();
}

/// `/api/v1/tasks`, `/api/v1/projects`, `/api/v1/sections` and `/api/v1/filters`.
pub fn routes() -> OpenApiRouter<Arc<Tasks>> {
    api::routes()
        .merge(api_log::routes())
        .merge(collection::routes())
        .merge(series::routes())
        .merge(search::routes())
        .merge(capture::routes())
        .merge(bulk::routes())
        .merge(transfer::routes())
}

/// Every statement of this slice, save the listing ([`find`]): a test prepares them on both databases.
pub fn statements() -> impl Iterator<Item = &'static crate::storage::Sql> {
    [
        store::STATEMENTS,
        write::STATEMENTS,
        place::STATEMENTS,
        collection::store::STATEMENTS,
        collection::tag::STATEMENTS,
        reminder::store::STATEMENTS,
        series::store::STATEMENTS,
        search::store::STATEMENTS,
        search::STATEMENTS,
        transfer::store::STATEMENTS,
    ]
    .into_iter()
    .flatten()
}
