//! Recurrence: series and their occurrences, on both databases.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::support::{Person, World, expect, on_both, problem, until};

const ANY: [(&str, &str); 1] = [("if-match", "*")];
/// A Wednesday.
const NOW: &str = "2026-11-25T10:00:00Z";

async fn world(url: Option<String>) -> World {
    let mut flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    flags.push("auth.access_token_seconds=86400".to_owned());
    World::at(Clock::fixed(NOW.parse().unwrap()), &flags).await
}

async fn make(person: &Person<'_>, body: Value) -> Value {
    // Ids are in the order of their instants.
    person.world.clock.advance(TimeDelta::milliseconds(2));
    expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await
}

fn path(task: &Value) -> String {
    format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())
}

async fn call(person: &Person<'_>, method: Method, path: String, body: Option<Value>) -> reqwest::Response {
    person.world.clock.advance(TimeDelta::milliseconds(2));
    person.send(method, &path, body, &ANY).await
}

async fn complete(person: &Person<'_>, task: &Value) -> Value {
    let path = format!("{}/complete?subtasks=complete", path(task));
    expect(call(person, Method::POST, path, None).await, 200).await
}

async fn patch(person: &Person<'_>, task: &Value, reach: &str, body: Value) -> Value {
    expect(call(person, Method::PATCH, format!("{}?series={reach}", path(task)), Some(body)).await, 200).await
}

async fn open(person: &Person<'_>) -> Vec<Value> {
    person.get("/api/v1/tasks?limit=200").await["results"].as_array().unwrap().clone()
}

/// The open tasks: title and due date.
async fn agenda(person: &Person<'_>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut agenda: Vec<_> =
        open(person).await.iter().map(|task| (text(&task["title"]), text(&task["dueDate"]))).collect();
    agenda.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
    agenda
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(title, date)| ((*title).to_owned(), (*date).to_owned())).collect()
}

async fn last(person: &Person<'_>) -> i64 {
    person.get("/api/v1/me/export").await["changes"].as_array().unwrap().last().unwrap()["seq"].as_i64().unwrap()
}

async fn undo(person: &Person<'_>, seq: i64) -> Value {
    expect(call(person, Method::POST, format!("/api/v1/changes/{seq}/undo"), None).await, 200).await
}

fn weekly(title: &str) -> Value {
    json!({ "title": title, "dueDate": "2026-11-25", "recurrence": { "rule": "FREQ=WEEKLY;BYDAY=WE" } })
}

async fn one_is_done_and_the_next_one_comes(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let first = make(&person, weekly("bins")).await;
    assert_eq!(first["recurrence"]["rule"], "FREQ=WEEKLY;BYDAY=WE");
    assert_eq!((&first["occurrence"], &first["recurrence"]["skipWhileOpen"]), (&json!("2026-11-25"), &json!(true)));
    let part = make(&person, json!({ "title": "glass", "parentId": first["id"], "dueDate": "2026-11-24" })).await;
    let below = make(&person, json!({ "title": "brown", "parentId": part["id"] })).await;
    complete(&person, &below).await;
    let done = complete(&person, &first).await;
    // Open again, a week later, with all that was below it.
    assert_eq!(agenda(&person).await, pairs(&[("brown", ""), ("glass", "2026-12-01"), ("bins", "2026-12-02")]));
    let tasks = open(&person).await;
    let next = tasks.iter().find(|task| task["title"] == "bins").unwrap();
    assert_eq!((&next["seriesId"], &next["occurrence"]), (&done["seriesId"], &json!("2026-12-02")));
    assert_eq!(next["position"], first["position"], "it has the place of the one before");
    let glass = tasks.iter().find(|task| task["title"] == "glass").unwrap();
    assert_eq!(glass["parentId"], next["id"]);
    // Undone, it is as it was; done again, the same occurrence comes back.
    undo(&person, last(&person).await).await;
    assert_eq!(agenda(&person).await, pairs(&[("glass", "2026-11-24"), ("bins", "2026-11-25")]));
    complete(&person, &first).await;
    let again = open(&person).await;
    assert!(again.iter().any(|task| task["id"] == next["id"]), "{again:?}");
    // Three weeks late: what came meanwhile is left out.
    world.clock.advance(TimeDelta::hours(23));
    let series = person.get(&format!("/api/v1/series/{}", done["seriesId"].as_str().unwrap())).await;
    assert_eq!((&series["lastDate"], &series["dates"][0]), (&json!("2026-12-02"), &json!("2026-12-09")));
    world.drained().await;
    world.running.stop().await;
}

async fn a_worker_makes_those_that_wait_for_nothing(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let body = json!({ "title": "rent", "dueDate": "2026-11-22", "recurrence": { "rule": "FREQ=DAILY;COUNT=6", "skipWhileOpen": false } });
    let first = make(&person, body).await;
    let dates = |days: std::ops::RangeInclusive<u32>| -> Vec<_> {
        days.map(|day| ("rent".to_owned(), format!("2026-11-{day}"))).collect()
    };
    // Those of the days that came, and the next one: whatever is open.
    until("they are made", || async { agenda(&person).await.len() == 5 }).await;
    assert_eq!(agenda(&person).await, dates(22..=26));
    complete(&person, &first).await;
    world.clock.advance(TimeDelta::hours(20));
    until("the sixth is made", || async { agenda(&person).await.len() == 5 }).await;
    assert_eq!(agenda(&person).await, dates(23..=27));
    assert_eq!(world.running.app().tasks.make_due().await.unwrap(), 0, "these were all");
    let events = person.get("/api/v1/changes?limit=200").await;
    let made = events["results"].as_array().unwrap().iter().filter(|change| change["channel"] == "scheduler");
    assert_eq!(made.count(), 5);
    world.running.stop().await;
}

async fn an_edit_says_how_far_it_reaches(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let title = |title: &str| json!({ "title": title });
    let first = make(&person, weekly("a")).await;
    let asked = call(&person, Method::PATCH, path(&first), Some(title("b"))).await;
    assert_eq!(problem(asked, 409).await, "series_reach");
    // One alone: the next one is as the series has it.
    patch(&person, &first, "this", title("b")).await;
    complete(&person, &first).await;
    assert_eq!(agenda(&person).await, pairs(&[("a", "2026-12-02")]));
    let second = open(&person).await.remove(0);
    // And those after it, on another day.
    patch(
        &person,
        &second,
        "following",
        json!({ "title": "c", "dueDate": "2026-12-03", "recurrence": { "rule": "FREQ=WEEKLY" } }),
    )
    .await;
    complete(&person, &second).await;
    assert_eq!(agenda(&person).await, pairs(&[("c", "2026-12-10")]));
    assert_eq!(person.get(&path(&first)).await["title"], "b", "what is done stays as it was");
    let third = open(&person).await.remove(0);
    let refused = call(
        &person,
        Method::PATCH,
        format!("{}?series=this", path(&third)),
        Some(json!({ "recurrence": { "rule": "FREQ=DAILY" } })),
    );
    assert_eq!(problem(refused.await, 422).await, "validation_failed");
    // Undone with the series: the next one is as it was before.
    patch(&person, &third, "all", title("d")).await;
    undo(&person, last(&person).await).await;
    complete(&person, &third).await;
    assert_eq!(agenda(&person).await, pairs(&[("c", "2026-12-17")]));
    // No series any more.
    let fourth = open(&person).await.remove(0);
    let plain = patch(&person, &fourth, "all", json!({ "recurrence": null })).await;
    assert_eq!((&plain["recurrence"], &plain["seriesId"]), (&Value::Null, &Value::Null));
    complete(&person, &fourth).await;
    assert_eq!(agenda(&person).await, []);
    world.running.stop().await;
}

async fn a_deletion_says_how_far_it_reaches(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let first = make(&person, weekly("a")).await;
    assert_eq!(problem(call(&person, Method::DELETE, path(&first), None).await, 409).await, "series_reach");
    let delete = async |task: &Value, reach: &str| {
        call(&person, Method::DELETE, format!("{}?series={reach}", path(task)), None).await.status().as_u16()
    };
    assert_eq!(delete(&first, "this").await, 204);
    assert_eq!(agenda(&person).await, pairs(&[("a", "2026-12-02")]), "it was left out, and the next one comes");
    let second = open(&person).await.remove(0);
    assert_eq!(delete(&second, "following").await, 204);
    assert_eq!(agenda(&person).await, []);
    assert_eq!(person.get(&format!("/api/v1/series/{}", first["seriesId"].as_str().unwrap())).await["ended"], true);
    undo(&person, last(&person).await).await;
    complete(&person, &second).await;
    assert_eq!(agenda(&person).await, pairs(&[("a", "2026-12-09")]), "it goes on again");
    // All that are open.
    let body = json!({ "title": "r", "dueDate": "2026-11-23", "recurrence": { "rule": "FREQ=DAILY", "skipWhileOpen": false } });
    let daily = make(&person, body).await;
    until("they are made", || async { agenda(&person).await.len() == 5 }).await;
    assert_eq!(delete(&daily, "all").await, 204);
    assert_eq!(agenda(&person).await, pairs(&[("a", "2026-12-09")]));
    world.clock.advance(TimeDelta::hours(23));
    assert_eq!(world.running.app().tasks.make_due().await.unwrap(), 0);
    world.running.stop().await;
}

async fn many_instances_make_each_once(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    for n in 0..8 {
        let recurrence = json!({ "rule": "FREQ=DAILY", "skipWhileOpen": false });
        make(&person, json!({ "title": n.to_string(), "dueDate": "2026-11-20", "recurrence": recurrence })).await;
    }
    let tasks = &world.running.app().tasks;
    let rounds = (0..6).map(|_| async {
        for _ in 0..12 {
            tasks.make_due().await.unwrap();
        }
    });
    futures::future::join_all(rounds).await;
    until("all are made", || async { agenda(&person).await.len() == 8 * 7 }).await;
    let mut found = agenda(&person).await;
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 8 * 7, "each date once");
    world.running.stop().await;
}

async fn a_rule_is_explained(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let shown = person.get("/api/v1/recurrence?rule=every%20last%20workday%20of%20the%20month&start=2026-11-25").await;
    assert_eq!(shown["rule"], "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1");
    assert_eq!((&shown["text"], &shown["dates"][1]), (&json!("every last workday of the month"), &json!("2026-12-31")));
    let refused = person.send(Method::GET, "/api/v1/recurrence?rule=FREQ=DAILY;INTERVAL=x", None, &[]).await;
    let refused = expect(refused, 422).await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("\n                    ^ "), "{refused}");
    world.running.stop().await;
}

on_both! {
    one_is_done_and_the_next_one_comes: next_on_sqlite, real_next_on_postgres;
    a_worker_makes_those_that_wait_for_nothing: worker_on_sqlite, real_worker_on_postgres;
    an_edit_says_how_far_it_reaches: edit_on_sqlite, real_edit_on_postgres;
    a_deletion_says_how_far_it_reaches: delete_on_sqlite, real_delete_on_postgres;
    many_instances_make_each_once: once_on_sqlite, real_once_on_postgres;
    a_rule_is_explained: explained_on_sqlite, real_explained_on_postgres;
}
