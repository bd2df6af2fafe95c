//! The trace of a request: noted while it runs, given to the exporter when it has ended.
//!
//! Then it is known whether somebody will look: what failed or took long is recorded whatever the ratio says. And a note is
//! meant to cost less than a span that is open while the request runs; `make bench` measures all of telemetry together.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::{Instrument as _, Level, Span};

use super::ended::Requests;
use super::otlp::{Done, failed};
use super::propagation::parse;
use super::{Config, exemplars, loki};
use crate::kernel::Notes;

/// The target of the span that lends a request's lines their trace id on the way to Loki; it is no OpenTelemetry span.
pub(super) const FOR_LOKI: &str = "todo::lines";

/// Where ended requests go: process-wide, as the subscriber is.
static ENDED: OnceLock<Requests> = OnceLock::new();

/// From here on ended requests go there.
pub(super) fn export_to(requests: Requests) {
    let _ = ENDED.set(requests);
}

/// Begins the traces of requests.
#[derive(Clone, Copy, Debug)]
pub struct Tracer {
    exports: bool,
    ratio: f64,
    slow: Duration,
}

/// The trace of one request.
#[derive(Debug)]
pub struct Trace {
    own: SpanContext,
    caller: Option<SpanContext>,
    began: Instant,
    slow: Duration,
    notes: Option<Arc<Notes>>,
}

/// What was asked: the request's span and the exemplars of its duration show it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method, or `_OTHER`.
    pub method: &'static str,
    /// The route's template.
    pub route: Arc<str>,
    /// The id of this request.
    pub request_id: Arc<str>,
}

impl Asked {
    /// The labels of its metrics.
    pub fn labels(&self, status: u16) -> [(&'static str, String); 3] {
        exemplars::labels(self.method, &self.route, status)
    }
}

impl Tracer {
    /// As configured.
    pub fn of(config: &Config) -> Self {
        Self {
            exports: !config.otlp_endpoint.is_empty(),
            ratio: config.trace_sample_ratio,
            slow: Duration::from_millis(config.trace_slow_ms),
        }
    }

    /// The trace of a request that begins now. The caller's decision is followed, a new trace is recorded by the ratio.
    /// `random` makes the ids.
    pub fn begin(&self, headers: &HeaderMap, random: [u8; 24]) -> Trace {
        let header = headers.get("traceparent").and_then(|value| value.to_str().ok());
        let caller = header.and_then(parse);
        let wanted = caller.as_ref().map_or_else(|| share(&random) < self.ratio, SpanContext::is_sampled);
        let flags = if self.exports && wanted { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&random[..16]);
        span.copy_from_slice(&random[16..]);
        let trace = caller.as_ref().map_or(TraceId::from_bytes(trace), SpanContext::trace_id);
        let own = SpanContext::new(trace, SpanId::from_bytes(span), flags, true, TraceState::default());
        let notes = self.exports.then(Arc::default);
        Trace { own, caller, began: Instant::now(), slow: self.slow, notes }
    }
}

/// A number in 0..1 from the bits that a trace id begins with.
fn share(random: &[u8; 24]) -> f64 {
    f64::from(u32::from_be_bytes([random[0], random[1], random[2], random[3]])) / 2_f64.powi(32)
}

impl Trace {
    /// Runs the request's work where its ids are found, and its notes.
    pub fn run<W: Future>(&self, work: W) -> impl Future<Output = W::Output> + use<W> {
        let context = Context::new().with_remote_span_context(self.own.clone());
        Notes::scope(self.notes.clone(), work.instrument(self.lines()).with_context(context))
    }

    /// Writes a line with its id outside of [`Trace::run`].
    pub fn scope(&self, say: impl FnOnce()) {
        let _context = Context::new().with_remote_span_context(self.own.clone()).attach();
        self.lines().in_scope(say);
    }

    fn lines(&self) -> Span {
        if loki::has_room() {
            tracing::span!(target: FOR_LOKI, Level::INFO, "request", trace_id = %self.own.trace_id())
        } else {
            Span::none()
        }
    }

    /// Ends it with this status; with none where the client went away before it. Returns its id where it is recorded.
    pub fn end(&mut self, asked: &Asked, status: Option<u16>) -> Option<TraceId> {
        let notes = self.notes.take()?;
        let now = Instant::now();
        let recorded = self.own.is_sampled() || failed(status) || now.duration_since(self.began) >= self.slow;
        if !recorded {
            return None;
        }
        if let Some(requests) = ENDED.get() {
            requests.put(&Done {
                trace: self.own.trace_id(),
                span: self.own.span_id(),
                caller: self.caller.as_ref().map(SpanContext::span_id),
                began: self.began,
                ended: now,
                asked,
                status,
                noted: &notes.take(),
            });
        }
        Some(self.own.trace_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(traceparent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", traceparent.parse().unwrap());
        headers
    }

    fn begin(exports: bool, ratio: f64, headers: &HeaderMap, first: u8) -> Trace {
        let mut random = [7; 24];
        random[0] = first;
        Tracer { exports, ratio, slow: Duration::from_hours(1) }.begin(headers, random)
    }

    fn asked() -> Asked {
        Asked { method: "GET", route: "/x".into(), request_id: "r1".into() }
    }

    #[test]
    fn the_callers_decision_is_followed_and_new_traces_go_by_the_ratio() {
        let recorded = |exports, ratio, headers: &HeaderMap, first| {
            let mut trace = begin(exports, ratio, headers, first);
            let wanted = trace.own.is_sampled();
            assert_eq!(trace.end(&asked(), Some(200)).is_some(), wanted);
            wanted
        };
        let (none, asked, declined) = (HeaderMap::new(), headers(ASKED), headers(&ASKED.replace("-01", "-00")));
        assert!(recorded(true, 0.0, &asked, 0));
        assert!(!recorded(true, 1.0, &declined, 0));
        assert!(recorded(true, 0.5, &none, 0x7f));
        assert!(!recorded(true, 0.5, &none, 0x80));
        assert!(recorded(true, 1.0, &none, 0xff));
        // Nothing is exported: the caller's trace id stays, the span is our own.
        let trace = begin(false, 1.0, &asked, 0);
        assert_eq!(trace.own.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.own.is_valid() && !trace.own.is_sampled());
        assert_ne!(trace.own.span_id().to_string(), "00f067aa0ba902b7");
    }

    #[test]
    fn what_failed_or_took_long_is_recorded_whatever_the_ratio_says() {
        let none = HeaderMap::new();
        assert!(begin(true, 0.0, &none, 0).end(&asked(), Some(404)).is_none());
        let mut broken = begin(true, 0.0, &none, 0);
        assert_eq!(broken.end(&asked(), Some(500)), Some(broken.own.trace_id()));
        assert!(begin(false, 0.0, &none, 0).end(&asked(), Some(500)).is_none(), "nobody would see it");
        let mut slow = begin(true, 0.0, &none, 0);
        slow.slow = Duration::ZERO;
        assert!(slow.end(&asked(), None).is_some());
    }

    #[tokio::test]
    async fn the_work_finds_its_trace_and_its_notes() {
        let trace = begin(true, 1.0, &headers(ASKED), 0);
        trace
            .run(async {
                let notes = Notes::current().unwrap();
                assert_eq!(super::super::propagation::current_trace_id().unwrap(), &ASKED[3..35]);
                notes.event("something is amiss", Instant::now());
            })
            .await;
        assert_eq!(trace.notes.unwrap().take().events.len(), 1);
        assert_eq!(trace.caller.unwrap().span_id().to_string(), &ASKED[36..52]);
    }
}
