//! Which rules of repetition can stand in the feed.

use chrono::NaiveDate;

/// The parts that can stay as they are. `COUNT` cannot: it counts from the first date of the series, and the feed begins
/// with the present one.
const PARTS: &[&str] =
    &["FREQ", "INTERVAL", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "WKST"];
const FREQUENCIES: &[&str] = &["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];

/// A rule for a series of days that begins on `first`, or `None` where it cannot be said. An `UNTIL` with a time is cut
/// to its day, since it must be of the type of `DTSTART` (RFC 5545, section 3.3.10).
///
/// Only letters, digits and `,+-` come through, so no rule can bring another property into the feed.
pub(super) fn of_days(rule: &str, first: NaiveDate) -> Option<String> {
    let rule = rule.trim();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(rule);
    let mut parts = Vec::new();
    let mut frequency = false;
    for part in rule.split(';') {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim().to_ascii_uppercase(), value.trim().to_ascii_uppercase());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'+' | b'-');
        let new = parts.iter().all(|(known, _)| *known != name);
        if !PARTS.contains(&name.as_str()) || value.is_empty() || !value.bytes().all(plain) || !new {
            return None;
        }
        match name.as_str() {
            "FREQ" => frequency = FREQUENCIES.contains(&value.as_str()),
            "UNTIL" => {
                let until = NaiveDate::parse_from_str(value.get(..8)?, "%Y%m%d").ok()?;
                if until < first {
                    return None;
                }
                parts.push((name, value.get(..8)?.to_owned()));
                continue;
            }
            "INTERVAL" => {
                value.parse::<u32>().ok().filter(|interval| *interval > 0)?;
            }
            _ => {}
        }
        parts.push((name, value));
    }
    let texts: Vec<String> = parts.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    frequency.then(|| texts.join(";"))
}

/// Whether a rule says no more than a frequency, an interval and an end: then each date is that of the one before, moved.
pub(super) fn is_plain(rule: &str) -> bool {
    rule.split(';').all(|part| !part.starts_with("BY"))
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
