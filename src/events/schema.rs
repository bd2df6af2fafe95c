//! Checks an event against its topic's JSON Schema before it is written: a bad event never commits.

use jsonschema::Validator;
use serde_json::Value;

use super::{Error, Topic};

/// The compiled schemas of all topics.
pub struct Schemas([Validator; 3]);

impl Schemas {
    /// Compiles the schemas that are embedded in the binary.
    pub fn embedded() -> Result<Self, Error> {
        let compile = |topic: Topic| {
            let schema: Value = serde_json::from_str(topic.schema()).map_err(|error| broken(topic, &error))?;
            jsonschema::options().should_validate_formats(true).build(&schema).map_err(|error| broken(topic, &error))
        };
        Ok(Self([compile(Topic::Todo)?, compile(Topic::Chat)?, compile(Topic::User)?]))
    }

    /// Checks `value`; the error says where it does not fit, without its content.
    pub fn check(&self, topic: Topic, value: &Value) -> Result<(), Error> {
        let validator = &self.0[topic as usize];
        if validator.is_valid(value) {
            return Ok(());
        }
        let places: Vec<_> = validator.iter_errors(value).map(|error| error.instance_path().to_string()).collect();
        metrics::counter!(super::metrics::SCHEMA_REFUSED, "topic" => topic.name()).increment(1);
        Err(Error::Schema { topic, reason: format!("it does not fit at {}", places.join(", ")) })
    }
}

fn broken(topic: Topic, error: &dyn std::fmt::Display) -> Error {
    Error::Schema { topic, reason: format!("the schema itself is broken: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn created() -> Value {
        json!({
            "eventId": "0193a7c0-0000-7000-8000-000000000001", "eventType": "TASK_CREATED",
            "timestamp": "2026-11-24T09:00:00.000001Z", "userId": "0193a7c0-0000-7000-8000-000000000002",
            "payload": { "taskId": "0193a7c0-0000-7000-8000-000000000003", "title": "Pay rent", "completed": false }
        })
    }

    #[test]
    fn the_contracts_own_shape_fits() {
        Schemas::embedded().unwrap().check(Topic::Todo, &created()).unwrap();
    }

    #[test]
    fn each_broken_member_is_refused() {
        let schemas = Schemas::embedded().unwrap();
        for (pointer, bad) in [
            ("/eventId", json!("7")),
            ("/eventType", json!("TASK_EATEN")),
            ("/timestamp", json!("yesterday")),
            ("/userId", json!(null)),
            ("/payload/taskId", json!(1)),
            ("/payload/title", json!("")),
            ("/payload/completed", json!("no")),
        ] {
            let mut event = created();
            *event.pointer_mut(pointer).unwrap() = bad;
            let error = schemas.check(Topic::Todo, &event).unwrap_err().to_string();
            assert!(error.contains(pointer), "{pointer}: {error}");
        }
    }

    #[test]
    fn an_address_in_a_user_event_is_refused() {
        let mut event = created();
        event["eventType"] = json!("USER_REGISTERED");
        event["payload"] = json!({ "email": "ann@example.org" });
        assert!(Schemas::embedded().unwrap().check(Topic::User, &event).is_err());
    }

    #[test]
    fn a_schema_names_itself_as_the_header_does() {
        for topic in Topic::ALL {
            let schema: Value = serde_json::from_str(topic.schema()).unwrap();
            assert_eq!(schema["$id"], topic.dataschema());
        }
    }
}
