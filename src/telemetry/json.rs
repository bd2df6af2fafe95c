//! One JSON object a line: what a log collector reads.
//!
//! It is written as it comes, without a tree of values in between: with a line for each request that is felt.

use std::cell::RefCell;
use std::fmt;

use serde::ser::{SerializeMap, Serializer as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::propagation::current_span_context;
use crate::kernel::Clock;

/// `{"timestamp", "level", "target", "message", fields…, "trace_id", "span_id"}`.
pub(super) struct Lines;

/// The fields of spans, which no line shows.
pub(super) struct NoFields;

impl<'w> FormatFields<'w> for NoFields {
    fn format_fields<R: RecordFields>(&self, _: Writer<'w>, _: R) -> fmt::Result {
        Ok(())
    }
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            line(buffer, event).map_err(|_| fmt::Error)?;
            writer.write_str(std::str::from_utf8(buffer).map_err(|_| fmt::Error)?)
        })?;
        writer.write_char('\n')
    }
}

/// Writes the event as one object, without a line break.
pub(super) fn line(buffer: &mut Vec<u8>, event: &Event<'_>) -> serde_json::Result<()> {
    let mut serializer = serde_json::Serializer::new(buffer);
    let mut line = serializer.serialize_map(None)?;
    let metadata = event.metadata();
    line.serialize_entry("timestamp", &Clock::system().now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true))?;
    line.serialize_entry("level", metadata.level().as_str())?;
    line.serialize_entry("target", metadata.target())?;
    let mut entries = Entries { line: &mut line, outcome: Ok(()) };
    event.record(&mut entries);
    entries.outcome?;
    if let Some(context) = current_span_context() {
        line.serialize_entry("trace_id", &format_args!("{}", context.trace_id()))?;
        line.serialize_entry("span_id", &format_args!("{}", context.span_id()))?;
    }
    line.end()
}

/// Fields as entries of the object that is being written.
struct Entries<'a, M: SerializeMap> {
    line: &'a mut M,
    outcome: Result<(), M::Error>,
}

impl<M: SerializeMap> Entries<'_, M> {
    fn entry(&mut self, field: &Field, value: &(impl serde::Serialize + ?Sized)) {
        if self.outcome.is_ok() {
            self.outcome = self.line.serialize_entry(field.name(), value);
        }
    }
}

impl<M: SerializeMap> Visit for Entries<'_, M> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.entry(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.entry(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.entry(field, &value);
    }
}
