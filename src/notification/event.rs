//! What a reader does to notifications, as events: other devices learn of it from the log.

use uuid::Uuid;

use crate::events::Draft as AnyDraft;
use crate::events::contract::{NotificationDeleted, NotificationRead, PayloadOf, UserEvent};

type Draft = AnyDraft<PayloadOf<UserEvent>>;

/// `subject` is the notification, or the account where there are several.
pub(super) fn read(subject: Uuid, notifications: &[Uuid]) -> Draft {
    let payload = NotificationRead { notification_ids: notifications.to_vec() };
    Draft::of(subject, UserEvent::NotificationRead(payload))
}

pub(super) fn deleted(notification: Uuid) -> Draft {
    let payload = NotificationDeleted { notification_ids: vec![notification] };
    Draft::of(notification, UserEvent::NotificationDeleted(payload))
}
