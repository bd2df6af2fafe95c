//! What is wrong with a file, where, and what is allowed there.

use super::{BYTES_MAX, Format};

/// The longest message of a parser that is passed on, in characters: it may quote the file.
const MESSAGE_MAX: usize = 200;

/// A file that cannot be read. `Display` is one sentence: what is wrong and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    kind: Kind,
    at: String,
}

impl Error {
    pub(super) fn new(at: impl Into<String>, kind: Kind) -> Self {
        Self { kind, at: at.into() }
    }

    pub(super) fn too_large(bytes: usize) -> Self {
        Self::new("", Kind::TooLarge(bytes))
    }

    pub(super) fn not_utf8(bytes: &[u8], valid: usize) -> Self {
        let before = bytes.get(..valid).unwrap_or_default();
        // A loop over bytes that the compiler vectorises; a crate for it is not worth it.
        #[expect(clippy::naive_bytecount, reason = "counted once, for an error")]
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self::new(format!("line {line}"), Kind::NotUtf8)
    }

    /// Where it is: `line 12`, a JSON pointer such as `/tasks/3/dueDate`, or empty for the whole file.
    pub fn at(&self) -> &str {
        &self.at
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Kind {
    #[error("the file is too large ({0} bytes); {BYTES_MAX} bytes (32 MiB) are allowed")]
    TooLarge(usize),
    #[error("the file is not UTF-8 here; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")]
    NotUtf8,
    #[error("too many {0}; {1} are allowed in a file")]
    TooMany(&'static str, usize),
    #[error("this is not {}; {}", name(*.0), allowed(*.0))]
    NotThis(Format),
    #[error("this is no table of values separated by commas: {0}")]
    Csv(String),
    #[error("this is no JSON: {0}")]
    Syntax(String),
    #[error("this is not what is expected here: {0}")]
    Data(String),
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Todoist => "a project of Todoist",
        Format::Vikunja => "an export of Vikunja",
        Format::Own => "an export of this program",
    }
}

fn allowed(format: Format) -> &'static str {
    match format {
        Format::Todoist => {
            "its first line names the columns, TYPE and CONTENT among them (take the CSV of a backup or a template)"
        }
        Format::Vikunja => "it is a list of projects (take data.json out of the export) or of filters (filters.json)",
        Format::Own => {
            "it is an object with \"format\": \"todo-export\", or an account's export with \"account\" and \"tasks\""
        }
    }
}

/// A message of a parser, not too long.
pub(super) fn message(text: &str) -> String {
    let mut message: String = text.chars().take(MESSAGE_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MESSAGE_MAX).is_some() {
        message.push('…');
    }
    message
}
