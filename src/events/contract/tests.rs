use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::events::Schemas;
use crate::events::compat::breaks;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/events/schemas")
}

/// With TODO_WRITE_SCHEMAS this writes them instead: `make schemas`.
#[test]
fn the_files_are_what_the_types_say() {
    for topic in Topic::ALL {
        let made = format!("{:#}\n", generate::schema(topic));
        let path = folder().join(format!("{topic}.schema.json"));
        if std::env::var_os("TODO_WRITE_SCHEMAS").is_some() {
            fs::write(&path, &made).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), made, "{}: run `make schemas`", path.display());
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_released_version_reads_the_present_one_and_is_read_by_it() {
    for topic in Topic::ALL {
        let now = generate::schema(topic);
        for (index, released) in topic.released().iter().enumerate() {
            assert_eq!(breaks(&parse(released), &now), Vec::<String>::new(), "{topic} {}", index + 1);
        }
    }
}

#[test]
fn the_version_rises_with_the_first_change_after_a_release() {
    for topic in Topic::ALL {
        let (now, released) = (generate::schema(topic), topic.released());
        assert!(topic.dataschema().ends_with(&format!(":{}", topic.version())));
        assert!((released.len()..=released.len() + 1).contains(&topic.version()), "{topic}");
        if let Some(same) = released.get(topic.version() - 1) {
            // What may grow between two versions may not within one.
            let grows = |schema: &Value| {
                let fields = schema["properties"]["payload"]["properties"].as_object().unwrap().len();
                (fields, schema["properties"]["eventType"]["enum"].as_array().unwrap().len())
            };
            assert_eq!(grows(&now), grows(&parse(same)), "{topic}: raise its version in topic.rs");
        }
    }
}

#[test]
fn every_file_of_a_released_version_is_in_the_program() {
    for topic in Topic::ALL {
        let kept = fs::read_dir(folder().join("released").join(topic.name())).unwrap().count();
        assert_eq!(kept, topic.released().len(), "{topic}: list it in Topic::released");
        for (index, text) in topic.released().iter().enumerate() {
            assert_eq!(parse(text)["$id"], format!("urn:todo:schema:{topic}:{}", index + 1));
        }
    }
}

const ID: &str = "0193a7c0-0000-7000-8000-000000000003";

/// Each event, with the least that its type asks for.
fn all() -> Vec<(Topic, &'static str, Value)> {
    let task = json!({ "taskId": ID, "title": "Pay rent", "completed": false });
    let message = json!({ "conversationId": ID, "messageId": ID, "role": "user", "content": "hello" });
    let failed = json!({ "reason": "wrong_password", "clientHash": "Zm9v" });
    let enabled = json!({ "enabled": { "before": true, "after": false } });
    let updated = json!({ "webhookId": ID, "host": "example.com", "changed": ["enabled"], "changes": enabled });
    let collection = json!({
        "collectionId": ID, "title": "Home", "position": "i", "version": 1,
        "createdAt": "2026-11-24T09:00:00Z", "updatedAt": "2026-11-24T09:00:00Z",
    });
    let collection = |event_type| (Topic::User, event_type, collection.clone());
    vec![
        (Topic::Todo, "TASK_CREATED", task.clone()),
        (Topic::Todo, "TASK_UPDATED", task.clone()),
        (Topic::Todo, "TASK_COMPLETED", task.clone()),
        (Topic::Todo, "TASK_DELETED", task),
        (Topic::Chat, "MESSAGE_SENT", message.clone()),
        (Topic::Chat, "CONVERSATION_CREATED", message),
        (Topic::User, "USER_REGISTERED", json!({ "timeZone": "UTC", "locale": "en" })),
        (Topic::User, "USER_SIGNED_IN", json!({ "sessionId": ID })),
        (Topic::User, "USER_SIGNED_OUT", json!({ "sessionId": ID })),
        (Topic::User, "USER_SIGN_IN_FAILED", failed),
        (Topic::User, "USER_PROFILE_UPDATED", json!({ "changed": ["locale"] })),
        (Topic::User, "USER_PASSWORD_CHANGED", json!({})),
        (Topic::User, "USER_SESSIONS_REVOKED", json!({ "sessionIds": [ID], "reason": "revoked" })),
        (Topic::User, "USER_API_TOKEN_CREATED", json!({ "apiTokenId": ID, "scopes": ["tasks:read"] })),
        (Topic::User, "USER_API_TOKEN_REVOKED", json!({ "apiTokenId": ID })),
        (Topic::User, "NOTIFICATION_READ", json!({ "notificationIds": [ID] })),
        (Topic::User, "NOTIFICATION_DELETED", json!({ "notificationIds": [ID] })),
        (Topic::User, "WEBHOOK_CREATED", json!({ "webhookId": ID, "host": "example.com", "eventTypes": [] })),
        (Topic::User, "WEBHOOK_UPDATED", updated),
        (Topic::User, "WEBHOOK_DELETED", json!({ "webhookId": ID, "host": "example.com" })),
        (Topic::User, "WEBHOOK_DISABLED", json!({ "webhookId": ID, "host": "example.com", "reason": "gone" })),
        (Topic::User, "WEBHOOK_SECRET_ROTATED", json!({ "webhookId": ID })),
        (
            Topic::User,
            "REMINDER_FIRED",
            json!({ "taskId": ID, "taskTitle": "Pay rent", "remindAt": "2026-11-24T09:00:00Z" }),
        ),
        collection("PROJECT_CREATED"),
        collection("PROJECT_UPDATED"),
        collection("PROJECT_DELETED"),
        collection("SECTION_CREATED"),
        collection("SECTION_UPDATED"),
        collection("SECTION_DELETED"),
        collection("FILTER_CREATED"),
        collection("FILTER_UPDATED"),
        collection("FILTER_DELETED"),
        collection("TAG_CREATED"),
        collection("TAG_UPDATED"),
        collection("TAG_DELETED"),
        (Topic::User, "USER_ERASED", json!({})),
    ]
}

/// Reads the event as a consumer does, and makes it again as a slice does.
fn again<E: Contract + serde::de::DeserializeOwned>(event: &Value) -> (&'static str, Value) {
    let read: Envelope<E> = serde_json::from_value(event.clone()).unwrap();
    let draft = Draft::of(read.user_id, read.event);
    (draft.event_type, json!(draft.payload))
}

#[test]
fn every_event_fits_its_schema_and_comes_through_its_type_whole() {
    let (schemas, events) = (Schemas::embedded().unwrap(), all());
    for (topic, event_type, payload) in &events {
        let event = json!({
            "eventId": ID, "eventType": event_type, "timestamp": "2026-11-24T09:00:00.000001Z", "userId": ID,
            "payload": payload,
        });
        schemas.check(*topic, &event).unwrap();
        let (made_type, made) = match topic {
            Topic::Todo => again::<TodoEvent>(&event),
            Topic::Chat => again::<ChatEvent>(&event),
            Topic::User => again::<UserEvent>(&event),
        };
        assert_eq!(made_type, *event_type);
        for (name, value) in payload.as_object().unwrap() {
            assert_eq!(made[name], *value, "{event_type} {name}");
        }
        schemas
            .check(
                *topic,
                &json!({ "eventId": ID, "eventType": made_type, "timestamp": event["timestamp"],
            "userId": ID, "payload": made }),
            )
            .unwrap();
    }
    // The list above forgets none.
    for topic in Topic::ALL {
        let named = generate::schema(topic)["properties"]["eventType"]["enum"].clone();
        let listed: Vec<_> = events.iter().filter(|event| event.0 == topic).map(|event| event.1).collect();
        assert_eq!(named, json!(listed));
    }
}

#[test]
fn a_payload_without_what_its_type_promises_is_no_event() {
    for (topic, event_type, payload) in all().into_iter().filter(|event| event.0 == Topic::User) {
        for name in payload.as_object().unwrap().keys() {
            let mut less = payload.clone();
            less.as_object_mut().unwrap().remove(name);
            let event = json!({ "eventType": event_type, "payload": less });
            assert!(serde_json::from_value::<UserEvent>(event).is_err(), "{topic} {event_type} without {name}");
        }
    }
}
