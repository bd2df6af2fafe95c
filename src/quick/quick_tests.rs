//! What the tables do not show: other contexts, spans, errors, and that any text is read fast and to sane spans.

use chrono::{DateTime, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{
    Context, Error, Kind, MAX_CHARACTERS, MAX_LOOKUPS, MAX_REMINDERS, MAX_REPEAT_LOOKUPS, MAX_TAGS, Project,
    Understood, When, quoted, read,
};
use crate::recurrence::Language;

const PROJECTS: [Project; 3] = [
    Project { name: "Home", sections: &["Garden", "Back yard"] },
    Project { name: "home", sections: &[] },
    Project { name: " a  b/c ", sections: &["d/e"] },
];
const LANGUAGES: [Language; 3] = [Language::En, Language::De, Language::Es];

fn at(now: &str) -> Context<'static> {
    Context {
        now: now.parse().unwrap(),
        zone: chrono_tz::Europe::Berlin,
        week_start: Weekday::Mon,
        day_first: false,
        language: Language::En,
        projects: &PROJECTS,
    }
}

fn wednesday() -> Context<'static> {
    at("2026-11-25T09:00:00Z")
}

/// The due date of `x` with a phrase, as text.
fn due(phrase: &str, context: &Context) -> String {
    match read(&format!("x {phrase}"), context).unwrap() {
        Understood { title, due: Some(When::Day(day)), .. } if title == "x" => day.to_string(),
        Understood { title, due: Some(When::Time(time)), .. } if title == "x" => time.format("%F %R").to_string(),
        Understood { title, .. } => title,
    }
}

#[test]
fn days_depend_on_the_present_and_the_zone() {
    let rows = [
        // Friday, Saturday, Sunday
        ("2026-11-27T09:00:00Z", "friday", "2026-12-04"),
        ("2026-11-27T09:00:00Z", "this friday", "2026-12-04"),
        ("2026-11-27T09:00:00Z", "next friday", "2026-12-04"),
        ("2026-11-28T09:00:00Z", "this weekend", "2026-11-28"),
        ("2026-11-29T09:00:00Z", "this weekend", "2026-11-29"),
        ("2026-11-29T09:00:00Z", "next weekend", "2026-12-05"),
        ("2026-11-29T09:00:00Z", "next monday", "2026-11-30"),
        ("2026-11-30T09:00:00Z", "next week", "2026-12-07"),
        // The day has begun in Berlin.
        ("2026-11-25T23:30:00Z", "today", "2026-11-26"),
        ("2026-11-25T22:30:00Z", "today", "2026-11-25"),
        // Ends of months and years
        ("2026-12-31T12:00:00Z", "tomorrow", "2027-01-01"),
        ("2026-12-31T12:00:00Z", "next month", "2027-01-01"),
        ("2027-01-31T12:00:00Z", "in a month", "2027-02-28"),
        ("2027-01-31T12:00:00Z", "on the 30th", "2027-03-30"),
        ("2026-11-25T09:00:00Z", "by november", "x by november"),
        ("2026-11-25T09:00:00Z", "25 nov", "2026-11-25"),
        ("2026-11-25T09:00:00Z", "24 nov", "2027-11-24"),
        ("2097-01-01T09:00:00Z", "29 feb", "2104-02-29"),
        // Times that are over, or just now
        ("2026-11-25T20:00:00Z", "tonight", "2026-11-25"),
        ("2026-11-25T20:00:00Z", "this morning", "2026-11-25"),
        ("2026-11-25T20:00:00Z", "9pm", "2026-11-26 21:00"),
        ("2026-11-25T20:00:00Z", "9:01pm", "2026-11-25 21:01"),
        ("2026-11-25T20:00:59Z", "in 1 minute", "2026-11-25 21:01"),
        ("2026-11-25T20:00:00Z", "today 8am", "2026-11-25 08:00"),
        // The clock goes forward at 2:00, and back at 3:00: times are civil, spans of time are real.
        ("2027-03-28T00:30:00Z", "in 1 hour", "2027-03-28 03:30"),
        ("2027-03-27T09:00:00Z", "tomorrow 2:30", "2027-03-28 02:30"),
        ("2026-10-25T00:30:00Z", "in 1 hour", "2026-10-25 02:30"),
        ("2026-10-25T00:30:00Z", "in 2 hours", "2026-10-25 03:30"),
        // The last year
        ("9999-12-31T09:00:00Z", "today", "9999-12-31"),
        ("9999-12-31T09:00:00Z", "tomorrow", "x tomorrow"),
        ("9999-12-31T09:00:00Z", "8am", "x 8am"),
        ("9999-12-31T09:00:00Z", "in 3 hours", "9999-12-31 13:00"),
        ("9999-12-31T09:00:00Z", "in 20 hours", "x in 20 hours"),
    ];
    for (now, phrase, expected) in rows {
        assert_eq!(due(phrase, &at(now)), expected, "{phrase} at {now}");
    }
}

#[test]
fn the_order_of_digits_and_the_week_are_the_persons() {
    let (month_first, day_first) = (wednesday(), Context { day_first: true, ..wednesday() });
    for (phrase, month, day) in [
        ("5/6", "2027-05-06", "2027-06-05"),
        ("1/12/2026", "x 1/12/2026", "2026-12-01"),
        ("12/31", "2026-12-31", "2026-12-31"),
        ("31/12", "2026-12-31", "2026-12-31"),
        ("1/2", "x 1/2", "x 1/2"),
        ("on 1/2", "2027-01-02", "2027-02-01"),
        ("24/7", "x 24/7", "x 24/7"),
        ("5/6 inches", "x 5/6 inches", "x 5/6 inches"),
        ("31/4", "x 31/4", "x 31/4"),
        ("2027/5/6", "2027-05-06", "2027-05-06"),
        ("31/12/26", "x 31/12/26", "x 31/12/26"),
    ] {
        assert_eq!(due(phrase, &month_first), month, "{phrase}");
        assert_eq!(due(phrase, &day_first), day, "{phrase}");
    }
    let sunday = Context { week_start: Weekday::Sun, ..wednesday() };
    for (phrase, expected) in [
        ("next week", "2026-11-29"),
        ("next sunday", "2026-11-29"),
        ("next friday", "2026-12-04"),
        ("sunday", "2026-11-29"),
    ] {
        assert_eq!(due(phrase, &sunday), expected, "{phrase}");
    }
}

#[test]
fn spans_are_characters_of_the_line() {
    let line = "Zürich 🎉 tomorrow, 5pm #home/garden: every day !1 *x deadline friday starting today !30m";
    let found = read(line, &wednesday()).unwrap();
    let spans: Vec<_> = found.spans.iter().map(|span| (span.start, span.end, span.kind, span.text.as_str())).collect();
    assert_eq!(found.title, "Zürich 🎉:");
    assert_eq!(
        spans,
        [
            (9, 22, Kind::Due, "tomorrow, 5pm"),
            (23, 28, Kind::Project, "#home"),
            (28, 35, Kind::Section, "/garden"),
            (37, 46, Kind::Repeat, "every day"),
            (47, 49, Kind::Priority, "!1"),
            (50, 52, Kind::Tag, "*x"),
            (53, 68, Kind::Deadline, "deadline friday"),
            (69, 83, Kind::Start, "starting today"),
            (84, 88, Kind::Reminder, "!30m"),
        ]
    );
}

#[test]
fn names_match_whole_and_the_first_of_equal_ones() {
    let context = wednesday();
    for (line, title, project, section) in [
        ("x #HOME", "x", Some(0), None),
        ("x #homes", "x #homes", None, None),
        ("x #a b/c/d/e", "x", Some(2), Some(0)),
        ("x #\"A B/C\" /D/E!", "x!", Some(2), Some(0)),
        ("x #a", "x #a", None, None),
        ("x #", "x #", None, None),
        ("x #home's", "x #home's", None, None),
        ("x /garden #home", "x /garden", Some(0), None),
    ] {
        let found = read(line, &context).unwrap();
        assert_eq!((found.title.as_str(), found.project, found.section), (title, project, section), "{line}");
    }
}

#[test]
fn the_title_is_in_nfc_and_decomposed_words_are_read() {
    let context = Context { language: Language::Es, ..wednesday() };
    let found = read("Cafe\u{301}  \t man\u{303}ana", &context).unwrap();
    assert_eq!(found.title, "Café");
    assert_eq!(found.due, Some(When::Day(NaiveDate::from_ymd_opt(2026, 11, 26).unwrap())));
    assert_eq!((found.spans[0].start, found.spans[0].end), (9, 16));
}

#[test]
fn lines_that_make_no_task() {
    let context = wednesday();
    for (line, error) in [
        (String::new(), Error::Empty),
        (" \t\n\u{a0}".to_owned(), Error::Empty),
        ("tomorrow #home !1".to_owned(), Error::NoTitle),
        ("\"\"".to_owned(), Error::NoTitle),
        ("é".repeat(MAX_CHARACTERS + 1), Error::TooLong(MAX_CHARACTERS + 1)),
        ("é".repeat(1_000_000), Error::TooLong(500_000)),
    ] {
        assert_eq!(read(&line, &context), Err(error));
    }
    assert!(read(&"🎉".repeat(MAX_CHARACTERS), &context).is_ok());
    assert!(Error::TooLong(3000).to_string().contains("3000 characters"));
}

#[test]
fn what_is_too_many_stays() {
    let context = wednesday();
    let line = (0..60).fold(String::from("x 5pm"), |line, n| format!("{line} *t{n} !{}m", n + 10));
    let found = read(&line, &context).unwrap();
    assert_eq!((found.tags.len(), found.reminders.len()), (MAX_TAGS, MAX_REMINDERS));
    let marks = |n: usize| read(&format!("x {}#home", "#y ".repeat(n)), &context).unwrap().project;
    assert_eq!((marks(MAX_LOOKUPS - 1), marks(MAX_LOOKUPS)), (Some(0), None));
    let repeats = |n: usize| read(&format!("x {}daily", "every ".repeat(n)), &context).unwrap().repeat.is_some();
    assert_eq!((repeats(MAX_REPEAT_LOOKUPS - 2), repeats(MAX_REPEAT_LOOKUPS)), (true, false));
    assert!(found.title.starts_with("x !20m !21m") && found.title.ends_with("*t59 !69m"), "{}", found.title);
}

/// What must hold of any line.
fn sane(line: &str, context: &Context) -> Result<(), TestCaseError> {
    let Ok(found) = read(line, context) else { return Ok(()) };
    let characters: Vec<char> = line.chars().collect();
    let mut last = 0;
    for span in &found.spans {
        prop_assert!(last <= span.start && span.start < span.end && span.end <= characters.len(), "{span:?}");
        prop_assert_eq!(&characters[span.start..span.end].iter().collect::<String>(), &span.text);
        last = span.end;
    }
    let kinds = |kind: Kind| found.spans.iter().filter(|span| span.kind == kind).count();
    prop_assert_eq!(found.due.is_some(), kinds(Kind::Due) + kinds(Kind::Repeat) > 0);
    prop_assert_eq!(usize::from(found.start.is_some()), kinds(Kind::Start));
    prop_assert_eq!(usize::from(found.deadline.is_some()), kinds(Kind::Deadline));
    prop_assert_eq!(found.repeat.is_some(), kinds(Kind::Repeat) > 0);
    prop_assert_eq!(usize::from(found.priority.is_some()), kinds(Kind::Priority));
    prop_assert_eq!(usize::from(found.project.is_some()), kinds(Kind::Project));
    prop_assert_eq!(usize::from(found.section.is_some()), kinds(Kind::Section));
    prop_assert!(found.tags.len() <= kinds(Kind::Tag) && found.reminders.len() <= kinds(Kind::Reminder));
    if let (Some(repeat), Some(due), 0) = (&found.repeat, found.due, kinds(Kind::Due)) {
        prop_assert_eq!(repeat.rule.first(due.day()).map(|first| first.date), Some(due.day()), "{}", repeat.rule);
    }
    if let Some(When::Day(day)) = found.due {
        prop_assert!(day >= super::scan::now(context).date(), "{day}");
    }
    let joined = found.title.split_whitespace().collect::<Vec<_>>().join(" ");
    prop_assert_eq!(&joined, &found.title);
    let again = quoted(&found.title);
    if again.chars().count() <= MAX_CHARACTERS {
        let again = read(&again, context).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&again.title, &found.title);
        prop_assert_eq!(again, Understood { title: found.title, ..Understood::default() });
    }
    Ok(())
}

/// Texts of the words that mean something, glued in all ways.
fn words() -> impl Strategy<Value = String> {
    let lexicons = LANGUAGES.map(super::words::Lexicon::of);
    let known = lexicons.iter().flat_map(|lexicon| lexicon.words.iter().map(|(word, _)| (*word).to_owned()));
    let extra = [
        "5 15 31 2027 5. 15th 1st 5pm 17:30 25:00 12/31 5/6 2026-12-31 31.12. 31.12.2026 30m 2h every day monday month",
        "#home /garden #\"a #\"home\" #a b/c /d/e !1 !30m !9 p1 *tag *\"a @x \\ \\x \" \"a b\" {friday} {5 {} }",
        "( ) , . 🎉 é \u{301} Tom Sun",
    ];
    let phrases =
        ["every 2 weeks on tue", "every january", "jeden 15.", "cada lunes", "the 1st of every month", "every feb 29"];
    let extra = extra.iter().flat_map(|words| words.split(' ')).chain(phrases);
    let all: Vec<String> = known.chain(extra.map(str::to_owned)).collect();
    let glue =
        prop_oneof![8 => Just(" "), 1 => Just(", "), 1 => Just(""), 1 => Just(". "), 1 => Just("\n"), 1 => Just("/")];
    prop::collection::vec((prop::sample::select(all), glue), 1..25)
        .prop_map(|parts| parts.into_iter().map(|(word, glue)| word + glue).collect())
}

fn contexts() -> impl Strategy<Value = Context<'static>> {
    let instants = prop_oneof![
        4 => (0i64..4_000_000_000).prop_map(|s| DateTime::from_timestamp(s, 0).unwrap()),
        1 => Just(DateTime::<Utc>::MIN_UTC),
        1 => Just(DateTime::<Utc>::MAX_UTC),
        1 => Just("9999-12-31T23:59:59Z".parse().unwrap()),
    ];
    let zones: Vec<Tz> =
        vec![chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::Pacific::Apia, chrono_tz::America::St_Johns];
    let week = prop_oneof![Just(Weekday::Mon), Just(Weekday::Sun), Just(Weekday::Sat)];
    (instants, prop::sample::select(zones), week, any::<bool>(), prop::sample::select(&LANGUAGES[..])).prop_map(
        |(now, zone, week_start, day_first, language)| Context {
            now,
            zone,
            week_start,
            day_first,
            language,
            projects: &PROJECTS,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_sane(line in words(), context in contexts()) {
        sane(&line, &context)?;
    }

    #[test]
    fn any_text_is_sane(line in any::<String>(), context in contexts()) {
        sane(&line, &context)?;
    }

    #[test]
    fn any_signs_are_sane(line in "[ \"\\\\#/*@!{}.,:a1é5pm-]{0,60}", context in contexts()) {
        sane(&line, &context)?;
    }
}

/// What the longest lines are made of.
const PARTS: [&str; 39] = [
    "a ",
    "every ",
    "the 1st ",
    "tomorrow 5pm ",
    "on friday the 4th ",
    "at 5 ",
    "#a ",
    "#a/ ",
    "*a ",
    "\"a ",
    "\" ",
    "*\"",
    "\\a ",
    "{friday ",
    "remind me 1h before ",
    "in 3 days ",
    "5 may ",
    "from ",
    "x",
    "/",
    "é ",
    "e\u{301} ",
    "5/6 ",
    "for ",
    "every day ",
    "deadline ",
    "between monday and ",
    "every 2 weeks on mon, tue and ",
    "until ",
    "am 5. ",
    "jeden ",
    "a las 5 de la ",
    "el ",
    "the 1st, 2nd and 3rd and 4th and 5th of every ",
    "pay bill 24 dec every year on november 24 ",
    "every 2 years on november 24 ",
    "every 30 february ",
    "jedes 2. jahr am 24. november ",
    "Pay rent tomorrow 5pm every month #home !1 *errands and then some more words of a usual line ",
];

/// Prints the time of the longest lines: `cargo test --release -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures, in a release build"]
fn speed() {
    let names: Vec<String> = (0..500).map(|n| format!("a a a a a a a project {n}")).collect();
    let projects: Vec<Project> = names.iter().map(|name| Project { name, sections: &[] }).collect();
    let mut slowest = std::time::Duration::ZERO;
    for language in LANGUAGES {
        for part in PARTS {
            let line: String = part.chars().cycle().take(MAX_CHARACTERS).collect();
            let context = Context { language, projects: &projects, ..wednesday() };
            let best = (0..20)
                .map(|_| {
                    let start = std::time::Instant::now();
                    let _ = std::hint::black_box(read(std::hint::black_box(&line), &context));
                    start.elapsed()
                })
                .min()
                .unwrap();
            println!("{language:?} {best:>10.1?} {part}");
            slowest = slowest.max(best);
        }
    }
    println!("slowest {slowest:?}");
    assert!(slowest.as_micros() < 1000, "{slowest:?}");
}
