//! Tasks over HTTP: one contract, run on the embedded default here and on real servers in `real_*`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Person, World, expect, problem};

/// A person's whole way with tasks. It asserts every reply, and leaves the person's log.
pub async fn journey(person: &Person<'_>) -> Value {
    let task = person.task("Pay rent").await;
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    let edit = Some(json!({ "priority": "high", "dueDate": "2026-12-01" }));

    let response = person.send(Method::PATCH, &path, edit.clone(), &[]).await;
    assert_eq!(problem(response, 428).await, "precondition_required");
    let patched = expect(person.send(Method::PATCH, &path, edit.clone(), &[("if-match", "\"1\"")]).await, 200).await;
    assert_eq!(
        (&patched["priority"], &patched["title"], &patched["version"]),
        (&json!("high"), &json!("Pay rent"), &json!(2))
    );
    let stale = person.send(Method::PATCH, &path, edit, &[("if-match", "\"1\"")]).await;
    assert_eq!(problem(stale, 412).await, "precondition_failed");

    let cleared = person.send(Method::PATCH, &path, Some(json!({ "dueDate": null })), &[("if-match", "*")]).await;
    assert_eq!(expect(cleared, 200).await["dueDate"], Value::Null);
    let whole = Some(json!({ "title": "Pay the rent" }));
    let replaced = expect(person.send(Method::PUT, &path, whole, &[("if-match", "\"3\"")]).await, 200).await;
    assert_eq!((&replaced["title"], &replaced["priority"]), (&json!("Pay the rent"), &json!("none")));

    let fresh = person.send(Method::GET, &path, None, &[("if-none-match", "\"4\"")]).await;
    assert_eq!(fresh.status(), StatusCode::NOT_MODIFIED);
    let done = expect(person.send(Method::POST, &format!("{path}/complete"), None, &[]).await, 200).await;
    assert_eq!(done["completed"], true);
    let again = expect(person.send(Method::POST, &format!("{path}/complete"), None, &[]).await, 200).await;
    assert_eq!(again["version"], done["version"], "completing twice changes nothing");
    expect(person.send(Method::POST, &format!("{path}/reopen"), None, &[]).await, 200).await;
    let gone = person.send(Method::DELETE, &path, None, &[("if-match", "\"6\"")]).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let trashed = person.send(Method::POST, &format!("{path}/complete"), None, &[]).await;
    assert_eq!(problem(trashed, 409).await, "task_in_trash");
    assert_eq!(person.get("/api/v1/tasks?state=trash").await["results"][0]["id"], task["id"]);
    expect(person.send(Method::POST, &format!("{path}/restore"), None, &[]).await, 200).await;

    let log = person.get("/api/v1/changes?since=0").await;
    let types: Vec<_> =
        log["results"].as_array().unwrap().iter().map(|change| change["event"]["eventType"].clone()).collect();
    assert_eq!(
        types,
        [
            "USER_REGISTERED",
            "USER_SIGNED_IN",
            "TASK_CREATED",
            "TASK_UPDATED",
            "TASK_UPDATED",
            "TASK_UPDATED",
            "TASK_COMPLETED",
            "TASK_UPDATED",
            "TASK_DELETED",
            "TASK_UPDATED"
        ]
    );
    let numbers: Vec<_> =
        log["results"].as_array().unwrap().iter().map(|change| change["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    log
}

#[tokio::test]
async fn a_task_goes_its_way_and_every_change_is_an_event() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let log = journey(&person).await;
    world.drained().await;
    let edit = &log["results"][3]["event"]["payload"];
    assert_eq!(edit["changes"]["priority"], json!({ "before": "none", "after": "high" }));
    // The contract's shape, to the letter.
    let created = &log["results"][2]["event"];
    assert_eq!(created["userId"], person.id.to_string());
    assert!(created["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&created["payload"]["title"], &created["payload"]["completed"]), (&json!("Pay rent"), &json!(false)));
    let status = expect(world.client.get(format!("{}/readyz", world.admin)).send().await.unwrap(), 200).await;
    assert_eq!(status["status"], "ready");
    assert_eq!(world.running.stop().await, 0);
}

#[tokio::test]
async fn pages_go_through_everything_once_in_every_order() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    for n in 0..23_u32 {
        let due = (n % 3 == 0).then(|| format!("2026-12-{:02}", n + 1));
        let priority = ["none", "low", "high"][n as usize % 3];
        let body = json!({ "title": format!("task {n}"), "dueDate": due, "priority": priority });
        expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await;
    }
    for sort in ["created", "-created", "-updated", "due", "-priority"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = person.get(&format!("/api/v1/tasks?limit=5&sort={sort}{cursor}")).await;
            seen.extend(page["results"].as_array().unwrap().clone());
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let mut ids: Vec<_> = seen.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((seen.len(), ids.len()), (23, 23), "{sort}");
        if sort == "due" {
            assert_eq!(seen[0]["dueDate"], "2026-12-01");
            assert_eq!(seen[22]["dueDate"], Value::Null);
        }
    }
    world.running.stop().await;
}

#[tokio::test]
async fn bad_input_is_named_and_nothing_is_written() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let post = |body: Value| person.send(Method::POST, "/api/v1/tasks", Some(body), &[]);
    let body = expect(post(json!({ "title": "", "dueDate": "2026-02-30", "priority": "P1" })).await, 422).await;
    let pointers: Vec<_> = body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/title", "/priority", "/dueDate"]);
    assert_eq!(problem(post(json!({ "title": 7 })).await, 422).await, "validation_failed");
    assert_eq!(problem(post(json!({ "title": "x", "color": "red" })).await, 422).await, "validation_failed");
    assert_eq!(problem(post(json!({ "title": "a\u{0}b" })).await, 422).await, "validation_failed");
    let not_json = person.request(Method::POST, "/api/v1/tasks").header("content-type", "application/json").body("{");
    assert_eq!(problem(not_json.send().await.unwrap(), 400).await, "malformed_json");
    let text = person.request(Method::POST, "/api/v1/tasks").header("content-type", "text/plain").body("{}");
    assert_eq!(problem(text.send().await.unwrap(), 415).await, "unsupported_media_type");
    let huge = json!({ "title": "x", "description": "x".repeat(2 << 20) });
    assert_eq!(problem(post(huge).await, 413).await, "body_too_large");
    for path in [
        "/api/v1/tasks?limit=0",
        "/api/v1/tasks?cursor=rubbish",
        "/api/v1/tasks?sort=color",
        "/api/v1/changes?since=-1",
    ] {
        assert_eq!(problem(person.send(Method::GET, path, None, &[]).await, 422).await, "validation_failed", "{path}");
    }
    for path in ["/api/v1/tasks/7", "/api/v1/tasks/0193a7c0-0000-7000-8000-000000000003", "/nowhere"] {
        assert_eq!(problem(person.send(Method::GET, path, None, &[]).await, 404).await, "not_found", "{path}");
    }
    let wrong_method = person.send(Method::DELETE, "/api/v1/tasks", None, &[]).await;
    assert_eq!(problem(wrong_method, 405).await, "method_not_allowed");
    assert_eq!(person.get("/api/v1/tasks?state=all").await["results"], json!([]));
    world.running.stop().await;
}

#[tokio::test]
async fn another_users_task_does_not_exist() {
    let world = World::embedded().await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    let path = format!("/api/v1/tasks/{}", ann.task("secret").await["id"].as_str().unwrap());
    let body = Some(json!({ "title": "mine now" }));
    for (method, suffix, body) in [
        (Method::GET, "", None),
        (Method::PUT, "", body.clone()),
        (Method::PATCH, "", body),
        (Method::DELETE, "", None),
        (Method::POST, "/complete", None),
        (Method::POST, "/reopen", None),
        (Method::POST, "/restore", None),
    ] {
        let response = bob.send(method.clone(), &format!("{path}{suffix}"), body, &[("if-match", "*")]).await;
        assert_eq!(problem(response, 404).await, "not_found", "{method} {suffix}");
    }
    assert_eq!(ann.get(&path).await["version"], 1);
    world.running.stop().await;
}
