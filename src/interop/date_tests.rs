use chrono_tz::{America, Europe, Pacific};

use super::*;

#[test]
fn days_have_one_shape() {
    for (text, is_day) in [
        ("2026-12-01", true),
        ("0001-01-01", true),
        ("9999-12-31", true),
        ("2028-02-29", true),
        ("2026-02-29", false),
        ("2026-13-01", false),
        ("0000-01-01", false),
        ("2026-1-01", false),
        ("+026-12-01", false),
        ("2026-12-01 ", false),
        ("2026/12/01", false),
        ("٢٠٢٦-12-01", false),
        ("", false),
    ] {
        assert_eq!(day(text).map(|day| day.to_string()).as_deref(), is_day.then_some(text), "{text}");
    }
}

#[test]
fn due_dates_with_and_without_a_time() {
    let berlin = Europe::Berlin;
    for (text, expected) in [
        ("2026-12-01", Some(("2026-12-01", None))),
        ("2026-12-01T17:00", Some(("2026-12-01", Some("2026-12-01T16:00:00+00:00")))),
        ("2026-12-01 17:00", Some(("2026-12-01", Some("2026-12-01T16:00:00+00:00")))),
        ("2026-12-01 at 17:00", Some(("2026-12-01", Some("2026-12-01T16:00:00+00:00")))),
        ("2026-07-01T17:00:30", Some(("2026-07-01", Some("2026-07-01T15:00:30+00:00")))),
        ("2026-07-01T17:00:30.1234567", Some(("2026-07-01", Some("2026-07-01T15:00:30.123456+00:00")))),
        // An offset says what instant it is; the day is that of the zone.
        ("2026-12-01T23:30:00Z", Some(("2026-12-02", Some("2026-12-01T23:30:00+00:00")))),
        ("2026-12-01T23:30Z", Some(("2026-12-02", Some("2026-12-01T23:30:00+00:00")))),
        ("2026-12-01T17:00-05:00", Some(("2026-12-01", Some("2026-12-01T22:00:00+00:00")))),
        ("2018-06-08T07:02:05.000000Z", Some(("2018-06-08", Some("2018-06-08T07:02:05+00:00")))),
        // In spring the clock goes from 2 to 3, in autumn 2:30 comes twice.
        ("2026-03-29T02:30", Some(("2026-03-29", Some("2026-03-29T01:30:00+00:00")))),
        ("2026-10-25T02:30", Some(("2026-10-25", Some("2026-10-25T00:30:00+00:00")))),
        ("2026-12-01T", None),
        ("2026-12-01T25:00", None),
        ("2026-12-01T17", None),
        ("2026-12-01x17:00", None),
        ("2026-12-01 starting", None),
        ("every day", None),
        ("täglich um 9", None),
    ] {
        let due = due(text, berlin);
        let told = due.map(|due| (due.date.to_string(), due.time.map(|(at, _)| at.to_rfc3339())));
        let expected = expected.map(|(date, at): (&str, Option<&str>)| (date.to_owned(), at.map(str::to_owned)));
        assert_eq!(told, expected, "{text}");
    }
}

#[test]
fn a_day_that_a_zone_skipped_is_the_next() {
    let at = local("2011-12-30T12:00:00".parse().unwrap(), Pacific::Apia).unwrap();
    assert_eq!(at.to_rfc3339(), "2011-12-30T22:00:00+00:00");
    let at = local("2026-03-08T02:30:00".parse().unwrap(), America::New_York).unwrap();
    assert_eq!(at.to_rfc3339(), "2026-03-08T07:30:00+00:00");
}

#[test]
fn the_ends_of_time_are_no_instants() {
    for (text, is_instant) in [
        ("0001-01-01T00:00:00Z", false),
        ("0001-01-02T00:00:00Z", true),
        ("9999-12-30T23:59:59Z", true),
        ("9999-12-31T00:00:00Z", false),
        ("10000-01-01T00:00:00Z", false),
        ("2026-12-01T17:00:00", false),
        ("2026-12-01", false),
    ] {
        assert_eq!(instant(text).is_some(), is_instant, "{text}");
    }
    assert_eq!(due("9999-12-31T23:00", America::New_York), None);
    assert_eq!(local(NaiveDateTime::MIN, Europe::Berlin), None);
    assert_eq!(local(NaiveDateTime::MAX, Pacific::Apia), None);
}
