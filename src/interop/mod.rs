//! What other programs write and read: exports of Todoist, of Vikunja and our own in, our own, a table and a calendar
//! feed out.
//!
//! **Purpose.** [`read`] turns the bytes of a file into a [`Portable`], the model that all formats meet in, with a
//! [`Note`] for whatever was left out or changed. [`own::write`] writes it as our own export, [`table::csv_of`] as a
//! table for spreadsheets, and [`ical::feed`] makes an iCalendar feed.
//!
//! **Rule.** Pure: bytes in, values out. It imports nothing of the project, knows no clock and no chance; the present
//! and the person's zone come in [`Options`]. `read` → {`todoist`, `vikunja`, `own`} → `settle`, which holds every rule
//! that all formats share; `json`, `date` and `html` help the readers.
//!
//! **Invariants.**
//! - No input makes it panic, and no input costs more than time and memory in proportion to its size: the bounds below
//!   hold while a file is read, before lists are built.
//! - Keys are unique within their kind, the same for the same file, and each reference names a key that is there.
//! - Of parents there is no cycle, no depth beyond [`DEPTH_MAX`], and a task stands after its parent in the list and in
//!   its parent's project and section.
//! - Titles, names and tags have no control characters and are within their bounds.
//! - Nothing is dropped silently that a person wrote, save what only arranges a screen (views, collapsed rows, icons).

mod date;
mod error;
mod html;
pub mod ical;
mod json;
mod notes;
pub mod own;
pub mod portable;
mod settle;
pub mod table;
mod todoist;
mod todoist_text;
mod tree;
mod vikunja;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

pub use error::Error;
pub use portable::{Due, Note, Portable, Project, Reminder, Repeat, SavedFilter, Section, Tag, Task};
pub use todoist::project_of_file;

/// The largest file, in bytes: 32 MiB.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most tasks of a file.
pub const TASKS_MAX: usize = 100_000;
/// The most projects, the most sections, the most saved filters and the most tags of a file.
pub const OTHERS_MAX: usize = 10_000;
/// The longest title, in characters. A longer one is cut, and the whole is put before the description.
pub const TITLE_MAX: usize = 500;
/// The longest description, in characters. A longer one is cut.
pub const DESCRIPTION_MAX: usize = 10_000;
/// The longest name of a project, section, filter or tag, in characters. A longer one is cut.
pub const NAME_MAX: usize = 100;
/// The most tags of a task. Those after are left out.
pub const TAGS_MAX: usize = 50;
/// The most reminders of a task. Those after are left out.
pub const REMINDERS_MAX: usize = 20;
/// The deepest nesting of tasks: 1 is a task without a parent. What is deeper becomes a sibling of its parent.
pub const DEPTH_MAX: usize = 8;
/// The longest rule or phrase of a repetition or of a due date, in characters. A longer one is left out.
pub const PHRASE_MAX: usize = 500;
/// The most notes; of the others there is a count, [`Portable::more_notes`].
pub const NOTES_MAX: usize = 1_000;

/// A format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The CSV of a Todoist project: a template or a file of a backup.
    Todoist,
    /// The `data.json` of Vikunja's user data export, or the `filters.json` beside it.
    Vikunja,
    /// Our own export, or the whole account's.
    Own,
}

impl Format {
    /// The format that the beginning of a file looks like. `None`: like none of them.
    pub fn guess(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(date::BOM.as_bytes()).unwrap_or(bytes).trim_ascii_start();
        match bytes.first()? {
            b'[' => Some(Self::Vikunja),
            b'{' => Some(Self::Own),
            _ => todoist::looks_like(bytes).then_some(Self::Todoist),
        }
    }
}

/// What a file does not tell.
#[derive(Clone, Debug)]
pub struct Options {
    /// The project that a Todoist file is; the inbox where it is `None`, empty or `Inbox`.
    pub project: Option<String>,
    /// The zone of the person, for times without one and for instants that only mean a day.
    pub zone: Tz,
    /// The present: when a task was done that is done and does not say when.
    pub now: DateTime<Utc>,
}

/// Reads a file. UTF-8, with or without a byte order mark.
pub fn read(format: Format, bytes: &[u8], options: &Options) -> Result<Portable, Error> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::too_large(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Error::not_utf8(bytes, error.valid_up_to()))?;
    let text = text.strip_prefix(date::BOM).unwrap_or(text);
    let draft = match format {
        Format::Todoist => todoist::read(text, options)?,
        Format::Vikunja => vikunja::read(text, options)?,
        Format::Own => own::read(text, options)?,
    };
    settle::settle(draft)
}

/// What a reader makes: as the file has it, the shared rules not yet applied, with where each thing is in the file.
#[derive(Debug, Default)]
struct Draft {
    projects: Vec<(notes::At, Project)>,
    sections: Vec<(notes::At, Section)>,
    filters: Vec<(notes::At, SavedFilter)>,
    tags: Vec<(notes::At, Tag)>,
    tasks: Vec<(notes::At, Task)>,
    notes: notes::Notes,
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
