//! In `user-events`: reminders of tasks.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A reminder of a task fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReminderFired {
    /// The task.
    pub task_id: Uuid,
    /// What the task is called.
    pub task_title: String,
    /// The instant that the reminder was set to.
    pub remind_at: DateTime<Utc>,
    /// How many minutes before the task is due, where the reminder is meant so.
    #[serde(default)]
    pub minutes_before: Option<u32>,
    /// The day on which the task is due.
    #[serde(default)]
    pub due_date: Option<NaiveDate>,
    /// The instant at which the task is due, where it has a time.
    #[serde(default)]
    pub due_at: Option<DateTime<Utc>>,
    /// The IANA time zone that `dueAt` is meant in.
    #[serde(default)]
    pub due_zone: Option<String>,
    /// How late it fired, in seconds, where that was more than a minute: the service was not there in time.
    #[serde(default)]
    pub late_seconds: Option<i64>,
}
