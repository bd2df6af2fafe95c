//! The schema registry's client and watch, with a registry that misbehaves.

use std::process::{Command, Output};

use axum::Router;
use axum::http::StatusCode;
use serde_json::Value;

use crate::process::TODO;
use crate::support::{World, until};

/// `todo schemas COMMAND` with the registry at `url`, each call in at most `timeout_ms`.
pub async fn schemas(command: &str, url: &str, timeout_ms: u32) -> Output {
    let (command, url) = (command.to_owned(), format!("schema_registry.url={url}"));
    let timeout = format!("schema_registry.timeout_ms={timeout_ms}");
    let run = move || {
        let flags = ["--set", &url, "--set", &timeout];
        Command::new(TODO).args(["schemas", &command]).args(flags).env_remove("TODO_CONFIG").output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// What a command that failed says: one line, and exit code 1.
pub fn sentence(output: &Output) -> String {
    let says = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), says.lines().count()), (Some(1), 1), "{says}");
    says
}

/// A registry that gives every request the same answer.
async fn always(status: u16, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(move || async move { (StatusCode::from_u16(status).unwrap(), body) });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// The check of readiness, and whether requests should come.
pub async fn ready(world: &World) -> (StatusCode, Value) {
    let response = world.client.get(format!("{}/readyz", world.admin)).send().await.unwrap();
    let status = StatusCode::from_u16(response.status().as_u16()).unwrap();
    let report: Value = response.json().await.unwrap();
    let all = report["checks"].as_array().unwrap();
    (status, all.iter().find(|check| check["name"] == "schema_registry").cloned().unwrap_or_default())
}

#[tokio::test]
async fn what_goes_wrong_is_one_sentence_and_exit_1() {
    let says = sentence(&schemas("check", "", 500).await);
    assert!(says.contains("schema_registry.url is empty"), "{says}");
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusal = r#"{ "error_code": 409, "message": "it is\n  incompatible" }"#;
    for (url, wanted) in [
        (format!("http://{closed}"), "cannot be reached"),
        (format!("http://{}", deaf.local_addr().unwrap()), "does not answer in time"),
        (always(401, "").await, "refuses who asks (401)"),
        (always(409, refusal).await, "refuses: 409, it is incompatible"),
        (always(500, r#"{ "message": "out of order" }"#).await, "fails with 500, out of order"),
        (always(404, "<html>").await, "answers no registry's answer: 404"),
        (always(200, "<html>").await, "answers no registry's answer: 200"),
        (always(200, "{}").await, "answers no registry's answer"),
    ] {
        // Only the one that never answers costs its time-out.
        let timeout_ms = if wanted.ends_with("in time") { 500 } else { 30_000 };
        for command in ["list", "push"] {
            let says = sentence(&schemas(command, &url, timeout_ms).await);
            assert!(says.contains(wanted), "{command} {wanted}: {says}");
        }
    }
}

#[tokio::test]
async fn a_registry_that_is_down_at_the_start_keeps_no_request_away_and_a_clear_no_does() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let world = World::with(&[format!("schema_registry.url=http://{closed}")]).await;
    until("the registry was asked", || async {
        ready(&world).await.1["detail"].as_str().is_some_and(|says| says.contains("cannot be reached"))
    })
    .await;
    let (status, check) = ready(&world).await;
    assert_eq!((status, &check["status"], &check["critical"]), (StatusCode::OK, &"failing".into(), &false.into()));
    world.running.stop().await;

    let empty = always(404, r#"{ "error_code": 40401 }"#).await;
    let world = World::with(&[format!("schema_registry.url={empty}")]).await;
    until("it says no", || async { ready(&world).await.0 == StatusCode::SERVICE_UNAVAILABLE }).await;
    let detail = ready(&world).await.1["detail"].to_string();
    assert!(detail.contains("urn:todo:schema:todo-events:2 is not registered: run `todo schemas push`"), "{detail}");
    world.running.stop().await;
}
