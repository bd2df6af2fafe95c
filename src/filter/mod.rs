//! The filter language: `done = false && due < now+7d && tag in (home, work)`.
//!
//! **Purpose.** A text that a person writes becomes a tree ([`Filter`]); the tree becomes a condition of a statement
//! ([`Filter::to_sql`]) or is asked about one task in memory ([`Filter::matches`]). `docs/filter.md` has the language.
//!
//! **Rule.** Pure: it imports nothing of the project and knows no clock; `now`, the zone, the first day of the week and
//! the rule that makes a name's key come in a [`Context`]. `parse` → {`lex`, `value`, `moment`} → `ast`; `print`,
//! `matches` and `sql` read `ast`. What a comparison with a date means is in `limits`, once, for `matches` and for `sql`.
//!
//! **Invariants.**
//! - No text of a person gets into the SQL: it is made of constants and `$n`; every value is a [`Param`].
//! - Each condition is true or false, never NULL, so `!`, `!=` and `not in` are exact opposites: a task without a due
//!   date is not `due < now`, and it is `!(due < now)`.
//! - What `Display` prints is an accepted filter and parses to the same tree.
//! - The bounds ([`MAX_CHARACTERS`] and those beside it) hold before anything is built, so depth and cost are bounded.
//! - Columns are compared with bound values alone, no date function of a database is used: instants are cut to
//!   microseconds and all dates are in the years 1 to 9999, so the text that SQLite keeps sorts as time does.

mod ast;
mod calendar;
mod error;
mod fold;
mod lex;
mod limits;
mod matches;
mod moment;
mod parse;
mod print;
mod range;
mod sql;
mod suggest;
mod value;

use chrono::{DateTime, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use uuid::Uuid;

pub use error::Error;
pub use sql::{Compiled, Dialect, Param};

/// The longest filter, in characters; as written and as printed.
pub const MAX_CHARACTERS: usize = 2_000;
/// The most comparisons in a filter.
pub const MAX_COMPARISONS: usize = 50;
/// The deepest nesting of parentheses and of `!`; `!(` is one level.
pub const MAX_DEPTH: usize = 20;
/// The most values in one list of `in`.
pub const MAX_VALUES: usize = 100;
/// The longest text of `like`, in characters: to search for it costs its length times that of the text searched.
pub const MAX_LIKE: usize = 200;
/// The most steps (`+7d`, `/w`) after the start of a date.
pub const MAX_STEPS: usize = 10;

/// A filter that was understood. `FromStr` reads it, `Display` prints it in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(ast::Expr);

/// What a filter depends on besides the task.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The present; cut to microseconds where it is used.
    pub now: DateTime<Utc>,
    /// The person's zone: their days and weeks are meant.
    pub zone: Tz,
    /// The person's first day of the week.
    pub week_start: Weekday,
    /// The `name_key` of a name, as the tables of tags, projects and sections keep it.
    pub name_key: fn(&str) -> String,
}

/// What a filter can ask of one task. Instants are whole microseconds, as the databases keep them.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The title.
    pub title: String,
    /// The description; empty where there is none.
    pub description: String,
    /// The `name_key` of each of its tags.
    pub tags: Vec<String>,
    /// Its project.
    pub project: Uuid,
    /// The `name_key` of its project.
    pub project_key: String,
    /// Its project is the inbox.
    pub inbox: bool,
    /// The `name_key` of its section.
    pub section_key: Option<String>,
    /// 0 none, 1 low, 2 medium, 3 high, 4 urgent.
    pub priority: i64,
    /// When it is due.
    pub due: Option<Due>,
    /// The day from which it is shown.
    pub start: Option<NaiveDate>,
    /// The last day on which it is of use.
    pub deadline: Option<NaiveDate>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it was changed last.
    pub updated: DateTime<Utc>,
    /// When it was completed; `None` while it is open.
    pub completed: Option<DateTime<Utc>>,
    /// The task that it is a part of.
    pub parent: Option<Uuid>,
    /// It is an occurrence of a series.
    pub recurring: bool,
}

/// When a task is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// On a day, whatever the zone.
    On(NaiveDate),
    /// At an instant.
    At(DateTime<Utc>),
}

impl std::str::FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse::filter(text).map(Self).map_err(|fault| Error::new(text, fault))
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Filter {
    /// Whether a task passes.
    pub fn matches(&self, subject: &Subject, context: &Context) -> bool {
        matches::expr(&self.0, subject, context)
    }

    /// A day on or before which everything is due that passes, whatever the zone that a time was meant in; `None`: there is
    /// no such day. It narrows a look along an index down.
    pub fn due_until(&self, context: &Context) -> Option<NaiveDate> {
        range::due_until(&self.0, context)
    }

    /// The condition on a task `t`, a closed expression that `AND` can follow, and what its placeholders stand for:
    /// `$first_param` is the first of `params`, and each stands once, in order. `user` is the placeholder of the user's id.
    pub fn to_sql(&self, dialect: Dialect, context: &Context, user: &'static str, first_param: usize) -> Compiled {
        sql::compile(&self.0, dialect, context, user, first_param)
    }
}
