//! What a webhook's events say: of its address the host, and never a secret.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{DisabledReason, Webhook};
use super::target;
use crate::events::Draft as AnyDraft;
use crate::events::contract::{
    FieldChange, PayloadOf, UserEvent, WebhookCreated, WebhookDeleted, WebhookDisabled, WebhookSecretRotated,
    WebhookUpdated,
};

type Draft = AnyDraft<PayloadOf<UserEvent>>;

pub(super) fn created(webhook: &Webhook) -> Draft {
    let payload = WebhookCreated {
        webhook_id: webhook.id,
        host: target::host(&webhook.url),
        event_types: webhook.event_types.clone().unwrap_or_default(),
    };
    Draft::of(webhook.id, UserEvent::WebhookCreated(payload))
}

pub(super) fn deleted(webhook: &Webhook) -> Draft {
    let payload = WebhookDeleted { webhook_id: webhook.id, host: target::host(&webhook.url) };
    Draft::of(webhook.id, UserEvent::WebhookDeleted(payload))
}

/// The event of a step from `before` to `after`.
pub(super) fn step(before: &Webhook, after: &Webhook) -> Draft {
    let (webhook_id, host) = (after.id, target::host(&after.url));
    let event = match after.disabled_reason {
        _ if after.secret_version != before.secret_version => {
            UserEvent::WebhookSecretRotated(WebhookSecretRotated { webhook_id })
        }
        Some(reason) if before.enabled && reason != DisabledReason::User => {
            UserEvent::WebhookDisabled(WebhookDisabled { webhook_id, host, reason: reason.as_str().to_owned() })
        }
        _ => UserEvent::WebhookUpdated(WebhookUpdated {
            webhook_id,
            host,
            changed: changed(before, after),
            changes: changes(before, after),
        }),
    };
    Draft::of(webhook_id, event)
}

fn changed(before: &Webhook, after: &Webhook) -> Vec<String> {
    let (before, after) = (json!(before.as_input()), json!(after.as_input()));
    let fields = after.as_object().into_iter().flatten();
    fields.filter(|(name, value)| before[name.as_str()] != **value).map(|(name, _)| name.clone()).collect()
}

/// What may be told of what changed.
fn changes(before: &Webhook, after: &Webhook) -> BTreeMap<String, FieldChange> {
    let told = |webhook: &Webhook| -> [(&'static str, Value); 3] {
        [
            ("host", json!(target::host(&webhook.url))),
            ("eventTypes", json!(webhook.event_types)),
            ("enabled", json!(webhook.enabled)),
        ]
    };
    let pairs = told(before).into_iter().zip(told(after));
    let pairs = pairs.filter(|((_, before), (_, after))| before != after);
    pairs.map(|((name, before), (_, after))| (name.to_owned(), FieldChange { before, after })).collect()
}
