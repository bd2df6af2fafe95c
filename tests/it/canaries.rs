//! No word of a person and no secret is in a log line, a span or a label: each input gets a canary, and none of them is
//! found in what the process tells of itself, at the finest level of its own log.

use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::process::Process;
use crate::support::until;
use crate::telemetry::Collector;

const TRACED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Person<'a> {
    client: &'a Client,
    api: &'a str,
    token: String,
}

impl Person<'_> {
    async fn call(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.api)).bearer_auth(&self.token);
        let request =
            request.header("traceparent", TRACED).header("if-match", "*").header("user-agent", "canary-agent");
        let request = if body.is_null() { request } else { request.json(body) };
        request.send().await.unwrap()
    }
}

/// An account, what it is refused, and its secrets.
async fn signs_up<'a>(client: &'a Client, api: &'a str, secrets: &mut Vec<String>) -> Person<'a> {
    let mut person = Person { client, api, token: "canary-token".to_owned() };
    let account =
        json!({ "email": "canary-mail@example.org", "password": "canary-password-1", "displayName": "canary-name" });
    person.call(Method::GET, "/api/v1/me", &Value::Null).await;
    assert_eq!(person.call(Method::POST, "/api/v1/users", &account).await.status(), 201);
    let wrong = json!({ "email": "canary-mail@example.org", "password": "canary-guess" });
    assert_eq!(person.call(Method::POST, "/api/v1/sessions", &wrong).await.status(), 401);
    let pair: Value = person.call(Method::POST, "/api/v1/sessions", &account_of(&account)).await.json().await.unwrap();
    for member in ["access_token", "refresh_token"] {
        secrets.push(pair[member].as_str().unwrap().to_owned());
    }
    person.token = secrets[0].clone();
    person
}

fn account_of(account: &Value) -> Value {
    json!({ "email": account["email"], "password": account["password"] })
}

/// Every kind of input that has a text in it, good and bad.
async fn says_much(person: &Person<'_>, secrets: &mut Vec<String>) {
    let project = json!({ "name": "canary-project" });
    assert_eq!(person.call(Method::POST, "/api/v1/projects", &project).await.status(), 201);
    let task = json!({ "title": "canary-title", "description": "canary-description", "tags": ["canary-tag"] });
    let made: Value = person.call(Method::POST, "/api/v1/tasks", &task).await.json().await.unwrap();
    let path = format!("/api/v1/tasks/{}", made["id"].as_str().unwrap());
    for (method, path, body) in [
        (Method::PATCH, path.as_str(), json!({ "title": "canary-title-2", "dueDate": "canary-date" })),
        (Method::POST, "/api/v1/tasks", json!({ "title": "canary\u{0}null", "canaryMember": "canary-value" })),
        (
            Method::POST,
            "/api/v1/tasks/quick",
            json!({ "text": "canary-quick tomorrow 5pm *canary-label every canary" }),
        ),
        (Method::POST, "/api/v1/tasks/bulk", json!({ "items": [{ "op": "canary-op" }] })),
        (
            Method::GET,
            "/api/v1/tasks?filter=title%20%3D%20canary-filter%20%26%26%20deu%20%3C%20canary-when",
            Value::Null,
        ),
        (
            Method::GET,
            "/api/v1/tasks?filter=title%20like%20%22canary-like%22&canary-query=canary-parameter",
            Value::Null,
        ),
        (Method::GET, "/api/v1/tasks/search?q=canary-search", Value::Null),
        (Method::GET, "/api/v1/canary-path/canary-segment", Value::Null),
        (Method::GET, "/feeds/canary-feed-secret", Value::Null),
        (Method::POST, "/oauth2/token", json!({ "grant_type": "canary-grant" })),
        (Method::PATCH, "/api/v1/me", json!({ "displayName": "canary-name-2", "timeZone": "canary-zone" })),
    ] {
        person.call(method, path, &body).await;
    }
    let token = json!({ "name": "canary-token-name", "scopes": "tasks:read" });
    let token: Value = person.call(Method::POST, "/api/v1/me/api-tokens", &token).await.json().await.unwrap();
    secrets.push(token["secret"].as_str().unwrap().to_owned());
    let hook = json!({ "url": "http://127.0.0.1:9/canary-hook?key=canary-key", "eventTypes": ["TASK_CREATED"] });
    let hook: Value = person.call(Method::POST, "/api/v1/webhooks", &hook).await.json().await.unwrap();
    secrets.extend(hook["secret"].as_str().map(str::to_owned));
    // The webhook's receiver is not there.
    assert_eq!(person.call(Method::POST, "/api/v1/tasks", &json!({ "title": "canary-hooked" })).await.status(), 201);
    let bad = person.client.post(format!("{}/api/v1/tasks", person.api)).bearer_auth(&person.token);
    bad.header("content-type", "application/json").body("{\"title\": canary-json").send().await.unwrap();
    let file = person
        .client
        .post(format!("{}/api/v1/imports?fileName=canary-file.csv", person.api))
        .bearer_auth(&person.token);
    let file =
        file.header("content-type", "text/csv").body("TYPE,CONTENT\ntask,canary-import\nrubbish,canary-rubbish\n");
    file.send().await.unwrap();
}

#[tokio::test]
async fn no_canary_is_in_what_the_process_tells() {
    let (collector, endpoint) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        format!("telemetry.otlp_endpoint={endpoint}"),
        "telemetry.log_filter=info,todo=trace".to_owned(),
        "webhooks.allow_private=true".to_owned(),
    ];
    let process = Process::start(folder.path(), &flags);
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let mut secrets = Vec::new();
    let person = signs_up(&client, &process.api, &mut secrets).await;
    says_much(&person, &mut secrets).await;
    assert!(secrets.len() >= 3 && secrets.iter().all(|secret| secret.len() > 20), "{}", secrets.len());
    let metrics = async || client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    until("the webhook failed", || async { metrics().await.contains("webhook_deliveries_total{outcome=\"retried\"}") })
        .await;
    until("spans have come", || async { collector.texts().contains("/api/v1/tasks/search") }).await;
    let recent = client.get(format!("{}/recent-errors", process.admin)).send().await.unwrap().text().await.unwrap();
    let told = [metrics().await, recent, collector.texts(), process.lines.lock().unwrap().join("\n")].join("\n");
    assert!(told.contains("todo::request") && told.contains("DEBUG"), "the log is fine enough");
    for secret in &secrets {
        assert!(!told.contains(secret.as_str()), "a secret is told");
    }
    if let Some(at) = told.to_lowercase().find("canary") {
        let (from, to) =
            (told[..at].rfind('\n').map_or(0, |end| end + 1), told[at..].find('\n').map_or(told.len(), |end| at + end));
        panic!("a canary sings: {}", &told[from..to]);
    }
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}
