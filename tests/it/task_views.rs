//! Views, listings with conditions and filters, on both databases.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::support::{Person, World, expect, on_both, problem};

/// A Wednesday, 11 in the morning in Berlin and 19 in the evening in Tokyo.
const NOW: &str = "2026-11-25T10:00:00Z";

async fn world(url: Option<String>) -> World {
    let flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    World::at(Clock::fixed(NOW.parse::<DateTime<Utc>>().unwrap()), &flags).await
}

async fn lives_in(person: &Person<'_>, zone: &str) {
    let profile = Some(json!({ "timeZone": zone }));
    expect(person.send(Method::PATCH, "/api/v1/me", profile, &[("if-match", "*")]).await, 200).await;
}

async fn make(person: &Person<'_>, path: &str, body: Value) -> String {
    let made = expect(person.send(Method::POST, path, Some(body), &[]).await, 201).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn task(person: &Person<'_>, title: &str, rest: Value) -> String {
    // Each at an instant of its own, so that ties are in the order of their making.
    person.world.clock.advance(TimeDelta::milliseconds(1));
    let mut task = rest;
    task["title"] = title.into();
    make(person, "/api/v1/tasks", task).await
}

/// The titles of a listing, by pages of two: nothing is missing and nothing comes twice.
async fn titles(person: &Person<'_>, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("/api/v1/tasks?limit=2&{query}{cursor}")).await;
        all.extend(page["results"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

async fn what_matters_when_is_by_the_persons_day(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    lives_in(&person, "Europe/Berlin").await;
    let add = |title: &'static str, rest: Value| task(&person, title, rest);
    add("no date", json!({})).await;
    add("yesterday", json!({ "dueDate": "2026-11-24" })).await;
    add("an hour ago", json!({ "dueAt": "2026-11-25T09:00:00Z" })).await;
    add("today", json!({ "dueDate": "2026-11-25" })).await;
    add("tonight", json!({ "dueAt": "2026-11-25T23:30" })).await;
    // Tomorrow in Berlin, and still today where it is meant.
    add("far away", json!({ "dueAt": "2026-11-25T19:00", "dueZone": "America/New_York" })).await;
    add("in a week", json!({ "dueDate": "2026-12-02" })).await;
    add("in eight days", json!({ "dueDate": "2026-12-03" })).await;
    add("must be done today", json!({ "dueDate": "2026-11-30", "deadline": "2026-11-25" })).await;
    add("should have been", json!({ "deadline": "2026-11-20" })).await;
    add("not started", json!({ "dueDate": "2026-11-25", "startDate": "2026-11-26" })).await;
    let done = add("done", json!({ "dueDate": "2026-11-25" })).await;
    expect(person.send(Method::POST, &format!("/api/v1/tasks/{done}/complete"), None, &[]).await, 200).await;

    assert_eq!(titles(&person, "view=overdue").await, ["should have been", "yesterday", "an hour ago"]);
    let today = titles(&person, "view=today").await;
    assert_eq!(
        today,
        ["should have been", "yesterday", "an hour ago", "today", "tonight", "must be done today"],
        "ties are in the order they were made in"
    );
    assert_eq!(titles(&person, "view=today&hidden=true").await.len(), 7);
    assert_eq!(titles(&person, "view=upcoming").await, ["far away", "in a week"]);
    // In Tokyo it is evening: what is due tonight in Berlin is due tomorrow morning there.
    lives_in(&person, "Asia/Tokyo").await;
    assert!(titles(&person, "view=upcoming").await.contains(&"tonight".to_owned()));
    assert!(!titles(&person, "view=today").await.contains(&"tonight".to_owned()));
    world.running.stop().await;
}

async fn conditions_hold_together(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let other = world.person("bob@example.org").await;
    let home = make(&person, "/api/v1/projects", json!({ "name": "Home" })).await;
    let cellar = make(&person, &format!("/api/v1/projects/{home}/sections"), json!({ "name": "Cellar" })).await;
    let wine = task(&person, "wine", json!({ "sectionId": cellar, "tags": ["Buy", "red"], "position": "b" })).await;
    task(&person, "paint", json!({ "projectId": home, "tags": ["buy"], "position": "a", "priority": "high" })).await;
    task(&person, "bottle", json!({ "parentId": wine })).await;
    task(&person, "bread", json!({ "tags": ["buy"] })).await;
    task(&other, "theirs", json!({ "tags": ["buy"] })).await;

    assert_eq!(titles(&person, "tag=BUY").await, ["wine", "paint", "bread"]);
    assert_eq!(titles(&person, &format!("tag=buy&project={home}")).await, ["paint", "wine"], "as ordered by hand");
    assert_eq!(titles(&person, &format!("project={home}&sort=created")).await, ["wine", "paint", "bottle"]);
    assert_eq!(titles(&person, &format!("section={cellar}")).await.len(), 2, "a subtask is where its parent is");
    assert_eq!(titles(&person, &format!("parent={wine}")).await, ["bottle"]);
    assert_eq!(titles(&person, &format!("project={}", person.id)).await, ["bread"], "the inbox");
    assert_eq!(titles(&person, &format!("project={home}&sort=-priority")).await[0], "paint");

    // What is archived is hidden where one looks, and not where one asks for it.
    let path = format!("/api/v1/projects/{home}");
    expect(person.send(Method::PATCH, &path, Some(json!({ "archived": true })), &[("if-match", "*")]).await, 200).await;
    assert_eq!(titles(&person, "tag=buy").await, ["bread"]);
    assert_eq!(titles(&person, "tag=buy&hidden=true").await.len(), 3);
    assert_eq!(titles(&person, "").await.len(), 4);
    assert_eq!(titles(&person, "filter=tag%20=%20buy").await.len(), 3);
    world.running.stop().await;
}

async fn filters_are_asked_and_saved(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    lives_in(&person, "Europe/Berlin").await;
    make(&person, "/api/v1/projects", json!({ "name": "Home" })).await;
    let done = task(&person, "done", json!({ "dueDate": "2026-11-26", "tags": ["work"] })).await;
    expect(person.send(Method::POST, &format!("/api/v1/tasks/{done}/complete"), None, &[]).await, 200).await;
    task(&person, "soon", json!({ "dueDate": "2026-11-26", "tags": ["work"] })).await;
    task(&person, "late", json!({ "dueDate": "2026-12-24", "tags": ["home"], "priority": "urgent" })).await;
    task(&person, "O'Neill \"100%\"", json!({})).await;

    let ask = |filter: &'static str| {
        let query: String = url_encode(filter);
        let person = &person;
        async move { titles(person, &format!("filter={query}")).await }
    };
    assert_eq!(ask("done = false && due < now+7d && tag in (home, work)").await, ["soon"]);
    assert_eq!(ask("due < now+7d").await, ["done", "soon"], "a filter is of all tasks");
    assert_eq!(ask("priority = urgent || title like 'neill \"100%'").await, ["late", "O'Neill \"100%\""]);
    assert_eq!(ask("project = inbox && !(tag = work)").await, ["late", "O'Neill \"100%\""]);
    assert_eq!(ask("project = Home").await, Vec::<String>::new());
    assert_eq!(titles(&person, &format!("state=open&filter={}", url_encode("tag = work"))).await, ["soon"]);

    let wrong = person.send(Method::GET, "/api/v1/tasks?filter=deu%20%3C%20now", None, &[]).await;
    let mistake = expect(wrong, 422).await["errors"][0].clone();
    assert_eq!((&mistake["pointer"], &mistake["code"]), (&json!("filter"), &json!("not_a_filter")));
    let detail = mistake["detail"].as_str().unwrap();
    assert!(detail.starts_with("deu < now\n^") && detail.contains("due"), "{detail}");

    // Saved, it is asked by its id; its owner alone may.
    let saved = make(&person, "/api/v1/filters", json!({ "name": "Work", "query": "tag = work && !done" })).await;
    assert_eq!(titles(&person, &format!("filterId={saved}")).await, ["soon"]);
    let other = world.person("bob@example.org").await;
    let theirs = other.send(Method::GET, &format!("/api/v1/tasks?filterId={saved}"), None, &[]).await;
    assert_eq!(problem(theirs, 404).await, "not_found");
    let wrong = json!({ "name": "Wrong", "query": "tag = " });
    let wrong = person.send(Method::POST, "/api/v1/filters", Some(wrong), &[]).await;
    assert_eq!(expect(wrong, 422).await["errors"][0]["pointer"], "/query");
    world.running.stop().await;
}

fn url_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

on_both! {
    what_matters_when_is_by_the_persons_day: views_on_sqlite, real_views_on_postgres;
    conditions_hold_together: conditions_on_sqlite, real_conditions_on_postgres;
    filters_are_asked_and_saved: filters_on_sqlite, real_filters_on_postgres;
}
