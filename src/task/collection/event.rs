//! What the events of collections say: all of it, then what changed.

use serde_json::json;
use uuid::Uuid;

use super::model::{Collection, Kind};
use crate::events::Draft as AnyDraft;
use crate::events::contract::{CollectionPayload, PayloadOf, UserEvent};
use crate::task::event::changes;

type Draft = AnyDraft<PayloadOf<UserEvent>>;

pub(super) fn created(new: &Collection, change: Uuid) -> Draft {
    let payload = payload(None, new, change);
    let event = match new.kind {
        Kind::Project => UserEvent::ProjectCreated(payload),
        Kind::Section => UserEvent::SectionCreated(payload),
        Kind::Filter => UserEvent::FilterCreated(payload),
        Kind::Tag => UserEvent::TagCreated(payload),
    };
    Draft::of(new.id, event)
}

pub(super) fn updated(before: &Collection, after: &Collection, change: Uuid) -> Draft {
    let payload = payload(Some(before), after, change);
    let event = match after.kind {
        Kind::Project => UserEvent::ProjectUpdated(payload),
        Kind::Section => UserEvent::SectionUpdated(payload),
        Kind::Filter => UserEvent::FilterUpdated(payload),
        Kind::Tag => UserEvent::TagUpdated(payload),
    };
    Draft::of(after.id, event)
}

pub(super) fn deleted(gone: &Collection, change: Uuid) -> Draft {
    let payload = payload(None, gone, change);
    let event = match gone.kind {
        Kind::Project => UserEvent::ProjectDeleted(payload),
        Kind::Section => UserEvent::SectionDeleted(payload),
        Kind::Filter => UserEvent::FilterDeleted(payload),
        Kind::Tag => UserEvent::TagDeleted(payload),
    };
    Draft::of(gone.id, event)
}

fn payload(before: Option<&Collection>, after: &Collection, change: Uuid) -> CollectionPayload {
    CollectionPayload {
        collection_id: after.id,
        title: after.name.clone(),
        project_id: after.project_id,
        color: after.color.clone(),
        query: after.query.clone(),
        position: after.position.as_str().to_owned(),
        archived_at: after.archived_at,
        version: after.version,
        created_at: after.created_at,
        updated_at: after.updated_at,
        change_id: Some(change),
        changes: before.map(|before| changes(&json!(before), &json!(after))).unwrap_or_default(),
    }
}
