use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::super::{Language, read_phrase};
use super::*;

fn months() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_set(1u8..=12, 1..4).prop_map(|set| set.into_iter().collect())
}

fn nth_days() -> impl Strategy<Value = Vec<Day>> {
    let ordinal = prop_oneof![1i8..=5, -3i8..=-1];
    proptest::collection::vec((0u8..7, ordinal).prop_map(|(weekday, ordinal)| Day { weekday, ordinal }), 1..4)
}

fn month_days() -> impl Strategy<Value = Vec<i8>> {
    proptest::collection::vec(prop_oneof![4 => 1i8..=31, 1 => -3i8..=-1], 1..5)
}

fn position() -> impl Strategy<Value = i16> {
    prop_oneof![1i16..=23, -3i16..=-1]
}

fn kinds() -> impl Strategy<Value = (Freq, What)> {
    let freq = prop_oneof![Just(Freq::Daily), Just(Freq::Weekly), Just(Freq::Monthly), Just(Freq::Yearly)];
    let weekdays = proptest::collection::vec(0u8..7, 1..8);
    prop_oneof![
        freq.prop_map(|freq| (freq, What::Plain)),
        prop_oneof![4 => weekdays, 1 => Just(WORKDAYS.to_vec())].prop_map(|days| (Freq::Weekly, What::Weekdays(days))),
        month_days().prop_map(|days| (Freq::Monthly, What::MonthDays(days))),
        nth_days().prop_map(|days| (Freq::Monthly, What::NthDays(days))),
        position().prop_map(|position| (Freq::Monthly, What::Workday(position))),
        (months(), month_days()).prop_map(|(months, days)| (Freq::Yearly, What::Dates(months, days))),
        (nth_days(), months()).prop_map(|(days, months)| (Freq::Yearly, What::NthDaysOf(days, months))),
        (position(), 1u8..=12).prop_map(|(position, month)| (Freq::Yearly, What::WorkdayOf(position, month))),
        months().prop_map(|months| (Freq::Yearly, What::Months(months))),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let date =
        (1_000i32..=9999, 1u32..=12, 1u32..=28).prop_filter_map("a date", |(y, m, d)| NaiveDate::from_ymd_opt(y, m, d));
    prop_oneof![
        Just(End::Never),
        (1u32..1_000_000_000).prop_map(End::Count),
        Just(End::Count(1)),
        date.prop_map(End::Until)
    ]
}

/// A form, and its rule; combinations that are none (30 February) are left out.
fn rules() -> impl Strategy<Value = Rule> {
    let season = prop_oneof![3 => Just(Vec::new()), 1 => months()];
    let interval = prop_oneof![3 => Just(1u16), 2 => 2u16..=12, 1 => 1u16..=1000];
    (kinds(), interval, season, end()).prop_filter_map("a rule", |((freq, what), interval, season, end)| {
        let season = if freq == Freq::Yearly { Vec::new() } else { season };
        Form { freq, interval, what, season, end }.rule()
    })
}

/// Each description is read back, in each language; and by this test enough of each kind are.
#[test]
fn what_is_described_is_read_back() {
    reads_back(1_500);
}

#[test]
#[ignore = "a minute in a build that is not optimised"]
fn what_is_described_is_read_back_of_many_rules() {
    reads_back(20_000);
}

fn reads_back(cases: u32) {
    let today = NaiveDate::from_ymd_opt(2026, 11, 25).unwrap();
    let seen = std::cell::RefCell::new(BTreeMap::<String, u32>::new());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    });
    let result = runner.run(&rules(), |rule| {
        let form = Form::of(&rule).expect("a form");
        prop_assert_eq!(form.clone().rule(), Some(rule.clone()));
        let kind = format!("{:?}", form.what);
        *seen.borrow_mut().entry(kind.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
        for language in [Language::En, Language::De, Language::Es] {
            let text = rule.describe(language);
            for follows in ["", " call", ". Um 17:00", " 😀"] {
                let read = read_phrase(&format!("{text}{follows}"), language, today);
                // "every March call" might be a march.
                if read.is_none() && follows == " call" && matches!(form.what, What::Months(_)) {
                    continue;
                }
                let Some(read) = read else {
                    return Err(TestCaseError::fail(format!("{text}{follows} is not read: {rule}")));
                };
                prop_assert_eq!(&read.rule, &rule, "{}{}: {}", &text, follows, read.rule);
                prop_assert!(!read.from_completion);
                prop_assert!(
                    read.len == text.len() || text.ends_with('.') || follows.starts_with('.'),
                    "{} {}",
                    text,
                    read.len
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}")
    }
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 9, "{seen:?}");
    assert!(seen.values().all(|count| *count > cases / 40), "{seen:?}");
}
