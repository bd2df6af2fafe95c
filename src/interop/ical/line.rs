//! Content lines: properties, escaped and folded (RFC 5545, sections 3.1 and 3.3.11).

use chrono::{DateTime, Utc};

use crate::interop::portable::Due;

/// The longest line, in octets, without its line break.
const OCTETS: usize = 75;

/// The text of a calendar as it grows.
#[derive(Debug, Default)]
pub(super) struct Lines(pub(super) String);

impl Lines {
    /// A property whose value needs no escaping; `name` can have parameters (`DUE;VALUE=DATE`).
    pub(super) fn raw(&mut self, name: &str, value: &str) {
        let mut used = 0;
        self.fold(name, &mut used);
        self.fold(":", &mut used);
        self.fold(value, &mut used);
        self.0.push_str("\r\n");
    }

    /// A text: line breaks of all kinds become `\n`, other control characters blanks.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.raw(name, &escaped(text, "\\n"));
    }

    /// A text on one line: line breaks become blanks as well.
    pub(super) fn line(&mut self, name: &str, text: &str) {
        self.raw(name, &escaped(text, " "));
    }

    /// A list of texts.
    pub(super) fn list<'a>(&mut self, name: &str, texts: impl Iterator<Item = &'a String>) {
        let texts: Vec<String> = texts.map(|text| escaped(text, " ")).collect();
        self.raw(name, &texts.join(","));
    }

    /// A day, or an instant in UTC.
    pub(super) fn due(&mut self, name: &str, due: Due) {
        match due.time {
            Some((at, _)) => self.instant(name, at),
            None => self.raw(&format!("{name};VALUE=DATE"), &due.date.format("%Y%m%d").to_string()),
        }
    }

    /// An instant in UTC.
    pub(super) fn instant(&mut self, name: &str, at: DateTime<Utc>) {
        self.raw(name, &at.format("%Y%m%dT%H%M%SZ").to_string());
    }

    /// Appends to the line; goes on to the next where it would be too long. `used` is how long it is.
    fn fold(&mut self, text: &str, used: &mut usize) {
        for c in text.chars() {
            if *used + c.len_utf8() > OCTETS {
                self.0.push_str("\r\n ");
                *used = 1;
            }
            self.0.push(c);
            *used += c.len_utf8();
        }
    }
}

fn escaped(text: &str, line_break: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\n' if before == '\r' => {}
            '\n' | '\r' => out.push_str(line_break),
            '\\' | ';' | ',' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    out
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
