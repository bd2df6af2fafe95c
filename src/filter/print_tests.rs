use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use uuid::Uuid;

use super::super::ast::{Flag, Order, TextField, TimeField};
use super::super::moment::{Base, Step, Unit};
use super::super::parse;
use super::*;

fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "and",
        "Or",
        "NOT",
        "in",
        "like",
        "null",
        "None",
        "inbox",
        "now",
        "true",
        "p1",
        "",
        " ",
        "a b",
        "it's",
        "'",
        "\"",
        "\\",
        "“x”",
        "a\u{a0}b",
        "\u{7f}",
        "\u{85}",
        "(",
        "=",
        "0190aaaa-0000-7000-8000-00000000000a",
        "\n\t\r",
        "$1",
        "漢",
    ])
    .prop_map(str::to_owned);
    // Not U+0000: no text has it.
    prop_oneof![odd, "[a-z]{1,8}", "\\PC{1,12}", "[^\\x00]{0,6}"]
}

fn set<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Set<T>> {
    (any::<bool>(), prop::collection::vec(value, 1..4)).prop_map(|(negated, values)| Set { negated, values })
}

fn when() -> impl Strategy<Value = When> {
    use Base::{
        EndOfMonth, EndOfWeek, EndOfYear, Now, StartOfMonth, StartOfWeek, StartOfYear, Today, Tomorrow, Yesterday,
    };
    let named = prop::sample::select(vec![
        Now,
        Today,
        Tomorrow,
        Yesterday,
        StartOfWeek,
        EndOfWeek,
        StartOfMonth,
        EndOfMonth,
        StartOfYear,
        EndOfYear,
    ]);
    let date =
        (1_i32..=9999, 1_u32..=366).prop_filter_map("no such day", |(year, day)| NaiveDate::from_yo_opt(year, day));
    let instant = (-62_135_596_800_000_000_i64..253_402_300_800_000_000)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap());
    let base = prop_oneof![named, date.prop_map(Base::Date), instant.prop_map(Base::Instant)];
    let round = prop::sample::select(vec![Unit::Day, Unit::Week, Unit::Month, Unit::Year]).prop_map(Step::Round);
    let unit = vec![Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year];
    let add = (-999_999..=999_999, prop::sample::select(unit)).prop_map(|(amount, unit)| Step::Add(amount, unit));
    let steps = prop::collection::vec(prop_oneof![round, add], 0..4);
    (base, steps).prop_map(|(base, steps)| When { base, steps })
}

fn test() -> impl Strategy<Value = Test> {
    let flag = prop::sample::select(vec![Flag::Done, Flag::Recurring, Flag::Overdue]);
    let text_field = prop::sample::select(vec![TextField::Title, TextField::Description]);
    let text_op = prop::sample::select(vec![TextOp::Is, TextOp::IsNot, TextOp::Like]);
    let order = || prop::sample::select(vec![Order::Lt, Order::Le, Order::Gt, Order::Ge]);
    let priority = || prop::sample::select(Priority::ALL.map(|(priority, ..)| priority).to_vec());
    let time = || {
        use TimeField::{Completed, Created, Deadline, Due, Start, Updated};
        prop::sample::select(vec![Due, Start, Deadline, Created, Updated, Completed])
    };
    let id = || any::<u128>().prop_map(Uuid::from_u128);
    let project =
        prop_oneof![Just(ProjectRef::Inbox), text().prop_map(ProjectRef::Named), id().prop_map(ProjectRef::Id)];
    prop_oneof![
        (flag, any::<bool>()).prop_map(|(flag, value)| Test::Flag(flag, value)),
        (text_field, text_op, text()).prop_map(|(field, op, text)| Test::Text(field, op, text)),
        set(prop::option::of(text())).prop_map(Test::Tag),
        set(prop::option::of(text())).prop_map(Test::Section),
        set(project).prop_map(Test::Project),
        set(prop::option::of(id())).prop_map(Test::Parent),
        set(priority()).prop_map(Test::Priority),
        (order(), priority()).prop_map(|(order, priority)| Test::PriorityOrder(order, priority)),
        (time(), set(prop::option::of(when()))).prop_map(|(field, set)| Test::Time(field, set)),
        (time(), order(), when()).prop_map(|(field, order, when)| Test::TimeOrder(field, order, when)),
    ]
}

/// Trees as the parser builds them: no part of a list is of its kind.
fn tree() -> impl Strategy<Value = Expr> {
    fn flat(parts: Vec<Expr>, and: bool) -> Expr {
        let flat = parts.into_iter().flat_map(|part| match (part, and) {
            (Expr::And(nested), true) | (Expr::Or(nested), false) => nested,
            (part, _) => vec![part],
        });
        if and { Expr::And(flat.collect()) } else { Expr::Or(flat.collect()) }
    }
    test().prop_map(Expr::Test).prop_recursive(5, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| flat(parts, true)),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| flat(parts, false)),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same_tree(tree in tree()) {
        let printed = tree.to_string();
        match parse::filter(&printed) {
            Ok(parsed) => {
                prop_assert_eq!(&parsed, &tree, "{}", printed);
                prop_assert_eq!(parsed.to_string(), printed);
            }
            // Odd texts are long in print; nothing else may be refused.
            Err(fault) => {
                let long = printed.chars().count() > super::super::MAX_CHARACTERS;
                prop_assert!(long, "{}: {:?}", printed, fault);
            }
        }
    }
}

#[test]
fn words_are_bare_where_they_can_be() {
    for (text, printed) in [
        ("home", "home"),
        ("it's", "it's"),
        ("'s", "\"'s\""),
        ("a b", "\"a b\""),
        ("", "\"\""),
        ("nOt", "\"nOt\""),
        ("a\u{7}\n", "\"a\\u{7}\\n\""),
        ("a\"\\", "\"a\\\"\\\\\""),
        ("„x", "\"„x\""),
    ] {
        assert_eq!(word(text, value::is_special), printed);
    }
}
