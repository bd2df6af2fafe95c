//! The figures of tokio's runtime, sampled.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge};
use tokio::runtime::Handle;

/// Threads that run tasks.
const WORKERS: &str = "tokio_workers";
/// Tasks that are not over.
const TASKS: &str = "tokio_alive_tasks";
/// Tasks that wait in the queue that all workers share.
const QUEUE: &str = "tokio_global_queue_depth";
/// Time that all workers together were busy, in whole seconds: the recorder's counters have no fractions.
const BUSY: &str = "tokio_worker_busy_seconds_total";

/// Describes them to the installed recorder.
pub(super) fn describe() {
    describe_gauge!(WORKERS, "Threads of the runtime that run tasks");
    describe_gauge!(TASKS, "Tasks of the runtime that are not over");
    describe_gauge!(QUEUE, "Tasks that wait in the queue that all workers of the runtime share");
    describe_counter!(BUSY, Unit::Seconds, "Time that all workers of the runtime together were busy");
}

/// Samples the runtime that this is called in.
pub(super) fn sample() {
    let figures = Handle::current().metrics();
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::gauge!(WORKERS).set(float(figures.num_workers()));
    metrics::gauge!(TASKS).set(float(figures.num_alive_tasks()));
    metrics::gauge!(QUEUE).set(float(figures.global_queue_depth()));
    let busy: Duration = (0..figures.num_workers()).map(|worker| figures.worker_total_busy_duration(worker)).sum();
    metrics::counter!(BUSY).absolute(busy.as_secs());
}
