//! The recorder, and the process's own metrics.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use super::Error;
use super::runtime;
use crate::kernel::Clock;

/// Log events by level.
pub const LOG_EVENTS: &str = "log_events_total";
/// Writes of log lines to standard output that failed.
pub const WRITE_FAILURES: &str = "log_write_failures_total";
/// Failures of the Loki shipper.
pub const LOKI_ERRORS: &str = "loki_shipper_errors_total";
/// Log lines that were too many in their second to be shipped to Loki.
pub const LOKI_DROPPED: &str = "loki_shipper_dropped_lines_total";
/// 1 while log lines are shipped to Loki, 0 after it gave up.
pub const LOKI_UP: &str = "loki_shipper_up";
/// Spans by what became of them.
pub const SPANS: &str = "telemetry_spans_total";
/// Log lines that were left out because they repeat others.
pub const SUPPRESSED: &str = "telemetry_log_lines_suppressed_total";
/// When a background worker's round went well last, seconds since 1970.
const LAST_ROUND: &str = "worker_last_round_timestamp_seconds";
/// What went wrong in rounds of background workers.
const WORKER_FAILURES: &str = "worker_failures_total";
/// Time to render the metrics.
pub const SCRAPE: &str = "telemetry_scrape_duration_seconds";
/// Constant 1, with the version as a label.
pub const BUILD_INFO: &str = "build_info";

/// Edges in seconds: fine where a request should be, with 0.2, the bound of the service's objective, on an edge.
pub(super) const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Counts log events: see the layer in `loki.rs`.
pub(super) struct CountEvents;

/// Renders the metrics of this process. Clones share the recorder.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The Prometheus text exposition.
    pub fn render(&self) -> String {
        let started = Instant::now();
        let text = self.0.render();
        ::metrics::histogram!(SCRAPE).record(started.elapsed().as_secs_f64());
        text
    }

    /// Keeps the recorder's memory bounded and the process's gauges fresh, until told to stop. Without it histograms
    /// grow until they are scraped.
    pub async fn run_upkeep(self, stop: CancellationToken) {
        let process = metrics_process::Collector::default();
        process.describe();
        let mut tick = tokio::time::interval(Duration::from_secs(5));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {
                    process.collect();
                    runtime::sample();
                    self.0.run_upkeep();
                    super::filter::tell_repeats();
                }
            }
        }
    }
}

/// Notes that a round of a background worker went well: one that does not for long is stuck, or what it needs is away.
pub fn round_done(worker: &'static str) {
    let now = u32::try_from(Clock::system().now().timestamp()).unwrap_or_default();
    ::metrics::gauge!(LAST_ROUND, "worker" => worker).set(f64::from(now));
}

/// Notes that a round of a background worker, or the part of it that is one user's, failed: it is tried again.
pub fn round_failed(worker: &'static str) {
    ::metrics::counter!(WORKER_FAILURES, "worker" => worker).increment(1);
}

/// Installs the recorder of this process, or returns the one that is installed already: the library has one place.
pub fn install() -> Result<Metrics, Error> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(Metrics(handle.clone()));
    }
    let setting = |error: &dyn std::fmt::Display| Error::Setting(error.to_string());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|error| setting(&error))?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| Error::Installed)?;
    *installed = Some(handle.clone());
    describe();
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Metrics(handle))
}

fn describe() {
    describe_counter!(LOG_EVENTS, Unit::Count, "Log events by level");
    describe_counter!(
        WRITE_FAILURES,
        Unit::Count,
        "Writes of log lines to standard output that failed: their lines are lost"
    );
    metrics::counter!(WRITE_FAILURES).absolute(0);
    describe_counter!(LOKI_ERRORS, Unit::Count, "Failures of the Loki shipper");
    describe_counter!(LOKI_DROPPED, Unit::Count, "Log lines that were too many in their second to be shipped to Loki");
    describe_gauge!(LOKI_UP, "1 while log lines are shipped to Loki, 0 after the shipper gave up");
    describe_counter!(
        SPANS,
        Unit::Count,
        "Spans by what became of them: exported, failed (the collector did not take them) or dropped (the queue was full)"
    );
    describe_counter!(SUPPRESSED, Unit::Count, "Warnings and errors that were not logged because they repeat others");
    metrics::counter!(SUPPRESSED).absolute(0);
    describe_gauge!(LAST_ROUND, Unit::Seconds, "When a round of the background worker went well last, as Unix time");
    describe_counter!(
        WORKER_FAILURES,
        Unit::Count,
        "Rounds of the background worker, or a user's part of one, that failed"
    );
    describe_histogram!(SCRAPE, Unit::Seconds, "Time to render the metrics");
    runtime::describe();
    for outcome in ["exported", "failed", "dropped"] {
        metrics::counter!(SPANS, "outcome" => outcome).absolute(0);
    }
    describe_gauge!(BUILD_INFO, "Constant 1, with the version as a label");
}
