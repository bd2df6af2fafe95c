//! Vikunja's user data export: the `data.json` in the ZIP, and the `filters.json` beside it.
//!
//! **Format.** `data.json` is a list of projects, each with its `tasks`, `views`, `buckets`, `task_buckets` and
//! `positions`; `filters.json` is a list of saved filters. Both are read, also from older versions (since 0.20), whose
//! buckets belong to the project and whose tasks say in which they are.
//!
//! | Vikunja | becomes |
//! |---|---|
//! | a project | a project (those above it are left out: names that are there twice get theirs before them); `Inbox` is the inbox |
//! | the columns of the first board | sections, where the board was used: see `board` |
//! | `priority` 0 to 5 | 0 none, 1 low, 2 medium, 3 high, 4 and 5 (urgent, do now) urgent |
//! | `due_date` | an instant in the person's zone; a day where it is its first (00:00:00) or last (23:59:59) second |
//! | `start_date` | its day in the person's zone |
//! | `repeat_after` seconds | `FREQ=WEEKLY` or `DAILY` with `INTERVAL`, where it is whole weeks or days: a day is 86,400 seconds there, so across a change of the clock the time of day stays where Vikunja would shift it |
//! | `repeat_mode` 1 | `FREQ=MONTHLY` |
//! | `repeat_mode` 2 | the same, counted from completion |
//! | `related_tasks`: `parenttask`, `subtask` | parents |
//! | `description`, `comments` | the description, HTML made text |
//! | a reminder relative to the due date | minutes before; any other an instant |
//!
//! A filter's expression is kept as it is: its language is close to ours, but its fields have other names.

mod board;
mod shape;

use std::collections::{HashMap, HashSet};

use super::date;
use super::error::{Error, Kind};
use super::json::{self, Capped};
use super::notes::{At, Notes, quote};
use super::portable::{Due, Project, Reminder, Repeat, SavedFilter, Section, Tag, Task};
use super::{Draft, Format, NAME_MAX, OTHERS_MAX, Options, TASKS_MAX, html};
use board::Board;
use chrono::{DateTime, Datelike as _, NaiveTime, Utc};
use shape::Top;

const WEEK: i64 = 7 * DAY;
const DAY: i64 = 86_400;
/// The largest interval of a rule.
const INTERVAL_MAX: i64 = 1_000;

pub(super) fn read(text: &str, options: &Options) -> Result<Draft, Error> {
    if !text.trim_start().starts_with('[') {
        return Err(Error::new("", Kind::NotThis(Format::Vikunja)));
    }
    let top = json::parse::<Capped<Top, OTHERS_MAX>>(text, "")?.all("projects", "")?;
    let mut reader = Reader { options, draft: Draft::default(), parents: HashMap::new(), colors: HashSet::new() };
    let names = names(&top);
    // As Vikunja shows them; where in the file they are is only for notes.
    let mut order: Vec<usize> = (0..top.len()).collect();
    order.sort_by(|a, b| top[*a].position.unwrap_or_default().total_cmp(&top[*b].position.unwrap_or_default()));
    for index in order {
        reader.top(index, &top[index], &names)?;
    }
    reader.link();
    Ok(reader.draft)
}

/// The name of each project: that of its parent before it where its own is there twice.
fn names(top: &[Top]) -> Vec<String> {
    let mut times: HashMap<String, usize> = HashMap::new();
    for project in top {
        *times.entry(project.title.trim().to_lowercase()).or_default() += 1;
    }
    let titles: HashMap<i64, &str> = top.iter().map(|project| (project.id, project.title.trim())).collect();
    let name = |project: &Top| {
        let title = project.title.trim();
        let parent = project.parent_project_id.and_then(|id| titles.get(&id));
        match parent {
            Some(parent) if times.get(&title.to_lowercase()).is_some_and(|times| *times > 1) => {
                format!("{parent} / {title}")
            }
            _ => title.to_owned(),
        }
    };
    top.iter().map(name).collect()
}

struct Reader<'a> {
    options: &'a Options,
    draft: Draft,
    /// What each task is part of, by what it says itself and by what others say.
    parents: HashMap<i64, Above>,
    /// The labels, of which the colour is known.
    colors: HashSet<String>,
}

impl Reader<'_> {
    fn top(&mut self, index: usize, top: &Top, names: &[String]) -> Result<(), Error> {
        let at = At::Top(index);
        if let Some(query) = &top.filters {
            self.filter(at, top, query.filter.as_deref().unwrap_or_default().trim());
            return Ok(());
        }
        // Favourites and saved filters are shown as projects whose ids are negative.
        if top.id <= 0 {
            return Ok(());
        }
        let name = names.get(index).map_or("", String::as_str);
        let is_inbox = name.eq_ignore_ascii_case("inbox") && top.parent_project_id.unwrap_or_default() == 0;
        let key = (!is_inbox).then(|| top.id.to_string());
        if let Some(key) = key.clone() {
            self.project(at, top, key, name);
        }
        let pointer = at.to_string();
        let mut tasks = board::list::<shape::Task, TASKS_MAX>(top.tasks, &pointer, "tasks")?;
        if self.draft.tasks.len() + tasks.len() > TASKS_MAX {
            return Err(Error::new(format!("{pointer}/tasks"), Kind::TooMany("tasks", TASKS_MAX)));
        }
        let board = Board::of(top, &tasks, &pointer)?;
        if self.draft.sections.len() + board.sections.len() > OTHERS_MAX {
            return Err(Error::new(format!("{pointer}/buckets"), Kind::TooMany("sections", OTHERS_MAX)));
        }
        if board.more {
            self.draft.notes.add(at, "views", || "it has several boards; only the first became sections".to_owned());
        }
        for (within, id, title) in &board.sections {
            let order = self.draft.sections.len();
            let (key, project, name) = (id.to_string(), key.clone(), title.clone());
            let section = Section { key, project, name, order, ..Section::default() };
            self.draft.sections.push((At::Within(index, "buckets", *within), section));
        }
        let place = |task: &shape::Task| board.place_of.get(&task.id).copied().or(task.position).unwrap_or_default();
        let mut order: Vec<(f64, usize)> = tasks.iter().map(place).zip(0..).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, within) in order {
            let Some(task) = tasks.get_mut(within) else { continue };
            self.task(At::Within(index, "tasks", within), task, key.as_ref(), &board);
        }
        Ok(())
    }

    fn filter(&mut self, at: At, top: &Top, query: &str) {
        if query.is_empty() {
            let text = || format!("the filter {} has no expression; it was left out", quote(&top.title));
            self.draft.notes.add(at, "filters", text);
            return;
        }
        let order = self.draft.filters.len();
        let (key, name, query) = (top.id.to_string(), top.title.clone(), query.to_owned());
        self.draft.filters.push((at, SavedFilter { key, name, query, color: top.hex_color.clone(), order }));
    }

    fn project(&mut self, at: At, top: &Top, key: String, name: &str) {
        let notes = &mut self.draft.notes;
        if top.parent_project_id.unwrap_or_default() > 0 {
            notes.add(at, "parent_project_id", || "projects do not nest here; it stands beside its parent".to_owned());
        }
        if top.child_projects.0 > 0 {
            notes.add(at, "child_projects", || format!("{} projects within it were left out", top.child_projects.0));
        }
        let description = html::text(top.description.as_deref().unwrap_or_default());
        if !description.trim().is_empty() {
            notes.add(at, "description", || format!("the project's description was left out: {}", quote(&description)));
        }
        let (color, archived) = (top.hex_color.clone(), top.is_archived.unwrap_or_default());
        let order = self.draft.projects.len();
        self.draft.projects.push((at, Project { key, name: name.to_owned(), color, archived, order }));
    }

    fn task(&mut self, at: At, raw: &mut shape::Task, project: Option<&String>, board: &Board) {
        for parent in &raw.related_tasks.parents {
            Above::add(&mut self.parents, raw.id, *parent, true);
        }
        for part in &raw.related_tasks.subtasks {
            Above::add(&mut self.parents, *part, raw.id, false);
        }
        for label in &raw.labels.items {
            // A longer one is cut, which is noted where the task has it.
            let fits = self.draft.tags.len() < OTHERS_MAX && label.title.chars().nth(NAME_MAX).is_none();
            if fits && self.colors.insert(label.title.to_lowercase()) {
                self.draft.tags.push((at, Tag { name: label.title.clone(), color: label.hex_color.clone() }));
            }
        }
        let notes = &mut self.draft.notes;
        left_out(raw, at, notes);
        let due = due(raw.due_date.as_deref(), at, notes, self.options);
        let updated = moment(raw.updated.as_deref(), at, "updated", notes);
        let done_at = moment(raw.done_at.as_deref(), at, "done_at", notes);
        let task = Task {
            key: raw.id.to_string(),
            title: std::mem::take(&mut raw.title),
            description: description(raw),
            priority: u8::try_from(raw.priority.unwrap_or_default().clamp(0, 4)).unwrap_or_default(),
            project: project.cloned(),
            section: board.section_of.get(&raw.id).map(i64::to_string),
            order: self.draft.tasks.len(),
            tags: std::mem::take(&mut raw.labels.items).into_iter().map(|label| label.title).collect(),
            due,
            start_date: moment(raw.start_date.as_deref(), at, "start_date", notes)
                .map(|start| start.with_timezone(&self.options.zone).date_naive()),
            completed_at: raw.done.unwrap_or_default().then(|| done_at.or(updated).unwrap_or(self.options.now)),
            created_at: moment(raw.created.as_deref(), at, "created", notes),
            recurrence: repeat(raw, due, at, notes),
            reminders: reminders(raw, due, at, notes),
            ..Task::default()
        };
        self.draft.tasks.push((at, task));
    }

    /// Gives each task the first of those that it is part of.
    fn link(&mut self) {
        for (at, task) in &mut self.draft.tasks {
            let Some(above) = task.key.parse().ok().and_then(|id: i64| self.parents.get(&id)) else { continue };
            task.parent = Some(above.first.to_string());
            if above.several {
                let text = || "it is part of several tasks; it is part of the first now".to_owned();
                self.draft.notes.add(*at, "related_tasks", text);
            }
        }
    }
}

/// What a task is part of.
struct Above {
    /// The first that the task itself names, or else the first that names the task.
    first: i64,
    /// The task itself named it.
    own: bool,
    /// Others were named.
    several: bool,
}

impl Above {
    fn add(parents: &mut HashMap<i64, Self>, task: i64, parent: i64, own: bool) {
        let above = parents.entry(task).or_insert(Self { first: parent, own, several: false });
        above.several |= above.first != parent;
        if own && !above.own {
            (above.first, above.own) = (parent, true);
        }
    }
}

fn left_out(raw: &shape::Task, at: At, notes: &mut Notes) {
    let mut count = |member: &str, count: usize, what: &str| {
        if count > 0 {
            notes.add(at, member, || format!("{what} were left out: {count}"));
        }
    };
    count("assignees", raw.assignees.0, "the people that it is assigned to");
    count("attachments", raw.attachments.0, "attachments");
    count("related_tasks", raw.related_tasks.others, "relations other than of parts");
    count("labels", raw.labels.more, "labels beyond the bound");
    count("comments", raw.comments.more, "comments beyond the bound");
    let percent = raw.percent_done.unwrap_or_default();
    if percent > 0.0 && percent < 1.0 && !raw.done.unwrap_or_default() {
        notes.add(at, "percent_done", || format!("how far it is done was left out: {:.0} %", percent * 100.0));
    }
    if moment(raw.end_date.as_deref(), at, "end_date", notes).is_some() {
        notes.add(at, "end_date", || format!("the end was left out: {}", quote(raw.end_date.as_deref().unwrap_or(""))));
    }
    if raw.hex_color.as_deref().is_some_and(|color| !color.is_empty()) {
        notes.add(at, "hex_color", || "its colour was left out".to_owned());
    }
    if raw.is_favorite == Some(true) {
        notes.add(at, "is_favorite", || "that it is a favourite was left out".to_owned());
    }
}

/// An instant; what is not set is none.
fn moment(text: Option<&str>, at: At, member: &str, notes: &mut Notes) -> Option<DateTime<Utc>> {
    let text = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01"))?;
    let instant = date::instant(text);
    if instant.is_none() {
        notes.add(at, member, || format!("{} is no instant; it was left out", quote(text)));
    }
    instant
}

fn due(text: Option<&str>, at: At, notes: &mut Notes, options: &Options) -> Option<Due> {
    let due = date::at_instant(moment(text, at, "due_date", notes)?, options.zone)?;
    let time = due.time.map(|(at, zone)| at.with_timezone(&zone).time());
    let is_day = time == Some(NaiveTime::MIN) || time == NaiveTime::from_hms_opt(23, 59, 59);
    Some(if is_day { Due { time: None, ..due } } else { due })
}

/// The description and, below it, the comments.
fn description(raw: &shape::Task) -> String {
    let mut text = html::text(raw.description.as_deref().unwrap_or_default()).trim().to_owned();
    for comment in &raw.comments.items {
        let comment = html::text(&comment.comment);
        if !text.is_empty() && !comment.trim().is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(comment.trim());
    }
    text
}

fn repeat(raw: &shape::Task, due: Option<Due>, at: At, notes: &mut Notes) -> Option<Repeat> {
    let (mode, seconds) = (raw.repeat_mode.unwrap_or_default(), raw.repeat_after.unwrap_or_default());
    let rule = match mode {
        1 => {
            if due.is_some_and(|due| due.date.day() > 28) {
                let text = || "months that have no such day are left out; Vikunja goes on to the next month".to_owned();
                notes.add(at, "repeat_mode", text);
            }
            "FREQ=MONTHLY".to_owned()
        }
        0 | 2 if seconds <= 0 => return None,
        0 | 2 => match (seconds % WEEK, seconds % DAY) {
            (0, _) if seconds / WEEK <= INTERVAL_MAX => every("WEEKLY", seconds / WEEK),
            (_, 0) if seconds / DAY <= INTERVAL_MAX => every("DAILY", seconds / DAY),
            _ => {
                let text =
                    || format!("it repeats after {seconds} seconds; only up to 1,000 whole days or weeks can be");
                notes.add(at, "repeat_after", text);
                return None;
            }
        },
        _ => {
            notes.add(at, "repeat_mode", || format!("repeat_mode {mode} is unknown; it does not repeat"));
            return None;
        }
    };
    Some(Repeat { rule: Some(rule), phrase: None, from_completion: mode == 2 })
}

fn every(frequency: &str, interval: i64) -> String {
    if interval == 1 { format!("FREQ={frequency}") } else { format!("FREQ={frequency};INTERVAL={interval}") }
}

fn reminders(raw: &shape::Task, due: Option<Due>, at: At, notes: &mut Notes) -> Vec<Reminder> {
    let mut reminders = Vec::new();
    for reminder in &raw.reminders.items {
        let before = reminder.relative_period.and_then(i64::checked_neg);
        let minutes = before
            .filter(|seconds| seconds % 60 == 0 && due.is_some())
            .and_then(|seconds| u32::try_from(seconds / 60).ok());
        if let (Some("due_date"), Some(minutes)) = (reminder.relative_to.as_deref(), minutes) {
            reminders.push(Reminder { at: None, minutes_before: Some(minutes) });
        } else {
            let instant = moment(reminder.at.as_deref(), at, "reminders", notes);
            reminders.extend(instant.map(|at| Reminder { at: Some(at), minutes_before: None }));
        }
    }
    for text in &raw.reminder_dates.items {
        let instant = moment(Some(text), at, "reminder_dates", notes);
        reminders.extend(instant.map(|at| Reminder { at: Some(at), minutes_before: None }));
    }
    reminders
}

#[cfg(test)]
#[path = "vikunja_tests.rs"]
mod tests;
