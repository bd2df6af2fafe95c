//! A calendar feed (iCalendar, RFC 5545; its name and refresh also as RFC 7986 has them).
//!
//! **What is in it.** Each task with a due date, as a to-do (`VTODO`, uid `id@host`), as an event (`VEVENT`, uid
//! `id-event@host`, for calendars that show no to-dos), or as both: see [`Components`].
//! - A to-do is due on a day or at an instant. Its `DTSTART` is the start date where that is before the due day, of the
//!   same type as `DUE`: for an instant, the beginning of that day in the task's zone.
//! - An event on a day lasts that day; one at an instant half an hour. It leaves the time free (`TRANSPARENT`). A done
//!   task's title gets a tick.
//! - All instants are UTC, so no `VTIMEZONE` is needed.
//!
//! **Series.** A feed is read, not written: what can be acted on is the present instance, and that is what stands in it.
//! A rule (`RRULE`) goes along only where it says the same as the program does:
//! - not for a task that is due at an instant: a series in UTC would shift with the clocks by an hour, and keeping the
//!   local time needs a `VTIMEZONE`;
//! - not for one that counts from completion, nor with `COUNT`, which counts from the first date and not from here;
//! - not for a done task;
//! - for an event on a day; for a to-do only with a start date and a rule without `BY…`, since RFC 5545 demands
//!   `DTSTART` of everything that repeats, and counts from it: due date and start then move alike.
//!
//! **Texts.** Line breaks of a description become `\n`; other control characters become blanks. Lines are folded at 75
//! octets between characters. What is passed as id, host and rule cannot bring properties in.

mod line;
mod rule;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::date;
use super::portable::{Due, Reminder, Repeat};
use line::Lines;

/// What made the feed.
const PRODUCT: &str = "-//todo//calendar feed//EN";
/// How often a calendar is asked to look for news: every hour.
const REFRESH: &str = "PT1H";
/// How long an event at an instant lasts.
const LENGTH: Duration = Duration::minutes(30);

/// A task, as the feed needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description; empty where there is none.
    pub description: String,
    /// 0 none, 1 low, 2 medium, 3 high, 4 urgent.
    pub priority: u8,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it is due. Without it, it is not in the feed.
    pub due: Option<Due>,
    /// The day from which it is shown.
    pub start_date: Option<NaiveDate>,
    /// When it was done.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The id of the task that it is a part of.
    pub parent: Option<String>,
    /// How it repeats.
    pub recurrence: Option<Repeat>,
    /// When to remind of it.
    pub reminders: Vec<Reminder>,
}

/// What a task becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Components {
    /// To-dos.
    pub todos: bool,
    /// Events.
    pub events: bool,
}

/// The feed. `name` is what a calendar shows, `host` the right side of the uids, `now` the present.
pub fn feed(name: &str, items: &[Item], components: Components, now: DateTime<Utc>, host: &str) -> String {
    let host = clean(host);
    let mut lines = Lines::default();
    lines.raw("BEGIN", "VCALENDAR");
    lines.raw("VERSION", "2.0");
    lines.raw("PRODID", PRODUCT);
    lines.raw("CALSCALE", "GREGORIAN");
    lines.raw("METHOD", "PUBLISH");
    lines.line("NAME", name);
    lines.line("X-WR-CALNAME", name);
    lines.raw("REFRESH-INTERVAL;VALUE=DURATION", REFRESH);
    lines.raw("X-PUBLISHED-TTL", REFRESH);
    for item in items {
        let Some(due) = item.due else { continue };
        if components.todos {
            todo(&mut lines, item, due, now, &host);
        }
        if components.events {
            event(&mut lines, item, due, now, &host);
        }
    }
    lines.raw("END", "VCALENDAR");
    lines.0
}

fn todo(lines: &mut Lines, item: &Item, due: Due, now: DateTime<Utc>, host: &str) {
    lines.raw("BEGIN", "VTODO");
    lines.raw("UID", &format!("{}@{host}", clean(&item.id)));
    common(lines, item, now);
    lines.line("SUMMARY", &item.title);
    let start = start(item.start_date, due);
    if let Some(start) = start {
        lines.due("DTSTART", start);
    }
    lines.due("DUE", due);
    if let Some(rule) = series(item, due).filter(|rule| start.is_some() && rule::is_plain(rule)) {
        lines.raw("RRULE", &rule);
    }
    if let Some(parent) = &item.parent {
        lines.raw("RELATED-TO;RELTYPE=PARENT", &format!("{}@{host}", clean(parent)));
    }
    if let Some(at) = item.completed_at {
        lines.raw("STATUS", "COMPLETED");
        lines.instant("COMPLETED", at);
        lines.raw("PERCENT-COMPLETE", "100");
    } else {
        lines.raw("STATUS", "NEEDS-ACTION");
        // Before the due time: what is said without RELATED counts from the start.
        alarms(lines, item, "TRIGGER;RELATED=END");
    }
    lines.raw("END", "VTODO");
}

fn event(lines: &mut Lines, item: &Item, due: Due, now: DateTime<Utc>, host: &str) {
    lines.raw("BEGIN", "VEVENT");
    lines.raw("UID", &format!("{}-event@{host}", clean(&item.id)));
    common(lines, item, now);
    let done = item.completed_at.is_some();
    lines.line("SUMMARY", &if done { format!("✓ {}", item.title) } else { item.title.clone() });
    lines.due("DTSTART", due);
    lines.due("DTEND", end(due));
    lines.raw("TRANSP", "TRANSPARENT");
    if let Some(rule) = series(item, due) {
        lines.raw("RRULE", &rule);
    }
    if !done {
        alarms(lines, item, "TRIGGER");
    }
    lines.raw("END", "VEVENT");
}

/// What a to-do and an event have alike.
fn common(lines: &mut Lines, item: &Item, now: DateTime<Utc>) {
    lines.instant("DTSTAMP", now);
    lines.instant("CREATED", item.created_at);
    lines.instant("LAST-MODIFIED", item.updated_at);
    if !item.description.is_empty() {
        lines.text("DESCRIPTION", &item.description);
    }
    // RFC 5545, section 3.8.1.9: 1 to 4 are high, 5 is medium, 6 to 9 are low.
    match item.priority {
        0 => {}
        1 => lines.raw("PRIORITY", "9"),
        2 => lines.raw("PRIORITY", "5"),
        3 => lines.raw("PRIORITY", "3"),
        _ => lines.raw("PRIORITY", "1"),
    }
    if !item.tags.is_empty() {
        lines.list("CATEGORIES", item.tags.iter());
    }
}

/// The rule of a series of days that goes along: see the head of this module.
fn series(item: &Item, due: Due) -> Option<String> {
    let repeat = item.recurrence.as_ref().filter(|repeat| !repeat.from_completion)?;
    let goes = due.time.is_none() && item.completed_at.is_none();
    rule::of_days(repeat.rule.as_deref().filter(|_| goes)?, due.date)
}

/// The start of a to-do: before its due time, and of the same type.
fn start(date: Option<NaiveDate>, due: Due) -> Option<Due> {
    let date = date?;
    let start = match due.time {
        None => Due { date, time: None },
        Some((at, zone)) => {
            let start = date::local(date.and_hms_opt(0, 0, 0)?, zone).filter(|start| *start < at)?;
            return Some(Due { date, time: Some((start, zone)) });
        }
    };
    (date < due.date).then_some(start)
}

/// The end of an event. A day is ended by the next (RFC 5545, section 3.6.1: the end is not part of it).
fn end(due: Due) -> Due {
    let date = due.date.succ_opt().unwrap_or(due.date);
    let later = |(at, zone): (DateTime<Utc>, Tz)| (at.checked_add_signed(LENGTH).unwrap_or(at), zone);
    Due { date, time: due.time.map(later) }
}

fn alarms(lines: &mut Lines, item: &Item, before: &str) {
    for reminder in &item.reminders {
        lines.raw("BEGIN", "VALARM");
        lines.raw("ACTION", "DISPLAY");
        lines.line("DESCRIPTION", &item.title);
        match reminder.at {
            Some(at) => lines.instant("TRIGGER;VALUE=DATE-TIME", at),
            None => lines.raw(before, &format!("-PT{}M", reminder.minutes_before.unwrap_or_default())),
        }
        lines.raw("END", "VALARM");
    }
}

/// What stands in a uid: no blanks, no control characters, nothing that must be escaped.
fn clean(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "-._:#[]~".contains(*c)).collect()
}

#[cfg(test)]
#[path = "ical_tests.rs"]
mod tests;
