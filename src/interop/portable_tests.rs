//! Any `Portable`, as a file could make it.

use proptest::prelude::*;

use super::*;
use crate::interop::notes::{At, Notes};
use crate::interop::{Draft, settle};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Texts. No regular expressions: each use of one would be parsed again.
fn words() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "word",
        " ",
        "=1+1",
        "-x",
        "@home",
        "\"quoted\", and; more",
        "two\nlines",
        "tab\tand\rreturn",
        "😀👩‍👩‍👧‍👦 é\u{301}",
        "\\n \\, \\;",
        "</script>",
        "\u{0}\u{1}\u{7f}\u{85}",
        "\u{2028}",
        "'",
        "long long long long long long long long long long long long long long long long",
    ]);
    prop_oneof![
        prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
        prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat()),
    ]
}

fn colors() -> impl Strategy<Value = String> {
    (0u32..0x0100_0000, any::<bool>())
        .prop_map(|(color, hash)| if hash { format!("#{color:06X}") } else { format!("{color:06x}") })
}

fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    // The years 1 to 9999, less a little, in microseconds.
    (-62_135_000_000_000_000_i64..253_402_000_000_000_000)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn days() -> impl Strategy<Value = NaiveDate> {
    instants().prop_map(|at| at.date_naive())
}

fn zones() -> impl Strategy<Value = Tz> {
    any::<prop::sample::Index>().prop_map(|index| *index.get(&chrono_tz::TZ_VARIANTS))
}

fn dues() -> impl Strategy<Value = Due> {
    prop_oneof![
        days().prop_map(|date| Due { date, time: None }),
        (instants(), zones()).prop_map(|(at, zone)| Due { date: NaiveDate::MIN, time: Some((at, zone)) }),
    ]
}

fn repeats() -> impl Strategy<Value = Repeat> {
    (
        prop::option::of((1u8..9).prop_map(|interval| format!("FREQ=DAILY;INTERVAL={interval}"))),
        prop::option::of(words()),
        any::<bool>(),
    )
        .prop_map(|(rule, phrase, from_completion)| Repeat { rule, phrase, from_completion })
}

fn reminders() -> impl Strategy<Value = Reminder> {
    prop_oneof![
        instants().prop_map(|at| Reminder { at: Some(at), minutes_before: None }),
        any::<u32>().prop_map(|minutes| Reminder { at: None, minutes_before: Some(minutes) }),
    ]
}

/// A key: few, so that references meet.
fn keys() -> impl Strategy<Value = String> {
    (0u32..12).prop_map(|key| format!("{key:x}"))
}

fn tasks() -> impl Strategy<Value = Task> {
    let place = (prop::option::of(keys()), prop::option::of(keys()), prop::option::of(keys()), any::<usize>());
    let dates = (
        prop::option::of(dues()),
        prop::option::of(days()),
        prop::option::of(days()),
        prop::option::of(instants()),
        prop::option::of(instants()),
        prop::option::of(words()),
        prop::option::of(zones()),
    );
    let lists =
        (prop::collection::vec(words(), 0..4), prop::option::of(repeats()), prop::collection::vec(reminders(), 0..4));
    (keys(), words(), words(), 0u8..6, place, dates, lists).prop_map(
        |(key, title, description, priority, place, dates, lists)| {
            let (project, section, parent, order) = place;
            let (due, start_date, deadline, completed_at, created_at, due_phrase, phrase_zone) = dates;
            let (tags, recurrence, reminders) = lists;
            let phrase_language = due_phrase.clone();
            #[rustfmt::skip]
        let task = Task { key, title, description, priority, project, section, parent, order, tags, due, due_phrase,
            phrase_language, phrase_zone, start_date, deadline, completed_at, created_at, recurrence, reminders };
            task
        },
    )
}

/// What no file makes otherwise: it went through `settle`.
pub(crate) fn portable() -> impl Strategy<Value = Portable> {
    let color = || prop::option::of(colors());
    let project = (keys(), words(), color(), any::<bool>(), any::<usize>());
    let section = (keys(), words(), color(), any::<bool>(), any::<usize>(), prop::option::of(keys()));
    let filter = (keys(), words(), words(), any::<usize>());
    let tag = (words(), color());
    let all = (
        prop::collection::vec(project, 0..5),
        prop::collection::vec(section, 0..5),
        prop::collection::vec(filter, 0..4),
        prop::collection::vec(tag, 0..4),
        prop::collection::vec(tasks(), 0..25),
    );
    all.prop_map(|(projects, sections, filters, tags, tasks)| {
        let draft = Draft {
            projects: projects
                .into_iter()
                .map(|(key, name, color, archived, order)| (At::File, Project { key, name, color, archived, order }))
                .collect(),
            sections: sections
                .into_iter()
                .map(|(key, name, color, archived, order, project)| {
                    (At::File, Section { key, project, name, color, archived, order })
                })
                .collect(),
            filters: filters
                .into_iter()
                .map(|(key, name, query, order)| (At::File, SavedFilter { key, name, query, color: None, order }))
                .collect(),
            tags: tags.into_iter().map(|(name, color)| (At::File, Tag { name, color })).collect(),
            tasks: tasks.into_iter().map(|task| (At::File, task)).collect(),
            notes: Notes::default(),
        };
        let portable = settle::settle(draft).unwrap();
        Portable { notes: Vec::new(), more_notes: 0, ..portable }
    })
}
