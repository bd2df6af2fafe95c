//! Logs, traces, propagation and metrics: first in, last out.
//!
//! **Purpose.** [`init`] installs the process's subscriber and returns a [`Guard`] that flushes; [`metrics::install`]
//! installs the recorder. JSON lines on stdout are the record of truth; OTLP and Loki are copies.
//!
//! **Rules.** Telemetry that is off or broken never slows or stops a request: every queue is bounded, every flush has
//! a deadline, what is dropped is counted. No personal data and no secret in a log line, a span or a label.
//!
//! **Invariants.** Every log line inside a request has its `trace_id`, sampled or not. The two process-wide things
//! that the libraries force (the subscriber and the recorder) are set here and nowhere else.

mod collector;
mod config;
mod counted;
mod ended;
pub mod exemplars;
pub mod filter;
mod json;
mod loki;
pub mod metrics;
mod otlp;
mod pretty;
pub mod propagation;
mod recent;
mod runtime;
mod shipper;
mod stdout;
pub mod trace;
mod traces;

use std::io::IsTerminal as _;
use std::time::Duration;

use filter::Repeats;
use shipper::Shipper;
use stdout::{Flushed, Stdout};
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

pub use config::{Config, LogFormat};
pub use recent::{Recent, recent};
pub use traces::Traces;

/// Telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A subscriber or recorder is installed already.
    #[error("telemetry is installed already in this process")]
    Installed,
    /// A setting is unusable.
    #[error("{0}")]
    Setting(String),
}

/// Keeps the exporters; [`Guard::shutdown`] flushes them. Last out.
#[must_use = "dropping it loses what is not flushed yet"]
pub struct Guard {
    traces: Traces,
    loki: Option<Shipper>,
    /// Last: what the others said at their end is written too.
    _stdout: Flushed,
}

impl Guard {
    /// Flushes spans and logs, giving up at the deadline.
    pub async fn shutdown(self, deadline: Duration) {
        if let Some(loki) = self.loki {
            loki.shutdown(deadline / 2).await;
        }
        self.traces.shutdown(deadline).await;
    }
}

/// From here on a panic is a log line, with the trace of the request that it happened in. What it says is left out where it
/// was put together at run time, because it may quote what somebody wrote.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let says = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(left out)");
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, says, "panic");
    }));
}

/// Installs logs and traces for this process. Call it inside a tokio runtime.
pub fn init(config: &Config) -> Result<Guard, Error> {
    let traces = Traces::start(config)?;
    let filter = config.filter()?;
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    };
    let (shipping, loki) = match Shipper::start(config)? {
        Some((layer, shipper)) => {
            (Some(layer.with_filter(loki::filter().and(Repeats(&filter::COPIED)).and(loki::Budget))), Some(shipper))
        }
        None => (None, None),
    };
    let stdout = Stdout::start().map_err(|error| Error::Setting(format!("the thread of the log: {error}")))?;
    let lines = fmt::layer().fmt_fields(json::NoFields).with_writer(stdout.clone());
    let lines = if json {
        lines.event_format(json::Lines).with_ansi(false).boxed()
    } else {
        lines.event_format(pretty::Lines).with_ansi(std::io::stdout().is_terminal()).boxed()
    };
    let shown = filter_fn(|metadata| metadata.target() != trace::FOR_LOKI);
    tracing_subscriber::registry()
        .with(lines.with_filter(shown.and(filter::changeable(filter)).and(Repeats(&filter::SHOWN))))
        .with(traces.layer().with_filter(traces::filter()))
        .with(shipping)
        .with(metrics::CountEvents.with_filter(filter_fn(|told| told.is_event() && *told.level() <= Level::INFO)))
        .with(recent::Keep.with_filter(filter_fn(|told| told.is_event() && *told.level() <= Level::WARN)))
        .try_init()
        .map_err(|_| Error::Installed)?;
    Ok(Guard { traces, loki, _stdout: Flushed(stdout) })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_panic_is_told_without_what_it_may_quote() {
        let lines = Lines::default();
        let layer = fmt::layer().fmt_fields(json::NoFields).event_format(json::Lines).with_writer(lines.clone());
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let before = std::panic::take_hook();
        log_panics();
        let title = "a private matter";
        let quotes = std::panic::catch_unwind(|| assert!(title.is_empty(), "{title}"));
        let constant = std::panic::catch_unwind(|| assert!(title.is_empty(), "there is a title"));
        std::panic::set_hook(before);
        assert!(quotes.is_err() && constant.is_err());
        let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(told.contains("src/telemetry/mod.rs:") && told.contains("there is a title"), "{told}");
        assert!(!told.contains("private"), "{told}");
    }
}
