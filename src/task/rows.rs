//! The row of a task, as the databases give it and as JSON takes many of them there.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::model::{Priority, Task};
use super::position::Position;
use crate::storage::rows::{instant, instant_or_none, json};

/// The columns of a task for reading: what the version before wrote is in the inbox, at the end, without tags. Two
/// texts: a position that is missing is made of the id.
macro_rules! columns {
    (postgres) => {
        $crate::task::rows::columns!(@with "coalesce(t.position, replace(CAST(t.id AS text), '-', '') || 'i')")
    };
    (sqlite) => {
        $crate::task::rows::columns!(@with "coalesce(t.position, lower(hex(t.id)) || 'i')")
    };
    (@with $position:literal) => {
        concat!(
            "t.id, t.user_id, t.title, t.description, t.priority, coalesce(t.project_id, t.user_id) AS project_id, t.section_id, ",
            "t.parent_id, ", $position, " AS position, coalesce(t.tags, '[]') AS tags, t.due_date, t.due_at, t.due_zone, ",
            "t.start_date, t.deadline, coalesce(t.reminders, '[]') AS reminders, t.recurrence, t.series_id, t.occurrence, t.completed_at, t.deleted_at, t.version, t.created_at, t.updated_at"
        )
    };
}
pub(super) use columns;

/// A row.
#[derive(Debug, FromRow, Serialize)]
pub(super) struct Row {
    id: Uuid,
    user_id: Uuid,
    title: String,
    description: String,
    priority: i64,
    project_id: Uuid,
    section_id: Option<Uuid>,
    parent_id: Option<Uuid>,
    position: String,
    tags: String,
    due_date: Option<NaiveDate>,
    #[serde(serialize_with = "instant_or_none")]
    due_at: Option<DateTime<Utc>>,
    due_zone: Option<String>,
    start_date: Option<NaiveDate>,
    deadline: Option<NaiveDate>,
    reminders: String,
    recurrence: Option<String>,
    series_id: Option<Uuid>,
    occurrence: Option<NaiveDate>,
    #[serde(serialize_with = "instant_or_none")]
    completed_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "instant_or_none")]
    deleted_at: Option<DateTime<Utc>>,
    version: i64,
    #[serde(serialize_with = "instant")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "instant")]
    updated_at: DateTime<Utc>,
}

impl From<Row> for Task {
    fn from(row: Row) -> Self {
        // A zone that this version does not know leaves the instant: it is then told in UTC.
        let due_zone = row.due_zone.map(|zone| zone.parse().unwrap_or(chrono_tz::UTC));
        Self {
            id: row.id,
            user_id: row.user_id,
            title: row.title,
            description: row.description,
            priority: Priority::of_rank(row.priority),
            project_id: row.project_id,
            section_id: row.section_id,
            parent_id: row.parent_id,
            position: Position::parse(&row.position).unwrap_or_else(|| Position::of(row.id)),
            tags: serde_json::from_str(&row.tags).unwrap_or_default(),
            due_date: row.due_date,
            due_at: row.due_at,
            due_zone,
            start_date: row.start_date,
            deadline: row.deadline,
            reminders: serde_json::from_str(&row.reminders).unwrap_or_default(),
            recurrence: row.recurrence.and_then(|text| serde_json::from_str(&text).ok()),
            series_id: row.series_id,
            occurrence: row.occurrence,
            completed: row.completed_at.is_some(),
            completed_at: row.completed_at,
            deleted_at: row.deleted_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<&Task> for Row {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id,
            user_id: task.user_id,
            title: task.title.clone(),
            description: task.description.clone(),
            priority: task.priority.rank(),
            project_id: task.project_id,
            section_id: task.section_id,
            parent_id: task.parent_id,
            position: task.position.as_str().to_owned(),
            tags: json(&task.tags),
            due_date: task.due_date,
            due_at: task.due_at,
            due_zone: task.due_zone.map(|zone| zone.name().to_owned()),
            start_date: task.start_date,
            deadline: task.deadline,
            reminders: json(&task.reminders),
            recurrence: task.recurrence.as_ref().map(json),
            series_id: task.series_id,
            occurrence: task.occurrence,
            completed_at: task.completed_at,
            deleted_at: task.deleted_at,
            version: task.version,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}
