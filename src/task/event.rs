//! What a task's events say: the contract's three fields, then all of the task, then what changed.

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::model::{Happening, Task};
use crate::events::{Draft, Topic};

/// The payload of an event on `todo-events`. The first three are the contract's; the others are extra, so that a
/// reader of the log has the whole task and needs no second call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    task_id: Uuid,
    #[serde(flatten)]
    task: Value,
    changes: Map<String, Value>,
}

/// The event of a step from `before` (nothing, for a new task) to `after`.
pub(super) fn draft(before: Option<&Task>, after: &Task, happening: Happening) -> Draft<Payload> {
    let event_type = match happening {
        Happening::Created => "TASK_CREATED",
        Happening::Updated => "TASK_UPDATED",
        Happening::Completed => "TASK_COMPLETED",
        Happening::Deleted => "TASK_DELETED",
    };
    let mut task = json!(after);
    if let Some(fields) = task.as_object_mut() {
        fields.remove("id");
    }
    let changes = before.map(|before| changes(&json!(before), &task)).unwrap_or_default();
    Draft {
        topic: Topic::Todo,
        event_type,
        subject_id: after.id,
        payload: Payload { task_id: after.id, task, changes },
    }
}

/// Each field that differs, with its value before and after; the bookkeeping ones are left out.
fn changes(before: &Value, after: &Value) -> Map<String, Value> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| !["version", "updatedAt"].contains(&name.as_str()) && before[name.as_str()] != **value)
        .map(|(name, value)| (name.clone(), json!({ "before": before[name.as_str()], "after": value })))
        .collect()
}
