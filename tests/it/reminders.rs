//! Reminders: what they are reckoned from, and that each fires once, on both databases.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::support::{Person, World, expect, on_both, problem, until};

const ANY: [(&str, &str); 1] = [("if-match", "*")];
const NOW: &str = "2026-11-25T10:00:00Z";

async fn world(url: Option<String>) -> World {
    let mut flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    flags.push("auth.access_token_seconds=86400".to_owned());
    World::at(Clock::fixed(NOW.parse().unwrap()), &flags).await
}

async fn make(person: &Person<'_>, body: Value) -> Value {
    expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await
}

fn path(task: &Value) -> String {
    format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())
}

async fn patch(person: &Person<'_>, task: &Value, body: Value) -> Value {
    expect(person.send(Method::PATCH, &path(task), Some(body), &ANY).await, 200).await
}

/// What fired so far: the task's title, when it was set to, and how late it was where it was late.
async fn fired(person: &Person<'_>) -> Vec<(String, String, Value)> {
    let changes = person.get("/api/v1/changes?limit=1000").await;
    let events = changes["results"].as_array().unwrap().iter().map(|change| &change["event"]);
    let fired = events.filter(|event| event["eventType"] == "REMINDER_FIRED").map(|event| &event["payload"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    fired
        .map(|payload| (text(&payload["taskTitle"]), text(&payload["remindAt"]), payload["lateSeconds"].clone()))
        .collect()
}

async fn passes(world: &World, person: &Person<'_>, minutes: i64, expected: &[(&str, &str)]) {
    let before = fired(person).await.len();
    world.clock.advance(TimeDelta::minutes(minutes));
    until("they fire", || async { fired(person).await.len() >= before + expected.len() }).await;
    // What must not fire would have by now.
    let tasks = &world.running.app().tasks;
    while tasks.fire_due().await.unwrap() > 0 {}
    let found = fired(person).await;
    let found: Vec<_> = found[before..].iter().map(|(title, at, _)| (title.as_str(), at.as_str())).collect();
    assert_eq!(found, expected, "after {minutes} minutes");
}

async fn they_fire_once_at_their_time(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let zone = Some(json!({ "timeZone": "Europe/Berlin" }));
    expect(person.send(Method::PATCH, "/api/v1/me", zone, &ANY).await, 200).await;
    let timed = make(
        &person,
        json!({ "title": "call", "dueAt": "2026-11-25T11:00:00Z", "dueZone": "Europe/Berlin",
        "reminders": [{ "minutesBefore": 30 }, { "minutesBefore": 90 }, { "at": "2026-11-25T10:10:00Z" }] }),
    )
    .await;
    let ats: Vec<_> = timed["reminders"].as_array().unwrap().iter().map(|reminder| &reminder["at"]).collect();
    // That of 90 minutes before is past, and never fires.
    assert_eq!(json!(ats), json!(["2026-11-25T09:30:00Z", "2026-11-25T10:10:00Z", "2026-11-25T10:30:00Z"]));
    let daily =
        make(&person, json!({ "title": "day", "dueDate": "2026-11-26", "reminders": [{ "minutesBefore": 1320 }] }))
            .await;
    assert_eq!(daily["reminders"][0], json!({ "at": "2026-11-25T10:00:00Z", "minutesBefore": 1320 }));
    // A day later it is due a day later, and so is what is reckoned from it.
    let daily =
        patch(&person, &daily, json!({ "dueDate": "2026-11-27", "reminders": [{ "minutesBefore": 2770 }] })).await;
    assert_eq!(daily["reminders"][0]["at"], "2026-11-25T09:50:00Z");
    let daily = patch(&person, &daily, json!({ "dueDate": "2026-11-28", "title": "later" })).await;
    assert_eq!(daily["reminders"][0]["at"], "2026-11-26T09:50:00Z");
    passes(&world, &person, 9, &[]).await;
    passes(&world, &person, 1, &[("call", "2026-11-25T10:10:00Z")]).await;
    // An edit of something else brings nothing back, and what is done reminds of nothing.
    patch(&person, &timed, json!({ "title": "call home" })).await;
    passes(&world, &person, 5, &[]).await;
    let (complete, reopen) = (format!("{}/complete", path(&timed)), format!("{}/reopen", path(&timed)));
    expect(person.send(Method::POST, &complete, None, &[]).await, 200).await;
    expect(person.send(Method::POST, &reopen, None, &[]).await, 200).await;
    let other = make(&person, json!({ "title": "no", "reminders": [{ "at": "2026-11-25T10:30:00Z" }] })).await;
    let third = make(&person, json!({ "title": "gone", "reminders": [{ "at": "2026-11-25T10:30:00Z" }] })).await;
    expect(person.send(Method::POST, &format!("{}/complete", path(&other)), None, &[]).await, 200).await;
    assert_eq!(person.send(Method::DELETE, &path(&third), None, &ANY).await.status(), 204);
    passes(&world, &person, 15, &[("call home", "2026-11-25T10:30:00Z")]).await;
    passes(&world, &person, 24 * 60 - 40, &[("later", "2026-11-26T09:50:00Z")]).await;
    until("each is a notification", || async {
        let page = person.get("/api/v1/notifications").await;
        let found = page["results"].as_array().unwrap().iter().filter(|one| one["kind"] == "reminder");
        let titles: Vec<_> = found.map(|one| one["title"].as_str().unwrap().to_owned()).collect();
        titles == ["later", "call home", "call"]
    })
    .await;
    world.running.stop().await;
}

async fn after_an_outage_they_say_that_they_are_late(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    make(&person, json!({ "title": "a", "reminders": [{ "at": "2026-11-25T10:01:00Z" }] })).await;
    passes(&world, &person, 60, &[("a", "2026-11-25T10:01:00Z")]).await;
    assert_eq!(fired(&person).await[0].2, 59 * 60);
    // The account goes with what it would still be told.
    make(&person, json!({ "title": "b", "reminders": [{ "at": "2026-11-25T12:01:00Z" }] })).await;
    let body = Some(json!({ "password": crate::support::PASSWORD }));
    let erased = person.send(Method::DELETE, "/api/v1/me", body, &[]).await;
    assert!(erased.status().is_success());
    world.clock.advance(TimeDelta::days(1));
    assert_eq!(world.running.app().tasks.fire_due().await.unwrap(), 0);
    world.running.stop().await;
}

async fn bad_reminders_are_named(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    for (reminders, code) in [
        (json!([{ "minutesBefore": 5 }]), "needs_due"),
        (json!([{ "at": "noon" }]), "not_an_instant"),
        (json!(vec![json!({ "at": "2026-11-25T10:30:00Z" }); 11]), "too_many"),
    ] {
        let body = Some(json!({ "title": "a", "reminders": reminders }));
        let reply = expect(person.send(Method::POST, "/api/v1/tasks", body, &[]).await, 422).await;
        assert_eq!((&reply["errors"][0]["pointer"], &reply["errors"][0]["code"]), (&json!("/reminders"), &json!(code)));
    }
    // A date that goes takes what is reckoned from it along.
    let body = json!({ "title": "a", "dueDate": "2026-12-01", "reminders": [{ "minutesBefore": 5 }] });
    let task = make(&person, body).await;
    let reply = person.send(Method::PATCH, &path(&task), Some(json!({ "dueDate": null })), &ANY).await;
    assert_eq!(problem(reply, 422).await, "validation_failed");
    world.running.stop().await;
}

/// Many instances look at the same time: each fires once.
async fn many_instances_fire_each_once(url: Option<String>) {
    let flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    let at = (world.clock.now() + TimeDelta::seconds(3)).to_rfc3339();
    for n in 0..40 {
        make(&person, json!({ "title": n.to_string(), "reminders": [{ "at": at }] })).await;
    }
    let tasks = &world.running.app().tasks;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let rounds = (0..8).map(|_| async {
        for _ in 0..5 {
            tasks.fire_due().await.unwrap();
        }
    });
    futures::future::join_all(rounds).await;
    until("all fire", || async { fired(&person).await.len() >= 40 }).await;
    let mut counts = BTreeMap::new();
    for (title, ..) in fired(&person).await {
        *counts.entry(title).or_insert(0) += 1;
    }
    assert!(counts.len() == 40 && counts.values().all(|count| *count == 1), "{counts:?}");
    world.drained().await;
    world.running.stop().await;
}

on_both! {
    they_fire_once_at_their_time: fire_on_sqlite, real_fire_on_postgres;
    after_an_outage_they_say_that_they_are_late: late_on_sqlite, real_late_on_postgres;
    bad_reminders_are_named: bad_on_sqlite, real_bad_on_postgres;
    many_instances_fire_each_once: once_on_sqlite, real_once_on_postgres;
}
