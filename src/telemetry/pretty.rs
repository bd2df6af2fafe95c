//! One line for a person: time, level, message, fields, and the trace id.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::json;
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
        let mut line = Vec::new();
        json::line(&mut line, event).map_err(|_| fmt::Error)?;
        let mut fields: Map<String, Value> = serde_json::from_slice(&line).map_err(|_| fmt::Error)?;
        let message = fields.remove("message").unwrap_or_default();
        fields.retain(|name, _| !["timestamp", "level", "target", "span_id"].contains(&name.as_str()));
        let now = Clock::system().now().format("%H:%M:%S%.3f");
        write!(writer, "{dim}{now}{dim:#} {bright}{level:>5}{bright:#} {}", plain(&message))?;
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
