//! Quick add: `Pay rent tomorrow 5pm every month #home !1 *errands` becomes the parts of a task.
//!
//! **Purpose.** A person writes one line; [`read`] says what in it is a date, a repetition, a mark, and what is left as
//! the title. Each part comes with its [`Span`] of the line, so that a client can show what was understood.
//!
//! **Rule.** Pure: the present, the zone, the language and the known projects come in a [`Context`]. `lex` cuts the
//! line into tokens and gives them the meanings that `words` and the tables of a language (`en`, `de`, `es`) know;
//! `reader` is the cursor over them; `date`, `digits` and `clock` are the grammar of days and of times, `moment` of
//! both together, `marks` that of `#`, `!`, `*`; `scan` walks the line and fills the slots; `finish` makes the result
//! of them. Phrases of repetition are those of the room `recurrence`.
//!
//! **What is decided here.**
//! - Only what is certain is read. A second date, time, priority or project, an impossible day (31 February), a day
//!   that is over and written in full, a range (`monday to friday`) stay in the title; the first valid one is taken.
//! - A name of a weekday is the first such day after today; `next friday` is the Friday of the next week, and a week
//!   begins as [`Context::week_start`] says. `next week`, `next month`, `next year` and `by march` are their first day.
//!   A weekend is its Saturday; on a Saturday and on a Sunday, this weekend is today.
//! - A date without a year, and a day without a month, is the next one on or after today. `29 feb` waits for its year.
//! - A time without a date is today, or tomorrow when that time is over. `tonight` is today at [`EVENING`], or only the
//!   day once that is over; the same goes for `morning` ([`MORNING`]) and `afternoon` ([`AFTERNOON`]) after a date.
//! - `midnight` is the last minute of the day, 23:59: a date stays on the day that was named, a series on its days.
//! - `at 5` is 17:00 and `at 9` is 09:00: in English an hour from 1 to 6 that has only `at` is of the afternoon. In
//!   German and Spanish it is as written.
//! - A repetition without a date begins on the first day on which its rule can begin: `every 2 weeks on tuesday` on the
//!   next Tuesday. That day is the start of its series. A part of the day and an end are read after it:
//!   `every friday evening until may 1`.
//! - A deadline has no time; a start after the due date, a reminder that is over or after the due time, and a reminder
//!   before something that is not due stay in the title.
//! - A backslash at the beginning of a word and `"…"` around words protect them, and are not in the title; within the
//!   quotes, `\"` and `\\` are a quote and a backslash. A quote within a word or without an end is part of the title.
//! - `*tag` and `@tag` begin with a letter; other tags need quotes. Names of projects and sections match in any case,
//!   the longest one first; an unknown one stays in the title.
//! - `1/2`, `3/4` and the like and `24/7` are dates only after `on` or `by`.
//! - A time in a gap or an overlap of the zone's clock is civil here; who stores it resolves it.
//!
//! **Invariants.**
//! - No input panics; the bounds below keep the cost of any line small (well below a millisecond of CPU).
//! - Spans lie within the line, are ordered and do not overlap; nothing of a span is in the title.
//! - `read(&quoted(title), …)` has the title `title`, and nothing else, for every title that `read` gives and that is
//!   not too long when it is quoted.

mod clock;
mod date;
mod de;
mod digits;
mod en;
mod es;
mod finish;
mod lex;
mod marks;
mod moment;
mod reader;
mod scan;
mod words;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;

use crate::recurrence::{Language, Rule};

/// The longest line, in characters.
pub const MAX_CHARACTERS: usize = 2_000;
/// The most tags that are read; further ones stay in the title.
pub const MAX_TAGS: usize = 50;
/// The most reminders that are read; further ones stay in the title.
pub const MAX_REMINDERS: usize = 10;
/// The most `#` that are looked up among the projects; further ones stay in the title.
pub const MAX_LOOKUPS: usize = 20;
/// The most words of the name of a project or a section that is written without quotes.
pub const MAX_NAME_WORDS: usize = 8;
/// The most places of a line at which a phrase of repetition is looked for; further ones stay in the title.
pub const MAX_REPEAT_LOOKUPS: usize = 60;
/// The most words of a phrase of repetition.
pub const MAX_REPEAT_WORDS: usize = 24;
/// What `morning` after a date means.
pub const MORNING: NaiveTime = hour(9);
/// What `afternoon` after a date means.
pub const AFTERNOON: NaiveTime = hour(14);
/// What `tonight`, and `evening` or `night` after a date mean.
pub const EVENING: NaiveTime = hour(20);

const fn hour(hour: u32) -> NaiveTime {
    match NaiveTime::from_hms_opt(hour, 0, 0) {
        Some(time) => time,
        None => NaiveTime::MIN,
    }
}

/// What the meaning of a line depends on.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The present.
    pub now: DateTime<Utc>,
    /// The person's zone: their days and times are meant.
    pub zone: Tz,
    /// The person's first day of the week.
    pub week_start: Weekday,
    /// `5/6` is 5 June, not May 6. A value above 12 decides by itself.
    pub day_first: bool,
    /// The language whose words are read; those of another are title.
    pub language: Language,
    /// The projects that `#` can name.
    pub projects: &'a [Project<'a>],
}

/// A project that can be named.
#[derive(Clone, Copy, Debug)]
pub struct Project<'a> {
    /// Its name; case does not count, accents do.
    pub name: &'a str,
    /// The names of its sections.
    pub sections: &'a [&'a str],
}

/// A civil date or time in the person's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// On a day.
    Day(NaiveDate),
    /// At a time of a day, to the minute; it may lie in a gap or an overlap of the zone's clock.
    Time(NaiveDateTime),
}

impl When {
    /// Its day.
    pub fn day(&self) -> NaiveDate {
        match self {
            Self::Day(day) => *day,
            Self::Time(time) => time.date(),
        }
    }
}

/// How a task repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The rule.
    pub rule: Rule,
    /// It counts from the day of completion.
    pub from_completion: bool,
}

/// When to be reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reminder {
    /// So many minutes before the task is due. Given only when it is due at some time or day.
    Before(u32),
    /// At a civil time.
    At(NaiveDateTime),
}

/// What a line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// What is left: never empty, blanks joined, in NFC, without the backslashes and quotes that protected it.
    pub title: String,
    /// When it is due. With a repetition and no date: its first day, on or after today and the start.
    pub due: Option<When>,
    /// The day from which it is shown; not after the day that it is due.
    pub start: Option<NaiveDate>,
    /// The last day on which it is of use.
    pub deadline: Option<NaiveDate>,
    /// How it repeats.
    pub repeat: Option<Repeat>,
    /// From 1 (urgent) to 4.
    pub priority: Option<u8>,
    /// The index among [`Context::projects`].
    pub project: Option<usize>,
    /// The index among the sections of the project.
    pub section: Option<usize>,
    /// The tags as written, in NFC, each once whatever its case.
    pub tags: Vec<String>,
    /// The reminders.
    pub reminders: Vec<Reminder>,
    /// Where in the line the above was found.
    pub spans: Vec<Span>,
}

/// A part of the line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first character (Unicode scalar values, from 0).
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// What it says.
    pub kind: Kind,
    /// The text between.
    pub text: String,
}

/// What a span says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A date, a time, or both.
    Due,
    /// The day from which the task is shown.
    Start,
    /// The deadline.
    Deadline,
    /// The repetition.
    Repeat,
    /// The priority.
    Priority,
    /// The project.
    Project,
    /// The section.
    Section,
    /// A tag.
    Tag,
    /// A reminder.
    Reminder,
}

/// A line that makes no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has nothing but blanks.
    #[error("the text is empty; write what is to be done, such as: Pay rent tomorrow 5pm #home")]
    Empty,
    /// It has more than [`MAX_CHARACTERS`].
    #[error("the text is too long ({0} characters); {MAX_CHARACTERS} are allowed")]
    TooLong(usize),
    /// All of it was understood as something else.
    #[error("nothing is left as a title; write what is to be done, or put it into \"double quotes\"")]
    NoTitle,
}

/// Reads a line.
pub fn read(text: &str, context: &Context) -> Result<Understood, Error> {
    // A character has at most four bytes: a line of many megabytes is refused without a look at it.
    let characters = if text.len() > 4 * MAX_CHARACTERS { text.len().div_ceil(4) } else { text.chars().count() };
    if characters > MAX_CHARACTERS {
        return Err(Error::TooLong(characters));
    }
    let tokens = lex::tokens(text, context.language);
    if tokens.is_empty() {
        return Err(Error::Empty);
    }
    finish::understood(text, &tokens, scan::scan(text, &tokens, context), context)
}

/// A line that [`read`] gives back as the title, and as nothing else. The title must be one that [`read`] gave (blanks
/// joined, in NFC); the line is longer than it by two characters and one for each quote and backslash.
pub fn quoted(title: &str) -> String {
    let mut line = String::with_capacity(title.len() + 2);
    line.push('"');
    for c in title.chars() {
        if matches!(c, '"' | '\\') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push('"');
    line
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod table_tests;
#[cfg(test)]
#[path = "quick_tests.rs"]
mod tests;
