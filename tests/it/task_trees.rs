//! Trees of tasks, their order and the trash, on both databases.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::support::{Person, World, expect, on_both, problem};

fn flags(url: Option<String>) -> Vec<String> {
    url.into_iter().map(|url| format!("storage.url={url}")).collect()
}

async fn make(person: &Person<'_>, task: Value) -> Value {
    expect(person.send(Method::POST, "/api/v1/tasks", Some(task), &[]).await, 201).await
}

async fn child(person: &Person<'_>, title: &str, parent: &Value) -> Value {
    make(person, json!({ "title": title, "parentId": parent["id"] })).await
}

fn path(task: &Value) -> String {
    format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())
}

async fn again(person: &Person<'_>, task: &Value) -> Value {
    person.get(&path(task)).await
}

async fn act(person: &Person<'_>, task: &Value, what: &str) -> reqwest::Response {
    person.send(Method::POST, &format!("{}/{what}", path(task)), None, &[]).await
}

async fn patch(person: &Person<'_>, task: &Value, patch: Value) -> reqwest::Response {
    person.send(Method::PATCH, &path(task), Some(patch), &[("if-match", "*")]).await
}

async fn shift(person: &Person<'_>, task: &Value, to: Value) -> reqwest::Response {
    person.send(Method::POST, &format!("{}/move", path(task)), Some(to), &[]).await
}

/// The first mistake of a 422: pointer and code.
async fn mistake(response: reqwest::Response) -> (String, String) {
    let problem = expect(response, 422).await;
    let text = |member: &str| problem["errors"][0][member].as_str().unwrap().to_owned();
    (text("pointer"), text("code"))
}

fn says(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

async fn a_tree_is_done_deleted_and_restored_as_one(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let person = world.person("ann@example.org").await;
    let root = make(&person, json!({ "title": "Move house" })).await;
    assert_eq!(root["projectId"], person.id.to_string(), "the inbox is the project whose id is the account's");
    let boxes = child(&person, "Pack", &root).await;
    let books = child(&person, "Books", &boxes).await;
    let early = child(&person, "Deleted before", &root).await;
    assert_eq!(person.send(Method::DELETE, &path(&early), None, &[("if-match", "*")]).await.status(), 204);

    // Done: it asks first, and what it is told is one transaction.
    assert_eq!(problem(act(&person, &root, "complete").await, 409).await, "open_subtasks");
    assert_eq!(problem(patch(&person, &root, json!({ "completed": true })).await, 409).await, "open_subtasks");
    assert_eq!(again(&person, &root).await["version"], 1);
    let before = person.get("/api/v1/changes?since=0").await["lastSeq"].as_i64().unwrap();
    expect(act(&person, &root, "complete?subtasks=complete").await, 200).await;
    let log = person.get(&format!("/api/v1/changes?since={before}")).await;
    let changes = log["results"].as_array().unwrap();
    let done: Vec<_> = changes.iter().map(|change| change["event"]["payload"]["title"].as_str().unwrap()).collect();
    assert_eq!(done, ["Move house", "Pack", "Books"]);
    assert!(changes.iter().all(|change| change["event"]["eventType"] == "TASK_COMPLETED"));
    assert_eq!(again(&person, &early).await["completed"], false, "the trash is left alone");
    for task in [&books, &boxes, &root] {
        expect(act(&person, task, "reopen").await, 200).await;
    }
    expect(act(&person, &boxes, "complete?subtasks=keep").await, 200).await;
    assert_eq!(again(&person, &books).await["completed"], false);

    // Deleted and restored: what went with it comes with it.
    assert_eq!(person.send(Method::DELETE, &path(&root), None, &[("if-match", "*")]).await.status(), 204);
    assert_eq!(person.get("/api/v1/tasks?state=trash").await["results"].as_array().unwrap().len(), 4);
    expect(act(&person, &books, "restore").await, 200).await;
    assert_eq!(again(&person, &books).await["parentId"], Value::Null, "its parent is in the trash");
    expect(act(&person, &root, "restore").await, 200).await;
    assert_eq!(again(&person, &boxes).await["deletedAt"], Value::Null);
    assert_ne!(again(&person, &early).await["deletedAt"], Value::Null, "it was deleted for itself");
    world.drained().await;
    world.running.stop().await;
}

async fn a_place_is_looked_up(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let (person, other) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    let theirs = other.task("Not hers").await;
    let post = |task: Value| person.send(Method::POST, "/api/v1/tasks", Some(task), &[]);
    for (member, id) in [("parentId", &theirs["id"]), ("projectId", &theirs["id"]), ("sectionId", &theirs["id"])] {
        let wrong = mistake(post(json!({ "title": "x", member: id })).await).await;
        assert_eq!(wrong, says(&format!("/{member}"), "unknown"));
    }
    // Eight levels, the uppermost included.
    let mut line = vec![make(&person, json!({ "title": "1" })).await];
    for level in 2..=8 {
        let parent = line.last().unwrap().clone();
        line.push(child(&person, &level.to_string(), &parent).await);
    }
    let ninth = post(json!({ "title": "9", "parentId": line[7]["id"] })).await;
    assert_eq!(mistake(ninth).await, says("/parentId", "too_deep"));
    let cycle = patch(&person, &line[0], json!({ "parentId": line[7]["id"] })).await;
    assert_eq!(mistake(cycle).await, says("/parentId", "cycle"));
    let cycle = shift(&person, &line[3], json!({ "parentId": line[3]["id"] })).await;
    assert_eq!(mistake(cycle).await, says("/parentId", "cycle"));
    // A tree that is too high for its new place.
    let top = make(&person, json!({ "title": "top" })).await;
    let high = shift(&person, &line[0], json!({ "parentId": top["id"] })).await;
    assert_eq!(mistake(high).await, says("/parentId", "too_deep"));
    let fits = expect(shift(&person, &line[1], json!({ "parentId": top["id"] })).await, 200).await;
    assert_eq!(fits["parentId"], top["id"]);
    // Under what is in the trash there is no place.
    assert_eq!(person.send(Method::DELETE, &path(&line[0]), None, &[("if-match", "*")]).await.status(), 204);
    let trashed = post(json!({ "title": "x", "parentId": line[0]["id"] })).await;
    assert_eq!(mistake(trashed).await, says("/parentId", "unknown"));
    world.running.stop().await;
}

async fn siblings(person: &Person<'_>, parent: &Value) -> Vec<String> {
    let all = person.get("/api/v1/tasks?limit=200").await;
    let mut children: Vec<_> =
        all["results"].as_array().unwrap().iter().filter(|task| task["parentId"] == parent["id"]).collect();
    children.sort_by_key(|task| task["position"].as_str().unwrap());
    children.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

async fn order_is_by_hand(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let person = world.person("ann@example.org").await;
    let root = make(&person, json!({ "title": "root" })).await;
    let mut tasks = Vec::new();
    for title in ["a", "b", "c", "d"] {
        tasks.push(child(&person, title, &root).await);
        // Positions are made of the time, in milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(siblings(&person, &root).await, ["a", "b", "c", "d"]);
    for (task, to, order) in [
        (3, json!({ "to": "start" }), ["d", "a", "b", "c"]),
        (0, json!({ "to": "end" }), ["d", "b", "c", "a"]),
        (1, json!({ "after": tasks[2]["id"] }), ["d", "c", "b", "a"]),
        (0, json!({ "before": tasks[2]["id"] }), ["d", "a", "c", "b"]),
        (3, json!({ "after": tasks[1]["id"] }), ["a", "c", "b", "d"]),
        (2, json!({ "before": tasks[0]["id"] }), ["c", "a", "b", "d"]),
    ] {
        let version = again(&person, &tasks[task]).await["version"].as_i64().unwrap();
        let moved = expect(shift(&person, &tasks[task], to.clone()).await, 200).await;
        assert_eq!(moved["version"], version + 1, "{to}");
        assert_eq!(siblings(&person, &root).await, order, "{to}");
    }
    let (a, root) = (&tasks[0], &root);
    let away = json!({ "after": root["id"], "parentId": root["id"] });
    assert_eq!(mistake(shift(&person, a, away).await).await, says("/before", "contradiction"));
    let both = json!({ "after": tasks[1]["id"], "to": "end" });
    assert_eq!(mistake(shift(&person, a, both).await).await, says("/to", "contradiction"));
    assert_eq!(mistake(shift(&person, a, json!({ "after": a["id"] })).await).await, says("/before", "unknown"));
    // Out of the tree, beside its root.
    let out = expect(shift(&person, a, json!({ "after": root["id"] })).await, 200).await;
    assert_eq!(out["parentId"], Value::Null);
    world.running.stop().await;
}

async fn tags_and_times_read_back(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let person = world.person("ann@example.org").await;
    let profile = Some(json!({ "timeZone": "Europe/Berlin" }));
    expect(person.send(Method::PATCH, "/api/v1/me", profile, &[("if-match", "*")]).await, 200).await;
    let task =
        make(&person, json!({ "title": "x", "dueAt": "2026-12-01T17:00", "tags": ["work", "Home", "home"] })).await;
    assert_eq!(task["tags"], json!(["Home", "work"]));
    let due = |task: &Value| ["dueDate", "dueAt", "dueZone"].map(|member| task[member].clone());
    assert_eq!(due(&task), ["2026-12-01", "2026-12-01T16:00:00Z", "Europe/Berlin"].map(Value::from));
    assert_eq!(again(&person, &task).await, task);
    let plain = person.task("plain").await;
    assert_eq!(again(&person, &plain).await, plain);
    // A patch of something else leaves the instant, whatever the account's zone is by then.
    let profile = Some(json!({ "timeZone": "Asia/Tokyo" }));
    expect(person.send(Method::PATCH, "/api/v1/me", profile, &[("if-match", "*")]).await, 200).await;
    let patched = expect(patch(&person, &task, json!({ "tags": ["work"] })).await, 200).await;
    assert_eq!((due(&patched), &patched["tags"]), (due(&task), &json!(["work"])));
    let dated = expect(patch(&person, &task, json!({ "dueAt": null, "dueDate": "2026-12-03" })).await, 200).await;
    assert_eq!(due(&dated), [json!("2026-12-03"), Value::Null, Value::Null]);
    let log = person.get("/api/v1/changes?since=0&limit=1000").await;
    let last = log["results"].as_array().unwrap().last().unwrap()["event"]["payload"].clone();
    assert_eq!(last["changes"]["dueAt"], json!({ "before": "2026-12-01T16:00:00Z", "after": null }));
    world.running.stop().await;
}

async fn the_trash_is_emptied_after_thirty_days(url: Option<String>) {
    let clock = Clock::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let world = World::api_only(clock.clone(), &flags(url)).await;
    let mut person = world.person("ann@example.org").await;
    let (gone, kept) = (make(&person, json!({ "title": "gone", "tags": ["x"] })).await, person.task("kept").await);
    assert_eq!(person.send(Method::DELETE, &path(&gone), None, &[("if-match", "*")]).await.status(), 204);
    clock.advance(TimeDelta::days(20));
    person.signs_in("ann@example.org").await;
    assert_eq!(person.send(Method::DELETE, &path(&kept), None, &[("if-match", "*")]).await.status(), 204);
    assert_eq!(world.running.app().tasks.empty_trash(100).await.unwrap(), 0);
    clock.advance(TimeDelta::days(11));
    assert_eq!(world.running.app().tasks.empty_trash(100).await.unwrap(), 1);
    assert_eq!(world.running.app().tasks.empty_trash(100).await.unwrap(), 0);
    person.signs_in("ann@example.org").await;
    let trash = person.get("/api/v1/tasks?state=trash").await;
    assert_eq!(trash["results"].as_array().unwrap().iter().map(|task| &task["title"]).collect::<Vec<_>>(), ["kept"]);
    let log = person.get("/api/v1/changes?since=0&limit=1000").await;
    let purged = |change: &&Value| change["event"]["payload"]["purgedAt"].is_string();
    let last: Vec<_> = log["results"].as_array().unwrap().iter().filter(purged).collect();
    assert_eq!(last.len(), 1);
    assert_eq!((&last[0]["channel"], &last[0]["event"]["payload"]["title"]), (&json!("scheduler"), &json!("gone")));
    world.running.stop().await;
}

on_both! {
    a_tree_is_done_deleted_and_restored_as_one: tree_on_sqlite, real_tree_on_postgres;
    a_place_is_looked_up: place_on_sqlite, real_place_on_postgres;
    order_is_by_hand: order_on_sqlite, real_order_on_postgres;
    tags_and_times_read_back: times_on_sqlite, real_times_on_postgres;
    the_trash_is_emptied_after_thirty_days: trash_on_sqlite, real_trash_on_postgres;
}
