//! A table of tasks for spreadsheets: CSV (RFC 4180), UTF-8 with a byte order mark, without which spreadsheets take it
//! for something else. One line is a task.
//!
//! **Formulas.** A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, also after a tab or a carriage return,
//! and a task can come from somebody else. So each cell that begins with one of them, or with a line feed, gets an
//! apostrophe before it, which a spreadsheet takes as "this is a text". It is not taken away again: this table is for
//! people, and our own export is what is read back.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use csv::{Terminator, WriterBuilder};

use super::date::BOM;
use super::own::PRIORITIES;
use super::portable::{Portable, Reminder, Task};

/// The columns.
pub const COLUMNS: [&str; 20] = [
    "id",
    "title",
    "description",
    "priority",
    "project",
    "section",
    "parent",
    "tags",
    "due_date",
    "due_at",
    "due_zone",
    "due_phrase",
    "start_date",
    "deadline",
    "completed_at",
    "created_at",
    "recurrence",
    "from_completion",
    "reminders",
    "order",
];

/// The table. Projects and sections are told by name (the inbox is empty), the parent by its id; tags and reminders are
/// separated by `, `; instants are UTC (RFC 3339).
pub fn csv_of(portable: &Portable) -> String {
    let projects: HashMap<&str, &str> =
        portable.projects.iter().map(|it| (it.key.as_str(), it.name.as_str())).collect();
    let sections: HashMap<&str, &str> =
        portable.sections.iter().map(|it| (it.key.as_str(), it.name.as_str())).collect();
    let name = |names: &HashMap<&str, &str>, key: Option<&String>| {
        key.and_then(|key| names.get(key.as_str())).map_or(String::new(), |name| (*name).to_owned())
    };
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(BOM.as_bytes().to_vec());
    // Writing to memory does not fail.
    let _ = writer.write_record(COLUMNS);
    for task in &portable.tasks {
        let project = name(&projects, task.project.as_ref());
        let section = name(&sections, task.section.as_ref());
        let _ = writer.write_record(cells(task, project, section).map(neutral));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn cells(task: &Task, project: String, section: String) -> [String; COLUMNS.len()] {
    let time = task.due.and_then(|due| due.time);
    let repeat = task.recurrence.as_ref();
    let rule = repeat.and_then(|repeat| repeat.rule.clone().or_else(|| repeat.phrase.clone()));
    let from_completion = repeat.map(|repeat| repeat.from_completion.to_string());
    let reminders: Vec<String> = task.reminders.iter().map(reminder).collect();
    [
        task.key.clone(),
        task.title.clone(),
        task.description.clone(),
        PRIORITIES.get(usize::from(task.priority)).copied().unwrap_or("urgent").to_owned(),
        project,
        section,
        task.parent.clone().unwrap_or_default(),
        task.tags.join(", "),
        task.due.map(|due| due.date.to_string()).unwrap_or_default(),
        instant(time.map(|(at, _)| at)),
        time.map(|(_, zone)| zone.name().to_owned()).unwrap_or_default(),
        task.due_phrase.clone().unwrap_or_default(),
        task.start_date.map(|day| day.to_string()).unwrap_or_default(),
        task.deadline.map(|day| day.to_string()).unwrap_or_default(),
        instant(task.completed_at),
        instant(task.created_at),
        rule.unwrap_or_default(),
        from_completion.unwrap_or_default(),
        reminders.join(", "),
        task.order.to_string(),
    ]
}

fn reminder(it: &Reminder) -> String {
    match it.minutes_before {
        Some(minutes) => format!("{minutes} min before"),
        None => instant(it.at),
    }
}

fn instant(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula.
fn neutral(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
