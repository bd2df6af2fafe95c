//! What others read of ours: the dates of rules by python-dateutil, the calendar feed by Python's `icalendar`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc, Weekday};
use serde_json::{Value, json};
use todo::interop::ical::{Components, Item, feed};
use todo::interop::{Due, Reminder, Repeat};
use todo::recurrence::{Occurrence, Rule};

use crate::support::server;

#[path = "../../src/recurrence/sample_tests.rs"]
mod sample;
use sample::Random;

fn python(packages: &str, script: &str, arguments: &[&Path], input: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers").join(script);
    let mut command = Command::new("python3");
    command.arg(script).args(arguments).env("PYTHONPATH", packages).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A random rule, where it begins, and its first dates: what dateutil needs no seconds for.
fn case(random: &mut Random) -> Value {
    let mut text = sample::rule(random);
    let mut start = NaiveDate::parse_from_str(&sample::date(random, 2015, 20), "%Y%m%d").unwrap();
    if text.contains("WEEKLY") && text.contains("BYSETPOS") {
        // dateutil chooses in the first week among the days from the start on, we among those of the whole week.
        let days = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
        let first = text
            .split_once("WKST=")
            .and_then(|(_, day)| days.into_iter().find(|weekday| weekday.to_string().to_uppercase().starts_with(day)));
        start = start.week(first.unwrap_or(Weekday::Mon)).first_day();
    }
    let rule: Rule = text.parse().unwrap();
    let horizon = NaiveDate::from_ymd_opt(start.year() + 40, 12, 31).unwrap();
    let found: Vec<Occurrence> = rule.occurrences(start).take(30).collect();
    let ended = found.len() == 30 || rule.count() == u32::try_from(found.len()).ok();
    if rule.until().is_none() && !(ended && found.last().is_none_or(|last| last.date <= horizon)) {
        // It visits each day until the year 9999.
        let parts: Vec<&str> = text.split(';').filter(|part| !part.starts_with("COUNT")).collect();
        text = format!("{};UNTIL={}", parts.join(";"), horizon.format("%Y%m%d"));
    }
    let rule: Rule = text.parse().unwrap();
    let dates: Vec<_> = rule.occurrences(start).take(30).map(|occurrence| occurrence.date).collect();
    json!({ "rule": text, "start": start, "dates": dates })
}

/// `TODO_TEST_RULES` says how many: ten thousand take half an hour, nearly all of it dateutil's.
#[test]
fn real_dateutil_has_the_same_dates() {
    let Some(packages) = server("TODO_TEST_READERS_PYTHON") else { return };
    let rules = std::env::var("TODO_TEST_RULES").map_or(120, |text| text.parse().unwrap());
    let mut random = Random(7);
    let mut lines = String::new();
    for _ in 0..rules {
        writeln!(lines, "{}", case(&mut random)).unwrap();
    }
    let said = succeeded(&python(&packages, "dates.py", &[], &lines));
    assert!(said.contains(&format!("{rules} rules, ")) && said.contains(" 0 differ"), "{said}");
    println!("{said}");
}

const PIECES: [&str; 24] = [
    "a",
    "word ",
    "😀",
    "👩‍👩‍👧‍👦",
    "é",
    "e\u{301}",
    ",",
    ";",
    ":",
    "\\",
    "\\n",
    "\"",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\u{0}",
    "\u{7f}",
    "\u{2028}",
    "日本語",
    "BEGIN:VEVENT",
    "\nATTACH:x",
    "  ",
    "\u{feff}",
];

const RULES: [&str; 7] = [
    "FREQ=DAILY",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=YEARLY;UNTIL=20400101T000000Z",
    "FREQ=DAILY;COUNT=3",
    "FREQ=HOURLY",
    "nonsense\r\nX:1",
];

fn pick<T: Copy>(random: &mut Random, list: &[T]) -> T {
    list[usize::try_from(random.below(list.len() as u64)).unwrap()]
}

fn text(random: &mut Random, most: u64) -> String {
    (0..random.below(most + 1)).map(|_| pick(random, &PIECES)).collect()
}

fn instant(random: &mut Random) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + i64::try_from(random.below(200_000_000)).unwrap(), 0).unwrap()
}

fn maybe<T>(random: &mut Random, some: impl FnOnce(&mut Random) -> T) -> Option<T> {
    (random.below(2) == 0).then(|| some(random))
}

/// A task with whatever may be in one.
fn item(random: &mut Random, id: u64, count: u64) -> Item {
    let at = instant(random);
    let zone = pick(
        random,
        &[
            chrono_tz::Europe::Berlin,
            chrono_tz::America::New_York,
            chrono_tz::Pacific::Apia,
            chrono_tz::Asia::Kathmandu,
        ],
    );
    let due = match maybe(random, |_| ()) {
        Some(()) => Due { date: instant(random).date_naive(), time: None },
        None => Due { date: at.with_timezone(&zone).date_naive(), time: Some((at, zone)) },
    };
    let reminder = |random: &mut Random| match maybe(random, instant) {
        Some(at) => Reminder { at: Some(at), minutes_before: None },
        None => Reminder { at: None, minutes_before: Some(u32::try_from(random.below(100_000)).unwrap()) },
    };
    let rule = pick(random, &RULES).to_owned();
    let start = due.date + Days::new(2) - Days::new(random.below(10));
    Item {
        id: format!("{id:08}"),
        title: format!("t{}", text(random, 60)),
        description: maybe(random, |random| text(random, 400)).unwrap_or_default(),
        priority: u8::try_from(random.below(5)).unwrap(),
        tags: (0..random.below(4)).map(|_| format!("g{}", text(random, 6))).collect(),
        due: (random.below(20) > 0).then_some(due),
        start_date: maybe(random, |_| start),
        completed_at: (random.below(4) == 0).then_some(at),
        created_at: instant(random),
        updated_at: instant(random),
        parent: maybe(random, |random| format!("{:08}", random.below(count))),
        recurrence: maybe(random, |random| Repeat {
            rule: Some(rule),
            phrase: None,
            from_completion: random.below(4) == 0,
        }),
        reminders: (0..random.below(3)).map(|_| reminder(random)).collect(),
    }
}

fn told(item: &Item) -> Value {
    let time = item.due.and_then(|due| due.time);
    let instant = |at: DateTime<Utc>| at.to_rfc3339();
    let reminders = item.reminders.iter().map(|it| json!({ "at": it.at.map(instant), "minutes": it.minutes_before }));
    json!({
        "id": item.id, "title": item.title, "description": item.description, "priority": item.priority, "tags": item.tags,
        "due_date": item.due.map(|due| due.date), "due_at": time.map(|(at, _)| instant(at)),
        "zone": time.map(|(_, zone)| zone.name()), "start_date": item.start_date,
        "completed_at": item.completed_at.map(instant), "created_at": instant(item.created_at),
        "updated_at": instant(item.updated_at), "parent": item.parent,
        "rule": item.recurrence.as_ref().and_then(|repeat| repeat.rule.clone()),
        "from_completion": item.recurrence.as_ref().is_some_and(|repeat| repeat.from_completion),
        "reminders": reminders.collect::<Vec<_>>(),
    })
}

#[test]
fn real_icalendar_reads_the_feed_as_it_is_meant() {
    let Some(packages) = server("TODO_TEST_READERS_PYTHON") else { return };
    let (mut random, count) = (Random(11), 300);
    let items: Vec<_> = (0..count).map(|id| item(&mut random, id, count)).collect();
    let now = DateTime::from_timestamp(1_764_072_000, 0).unwrap();
    let components = Components { todos: true, events: true };
    let folder = tempfile::tempdir().unwrap();
    let (calendar, list) = (folder.path().join("feed.ics"), folder.path().join("items.jsonl"));
    std::fs::write(&calendar, feed("Tasks, \"mine\"; all 😀", &items, components, now, "todo.example.com")).unwrap();
    let lines: Vec<_> = items.iter().map(|item| told(item).to_string()).collect();
    std::fs::write(&list, lines.join("\n")).unwrap();
    let said = succeeded(&python(&packages, "calendar_feed.py", &[&calendar, &list], ""));
    assert!(said.contains("\n0 faults"), "{said}");
    println!("{said}");
}
