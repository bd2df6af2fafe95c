//! What a client says of a task, and what is wrong with it: pure.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Due, Priority};
use super::position::Position;
use super::reminder::{self, Reminder, ReminderInput};
use super::series::{self, Recurrence, RecurrenceInput};
use crate::kernel::zone;
use crate::recurrence::Language;

/// The longest title, in characters.
pub const TITLE_MAX: usize = 500;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 10_000;
/// Tags of one task.
pub const TAGS_MAX: usize = 20;
/// The longest name of a tag, a project or a section, in characters.
pub const NAME_MAX: usize = 100;

/// What a client says of a task: not yet checked. `PUT` gives all of it, `PATCH` is merged into the present one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// 1 to 500 characters, without line breaks.
    #[schema(min_length = 1, max_length = 500, example = "Pay rent")]
    pub title: Option<String>,
    /// Up to 10,000 characters; empty when missing.
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    /// `none`, `low`, `medium`, `high` or `urgent`; `none` when missing.
    #[schema(value_type = Option<Priority>)]
    pub priority: Option<String>,
    /// Where it belongs; the inbox when missing. A subtask is where its parent is.
    pub project_id: Option<Uuid>,
    /// A section of that project.
    pub section_id: Option<Uuid>,
    /// The task that it is a part of.
    pub parent_id: Option<Uuid>,
    /// Its place among its siblings, a fractional index: 1 to 250 of the characters `0-9a-z`, the last one no `0`,
    /// compared byte by byte. At the end when missing.
    #[schema(max_length = 250, pattern = "^[0-9a-z]*[1-9a-z]$")]
    pub position: Option<String>,
    /// At most 20 names of 1 to 100 characters. Upper and lower case are the same tag.
    #[schema(example = json!(["errands"]))]
    pub tags: Option<Vec<String>>,
    /// A date without a time (ISO 8601, `YYYY-MM-DD`).
    #[schema(value_type = Option<NaiveDate>, example = "2026-12-01")]
    pub due_date: Option<String>,
    /// A date with a time: an instant (RFC 3339), or a time in `dueZone` such as `2026-12-01T17:00`.
    #[schema(example = "2026-12-01T17:00:00+01:00")]
    pub due_at: Option<String>,
    /// The IANA time zone that `dueAt` is meant in; the account's when missing. Without `dueAt` it means nothing.
    #[schema(example = "Europe/Berlin")]
    pub due_zone: Option<String>,
    /// Hidden from the views until this day.
    #[schema(value_type = Option<NaiveDate>)]
    pub start_date: Option<String>,
    /// The day by which it must be done, whenever one means to do it.
    #[schema(value_type = Option<NaiveDate>)]
    pub deadline: Option<String>,
    /// When to be reminded of it, at most 10 times: only what is still to come fires.
    pub reminders: Option<Vec<ReminderInput>>,
    /// How it recurs, from the day it is due on; not at all when missing.
    pub recurrence: Option<RecurrenceInput>,
    /// Whether it is done; `false` when missing.
    pub completed: Option<bool>,
}

/// What is wrong with an input: the JSON pointer, a stable code, and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<(&'static str, &'static str, String)>);

impl Invalid {
    /// One mistake.
    pub fn one(pointer: &'static str, code: &'static str, sentence: impl Into<String>) -> Self {
        Self(vec![(pointer, code, sentence.into())])
    }
}

/// What an input depends on besides what it says.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// The zone that times and days are meant in.
    pub zone: Tz,
    /// The language of words.
    pub language: Language,
    /// The present day there.
    pub today: NaiveDate,
}

impl Local {
    /// For an input that depends on none of it.
    pub const NOWHERE: Self = Self { zone: Tz::UTC, language: Language::En, today: NaiveDate::MIN };
}

/// A checked input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) priority: Priority,
    pub(super) project_id: Option<Uuid>,
    pub(super) section_id: Option<Uuid>,
    pub(super) parent_id: Option<Uuid>,
    pub(super) position: Option<Position>,
    pub(super) tags: Vec<String>,
    pub(super) due: Option<Due>,
    pub(super) start_date: Option<NaiveDate>,
    pub(super) deadline: Option<NaiveDate>,
    pub(super) reminders: Vec<Reminder>,
    pub(super) recurrence: Option<Recurrence>,
    /// The zone of what is said of days.
    pub(super) home: Tz,
    pub(super) completed: bool,
}

impl Draft {
    /// Whether it is one row in the inbox, and nothing has to be looked up or written beside it.
    pub fn is_plain(&self) -> bool {
        let is_placed = self.project_id.is_some() || self.section_id.is_some() || self.parent_id.is_some();
        !is_placed && self.tags.is_empty() && self.reminders.is_empty() && self.recurrence.is_none()
    }
}

impl Input {
    /// Whether the account's settings are needed to understand it.
    pub fn is_local(&self) -> bool {
        self.due_at.is_some() && self.due_zone.is_none()
            || self.recurrence.is_some()
            || self.reminders.as_ref().is_some_and(|list| !list.is_empty())
    }

    /// Checks everything and reports every mistake at once. A time is meant in the zone of `local` where none is said.
    pub fn parse(self, local: Local) -> Result<Draft, Invalid> {
        let mut wrong = Wrong::default();
        let home = local.zone;
        let title = wrong.take(title(self.title.as_deref().unwrap_or_default()));
        let description = wrong.take(description(self.description.unwrap_or_default()));
        let priority = wrong.take(self.priority.map_or(Ok(Priority::None), |text| priority(&text)));
        let position = wrong.take(self.position.map(|text| position(&text)).transpose());
        let tags = wrong.take(tags(self.tags.unwrap_or_default()));
        let due = wrong.take(due(self.due_date.as_deref(), self.due_at.as_deref(), self.due_zone.as_deref(), home));
        let start_date = wrong.take(date("/startDate", "not_a_date", self.start_date.as_deref()));
        let deadline = wrong.take(date("/deadline", "not_a_date", self.deadline.as_deref()));
        let said = self.reminders.unwrap_or_default();
        let reminders = wrong.take(reminder::parse(said, due.as_ref(), home));
        let recurs = self.recurrence.map(|said| series::parse(&said, due.as_ref(), local));
        let recurrence = wrong.take(recurs.transpose());
        if !wrong.0.is_empty() {
            return Err(Invalid(wrong.0));
        }
        let (project_id, section_id, parent_id) = (self.project_id, self.section_id, self.parent_id);
        let completed = self.completed.unwrap_or_default();
        #[rustfmt::skip]
        let draft = Draft { title, description, priority, project_id, section_id, parent_id, position, tags, due,
            start_date, deadline, reminders, recurrence, home, completed };
        Ok(draft)
    }
}

pub(super) type Mistake = (&'static str, &'static str, String);

/// The mistakes so far.
#[derive(Default)]
struct Wrong(Vec<Mistake>);

impl Wrong {
    fn take<T: Default>(&mut self, checked: Result<T, Mistake>) -> T {
        checked.unwrap_or_else(|mistake| {
            self.0.push(mistake);
            T::default()
        })
    }
}

fn title(text: &str) -> Result<String, Mistake> {
    let title = text.trim();
    match title.chars().count() {
        0 => Err(("/title", "required", "give a title of 1 to 500 characters".to_owned())),
        1..=TITLE_MAX if title.chars().any(char::is_control) => {
            Err(("/title", "control_character", "remove line breaks and control characters".to_owned()))
        }
        1..=TITLE_MAX => Ok(title.to_owned()),
        n => Err(("/title", "too_long", format!("use at most 500 characters; these are {n}"))),
    }
}

fn description(text: String) -> Result<String, Mistake> {
    let length = text.chars().count();
    if length > DESCRIPTION_MAX {
        return Err(("/description", "too_long", format!("use at most 10000 characters; these are {length}")));
    }
    // PostgreSQL's text cannot hold it.
    if text.contains('\0') {
        return Err(("/description", "control_character", "remove the NUL character".to_owned()));
    }
    Ok(text)
}

fn priority(text: &str) -> Result<Priority, Mistake> {
    let says = || ("/priority", "unknown", "use none, low, medium, high or urgent".to_owned());
    Priority::of_name(text).ok_or_else(says)
}

pub(super) fn position(text: &str) -> Result<Position, Mistake> {
    let says = || "use 1 to 250 of the characters 0-9 and a-z, and no 0 at the end".to_owned();
    Position::parse(text).ok_or_else(|| ("/position", "not_a_position", says()))
}

/// What makes the name of a tag, a project or a section unique: NFKC and lower case.
pub fn name_key(name: &str) -> String {
    name.nfkc().collect::<String>().to_lowercase()
}

/// A name, trimmed: 1 to 100 characters, without line breaks.
pub fn name(text: &str) -> Result<String, (&'static str, String)> {
    let name = text.trim();
    match name.chars().count() {
        0 => Err(("required", "give a name of 1 to 100 characters".to_owned())),
        1..=NAME_MAX if name.chars().any(char::is_control) => {
            Err(("control_character", "remove line breaks and control characters".to_owned()))
        }
        1..=NAME_MAX => Ok(name.to_owned()),
        n => Err(("too_long", format!("use at most 100 characters; these are {n}"))),
    }
}

/// The names in the order of their keys, each once.
fn tags(texts: Vec<String>) -> Result<Vec<String>, Mistake> {
    let mut tags = std::collections::BTreeMap::new();
    for text in texts {
        let name = name(&text).map_err(|(code, sentence)| ("/tags", code, sentence))?;
        tags.entry(name_key(&name)).or_insert(name);
    }
    match tags.len() {
        0..=TAGS_MAX => Ok(tags.into_values().collect()),
        n => Err(("/tags", "too_many", format!("use at most 20 tags; these are {n}"))),
    }
}

fn date(pointer: &'static str, code: &'static str, text: Option<&str>) -> Result<Option<NaiveDate>, Mistake> {
    text.map(|text| parse_date(text).ok_or_else(|| (pointer, code, NOT_A_DATE.to_owned()))).transpose()
}

const NOT_A_DATE: &str = "use a date such as 2026-12-01";
const NOT_AN_INSTANT: &str =
    "use an instant such as 2026-12-01T17:00:00+01:00, or a time in dueZone such as 2026-12-01T17:00";

/// A four-digit year keeps the text of a date in order in every database.
pub(super) fn parse_date(text: &str) -> Option<NaiveDate> {
    if text.len() != 10 || text.starts_with("0000") { None } else { text.parse().ok() }
}

fn due(date: Option<&str>, at: Option<&str>, zone: Option<&str>, home: Tz) -> Result<Option<Due>, Mistake> {
    let says = || ("/dueZone", "unknown", "use an IANA time zone such as Europe/Berlin".to_owned());
    let named = zone.map(|zone| zone.parse::<Tz>().map_err(|_| says())).transpose()?;
    let Some(at) = at else {
        return Ok(self::date("/dueDate", "not_a_date", date)?.map(Due::on));
    };
    let zone = named.unwrap_or(home);
    let says = || ("/dueAt", "not_an_instant", NOT_AN_INSTANT.to_owned());
    let due = parse_instant(at, zone).and_then(|at| Due::at(at, zone)).ok_or_else(says)?;
    match self::date("/dueDate", "not_a_date", date)? {
        Some(date) if date != due.date => {
            let sentence = format!("leave it out or say {}: that is the day of dueAt in dueZone", due.date);
            Err(("/dueDate", "contradiction", sentence))
        }
        _ => Ok(Some(due)),
    }
}

/// An instant as RFC 3339 has it, or a time in `zone`, with or without seconds.
fn parse_instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let date = parse_date(text.get(..10)?)?;
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(zone::micros(at.to_utc()));
    }
    let time = text.get(10..)?.strip_prefix('T')?;
    let time =
        NaiveTime::parse_from_str(time, "%H:%M").or_else(|_| NaiveTime::parse_from_str(time, "%H:%M:%S")).ok()?;
    Some(zone::instant(NaiveDateTime::new(date, time), zone))
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
