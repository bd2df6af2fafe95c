//! Quick add over HTTP, on both databases. What a line means is in the tables of `src/quick`.

use reqwest::Method;
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::support::{Person, World, expect, on_both};

/// A Wednesday.
const NOW: &str = "2026-11-25T10:00:00Z";

async fn add(person: &Person<'_>, text: &str) -> Value {
    let body = Some(json!({ "text": text }));
    expect(person.send(Method::POST, "/api/v1/tasks/quick", body, &[]).await, 201).await
}

async fn a_line_becomes_a_task(url: Option<String>) {
    let flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    let world = World::at(Clock::fixed(NOW.parse().unwrap()), &flags).await;
    let person = world.person("ann@example.org").await;
    let zone = Some(json!({ "timeZone": "Europe/Berlin" }));
    expect(person.send(Method::PATCH, "/api/v1/me", zone, &[("if-match", "*")]).await, 200).await;
    let home = Some(json!({ "name": "Home" }));
    let home = expect(person.send(Method::POST, "/api/v1/projects", home, &[]).await, 201).await;
    let garden = format!("/api/v1/projects/{}/sections", home["id"].as_str().unwrap());
    let garden = expect(person.send(Method::POST, &garden, Some(json!({ "name": "Garden" })), &[]).await, 201).await;

    let line = "Pay rent tomorrow 5pm every month #home/garden !1 *errands remind me 30 min before";
    let preview = Some(json!({ "text": line, "preview": true }));
    let preview = expect(person.send(Method::POST, "/api/v1/tasks/quick", preview, &[]).await, 200).await;
    assert_eq!((&preview["task"], &preview["input"]["title"]), (&Value::Null, &json!("Pay rent")));
    let made = add(&person, line).await;
    let task = &made["task"];
    for (name, value) in [
        ("title", json!("Pay rent")),
        ("dueAt", json!("2026-11-26T16:00:00Z")),
        ("dueZone", json!("Europe/Berlin")),
        ("priority", json!("urgent")),
        ("tags", json!(["errands"])),
        ("projectId", home["id"].clone()),
        ("sectionId", garden["id"].clone()),
        ("reminders", json!([{ "at": "2026-11-26T15:30:00Z", "minutesBefore": 30 }])),
    ] {
        assert_eq!(task[name], value, "{name}");
    }
    assert_eq!(task["recurrence"]["rule"], "FREQ=MONTHLY");
    let spans: Vec<_> = made["spans"].as_array().unwrap().iter().map(|span| &span["kind"]).collect();
    assert_eq!(json!(spans), json!(["due", "recurrence", "project", "section", "priority", "tag", "reminder"]));
    assert_eq!(made["spans"], preview["spans"]);
    let at = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    for span in made["spans"].as_array().unwrap() {
        assert_eq!(line[at(&span["start"])..at(&span["end"])], *span["text"].as_str().unwrap());
    }
    world.running.stop().await;
}

async fn what_is_not_certain_stays_and_bad_lines_are_refused(url: Option<String>) {
    let flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    let world = World::at(Clock::fixed(NOW.parse().unwrap()), &flags).await;
    let person = world.person("ann@example.org").await;
    assert_eq!(add(&person, "Buy #unknown stuff").await["task"]["title"], "Buy #unknown stuff");
    let locale = Some(json!({ "locale": "de-DE" }));
    expect(person.send(Method::PATCH, "/api/v1/me", locale, &[("if-match", "*")]).await, 200).await;
    let german = add(&person, "Müll rausbringen morgen jeden zweiten Donnerstag").await;
    assert_eq!(
        (&german["task"]["title"], &german["task"]["dueDate"]),
        (&json!("Müll rausbringen"), &json!("2026-11-26"))
    );
    assert_eq!(german["task"]["recurrence"]["text"], "alle 2 Wochen am Donnerstag");

    // A retry makes one task, and tells the same.
    let retry = async || {
        let body = Some(json!({ "text": "once" }));
        expect(person.send(Method::POST, "/api/v1/tasks/quick", body, &[("idempotency-key", "k")]).await, 201).await
    };
    assert_eq!(retry().await, retry().await);
    assert_eq!(person.get("/api/v1/tasks").await["results"].as_array().unwrap().len(), 3);
    for (text, code) in [("", "required"), ("morgen", "required"), (&"x".repeat(2001), "too_long")] {
        let refused = person.send(Method::POST, "/api/v1/tasks/quick", Some(json!({ "text": text })), &[]).await;
        let refused = expect(refused, 422).await;
        assert_eq!((&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]), (&json!("/text"), &json!(code)));
    }
    let long = Some(json!({ "text": "x".repeat(600) }));
    let refused = expect(person.send(Method::POST, "/api/v1/tasks/quick", long, &[]).await, 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/title");
    world.running.stop().await;
}

on_both! {
    what_is_not_certain_stays_and_bad_lines_are_refused: refused_on_sqlite, real_refused_on_postgres;
    a_line_becomes_a_task: capture_on_sqlite, real_capture_on_postgres;
}
