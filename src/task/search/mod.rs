//! Full text search: title, tags and description of a user's tasks.
//!
//! **Rule.** A search is some words; a task is found that has a word beginning with each of them, whatever the case and the
//! accents. Best first: words in the title count more than tags, and these more than the description. Where nothing is
//! found, PostgreSQL looks once more for titles that are spelt nearly so. PostgreSQL takes the text apart by itself; on SQLite
//! this room does, in the transaction of the change (`index`).
//!
//! **Invariants.** A user finds what is theirs only. No text of a person is part of a statement, or of an expression that a
//! database parses: words are letters and digits. What is found is marked by this room, alike for both databases.

mod api;
mod index;
mod mark;
pub(super) mod store;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub(super) use api::routes;
pub use index::index;
pub(super) use index::{STATEMENTS, put};

/// The longest text of a search, in characters, and its words.
pub const TEXT_MAX: usize = 200;
const WORDS_MAX: usize = 10;
/// So many characters of a word count, as in the index (behind eight of the user): one letter may stand for many.
const WORD_MAX: usize = 247;

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(Vec<String>);

impl Terms {
    /// The words of a text: `None` where it has none, or more than there may be.
    pub fn of(text: &str) -> Option<Self> {
        if text.chars().count() > TEXT_MAX {
            return None;
        }
        let words: Vec<_> = words(text).map(|(_, word)| fold(word)).filter(|word| !word.is_empty()).collect();
        (1..=WORDS_MAX).contains(&words.len()).then_some(Self(words))
    }

    /// For FTS5, of one user.
    fn fts(&self, user_id: uuid::Uuid) -> String {
        let owner = index::owner(user_id);
        self.0.iter().map(|word| format!("\"{owner}{word}\" *")).collect::<Vec<_>>().join(" AND ")
    }

    /// The words, a space between two.
    fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// The words of a text, each with the byte at which it begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
    words.filter(|word| !word.is_empty()).map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// Lower case and without accents.
fn fold(word: &str) -> String {
    word.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(WORD_MAX).collect()
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
