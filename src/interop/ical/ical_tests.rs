use proptest::prelude::*;

use super::super::portable::tests::{at, day, portable};
use super::*;

const BOTH: Components = Components { todos: true, events: true };
const TODOS: Components = Components { todos: true, events: false };
const EVENTS: Components = Components { todos: false, events: true };

fn item(due: Due) -> Item {
    Item {
        id: "0198".to_owned(),
        title: "Pay rent".to_owned(),
        description: String::new(),
        priority: 0,
        tags: Vec::new(),
        due: Some(due),
        start_date: None,
        completed_at: None,
        created_at: at("2026-01-02T03:04:05.678Z"),
        updated_at: at("2026-02-03T04:05:06Z"),
        parent: None,
        recurrence: None,
        reminders: Vec::new(),
    }
}

fn on(date: &str) -> Due {
    Due { date: day(date), time: None }
}

fn timed(date: &str, instant: &str) -> Due {
    Due { date: day(date), time: Some((at(instant), chrono_tz::Europe::Berlin)) }
}

fn written(item: &Item, components: Components) -> String {
    feed("Tasks", std::slice::from_ref(item), components, at("2026-11-25T12:00:00Z"), "todo.example.com")
}

/// The lines of the only component, unfolded, in their order.
fn lines_of(item: &Item, components: Components) -> Vec<String> {
    let text = written(item, components).replace("\r\n ", "");
    let lines =
        text.lines().map(str::to_owned).skip_while(|line| !line.starts_with("BEGIN:V") || line == "BEGIN:VCALENDAR");
    lines.skip(1).take_while(|line| !line.starts_with("END:VTODO") && !line.starts_with("END:VEVENT")).collect()
}

fn property(item: &Item, components: Components, name: &str) -> Option<String> {
    let begins = |line: &String| line.starts_with(&format!("{name}:")) || line.starts_with(&format!("{name};"));
    lines_of(item, components).into_iter().find(begins)
}

/// The beginning of a feed, up to the event.
const FULL: &str = r"BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//todo//calendar feed//EN
CALSCALE:GREGORIAN
METHOD:PUBLISH
NAME:Tasks
X-WR-CALNAME:Tasks
REFRESH-INTERVAL;VALUE=DURATION:PT1H
X-PUBLISHED-TTL:PT1H
BEGIN:VTODO
UID:0198@todo.example.com
DTSTAMP:20261125T120000Z
CREATED:20260102T030405Z
LAST-MODIFIED:20260203T040506Z
DESCRIPTION:One\, two\; three\nfour \\ five
PRIORITY:1
CATEGORIES:home,a\, b\; c
SUMMARY:Pay rent
DTSTART:20261129T230000Z
DUE:20261201T160000Z
RELATED-TO;RELTYPE=PARENT:0197@todo.example.com
STATUS:NEEDS-ACTION
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Pay rent
TRIGGER;RELATED=END:-PT30M
END:VALARM
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Pay rent
TRIGGER;VALUE=DATE-TIME:20261201T080000Z
END:VALARM
END:VTODO
BEGIN:VEVENT
";

#[test]
fn a_to_do_and_an_event() {
    let full = Item {
        description: "One, two; three\nfour \\ five".to_owned(),
        priority: 4,
        tags: vec!["home".to_owned(), "a, b; c".to_owned()],
        start_date: Some(day("2026-11-30")),
        parent: Some("0197".to_owned()),
        reminders: vec![
            Reminder { at: None, minutes_before: Some(30) },
            Reminder { at: Some(at("2026-12-01T08:00:00Z")), minutes_before: None },
        ],
        ..item(timed("2026-12-01", "2026-12-01T16:00:00Z"))
    };
    let text = written(&full, BOTH).replace("\r\n", "\n");
    assert!(text.starts_with(FULL), "{text}");
    let event = &text[FULL.len()..];
    for line in [
        "DTSTART:20261201T160000Z",
        "DTEND:20261201T163000Z",
        "TRANSP:TRANSPARENT",
        "SUMMARY:Pay rent",
        "UID:0198-event@todo.example.com",
        "TRIGGER:-PT30M",
        "END:VEVENT\nEND:VCALENDAR",
    ] {
        assert!(event.contains(&format!("{line}\n")), "{line}: {event}");
    }
    assert!(!event.contains("RELATED-TO"));
}

#[test]
fn only_what_is_asked_for_and_has_a_date() {
    let due = item(on("2026-12-01"));
    let none = Item { due: None, ..due.clone() };
    for (it, components, todos, events) in [
        (&due, BOTH, 1, 1),
        (&due, TODOS, 1, 0),
        (&due, EVENTS, 0, 1),
        (&due, Components { todos: false, events: false }, 0, 0),
        (&none, BOTH, 0, 0),
    ] {
        let text = written(it, components);
        assert_eq!((text.matches("BEGIN:VTODO").count(), text.matches("BEGIN:VEVENT").count()), (todos, events));
    }
}

#[test]
fn days_starts_and_ends() {
    let start = |start: &str, due| Item { start_date: Some(day(start)), ..item(due) };
    for (it, dtstart, due, event_end) in [
        (item(on("2026-12-31")), None, "DUE;VALUE=DATE:20261231", "DTEND;VALUE=DATE:20270101"),
        (
            start("2026-12-30", on("2026-12-31")),
            Some("DTSTART;VALUE=DATE:20261230"),
            "DUE;VALUE=DATE:20261231",
            "DTEND;VALUE=DATE:20270101",
        ),
        // Not before the due day.
        (start("2026-12-31", on("2026-12-31")), None, "DUE;VALUE=DATE:20261231", "DTEND;VALUE=DATE:20270101"),
        (start("2027-01-01", on("2026-12-31")), None, "DUE;VALUE=DATE:20261231", "DTEND;VALUE=DATE:20270101"),
        // An instant: the start is one too, the beginning of the day in the zone.
        (
            start("2026-12-01", timed("2026-12-01", "2026-12-01T16:00:00Z")),
            Some("DTSTART:20261130T230000Z"),
            "DUE:20261201T160000Z",
            "DTEND:20261201T163000Z",
        ),
        (
            start("2026-12-02", timed("2026-12-01", "2026-12-01T16:00:00Z")),
            None,
            "DUE:20261201T160000Z",
            "DTEND:20261201T163000Z",
        ),
        (
            start("2026-12-01", timed("2026-12-01", "2026-11-30T23:00:00Z")),
            None,
            "DUE:20261130T230000Z",
            "DTEND:20261130T233000Z",
        ),
    ] {
        assert_eq!(property(&it, TODOS, "DTSTART").as_deref(), dtstart);
        assert_eq!(property(&it, TODOS, "DUE").as_deref(), Some(due));
        assert_eq!(property(&it, EVENTS, "DTEND").as_deref(), Some(event_end));
    }
}

#[test]
fn priorities_and_status() {
    for (priority, expected) in [
        (0, None),
        (1, Some("PRIORITY:9")),
        (2, Some("PRIORITY:5")),
        (3, Some("PRIORITY:3")),
        (4, Some("PRIORITY:1")),
        (9, Some("PRIORITY:1")),
    ] {
        let it = Item { priority, ..item(on("2026-12-01")) };
        assert_eq!(property(&it, TODOS, "PRIORITY").as_deref(), expected);
    }
    let reminders = vec![Reminder { at: None, minutes_before: Some(5) }];
    let done = Item { completed_at: Some(at("2026-11-25T10:00:00Z")), reminders, ..item(on("2026-12-01")) };
    for (name, value) in [("STATUS", "COMPLETED"), ("COMPLETED", "20261125T100000Z"), ("PERCENT-COMPLETE", "100")] {
        assert_eq!(property(&done, TODOS, name), Some(format!("{name}:{value}")));
    }
    assert_eq!(property(&done, EVENTS, "SUMMARY").as_deref(), Some("SUMMARY:✓ Pay rent"));
    assert!(!written(&done, BOTH).contains("VALARM"));
}

#[test]
fn a_rule_goes_along_only_where_it_says_the_same() {
    let repeats = |rule: &str, due| Item {
        recurrence: Some(Repeat { rule: Some(rule.to_owned()), phrase: None, from_completion: false }),
        ..item(due)
    };
    let daily = repeats("FREQ=DAILY", on("2026-12-01"));
    let weekly = repeats("FREQ=WEEKLY;BYDAY=TU", on("2026-12-01"));
    let started = |it: &Item| Item { start_date: Some(day("2026-11-28")), ..it.clone() };
    let from_completion = Repeat { rule: Some("FREQ=DAILY".to_owned()), phrase: None, from_completion: true };
    for (it, todo, event) in [
        (daily.clone(), None, Some("RRULE:FREQ=DAILY")),
        (started(&daily), Some("RRULE:FREQ=DAILY"), Some("RRULE:FREQ=DAILY")),
        (started(&weekly), None, Some("RRULE:FREQ=WEEKLY;BYDAY=TU")),
        (repeats("FREQ=DAILY;COUNT=3", on("2026-12-01")), None, None),
        (started(&repeats("FREQ=DAILY", timed("2026-12-01", "2026-12-01T16:00:00Z"))), None, None),
        (Item { recurrence: Some(from_completion), ..started(&daily) }, None, None),
        (Item { completed_at: Some(at("2026-11-25T10:00:00Z")), ..started(&daily) }, None, None),
    ] {
        assert_eq!(property(&it, TODOS, "RRULE").as_deref(), todo, "{it:?}");
        assert_eq!(property(&it, EVENTS, "RRULE").as_deref(), event, "{it:?}");
    }
}

#[test]
fn nothing_that_is_passed_brings_a_property_in() {
    let it = Item {
        id: "x\r\nATTACH:1".to_owned(),
        title: "a\r\nATTACH:2\u{85}b\u{0}".to_owned(),
        description: "a\r\nb\rc\n\u{7}ATTACH:3".to_owned(),
        tags: vec!["a\nATTACH:4".to_owned()],
        parent: Some("y\nATTACH:5".to_owned()),
        ..item(on("2026-12-01"))
    };
    let text = feed("n\r\nATTACH:6", &[it], BOTH, at("2026-11-25T12:00:00Z"), "h\r\nATTACH:7");
    assert!(text.split("\r\n").all(|line| !line.starts_with("ATTACH")), "{text}");
    assert!(text.contains("DESCRIPTION:a\\nb\\nc\\n ATTACH:3\r\n"), "{text}");
    assert!(text.contains("SUMMARY:a ATTACH:2 b \r\n"), "{text}");
    assert!(text.contains("UID:xATTACH:1@hATTACH:7\r\n"), "{text}");
}

#[test]
fn the_same_is_written_twice() {
    let reminders = vec![Reminder { at: None, minutes_before: Some(5) }];
    let it = Item { reminders, ..item(on("2026-12-01")) };
    assert_eq!(written(&it, BOTH), written(&it, BOTH));
}

/// The items of any tasks.
pub(crate) fn items() -> impl Strategy<Value = Vec<Item>> {
    portable().prop_map(|portable| {
        let item = |task: crate::interop::Task| Item {
            id: task.key,
            title: task.title,
            description: task.description,
            priority: task.priority,
            tags: task.tags,
            due: task.due,
            start_date: task.start_date,
            completed_at: task.completed_at,
            created_at: task.created_at.unwrap_or_default(),
            updated_at: task.created_at.unwrap_or_default(),
            parent: task.parent,
            recurrence: task.recurrence,
            reminders: task.reminders,
        };
        portable.tasks.into_iter().map(item).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lines_are_folded_between_characters(items in items(), name in "\\PC{0,80}") {
        let text = feed(&name, &items, BOTH, at("2026-11-25T12:00:00Z"), "todo.example.com");
        let due = items.iter().filter(|item| item.due.is_some()).count();
        prop_assert_eq!((text.matches("\r\nBEGIN:VTODO\r\n").count(), text.matches("\r\nBEGIN:VEVENT\r\n").count()), (due, due));
        prop_assert!(text.ends_with("END:VCALENDAR\r\n"));
        for line in text.trim_end().split("\r\n") {
            prop_assert!(line.len() <= 75, "{:?}", line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }
}
