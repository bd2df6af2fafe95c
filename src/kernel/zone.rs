//! Civil time and instants: the days of a person are those of a time zone (IANA).
//!
//! **Gaps and overlaps** (RFC 5545 section 3.3.5). A time that a clock skips in spring is read with the offset before the
//! gap: 02:30 becomes 03:30. One that comes twice in autumn is the first of the two.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

/// The instant of a civil time in a zone.
pub fn instant(civil: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    if let Some(at) = zone.from_local_datetime(&civil).earliest() {
        return at.to_utc();
    }
    // In a gap. No zone ever skipped more than a day, so a day earlier has the offset before it.
    let before = zone.offset_from_utc_datetime(&(civil.checked_sub_days(Days::new(1)).unwrap_or(civil)));
    (civil - before.fix()).and_utc()
}

/// The civil time of an instant in a zone.
pub fn civil(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// The day of an instant in a zone.
pub fn day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    civil(at, zone).date()
}

/// The instant at which a day begins in a zone: where midnight is skipped, the first one after it.
pub fn start_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    instant(date.and_time(NaiveTime::MIN), zone)
}

/// Cut to microseconds, which both databases keep.
pub fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Africa, America, Australia, Europe, Pacific};

    use super::*;

    fn at(civil: &str, zone: Tz) -> String {
        instant(civil.parse().unwrap(), zone).to_rfc3339()
    }

    #[test]
    fn a_skipped_time_is_read_with_the_offset_before_it() {
        assert_eq!(at("2026-03-29T02:30:00", Europe::Berlin), "2026-03-29T01:30:00+00:00");
        assert_eq!(at("2026-03-08T02:30:00", America::New_York), "2026-03-08T07:30:00+00:00");
        assert_eq!(at("2026-10-04T02:15:00", Australia::Lord_Howe), "2026-10-03T15:45:00+00:00");
        // A day that Samoa never had.
        assert_eq!(at("2011-12-30T12:00:00", Pacific::Apia), "2011-12-30T22:00:00+00:00");
    }

    #[test]
    fn of_a_time_that_comes_twice_it_is_the_first() {
        assert_eq!(at("2026-10-25T02:30:00", Europe::Berlin), "2026-10-25T00:30:00+00:00");
        assert_eq!(at("2026-04-05T01:45:00", Australia::Lord_Howe), "2026-04-04T14:45:00+00:00");
    }

    #[test]
    fn a_day_begins_where_midnight_is_skipped_too() {
        let date = "2026-04-24".parse().unwrap();
        assert_eq!(day(start_of_day(date, Africa::Cairo), Africa::Cairo), date);
        assert_eq!(start_of_day(date, Africa::Cairo).to_rfc3339(), "2026-04-23T22:00:00+00:00");
    }
}
