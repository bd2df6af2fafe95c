//! A bad day: what is told of only where something goes wrong, brought about at a process with TLS whose Loki is away and
//! whose database another hand changes.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::day::{Visitor, metrics};
use crate::process::Process;
use crate::receiver::Receiver;
use crate::support::until;

/// What the process is started with in `folder`, where its certificate is.
pub fn flags(folder: &Path) -> Vec<String> {
    let patience = "[events]\nretry_ladder_ms = [100]\n[webhooks]\nretry_ladder_ms = [100]\n";
    std::fs::write(folder.join("process.toml"), patience).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("http.tls_cert_file={}", file("cert.pem")),
        format!("http.tls_key_file={}", file("key.pem")),
        "http.max_streams=1".to_owned(),
        "limits.sign_in_account_per_minute=4".to_owned(),
        "storage.acquire_timeout_ms=100".to_owned(),
        "webhooks.allow_private=true".to_owned(),
        // Nobody is at home there.
        "telemetry.loki_url=http://127.0.0.1:9".to_owned(),
        "telemetry.probe_seconds=0".to_owned(),
    ]
}

/// Waits until the process tells of it.
async fn told(process: &Process, what: &str) {
    let client = Client::new();
    until(what, || async { metrics(&client, process).await.contains(what) }).await;
}

/// Everything, in an order in which nothing keeps the next one from happening: the database is broken at the end.
pub async fn a_bad_day(process: &Process, folder: &Path) {
    let root = reqwest::Certificate::from_pem(&std::fs::read(folder.join("cert.pem")).unwrap()).unwrap();
    let client = Client::builder().timeout(Duration::from_secs(20)).tls_certs_merge([root]).build().unwrap();
    let person = Visitor::new(&client, &process.api, "ann@example.org").await;
    let url = format!("sqlite:{}/data/todo.db", folder.display());
    let mut hand = SqliteConnection::connect(&url).await.unwrap();
    clients_misbehave(process, &person).await;
    receivers_fail(process, &person).await;
    std::fs::write(folder.join("cert.pem"), "not a certificate").unwrap();
    told(process, "tls_certificate_reloads_total{outcome=\"error\"}").await;
    an_effect_fails(process, &person, &mut hand).await;
    an_event_is_lost(process, &person, &mut hand).await;
    the_pool_is_full(process, &person, &mut hand).await;
    the_database_is_broken(process, &mut hand).await;
}

async fn clients_misbehave(process: &Process, person: &Visitor<'_>) {
    // Somebody who does not speak TLS.
    let mut plain = TcpStream::connect(process.api.trim_start_matches("https://")).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = plain.read_to_end(&mut Vec::new()).await;
    told(process, "http_server_connection_errors_total{stage=\"tls\"} 1").await;
    // One stream more than there may be.
    let stream = || person.client.get(format!("{}/api/v1/events", person.api)).bearer_auth(&person.token).send();
    let (first, second) = (stream().await.unwrap(), stream().await.unwrap());
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 503));
    told(process, "http_server_shed_requests_total 1").await;
    // Hashing the password takes longer than this one waits.
    let account = |n: usize| json!({ "email": format!("bob{n}@example.org"), "password": "correct horse battery" });
    let mut tries = 0;
    while !metrics(&Client::new(), process).await.contains("http_server_aborted_requests_total{") {
        assert!(tries < 200, "nobody went away in time");
        tries += 1;
        let request = person.client.post(format!("{}/api/v1/users", person.api)).json(&account(tries));
        let _ = tokio::time::timeout(Duration::from_millis(10), request.send()).await;
    }
    let wrong = json!({ "email": "nobody@example.org", "password": "wrong wrong" });
    let sign_in = || person.client.post(format!("{}/api/v1/sessions", person.api)).json(&wrong).send();
    until("a limit is met", || async { sign_in().await.unwrap().status() == 429 }).await;
}

/// One says that it is gone, and one is not there at all.
async fn receivers_fail(process: &Process, person: &Visitor<'_>) {
    let receiver = Receiver::start().await;
    receiver.answers(410);
    for url in [&*receiver.url, "http://127.0.0.1:9/hook"] {
        person.post("/api/v1/webhooks", json!({ "url": url, "eventTypes": ["TASK_CREATED"] })).await;
    }
    person.post("/api/v1/tasks", json!({ "title": "x" })).await;
    for what in [
        "webhooks_disabled_total{reason=\"gone\"} 1",
        "webhook_deliveries_total{outcome=\"retried\"}",
        "webhook_deliveries_total{outcome=\"failed\"}",
    ] {
        told(process, what).await;
    }
}

async fn change(hand: &mut SqliteConnection, statement: &'static str) {
    // Before it may write, a writer of the process may have to end.
    hand.execute("PRAGMA busy_timeout = 20000").await.unwrap();
    hand.execute(statement).await.unwrap();
}

/// A consumer that can not write: its event waits, and becomes a dead letter.
async fn an_effect_fails(process: &Process, person: &Visitor<'_>, hand: &mut SqliteConnection) {
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON insights_tasks BEGIN SELECT RAISE(ABORT, 'a trap'); END";
    change(hand, trap).await;
    person.post("/api/v1/tasks", json!({ "title": "y" })).await;
    told(process, "consumer_dead_letters_total{consumer=\"todo-insights\"} 1").await;
    told(process, "consumer_events_total{consumer=\"todo-insights\",outcome=\"failed\"}").await;
    told(process, "dead_letters{topic=\"todo-events\"} 1").await;
    change(hand, "DROP TRIGGER trap").await;
}

/// What the consumer had last is forgotten, as if it had never come.
async fn an_event_is_lost(process: &Process, person: &Visitor<'_>, hand: &mut SqliteConnection) {
    told(process, "outbox_backlog 0").await;
    change(hand, "UPDATE inbox SET last_seq = last_seq - 1 WHERE consumer = 'todo-insights' AND last_seq > 1").await;
    person.post("/api/v1/tasks", json!({ "title": "z" })).await;
    told(process, "consumer_gaps_total{consumer=\"todo-insights\"} 1").await;
}

/// Somebody else writes for longer than the others wait for their turn.
async fn the_pool_is_full(process: &Process, person: &Visitor<'_>, hand: &mut SqliteConnection) {
    change(hand, "BEGIN IMMEDIATE").await;
    let task = json!({ "title": "x" });
    let statuses = async {
        let write = || person.call(Method::POST, "/api/v1/tasks", task.clone());
        let ((one, _), (two, _), (three, _)) = tokio::join!(write(), write(), write());
        [one, two, three]
    };
    let (statuses, ()) = tokio::join!(statuses, async {
        told(process, "db_client_connection_timeouts_total{pool=\"sqlite_write\"}").await;
        change(hand, "ROLLBACK").await;
    });
    // Who gave up waiting may have been a worker.
    assert!(statuses.iter().all(|status| [201, 503].contains(status)), "{statuses:?}");
    until("it writes again", || async { person.call(Method::POST, "/api/v1/tasks", task.clone()).await.0 == 201 })
        .await;
}

/// Nothing can be read of the outbox any more, nor of what waits at the consumers.
async fn the_database_is_broken(process: &Process, hand: &mut SqliteConnection) {
    for table in ["outbox", "relay_members", "relay_leases", "consumer_retries", "reminders", "dead_letters"] {
        let rename = format!("ALTER TABLE {table} RENAME TO {table}_gone");
        change(hand, rename.leak()).await;
    }
    for what in [
        "relay_failures_total{stage=\"lease\"}",
        "consumer_failures_total{consumer=\"todo-insights\"}",
        "db_client_operation_errors_total{",
        "worker_failures_total{worker=\"reminders\"}",
        "dead_letters{topic=\"todo-events\"} NaN",
        // Unknown is not zero: an alert on it must not fall silent.
        "outbox_oldest_unpublished_age_seconds NaN",
        "loki_shipper_errors_total",
    ] {
        told(process, what).await;
    }
}
