//! Whether two versions of a schema can live side by side, in both directions: consumers with the old one read what
//! producers write by the new one, and the other way round. Pure.
//!
//! **Rule.** The payload is open: a consumer passes over fields that it does not know. So an optional field may be
//! added. Everything that one of the two sides relies on stays: no field goes, none becomes required or stops being
//! it, and no type, list of values or bound becomes narrower (old events would not fit) or wider (old consumers would
//! meet what they do not expect). One list may grow: `eventType`, since a consumer skips an event that it does not
//! know; it never shrinks, since old events stay on the topic.
//!
//! It knows the keywords that the generated schemas use, and says so when it meets another one.

use std::collections::BTreeSet;

use serde_json::Value;

/// Keywords that say something to people only.
const NOTES: [&str; 7] = ["$schema", "$id", "$comment", "title", "description", "examples", "definitions"];
/// Keywords that must be the same in both.
const FIXED: [&str; 8] = ["const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "uniqueItems"];
/// Keywords that are compared each in its own way.
const KNOWN: [&str; 6] = ["type", "enum", "required", "properties", "additionalProperties", "items"];
/// The one list of values that may grow.
const OPEN_LIST: &str = "eventType";

/// What breaks between `old` and `new`, one sentence each; nothing when both can live side by side.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", old, new, &mut found);
    found
}

fn compare(at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let place = if at.is_empty() { "the event" } else { at };
    // `false` forbids, `true` allows anything: neither has keywords.
    if old.is_boolean() || new.is_boolean() {
        if old != new {
            found.push(format!("{place}: what is allowed there has changed"));
        }
        return;
    }
    for keyword in unknown(old).into_iter().chain(unknown(new)).collect::<BTreeSet<_>>() {
        found.push(format!("{place}: the keyword `{keyword}` is not among those that can be compared"));
    }
    if types(old) != types(new) {
        found.push(format!("{place}: its type was {} and is {}", list(&types(old)), list(&types(new))));
    }
    for keyword in FIXED {
        if old[keyword] != new[keyword] {
            found.push(format!("{place}: `{keyword}` was {} and is {}", shown(&old[keyword]), shown(&new[keyword])));
        }
    }
    values(place, at.rsplit('/').next() == Some(OPEN_LIST), old, new, found);
    required(place, old, new, found);
    properties(at, old, new, found);
    let anything = Value::Bool(true);
    for keyword in ["additionalProperties", "items"] {
        let (before, after) = (old.get(keyword).unwrap_or(&anything), new.get(keyword).unwrap_or(&anything));
        compare(&format!("{at}/*"), before, after, found);
    }
}

fn unknown(schema: &Value) -> Vec<&str> {
    let known = |name: &str| NOTES.contains(&name) || FIXED.contains(&name) || KNOWN.contains(&name);
    schema.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).filter(|name| !known(name)).collect()
}

/// The types that a value may have; where only a list of values stands, theirs.
fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => strings(&schema["enum"]).iter().map(|_| "string").collect(),
    }
}

fn values(place: &str, may_grow: bool, old: &Value, new: &Value, found: &mut Vec<String>) {
    if old["enum"].is_array() != new["enum"].is_array() {
        found.push(format!("{place}: it is a closed list of values in one of the two only"));
        return;
    }
    let (before, after) = (strings(&old["enum"]), strings(&new["enum"]));
    for gone in before.difference(&after) {
        found.push(format!("{place}: the value {gone} is gone, and old events have it"));
    }
    for fresh in after.difference(&before).filter(|_| !may_grow) {
        found.push(format!("{place}: the value {fresh} is new, and old consumers do not know it"));
    }
}

fn required(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let (before, after) = (strings(&old["required"]), strings(&new["required"]));
    for name in before.difference(&after) {
        found.push(format!("{place}: `{name}` is not required any more, and old consumers rely on it"));
    }
    for name in after.difference(&before) {
        found.push(format!("{place}: `{name}` is required now, and old events may lack it"));
    }
}

fn properties(at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let empty = serde_json::Map::new();
    let (before, after) =
        (old["properties"].as_object().unwrap_or(&empty), new["properties"].as_object().unwrap_or(&empty));
    for (name, schema) in before {
        match after.get(name) {
            Some(now) => compare(&format!("{at}/{name}"), schema, now, found),
            None => found.push(format!("{at}/{name}: it is gone; a field that was renamed is gone, too")),
        }
    }
    for (name, schema) in after {
        if !before.contains_key(name) && *schema == Value::Bool(false) {
            found.push(format!("{at}/{name}: it is forbidden now, and old events may have it"));
        }
    }
}

fn strings(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn list(types: &BTreeSet<&str>) -> String {
    if types.is_empty() { "any".to_owned() } else { types.iter().copied().collect::<Vec<_>>().join(" or ") }
}

fn shown(value: &Value) -> String {
    if value.is_null() { "free".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "$id": "urn:x:1", "type": "object", "required": ["eventType", "payload"],
            "properties": {
                "eventType": { "enum": ["A", "B"] },
                "payload": {
                    "type": "object", "required": ["title"],
                    "properties": {
                        "title": { "type": "string", "minLength": 1, "maxLength": 500 },
                        "due": { "type": ["string", "null"], "format": "date" },
                        "role": { "enum": ["user", "assistant"] },
                        "ids": { "type": "array", "items": { "type": "string", "format": "uuid" } },
                        "changes": { "type": "object", "additionalProperties": { "type": "object", "required": ["before"] } },
                        "email": false
                    }
                }
            }
        })
    }

    /// What breaks when the value at `pointer` becomes `value`; `null` takes it away.
    fn after(pointer: &str, value: Value) -> Vec<String> {
        let (old, mut new) = (schema(), schema());
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let members = new.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            members.remove(name)
        } else {
            members.insert(name.to_owned(), value)
        };
        breaks(&old, &new)
    }

    const PAYLOAD: &str = "/properties/payload";

    fn payload(rest: &str, value: Value) -> String {
        let found = after(&format!("{PAYLOAD}{rest}"), value);
        assert_eq!(found.len(), 1, "{rest}: {found:?}");
        found.concat()
    }

    #[test]
    fn what_changes_nothing_for_anybody_passes() {
        assert!(breaks(&schema(), &schema()).is_empty());
        assert!(after("/$id", json!("urn:x:2")).is_empty());
        assert!(after("/properties/payload/description", json!("what there is")).is_empty());
        // The type of a list of words is known.
        assert!(
            after("/properties/payload/properties/role", json!({ "type": "string", "enum": ["assistant", "user"] }))
                .is_empty()
        );
    }

    #[test]
    fn an_optional_field_may_come() {
        assert!(after("/properties/payload/properties/note", json!({ "type": "string" })).is_empty());
    }

    #[test]
    fn a_field_may_not_go_become_required_or_stop_being_it() {
        assert!(payload("/properties/due", Value::Null).contains("/payload/due: it is gone"));
        assert!(payload("/required", json!(["title", "due"])).contains("`due` is required now"));
        assert!(payload("/required", json!([])).contains("`title` is not required any more"));
        assert!(payload("/properties/phone", json!(false)).contains("/payload/phone: it is forbidden now"));
        assert!(payload("/properties/email", json!({ "type": "string" })).contains("/payload/email: what is allowed"));
    }

    #[test]
    fn a_renamed_field_is_gone() {
        let mut new = schema();
        let fields = new.pointer_mut("/properties/payload/properties").unwrap().as_object_mut().unwrap();
        let due = fields.remove("due").unwrap();
        fields.insert("dueDate".to_owned(), due);
        assert_eq!(breaks(&schema(), &new).len(), 1);
    }

    #[test]
    fn nothing_becomes_narrower_or_wider() {
        assert!(payload("/properties/title/maxLength", json!(100)).contains("`maxLength` was 500 and is 100"));
        assert!(payload("/properties/title/maxLength", json!(900)).contains("was 500 and is 900"));
        assert!(payload("/properties/title/minLength", Value::Null).contains("was 1 and is free"));
        assert!(payload("/properties/title/pattern", json!("x")).contains("was free and is \"x\""));
        assert!(payload("/properties/due/type", json!("string")).contains("was null or string and is string"));
        assert!(payload("/properties/due/format", json!("date-time")).contains("`format`"));
        assert!(payload("/properties/ids/items/type", json!("integer")).contains("/payload/ids/*"));
        assert!(payload("/properties/ids/items", Value::Null).contains("what is allowed"));
        assert!(payload("/properties/changes/additionalProperties/required", json!([])).contains("`before`"));
        assert!(payload("/additionalProperties", json!(false)).contains("what is allowed"));
    }

    #[test]
    fn only_the_list_of_event_types_grows_and_no_list_shrinks() {
        let names = "/properties/eventType/enum";
        assert!(after(names, json!(["A", "B", "C"])).is_empty());
        assert!(after(names, json!(["A"])).concat().contains("the value B is gone"));
        assert!(!after(names, Value::Null).is_empty());
        assert!(payload("/properties/role/enum", json!(["user", "assistant", "tool"])).contains("tool is new"));
        assert!(payload("/properties/role/enum", json!(["user"])).contains("assistant is gone"));
    }

    #[test]
    fn what_it_does_not_know_it_does_not_pass() {
        assert!(payload("/if", json!({})).contains("the keyword `if`"));
    }
}
