//! The `[telemetry]` section.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::Error;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// How spans are packed on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As they are, which is OTLP's default.
    None,
    /// Fewer bytes, for more of the processor.
    Gzip,
}

/// Where telemetry goes, and how much of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Which events are logged: a `tracing` filter directive.
    pub log_filter: String,
    /// OpenTelemetry's `service.name`.
    pub service_name: String,
    /// OpenTelemetry's `deployment.environment.name`.
    pub environment: String,
    /// OTLP over gRPC; empty: off.
    pub otlp_endpoint: String,
    /// The longest an export may take, milliseconds.
    pub otlp_timeout_ms: u64,
    /// How exports are packed.
    pub otlp_compression: Compression,
    /// The fraction of new traces that are recorded, 0 to 1; a caller's decision is followed.
    pub trace_sample_ratio: f64,
    /// A request that takes so long is recorded whatever the fraction says, as one that fails is; milliseconds.
    pub trace_slow_ms: u64,
    /// Loki's base address; empty: off.
    pub loki_url: String,
    /// How often the synthetic probe runs in a process with the role `worker`, seconds; 0: never.
    pub probe_seconds: u64,
}

impl Config {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.filter().is_err() {
            found.push(("log_filter", "must be a filter such as `info` or `info,todo=debug`".to_owned()));
        }
        if !(0.0..=1.0).contains(&self.trace_sample_ratio) {
            found.push(("trace_sample_ratio", "must be 0.0 to 1.0".to_owned()));
        }
        if !(1..=60_000).contains(&self.trace_slow_ms) {
            found.push(("trace_slow_ms", "must be 1 to 60000 milliseconds".to_owned()));
        }
        if !(100..=60_000).contains(&self.otlp_timeout_ms) {
            found.push(("otlp_timeout_ms", "must be 100 to 60000 milliseconds".to_owned()));
        }
        for (key, url) in [("otlp_endpoint", &self.otlp_endpoint), ("loki_url", &self.loki_url)] {
            let fits =
                url.is_empty() || reqwest::Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
            if !fits {
                found.push((key, "must be an http:// or https:// address, or empty for off".to_owned()));
            }
        }
        if self.probe_seconds > 3600 {
            found.push(("probe_seconds", "must be 1 to 3600 seconds, or 0 for off".to_owned()));
        }
        if self.service_name.is_empty() {
            found.push(("service_name", "must not be empty".to_owned()));
        }
        found
    }

    pub(super) fn filter(&self) -> Result<EnvFilter, Error> {
        EnvFilter::try_new(&self.log_filter).map_err(|error| Error::Setting(format!("telemetry.log_filter: {error}")))
    }
}
