//! One who listens to server-sent events.

use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::Person;

/// One who listens.
pub struct Tap {
    event: &'static str,
    number: &'static str,
    response: Response,
    text: String,
    /// The last id, as a browser keeps it.
    pub last_id: String,
    pub comments: usize,
}

impl Tap {
    /// To notifications.
    pub async fn notifications(person: &Person<'_>, query: &str, last_id: Option<&str>) -> Self {
        let path = format!("/api/v1/notifications/stream{query}");
        Self::open(person, &path, last_id, ("notification", "number")).await
    }

    /// To changes.
    pub async fn changes(person: &Person<'_>, query: &str, last_id: Option<&str>) -> Self {
        Self::open(person, &format!("/api/v1/events{query}"), last_id, ("change", "seq")).await
    }

    async fn open(person: &Person<'_>, path: &str, last_id: Option<&str>, names: (&'static str, &'static str)) -> Self {
        let mut request = person.request(Method::GET, path);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let (event, number) = names;
        Self { event, number, response, text: String::new(), last_id: String::new(), comments: 0 }
    }

    /// One block, up to its empty line; `None`: the stream has ended.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event's data.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            self.comments += usize::from(block.starts_with(':'));
            if let Some(id) = field("id: ") {
                id.clone_into(&mut self.last_id);
            }
            if let Some(data) = field("data: ") {
                assert_eq!(field("event: "), Some(self.event));
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(data[self.number].to_string(), self.last_id);
                return Some(data);
            }
        }
    }
}
