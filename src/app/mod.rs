//! The composition root: the only room that knows all others. It reads the command line, wires the rooms, and runs
//! their workers.
//!
//! **Invariants.** Configuration is checked whole before anything is opened (exit 78). A worker that ends unexpectedly
//! stops the process. On SIGTERM: readiness fails, a pause, the API drains, the outbox drains, workers stop, the
//! producer and telemetry are flushed, exit 0; liveness stays green until then.

mod cli;
mod commands;
mod compose;
mod consume;
mod dead_letters;
mod housekeeping;
mod insights;
mod probe;
mod replay;
mod schemas;
mod serve;
mod workers;

pub use cli::main;
pub use compose::{App, openapi};
pub use serve::{Roles, Running, start};

/// Every statement of every room: a test prepares them on both databases.
pub fn statements() -> Vec<&'static crate::storage::Sql> {
    let slices = [
        crate::user::STATEMENTS,
        crate::insights::STATEMENTS,
        crate::notification::STATEMENTS,
        crate::http::idempotency::STATEMENTS,
    ];
    slices
        .iter()
        .chain(&crate::webhook::STATEMENTS)
        .chain(crate::events::STATEMENTS)
        .flat_map(|list| list.iter())
        .chain(crate::task::statements())
        .collect()
}

/// Describes every metric to the installed recorder.
fn describe_metrics() {
    housekeeping::describe();
    probe::describe();
    crate::storage::metrics::describe();
    crate::events::metrics::describe();
    crate::insights::metrics::describe();
    crate::notification::metrics::describe();
    crate::task::describe();
    crate::webhook::metrics::describe();
    crate::http::metrics::describe();
    crate::auth::password::describe();
    crate::auth::metrics::describe();
    crate::user::metrics::describe();
}
