//! The model that all formats meet in.
//!
//! **Purpose.** What is read from any format, and what our own export and the table are written from.
//!
//! **Rule.** Plain values: everything has a `key`, and references are keys. What a key looks like is the format's
//! affair; it is unique within its kind, and the same when the same file is read again. `settle` makes the invariants
//! of the room true; a `Portable` that is made otherwise need not have them.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// Everything of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Portable {
    /// The projects, in their order; the inbox is none of them.
    pub projects: Vec<Project>,
    /// The sections, in their order.
    pub sections: Vec<Section>,
    /// The saved filters, in their order.
    pub filters: Vec<SavedFilter>,
    /// The tags of which the file says more than the name; tasks may have others.
    pub tags: Vec<Tag>,
    /// The tasks: parents before what is part of them, otherwise in their order.
    pub tasks: Vec<Task>,
    /// What was left out or changed.
    pub notes: Vec<Note>,
    /// How many notes there are besides: see [`NOTES_MAX`](super::NOTES_MAX).
    pub more_notes: usize,
}

/// A project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// Its key.
    pub key: String,
    /// 1 to 100 characters. Two projects may have the same.
    pub name: String,
    /// `#rrggbb`, in lower case.
    pub color: Option<String>,
    /// Its tasks are hidden from the views.
    pub archived: bool,
    /// Its place among the projects, from 0.
    pub order: usize,
}

/// A section of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its key.
    pub key: String,
    /// The key of its project; `None` is the inbox.
    pub project: Option<String>,
    /// 1 to 100 characters. Two sections may have the same.
    pub name: String,
    /// `#rrggbb`, in lower case.
    pub color: Option<String>,
    /// Its tasks are hidden from the views.
    pub archived: bool,
    /// Its place among the sections, from 0.
    pub order: usize,
}

/// A saved filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedFilter {
    /// Its key.
    pub key: String,
    /// 1 to 100 characters.
    pub name: String,
    /// The expression as the file has it, in the language of the program that wrote it: the caller must check it.
    pub query: String,
    /// `#rrggbb`, in lower case.
    pub color: Option<String>,
    /// Its place among the filters, from 0.
    pub order: usize,
}

/// What is known of a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// 1 to 100 characters.
    pub name: String,
    /// `#rrggbb`, in lower case.
    pub color: Option<String>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Its key.
    pub key: String,
    /// 1 to 500 characters, without control characters.
    pub title: String,
    /// Up to 10,000 characters.
    pub description: String,
    /// 0 none, 1 low, 2 medium, 3 high, 4 urgent.
    pub priority: u8,
    /// The key of its project; `None` is the inbox.
    pub project: Option<String>,
    /// The key of its section.
    pub section: Option<String>,
    /// The key of the task that it is a part of.
    pub parent: Option<String>,
    /// Its place among all tasks, and so among its siblings, from 0.
    pub order: usize,
    /// The names of its tags, each once (upper and lower case are the same), in the order of the file.
    pub tags: Vec<String>,
    /// When it is due.
    pub due: Option<Due>,
    /// When it is due, in words that this room does not understand (`tomorrow at 9`); never beside `due`.
    pub due_phrase: Option<String>,
    /// The language of `due_phrase` and of a repetition's phrase, as the file names it (`en`, `pt_BR`).
    pub phrase_language: Option<String>,
    /// The zone that the phrases are meant in, where the file names one.
    pub phrase_zone: Option<Tz>,
    /// Hidden from the views until this day.
    pub start_date: Option<NaiveDate>,
    /// The day by which it must be done.
    pub deadline: Option<NaiveDate>,
    /// When it was done; `None` while it is open.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was made, where the file says so.
    pub created_at: Option<DateTime<Utc>>,
    /// How it repeats.
    pub recurrence: Option<Repeat>,
    /// When to remind of it.
    pub reminders: Vec<Reminder>,
}

/// When a task is due: on a day, or at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The day; with a time, that of the instant in its zone.
    pub date: NaiveDate,
    /// The instant and the zone that it is meant in.
    pub time: Option<(DateTime<Utc>, Tz)>,
}

/// How a task repeats: a rule or a phrase, at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeat {
    /// The value of an RRULE (RFC 5545), not checked.
    pub rule: Option<String>,
    /// The words of the program that wrote the file (`every 2nd friday`), as they are.
    pub phrase: Option<String>,
    /// The next date is counted from the day of completion, not from the last date.
    pub from_completion: bool,
}

/// When to remind: at an instant, or so many minutes before the task is due. One of the two is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reminder {
    /// The instant.
    pub at: Option<DateTime<Utc>>,
    /// Minutes before the due time; for a due day, before its beginning.
    pub minutes_before: Option<u32>,
}

/// What was left out or changed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where in the file: `line 12`, or a JSON pointer (RFC 6901) such as `/tasks/3/dueDate`; empty for the whole file.
    pub at: String,
    /// One sentence.
    pub text: String,
}

#[cfg(test)]
#[path = "portable_tests.rs"]
pub(super) mod tests;
