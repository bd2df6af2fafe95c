//! `todo-events`: what happens to tasks.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

super::events! {
    /// What happens to tasks.
    TodoEvent on Todo {
        /// It was made.
        Created(TaskPayload) = "TASK_CREATED",
        /// A field changed: edited, reopened, restored from the trash, moved. `changes` says which.
        Updated(TaskPayload) = "TASK_UPDATED",
        /// It was done.
        Completed(TaskPayload) = "TASK_COMPLETED",
        /// It went to the trash, or (with `purgedAt`) it left it for good.
        Deleted(TaskPayload) = "TASK_DELETED",
    }
}

/// The task after the step: the contract's three fields, then what else it has, then what changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskPayload {
    /// The task.
    pub task_id: Uuid,
    /// 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    pub title: String,
    /// Whether it is done.
    pub completed: bool,
    /// Up to 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 10_000))]
    pub description: Option<String>,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TaskPriority")]
    pub priority: Option<TaskPriority>,
    /// The project; the inbox is the one whose id is the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Uuid")]
    pub project_id: Option<Uuid>,
    /// The section of the project.
    #[serde(default)]
    pub section_id: Option<Uuid>,
    /// The task that it is a part of.
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    /// Its place among its siblings: a fractional index, compared byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 250))]
    pub position: Option<String>,
    /// Its tags, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(max = 20))]
    pub tags: Option<Vec<String>>,
    /// The day on which it is due; with `dueAt`, the day of that in `dueZone`.
    #[serde(default)]
    pub due_date: Option<NaiveDate>,
    /// The instant at which it is due, where it has a time.
    #[serde(default)]
    pub due_at: Option<DateTime<Utc>>,
    /// The IANA time zone that `dueAt` is meant in.
    #[serde(default)]
    pub due_zone: Option<String>,
    /// Hidden until this day.
    #[serde(default)]
    pub start_date: Option<NaiveDate>,
    /// The day by which it must be done.
    #[serde(default)]
    pub deadline: Option<NaiveDate>,
    /// When the person is reminded of it: at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<TaskReminder>", length(max = 10))]
    pub reminders: Option<Vec<TaskReminder>>,
    /// How it recurs: `rule` (RRULE), `text`, `from`, `skipWhileOpen`, `except`.
    #[serde(default)]
    pub recurrence: Option<Map<String, Value>>,
    /// The series that it is an occurrence of.
    #[serde(default)]
    pub series_id: Option<Uuid>,
    /// Which date of the series it is.
    #[serde(default)]
    pub occurrence: Option<NaiveDate>,
    /// Rises by one with each change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = 1))]
    pub version: Option<i64>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DateTime<Utc>")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DateTime<Utc>")]
    pub updated_at: Option<DateTime<Utc>>,
    /// When it was done.
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    /// When it went to the trash.
    #[serde(default)]
    pub deleted_at: Option<DateTime<Utc>>,
    /// When it left the trash for good: this is its last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DateTime<Utc>")]
    pub purged_at: Option<DateTime<Utc>>,
    /// The same in all events of one change, which are in one transaction and follow one another: what is undone as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Uuid")]
    pub change_id: Option<Uuid>,
    /// Field by field, what it was and what it is. `series` is what became of the series of a task that recurs.
    #[serde(default)]
    pub changes: BTreeMap<String, FieldChange>,
}

/// A reminder of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskReminder {
    /// The instant at which it fires.
    pub at: DateTime<Utc>,
    /// How many minutes before the task is due, where it is meant so.
    #[serde(default)]
    pub minutes_before: Option<u32>,
}

/// One field of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

/// How much a task matters.
// A documented value would become a schema of its own, instead of a word in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskPriority {
    None,
    Low,
    Medium,
    High,
    Urgent,
}
