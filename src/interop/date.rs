//! Dates and times as the formats write them.
//!
//! **Rule.** Years are those from 1 to 9999, so that texts of dates sort as time does; instants are cut to
//! microseconds, as databases keep them.

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, SubsecRound as _};
use chrono::{TimeZone as _, Utc};
use chrono_tz::Tz;

use super::portable::Due;

/// The byte order mark.
pub(super) const BOM: &str = "\u{feff}";

/// `2026-12-01`.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let shape = bytes.len() == 10 && (0..10).all(|at| if at == 4 || at == 7 { bytes[at] == b'-' } else { digit(at) });
    let date: NaiveDate = shape.then(|| text.parse().ok()).flatten()?;
    (date.year() >= 1).then_some(date)
}

/// `2026-12-01T17:00:00+01:00` (RFC 3339).
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    within(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

/// The instant, where its year has four digits also a day before and after: no zone brings it out of the range.
pub(super) fn within(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let near = |days| at.checked_add_signed(Duration::days(days)).is_some_and(|at| (1..=9999).contains(&at.year()));
    (near(-1) && near(1)).then(|| at.trunc_subsecs(6))
}

/// A date, or a date and a time after `T`, a blank or ` at `, with or without seconds and an offset. A time without an
/// offset is meant in `zone`.
pub(super) fn due(text: &str, zone: Tz) -> Option<Due> {
    let date = day(text.get(..10)?)?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(Due { date, time: None });
    }
    let time = rest.strip_prefix(" at ").or_else(|| rest.strip_prefix(['T', 't', ' ']))?.trim();
    let at = match time.find(['Z', 'z', '+', '-']) {
        Some(_) => instant(&format!("{date}T{}", with_seconds(time)))?,
        None => local(NaiveDateTime::new(date, clock(time)?), zone)?,
    };
    at_instant(at, zone)
}

/// Due at an instant, on its day in the zone.
pub(super) fn at_instant(at: DateTime<Utc>, zone: Tz) -> Option<Due> {
    let at = within(at)?;
    Some(Due { date: at.with_timezone(&zone).date_naive(), time: Some((at, zone)) })
}

/// `17:00Z` is no RFC 3339; `17:00:00Z` is.
fn with_seconds(time: &str) -> String {
    let (clock, offset) = time.split_at(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len()));
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    format!("{clock}{seconds}{offset}")
}

fn clock(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}

/// The instant of a local time: the first of two, and for one that a change of the clock skips, that which the clock
/// would have shown without the change (RFC 5545, section 3.3.5).
pub(super) fn local(time: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    if let Some(at) = zone.from_local_datetime(&time).earliest() {
        return within(at.to_utc());
    }
    // No zone ever skipped more than a day, so a day earlier has the offset before the change.
    let before = zone.offset_from_utc_datetime(&time.checked_sub_signed(Duration::days(1))?).fix();
    within(time.checked_sub_offset(before)?.and_utc())
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
