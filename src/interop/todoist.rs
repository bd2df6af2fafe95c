//! The CSV of a Todoist project: a template or a file of a backup, of which each is one project.
//!
//! **Format.** The first line names the columns; they are found by name, so older files with fewer columns do as well:
//! `TYPE, CONTENT, DESCRIPTION, IS_COLLAPSED, PRIORITY, INDENT, AUTHOR, RESPONSIBLE, DATE, DATE_LANG, TIMEZONE, DURATION,
//! DURATION_UNIT, DEADLINE, DEADLINE_LANG`. `TYPE` is `task`, `section` (the tasks below it are in it), `note` (a comment
//! on the task above), `project_note`, `meta` (`view_style=list`) or empty (a blank row).
//!
//! | column | becomes |
//! |---|---|
//! | `CONTENT` | the title; each `@label` in it a tag |
//! | `PRIORITY` | 1 urgent, 2 high, 3 medium, 4 none; empty none (Todoist itself reads an empty one as 1) |
//! | `INDENT` | 1 is a task of its own, 2 a part of the last one with 1, and so on |
//! | `DATE` | `2026-12-01`, with `T17:00`, ` 17:00` or ` at 17:00`: a date, in the zone of `TIMEZONE`; other words are a phrase, of repetition where they begin like one |
//! | `DEADLINE` | a date |
//! | a `note` | is added to the description of its task |
//!
//! What has no place here (who is responsible, the duration, the description of a section, comments on the project,
//! attachments) is left out with a note. Finished tasks are not in such a file.
//!
//! **Keys** are UUIDs (version 5) of the project's name, the parent and the text, so that a task keeps its key when
//! others are added.

use std::collections::HashMap;

use chrono_tz::Tz;
use csv::{ReaderBuilder, StringRecord};
use uuid::Uuid;

use super::error::{Error, Kind, message};
use super::notes::{At, quote};
use super::portable::{Project, Repeat, Section, Task};
use super::{Draft, Format, OTHERS_MAX, Options, TASKS_MAX, date, todoist_text};

/// The namespace of the keys: the UUID (version 5) of `todo-export/todoist` in that of URLs.
const NAMESPACE: Uuid = Uuid::from_u128(0x4a54_45b7_6a9b_5a45_9f39_3582_7d09_dcc1);
/// The longest first line, in bytes, that is looked at to tell the format.
const HEADER_MAX: usize = 4_096;

/// Whether the first line names the columns.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = line.get(..line.len().min(HEADER_MAX)).unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let columns = Columns::of(&line.split([',', ';']).map(|name| name.trim_matches(['"', ' '])).collect());
    columns.is_some()
}

/// The project's name from the name of a file of a backup: `Garden [6Crg8jQ886Wh4P5g].csv` is `Garden`.
pub fn project_of_file(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
        Some((stem, end)) if end.eq_ignore_ascii_case(".csv") => stem,
        _ => name,
    };
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match stem.trim().strip_suffix(']').and_then(|stem| stem.rsplit_once('[')) {
        Some((name, id)) if is_id(id) && !name.trim().is_empty() => name.trim(),
        _ => stem.trim(),
    }
}

pub(super) fn read(text: &str, options: &Options) -> Result<Draft, Error> {
    let header = text.lines().next().unwrap_or_default();
    // A spreadsheet of a country with decimal commas saves semicolons.
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    let mut lines =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let csv = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Error::new(At::Line(line).to_string(), Kind::Csv(message(&error.to_string())))
    };
    lines.read_record(&mut record).map_err(csv)?;
    let columns =
        Columns::of(&record).ok_or_else(|| Error::new(At::Line(1).to_string(), Kind::NotThis(Format::Todoist)))?;

    let mut reader = Reader::new(options);
    while lines.read_record(&mut record).map_err(csv)? {
        reader.row(&Row { record: &record, columns: &columns, at: line_of(&record, text) })?;
    }
    Ok(reader.draft)
}

/// The line on which a record begins: the position is before the empty lines above it.
fn line_of(record: &StringRecord, text: &str) -> At {
    let Some(position) = record.position() else { return At::File };
    let before = usize::try_from(position.byte()).ok().and_then(|byte| text.as_bytes().get(byte..)).unwrap_or_default();
    let empty = before.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
    At::Line(position.line() + u64::try_from(empty.count()).unwrap_or_default())
}

/// The columns that are read.
const COLUMNS: [&str; 12] = [
    "TYPE",
    "CONTENT",
    "DESCRIPTION",
    "PRIORITY",
    "INDENT",
    "RESPONSIBLE",
    "DATE",
    "DATE_LANG",
    "TIMEZONE",
    "DURATION",
    "DURATION_UNIT",
    "DEADLINE",
];

/// Where each column is.
#[derive(Debug)]
struct Columns(HashMap<&'static str, usize>);

impl Columns {
    fn of(record: &StringRecord) -> Option<Self> {
        let mut columns = HashMap::new();
        for (at, name) in record.iter().enumerate() {
            if let Some(known) = COLUMNS.iter().find(|known| known.eq_ignore_ascii_case(name.trim())) {
                columns.entry(*known).or_insert(at);
            }
        }
        (columns.contains_key("TYPE") && columns.contains_key("CONTENT")).then_some(Self(columns))
    }
}

struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a Columns,
    at: At,
}

impl<'a> Row<'a> {
    /// A cell, trimmed; empty where the column is missing.
    fn cell(&self, column: &str) -> &'a str {
        self.columns.0.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default().trim()
    }
}

struct Reader<'a> {
    options: &'a Options,
    draft: Draft,
    /// The name that keys are made of.
    name: String,
    project: Option<String>,
    section: Option<String>,
    /// The tasks that the next one can be a part of: of each depth the last, as an index.
    branch: Vec<usize>,
    /// How often a key was made already.
    seen: HashMap<Uuid, u32>,
}

impl<'a> Reader<'a> {
    fn new(options: &'a Options) -> Self {
        let name = options.project.as_deref().unwrap_or_default().trim();
        let is_inbox = name.is_empty() || name.eq_ignore_ascii_case("inbox");
        let mut reader = Self {
            options,
            draft: Draft::default(),
            name: name.to_owned(),
            project: None,
            section: None,
            branch: Vec::new(),
            seen: HashMap::new(),
        };
        if !is_inbox {
            let key = reader.key("project", "", name);
            reader.project = Some(key.clone());
            let project = Project { key, name: name.to_owned(), ..Project::default() };
            reader.draft.projects.push((At::File, project));
        }
        reader
    }

    /// The key of the next thing of a kind that is called `text` below `parent`.
    fn key(&mut self, kind: &str, parent: &str, text: &str) -> String {
        let base = Uuid::new_v5(&NAMESPACE, [&self.name, kind, parent, text].join("\0").as_bytes());
        let times = self.seen.entry(base).or_default();
        let key = if *times == 0 { base } else { Uuid::new_v5(&base, &times.to_be_bytes()) };
        *times += 1;
        key.to_string()
    }

    fn row(&mut self, row: &Row) -> Result<(), Error> {
        match row.cell("TYPE").to_ascii_lowercase().as_str() {
            "task" if self.draft.tasks.len() == TASKS_MAX => {
                return Err(Error::new(row.at.to_string(), Kind::TooMany("tasks", TASKS_MAX)));
            }
            "section" if self.draft.sections.len() == OTHERS_MAX => {
                return Err(Error::new(row.at.to_string(), Kind::TooMany("sections", OTHERS_MAX)));
            }
            "task" => self.task(row),
            "section" => self.section(row),
            "note" => self.note(row),
            "project_note" => {
                let text = row.cell("CONTENT");
                self.draft.notes.add(row.at, "", || format!("a comment on the project was left out: {}", quote(text)));
            }
            "" if row.cell("CONTENT").is_empty() => {}
            "meta" => {}
            other => self.draft.notes.add(row.at, "", || {
                format!("a row of the type {} was left out; task, section and note are known", quote(other))
            }),
        }
        Ok(())
    }

    fn section(&mut self, row: &Row) {
        let name = row.cell("CONTENT").to_owned();
        let key = self.key("section", "", &name);
        let order = self.draft.sections.len();
        self.section = Some(key.clone());
        self.branch.clear();
        let section = Section { key, project: self.project.clone(), name, order, ..Section::default() };
        self.draft.sections.push((row.at, section));
        if !row.cell("DESCRIPTION").is_empty() {
            let text = row.cell("DESCRIPTION");
            self.draft.notes.add(row.at, "", || format!("the section's description was left out: {}", quote(text)));
        }
    }

    fn note(&mut self, row: &Row) {
        let (text, attached) = todoist_text::without_attachments(row.cell("CONTENT"));
        let notes = &mut self.draft.notes;
        if attached > 0 {
            notes.add(row.at, "", || {
                "an attachment was left out; its name and address are in the description".to_owned()
            });
        }
        match self.draft.tasks.last_mut() {
            Some((_, task)) if !self.branch.is_empty() => {
                if !task.description.is_empty() {
                    task.description.push_str("\n\n");
                }
                task.description.push_str(&text);
            }
            _ => notes.add(row.at, "", || format!("a comment that follows no task was left out: {}", quote(&text))),
        }
    }

    fn task(&mut self, row: &Row) {
        let parent = self.parent(row);
        let content = row.cell("CONTENT");
        let above = parent.as_deref().or(self.section.as_deref()).unwrap_or_default().to_owned();
        let (title, tags) = todoist_text::labels(content);
        let mut task = Task {
            key: self.key("task", &above, content),
            title,
            description: row.cell("DESCRIPTION").to_owned(),
            priority: self.priority(row),
            project: self.project.clone(),
            section: self.section.clone(),
            parent,
            order: self.draft.tasks.len(),
            tags,
            ..Task::default()
        };
        self.dates(row, &mut task);
        self.left_out(row);
        self.branch.push(self.draft.tasks.len());
        self.draft.tasks.push((row.at, task));
    }

    /// The task that `INDENT` makes it a part of.
    fn parent(&mut self, row: &Row) -> Option<String> {
        let notes = &mut self.draft.notes;
        let depth = match row.cell("INDENT") {
            "" => 1,
            text => text.parse::<usize>().ok().filter(|depth| *depth > 0).unwrap_or_else(|| {
                notes.add(row.at, "", || format!("INDENT is {}, not 1, 2 and so on; it is read as 1", quote(text)));
                1
            }),
        };
        if depth - 1 > self.branch.len() {
            notes.add(row.at, "", || format!("INDENT is {depth} without a task above it; it was brought up"));
        }
        self.branch.truncate(depth - 1);
        self.branch.last().and_then(|parent| self.draft.tasks.get(*parent)).map(|(_, task)| task.key.clone())
    }

    fn priority(&mut self, row: &Row) -> u8 {
        match row.cell("PRIORITY") {
            "1" => 4,
            "2" => 3,
            "3" => 2,
            "4" | "" => 0,
            other => {
                self.draft.notes.add(row.at, "", || format!("PRIORITY is {}, not 1 to 4; it has none", quote(other)));
                0
            }
        }
    }

    fn dates(&mut self, row: &Row, task: &mut Task) {
        let notes = &mut self.draft.notes;
        let named = row.cell("TIMEZONE");
        let zone = named.parse::<Tz>().ok();
        let text = row.cell("DATE");
        if text.is_empty() {
        } else if let Some(due) = date::due(text, zone.unwrap_or(self.options.zone)) {
            if due.time.is_some() && zone.is_none() && !named.is_empty() {
                notes.add(row.at, "", || format!("TIMEZONE is {}, which is unknown; yours was taken", quote(named)));
            }
            task.due = Some(due);
        } else {
            let language = row.cell("DATE_LANG");
            task.phrase_language = (!language.is_empty()).then(|| language.to_owned());
            task.phrase_zone = zone;
            match todoist_text::repeats(text) {
                Some(from_completion) => {
                    task.recurrence = Some(Repeat { rule: None, phrase: Some(text.to_owned()), from_completion });
                }
                None => task.due_phrase = Some(text.to_owned()),
            }
        }
        let text = row.cell("DEADLINE");
        task.deadline = date::day(text);
        if task.deadline.is_none() && !text.is_empty() {
            notes.add(row.at, "", || format!("DEADLINE is {}, not a date such as 2026-12-01; left out", quote(text)));
        }
    }

    fn left_out(&mut self, row: &Row) {
        let notes = &mut self.draft.notes;
        let responsible = row.cell("RESPONSIBLE");
        if !responsible.is_empty() {
            notes.add(row.at, "", || format!("who is responsible was left out: {}", quote(responsible)));
        }
        let (duration, unit) = (row.cell("DURATION"), row.cell("DURATION_UNIT"));
        if !matches!(duration, "" | "None" | "0") {
            notes.add(row.at, "", || format!("the duration was left out: {}", quote(&format!("{duration} {unit}"))));
        }
    }
}

#[cfg(test)]
#[path = "todoist_tests.rs"]
mod tests;
