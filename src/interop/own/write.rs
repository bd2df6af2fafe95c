//! Writes our own export.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::{FORMAT, PRIORITIES, VERSION};
use crate::interop::portable::{Portable, Project, SavedFilter, Section, Task};

/// The digits of a position, after each other in the order of bytes.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The digits of a written position: enough for any order.
const WIDTH: usize = 13;

/// Our own export as JSON. Reading it again gives the same, without the notes; keys become ids as they are.
///
/// `exported_at` is the present.
pub fn write(portable: &Portable, exported_at: DateTime<Utc>) -> String {
    let file = File {
        format: FORMAT,
        version: VERSION,
        exported_at: instant(exported_at),
        projects: portable.projects.iter().map(|it| project(it, exported_at)).collect(),
        sections: portable.sections.iter().map(|it| section(it, exported_at)).collect(),
        filters: portable.filters.iter().map(filter).collect(),
        tags: portable.tags.iter().map(|tag| Tag { name: &tag.name, color: tag.color.as_deref() }).collect(),
        tasks: portable.tasks.iter().map(task).collect(),
    };
    // Texts and numbers alone: there is nothing in it that JSON cannot say.
    serde_json::to_string_pretty(&file).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    format: &'static str,
    version: u64,
    exported_at: String,
    projects: Vec<Collection<'a>>,
    sections: Vec<Collection<'a>>,
    filters: Vec<Collection<'a>>,
    tags: Vec<Tag<'a>>,
    tasks: Vec<TaskOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Collection<'a> {
    id: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    name: &'a str,
    color: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    position: String,
    archived_at: Option<String>,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    color: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskOut<'a> {
    id: &'a str,
    title: &'a str,
    description: &'a str,
    priority: &'static str,
    project_id: Option<&'a str>,
    section_id: Option<&'a str>,
    parent_id: Option<&'a str>,
    position: String,
    tags: &'a [String],
    due_date: Option<String>,
    due_at: Option<String>,
    due_zone: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_phrase: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase_language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase_zone: Option<&'static str>,
    start_date: Option<String>,
    deadline: Option<String>,
    completed: bool,
    completed_at: Option<String>,
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrence: Option<Repeat<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reminders: Vec<Reminder>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repeat<'a> {
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<&'a str>,
    from_completion: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reminder {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes_before: Option<u32>,
}

fn project(it: &Project, now: DateTime<Utc>) -> Collection<'_> {
    Collection {
        id: &it.key,
        kind: "project",
        project_id: None,
        name: &it.name,
        color: it.color.as_deref(),
        query: None,
        position: position(it.order),
        archived_at: it.archived.then(|| instant(now)),
    }
}

fn section(it: &Section, now: DateTime<Utc>) -> Collection<'_> {
    Collection {
        id: &it.key,
        kind: "section",
        project_id: it.project.as_deref(),
        name: &it.name,
        color: it.color.as_deref(),
        query: None,
        position: position(it.order),
        archived_at: it.archived.then(|| instant(now)),
    }
}

fn filter(it: &SavedFilter) -> Collection<'_> {
    Collection {
        id: &it.key,
        kind: "filter",
        project_id: None,
        name: &it.name,
        color: it.color.as_deref(),
        query: Some(&it.query),
        position: position(it.order),
        archived_at: None,
    }
}

fn task(it: &Task) -> TaskOut<'_> {
    let time = it.due.and_then(|due| due.time);
    TaskOut {
        id: &it.key,
        title: &it.title,
        description: &it.description,
        priority: PRIORITIES.get(usize::from(it.priority)).copied().unwrap_or("urgent"),
        project_id: it.project.as_deref(),
        section_id: it.section.as_deref(),
        parent_id: it.parent.as_deref(),
        position: position(it.order),
        tags: &it.tags,
        due_date: it.due.map(|due| due.date.to_string()),
        due_at: time.map(|(at, _)| instant(at)),
        due_zone: time.map(|(_, zone)| zone.name()),
        due_phrase: it.due_phrase.as_deref(),
        phrase_language: it.phrase_language.as_deref(),
        phrase_zone: it.phrase_zone.map(Tz::name),
        start_date: it.start_date.map(|day| day.to_string()),
        deadline: it.deadline.map(|day| day.to_string()),
        completed: it.completed_at.is_some(),
        completed_at: it.completed_at.map(instant),
        created_at: it.created_at.map(instant),
        recurrence: it.recurrence.as_ref().map(|repeat| Repeat {
            rule: repeat.rule.as_deref(),
            phrase: repeat.phrase.as_deref(),
            from_completion: repeat.from_completion,
        }),
        reminders: it
            .reminders
            .iter()
            .map(|reminder| Reminder { at: reminder.at.map(instant), minutes_before: reminder.minutes_before })
            .collect(),
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A fractional index: its order is that of the numbers, and it ends with a digit that is no zero.
fn position(order: usize) -> String {
    let mut text = vec![b'0'; WIDTH];
    let mut rest = order;
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[rest % 36];
        rest /= 36;
    }
    text.push(b'i');
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
