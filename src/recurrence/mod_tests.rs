use super::*;

#[path = "rfc_tests.rs"]
mod rfc;

use rfc::RFC;

fn day(text: &str) -> NaiveDate {
    text.parse().expect(text)
}

fn rule(text: &str) -> Rule {
    text.parse().unwrap_or_else(|error: Error| panic!("{}", error.rendered()))
}

/// Dates as they are written in the tables: `1997: 9/2 9/4; 1998: 1/1`.
fn days(text: &str) -> Vec<NaiveDate> {
    let mut all = Vec::new();
    for year in text.split("; ") {
        let (year, dates) = year.split_once(": ").expect(text);
        for date in dates.split(' ') {
            let (month, day) = date.split_once('/').expect(date);
            let number = |text: &str| text.parse().expect(text);
            all.push(NaiveDate::from_ymd_opt(year.parse().expect(year), number(month), number(day)).expect(date));
        }
    }
    all
}

#[test]
fn the_examples_of_the_rfc() {
    for (name, start, text, dates, all) in RFC {
        let (rule, dates) = (rule(text), days(dates));
        let limit = dates.len() + usize::from(all);
        let found: Vec<Occurrence> = rule.occurrences(day(start)).take(limit).collect();
        assert_eq!(found.iter().map(|o| o.date).collect::<Vec<_>>(), dates, "{name}: {text}");
        assert!(found.iter().zip(1..).all(|(o, number)| o.number == number), "{name}");
    }
}

#[test]
fn longer_examples_of_the_rfc() {
    let daily = rule("FREQ=DAILY;UNTIL=19971224T000000Z");
    let found: Vec<Occurrence> = daily.occurrences(day("1997-09-02")).collect();
    assert_eq!((found.len(), found.last().map(|o| o.date)), (114, Some(day("1997-12-24"))));
    for text in [
        "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
    ] {
        let found: Vec<NaiveDate> = rule(text).occurrences(day("1998-01-01")).map(|o| o.date).collect();
        let expected: Vec<NaiveDate> =
            (1998..=2000).flat_map(|y| (1..=31).filter_map(move |d| NaiveDate::from_ymd_opt(y, 1, d))).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_series_ends() {
    for text in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=4,6;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=DAILY;INTERVAL=994;BYDAY=TU",
        "FREQ=DAILY;BYMONTH=1;BYSETPOS=2",
        "FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=3",
        "FREQ=WEEKLY;INTERVAL=997;BYDAY=MO,TU;BYSETPOS=-3",
        "FREQ=YEARLY;BYDAY=-53MO;BYYEARDAY=100",
        "FREQ=YEARLY;BYMONTH=2;BYDAY=5MO;BYMONTHDAY=-2",
        "FREQ=YEARLY;INTERVAL=4;BYYEARDAY=366;BYMONTH=11",
        "FREQ=YEARLY;INTERVAL=2;BYMONTHDAY=29;BYMONTH=2;BYSETPOS=2",
        "FREQ=MONTHLY;INTERVAL=7;BYDAY=53MO",
    ] {
        assert_eq!(rule(text).first(day("2025-01-06")), None, "{text}");
        assert_eq!(
            rule(text).skip_to(day("2025-01-06"), Occurrence { date: day("2025-01-06"), number: 1 }, day("9999-12-31")),
            None
        );
    }
    let daily = rule("FREQ=DAILY");
    let last: Vec<Occurrence> = daily.occurrences(day("9999-12-30")).collect();
    assert_eq!(last.iter().map(|o| o.date).collect::<Vec<_>>(), days("9999: 12/30 12/31"));
    for start in [NaiveDate::MIN, NaiveDate::MAX, day("0000-12-31"), day("+10000-01-01")] {
        let occurrence = Occurrence { date: start, number: 1 };
        assert_eq!(daily.first(start), None, "{start}");
        assert_eq!(daily.next(start, occurrence), None, "{start}");
        assert_eq!(daily.next_after_completion(start, occurrence), None, "{start}");
        assert_eq!(daily.skip_to(start, occurrence, start), None, "{start}");
        assert_eq!(daily.occurrences(start).next(), None, "{start}");
    }
    let far = Occurrence { date: NaiveDate::MAX, number: 1 };
    assert_eq!(daily.next(day("2026-01-01"), far), None);
    assert_eq!(daily.skip_to(day("2026-01-01"), far, day("2026-01-01")), None);
    assert_eq!(daily.next(day("2026-01-01"), Occurrence { date: day("2026-01-01"), number: u32::MAX }), None);
}

#[test]
fn a_moved_date_goes_on_from_where_it_is() {
    let rule = rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;COUNT=3");
    let start = day("2026-11-02");
    for (last, number, next) in [
        ("2026-11-02", 1, Some("2026-11-16")),
        ("2026-11-15", 1, Some("2026-11-16")),
        ("2026-11-16", 1, Some("2026-11-30")),
        ("2026-11-16", 2, Some("2026-11-30")),
        ("2026-11-30", 3, None),
        ("2020-01-01", 1, Some("2026-11-02")),
    ] {
        let next = next.map(|date| Occurrence { date: day(date), number: number + 1 });
        assert_eq!(rule.next(start, Occurrence { date: day(last), number }), next, "{last}");
    }
}

#[test]
fn it_goes_on_from_completion() {
    // 2026-11-25 is a Wednesday.
    for (text, done, next) in [
        ("FREQ=DAILY;INTERVAL=3", "2026-11-25", Some("2026-11-28")),
        ("FREQ=WEEKLY;BYDAY=MO", "2026-11-25", Some("2026-11-30")),
        ("FREQ=WEEKLY;BYDAY=MO", "2026-11-23", Some("2026-11-30")),
        ("FREQ=WEEKLY;INTERVAL=2", "2026-11-25", Some("2026-12-09")),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2026-11-23", Some("2026-12-07")),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "2026-11-25", Some("2026-11-27")),
        ("FREQ=MONTHLY", "2026-11-25", Some("2026-12-25")),
        ("FREQ=MONTHLY", "2027-01-31", Some("2027-03-31")),
        ("FREQ=YEARLY", "2028-02-29", Some("2032-02-29")),
        ("FREQ=DAILY;COUNT=5", "2026-11-25", Some("2026-11-26")),
        ("FREQ=DAILY;COUNT=4", "2026-11-25", None),
        ("FREQ=DAILY;UNTIL=20261126", "2026-11-25", Some("2026-11-26")),
        ("FREQ=DAILY;UNTIL=20261125", "2026-11-25", None),
    ] {
        let last = Occurrence { date: day("2026-11-01"), number: 4 };
        let next = next.map(|date| Occurrence { date: day(date), number: 5 });
        assert_eq!(rule(text).next_after_completion(day(done), last), next, "{text} {done}");
    }
}

#[test]
fn dates_are_skipped_and_counted() {
    let start = day("2026-01-01");
    for (text, last, number, date, found) in [
        ("FREQ=DAILY", "2026-01-01", 1, "2026-01-10", Some(("2026-01-10", 10))),
        ("FREQ=DAILY", "2026-01-01", 1, "2025-01-10", Some(("2026-01-02", 2))),
        ("FREQ=DAILY", "2026-01-05", 1, "2026-01-10", Some(("2026-01-10", 6))),
        ("FREQ=DAILY", "2026-01-01", 1, "2126-01-01", Some(("2126-01-01", 36_525))),
        ("FREQ=DAILY", "2026-01-01", 1, "9999-12-31", Some(("9999-12-31", 2_912_443))),
        ("FREQ=DAILY;COUNT=10", "2026-01-01", 1, "2026-01-10", Some(("2026-01-10", 10))),
        ("FREQ=DAILY;COUNT=9", "2026-01-01", 1, "2026-01-10", None),
        ("FREQ=DAILY;UNTIL=20260110", "2026-01-01", 1, "2026-01-10", Some(("2026-01-10", 10))),
        ("FREQ=DAILY;UNTIL=20260109", "2026-01-01", 1, "2026-01-10", None),
        ("FREQ=DAILY;INTERVAL=3", "2026-01-01", 1, "2026-01-11", Some(("2026-01-13", 5))),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "2026-01-01", 1, "2026-02-01", Some(("2026-02-02", 10))),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31", 1, "2027-01-01", Some(("2027-01-31", 8))),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2028-02-29", 1, "2100-01-01", Some(("2104-02-29", 19))),
    ] {
        let last = Occurrence { date: day(last), number };
        let found = found.map(|(date, number)| Occurrence { date: day(date), number });
        assert_eq!(rule(text).skip_to(start, last, day(date)), found, "{text} {date}");
    }
}

#[test]
fn what_a_rule_says_of_its_end() {
    let counted = rule("FREQ=DAILY;COUNT=3;INTERVAL=2");
    assert_eq!((counted.count(), counted.until(), counted.interval()), (Some(3), None, 2));
    let until = counted.with_until(day("2026-01-05"));
    assert_eq!((until.count(), until.until(), until.interval()), (None, Some(day("2026-01-05")), 2));
    assert_eq!(until.occurrences(day("2026-01-01")).count(), 3);
    assert_eq!(until.with_until(day("2026-01-04")).occurrences(day("2026-01-01")).count(), 2);
    for date in [NaiveDate::MIN, NaiveDate::MAX] {
        let far = counted.with_until(date);
        assert_eq!(rule(&far.to_string()), far);
    }
}
