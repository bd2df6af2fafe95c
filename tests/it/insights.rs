//! Insights: what the product's first consumer makes of people's days, on both databases.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use todo::events::consumer::{Ladder, Message, Processor};
use todo::insights::{Projector, rebuild, rebuild_all};
use todo::kernel::{Clock, Ids};
use todo::storage::Sql;
use uuid::Uuid;

use crate::support::{PASSWORD, Person, World, expect, on_both, problem, until};

/// Half an hour to midnight in Berlin.
const EVENING: &str = "2026-11-24T22:30:00Z";

async fn world(url: Option<String>) -> World {
    let flags: Vec<_> = url.map(|url| format!("storage.url={url}")).into_iter().collect();
    World::at(Clock::fixed(EVENING.parse().unwrap()), &flags).await
}

async fn in_berlin<'a>(world: &'a World, email: &str) -> Person<'a> {
    let person = world.person(email).await;
    let profile = Some(json!({ "timeZone": "Europe/Berlin" }));
    expect(person.send(Method::PATCH, "/api/v1/me", profile, &[("if-match", "*")]).await, 200).await;
    person
}

/// Time goes by, and the person signs in again: an access token lives for minutes.
async fn later(person: &mut Person<'_>, email: &str, by: TimeDelta) {
    person.world.clock.advance(by);
    let tokens = person.world.sign_in(email).await;
    tokens["access_token"].as_str().unwrap().clone_into(&mut person.token);
}

async fn make(person: &Person<'_>, body: Value) -> String {
    let task = expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await;
    format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())
}

async fn post(person: &Person<'_>, path: &str, what: &str) {
    expect(person.send(Method::POST, &format!("{path}/{what}"), None, &[]).await, 200).await;
}

async fn delete(person: &Person<'_>, path: &str) {
    let gone = person.send(Method::DELETE, path, None, &[("if-match", "*")]).await;
    assert_eq!(gone.status().as_u16(), 204);
}

const DAYS: &str = "/api/v1/insights?from=2026-11-24&to=2026-11-26";

/// Created, completed and overdue of the three days from the 24th on, and the streak, once everything was published.
async fn figures(person: &Person<'_>) -> (Vec<[i64; 3]>, i64) {
    person.world.drained().await;
    let report = person.get(DAYS).await;
    let number = |day: &Value, name: &str| day[name].as_i64().unwrap();
    let days = report["days"].as_array().unwrap().iter();
    let days = days.map(|day| [number(day, "created"), number(day, "completed"), number(day, "overdue")]).collect();
    (days, report["streak"].as_i64().unwrap())
}

/// The rows of a user.
async fn rows(world: &World, user_id: Uuid) -> i64 {
    const ROWS: Sql = Sql {
        summary: "test.rows",
        postgres: "SELECT (SELECT count(*) FROM insights_users WHERE user_id = $1) + (SELECT count(*) FROM insights_zones \
            WHERE user_id = $1) + (SELECT count(*) FROM insights_tasks WHERE user_id = $1) + (SELECT count(*) FROM \
            insights_days WHERE user_id = $1)",
        sqlite: "SELECT (SELECT count(*) FROM insights_users WHERE user_id = $1) + (SELECT count(*) FROM insights_zones \
            WHERE user_id = $1) + (SELECT count(*) FROM insights_tasks WHERE user_id = $1) + (SELECT count(*) FROM \
            insights_days WHERE user_id = $1)",
    };
    let mut exec = world.running.app().db.read().await.unwrap();
    todo::sql!(fetch_one (i64,) => exec, ROWS, user_id).unwrap().0
}

/// A consumer beside the one of the service, for what comes in another order or once more.
fn processor(world: &World) -> (Processor, Ids) {
    let ids = Ids::system(world.clock.clone());
    let db = world.running.app().db.clone();
    (Processor::new(db, Arc::new(Projector), world.clock.clone(), ids.clone(), Ladder::new(&[1_000])), ids)
}

fn message(ids: &Ids, user: Uuid, (topic, kind): (&str, &str), seq: i64, payload: &Value) -> Message {
    let value =
        json!({ "eventId": ids.uuid(), "eventType": kind, "timestamp": EVENING, "userId": user, "payload": payload });
    Message {
        topic: topic.to_owned(),
        key: Some(user.to_string().into_bytes()),
        value: Some(value.to_string().into_bytes()),
        headers: vec![("seq".to_owned(), seq.to_string().into_bytes())],
        ..Message::default()
    }
}

/// Days are the person's, and follow what is done to tasks.
async fn a_day_counts_what_happened_on_it(url: Option<String>) {
    let world = world(url).await;
    let mut ann = in_berlin(&world, "ann@example.org").await;
    let (rent, milk) = (
        make(&ann, json!({ "title": "rent", "dueDate": "2026-11-23" })).await,
        make(&ann, json!({ "title": "milk" })).await,
    );
    post(&ann, &milk, "complete").await;
    assert_eq!(figures(&ann).await, (vec![[2, 1, 1], [0, 0, 1], [0, 0, 1]], 1));
    // Past midnight in Berlin, and still the 24th elsewhere.
    later(&mut ann, "ann@example.org", TimeDelta::hours(1)).await;
    let cake = make(&ann, json!({ "title": "cake", "dueDate": "2026-11-25", "completed": true })).await;
    assert_eq!(figures(&ann).await, (vec![[2, 1, 1], [1, 1, 1], [0, 0, 1]], 2));
    post(&ann, &cake, "reopen").await;
    assert_eq!(figures(&ann).await, (vec![[2, 1, 1], [1, 0, 1], [0, 0, 2]], 1));
    post(&ann, &rent, "complete").await;
    assert_eq!(figures(&ann).await, (vec![[2, 1, 1], [1, 1, 0], [0, 0, 1]], 2));
    delete(&ann, &milk).await;
    delete(&ann, &cake).await;
    assert_eq!(figures(&ann).await, (vec![[2, 1, 1], [1, 1, 0], [0, 0, 0]], 2));
    post(&ann, &cake, "restore").await;
    let due = Some(json!({ "dueDate": null }));
    expect(ann.send(Method::PATCH, &cake, due, &[("if-match", "*")]).await, 200).await;
    assert_eq!(figures(&ann).await, (vec![[2, 1, 1], [1, 1, 0], [0, 0, 0]], 2));
    post(&ann, &milk, "restore").await;
    post(&ann, &milk, "reopen").await;
    assert_eq!(figures(&ann).await, (vec![[2, 0, 1], [1, 1, 0], [0, 0, 0]], 1));

    let report = ann.get("/api/v1/insights").await;
    assert_eq!((&report["from"], &report["to"]), (&json!("2026-10-27"), &json!("2026-11-25")));
    assert_eq!((&report["timeZone"], &report["asOf"]), (&json!("Europe/Berlin"), &json!("2026-11-24T23:30:00Z")));
    assert_eq!(report["totals"], json!({ "created": 3, "completed": 1 }));
    assert_eq!(report["days"].as_array().unwrap().len(), 30);
    // The streak lives on yesterday's completion until today is over.
    later(&mut ann, "ann@example.org", TimeDelta::days(1)).await;
    assert_eq!(figures(&ann).await.1, 1);
    later(&mut ann, "ann@example.org", TimeDelta::days(1)).await;
    assert_eq!(figures(&ann).await.1, 0);
    assert_eq!(world.running.stop().await, 0);
}

/// Nobody sees the figures of somebody else, and bad input is named.
async fn figures_are_private(url: Option<String>) {
    let world = world(url).await;
    let (ann, bob) = (in_berlin(&world, "ann@example.org").await, world.person("bob@example.org").await);
    post(&ann, &make(&ann, json!({ "title": "secret" })).await, "complete").await;
    assert_eq!(figures(&bob).await, (vec![[0, 0, 0]; 3], 0));
    assert_eq!(figures(&ann).await.0[0], [1, 1, 0]);
    let bad = bob.send(Method::GET, "/api/v1/insights?from=2026-02-30&to=tomorrow", None, &[]).await;
    let errors = expect(bad, 422).await["errors"].clone();
    assert_eq!((errors.as_array().unwrap().len(), &errors[0]["code"]), (2, &json!("not_a_date")));
    for query in ["from=2025-01-01&to=2026-11-24", "from=2026-11-25&to=2026-11-24", "days=3"] {
        let response = bob.send(Method::GET, &format!("/api/v1/insights?{query}"), None, &[]).await;
        assert_eq!(problem(response, 422).await, "validation_failed", "{query}");
    }
    let token = Some(json!({ "name": "narrow", "scopes": "account:read" }));
    let token = expect(bob.send(Method::POST, "/api/v1/me/api-tokens", token, &[]).await, 201).await;
    let narrow = world.request(Method::GET, DAYS).bearer_auth(token["secret"].as_str().unwrap());
    assert_eq!(problem(narrow.send().await.unwrap(), 403).await, "insufficient_scope");
    let nobody = world.request(Method::GET, DAYS).send().await.unwrap();
    assert_eq!(nobody.status().as_u16(), 401);
    world.running.stop().await;
}

/// What comes once more changes nothing, and the topics may come in either order.
async fn the_order_of_topics_does_not_matter(url: Option<String>) {
    let world = world(url).await;
    let (processor, ids) = processor(&world);
    let (user, task) = (ids.uuid(), ids.uuid());
    let payload = json!({ "taskId": task, "title": "x", "completed": true });
    let made = message(&ids, user, ("todo-events", "TASK_CREATED"), 2, &payload);
    let zone = json!({ "timeZone": "Europe/Berlin", "locale": "en" });
    let registered = message(&ids, user, ("user-events", "USER_REGISTERED"), 1, &zone);
    let tokyo = json!({ "changed": ["timeZone"], "timeZone": "Asia/Tokyo" });
    let moved = message(&ids, user, ("user-events", "USER_PROFILE_UPDATED"), 3, &tokyo);
    let unknown = message(&ids, user, ("todo-events", "TASK_SNOOZED"), 4, &json!({}));
    let told = || told(&world, user);
    let on = |text: &str| vec![(text.parse::<NaiveDate>().unwrap(), 1, 1)];
    processor.process(&[made.clone(), made.clone(), unknown]).await.unwrap();
    assert_eq!(told().await, on("2026-11-24"), "in UTC");
    processor.process(std::slice::from_ref(&registered)).await.unwrap();
    assert_eq!(told().await, on("2026-11-24"));
    processor.process(&[moved, made, registered]).await.unwrap();
    assert_eq!(told().await, on("2026-11-25"), "at the same instant it was the 25th in Tokyo");
    assert!(todo::events::consumer::letters(&world.running.app().db, None, "", "", 10).await.unwrap().is_empty());
    world.running.stop().await;
}

/// What a user's table of days says.
async fn told(world: &World, user: Uuid) -> Vec<(NaiveDate, i64, i64)> {
    const TOLD: Sql = Sql {
        summary: "test.days",
        postgres: "SELECT day, created, completed FROM insights_days WHERE user_id = $1 AND created + completed > 0 ORDER BY day",
        sqlite: "SELECT day, created, completed FROM insights_days WHERE user_id = $1 AND created + completed > 0 ORDER BY day",
    };
    let mut exec = world.running.app().db.read().await.unwrap();
    todo::sql!(fetch_all (NaiveDate, i64, i64) => exec, TOLD, user).unwrap()
}

/// A user who makes and does tasks and travels: each topic's messages.
fn travels(ids: &Ids, user: Uuid) -> [Vec<Message>; 2] {
    let zones = ["Europe/Berlin", "Asia/Tokyo", "America/New_York", "Pacific/Apia"];
    let (mut tasks, mut moves, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for seq in 1..=60_u32 {
        let at: DateTime<chrono::Utc> = EVENING.parse().unwrap();
        let at = at + TimeDelta::minutes(i64::from(seq) * 137);
        let place = seq as usize;
        let (event, payload) = if seq % 6 == 1 {
            (
                ("user-events", "USER_PROFILE_UPDATED"),
                json!({ "changed": ["timeZone"], "timeZone": zones[place / 6 % 4] }),
            )
        } else {
            let (id, created) =
                if seq % 3 == 2 || known.is_empty() { (ids.uuid(), at) } else { known[place % known.len()] };
            known.push((id, created));
            let done = (seq % 4 != 0).then_some(at);
            let task = json!({ "taskId": id, "title": "x", "completed": done.is_some(), "createdAt": created, "completedAt": done });
            (("todo-events", "TASK_UPDATED"), task)
        };
        let mut message = message(ids, user, event, i64::from(seq), &payload);
        let value = String::from_utf8(message.value.unwrap()).unwrap();
        message.value = Some(value.replace(&format!("\"{EVENING}\""), &json!(at).to_string()).into_bytes());
        if seq % 6 == 1 { moves.push(message) } else { tasks.push(message) }
    }
    [tasks, moves]
}

/// Members that work on both topics at once come to the same figures as one that takes one event after the other.
async fn members_at_once_agree_with_one_alone(url: Option<String>) {
    let (crowd, alone) = (world(url).await, World::embedded().await);
    let (one, ids) = processor(&alone);
    let users: Vec<_> = (0..8).map(|_| ids.uuid()).collect();
    let all: Vec<_> = users.iter().map(|user| travels(&ids, *user)).collect();
    let mut everything: Vec<_> = all.iter().flatten().flatten().cloned().collect();
    everything.sort_by_key(|message| message.header("seq").unwrap().parse::<i64>().unwrap());
    for message in everything {
        one.process(&[message]).await.unwrap();
    }
    let members = [0, 0, 1, 1].map(|topic| {
        // Each has a few events of everybody in a batch, and what the other has too is a repetition.
        let messages: Vec<_> = all.iter().map(|topics| topics[topic].clone()).collect();
        let member = processor(&crowd).0;
        tokio::spawn(async move {
            for start in (0..60).step_by(7) {
                let batch: Vec<_> =
                    messages.iter().rev().flat_map(|list| list.iter().skip(start).take(7).cloned()).collect();
                while member.process(&batch).await.is_err() {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    for member in members {
        member.await.unwrap();
    }
    for user in users {
        let expected = told(&alone, user).await;
        assert!(expected.len() >= 5, "{expected:?}");
        assert_eq!(told(&crowd, user).await, expected);
    }
    crowd.running.stop().await;
    alone.running.stop().await;
}

/// Nothing is left of an account that is erased, not by what comes after its last event either.
async fn an_erased_account_leaves_no_rows(url: Option<String>) {
    let world = world(url).await;
    let (ann, bob) = (in_berlin(&world, "ann@example.org").await, world.person("bob@example.org").await);
    for person in [&ann, &bob] {
        post(person, &make(person, json!({ "title": "x" })).await, "complete").await;
    }
    world.drained().await;
    let kept = rows(&world, bob.id).await;
    assert!(rows(&world, ann.id).await >= 5 && kept >= 4);
    make(&ann, json!({ "title": "on its way" })).await;
    let erase = Some(json!({ "password": PASSWORD }));
    assert_eq!(ann.send(Method::DELETE, "/api/v1/me", erase, &[]).await.status().as_u16(), 204);
    world.drained().await;
    assert_eq!(rows(&world, ann.id).await, 0);
    let (processor, ids) = processor(&world);
    let payload = json!({ "taskId": ids.uuid(), "title": "x", "completed": true });
    processor.process(&[message(&ids, ann.id, ("todo-events", "TASK_CREATED"), 1_000, &payload)]).await.unwrap();
    assert!(!rebuild(&world.running.app().db, ann.id).await.unwrap());
    assert_eq!((rows(&world, ann.id).await, rows(&world, bob.id).await), (0, kept));
    world.running.stop().await;
}

/// Rebuilt beside the live figures, while changes go on, they are what they were and miss nothing.
async fn figures_are_rebuilt_from_the_log(url: Option<String>) {
    const SPOIL: Sql = Sql {
        summary: "test.spoil",
        postgres: "UPDATE insights_days SET created = created + 99",
        sqlite: "UPDATE insights_days SET created = created + 99",
    };
    let world = world(url).await;
    let (ann, bob) = (in_berlin(&world, "ann@example.org").await, world.person("bob@example.org").await);
    let db = world.running.app().db.clone();
    let mut expected = 0;
    for _ in 0..3 {
        let traffic = async {
            for n in 0..15 {
                let task = make(&ann, json!({ "title": "x", "dueDate": "2026-11-20" })).await;
                if n % 3 == 0 {
                    post(&ann, &task, "complete").await;
                }
            }
        };
        let rebuilding = async {
            for _ in 0..4 {
                rebuild(&db, ann.id).await.unwrap();
            }
        };
        tokio::join!(traffic, rebuilding);
        expected += 15;
        let done = expected / 3;
        assert_eq!(figures(&ann).await.0[0], [expected, done, expected - done]);
    }
    let (before, kept) = (ann.get(DAYS).await, rows(&world, ann.id).await);
    let mut tx = db.begin().await.unwrap();
    todo::sql!(execute tx, SPOIL).unwrap();
    tx.commit().await.unwrap();
    assert_ne!(ann.get(DAYS).await, before);
    assert_eq!(rebuild_all(&db).await.unwrap(), 2);
    assert_eq!(ann.get(DAYS).await, before);
    assert_eq!(rows(&world, ann.id).await, kept, "one generation is left");
    assert_eq!(figures(&bob).await.0, [[0, 0, 0]; 3]);
    world.running.stop().await;
}

#[tokio::test]
async fn what_is_applied_is_counted() {
    let world = World::embedded().await;
    let ann = world.person("ann@example.org").await;
    post(&ann, &make(&ann, json!({ "title": "x" })).await, "complete").await;
    world.drained().await;
    until("the metrics are there", || async {
        let metrics = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
        let has = |name: &str| metrics.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
        has("insights_tasks_created_total") && has("insights_tasks_completed_total")
    })
    .await;
    let as_of = ann.get("/api/v1/insights").await["asOf"].clone();
    assert!(as_of.as_str().unwrap().parse::<DateTime<chrono::Utc>>().unwrap() <= world.clock.now());
    world.running.stop().await;
}

on_both! {
    a_day_counts_what_happened_on_it: a_day_on_sqlite, real_a_day_on_postgres;
    figures_are_private: private_figures_on_sqlite, real_private_figures_on_postgres;
    the_order_of_topics_does_not_matter: the_order_on_sqlite, real_the_order_on_postgres;
    members_at_once_agree_with_one_alone: members_on_sqlite, real_members_on_postgres;
    an_erased_account_leaves_no_rows: an_erased_account_on_sqlite, real_an_erased_account_on_postgres;
    figures_are_rebuilt_from_the_log: a_rebuild_on_sqlite, real_a_rebuild_on_postgres;
}
