//! Exemplars: for each bucket of a histogram the newest recorded trace that fell into it, and the OpenMetrics exposition
//! that shows them.
//!
//! The recorder's library knows neither. One slot a bucket, written for recorded requests only, so they are as many as the
//! histogram's buckets and cost nothing where nothing is recorded.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use opentelemetry::trace::TraceId;

use super::metrics::SECONDS;
use super::trace::Asked;
use crate::kernel::Clock;

/// The `Content-Type` of [`openmetrics`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A trace that fell into a bucket.
#[derive(Clone, Copy)]
struct Exemplar {
    trace_id: TraceId,
    value: f64,
    at: DateTime<Utc>,
}

/// The labels of a request's metrics.
pub(super) fn labels(method: &str, route: &str, status: u16) -> [(&'static str, String); 3] {
    [
        ("http_request_method", method.to_owned()),
        ("http_route", route.to_owned()),
        ("http_response_status_code", status.to_string()),
    ]
}

type Buckets = [Option<Exemplar>; SECONDS.len() + 1];

/// Method, route and status.
type Series = (&'static str, Arc<str>, u16);

/// Those of the histogram of requests, by its series.
pub struct Exemplars {
    metric: &'static str,
    series: Mutex<HashMap<Series, Buckets>>,
}

impl Exemplars {
    /// For the histogram `metric`, whose name ends with `_seconds`.
    pub fn new(metric: &'static str) -> Self {
        Self { metric, series: Mutex::default() }
    }

    /// Notes that `seconds` were recorded of a request with this status in a trace.
    pub fn note(&self, asked: &Asked, status: u16, seconds: f64, trace_id: TraceId) {
        self.note_at(asked, status, seconds, trace_id, Clock::system().now());
    }

    fn note_at(&self, asked: &Asked, status: u16, seconds: f64, trace_id: TraceId, at: DateTime<Utc>) {
        let bucket = SECONDS.iter().position(|edge| seconds <= *edge).unwrap_or(SECONDS.len());
        let key = (asked.method, Arc::clone(&asked.route), status);
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.entry(key).or_default()[bucket] = Some(Exemplar { trace_id, value: seconds, at });
    }

    /// What is noted now, by the labels as the exposition writes them.
    fn by_labels(&self) -> HashMap<String, Buckets> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let written = series.iter().map(|((method, route, status), buckets)| {
            let labels = labels(method, route, *status).map(|(name, value)| format!("{name}=\"{value}\""));
            (labels.join(","), *buckets)
        });
        written.collect()
    }

    /// What stands behind the line of a bucket; empty where there is nothing.
    fn of(&self, line: &str, noted: &HashMap<String, Buckets>) -> String {
        let bucket = line.strip_prefix(self.metric).and_then(|rest| rest.strip_prefix("_bucket{"));
        let Some((labels, edge)) = bucket.and_then(|rest| rest.split_once(",le=\"")) else { return String::new() };
        let edge: Option<f64> = edge.split_once('"').and_then(|(edge, _)| edge.parse().ok());
        let Some(edge) = edge else { return String::new() };
        let index = SECONDS.iter().position(|known| edge <= *known).unwrap_or(SECONDS.len());
        let found = noted.get(labels).and_then(|buckets| buckets[index].as_ref());
        found.map_or_else(String::new, |found| {
            let at = found.at.timestamp_millis();
            format!(" # {{trace_id=\"{}\"}} {} {}.{:03}", found.trace_id, found.value, at / 1000, at % 1000)
        })
    }

    /// A text exposition as OpenMetrics 1.0, with exemplars.
    pub fn openmetrics(&self, text: &str) -> String {
        let noted = self.by_labels();
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
                    let _ = writeln!(out, "{line}{}", self.of(line, &noted));
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
http_x_seconds_bucket{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\",le=\"0.1\"} 1
http_x_seconds_bucket{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\",le=\"0.2\"} 2
http_x_seconds_bucket{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\",le=\"+Inf\"} 3
http_x_seconds_sum{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\"} 70.3

# HELP done_total What was done
# TYPE done_total counter
done_total 4
";

    #[test]
    fn each_bucket_names_its_newest_trace() {
        let exemplars = Exemplars::new("http_x_seconds");
        let asked = |route: &str| Asked { method: "GET", route: route.into(), request_id: "r1".into() };
        let (one, other) = (asked("/a/{id}"), asked("/b"));
        let trace = |number| TraceId::from_bytes([number; 16]);
        let at = DateTime::from_timestamp_millis(1_780_000_000_042).unwrap();
        exemplars.note_at(&one, 200, 0.15, trace(0x11), at);
        exemplars.note_at(&one, 200, 0.2, trace(0x22), at);
        exemplars.note_at(&one, 200, 70.0, trace(0x33), at);
        exemplars.note_at(&one, 404, 0.05, trace(0x44), at);
        exemplars.note_at(&other, 200, 0.05, trace(0x55), at);
        assert_eq!(
            exemplars.openmetrics(TEXT),
            "\
# HELP http_x_seconds How long: all of it
# TYPE http_x_seconds histogram
http_x_seconds_bucket{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\",le=\"0.1\"} 1
http_x_seconds_bucket{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\",le=\"0.2\"} 2 # {trace_id=\"22222222222222222222222222222222\"} 0.2 1780000000.042
http_x_seconds_bucket{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\",le=\"+Inf\"} 3 # {trace_id=\"33333333333333333333333333333333\"} 70 1780000000.042
http_x_seconds_sum{http_request_method=\"GET\",http_route=\"/a/{id}\",http_response_status_code=\"200\"} 70.3
# HELP done What was done
# TYPE done counter
done_total 4
# EOF
"
        );
    }
}
