//! Where in a task the words of a search are.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Terms, fold, words};
use crate::task::model::Task;

/// Places that are told of one task.
const MARKS_MAX: usize = 50;
/// How much of a description is shown, in characters.
const SNIPPET: usize = 160;

/// A part of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// Its title.
    Title,
    /// A tag: `index` says which.
    Tags,
    /// The part of its description that is shown.
    Snippet,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mark {
    /// Where it is.
    #[schema(inline)]
    pub field: Field,
    /// Which tag, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The first character (Unicode scalar value), from 0.
    pub start: usize,
    /// The one after the last.
    pub end: usize,
}

/// The places of the words in a task, and the part of its description that has the first of them.
pub(super) fn mark(task: &Task, terms: &Terms) -> (Vec<Mark>, Option<String>) {
    let mut marks = Vec::new();
    let mut note = |field, index, text: &str| {
        for (start, end) in places(text, terms) {
            if marks.len() < MARKS_MAX {
                marks.push(Mark { field, index, start, end });
            }
        }
    };
    note(Field::Title, None, &task.title);
    for (index, tag) in task.tags.iter().enumerate() {
        note(Field::Tags, Some(index), tag);
    }
    let snippet = places(&task.description, terms).first().map(|(start, _)| snippet(&task.description, *start));
    if let Some(snippet) = &snippet {
        note(Field::Snippet, None, snippet);
    }
    (marks, snippet)
}

/// In characters.
fn places(text: &str, terms: &Terms) -> Vec<(usize, usize)> {
    let (mut places, mut counted, mut characters) = (Vec::new(), 0, 0);
    for (at, word) in words(text) {
        let folded = fold(word);
        if let Some(term) = terms.0.iter().find(|term| folded.starts_with(term.as_str())) {
            characters += text[counted..at].chars().count();
            counted = at;
            places.push((characters, characters + length(word, term)));
        }
    }
    places
}

/// How many characters of a word make up its beginning `term`.
fn length(word: &str, term: &str) -> usize {
    let mut folded = 0;
    for (index, (at, c)) in word.char_indices().enumerate() {
        if folded >= term.chars().count() && !unicode_normalization::char::is_combining_mark(c) {
            return index;
        }
        folded += fold(&word[at..at + c.len_utf8()]).chars().count();
    }
    word.chars().count()
}

fn snippet(text: &str, at: usize) -> String {
    let skip = at.saturating_sub(SNIPPET / 4);
    let mut part: String = if skip > 0 { "…" } else { "" }.to_owned();
    part.extend(text.chars().skip(skip).take(SNIPPET).map(|c| if c.is_control() { ' ' } else { c }));
    if text.chars().nth(skip + SNIPPET).is_some() {
        part.push('…');
    }
    part
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
