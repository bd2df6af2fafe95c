//! Many at once: one effect, one winner, nothing lost.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::{Person, World, expect, problem};

/// 100 parallel requests with one key: one task, one reply; the same key with another body is refused.
pub async fn one_key_one_task(person: &Person<'_>) {
    let body = || Some(json!({ "title": "once" }));
    let key = [("idempotency-key", "\"the-key\"")];
    let replies = join_all((0..100).map(|_| async {
        let response = person.send(Method::POST, "/api/v1/tasks", body(), &key).await;
        let (status, location) = (response.status().as_u16(), response.headers().get("location").cloned());
        (status, location.unwrap(), response.text().await.unwrap())
    }))
    .await;
    assert!(replies.iter().all(|reply| reply.0 == 201));
    assert_eq!(replies.iter().map(|reply| (&reply.1, &reply.2)).collect::<std::collections::HashSet<_>>().len(), 1);
    assert_eq!(person.get("/api/v1/tasks").await["results"].as_array().unwrap().len(), 1);
    let other = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "other" })), &key).await;
    assert_eq!(problem(other, 422).await, "idempotency_key_reused");

    // The same for a change: fifty completions with one key are one event.
    let id = person.get("/api/v1/tasks").await["results"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/tasks/{id}/complete");
    let replies = join_all((0..50).map(|_| async {
        expect(person.send(Method::POST, &path, None, &[("idempotency-key", "k2")]).await, 200).await
    }))
    .await;
    assert!(replies.iter().all(|reply| reply == &replies[0]), "one reply");
    assert_eq!(person.get(&format!("/api/v1/tasks/{id}")).await["version"], 2);
}

/// Of 20 edits of the same version one wins; the others are told.
pub async fn one_winner(person: &Person<'_>) {
    let task = person.task("contested").await;
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    let statuses = join_all((0..20).map(|n| {
        let (path, body) = (&path, Some(json!({ "description": format!("by {n}") })));
        async move { person.send(Method::PATCH, path, body, &[("if-match", "\"1\"")]).await.status().as_u16() }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 19, "{statuses:?}");
}

#[tokio::test]
async fn keys_and_versions_hold_on_sqlite() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    one_key_one_task(&person).await;
    one_winner(&person).await;
    world.running.stop().await;
}

#[tokio::test]
async fn two_hundred_writers_lose_nothing_on_sqlite() {
    let world = World::with(&["storage.acquire_timeout_ms=30000".to_owned()]).await;
    let people: Vec<_> = join_all((0..4).map(|n| {
        let world = &world;
        async move { world.person(&format!("p{n}@example.org")).await }
    }))
    .await;
    // 200 writers, three writes each: create, complete, delete.
    let writes = join_all((0..200).map(|n| {
        let person = &people[n % people.len()];
        async move {
            let id = person.task(&format!("task {n}")).await["id"].as_str().unwrap().to_owned();
            expect(person.send(Method::POST, &format!("/api/v1/tasks/{id}/complete"), None, &[]).await, 200).await;
            let gone = person.send(Method::DELETE, &format!("/api/v1/tasks/{id}"), None, &[("if-match", "*")]).await;
            assert_eq!(gone.status().as_u16(), 204);
            id
        }
    }))
    .await;
    assert_eq!(writes.iter().collect::<BTreeSet<_>>().len(), 200);
    world.drained().await;
    for person in &people {
        let log = person.get("/api/v1/changes?since=0&limit=1000").await;
        let numbers: Vec<_> =
            log["results"].as_array().unwrap().iter().map(|change| change["seq"].as_i64().unwrap()).collect();
        // Registered, signed in, and three for each of 50 tasks.
        assert_eq!(numbers, (1..=152).collect::<Vec<_>>());
    }
    world.running.stop().await;
}
