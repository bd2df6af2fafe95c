use chrono_tz::{Africa, America, Asia, Europe, Pacific, UTC};
use proptest::prelude::*;

use super::super::ast::{Field, TimeField};
use super::*;

fn context(now: &str, zone: Tz) -> Context {
    Context { now: now.parse().unwrap(), zone, week_start: Weekday::Mon, name_key: str::to_lowercase }
}

fn at(word: &str, context: &Context) -> String {
    match When::parse(word, Field::Time(TimeField::Due)).unwrap().at(context) {
        Moment::Day(date) => date.to_string(),
        Moment::Instant(at) => at.to_rfc3339(),
    }
}

#[test]
fn words_are_days_of_the_person() {
    // Wednesday 25 November 2026 in Berlin, still Tuesday in New York.
    let berlin = context("2026-11-25T01:30:00.1234567Z", Europe::Berlin);
    for (word, expected) in [
        ("now", "2026-11-25T01:30:00.123456+00:00"),
        ("today", "2026-11-25"),
        ("now/d", "2026-11-25"),
        ("tomorrow", "2026-11-26"),
        ("yesterday", "2026-11-24"),
        ("startOfWeek", "2026-11-23"),
        ("now/w", "2026-11-23"),
        ("endOfWeek", "2026-11-29"),
        ("startOfWeek-1w", "2026-11-16"),
        ("startOfMonth", "2026-11-01"),
        ("endOfMonth", "2026-11-30"),
        ("today+3M/M", "2027-02-01"),
        ("startOfYear", "2026-01-01"),
        ("endOfYear", "2026-12-31"),
        ("today/y+1y", "2027-01-01"),
        ("2026-01-31+1M", "2026-02-28"),
        ("2024-02-29+1y", "2025-02-28"),
        ("2026-01-31+1M+1M", "2026-03-28"),
        ("now+3h-30m", "2026-11-25T04:00:00.123456+00:00"),
        ("today+9h", "2026-11-25T08:00:00+00:00"),
        ("today-1m", "2026-11-24T22:59:00+00:00"),
        ("2026-12-01T00:30:00+05:00/d", "2026-11-30"),
    ] {
        assert_eq!(at(word, &berlin), expected, "{word}");
    }
    assert_eq!(at("today", &context("2026-11-25T01:30:00Z", America::New_York)), "2026-11-24");
}

#[test]
fn the_week_begins_where_the_person_says() {
    let mut context = context("2026-11-25T12:00:00Z", UTC);
    for (start, first, last) in [
        (Weekday::Sun, "2026-11-22", "2026-11-28"),
        (Weekday::Sat, "2026-11-21", "2026-11-27"),
        (Weekday::Wed, "2026-11-25", "2026-12-01"),
        (Weekday::Thu, "2026-11-19", "2026-11-25"),
    ] {
        context.week_start = start;
        assert_eq!([at("startOfWeek", &context), at("endOfWeek", &context)], [first, last]);
    }
}

#[test]
fn days_keep_the_wall_clock_and_hours_pass() {
    // Berlin goes to summer time on 29 March 2026 at 02:00 and back on 25 October at 03:00.
    let spring = context("2026-03-28T01:30:00Z", Europe::Berlin); // 02:30
    assert_eq!(at("now+1d", &spring), "2026-03-29T01:30:00+00:00"); // 02:30 is skipped: 03:30
    assert_eq!(at("now+2d", &spring), "2026-03-30T00:30:00+00:00"); // 02:30
    assert_eq!(at("now+24h", &spring), "2026-03-29T01:30:00+00:00");
    assert_eq!(at("now+48h", &spring), "2026-03-30T01:30:00+00:00");
    let autumn = context("2026-10-24T00:30:00Z", Europe::Berlin); // 02:30
    assert_eq!(at("now+1d", &autumn), "2026-10-25T00:30:00+00:00"); // the first 02:30
    assert_eq!(at("now+2d", &autumn), "2026-10-26T01:30:00+00:00");
    // Samoa had no 30 December 2011.
    assert_eq!(at("now+1d", &context("2011-12-29T22:00:00Z", Pacific::Apia)), "2011-12-30T22:00:00+00:00");
}

#[test]
fn a_day_begins_after_a_gap_too() {
    for (date, zone, expected) in [
        ("2026-11-25", Europe::Berlin, "2026-11-24T23:00:00+00:00"),
        ("2026-04-24", Africa::Cairo, "2026-04-23T22:00:00+00:00"),
        ("2018-11-04", America::Sao_Paulo, "2018-11-04T03:00:00+00:00"),
        // From 23:30 to 00:30: the day begins at 00:30.
        ("1919-03-31", America::Toronto, "1919-03-31T04:30:00+00:00"),
        // A day that was not begins, and ends, with the next one.
        ("2011-12-30", Pacific::Apia, "2011-12-30T10:00:00+00:00"),
        ("2011-12-31", Pacific::Apia, "2011-12-30T10:00:00+00:00"),
        // Midnight came twice: from 00:01 back to 23:01.
        ("2010-11-07", America::St_Johns, "2010-11-07T02:30:00+00:00"),
    ] {
        assert_eq!(start_of_day(date.parse().unwrap(), zone).to_rfc3339(), expected, "{date} {zone}");
    }
}

#[test]
fn results_stay_in_the_years_1_to_9999() {
    for zone in [UTC, Pacific::Kiritimati, Pacific::Pago_Pago] {
        let context = context("2026-11-25T12:00:00Z", zone);
        assert_eq!(at("today+999999y+999999w", &context), "9999-12-31");
        assert_eq!(at("today-999999M", &context), "0001-01-01");
        assert_eq!(at("0001-01-01/w", &context), "0001-01-01");
        for (word, sign) in [("now+999999y+999999y", '9'), ("now-999999d-999999w+1h", '0'), ("9999-12-31+999999h", '9')]
        {
            let text = at(word, &context);
            assert!(text.len() >= 25 && text.starts_with(sign), "{word} {text}");
        }
        for edge in [NaiveDate::MIN, NaiveDate::MAX] {
            start_of_day(edge, zone);
            end_of_day(edge, zone);
        }
    }
    let mut context = context("2026-11-25T12:00:00Z", Asia::Kathmandu);
    for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        context.now = now;
        for word in ["now", "endOfYear+9M", "startOfWeek-1d", "now+1h/w", "now-1h"] {
            assert!(at(word, &context).len() <= 32);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against the definition: the instant has the date or a later one, the microsecond before it has not.
    #[test]
    fn a_day_begins_where_its_date_does(day in 0_i64..60_000, zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec())) {
        let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + TimeDelta::days(day);
        let start = start_of_day(date, zone);
        prop_assert!(super::day(start, zone) >= date);
        prop_assert!(super::day(start - TimeDelta::microseconds(1), zone) < date);
    }
}
