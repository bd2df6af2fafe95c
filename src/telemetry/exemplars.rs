//! Exemplars: for each bucket of a histogram the newest recorded trace that fell into it, and the OpenMetrics exposition
//! that shows them.
//!
//! The recorder's library knows neither. One slot a bucket, written for recorded requests only, so they are as many as the
//! histogram's buckets and cost nothing where nothing is recorded.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::metrics::SECONDS;
use crate::kernel::Clock;

/// The `Content-Type` of [`openmetrics`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A trace that fell into a bucket.
#[derive(Clone)]
struct Exemplar {
    trace_id: String,
    value: f64,
    at: DateTime<Utc>,
}

type Buckets = [Option<Exemplar>; SECONDS.len() + 1];

/// Those of one histogram, by its labels as the exposition writes them.
pub struct Exemplars {
    metric: &'static str,
    series: Mutex<HashMap<String, Buckets>>,
}

impl Exemplars {
    /// For the histogram `metric`, whose name ends with `_seconds`.
    pub fn new(metric: &'static str) -> Self {
        Self { metric, series: Mutex::default() }
    }

    /// Notes that `seconds` were recorded in a trace. `labels` as they were given to the histogram.
    pub fn note(&self, labels: &[(&str, String)], seconds: f64, trace_id: String) {
        self.note_at(labels, seconds, trace_id, Clock::system().now());
    }

    fn note_at(&self, labels: &[(&str, String)], seconds: f64, trace_id: String, at: DateTime<Utc>) {
        let mut key = String::new();
        for (name, value) in labels {
            let comma = if key.is_empty() { "" } else { "," };
            let _ = write!(key, "{comma}{name}=\"{value}\"");
        }
        let bucket = SECONDS.iter().position(|edge| seconds <= *edge).unwrap_or(SECONDS.len());
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.entry(key).or_default()[bucket] = Some(Exemplar { trace_id, value: seconds, at });
    }

    /// What stands behind the line of a bucket; empty where there is nothing.
    fn of(&self, line: &str) -> String {
        let bucket = line.strip_prefix(self.metric).and_then(|rest| rest.strip_prefix("_bucket{"));
        let Some((labels, edge)) = bucket.and_then(|rest| rest.split_once(",le=\"")) else { return String::new() };
        let edge: Option<f64> = edge.split_once('"').and_then(|(edge, _)| edge.parse().ok());
        let Some(edge) = edge else { return String::new() };
        let index = SECONDS.iter().position(|known| edge <= *known).unwrap_or(SECONDS.len());
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let found = series.get(labels).and_then(|buckets| buckets[index].as_ref());
        found.map_or_else(String::new, |found| {
            let at = found.at.timestamp_millis();
            format!(" # {{trace_id=\"{}\"}} {} {}.{:03}", found.trace_id, found.value, at / 1000, at % 1000)
        })
    }

    /// A text exposition as OpenMetrics 1.0, with exemplars.
    pub fn openmetrics(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 4096);
        for line in text.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix("# ").map(|rest| rest.splitn(3, ' ')) {
                // A counter's family is named without the suffix that its sample has.
                Some(mut words) => {
                    let (what, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    let family = name.strip_suffix("_total").unwrap_or(name);
                    let _ = writeln!(out, "# {what} {family} {}", words.next().unwrap_or_default());
                }
                None => {
                    let _ = writeln!(out, "{line}{}", self.of(line));
                }
            }
        }
        out.push_str("# EOF\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP http_x_seconds How long: all of it
# TYPE http_x_seconds histogram
http_x_seconds_bucket{route=\"/a/{id}\",le=\"0.1\"} 1
http_x_seconds_bucket{route=\"/a/{id}\",le=\"0.2\"} 2
http_x_seconds_bucket{route=\"/a/{id}\",le=\"+Inf\"} 3
http_x_seconds_sum{route=\"/a/{id}\"} 70.3

# HELP done_total What was done
# TYPE done_total counter
done_total 4
";

    #[test]
    fn each_bucket_names_its_newest_trace() {
        let exemplars = Exemplars::new("http_x_seconds");
        let labels = [("route", "/a/{id}".to_owned())];
        let at = DateTime::from_timestamp_millis(1_780_000_000_042).unwrap();
        exemplars.note_at(&labels, 0.15, "one".to_owned(), at);
        exemplars.note_at(&labels, 0.2, "two".to_owned(), at);
        exemplars.note_at(&labels, 70.0, "three".to_owned(), at);
        exemplars.note_at(&[("route", "/b".to_owned())], 0.05, "four".to_owned(), at);
        assert_eq!(
            exemplars.openmetrics(TEXT),
            "\
# HELP http_x_seconds How long: all of it
# TYPE http_x_seconds histogram
http_x_seconds_bucket{route=\"/a/{id}\",le=\"0.1\"} 1
http_x_seconds_bucket{route=\"/a/{id}\",le=\"0.2\"} 2 # {trace_id=\"two\"} 0.2 1780000000.042
http_x_seconds_bucket{route=\"/a/{id}\",le=\"+Inf\"} 3 # {trace_id=\"three\"} 70 1780000000.042
http_x_seconds_sum{route=\"/a/{id}\"} 70.3
# HELP done What was done
# TYPE done counter
done_total 4
# EOF
"
        );
    }
}
