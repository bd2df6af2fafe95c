//! What a task is and how it changes: pure.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest title, in characters.
pub const TITLE_MAX: usize = 500;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 10_000;

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
    const ALL: [(Self, &'static str); 5] = [
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
}

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
    /// A date without a time (ISO 8601, `YYYY-MM-DD`).
    #[schema(value_type = Option<NaiveDate>, example = "2026-12-01")]
    pub due_date: Option<String>,
    /// Whether it is done; `false` when missing.
    pub completed: Option<bool>,
}

/// What is wrong with an input: the JSON pointer, a stable code, and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<(&'static str, &'static str, String)>);

/// A checked input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    title: String,
    description: String,
    priority: Priority,
    due_date: Option<NaiveDate>,
    completed: bool,
}

impl Input {
    /// Checks everything and reports every mistake at once.
    pub fn parse(self) -> Result<Draft, Invalid> {
        let mut wrong = Vec::new();
        let title = self.title.unwrap_or_default().trim().to_owned();
        match title.chars().count() {
            0 => wrong.push(("/title", "required", "give a title of 1 to 500 characters".to_owned())),
            1..=TITLE_MAX if title.chars().any(char::is_control) => {
                wrong.push(("/title", "control_character", "remove line breaks and control characters".to_owned()));
            }
            1..=TITLE_MAX => {}
            n => wrong.push(("/title", "too_long", format!("use at most 500 characters; these are {n}"))),
        }
        let description = self.description.unwrap_or_default();
        let length = description.chars().count();
        if length > DESCRIPTION_MAX {
            wrong.push(("/description", "too_long", format!("use at most 10000 characters; these are {length}")));
        } else if description.contains('\0') {
            // PostgreSQL's text cannot hold it.
            wrong.push(("/description", "control_character", "remove the NUL character".to_owned()));
        }
        let priority = self.priority.map_or(Some(Priority::None), |text| {
            Priority::ALL.into_iter().find(|(_, name)| *name == text).map(|(priority, _)| priority)
        });
        if priority.is_none() {
            wrong.push(("/priority", "unknown", "use none, low, medium, high or urgent".to_owned()));
        }
        let due_date = self.due_date.map(|text| parse_date(&text)).transpose().unwrap_or_else(|sentence| {
            wrong.push(("/dueDate", "not_a_date", sentence));
            None
        });
        if !wrong.is_empty() {
            return Err(Invalid(wrong));
        }
        let completed = self.completed.unwrap_or_default();
        Ok(Draft { title, description, priority: priority.unwrap_or_default(), due_date, completed })
    }
}

/// A four-digit year keeps the text of a date in order in every database.
fn parse_date(text: &str) -> Result<NaiveDate, String> {
    let says = || "use a date such as 2026-12-01".to_owned();
    if text.len() != 10 {
        return Err(says());
    }
    let date: NaiveDate = text.parse().map_err(|_| says())?;
    if text.starts_with("0000") { Err(says()) } else { Ok(date) }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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
    /// A date without a time.
    pub due_date: Option<NaiveDate>,
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
    /// `TASK_UPDATED`: edited, reopened or restored.
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

impl Task {
    /// A new task.
    pub fn create(id: Uuid, user_id: Uuid, draft: Draft, now: DateTime<Utc>) -> Self {
        Self {
            id,
            user_id,
            title: draft.title,
            description: draft.description,
            priority: draft.priority,
            due_date: draft.due_date,
            completed: draft.completed,
            completed_at: draft.completed.then_some(now),
            deleted_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// What a client would send to get this task: what a merge patch is merged into.
    pub fn as_input(&self) -> Input {
        Input {
            title: Some(self.title.clone()),
            description: Some(self.description.clone()),
            priority: Some(Priority::ALL[self.priority as usize].1.to_owned()),
            due_date: self.due_date.map(|date| date.to_string()),
            completed: Some(self.completed),
        }
    }

    /// Replaces everything that a client may set.
    pub fn replace(&self, draft: Draft, now: DateTime<Utc>) -> Result<Step, InTrash> {
        self.alive()?;
        let completed_at = if draft.completed { self.completed_at.or(Some(now)) } else { None };
        let after = Self {
            title: draft.title,
            description: draft.description,
            priority: draft.priority,
            due_date: draft.due_date,
            completed: draft.completed,
            completed_at,
            ..self.clone()
        };
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

    /// Takes it out of the trash, as it was.
    pub fn restore(&self, now: DateTime<Utc>) -> Step {
        self.step(Self { deleted_at: None, ..self.clone() }, Happening::Updated, now)
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
