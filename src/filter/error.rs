//! What is wrong with a filter, where, and what is allowed there.

use super::ast::{Field, Op};
use super::{MAX_CHARACTERS, MAX_COMPARISONS, MAX_DEPTH, MAX_LIKE, MAX_STEPS, MAX_VALUES};
use crate::kernel::caret;

/// A filter that was not understood. `Display` is one sentence: what is wrong and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    kind: Kind,
    byte: usize,
    character: usize,
    rendered: String,
}

impl Error {
    pub(super) fn new(text: &str, fault: Fault) -> Self {
        let character = text.char_indices().take_while(|(at, _)| *at < fault.at).count();
        let rendered = caret(text, character, &fault.kind.to_string());
        Self { kind: fault.kind, byte: fault.at, character, rendered }
    }

    /// Where it is, in bytes of the text from 0; the length of the text where something is missing at its end.
    pub fn byte(&self) -> usize {
        self.byte
    }

    /// Where it is, in characters (Unicode scalar values) from 0.
    pub fn character(&self) -> usize {
        self.character
    }

    /// Two lines for a fixed-width font: the filter (the part at fault of a long one, line breaks as spaces), and below
    /// the place a `^` and the sentence.
    pub fn rendered(&self) -> &str {
        &self.rendered
    }
}

/// A [`Kind`] of error at a byte of the text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

impl Kind {
    pub(super) fn at(self, at: usize) -> Fault {
        Fault { at, kind: self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Kind {
    #[error("the filter is empty; write a comparison such as done = false or due < now+7d")]
    Empty,
    #[error("the filter is too long; {MAX_CHARACTERS} characters are allowed")]
    TooLong,
    #[error("the filter is too long when it is written out ({0} characters); {MAX_CHARACTERS} are allowed")]
    TooLongInFull(usize),
    #[error("too many comparisons; {MAX_COMPARISONS} are allowed in a filter, and in (…) takes many values in one")]
    TooManyComparisons,
    #[error("nested too deeply; {MAX_DEPTH} levels of parentheses and ! are allowed")]
    TooDeep,
    #[error("too many values; {MAX_VALUES} are allowed in a list")]
    TooManyValues,

    #[error("this text is too long; like takes at most {MAX_LIKE} characters")]
    LongLike,

    #[error("this character cannot stand here; put a text that has it into straight \"quotes\"")]
    BadCharacter,
    #[error("a control character; write it as \\u{{…}} within quotes, and U+0000 not at all")]
    Control,
    #[error("a single {0} means nothing; use {0}{0}, or put a text that has it into \"quotes\"")]
    Single(char),
    #[error("== means nothing; use = to compare")]
    DoubleEquals,
    #[error("the text that begins here has no end; close it with {0}")]
    OpenQuote(char),
    #[error(r#"unknown escape; use one of \\ \" \' \n \r \t or \u{{1F600}} (not U+0000)"#)]
    BadEscape,

    #[error("a comparison is missing; write a field ({}), ! or (", fields())]
    NoField,
    #[error("unknown field; use one of {}{}", fields(), hint(*.0))]
    UnknownField(Option<&'static str>),
    #[error("an operator is missing; {} takes {}", .0.name(), operators(*.0))]
    NoOperator(Field),
    #[error("{} does not take {}; use {}", .0.name(), .1.text(), operators(*.0))]
    BadOperator(Field, Op),
    #[error("a value is missing; {} takes {}", .0.name(), .0.takes())]
    NoValue(Field),
    #[error("{} cannot be this; it takes {}{}", .0.name(), .0.takes(), hint(*.1))]
    BadValue(Field, Option<&'static str>),
    #[error("{} is never null; compare it with \"\" for an empty one, or put the word into \"quotes\"", .0.name())]
    NeverNull(Field),
    #[error("null has no order; use = null or != null")]
    NullOrder,
    #[error("this word has a meaning of its own; put it into \"quotes\" to use it as a value")]
    Reserved,
    #[error("a list is missing; write {} (…, …)", .0.text())]
    NoList(Op),
    #[error("the list goes on with , or ends with ); put a value that has spaces into \"quotes\"")]
    BadList,
    #[error("the ( that begins here has no end; close it with )")]
    OpenParenthesis,
    #[error("this ) closes nothing; take it away, or open a ( before")]
    StrayParenthesis,
    #[error("after a comparison comes && or ||, or the end; put a value that has spaces into \"quotes\"")]
    NoConnective,

    #[error("no such day; write year-month-day such as 2026-12-01, in the years 0001 to 9999")]
    BadDate,
    #[error("no such instant; write it with a time and a zone, such as 2026-12-01T17:00:00Z or …T17:00:00+01:00")]
    BadInstant,
    #[error("a step is + or - with a number and a unit such as +7d, or a rounding such as /w")]
    BadStep,
    #[error("unknown unit; use m (minutes), h, d, w, M (months) or y")]
    BadUnit,
    #[error("a date is rounded to /d, /w, /M (month) or /y")]
    BadRounding,
    #[error("the number of a step has at most 6 digits")]
    BigStep,
    #[error("too many steps; {MAX_STEPS} are allowed after a date")]
    TooManySteps,
}

fn fields() -> String {
    Field::ALL.map(|(name, _)| name).join(", ")
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// `=, != or like`.
fn operators(field: Field) -> String {
    let texts: Vec<&str> = field.operators().iter().map(|op| op.text()).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
