//! Recurrence: a series and its occurrences.
//!
//! **Rule.** A series has a rule (RFC 5545), how far it is, and a template: the task that the next occurrence is made of.
//! An occurrence is a task of its own, so an edit of one never damages the series. A series that waits (`skipWhileOpen`, or
//! from completion) has one open occurrence at a time: the next one is made in the transaction that completes it. Any other
//! has its next one made by a worker when the day of the one before comes.
//!
//! **Invariants.** An occurrence exists exactly once: `(series, occurrence)` is unique, the user's log is locked while one is
//! made, and a date that was made is not made again. What a change does to a series is told in its event (`changes.series`),
//! so undoing the change undoes that too. Dates are those of the zone that the series was made in: a due time keeps its
//! time of the clock on the wall.

mod api;
mod edit;
mod make;
pub(super) mod store;
mod worker;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::input::{Local, Mistake};
use super::model::{Due, Task};
use crate::kernel::zone;
use crate::recurrence::{Occurrence, Rule, read_phrase};

pub(super) use api::routes;
pub use edit::Reach;
pub use worker::Recurrences;
pub(super) use worker::describe;

/// Exceptions of one series.
pub const EXCEPTIONS_MAX: usize = 100;
/// What was missed for longer than this is not made up for.
pub const MADE_UP_DAYS: u64 = 31;

/// From when the next date is reckoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// From the dates of the rule.
    #[default]
    Due,
    /// From the day on which the one before was done.
    Completion,
}

/// How a task recurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recurrence {
    /// An RRULE (RFC 5545), by the day.
    #[serde(serialize_with = "rule_out", deserialize_with = "rule_in")]
    #[schema(value_type = String, example = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1")]
    pub rule: Rule,
    /// The rule in words, in the language of the account.
    #[schema(example = "every last workday of the month")]
    pub text: String,
    /// From when the next date is reckoned.
    #[schema(inline)]
    pub from: From,
    /// Whether the dates that come while the one before is open are left out.
    pub skip_while_open: bool,
    /// Days on which there is none.
    pub except: Vec<NaiveDate>,
}

/// What a client says of how a task recurs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecurrenceInput {
    /// An RRULE (RFC 5545) by the day, or words such as `every last workday of the month` in the account's language.
    #[schema(max_length = 500)]
    pub rule: String,
    /// Read only: it is made of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `due` or `completion`: from when the next date is reckoned. What the words say when missing, else `due`.
    #[serde(default)]
    pub from: Option<String>,
    /// Whether the dates that come while the one before is open are left out; `true` when missing.
    #[serde(default)]
    pub skip_while_open: Option<bool>,
    /// Days (`YYYY-MM-DD`) on which there is none, at most 100.
    #[serde(default)]
    pub except: Vec<String>,
}

fn rule_out<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(rule)
}

fn rule_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rule, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl std::convert::From<&Recurrence> for RecurrenceInput {
    fn from(recurrence: &Recurrence) -> Self {
        let from = if recurrence.from == From::Due { "due" } else { "completion" };
        Self {
            rule: recurrence.rule.to_string(),
            text: None,
            from: Some(from.to_owned()),
            skip_while_open: Some(recurrence.skip_while_open),
            except: recurrence.except.iter().map(NaiveDate::to_string).collect(),
        }
    }
}

/// Checks what a client says.
pub(super) fn parse(input: &RecurrenceInput, due: Option<&Due>, local: Local) -> Result<Recurrence, Mistake> {
    let (rule, after_completion) = read_rule(&input.rule, local)?;
    let from = match input.from.as_deref() {
        None if after_completion => From::Completion,
        None | Some("due") => From::Due,
        Some("completion") => From::Completion,
        Some(_) => return Err(("/recurrence/from", "unknown", "use due or completion".to_owned())),
    };
    if due.is_none() {
        return Err(("/recurrence", "needs_due", "give dueDate or dueAt: the first date of the series".to_owned()));
    }
    if input.except.len() > EXCEPTIONS_MAX {
        return Err(("/recurrence/except", "too_many", "use at most 100 days".to_owned()));
    }
    let mut except = Vec::new();
    for text in &input.except {
        let says = || ("/recurrence/except", "not_a_date", "use dates such as 2026-12-24".to_owned());
        except.push(super::input::parse_date(text).ok_or_else(says)?);
    }
    except.sort_unstable();
    except.dedup();
    let (text, skip_while_open) = (rule.describe(local.language), input.skip_while_open.unwrap_or(true));
    Ok(Recurrence { rule, text, from, skip_while_open, except })
}

/// An RRULE, or words. Whether the words say that it goes on from the completion.
pub(super) fn read_rule(text: &str, local: Local) -> Result<(Rule, bool), Mistake> {
    let text = text.trim();
    if let Some(phrase) = read_phrase(text, local.language, local.today).filter(|phrase| phrase.len == text.len()) {
        return Ok((phrase.rule, phrase.from_completion));
    }
    let rule = text
        .parse()
        .map_err(|error: crate::recurrence::Error| ("/recurrence/rule", "not_a_rule", error.rendered().to_owned()));
    rule.map(|rule| (rule, false))
}

/// A series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// UUID version 7.
    pub id: Uuid,
    /// How it recurs.
    pub recurrence: Recurrence,
    /// From where the rule counts.
    pub start: NaiveDate,
    /// The last date of which an occurrence was made.
    pub last_date: NaiveDate,
    /// Which date of the rule it is, from 1; 0 where the rule does not have it.
    pub last_number: u32,
    /// The zone whose days its dates are.
    pub zone: Tz,
    /// Whether no more occurrences are made.
    pub ended: bool,
    /// What the next occurrence is made of: the task as it is on the last date.
    pub template: Task,
}

impl Series {
    /// A series that begins with a task. `None` where it does not recur, or is not due.
    pub fn of(id: Uuid, first: &Task, zone: Tz) -> Option<Self> {
        let (recurrence, start) = (first.recurrence.clone()?, first.due_date?);
        let last_number = u32::from(recurrence.rule.first(start).is_some_and(|found| found.date == start));
        let zone = first.due_zone.unwrap_or(zone);
        let template = Task { completed: false, completed_at: None, deleted_at: None, ..first.clone() };
        Some(Self { id, recurrence, start, last_date: start, last_number, zone, ended: false, template })
    }

    /// Whether the next occurrence waits for the one before.
    pub fn waits(&self) -> bool {
        self.recurrence.skip_while_open || self.recurrence.from == From::Completion
    }

    /// When a worker makes the next occurrence: when the day of the last one comes.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        (!self.ended && !self.waits()).then(|| zone::start_of_day(self.last_date, self.zone))
    }

    fn last(&self) -> Occurrence {
        Occurrence { date: self.last_date, number: self.last_number }
    }

    /// The date after the last one, for a worker on `today`. What was missed for too long is left out.
    pub fn scheduled(&self, today: NaiveDate) -> Option<Occurrence> {
        let oldest = today.checked_sub_days(chrono::Days::new(MADE_UP_DAYS)).unwrap_or(today);
        self.without_exceptions(self.recurrence.rule.skip_to(self.start, self.last(), oldest)?)
    }

    /// The date after the last one, which was done or dropped on `today`.
    pub fn following(&self, today: NaiveDate) -> Option<Occurrence> {
        let rule = &self.recurrence.rule;
        let next = match self.recurrence.from {
            From::Completion => rule.next_after_completion(today, self.last()),
            From::Due => rule.skip_to(self.start, self.last(), today.succ_opt()?),
        };
        self.without_exceptions(next?)
    }

    /// The same date, or the first one after it that is no exception.
    fn without_exceptions(&self, mut date: Occurrence) -> Option<Occurrence> {
        while self.recurrence.except.contains(&date.date) {
            date = self.recurrence.rule.next(self.start, date)?;
        }
        Some(date)
    }

    /// The dates that come after the last one, as the rule has them.
    pub fn coming(&self, count: usize) -> Vec<NaiveDate> {
        let next = |date: &Occurrence| self.recurrence.rule.next(self.start, *date);
        let dates = std::iter::successors(next(&self.last()), next).map(|occurrence| occurrence.date);
        let dates = dates.filter(|date| !self.recurrence.except.contains(date));
        if self.ended { Vec::new() } else { dates.take(count).collect() }
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
