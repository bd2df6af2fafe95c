//! The trace of a request: noted while it runs, made into spans when it has ended.
//!
//! Then it is known whether somebody will look: what failed or took long is recorded whatever the ratio says. And a note is
//! meant to cost less than a span that is open while the request runs; `make bench` measures all of telemetry together.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderMap;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use tracing::{Instrument as _, Level, Span};

use super::counted::Counted;
use super::propagation::parse;
use super::{Config, loki};
use crate::kernel::{Clock, Noted, Notes, Statement};

/// The target of the span that lends a request's lines their trace id on the way to Loki; it is no OpenTelemetry span.
pub(super) const FOR_LOKI: &str = "todo::lines";

/// Where ended spans go: process-wide, as the subscriber is.
static ENDED: OnceLock<Counted> = OnceLock::new();

/// From here on ended requests become spans of this exporter.
pub(super) fn export_to(spans: Counted) {
    let _ = ENDED.set(spans);
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

/// How a request ended, for its span.
pub struct Ended {
    /// The span's name: method and route.
    pub name: String,
    /// The span's attributes.
    pub attributes: Vec<KeyValue>,
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
        let lines = if loki::has_room() {
            tracing::span!(target: FOR_LOKI, Level::INFO, "request", trace_id = %self.own.trace_id())
        } else {
            Span::none()
        };
        let context = Context::new().with_remote_span_context(self.own.clone());
        let context = match &self.notes {
            Some(notes) => context.with_value(Arc::clone(notes)),
            None => context,
        };
        work.instrument(lines).with_context(context)
    }

    /// Ends it: `ended` is asked where the trace is recorded. Returns its id then.
    pub fn end(&mut self, failed: bool, ended: impl FnOnce() -> Ended) -> Option<String> {
        let notes = self.notes.take()?;
        let now = Instant::now();
        let recorded = self.own.is_sampled() || failed || now.duration_since(self.began) >= self.slow;
        if !recorded {
            return None;
        }
        if let Some(exporter) = ENDED.get() {
            for span in self.spans(notes.take(), now, failed, ended()) {
                exporter.on_end(span);
            }
        }
        Some(self.own.trace_id().to_string())
    }

    /// The request's span, and one for each statement, below it.
    fn spans(&self, noted: Noted, now: Instant, failed: bool, ended: Ended) -> impl Iterator<Item = SpanData> + use<> {
        let present = SystemTime::from(Clock::system().now());
        let times = move |at: Instant| present.checked_sub(now.duration_since(at)).unwrap_or(present);
        let trace = self.own.trace_id();
        let context = move |id| SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default());
        let own = context(self.own.span_id());
        let mut request = SpanData {
            parent_span_id: self.caller.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: self.caller.is_some(),
            status: if failed { Status::error("") } else { Status::Unset },
            ..span(own, ended.name.into(), SpanKind::Server, ended.attributes, times(self.began), present)
        };
        let events = noted.events.into_iter().map(|event| Event::new(event.message, times(event.at), Vec::new(), 0));
        request.events.events = events.collect();
        if noted.left_out > 0 {
            let count = vec![KeyValue::new("count", i64::from(noted.left_out))];
            request.events.events.push(Event::new("more than are shown", present, count, 0));
        }
        let parent = self.own.span_id();
        let statements = noted.statements.into_iter().map(move |statement| {
            let own = context(RandomIdGenerator::default().new_span_id());
            let (began, ended) = (times(statement.began), statement.ended.map_or(present, times));
            let error = statement.error.or(statement.ended.is_none().then_some("unfinished"));
            SpanData {
                parent_span_id: parent,
                status: if error.is_some() { Status::error("") } else { Status::Unset },
                ..span(own, statement.summary.into(), SpanKind::Client, of_statement(&statement, error), began, ended)
            }
        });
        statements.chain(std::iter::once(request))
    }
}

/// OpenTelemetry's conventions for database clients: the summary, never the text or the values.
fn of_statement(statement: &Statement, error: Option<&'static str>) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(3);
    attributes.push(KeyValue::new("db.system.name", statement.system));
    attributes.push(KeyValue::new("db.query.summary", statement.summary));
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

fn span(
    span_context: SpanContext,
    name: Cow<'static, str>,
    span_kind: SpanKind,
    attributes: Vec<KeyValue>,
    start_time: SystemTime,
    end_time: SystemTime,
) -> SpanData {
    SpanData {
        span_context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind,
        name,
        start_time,
        end_time,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
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

    fn nothing() -> Ended {
        Ended { name: "GET /x".to_owned(), attributes: Vec::new() }
    }

    #[test]
    fn the_callers_decision_is_followed_and_new_traces_go_by_the_ratio() {
        let recorded = |exports, ratio, headers: &HeaderMap, first| {
            let mut trace = begin(exports, ratio, headers, first);
            let wanted = trace.own.is_sampled();
            assert_eq!(trace.end(false, nothing).is_some(), wanted);
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
        assert!(begin(true, 0.0, &none, 0).end(false, nothing).is_none());
        assert!(begin(true, 0.0, &none, 0).end(true, nothing).is_some());
        assert!(begin(false, 0.0, &none, 0).end(true, nothing).is_none(), "nobody would see it");
        let mut slow = begin(true, 0.0, &none, 0);
        slow.slow = Duration::ZERO;
        assert!(slow.end(false, nothing).is_some());
    }

    #[tokio::test]
    async fn a_span_for_the_request_and_one_for_each_statement_below_it() {
        let trace = begin(true, 1.0, &headers(ASKED), 0);
        trace
            .run(async {
                let notes = Context::map_current(|context| context.get::<Arc<Notes>>().cloned()).unwrap();
                assert_eq!(super::super::propagation::current_trace_id().unwrap(), &ASKED[3..35]);
                for (summary, error) in [("get task", None), ("lock log", Some("unavailable"))] {
                    let place = notes.began(summary, "sqlite", Instant::now());
                    notes.ended(place, Instant::now(), error);
                }
                notes.began("insert task", "sqlite", Instant::now());
                notes.event("something is amiss", Instant::now());
            })
            .await;
        let spans: Vec<_> =
            trace.spans(trace.notes.as_ref().unwrap().take(), Instant::now(), true, nothing()).collect();
        let [read, broken, open, request] = &spans[..] else { panic!("{spans:#?}") };
        for span in &spans {
            assert_eq!(span.span_context.trace_id().to_string(), &ASKED[3..35]);
            assert!(span.span_context.is_sampled() && span.start_time <= span.end_time);
        }
        for statement in [read, broken, open] {
            assert_eq!((statement.parent_span_id, statement.parent_span_is_remote), (trace.own.span_id(), false));
        }
        let told = |span: &SpanData| -> Vec<_> {
            span.attributes.iter().map(|told| format!("{}={}", told.key, told.value)).collect()
        };
        assert_eq!(told(read), ["db.system.name=sqlite", "db.query.summary=get task"]);
        assert_eq!(told(broken)[2], "error.type=unavailable");
        assert_eq!(told(open)[2], "error.type=unfinished");
        assert_eq!((&*request.name, &request.span_kind), ("GET /x", &SpanKind::Server));
        assert_eq!(request.parent_span_id.to_string(), &ASKED[36..52]);
        assert_eq!(request.status, Status::error(""));
        assert_eq!(request.events[0].name, "something is amiss");
        assert_eq!(request.span_context.span_id(), trace.own.span_id());
    }
}
