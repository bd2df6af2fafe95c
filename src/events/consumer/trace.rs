//! The spans of what a consumer does: in the trace of the request that made the change, linked to it.

use opentelemetry::trace::TraceContextExt as _;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Failure;
use super::message::Delivery;
use crate::telemetry::propagation;

/// A span for an event, where its request is recorded: it lasts as long as it is held.
pub(super) fn span(consumer: &'static str, event: &Delivery) -> Span {
    let Some(traceparent) = event.traceparent.as_deref().filter(|text| propagation::is_sampled(text)) else {
        return Span::none();
    };
    let topic = event.topic.name();
    let span = tracing::info_span!(
        "process", otel.name = %format_args!("process {topic}"), otel.kind = "consumer", messaging.system = "kafka",
        messaging.operation.type = "process", messaging.destination.name = topic,
        messaging.consumer.group.name = consumer, messaging.message.id = %event.event_id,
        event.name = event.event_type, otel.status_code = Empty, error.type = Empty,
    );
    let request = propagation::parent_from_traceparent(traceparent);
    let made_by = request.span().span_context().clone();
    propagation::set_parent(&span, request);
    span.add_link(made_by);
    // Entered once, so that it has a start.
    span.in_scope(|| {});
    span
}

/// The event's effect failed.
pub(super) fn failed(span: &Span, failure: &Failure) {
    let kind = match failure {
        Failure::Storage(_) => "storage",
        Failure::Retry(_) => "retry",
        Failure::Reject(_) => "reject",
    };
    propagation::failed(span, kind);
}
