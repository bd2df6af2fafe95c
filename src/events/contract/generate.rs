//! Makes the schema of a topic from its types. Only for the test that writes and compares the files: the program
//! carries the files.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;
use serde_json::{Map, Value, json};

use super::{ChatEvent, Envelope, TodoEvent, UserEvent};
use crate::events::Topic;

/// What may be in no payload, whatever the types say.
const FORBIDDEN: [(Topic, &str); 1] = [(Topic::User, "email")];

/// The schema of a topic's values: flat, without references, and with keywords that mean the same in each draft of
/// JSON Schema from 7 on.
pub(super) fn schema(topic: Topic) -> Value {
    let (mut made, about) = match topic {
        Topic::Todo => of::<TodoEvent>(),
        Topic::Chat => of::<ChatEvent>(),
        Topic::User => of::<UserEvent>(),
    };
    let cases = made["oneOf"].take();
    let cases: Vec<_> = cases.as_array().unwrap().iter().map(|case| &case["properties"]).collect();
    let names: Vec<_> = cases.iter().map(|case| case["eventType"]["const"].clone()).collect();
    let mut payload = merge(cases.iter().map(|case| &case["payload"]));
    for (_, name) in FORBIDDEN.iter().filter(|(of, _)| *of == topic) {
        payload["properties"][name] = json!(false);
    }
    let fields = &made["properties"];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": topic.dataschema(),
        "title": topic.name(),
        "description": about,
        "type": "object",
        "required": ["eventId", "eventType", "timestamp", "userId", "payload"],
        "properties": {
            "eventId": fields["eventId"],
            "eventType": { "description": "What happened. Skip one that you do not know.", "type": "string", "enum": names },
            "timestamp": fields["timestamp"],
            "userId": fields["userId"],
            "payload": payload,
        }
    })
}

/// What schemars makes of a topic's envelope, and what the events say of themselves.
fn of<E: JsonSchema>() -> (Value, Value) {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.transforms.push(Box::new(RestrictFormats::default()));
    });
    let mut made = settings.clone().into_generator().into_root_schema_for::<Envelope<E>>().to_value();
    let events = settings.into_generator().into_root_schema_for::<E>().to_value();
    strip(&mut made);
    (made, events["description"].clone())
}

/// One payload with the fields of all; required is what all require.
fn merge<'a>(payloads: impl Iterator<Item = &'a Value>) -> Value {
    let mut fields = Map::new();
    let mut required: Option<BTreeSet<String>> = None;
    for payload in payloads {
        for (name, field) in payload["properties"].as_object().into_iter().flatten() {
            let known = fields.entry(name).or_insert_with(|| field.clone());
            assert_eq!(known, field, "`{name}` means two things on one topic");
        }
        let own: BTreeSet<_> = payload["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect();
        required = Some(required.map_or_else(|| own.clone(), |all| &all & &own));
    }
    json!({ "type": "object", "required": required.unwrap_or_default(), "properties": fields })
}

/// A default is how Rust reads a missing member, and no business of the contract's.
fn strip(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if !members.get("default").is_some_and(|value| value.is_object() && value.get("type").is_some()) {
                members.remove("default");
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
