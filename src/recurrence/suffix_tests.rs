use super::super::{Language, read_phrase};
use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect(text)
}

/// `every day` and what follows: the end that is read.
fn until(text: &str, language: Language, today: &str) -> Option<NaiveDate> {
    read_phrase(text, language, day(today)).expect(text).rule.until()
}

#[test]
fn dates_are_read() {
    for (language, text, expected) in [
        (Language::En, "every day until 2026-12-31", Some("2026-12-31")),
        (Language::En, "every day until 2026-1-5", Some("2026-01-05")),
        (Language::En, "every day, until 5 jan", Some("2027-01-05")),
        (Language::En, "every day until 5th of january", Some("2027-01-05")),
        (Language::En, "every day until january 5th, 2030", Some("2030-01-05")),
        (Language::En, "every day until january 5 17:00", Some("2027-01-05")),
        (Language::En, "every day until 29 feb 2028", Some("2028-02-29")),
        (Language::En, "every day until 29 feb 2027", None),
        (Language::En, "every day until 2026-02-30", None),
        (Language::En, "every day until 0000-01-01", None),
        (Language::En, "every day until 26-01-01", None),
        (Language::En, "every day until +026-01-01", None),
        (Language::En, "every day until 05/06/2026", None),
        (Language::En, "every day until january", None),
        (Language::En, "every day until 5", None),
        (Language::De, "jeden Tag bis 5.1.2027", Some("2027-01-05")),
        (Language::De, "jeden Tag bis 05.01.", Some("2027-01-05")),
        (Language::De, "jeden Tag bis zum 5. Januar 2028", Some("2028-01-05")),
        (Language::De, "jeden Tag bis 5.13.2027", None),
        (Language::De, "jeden Tag bis 5.1", None),
        (Language::De, "jeden Tag bis 5.1.27", None),
        (Language::Es, "cada día hasta 5/1/2027", Some("2027-01-05")),
        (Language::Es, "cada día hasta el 5 de enero del 2028", Some("2028-01-05")),
        (Language::Es, "cada día hasta 5/1", None),
    ] {
        assert_eq!(until(text, language, "2026-11-25"), expected.map(day), "{text}");
    }
}

#[test]
fn a_date_without_a_year_comes() {
    for (today, expected) in [
        ("2026-02-28", Some("2028-02-29")),
        ("2028-02-29", Some("2028-02-29")),
        ("2096-03-01", Some("2104-02-29")),
        ("9999-01-01", None),
    ] {
        assert_eq!(until("every day until 29 feb", Language::En, today), expected.map(day), "{today}");
    }
    for today in [NaiveDate::MIN, NaiveDate::MAX] {
        assert!(read_phrase("every day until 29 feb", Language::En, today).is_some());
    }
}

#[test]
fn each_suffix_counts_once_and_in_any_order() {
    let read = |text| {
        let phrase = read_phrase(text, Language::En, day("2026-11-25")).expect(text);
        (phrase.rule.to_string(), phrase.from_completion, text.get(phrase.len..).unwrap_or_default().to_owned())
    };
    for (text, rule, completion, rest) in [
        ("every day after completion 3 times", "FREQ=DAILY;COUNT=3", true, ""),
        ("every day 3 times after completion", "FREQ=DAILY;COUNT=3", true, ""),
        ("every day 3 times 4 times", "FREQ=DAILY;COUNT=3", false, " 4 times"),
        ("every day 3 times until dec 31", "FREQ=DAILY;COUNT=3", false, " until dec 31"),
        ("every day until dec 31 in december", "FREQ=DAILY;UNTIL=20261231;BYMONTH=12", false, ""),
        ("every day in may in june", "FREQ=DAILY;BYMONTH=5", false, " in june"),
        ("every january in june", "FREQ=YEARLY;BYMONTH=1", false, " in june"),
        ("every day 0 times", "FREQ=DAILY", false, " 0 times"),
        ("every day 1000000001 times", "FREQ=DAILY", false, " 1000000001 times"),
        ("every day 3 times per week", "FREQ=DAILY", false, " 3 times per week"),
        ("every day for 3 days", "FREQ=DAILY", false, " for 3 days"),
        ("every day in the morning", "FREQ=DAILY", false, " in the morning"),
    ] {
        assert_eq!(read(text), (rule.to_owned(), completion, rest.to_owned()), "{text}");
    }
}
