//! Labels are bounded sets: ids, paths that are none, methods that nobody knows and what people write make no new series.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use todo::kernel::{Clock, Ids};
use uuid::Uuid;

use super::Checked;
use super::day::{Visitor, flags, metrics};
use crate::process::Process;
use crate::receiver::Receiver;
use crate::support::{PASSWORD, until, uuid_text};

/// Every series, by its name and its labels.
async fn series(client: &Client, process: &Process) -> BTreeSet<String> {
    let text = metrics(client, process).await;
    let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    // A client may open a connection that it does not use, which is ended for it.
    let names = names.map(|(name, _)| name).filter(|name| !name.starts_with("http_server_connection_errors_total"));
    names.map(str::to_owned).collect()
}

/// Those that are there when everything has had its turn: the outbox is empty, and for longer than any worker sleeps nothing
/// was added.
async fn settled(client: &Client, process: &Process) -> BTreeSet<String> {
    let drained = "outbox_backlog 0\n";
    until("the outbox is empty", || async { metrics(client, process).await.contains(drained) }).await;
    let mut before = series(client, process).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(6)).await;
        let now = series(client, process).await;
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("new series come all the time: {before:?}")
}

/// A request of nobody, for something that is not there.
async fn knocks(client: &Client, api: &str, id: Uuid, n: usize) {
    let (method, path) = match n % 4 {
        0 => (Method::GET, format!("/api/v1/tasks/{id}")),
        1 => (Method::DELETE, format!("/api/v1/projects/{id}?x={n}")),
        2 => (Method::GET, format!("/no/{id}/such/{n}")),
        _ => (Method::from_bytes(format!("M{n}").as_bytes()).unwrap(), format!("/api/v1/tasks/{id}")),
    };
    let answer = client.request(method, format!("{api}{path}")).header("x-request-id", format!("r{n}"));
    assert!(answer.send().await.unwrap().status().is_client_error());
}

/// A person's writes and reads, each with ids of its own, of things that are there and of things that are not.
async fn works(person: &Visitor<'_>, id: Uuid, n: usize) {
    let send = async |method: Method, path: &str, body: Value, status: u16| {
        let request = person.client.request(method, format!("{}{path}", person.api)).bearer_auth(&person.token);
        let request = request.header("if-match", "*").header("x-request-id", format!("r{n}-{id}"));
        let request = request.header("idempotency-key", uuid_text()).header("user-agent", format!("a{n}"));
        let answer = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        let (found, answer) = (answer.status(), answer.json::<Value>().await.unwrap_or_default());
        assert_eq!(found, status, "{path}: {answer}");
        answer
    };
    let task = json!({ "title": format!("t{n}"), "description": id, "tags": [format!("tag{}", n % 40)] });
    let task = send(Method::POST, "/api/v1/tasks", task, 201).await;
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    send(Method::PATCH, &path, json!({ "title": format!("t{n}-{id}") }), 200).await;
    send(Method::POST, &format!("{path}/complete"), Value::Null, 200).await;
    send(Method::GET, &format!("{path}/history"), Value::Null, 200).await;
    send(Method::DELETE, &path, Value::Null, 204).await;
    send(Method::GET, &format!("/api/v1/tasks/search?q=t{n}-{id}"), Value::Null, 200).await;
    let hook = json!({ "description": id });
    for (method, path, body) in [
        (Method::PATCH, format!("/api/v1/tasks/{id}"), json!({ "title": id })),
        (Method::PATCH, format!("/api/v1/webhooks/{id}"), hook),
        (Method::POST, format!("/api/v1/webhooks/{id}/test"), Value::Null),
        (Method::POST, format!("/api/v1/webhooks/{id}/deliveries/{id}/redeliver"), Value::Null),
        (Method::GET, format!("/api/v1/series/{id}"), Value::Null),
        (Method::GET, format!("/api/v1/imports/{id}"), Value::Null),
        (Method::DELETE, format!("/api/v1/notifications/{id}"), Value::Null),
        (Method::DELETE, format!("/api/v1/sessions/{id}"), Value::Null),
        (Method::GET, format!("/feeds/{id}"), Value::Null),
    ] {
        send(method, &path, body, 404).await;
    }
}

/// Another person comes, with a webhook of their own, and goes.
async fn comes_and_goes(client: &Client, api: &str, receiver: &Receiver) {
    let person = Visitor::new(client, api, &format!("{}@example.org", uuid_text())).await;
    let before = receiver.arrived().len();
    let hook = json!({ "url": receiver.url, "eventTypes": ["TASK_CREATED"] });
    let hook = person.post("/api/v1/webhooks", hook).await;
    person.post("/api/v1/tasks", json!({ "title": "x" })).await;
    receiver.count(before + 1).await;
    let path = format!("/api/v1/webhooks/{}", hook["id"].as_str().unwrap());
    assert_eq!(person.call(Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(person.call(Method::DELETE, "/api/v1/me", json!({ "password": PASSWORD })).await.0, 204);
}

#[tokio::test]
async fn ten_thousand_ids_make_no_series() {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = flags();
    // Nobody gives up because the machine is slow: that would be a new series too, and tells nothing of ids.
    let patient = [
        "limits.sign_in_address_per_minute=100000",
        "storage.acquire_timeout_ms=20000",
        "http.request_timeout_ms=60000",
        "http.body_read_timeout_ms=60000",
        "webhooks.timeout_ms=30000",
    ];
    flags.extend(patient.map(str::to_owned));
    let process = Process::start(folder.path(), &flags);
    let client = Client::builder().timeout(Duration::from_secs(90)).build().unwrap();
    let ids = Ids::system(Clock::system());
    let person = Visitor::new(&client, &process.api, "ann@example.org").await;
    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url, "eventTypes": ["TASK_CREATED"] });
    person.post("/api/v1/webhooks", hook).await;
    let knock = async |n| knocks(&client, &process.api, ids.uuid(), n).await;
    let work = async |n| works(&person, ids.uuid(), n).await;
    for n in 0..40 {
        knock(n).await;
        work(n).await;
    }
    receiver.count(40).await;
    for _ in 0..2 {
        comes_and_goes(&client, &process.api, &receiver).await;
    }
    let before = settled(&client, &process).await;
    stream::iter(40..10_040).for_each_concurrent(16, knock).await;
    stream::iter(40..240).for_each_concurrent(4, work).await;
    receiver.count(242).await;
    for _ in 0..8 {
        comes_and_goes(&client, &process.api, &receiver).await;
    }
    let after = settled(&client, &process).await;
    // What another worker of this machine keeps waiting may fail, be told of, and be tried again.
    let of_a_busy_machine = ["db_client_operation_errors_total{", "log_events_total{", "consumer_failures_total{"];
    Checked::new().metrics(&metrics(&client, &process).await);
    let new = after.difference(&before).filter(|name| !of_a_busy_machine.iter().any(|one| name.starts_with(one)));
    assert_eq!(new.collect::<Vec<_>>(), [""; 0]);
    for family in
        ["http_server_request_duration", "db_client_operation_duration", "consumer_events", "webhook_deliveries"]
    {
        assert!(before.iter().any(|name| name.starts_with(family)), "{family}: {before:?}");
    }
    assert!(before.iter().any(|name| name.contains("http_request_method=\"_OTHER\"")), "{before:?}");
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}
