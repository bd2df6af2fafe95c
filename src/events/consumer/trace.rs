//! The spans of what a consumer does: in the trace of the request that made the change, linked to it.

use opentelemetry::trace::TraceContextExt as _;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::message::Delivery;
use crate::telemetry::propagation;

/// A span for each event whose request is recorded, in their order: it lasts as long as it is held. What is done for the
/// whole batch belongs in the first.
pub(super) fn spans<'a>(consumer: &'static str, events: impl Iterator<Item = &'a Delivery>) -> Vec<Span> {
    events.filter_map(|event| span(consumer, event)).collect()
}

fn span(consumer: &'static str, event: &Delivery) -> Option<Span> {
    let traceparent = event.traceparent.as_deref().filter(|text| propagation::is_sampled(text))?;
    let topic = event.topic.name();
    let span = tracing::info_span!(
        "process", otel.name = %format_args!("process {topic}"), otel.kind = "consumer", messaging.system = "kafka",
        messaging.operation.type = "process", messaging.destination.name = topic,
        messaging.consumer.group.name = consumer, messaging.message.id = %event.event_id,
        event.name = event.event_type,
    );
    let request = propagation::parent_from_traceparent(traceparent);
    let made_by = request.span().span_context().clone();
    propagation::set_parent(&span, request);
    span.add_link(made_by);
    // Entered once, so that it has a start.
    span.in_scope(|| {});
    Some(span)
}
