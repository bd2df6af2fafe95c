//! An ordinary day: what a person does, and what goes wrong, at one process that needs no server.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::process::{Process, token};
use crate::receiver::Receiver;
use crate::support::{PASSWORD, until};

/// What a process must be started with, so that a day can be spent at it.
pub fn flags() -> Vec<String> {
    vec!["webhooks.allow_private=true".to_owned()]
}

pub async fn metrics(client: &Client, process: &Process) -> String {
    client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap()
}

/// A person at a process.
pub struct Visitor<'a> {
    pub client: &'a Client,
    pub api: &'a str,
    pub token: String,
}

impl<'a> Visitor<'a> {
    pub async fn new(client: &'a Client, api: &'a str, email: &str) -> Self {
        Self { client, api, token: token(client, api, email).await }
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.api)).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.header("if-match", "*").send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}

/// What a person does on an ordinary day, and what goes wrong.
pub async fn a_day(client: &Client, process: &Process) {
    let person = Visitor::new(client, &process.api, "ann@example.org").await;
    for n in 0..3 {
        let task = person.post("/api/v1/tasks", json!({ "title": format!("t{n}") })).await;
        person.post(&format!("/api/v1/tasks/{}/complete", task["id"].as_str().unwrap()), Value::Null).await;
    }
    assert_eq!(person.call(Method::POST, "/api/v1/tasks", json!({ "title": "" })).await.0, 422);
    assert_eq!(person.call(Method::GET, "/no/such/thing", Value::Null).await.0, 404);
    what_workers_do(&person).await;
    for what in [
        "task_reminders_fired_total{late=\"false\"} 1",
        "task_occurrences_made_total 2",
        "notifications_created_total{",
    ] {
        until(what, || async { metrics(client, process).await.contains(what) }).await;
    }
    let password = json!({ "currentPassword": PASSWORD, "newPassword": "another horse of course" });
    assert_eq!(person.call(Method::PUT, "/api/v1/me/password", password).await.0, 204);
    let wrong = json!({ "email": "ann@example.org", "password": "wrong wrong" });
    let wrong = client.post(format!("{}/api/v1/sessions", process.api)).json(&wrong);
    assert_eq!(wrong.send().await.unwrap().status(), 401);
}

/// A webhook, a reminder, a series, an import and a stream: what goes on after the answer.
async fn what_workers_do(person: &Visitor<'_>) {
    let stream = person.client.get(format!("{}/api/v1/events", person.api)).bearer_auth(&person.token);
    // The client's own time-out is for all that is read, and a stream goes on.
    let mut stream = stream.timeout(Duration::from_mins(2)).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let receiver = Receiver::start().await;
    person.post("/api/v1/webhooks", json!({ "url": receiver.url, "eventTypes": ["TASK_CREATED"] })).await;
    let now = Clock::system().now();
    let soon = (now + TimeDelta::seconds(2)).to_rfc3339();
    person.post("/api/v1/tasks", json!({ "title": "call", "reminders": [{ "at": soon }] })).await;
    // Its next days have come already, and a worker makes them.
    let rule = json!({ "rule": "FREQ=DAILY;COUNT=3", "skipWhileOpen": false });
    let begins = (now - TimeDelta::days(5)).date_naive();
    person.post("/api/v1/tasks", json!({ "title": "rent", "dueDate": begins, "recurrence": rule })).await;
    let file = person.client.post(format!("{}/api/v1/imports?fileName=Home.csv", person.api));
    let file = file.bearer_auth(&person.token).header("content-type", "text/csv");
    let import = file.body("TYPE,CONTENT\ntask,milk\ntask,bread\n").send().await.unwrap();
    assert_eq!(import.status(), 201);
    let import = format!("/api/v1/imports/{}", import.json::<Value>().await.unwrap()["id"].as_str().unwrap());
    person.post(&format!("{import}/start"), Value::Null).await;
    until("the import is made", || async { person.call(Method::GET, &import, Value::Null).await.1["phase"] == "done" })
        .await;
    receiver.count(1).await;
    let mut said = String::new();
    while !said.contains("TASK_CREATED") {
        let next = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await;
        let next = next.expect("the stream tells of a change").unwrap().expect("the stream goes on");
        said.push_str(&String::from_utf8_lossy(&next));
    }
}
