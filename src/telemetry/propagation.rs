//! W3C Trace Context: into the process with a request, out of it with an event.

use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::kernel::Notes;

/// The context of the span that is entered now, where there is one.
pub(super) fn current_span_context() -> Option<SpanContext> {
    Context::map_current(|context| {
        let span = context.span();
        span.span_context().is_valid().then(|| span.span_context().clone())
    })
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

/// `work` with the present trace and its notes, wherever it is spawned.
pub fn carry<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    Notes::scope(Notes::current(), work.with_current_context().in_current_span())
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

/// What `span` is about failed, in this way: the collector keeps its trace. The span has both fields, empty until then.
pub fn failed(span: &Span, kind: &'static str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", kind);
}

pub(super) fn parse(traceparent: &str) -> Option<SpanContext> {
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

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_or_ignored(text in ".*") {
            let _ = (parse(&text), is_sampled(&text));
        }
    }
}
