//! One line for a person: time, level, message, fields, and the trace id.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::json::Fields;
use super::propagation::current_trace_id;
use crate::kernel::Clock;

pub(super) struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        let (bright, dim) = if writer.has_ansi_escapes() {
            (Style::new().bold().fg_color(Some(color(level).into())), Style::new().dimmed())
        } else {
            (Style::new(), Style::new())
        };
        let mut fields = Map::new();
        event.record(&mut Fields(&mut fields));
        let message = fields.remove("message").unwrap_or_default();
        let now = Clock::system().now().format("%H:%M:%S%.3f");
        write!(writer, "{dim}{now}{dim:#} {bright}{level:>5}{bright:#} {}", plain(&message))?;
        fields.extend(current_trace_id().map(|id| ("trace_id".to_owned(), Value::from(id))));
        for (name, value) in fields.iter().filter(|(_, value)| value.as_str() != Some("")) {
            write!(writer, " {dim}{name}={dim:#}{}", plain(value))?;
        }
        writeln!(writer)
    }
}

fn color(level: Level) -> AnsiColor {
    match level {
        Level::ERROR => AnsiColor::Red,
        Level::WARN => AnsiColor::Yellow,
        Level::INFO => AnsiColor::Green,
        _ => AnsiColor::Blue,
    }
}

/// Text without quotes; a control character must not move a person's cursor.
fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
