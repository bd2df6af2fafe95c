//! The figures of tokio's runtime, sampled.

use std::time::{Duration, Instant};

use metrics::describe_gauge;
use tokio::runtime::Handle;

/// Threads that run tasks.
const WORKERS: &str = "tokio_workers";
/// Tasks that are not over.
const TASKS: &str = "tokio_alive_tasks";
/// Tasks that wait in the queue that all workers share.
const QUEUE: &str = "tokio_global_queue_depth";
/// The share of their time that the workers were busy since the last sample.
const BUSY: &str = "tokio_worker_busy_ratio";

/// Describes them to the installed recorder.
pub(super) fn describe() {
    describe_gauge!(WORKERS, "Threads of the runtime that run tasks");
    describe_gauge!(TASKS, "Tasks of the runtime that are not over");
    describe_gauge!(QUEUE, "Tasks that wait in the queue that all workers of the runtime share");
    describe_gauge!(BUSY, "Share of their time that the runtime's workers were busy, 0 to 1, over the last seconds");
}

/// What was sampled last.
pub(super) struct Sampler {
    runtime: Handle,
    at: Instant,
    busy: Duration,
}

impl Sampler {
    /// Of the runtime that this is called in.
    pub(super) fn new() -> Self {
        let runtime = Handle::current();
        let busy = busy(&runtime);
        Self { runtime, at: Instant::now(), busy }
    }

    pub(super) fn sample(&mut self) {
        let figures = self.runtime.metrics();
        let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!(WORKERS).set(float(figures.num_workers()));
        metrics::gauge!(TASKS).set(float(figures.num_alive_tasks()));
        metrics::gauge!(QUEUE).set(float(figures.global_queue_depth()));
        let (now, busy) = (Instant::now(), busy(&self.runtime));
        let all = now.duration_since(self.at).as_secs_f64() * float(figures.num_workers());
        if all > 0.0 {
            metrics::gauge!(BUSY).set((busy.saturating_sub(self.busy).as_secs_f64() / all).min(1.0));
        }
        (self.at, self.busy) = (now, busy);
    }
}

fn busy(runtime: &Handle) -> Duration {
    let figures = runtime.metrics();
    (0..figures.num_workers()).map(|worker| figures.worker_total_busy_duration(worker)).sum()
}
