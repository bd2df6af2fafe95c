//! Our own export: everything of a person's tasks as one JSON file, to keep and to bring back.
//!
//! **Format.** `{ "format": "todo-export", "version": 1, "exportedAt": …, "projects": […], "sections": […],
//! "filters": […], "tags": [{ "name", "color" }], "tasks": […] }`. Tasks have the members that the API gives them;
//! `projectId` is `null` in the inbox (or names the project that `inboxId` does). Besides there can be `recurrence`
//! (`{ "rule", "phrase", "fromCompletion" }` or a rule alone) and `reminders` (`[{ "at" } or { "minutesBefore" }]`).
//!
//! The export of a whole account is read as well: its `collections` hold projects, sections and filters, told apart by
//! `kind`, and its inbox is the project whose id is the account's. What is in the trash stays there.
//!
//! **Versions.** Members that are unknown are ignored, so a file of a newer version is read as far as it is understood,
//! with a note. `position` gives the order, byte by byte.

mod shape;
mod write;

use super::error::{Error, Kind};
use super::json;
use super::notes::{At, quote};
use super::portable::{Due, Project, Reminder, Repeat, SavedFilter, Section, Tag, Task};
use super::{Draft, Format, Options, date};
use shape::{Collection, File};

pub use write::write;

/// What `format` says.
pub const FORMAT: &str = "todo-export";
/// The version that is written.
pub const VERSION: u64 = 1;

/// The names of the priorities, by their number.
pub(super) const PRIORITIES: [&str; 5] = ["none", "low", "medium", "high", "urgent"];

pub(super) fn read(text: &str, options: &Options) -> Result<Draft, Error> {
    if !text.trim_start().starts_with('{') {
        return Err(Error::new("", Kind::NotThis(Format::Own)));
    }
    let mut file: File = json::parse(text, "")?;
    let ours = match file.format.as_deref() {
        Some(format) => format == FORMAT,
        None => file.account.is_some(),
    };
    let Some(tasks) = file.tasks.take().filter(|_| ours) else {
        return Err(Error::new("", Kind::NotThis(Format::Own)));
    };

    let inbox = file.inbox_id.take().or_else(|| file.account.take().map(|account| account.id));
    let mut reader = Reader { options, inbox, draft: Draft::default() };
    if file.version.is_some_and(|version| version > VERSION) {
        let text = || "a newer version wrote this; what this one does not know was left out".to_owned();
        reader.draft.notes.add(At::File, "version", text);
    }
    reader.collections("projects", file.projects.all("projects", "/projects")?, Some("project"));
    reader.collections("sections", file.sections.all("sections", "/sections")?, Some("section"));
    reader.collections("filters", file.filters.all("saved filters", "/filters")?, Some("filter"));
    reader.collections("collections", file.collections.all("collections", "/collections")?, None);
    for (index, tag) in file.tags.all("tags", "/tags")?.into_iter().enumerate() {
        reader.draft.tags.push((At::In("tags", index), Tag { name: tag.name, color: tag.color }));
    }
    reader.tasks(tasks.all("tasks", "/tasks")?);
    Ok(reader.draft)
}

struct Reader<'a> {
    options: &'a Options,
    /// The key of the project that is the inbox.
    inbox: Option<String>,
    draft: Draft,
}

impl Reader<'_> {
    /// The key of a project; the inbox has none.
    fn project(&self, key: Option<String>) -> Option<String> {
        key.filter(|key| Some(key) != self.inbox.as_ref())
    }

    /// Projects, sections or filters, in their order. `kind` is theirs where they do not say it.
    fn collections(&mut self, list: &'static str, collections: Vec<Collection>, kind: Option<&str>) {
        let ranks = ranks(collections.iter().map(|collection| collection.position.as_deref()));
        for ((index, it), order) in collections.into_iter().enumerate().zip(ranks) {
            let at = At::In(list, index);
            let archived = it.archived_at.is_some();
            let (key, name, color) = (it.id, it.name, it.color);
            match kind.or(it.kind.as_deref()).unwrap_or_default() {
                "project" => {
                    // The inbox can be there as a project: there is one already.
                    if Some(&key) != self.inbox.as_ref() {
                        self.draft.projects.push((at, Project { key, name, color, archived, order }));
                    }
                }
                "section" => {
                    let project = self.project(it.project_id);
                    self.draft.sections.push((at, Section { key, project, name, color, archived, order }));
                }
                "filter" => {
                    let query = it.query.unwrap_or_default();
                    self.draft.filters.push((at, SavedFilter { key, name, query, color, order }));
                }
                other => {
                    let text = || format!("{} is no project, section or filter; it was left out", quote(other));
                    self.draft.notes.add(at, "kind", text);
                }
            }
        }
    }

    fn tasks(&mut self, tasks: Vec<shape::Task>) {
        let ranks = ranks(tasks.iter().map(|task| task.position.as_deref()));
        for ((index, task), order) in tasks.into_iter().enumerate().zip(ranks) {
            let at = At::In("tasks", index);
            if task.deleted_at.is_some() {
                self.draft.notes.add(at, "deletedAt", || "it is in the trash; it was left out".to_owned());
                continue;
            }
            let task = self.task(at, task, order);
            self.draft.tasks.push((at, task));
        }
    }

    fn task(&mut self, at: At, task: shape::Task, order: usize) -> Task {
        let notes = &mut self.draft.notes;
        let priority = task.priority.as_deref().unwrap_or("none");
        let rank = PRIORITIES.iter().position(|name| *name == priority);
        if rank.is_none() {
            notes.add(at, "priority", || format!("the priority {} is unknown; it has none", quote(priority)));
        }
        if task.reminders.more > 0 || task.tags.more > 0 {
            notes.add(at, "", || "it has far too many tags or reminders; the last were left out".to_owned());
        }
        let zone = task.due_zone.map_or(self.options.zone, |zone| zone.0);
        let due = match (task.due_at, task.due_date) {
            (Some(due), _) => date::at_instant(due.0, zone),
            (None, Some(day)) => Some(Due { date: day.0, time: None }),
            (None, None) => None,
        };
        let completed_at = task.completed_at.map(|at| at.0);
        let done = task.completed.unwrap_or(completed_at.is_some());
        let since = completed_at.or(task.updated_at.map(|at| at.0)).unwrap_or(self.options.now);
        let repeat =
            |it: shape::Repeat| Repeat { rule: it.rule, phrase: it.phrase, from_completion: it.from_completion };
        let reminder = |it: shape::Reminder| Reminder { at: it.at.map(|at| at.0), minutes_before: it.minutes_before };
        Task {
            key: task.id,
            title: task.title,
            description: task.description.unwrap_or_default(),
            priority: u8::try_from(rank.unwrap_or_default()).unwrap_or_default(),
            project: self.project(task.project_id),
            section: task.section_id,
            parent: task.parent_id,
            order,
            tags: task.tags.items,
            due,
            due_phrase: task.due_phrase,
            phrase_language: task.phrase_language,
            phrase_zone: task.phrase_zone.map(|zone| zone.0),
            start_date: task.start_date.map(|day| day.0),
            deadline: task.deadline.map(|day| day.0),
            completed_at: done.then_some(since),
            created_at: task.created_at.map(|at| at.0),
            recurrence: task.recurrence.map(repeat),
            reminders: task.reminders.items.into_iter().map(reminder).collect(),
        }
    }
}

/// The rank of each by its position; without one it comes last, and the same ones stay as they are in the file.
fn ranks<'a>(positions: impl Iterator<Item = Option<&'a str>>) -> Vec<usize> {
    let mut sorted: Vec<(bool, &str, usize)> =
        positions.enumerate().map(|(at, position)| (position.is_none(), position.unwrap_or_default(), at)).collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, _, at)) in sorted.into_iter().enumerate() {
        ranks[at] = rank;
    }
    ranks
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
