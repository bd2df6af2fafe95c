//! Where in a file something is, and the bounded list of what was left out or changed.

use std::fmt;

use super::NOTES_MAX;
use super::portable::Note;

/// The longest piece of a file that a note or an error quotes, in characters.
const QUOTE_MAX: usize = 60;

/// Where in a file something is. Cheap to make: it becomes a text only in a note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum At {
    /// Nowhere in particular.
    #[default]
    File,
    /// A line, from 1.
    Line(u64),
    /// An element of the list that is the whole file: `/3`.
    Top(usize),
    /// An element of a list of the object that is the whole file: `/tasks/3`.
    In(&'static str, usize),
    /// An element of a list of an element of the list that is the whole file: `/3/tasks/5`.
    Within(usize, &'static str, usize),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Top(index) => write!(f, "/{index}"),
            Self::In(list, index) => write!(f, "/{list}/{index}"),
            Self::Within(outer, list, index) => write!(f, "/{outer}/{list}/{index}"),
        }
    }
}

/// The notes so far: the first [`NOTES_MAX`], and how many more.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) list: Vec<Note>,
    pub(super) more: usize,
}

impl Notes {
    /// Adds a note on a member of something (empty: on the whole of it). `text` is made only where there is room.
    pub(super) fn add(&mut self, at: At, member: &str, text: impl FnOnce() -> String) {
        if self.list.len() == NOTES_MAX {
            self.more += 1;
            return;
        }
        let at = match at {
            At::Line(_) => at.to_string(),
            _ if member.is_empty() => at.to_string(),
            At::Top(_) | At::Within(..) => format!("{at}/{}", vikunja(member)),
            At::File | At::In(..) => format!("{at}/{member}"),
        };
        self.list.push(Note { at, text: text() });
    }
}

/// What Vikunja calls a member of our own export; other names are already its own.
fn vikunja(member: &str) -> &str {
    match member {
        "name" => "title",
        "color" => "hex_color",
        "tags" => "labels",
        "projectId" => "project_id",
        "sectionId" => "bucket_id",
        "parentId" => "related_tasks",
        "dueDate" => "due_date",
        "recurrence" => "repeat_after",
        other => other,
    }
}

/// A piece of a file, in quotes: on one line, and not long.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    quoted.extend(text.chars().take(QUOTE_MAX).map(|c| if c.is_control() { ' ' } else { c }));
    if text.chars().nth(QUOTE_MAX).is_some() {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}
