//! W3C Trace Context: into the process with a request, out of it with an event.

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Config;

/// The context of the span that is entered now, where there is one.
pub(super) fn current_span_context() -> Option<SpanContext> {
    let context = Context::current().span().span_context().clone();
    context.is_valid().then_some(context)
}

/// The present trace id: 32 hexadecimal digits.
pub fn current_trace_id() -> Option<String> {
    current_span_context().map(|context| context.trace_id().to_string())
}

/// The present context as a `traceparent`: what an event's row and message carry.
pub fn current_traceparent() -> Option<String> {
    current_span_context()
        .map(|context| format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8()))
}

/// Which requests are recorded. It is decided before there is a span, because a span that nobody will see costs as much
/// as one that somebody does; a request that is not recorded has its ids all the same.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    exports: bool,
    ratio: f64,
}

/// How the trace of a request begins.
pub enum Start {
    /// With a span below this context: the caller's, or an empty one.
    Recorded(Context),
    /// Without a span: the context has the ids only.
    Quiet(Context),
}

impl Sampling {
    /// As configured: the caller's decision is followed, new traces are recorded by the ratio.
    pub fn of(config: &Config) -> Self {
        Self { exports: !config.otlp_endpoint.is_empty(), ratio: config.trace_sample_ratio }
    }

    /// The start of a request's trace. `random` makes the ids of a new one.
    pub fn request(self, headers: &HeaderMap, random: [u8; 24]) -> Start {
        let header = headers.get("traceparent").and_then(|value| value.to_str().ok());
        let caller = header.and_then(parse);
        let recorded = match &caller {
            Some(caller) => caller.is_sampled(),
            None => share(&random) < self.ratio,
        };
        if self.exports && recorded {
            return Start::Recorded(
                caller.map_or_else(Context::new, |caller| Context::new().with_remote_span_context(caller)),
            );
        }
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&random[..16]);
        span.copy_from_slice(&random[16..]);
        let trace = caller.map_or(TraceId::from_bytes(trace), |caller| caller.trace_id());
        let own =
            SpanContext::new(trace, SpanId::from_bytes(span), TraceFlags::NOT_SAMPLED, true, TraceState::default());
        Start::Quiet(Context::new().with_remote_span_context(own))
    }
}

/// A number in 0..1 from the bits that a trace id begins with.
fn share(random: &[u8; 24]) -> f64 {
    f64::from(u32::from_be_bytes([random[0], random[1], random[2], random[3]])) / 2_f64.powi(32)
}

/// Runs `work` where its trace ids and its span are found: as far as `start` says.
pub async fn run<T>(start: Start, span: Span, work: impl Future<Output = T>) -> T {
    match start {
        Start::Recorded(_) => work.instrument(span).await,
        Start::Quiet(context) => work.with_context(context).await,
    }
}

/// `work` with the present trace, wherever it is spawned.
pub fn carry<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    work.with_current_context().in_current_span()
}

/// The trace id of a span that is recorded.
pub fn trace_id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context().span().span_context().clone();
    (context.is_valid() && context.is_sampled()).then(|| context.trace_id().to_string())
}

/// Whether a `traceparent` asks to be recorded.
pub fn is_sampled(traceparent: &str) -> bool {
    let flags = traceparent.rsplit('-').next().unwrap_or_default();
    u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1)
}

/// The remote context of a `traceparent`; an empty context when it is not one.
pub fn parent_from_traceparent(traceparent: &str) -> Context {
    parse(traceparent).map_or_else(Context::new, |remote| Context::new().with_remote_span_context(remote))
}

/// Makes `span` a child of `parent`. Call it before the span is entered.
pub fn set_parent(span: &Span, parent: Context) {
    // An error means that no trace layer is installed: then there is no trace to join.
    let _ = span.set_parent(parent);
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths_fit = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !lengths_fit || version == "ff" || ![version, trace, span, flags].into_iter().all(hex) {
        return None;
    }
    // Version 00 has exactly four parts; a later one may have more.
    if version == "00" && parts.next().is_some() {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & 1);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_good_one_is_taken() {
        let context = parse(GOOD).unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.is_sampled() && is_sampled(GOOD));
        assert!(!is_sampled(&GOOD.replace("-01", "-00")));
    }

    #[test]
    fn bad_ones_are_ignored() {
        for bad in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_callers_decision_is_followed_and_new_traces_go_by_the_ratio() {
        let mut asked = HeaderMap::new();
        asked.insert("traceparent", GOOD.parse().unwrap());
        let mut declined = HeaderMap::new();
        declined.insert("traceparent", GOOD.replace("-01", "-00").parse().unwrap());
        let of = |exports, ratio, headers: &HeaderMap, first: u8| {
            let mut random = [7; 24];
            random[0] = first;
            Sampling { exports, ratio }.request(headers, random)
        };
        let none = HeaderMap::new();
        assert!(matches!(of(true, 0.0, &asked, 0), Start::Recorded(_)));
        assert!(matches!(of(true, 1.0, &declined, 0), Start::Quiet(_)));
        assert!(matches!(of(true, 0.5, &none, 0x7f), Start::Recorded(_)));
        assert!(matches!(of(true, 0.5, &none, 0x80), Start::Quiet(_)));
        assert!(matches!(of(true, 1.0, &none, 0xff), Start::Recorded(_)));
        // Nothing is exported: the caller's trace id stays, the span is our own.
        let Start::Quiet(context) = of(false, 1.0, &asked, 0) else { panic!("recorded for nobody") };
        let own = context.span().span_context().clone();
        assert_eq!(own.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(own.is_valid() && !own.is_sampled() && own.span_id().to_string() != "00f067aa0ba902b7");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_or_ignored(text in ".*") {
            let _ = (parse(&text), is_sampled(&text));
        }
    }
}
