//! JSON with bounds, and errors that say where.
//!
//! **Rule.** Files are read into types that keep what is needed and skip the rest, never into a tree of values: a
//! hostile file of 32 MiB would become a tree of gigabytes.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_path_to_error::Segment;

use super::error::{Error, Kind, message};

/// The longest name of a member that a pointer has, in characters.
const MEMBER_MAX: usize = 60;

/// A list of which the first `N` are kept; the others are counted. `null` is the empty list.
#[derive(Debug)]
pub(super) struct Capped<T, const N: usize> {
    pub(super) items: Vec<T>,
    pub(super) more: usize,
}

impl<T, const N: usize> Default for Capped<T, N> {
    fn default() -> Self {
        Self { items: Vec::new(), more: 0 }
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Capped<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for List<T, N> {
            type Value = Capped<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Capped::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Capped::default();
                while list.items.len() < N {
                    match seq.next_element()? {
                        Some(item) => list.items.push(item),
                        None => return Ok(list),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    list.more += 1;
                }
                Ok(list)
            }
        }

        deserializer.deserialize_any(List(PhantomData))
    }
}

impl<T, const N: usize> Capped<T, N> {
    /// All of them, or that there are too many.
    pub(super) fn all(self, what: &'static str, at: &str) -> Result<Vec<T>, Error> {
        if self.more > 0 { Err(Error::new(at, Kind::TooMany(what, N))) } else { Ok(self.items) }
    }
}

/// How many elements a list has.
#[derive(Debug, Default)]
pub(super) struct Count(pub(super) usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Capped::<IgnoredAny, 0>::deserialize(deserializer)?;
        Ok(Self(list.more))
    }
}

/// Reads a text that stands at the pointer `prefix` of a file.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str, prefix: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        if !error.is_data() {
            // The line is that of the piece, so it is told only where the piece is the file.
            let at = if prefix.is_empty() { format!("line {}", error.line()) } else { prefix.to_owned() };
            return Error::new(at, Kind::Syntax(message(&error.to_string())));
        }
        // Following the path costs time, so it is done only where there is an error to tell.
        let mut again = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(&mut again) {
            Ok(_) => Error::new(prefix, Kind::Data(message(&error.to_string()))),
            Err(error) => {
                let mut at = prefix.to_owned();
                error.path().iter().for_each(|segment| push(&mut at, segment));
                Error::new(at, Kind::Data(message(without_place(&error.inner().to_string()))))
            }
        }
    })
}

/// The sentence without ` at line 1 column 2`: the pointer says where.
fn without_place(sentence: &str) -> &str {
    sentence.rfind(" at line ").map_or(sentence, |at| sentence.get(..at).unwrap_or(sentence))
}

fn push(pointer: &mut String, segment: &Segment) {
    match segment {
        Segment::Seq { index } => pointer.extend(["/", &index.to_string()]),
        Segment::Map { key } | Segment::Enum { variant: key } => {
            pointer.push('/');
            for c in key.chars().take(MEMBER_MAX) {
                match c {
                    '~' => pointer.push_str("~0"),
                    '/' => pointer.push_str("~1"),
                    c => pointer.push(c),
                }
            }
        }
        Segment::Unknown => {}
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
