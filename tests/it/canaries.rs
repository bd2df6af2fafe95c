//! No word of a person and no secret is in a log line, a span or a label: each input gets a canary, and none of them is
//! found in what the process tells of itself, at the finest level of its own log.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::receiver::Receiver;
use crate::support::until;
use crate::telemetry::Collector;

const TRACED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// An id of a request that is taken over: if this is not found, nothing would be.
const WITNESS: &str = "witness-of-the-end";

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

/// What a person calls things, beside the tasks: sections, saved filters, rules, webhooks; good and bad.
async fn names_things(person: &Person<'_>, secrets: &mut Vec<String>) {
    let home: Value =
        person.call(Method::POST, "/api/v1/projects", &json!({ "name": "canary-home" })).await.json().await.unwrap();
    let sections = format!("/api/v1/projects/{}/sections", home["id"].as_str().unwrap());
    let day = "2026-11-25";
    for (path, body, status) in [
        (&*sections, json!({ "name": "canary-section" }), 201),
        (&*sections, json!({ "name": "canary-section", "color": "canary-color" }), 422),
        ("/api/v1/filters", json!({ "name": "canary-filter-name", "query": "title = \"canary-value\"" }), 201),
        ("/api/v1/filters", json!({ "name": "canary-other", "query": "canary-field = canary" }), 422),
        ("/api/v1/tasks", json!({ "title": "x", "dueDate": day, "recurrence": { "rule": "every canary-day" } }), 422),
        ("/api/v1/tasks", json!({ "title": "x", "dueDate": day, "recurrence": { "rule": "FREQ=CANARY" } }), 422),
        ("/api/v1/tasks", json!({ "title": { "canary-inner": 1 } }), 422),
        ("/api/v1/tasks", json!({ "title": "x", "priority": "canary-priority" }), 422),
        ("/api/v1/tasks", json!({ "title": "x", "projectId": "canary-id" }), 422),
        ("/api/v1/users", json!({ "email": "canary no address", "password": "canary-2-password" }), 422),
        ("/api/v1/webhooks", json!({ "url": "ftp://canary-user:canary-pass@example.org", "eventTypes": [] }), 422),
        ("/api/v1/webhooks", json!({ "url": "canary-no-url", "eventTypes": ["CANARY_TYPE"] }), 422),
    ] {
        let answer = person.call(Method::POST, path, &body).await;
        assert_eq!(answer.status(), status, "{path}: {body}: {}", answer.text().await.unwrap());
    }
    // One that cannot be found, and one that sends whoever calls it elsewhere.
    let receiver = Receiver::start().await;
    receiver.redirects(302, "http://canary-location.example/canary-there");
    let own = format!("{}&canary-own=canary", receiver.url);
    for url in ["http://canary-host.invalid/canary-path", &own] {
        let hook = json!({ "url": url, "description": "canary-hook-description", "eventTypes": ["TASK_CREATED"] });
        let hook: Value = person.call(Method::POST, "/api/v1/webhooks", &hook).await.json().await.unwrap();
        secrets.push(hook["secret"].as_str().unwrap_or_else(|| panic!("{hook}")).to_owned());
        let path = format!("/api/v1/webhooks/{}", hook["id"].as_str().unwrap());
        person.call(Method::POST, &format!("{path}/test"), &Value::Null).await;
        person.call(Method::PATCH, &path, &json!({ "description": "canary-hook-description-2" })).await;
    }
    for path in [
        "/api/v1/recurrence?rule=every%20canary-rule",
        "/api/v1/recurrence?rule=FREQ=DAILY;CANARY=1&start=canary-start",
        "/api/v1/tasks?sort=canary-sort&cursor=canary-cursor&limit=canary-limit",
        "/api/v1/tasks/canary-task-id",
        "/api/v1/tags/canary-tag-name?canary-key",
        "/api/v1/imports/canary-import-id",
        "/docs/canary-file",
        "/%63anary-%2e%2e/canary%00",
    ] {
        person.call(Method::GET, path, &Value::Null).await;
    }
}

/// In the heads of requests, in forms, and on a connection that is no HTTP at all.
async fn says_it_elsewhere(person: &Person<'_>) {
    for (name, value) in [
        ("idempotency-key", "canary-idempotency"),
        ("idempotency-key", "canary idempotency, twice; \"\""),
        // Not an id that is taken over: it has spaces.
        ("x-request-id", "canary request id"),
        ("if-match", "\"canary-tag\""),
        ("if-none-match", "W/canary-tag"),
        ("cookie", "session=canary-cookie"),
        ("origin", "https://canary-origin.example"),
        ("referer", "https://canary-referer.example/canary"),
        ("x-forwarded-for", "canary-address, 10.0.0.1"),
        ("forwarded", "for=canary-forwarded"),
        ("host", "canary-host.example"),
        ("accept", "canary/accept"),
        ("accept-language", "canary-language"),
        ("content-type", "canary/type; charset=canary"),
        ("traceparent", "canary-traceparent"),
        ("tracestate", "canary=canary-state"),
        ("baggage", "canary=canary-baggage"),
        ("last-event-id", "canary-event-id"),
        ("x-canary-header", "canary-header"),
    ] {
        for (method, path) in [(Method::POST, "/api/v1/tasks"), (Method::GET, "/api/v1/events?since=canary-since")] {
            let request = person.client.request(method, format!("{}{path}", person.api)).bearer_auth(&person.token);
            let request = request.header(name, value);
            let answer =
                if name == "content-type" { request } else { request.json(&json!({ "title": "canary-head" })) };
            drop(answer.send().await.unwrap());
        }
    }
    for (path, form) in [
        ("/oauth2/token", "grant_type=canary-grant"),
        ("/oauth2/token", "grant_type=refresh_token&refresh_token=canary-refresh"),
        ("/oauth2/token", "grant_type=client_credentials&client_id=canary-id&client_secret=canary-secret&scope=canary"),
        ("/oauth2/token", "canary-form=%ZZ&&=canary"),
        ("/oauth2/revoke", "token=canary-revoked&token_type_hint=canary-hint"),
    ] {
        let request = person.client.post(format!("{}{path}", person.api)).basic_auth("canary-client", Some("canary"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        drop(request.send().await.unwrap());
    }
    let method = Method::from_bytes(b"CANARY").unwrap();
    assert!(person.call(method, "/api/v1/tasks", &Value::Null).await.status().is_client_error());
    for bytes in ["CANARY /canary CANARY/1.1\r\n\r\n", "GET /x HTTP/1.1\r\ncanary header\r\n\r\n"] {
        let mut plain = TcpStream::connect(person.api.trim_start_matches("http://")).await.unwrap();
        plain.write_all(bytes.as_bytes()).await.unwrap();
        let _ = plain.read_to_end(&mut Vec::new()).await;
    }
}

/// The database refuses a consumer's work, and then a request's: an error is told of, and what it is about is not.
async fn the_database_refuses(person: &Person<'_>, folder: &Path, told: impl AsyncFn(&str)) {
    let mut hand = SqliteConnection::connect(&format!("sqlite:{}/data/todo.db", folder.display())).await.unwrap();
    for statement in [
        "PRAGMA busy_timeout = 20000",
        "CREATE TRIGGER trap BEFORE INSERT ON insights_tasks BEGIN SELECT RAISE(ABORT, 'a trap'); END",
        "CREATE UNIQUE INDEX trap_of_titles ON tasks (title) WHERE title = 'canary-unique'",
        "CREATE TRIGGER trap_of_tasks BEFORE INSERT ON tasks WHEN new.title = 'canary-refused' \
         BEGIN SELECT RAISE(FAIL, 'a trap'); END",
        "CREATE TRIGGER trap_of_types BEFORE INSERT ON tasks WHEN new.title = 'canary-mistaken' \
         BEGIN SELECT json_extract(new.title, '$'); END",
        // As another version of the program may write it: a text where this one has something else.
        "CREATE TRIGGER trap_of_shapes AFTER INSERT ON events WHEN instr(new.value, 'canary-shape') BEGIN \
         UPDATE events SET value = json_set(value, '$.payload.completed', 'canary-shape') \
         WHERE user_id = new.user_id AND seq = new.seq; END",
    ] {
        hand.execute(statement).await.unwrap();
    }
    for (title, refused) in [
        ("canary-unique", false),
        ("canary-unique", true),
        ("canary-refused", true),
        ("canary-mistaken", true),
        ("canary-shape", false),
    ] {
        let answer = person.call(Method::POST, "/api/v1/tasks", &json!({ "title": title })).await;
        assert_eq!(answer.status() != 201, refused, "{title}: {}", answer.status());
    }
    told("consumer_dead_letters_total{consumer=\"todo-insights\"} 2").await;
    let last = person.client.get(format!("{}/api/v1/me", person.api)).bearer_auth(&person.token);
    assert_eq!(last.header("x-request-id", WITNESS).send().await.unwrap().status(), 200);
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
    let patience = "[events]\nretry_ladder_ms = [100]\n";
    std::fs::write(folder.path().join("process.toml"), patience).unwrap();
    let process = Process::start(folder.path(), &flags);
    let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let mut secrets = Vec::new();
    let person = signs_up(&client, &process.api, &mut secrets).await;
    says_much(&person, &mut secrets).await;
    names_things(&person, &mut secrets).await;
    says_it_elsewhere(&person).await;
    assert!(secrets.len() >= 6 && secrets.iter().all(|secret| secret.len() > 20), "{}", secrets.len());
    let metrics = async || client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    until("the webhook failed", || async { metrics().await.contains("webhook_deliveries_total{outcome=\"retried\"}") })
        .await;
    until("spans have come", || async { collector.texts().contains("/api/v1/tasks/search") }).await;
    let until_told = async |what: &str| until(what, || async { metrics().await.contains(what) }).await;
    the_database_refuses(&person, folder.path(), until_told).await;
    let exemplars = client.get(format!("{}/metrics", process.admin)).header("accept", "application/openmetrics-text");
    let exemplars = exemplars.send().await.unwrap().text().await.unwrap();
    let recent = client.get(format!("{}/recent-errors", process.admin)).send().await.unwrap().text().await.unwrap();
    // The last of what it has to tell comes at its end.
    let (metrics, lines) = (metrics().await, Arc::clone(&process.lines));
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
    let (spans, lines) = (collector.texts(), lines.lock().unwrap().join("\n"));
    assert!(spans.contains(WITNESS) && lines.contains(WITNESS), "what is told of the last request has come");
    let told = [metrics, exemplars, recent, spans, lines].join("\n");
    assert!(told.contains("todo::request") && told.contains("DEBUG"), "the log is fine enough");
    for line in ["an event became a dead letter", "request failed", "request refused", "a delivery was not answered"] {
        assert!(told.contains(line), "the process says `{line}`");
    }
    for secret in &secrets {
        assert!(!told.contains(secret.as_str()), "a secret is told");
    }
    // Bytes, because only ASCII keeps its place in lower case; what is around it says where it comes from.
    let heard = told.to_ascii_lowercase();
    if let Some(at) = heard.find("canary") {
        let around = &told.as_bytes()[at.saturating_sub(300)..told.len().min(at + 100)];
        panic!("a canary sings: …{}…", String::from_utf8_lossy(around));
    }
}
