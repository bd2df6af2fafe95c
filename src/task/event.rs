//! What a task's events say: the contract's three fields, then all of the task, then what changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Happening, Priority, Task};
use super::reminder::Reminder;
use crate::events::Draft;
use crate::events::contract::{FieldChange, PayloadOf, TaskPayload, TaskPriority, TaskReminder, TodoEvent};

/// The event of a step from `before` (nothing, for a new task) to `after`. A reader of the log has the whole task and
/// needs no second call.
pub(super) fn draft(before: Option<&Task>, after: &Task, happening: Happening) -> Draft<PayloadOf<TodoEvent>> {
    of(happening, payload(before, after))
}

/// What an event says of a task.
pub(super) fn payload(before: Option<&Task>, after: &Task) -> TaskPayload {
    TaskPayload {
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
        project_id: Some(after.project_id),
        section_id: after.section_id,
        parent_id: after.parent_id,
        position: Some(after.position.as_str().to_owned()),
        tags: Some(after.tags.clone()),
        due_date: after.due_date,
        due_at: after.due_at,
        due_zone: after.due_zone.map(|zone| zone.name().to_owned()),
        start_date: after.start_date,
        deadline: after.deadline,
        reminders: Some(after.reminders.iter().map(told).collect()),
        recurrence: after.recurrence.as_ref().and_then(|recurrence| json!(recurrence).as_object().cloned()),
        series_id: after.series_id,
        occurrence: after.occurrence,
        version: Some(after.version),
        created_at: Some(after.created_at),
        updated_at: Some(after.updated_at),
        completed_at: after.completed_at,
        deleted_at: after.deleted_at,
        purged_at: None,
        change_id: None,
        changes: before.map(|before| changes(&json!(before), &json!(after))).unwrap_or_default(),
    }
}

fn told(reminder: &Reminder) -> TaskReminder {
    TaskReminder { at: reminder.at, minutes_before: reminder.minutes_before }
}

/// The event of what happened to a task.
pub(super) fn of(happening: Happening, payload: TaskPayload) -> Draft<PayloadOf<TodoEvent>> {
    let task_id = payload.task_id;
    let event = match happening {
        Happening::Created => TodoEvent::Created(payload),
        Happening::Updated => TodoEvent::Updated(payload),
        Happening::Completed => TodoEvent::Completed(payload),
        Happening::Deleted => TodoEvent::Deleted(payload),
    };
    Draft::of(task_id, event)
}

/// Each field that differs, with its value before and after; the bookkeeping ones are left out.
pub(super) fn changes(before: &Value, after: &Value) -> BTreeMap<String, FieldChange> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| !["version", "updatedAt"].contains(&name.as_str()) && before[name.as_str()] != **value)
        .map(|(name, value)| {
            (name.clone(), FieldChange { before: before[name.as_str()].clone(), after: value.clone() })
        })
        .collect()
}
