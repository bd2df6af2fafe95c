//! The rows of insights, as the database gives them and as JSON takes them there.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use sqlx::FromRow;
use uuid::Uuid;

use super::model::{Counted, Facts};

fn instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    // Of one length, so that texts are in the order of the instants.
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn instant_or_none<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// A row of a task.
#[derive(Debug, FromRow, Serialize)]
pub(super) struct TaskRow {
    pub(super) user_id: Uuid,
    pub(super) generation: i64,
    pub(super) task_id: Uuid,
    seq: i64,
    #[serde(serialize_with = "instant")]
    created_at: DateTime<Utc>,
    due_date: Option<NaiveDate>,
    #[serde(serialize_with = "instant_or_none")]
    completed_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "instant_or_none")]
    deleted_at: Option<DateTime<Utc>>,
    created_on: NaiveDate,
    completed_on: Option<NaiveDate>,
    overdue_from: Option<NaiveDate>,
    overdue_until: Option<NaiveDate>,
}

impl TaskRow {
    pub(super) fn new(user_id: Uuid, generation: i64, task_id: Uuid, facts: &Facts, counted: &Counted) -> Self {
        Self {
            user_id,
            generation,
            task_id,
            seq: facts.seq,
            created_at: facts.created_at,
            due_date: facts.due_date,
            completed_at: facts.completed_at,
            deleted_at: facts.deleted_at,
            created_on: counted.created_on,
            completed_on: counted.completed_on,
            overdue_from: counted.overdue.map(|(from, _)| from),
            overdue_until: counted.overdue.and_then(|(_, until)| until),
        }
    }

    pub(super) fn parts(self) -> (Facts, Counted) {
        let facts = Facts {
            seq: self.seq,
            created_at: self.created_at,
            due_date: self.due_date,
            completed_at: self.completed_at,
            deleted_at: self.deleted_at,
        };
        let overdue = self.overdue_from.map(|from| (from, self.overdue_until));
        (facts, Counted { created_on: self.created_on, completed_on: self.completed_on, overdue })
    }
}

/// A zone that a user has from an instant on.
#[derive(Debug, Serialize)]
pub(super) struct ZoneRow {
    pub(super) user_id: Uuid,
    pub(super) generation: i64,
    pub(super) seq: i64,
    #[serde(serialize_with = "instant")]
    pub(super) since: DateTime<Utc>,
    pub(super) time_zone: String,
}

/// A user, and the time of their last event.
#[derive(Debug, Serialize)]
pub(super) struct UserRow {
    pub(super) user_id: Uuid,
    #[serde(serialize_with = "instant_or_none")]
    pub(super) as_of: Option<DateTime<Utc>>,
}

/// A user's generation.
#[derive(Debug, Serialize)]
pub(super) struct UserKey {
    pub(super) user_id: Uuid,
    pub(super) generation: i64,
}

/// A task in a generation.
#[derive(Debug, Serialize)]
pub(super) struct TaskKey {
    pub(super) user_id: Uuid,
    pub(super) generation: i64,
    pub(super) task_id: Uuid,
}

/// A user's generation, since an instant.
#[derive(Debug, Serialize)]
pub(super) struct SinceRow {
    pub(super) user_id: Uuid,
    pub(super) generation: i64,
    #[serde(serialize_with = "instant")]
    pub(super) since: DateTime<Utc>,
}

/// What is added to a day.
#[derive(Debug, Serialize)]
pub(super) struct DayRow {
    pub(super) user_id: Uuid,
    pub(super) generation: i64,
    pub(super) day: NaiveDate,
    pub(super) created: i64,
    pub(super) completed: i64,
}
