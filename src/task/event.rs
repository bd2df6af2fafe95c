//! What a task's events say: the contract's three fields, then all of the task, then what changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Happening, Priority, Task};
use crate::events::Draft;
use crate::events::contract::{FieldChange, PayloadOf, TaskPayload, TaskPriority, TodoEvent};

/// The event of a step from `before` (nothing, for a new task) to `after`. A reader of the log has the whole task and
/// needs no second call.
pub(super) fn draft(before: Option<&Task>, after: &Task, happening: Happening) -> Draft<PayloadOf<TodoEvent>> {
    let payload = TaskPayload {
        task_id: after.id,
        title: after.title.clone(),
        completed: after.completed,
        description: Some(after.description.clone()),
        priority: Some(match after.priority {
            Priority::None => TaskPriority::None,
            Priority::Low => TaskPriority::Low,
            Priority::Medium => TaskPriority::Medium,
            Priority::High => TaskPriority::High,
            Priority::Urgent => TaskPriority::Urgent,
        }),
        due_date: after.due_date,
        version: Some(after.version),
        created_at: Some(after.created_at),
        updated_at: Some(after.updated_at),
        completed_at: after.completed_at,
        deleted_at: after.deleted_at,
        changes: before.map(|before| changes(&json!(before), &json!(after))).unwrap_or_default(),
    };
    let event = match happening {
        Happening::Created => TodoEvent::Created(payload),
        Happening::Updated => TodoEvent::Updated(payload),
        Happening::Completed => TodoEvent::Completed(payload),
        Happening::Deleted => TodoEvent::Deleted(payload),
    };
    Draft::of(after.id, event)
}

/// Each field that differs, with its value before and after; the bookkeeping ones are left out.
fn changes(before: &Value, after: &Value) -> BTreeMap<String, FieldChange> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| !["version", "updatedAt"].contains(&name.as_str()) && before[name.as_str()] != **value)
        .map(|(name, value)| {
            (name.clone(), FieldChange { before: before[name.as_str()].clone(), after: value.clone() })
        })
        .collect()
}
