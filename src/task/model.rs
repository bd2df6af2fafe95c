//! What a task is and how it changes: pure.

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::input::{Draft, Input};
use super::position::Position;
use super::reminder::{Reminder, ReminderInput};
use super::series::{Recurrence, RecurrenceInput};
use crate::kernel::zone;

/// How much a task matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Nothing was said.
    #[default]
    None,
    /// Some day.
    Low,
    /// As usual.
    Medium,
    /// Soon.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::None, "none"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::Urgent, "urgent"),
    ];

    /// The stored number: 0 to 4.
    pub fn rank(self) -> i64 {
        self as i64
    }

    /// The priority of a stored number; an unknown one, from a newer version, is none.
    pub fn of_rank(rank: i64) -> Self {
        Self::ALL.into_iter().map(|(priority, _)| priority).find(|priority| priority.rank() == rank).unwrap_or_default()
    }

    /// The priority of a name.
    pub fn of_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, name)| *name == text).map(|(priority, _)| priority)
    }
}

/// When a task is due: on a day, or at an instant with the zone that it was meant in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The day; with a time, that of the instant in its zone.
    pub date: NaiveDate,
    /// The instant and its zone.
    pub time: Option<(DateTime<Utc>, Tz)>,
}

impl Due {
    /// Due on a day.
    pub fn on(date: NaiveDate) -> Self {
        Self { date, time: None }
    }

    /// Due at an instant. `None` where its day has no year of four digits: its text would be out of order.
    pub fn at(at: DateTime<Utc>, zone: Tz) -> Option<Self> {
        let date = zone::day(at, zone);
        let fits = |year| (1..=9999).contains(&year);
        (fits(date.year()) && fits(at.year())).then_some(Self { date, time: Some((at, zone)) })
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// UUID version 7.
    pub id: Uuid,
    /// Whose it is: not told, since it is always the caller's.
    #[serde(skip)]
    pub user_id: Uuid,
    /// 1 to 500 characters.
    pub title: String,
    /// Up to 10,000 characters.
    pub description: String,
    /// How much it matters.
    pub priority: Priority,
    /// The project; the inbox is the one whose id is the account's.
    pub project_id: Uuid,
    /// The section of the project.
    pub section_id: Option<Uuid>,
    /// The task that it is a part of.
    pub parent_id: Option<Uuid>,
    /// Its place among its siblings: a fractional index, compared byte by byte.
    pub position: Position,
    /// Its tags, each once, in the order of their names.
    pub tags: Vec<String>,
    /// The day on which it is due; with `dueAt`, the day of that in `dueZone`.
    pub due_date: Option<NaiveDate>,
    /// The instant at which it is due, where it has a time.
    pub due_at: Option<DateTime<Utc>>,
    /// The IANA time zone that `dueAt` is meant in.
    #[schema(value_type = Option<String>)]
    pub due_zone: Option<Tz>,
    /// Hidden from the views until this day.
    pub start_date: Option<NaiveDate>,
    /// The day by which it must be done.
    pub deadline: Option<NaiveDate>,
    /// When the person is reminded of it, in order.
    pub reminders: Vec<Reminder>,
    /// How it recurs, where it does.
    pub recurrence: Option<Recurrence>,
    /// The series that it is an occurrence of.
    pub series_id: Option<Uuid>,
    /// Which date of the series it is, whenever it is due by now.
    pub occurrence: Option<NaiveDate>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was done.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it went to the trash.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Rises by one with each change; the ETag is this number in quotes.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// The contract's names for what happens to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// `TASK_CREATED`
    Created,
    /// `TASK_UPDATED`: edited, moved, reopened or restored.
    Updated,
    /// `TASK_COMPLETED`
    Completed,
    /// `TASK_DELETED`: moved to the trash.
    Deleted,
}

/// A change that is to be written: the state after it and what it is called. `None` where nothing would change.
pub type Step = Option<(Task, Happening)>;

/// A task in the trash must be restored before anything else is done to it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task is in the trash: restore it first")]
pub struct InTrash;

/// Where a task belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The project.
    pub project: Uuid,
    /// A section of it.
    pub section: Option<Uuid>,
    /// A task of it.
    pub parent: Option<Uuid>,
}

impl Task {
    /// A new task, in the place that the draft names (`place` says where that is).
    pub fn create(id: Uuid, user_id: Uuid, draft: Draft, place: Place, now: DateTime<Utc>) -> Self {
        let completed_at = draft.completed.then_some(now);
        let bare = Self {
            id,
            user_id,
            title: String::new(),
            description: String::new(),
            priority: Priority::None,
            project_id: user_id,
            section_id: None,
            parent_id: None,
            position: Position::of(id),
            tags: Vec::new(),
            due_date: None,
            due_at: None,
            due_zone: None,
            start_date: None,
            deadline: None,
            reminders: Vec::new(),
            recurrence: None,
            series_id: None,
            occurrence: None,
            completed: false,
            completed_at,
            deleted_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        bare.drafted(draft, place)
    }

    /// What a client would send to get this task: what a merge patch is merged into.
    pub fn as_input(&self) -> Input {
        let timed = self.due_at.is_some();
        Input {
            title: Some(self.title.clone()),
            description: Some(self.description.clone()),
            priority: Some(Priority::ALL[self.priority as usize].1.to_owned()),
            project_id: Some(self.project_id),
            section_id: self.section_id,
            parent_id: self.parent_id,
            position: Some(self.position.as_str().to_owned()),
            tags: Some(self.tags.clone()),
            due_date: self.due_date.filter(|_| !timed).map(|date| date.to_string()),
            due_at: self.due_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            due_zone: self.due_zone.map(|zone| zone.name().to_owned()),
            start_date: self.start_date.map(|date| date.to_string()),
            deadline: self.deadline.map(|date| date.to_string()),
            reminders: Some(self.reminders.iter().map(ReminderInput::from).collect()),
            recurrence: self.recurrence.as_ref().map(RecurrenceInput::from),
            completed: Some(self.completed),
        }
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        Place { project: self.project_id, section: self.section_id, parent: self.parent_id }
    }

    /// The first day on which it matters, in the zone it is meant in; the last one there is where it has none.
    pub fn agenda(&self) -> NaiveDate {
        let days = [self.due_date, self.deadline];
        days.into_iter().flatten().min().or(NaiveDate::from_ymd_opt(9999, 12, 31)).unwrap_or_default()
    }

    /// Everything that a client may set, save whether it is done.
    fn drafted(self, draft: Draft, place: Place) -> Self {
        let time = draft.due.and_then(|due| due.time);
        Self {
            title: draft.title,
            description: draft.description,
            priority: draft.priority,
            project_id: place.project,
            section_id: place.section,
            parent_id: place.parent,
            position: draft.position.unwrap_or(self.position),
            tags: draft.tags,
            due_date: draft.due.map(|due| due.date),
            due_at: time.map(|(at, _)| at),
            due_zone: time.map(|(_, zone)| zone),
            start_date: draft.start_date,
            deadline: draft.deadline,
            reminders: draft.reminders,
            recurrence: draft.recurrence,
            completed: draft.completed,
            ..self
        }
    }

    /// Replaces everything that a client may set.
    pub fn replace(&self, draft: Draft, place: Place, now: DateTime<Utc>) -> Result<Step, InTrash> {
        self.alive()?;
        let completed_at = if draft.completed { self.completed_at.or(Some(now)) } else { None };
        let after = Self { completed_at, ..self.clone() }.drafted(draft, place);
        let happening = if after.completed && !self.completed { Happening::Completed } else { Happening::Updated };
        Ok(self.step(after, happening, now))
    }

    /// Marks it done.
    pub fn complete(&self, now: DateTime<Utc>) -> Result<Step, InTrash> {
        self.alive()?;
        let after = Self { completed: true, completed_at: self.completed_at.or(Some(now)), ..self.clone() };
        Ok(self.step(after, Happening::Completed, now))
    }

    /// Marks it not done.
    pub fn reopen(&self, now: DateTime<Utc>) -> Result<Step, InTrash> {
        self.alive()?;
        Ok(self.step(Self { completed: false, completed_at: None, ..self.clone() }, Happening::Updated, now))
    }

    /// Moves it to the trash.
    pub fn delete(&self, now: DateTime<Utc>) -> Step {
        self.step(Self { deleted_at: self.deleted_at.or(Some(now)), ..self.clone() }, Happening::Deleted, now)
    }

    /// Takes it out of the trash, to `place`.
    pub fn restore(&self, place: Place, now: DateTime<Utc>) -> Step {
        self.deleted_at?;
        self.step(Self { deleted_at: None, ..self.placed(place) }, Happening::Updated, now)
    }

    /// Moves it to another place, also when it is in the trash: it is there when it is restored.
    pub fn shift(&self, place: Place, position: Position, now: DateTime<Utc>) -> Step {
        self.step(Self { position, ..self.placed(place) }, Happening::Updated, now)
    }

    /// Makes it what it was (all but its version and the time of its last change).
    pub fn become_again(&self, after: Self, now: DateTime<Utc>) -> Step {
        let happening = match (self.deleted_at, after.deleted_at) {
            (None, Some(_)) => Happening::Deleted,
            _ if after.completed && !self.completed => Happening::Completed,
            _ => Happening::Updated,
        };
        self.step(after, happening, now)
    }

    /// Gives it other tags.
    pub fn tag(&self, tags: Vec<String>, now: DateTime<Utc>) -> Step {
        self.step(Self { tags, ..self.clone() }, Happening::Updated, now)
    }

    fn placed(&self, place: Place) -> Self {
        Self { project_id: place.project, section_id: place.section, parent_id: place.parent, ..self.clone() }
    }

    fn alive(&self) -> Result<(), InTrash> {
        if self.deleted_at.is_some() { Err(InTrash) } else { Ok(()) }
    }

    fn step(&self, after: Self, happening: Happening, now: DateTime<Utc>) -> Step {
        if after == *self {
            return None;
        }
        // A clock that was set back must not make a task older than it was.
        let updated_at = now.max(self.updated_at);
        Some((Self { version: self.version + 1, updated_at, ..after }, happening))
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
