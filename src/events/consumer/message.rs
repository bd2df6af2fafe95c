//! A message as a broker hands it over, and the event in it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::events::{Record, Topic};

/// A message with nothing interpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The topic it was read from.
    pub topic: String,
    /// Its partition; 0 in the in-process broker.
    pub partition: i64,
    /// Its offset; in the in-process broker the event's `seq`.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// An event as a consumer gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Where it was published.
    pub topic: Topic,
    /// Whose it is.
    pub user_id: Uuid,
    /// Its number in the user's log.
    pub seq: i64,
    /// Its id.
    pub event_id: Uuid,
    /// The contract's name for what happened.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What happened.
    pub payload: Value,
    /// All of it as JSON, byte for byte as it was written.
    pub value: Arc<str>,
    /// The W3C trace context of the request that did it.
    pub traceparent: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    event_id: Uuid,
    event_type: String,
    timestamp: DateTime<Utc>,
    user_id: Uuid,
    payload: Value,
}

impl Message {
    /// The event. The error says what is wrong without the content.
    pub fn decode(&self) -> Result<Delivery, String> {
        let topic: Topic = self.topic.parse()?;
        let value = self.value.as_deref().ok_or("it has no value")?;
        let value = std::str::from_utf8(value).map_err(|_| "its value is not an event: it is not UTF-8")?;
        let envelope: Envelope = serde_json::from_str(value).map_err(|error| {
            format!(
                "its value is not an event: {:?} at line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            )
        })?;
        let seq = self.header("seq").ok_or("it has no header `seq`")?;
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or("its header `seq` is not a positive number")?;
        let key = self.key.as_deref().and_then(|key| Uuid::try_parse_ascii(key).ok());
        if key != Some(envelope.user_id) {
            return Err("its key is not its user".to_owned());
        }
        Ok(Delivery {
            topic,
            user_id: envelope.user_id,
            seq,
            event_id: envelope.event_id,
            event_type: envelope.event_type,
            occurred_at: envelope.timestamp,
            payload: envelope.payload,
            value: value.into(),
            traceparent: self.header("traceparent").map(str::to_owned),
        })
    }

    /// The value of the first header of this name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The headers as JSON: a list of names with their bytes in base64.
    pub(super) fn headers_json(&self) -> String {
        let pairs: Vec<_> = self.headers.iter().map(|(name, value)| (name, STANDARD.encode(value))).collect();
        serde_json::to_string(&pairs).unwrap_or_default()
    }

    /// The headers from [`Message::headers_json`].
    pub(super) fn headers_from(json: &str) -> Vec<(String, Vec<u8>)> {
        let pairs: Vec<(String, String)> = serde_json::from_str(json).unwrap_or_default();
        pairs.into_iter().map(|(name, value)| (name, STANDARD.decode(value).unwrap_or_default())).collect()
    }
}

impl From<&Record> for Message {
    fn from(record: &Record) -> Self {
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())).collect();
        let mut message = Self {
            topic: record.topic.name().to_owned(),
            partition: 0,
            offset: 0,
            key: Some(record.key.to_string().into_bytes()),
            value: Some(record.value.clone().into_bytes()),
            headers,
        };
        message.offset = message.header("seq").and_then(|seq| seq.parse().ok()).unwrap_or_default();
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "0193a7c0-0000-7000-8000-000000000002";

    fn good() -> Message {
        let value = format!(
            r#"{{"eventId":"0193a7c0-0000-7000-8000-000000000001","eventType":"TASK_CREATED","timestamp":"2026-11-24T09:00:00.000001Z","userId":"{USER}","payload":{{}},"more":1}}"#
        );
        Message {
            topic: "todo-events".to_owned(),
            key: Some(USER.into()),
            value: Some(value.into_bytes()),
            headers: vec![("seq".to_owned(), b"7".to_vec()), ("odd".to_owned(), vec![0xff, 0])],
            ..Message::default()
        }
    }

    #[test]
    fn an_event_with_more_members_than_known_is_read() {
        let delivery = good().decode().unwrap();
        assert_eq!(
            (delivery.seq, delivery.event_type.as_str(), delivery.user_id.to_string().as_str()),
            (7, "TASK_CREATED", USER)
        );
    }

    #[test]
    fn what_cannot_be_an_event_is_named() {
        type Spoil = fn(&mut Message);
        let wrong: [(&str, Spoil); 6] = [
            ("unknown topic", |message| message.topic = "weather".to_owned()),
            ("no value", |message| message.value = None),
            ("not an event", |message| message.value = Some(b"{\xff".to_vec())),
            ("no header `seq`", |message| message.headers.clear()),
            ("positive number", |message| message.headers[0].1 = b"-1".to_vec()),
            ("key", |message| message.key = Some(b"ann".to_vec())),
        ];
        for (says, spoil) in wrong {
            let mut message = good();
            spoil(&mut message);
            let error = message.decode().unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn headers_survive_byte_for_byte() {
        assert_eq!(Message::headers_from(&good().headers_json()), good().headers);
    }
}
