//! What a word can mean, the same for all languages; a language is a table from its words to these.

use chrono::Weekday;

use super::{de, en, es};
use crate::recurrence::Language;

/// A meaning of a word or of a fixed phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// So many days from today.
    Days(u64),
    /// The same, but also a name: it counts in lower case and at an end alone.
    Short(u64),
    /// Today in the evening.
    Tonight,
    /// A day of the week.
    Day(Weekday),
    /// A day of the week that is also another word: it needs a word before it that makes it one.
    DayAlso(Weekday),
    /// A month.
    Month(u32),
    /// A month that is also another word.
    MonthAlso(u32),
    /// The end of the week.
    Weekend,
    /// A unit of time.
    Unit(Unit),
    /// A number in letters.
    Count(u32),
    /// `next`.
    Next,
    /// `this`.
    This,
    /// `coming`: `this` of a weekday, `next` of a week.
    Coming,
    /// Means `next` after its noun; the coming one of a weekday.
    Following,
    /// `on`, before a day.
    On,
    /// `by`, before a day or a time.
    By,
    /// `for` and `due`, before a day or a time.
    For,
    /// `in`, before a span of time.
    In,
    /// `at`, before a time.
    At,
    /// `the`.
    The,
    /// `of`.
    Of,
    /// `to`, between the ends of a range.
    To,
    /// Between the parts of a list.
    Link,
    /// Twelve o'clock.
    Noon,
    /// The end of the day.
    Midnight,
    /// A part of the day.
    Part(Part),
    /// Stands between a time or a day and its part.
    PartLead,
    /// Makes the number before it an hour.
    OClock,
    /// The same, but only after `at`.
    Hours,
    /// Before noon.
    Am,
    /// After noon.
    Pm,
    /// Before the day of a start.
    Start,
    /// Before the day of a deadline.
    Deadline,
    /// Before a reminder.
    Remind,
    /// Whom to remind.
    Me,
    /// After the span of a reminder.
    Before,
    /// Makes a phrase a repetition: each one that the room `recurrence` reads has one of these.
    Repeat,
    /// Before the last day of a repetition.
    Until,
    /// May follow a date or a time in a sentence.
    Joint,
    /// What comes directly after it is no date that is meant: `last friday`, `Black Friday`.
    Block,
    /// After a weekday: it is over.
    Past,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Noon,
    Afternoon,
    Evening,
}

/// The words of a language, in lower case and NFC.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// Sorted by word.
    pub(super) words: &'static [(&'static str, &'static [Class])],
    /// Fixed phrases of two or more words; longer before shorter.
    pub(super) phrases: &'static [(&'static [&'static str], Class)],
}

impl Lexicon {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::LEXICON,
            Language::De => &de::LEXICON,
            Language::Es => &es::LEXICON,
        }
    }

    /// The meanings of a word; none for an unknown one.
    pub(super) fn classes(&self, word: &str) -> &'static [Class] {
        match self.words.binary_search_by(|(known, _)| (*known).cmp(word)) {
            Ok(at) => self.words.get(at).map_or(&[], |(_, classes)| classes),
            Err(_) => &[],
        }
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
