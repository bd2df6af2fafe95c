use proptest::prelude::*;

use super::super::{Filter, MAX_LIKE, MAX_STEPS};
use super::*;

/// The canonical text of a filter.
fn canonical(text: &str) -> String {
    filter(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}")).to_string()
}

fn fault(text: &str) -> (usize, Kind) {
    let fault = filter(text).expect_err(text);
    (fault.at, fault.kind)
}

#[test]
fn the_example() {
    let text = "done = false && due < now+7d && tag in (home, work)";
    assert_eq!(canonical(text), text);
}

#[test]
fn signs_and_words_are_the_same() {
    for (text, expected) in [
        ("done and overdue OR NOT recurring", "done = true && overdue = true || !(recurring = true)"),
        ("!done", "!(done = true)"),
        ("done != false", "done = true"),
        ("DONE=False", "done = false"),
        ("not not done", "!(!(done = true))"),
        ("tag Not  In(a,b)", "tag not in (a, b)"),
        ("Title LIKE 'a b'", "title like \"a b\""),
        ("priority>=P2", "priority >= high"),
        ("priority in (0, p1, NULL, medium)", "priority in (none, urgent, none, medium)"),
        ("due<=endofweek/M-1Y", ""),
        ("due = \"now\"", "due = now"),
        ("due in (today, none)", "due in (today, null)"),
        ("tag in (home)", "tag = home"),
        ("tag not in ('home')", "tag != home"),
        ("tag = none", "tag = null"),
        ("tag = \"none\"", "tag = \"none\""),
        ("project = Inbox", "project = inbox"),
        ("project = 'Inbox'", "project = \"Inbox\""),
        ("parent = 0190AAAA-0000-7000-8000-00000000000A", "parent = 0190aaaa-0000-7000-8000-00000000000a"),
        ("project = '0190aaaa-0000-7000-8000-00000000000a'", "project = \"0190aaaa-0000-7000-8000-00000000000a\""),
        ("created > 2026-12-01t10:00:00.5+01:00", "created > 2026-12-01T09:00:00.500Z"),
    ] {
        if expected.is_empty() {
            assert!(filter(text).is_err(), "{text}: units and rounding mind their case");
        } else {
            assert_eq!(canonical(text), expected);
        }
    }
}

#[test]
fn and_binds_more_than_or() {
    let [a, b, c] = ["done = true", "overdue = true", "recurring = true"];
    for (text, expected) in [
        ("done || overdue && recurring", format!("{a} || {b} && {c}")),
        ("(done || overdue) && recurring", format!("({a} || {b}) && {c}")),
        ("done && (overdue && recurring)", format!("{a} && {b} && {c}")),
        ("((done)) || (overdue || recurring)", format!("{a} || {b} || {c}")),
        ("!done && overdue", format!("!({a}) && {b}")),
        ("!(done && overdue)", format!("!({a} && {b})")),
    ] {
        assert_eq!(canonical(text), expected);
    }
    assert_ne!(filter("done || overdue && recurring").unwrap(), filter("(done || overdue) && recurring").unwrap());
}

#[test]
fn mistakes_are_found_where_they_are() {
    let priority = Field::Priority;
    for (text, at, kind) in [
        (" \n", 0, Kind::Empty),
        ("done &&", 7, Kind::NoField),
        ("&& done", 0, Kind::NoField),
        ("()", 1, Kind::NoField),
        ("(done", 0, Kind::OpenParenthesis),
        ("done && !(overdue || done", 9, Kind::OpenParenthesis),
        ("done)", 4, Kind::StrayParenthesis),
        ("done = true overdue", 12, Kind::NoConnective),
        ("(done = true overdue)", 13, Kind::NoConnective),
        ("project = My List", 13, Kind::NoConnective),
        ("tag in (a b)", 10, Kind::BadList),
        ("tag in (a,)", 10, Kind::NoValue(Field::Tag)),
        ("tag in ()", 8, Kind::NoValue(Field::Tag)),
        ("tag in (a", 7, Kind::OpenParenthesis),
        ("tag in a", 7, Kind::NoList(Op::In)),
        ("tag not a", 4, Kind::NoOperator(Field::Tag)),
        ("tag = (a)", 6, Kind::NoValue(Field::Tag)),
        ("tag = and", 6, Kind::Reserved),
        ("tag in (a, OR)", 11, Kind::Reserved),
        ("title = null", 8, Kind::NeverNull(Field::Text(super::super::ast::TextField::Title))),
        ("project = null", 10, Kind::BadValue(Field::Project, None)),
        ("parent = 12", 9, Kind::BadValue(Field::Parent, None)),
        ("priority = 5", 11, Kind::BadValue(priority, None)),
        ("priority = p0", 11, Kind::BadValue(priority, None)),
        ("priority like p1", 9, Kind::BadOperator(priority, Op::Like)),
        ("due < 2026-02-30", 6, Kind::BadDate),
        ("due < today &", 12, Kind::Single('&')),
        ("due < now+7x && done", 11, Kind::BadUnit),
        ("due < 'now+7x' && done", 6, Kind::BadUnit),
        ("created = 2026-01-01T10:00:00+7d", 10, Kind::BadInstant),
        ("due < now + 7d", 10, Kind::NoConnective),
        ("title == a", 6, Kind::DoubleEquals),
    ] {
        assert_eq!(fault(text), (at, kind), "{text}");
    }
}

#[test]
fn the_bounds_hold_to_the_last() {
    let text = |length: usize| format!("title = \"{}\"", "ä".repeat(length - 10));
    assert!(filter(&text(MAX_CHARACTERS)).is_ok());
    assert_eq!(fault(&text(MAX_CHARACTERS + 1)).1, Kind::TooLong);

    let many = |count: usize| vec!["done"; count].join("||");
    assert!(filter(&many(MAX_COMPARISONS)).is_ok());
    assert_eq!(fault(&many(MAX_COMPARISONS + 1)), (6 * MAX_COMPARISONS, Kind::TooManyComparisons));

    let deep = |count: usize| format!("{}done{}", "(".repeat(count), ")".repeat(count));
    assert!(filter(&deep(MAX_DEPTH)).is_ok());
    assert_eq!(fault(&deep(MAX_DEPTH + 1)), (MAX_DEPTH, Kind::TooDeep));
    let not = |count: usize| format!("{}done", "!".repeat(count));
    assert_eq!(canonical(&canonical(&not(MAX_DEPTH))), canonical(&not(MAX_DEPTH)));
    assert_eq!(fault(&not(MAX_DEPTH + 1)), (MAX_DEPTH, Kind::TooDeep));
    assert!(filter(&format!("{}done{}", "!(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH))).is_ok());

    let list = |count: usize| format!("tag in ({})", vec!["a"; count].join(","));
    assert!(filter(&list(MAX_VALUES)).is_ok());
    assert_eq!(fault(&list(MAX_VALUES + 1)), (8 + 2 * MAX_VALUES, Kind::TooManyValues));

    let like = |length: usize| format!("title like \"{}\"", "ä".repeat(length));
    assert!(filter(&like(MAX_LIKE)).is_ok());
    assert_eq!(fault(&like(MAX_LIKE + 1)), (11, Kind::LongLike));

    let steps = |count: usize| format!("due < now{}", "+1d".repeat(count));
    assert!(filter(&steps(MAX_STEPS)).is_ok());
    assert_eq!(fault(&steps(MAX_STEPS + 1)), (9 + 3 * MAX_STEPS, Kind::TooManySteps));
}

#[test]
fn a_filter_that_would_be_too_long_in_full_is_refused() {
    // As printed, each comma has a space after it.
    let text = vec![format!("tag in({})", vec!["a"; 60].join(",")); 15].join("||");
    assert!(text.len() <= MAX_CHARACTERS);
    let (at, kind) = fault(&text);
    assert!(at == 0 && matches!(kind, Kind::TooLongInFull(length) if length > MAX_CHARACTERS), "{kind:?}");
}

#[test]
fn a_huge_text_is_refused_at_once_and_does_no_harm() {
    for part in ["(", "!", "not ", "done||", "\"", "now+1d", "tag in (", "\u{1F600}", "\0"] {
        assert!(part.repeat(500_000).parse::<Filter>().is_err());
        assert!(part.repeat(MAX_CHARACTERS / part.chars().count()).parse::<Filter>().is_err());
    }
}

#[test]
fn the_examples_of_the_docs_are_accepted() {
    let page = include_str!("../../docs/filter.md");
    let (_, examples) = page.split_once("## Examples").unwrap();
    let filters: Vec<&str> = examples.split("- `").skip(1).filter_map(|line| line.split('`').next()).collect();
    assert_eq!(filters.len(), 15);
    for text in filters {
        canonical(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}|[ -~\\n]{0,200}") {
        check(&text)?;
    }

    #[test]
    fn random_words_of_the_language_never_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        check(&words.concat())?;
        check(&words.join(" "))?;
    }

    #[test]
    fn a_filter_with_a_slip_never_panics(at in 0_usize..100, slip in any::<char>(), cut in any::<bool>()) {
        let text = "done=false && (due<now+7d/w or tag not in (home,\"wo\\u{e4}\")) && !created>2026-12-01T10:00:00Z-1M";
        let mut chars: Vec<char> = text.chars().collect();
        if cut { chars.truncate(at) } else if let Some(there) = chars.get_mut(at) { *there = slip }
        check(&chars.into_iter().collect::<String>())?;
    }
}

const WORDS: &[&str] = &[
    "done",
    "title",
    "tag",
    "project",
    "due",
    "priority",
    "parent",
    "created",
    "=",
    "!=",
    "<",
    ">=",
    "in",
    "not",
    "!",
    "(",
    ")",
    ",",
    "&&",
    "||",
    "and",
    "or",
    "like",
    "now",
    "today",
    "+7d",
    "/w",
    "2026-12-01",
    "T10:00:00Z",
    "null",
    "p1",
    "home",
    "\"a b\"",
    "'",
    "\"",
    "\\",
    "ü",
    "😀",
    "true",
    "0190aaaa-0000-7000-8000-00000000000a",
    "&",
    "“",
    "\u{301}",
];

/// Accepted, and then also as printed; or refused at a place within the text.
fn check(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<Filter>() {
        Ok(filter) => prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter)),
        Err(error) => {
            prop_assert!(text.is_char_boundary(error.byte()), "{error:?}");
            prop_assert_eq!(text[..error.byte()].chars().count(), error.character());
            prop_assert_eq!(error.rendered().lines().count(), 2);
        }
    }
    Ok(())
}
