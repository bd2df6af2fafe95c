//! The history of one task: who changed what, when and through what, from the user's log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::service::Tasks;
use crate::events;
use crate::kernel::{Actor, Cursor, Page};

/// One change of a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number in the log: what `POST /api/v1/changes/{seq}/undo` takes.
    pub seq: i64,
    /// When it happened.
    pub timestamp: String,
    /// `TASK_CREATED`, `TASK_UPDATED`, `TASK_COMPLETED` or `TASK_DELETED`.
    pub event_type: String,
    /// Through what: `person`, `api_token`, `chat`, `scheduler`, `import` or `operator`.
    pub channel: String,
    /// The trace of the request that made it.
    pub trace_id: Option<String>,
    /// The same for all that was changed with it.
    pub change_id: Option<Uuid>,
    /// Field by field, what it was (`before`) and what it is (`after`).
    #[schema(value_type = Object)]
    pub changes: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    timestamp: String,
    event_type: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    change_id: Option<Uuid>,
    #[serde(default)]
    changes: Value,
}

impl Tasks {
    /// A page of the history of a task, newest first. What is older than the log is kept is not there.
    pub async fn history(
        &self,
        actor: &Actor,
        id: Uuid,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Entry>, Error> {
        let before = cursor.map(Cursor::decode::<i64>).transpose()?.unwrap_or(i64::MAX);
        let rows = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let changes = events::changes_of(&self.db, actor.user_id, id, before, rows).await?;
        if changes.is_empty() && cursor.is_none() {
            // Nothing is kept, or there is no such task.
            self.get(actor, id).await?;
        }
        let entry = |change: events::Change| {
            let stored: Stored = serde_json::from_str(change.event.get()).map_err(|error| {
                let reason = format!("stored event {}: {error}", change.seq);
                events::Error::Schema { topic: events::Topic::Todo, reason }
            })?;
            Ok::<_, Error>(Entry {
                seq: change.seq,
                timestamp: stored.timestamp,
                event_type: stored.event_type,
                channel: change.channel,
                trace_id: change.trace_id,
                change_id: stored.payload.change_id,
                changes: stored.payload.changes,
            })
        };
        let entries = changes.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(entries, limit, |entry| entry.seq))
    }
}
