//! Reminders of a task: instants at which the person is told of it.
//!
//! **Rule.** A reminder is at an instant, or so many minutes before the task is due; then its instant is reckoned when the
//! task is written, and again whenever that changes. What is due on a day without a time is reckoned from 09:00 of that day
//! in the account's zone.
//!
//! **Invariants.** The table of reminders has a row for each instant that is still to come, of open tasks only. Firing one
//! deletes its row in the transaction that writes its event, so it fires once, however many instances look. A reminder
//! whose time is past when it is set does not fire.

pub(super) mod store;
mod worker;

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, NaiveTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Mistake;
use super::model::{Due, Task};
use crate::kernel::zone;

pub use worker::Reminders;
pub(super) use worker::describe;

/// Reminders of one task.
pub const REMINDERS_MAX: usize = 10;
/// How long before it a task may be told of: 60 days, in minutes.
pub const MINUTES_MAX: u32 = 86_400;
/// From which hour on the reminders of a day without a time are reckoned.
const MORNING: TimeDelta = TimeDelta::hours(9);

/// A reminder of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// The instant at which it fires.
    pub at: DateTime<Utc>,
    /// How many minutes before the task is due, where it is meant so.
    pub minutes_before: Option<u32>,
}

/// What a client says of a reminder: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReminderInput {
    /// An instant (RFC 3339). With `minutesBefore` it means nothing: it is reckoned.
    #[serde(default)]
    #[schema(example = "2026-12-01T16:00:00+01:00")]
    pub at: Option<String>,
    /// So many minutes before the task is due: 0 to 86400. What is due on a day without a time is reckoned from 09:00.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 86_400)]
    pub minutes_before: Option<i64>,
}

impl From<&Reminder> for ReminderInput {
    fn from(reminder: &Reminder) -> Self {
        let at = reminder.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let minutes_before = reminder.minutes_before.map(i64::from);
        Self { at: minutes_before.is_none().then_some(at), minutes_before }
    }
}

impl Reminder {
    /// So many minutes before something is due; `home` is the zone of days without a time.
    pub fn before(minutes: u32, due: &Due, home: Tz) -> Option<Self> {
        let due =
            due.time.map_or_else(|| zone::instant(due.date.and_time(NaiveTime::MIN) + MORNING, home), |(at, _)| at);
        let at = due.checked_sub_signed(TimeDelta::minutes(i64::from(minutes)))?;
        Some(Self { at, minutes_before: Some(minutes) })
    }
}

/// The reminders in the order of their instants, one an instant.
pub(super) fn parse(inputs: Vec<ReminderInput>, due: Option<&Due>, home: Tz) -> Result<Vec<Reminder>, Mistake> {
    if inputs.len() > REMINDERS_MAX {
        return Err(("/reminders", "too_many", format!("use at most 10 reminders; these are {}", inputs.len())));
    }
    let mut reminders = inputs.into_iter().map(|input| one(&input, due, home)).collect::<Result<Vec<_>, _>>()?;
    reminders.sort_by_key(|reminder| reminder.at);
    reminders.dedup_by_key(|reminder| reminder.at);
    Ok(reminders)
}

fn one(input: &ReminderInput, due: Option<&Due>, home: Tz) -> Result<Reminder, Mistake> {
    if let Some(minutes) = input.minutes_before {
        let far = || ("/reminders", "out_of_range", "use 0 to 86400 for minutesBefore".to_owned());
        let minutes = u32::try_from(minutes).ok().filter(|minutes| *minutes <= MINUTES_MAX).ok_or_else(far)?;
        let says = "a reminder with minutesBefore needs dueDate or dueAt: give one of them, or use at";
        let due = due.ok_or_else(|| ("/reminders", "needs_due", says.to_owned()))?;
        return Reminder::before(minutes, due, home).ok_or_else(far);
    }
    let at = input.at.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok()).map(|at| at.to_utc());
    let at = at.filter(|at| (1..=9999).contains(&at.year())).ok_or_else(|| {
        let says = "use an instant such as 2026-12-01T17:00:00+01:00 as at, or minutesBefore";
        ("/reminders", "not_an_instant", says.to_owned())
    })?;
    Ok(Reminder { at: zone::micros(at), minutes_before: None })
}

/// The instants at which a task would remind: none when it is done, or in the trash.
pub(super) fn instants(task: &Task) -> BTreeSet<DateTime<Utc>> {
    if task.completed || task.deleted_at.is_some() {
        return BTreeSet::new();
    }
    task.reminders.iter().map(|reminder| reminder.at).collect()
}

#[cfg(test)]
#[path = "reminder_tests.rs"]
mod tests;
