//! What is published is what the contract's types say, for every event that there is.

use std::collections::BTreeSet;

use axum::response::IntoResponse as _;
use reqwest::Method;
use serde_json::{Value, json};
use todo::events::contract::{Contract as _, Envelope, TodoEvent, UserEvent};
use todo::events::{Draft, Topic};
use todo::http::Problem;
use todo::kernel::{Actor, Channel, Scopes};

use crate::receiver::Receiver;
use crate::support::{PASSWORD, Person, World, expect, problem, until};
use crate::tasks::journey;
use crate::webhooks::{flags, hook};

const NAME: &str = "Ann Whoever";

/// Everything that can happen to a webhook: its receiver is gone.
async fn webhook(person: &Person<'_>) {
    let receiver = Receiver::start().await;
    receiver.answers(410);
    let (path, _) = hook(person, &receiver.url, &[]).await;
    until("the webhook is off", || async { person.get(&path).await["enabled"] == false }).await;
    let rotated = person.send(Method::POST, &format!("{path}/rotate-secret"), None, &[]).await;
    assert_eq!(rotated.status().as_u16(), 200);
    let renamed = Some(json!({ "description": NAME }));
    assert_eq!(person.send(Method::PATCH, &path, renamed, &[("if-match", "*")]).await.status().as_u16(), 200);
    assert_eq!(person.send(Method::DELETE, &path, None, &[("if-match", "*")]).await.status().as_u16(), 204);
}

/// Everything that can happen to what tasks are kept in.
async fn collections(person: &Person<'_>) {
    let home = || json!({ "name": "Home" });
    let make = |path: String, body: Value| async move {
        expect(person.send(Method::POST, &path, Some(body), &[]).await, 201).await
    };
    let project = make("/api/v1/projects".to_owned(), home()).await;
    let section = make(format!("/api/v1/projects/{}/sections", project["id"].as_str().unwrap()), home()).await;
    let filter = make("/api/v1/filters".to_owned(), json!({ "name": "Home", "query": "done" })).await;
    for color in [json!("#112233"), json!("#445566"), Value::Null] {
        let tag = person.send(Method::PUT, "/api/v1/tags/home", Some(json!({ "color": color })), &[]).await;
        expect(tag, 200).await;
    }
    for (kind, made) in [("sections", section), ("projects", project), ("filters", filter)] {
        let path = format!("/api/v1/{kind}/{}", made["id"].as_str().unwrap());
        let renamed = person.send(Method::PATCH, &path, Some(json!({ "name": "House" })), &[("if-match", "*")]).await;
        expect(renamed, 200).await;
        assert_eq!(person.send(Method::DELETE, &path, None, &[("if-match", "*")]).await.status().as_u16(), 204);
    }
}

/// A reminder fires.
async fn reminder(person: &Person<'_>) {
    let at = (person.world.clock.now() + chrono::TimeDelta::milliseconds(300)).to_rfc3339();
    let body = Some(json!({ "title": "Pay rent", "reminders": [{ "at": at }] }));
    expect(person.send(Method::POST, "/api/v1/tasks", body, &[]).await, 201).await;
    let fired = async || {
        let changes = person.get("/api/v1/changes?limit=1000").await;
        changes["results"].as_array().unwrap().iter().any(|change| change["event"]["eventType"] == "REMINDER_FIRED")
    };
    until("it fires", fired).await;
}

/// Everything that can happen to an account, its erasure last.
pub async fn life(world: &World, person: &Person<'_>) {
    let failed = json!({ "email": "ann@example.org", "password": "wrong horse battery" });
    let sign_in = world.request(Method::POST, "/api/v1/sessions").json(&failed).send().await.unwrap();
    assert_eq!(sign_in.status().as_u16(), 401);
    let profile = Some(json!({ "displayName": NAME, "timeZone": "Europe/Berlin" }));
    expect(person.send(Method::PATCH, "/api/v1/me", profile, &[("if-match", "*")]).await, 200).await;
    let token = Some(json!({ "name": NAME, "scopes": "tasks:read" }));
    let token = expect(person.send(Method::POST, "/api/v1/me/api-tokens", token, &[]).await, 201).await;
    let path = format!("/api/v1/me/api-tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(person.send(Method::DELETE, &path, None, &[]).await.status().as_u16(), 204);
    // That the token was made and revoked is told when a consumer has read of it.
    let newest = async || person.get("/api/v1/notifications").await["results"][0]["id"].as_str().map(str::to_owned);
    until("it is told", async || newest().await.is_some()).await;
    let told = format!("/api/v1/notifications/{}", newest().await.unwrap());
    expect(person.send(Method::PUT, &format!("{told}/read"), None, &[]).await, 200).await;
    assert_eq!(person.send(Method::DELETE, &told, None, &[]).await.status().as_u16(), 204);
    world.sign_in("ann@example.org").await;
    webhook(person).await;
    collections(person).await;
    reminder(person).await;
    let password = Some(json!({ "currentPassword": PASSWORD, "newPassword": "a new one for the horse" }));
    let changed = person.send(Method::PUT, "/api/v1/me/password", password, &[]).await;
    assert_eq!(changed.status().as_u16(), 204);
    assert_eq!(person.send(Method::DELETE, "/api/v1/sessions/current", None, &[]).await.status().as_u16(), 204);
    let erase = person.send(Method::DELETE, "/api/v1/me", Some(json!({ "password": "no" })), &[]).await;
    assert_eq!(problem(erase, 403).await, "wrong_password");
    let erase = Some(json!({ "password": "a new one for the horse" }));
    assert_eq!(person.send(Method::DELETE, "/api/v1/me", erase, &[]).await.status().as_u16(), 204);
    world.drained().await;
}

/// The names of all events of a topic, as its schema has them.
pub fn named(topic: Topic) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(topic.schema()).unwrap();
    let names = schema["properties"]["eventType"]["enum"].as_array().unwrap().clone();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_event_is_published_and_reads_as_its_type() {
    let world = World::with(&flags(None)).await;
    let person = world.person("ann@example.org").await;
    journey(&person).await;
    life(&world, &person).await;
    let memory = world.running.app().memory.clone().unwrap();

    let mut changed = Vec::new();
    let mut seen = BTreeSet::new();
    for record in memory.records(Topic::Todo) {
        let read: Envelope<TodoEvent> = serde_json::from_str(&record.value).unwrap();
        seen.insert(read.event.event_type().to_owned());
        if let TodoEvent::Updated(task) = read.event {
            assert!(task.changes.values().all(|field| field.before != field.after));
            changed.push(task.changes.into_keys().collect::<Vec<_>>().join(" "));
        }
    }
    assert_eq!(seen, named(Topic::Todo));
    // Edited three times, reopened, restored.
    assert_eq!(changed, ["dueDate priority", "dueDate", "priority title", "completed completedAt", "deletedAt"]);

    let mut seen = BTreeSet::new();
    for record in memory.records(Topic::User) {
        let read: Envelope<UserEvent> = serde_json::from_str(&record.value).unwrap();
        assert_eq!(read.user_id, person.id);
        seen.insert(read.event.event_type().to_owned());
        let personal = ["ann@example.org", NAME, PASSWORD, "horse", "hunter2", "whsec_"];
        assert!(!personal.iter().any(|text| record.value.contains(text)), "{}", record.value);
        // The host of a webhook is told, and here it is this machine.
        assert!(record.value.contains("\"host\"") || !record.value.contains("127.0.0.1"), "{}", record.value);
        if let UserEvent::SignInFailed(failed) = read.event {
            assert!(failed.client_hash.len() == 16 && u64::from_str_radix(&failed.client_hash, 16).is_ok());
        }
        assert!(record.headers.contains(&("ce_dataschema", Topic::User.dataschema().to_owned())));
    }
    assert_eq!(seen, named(Topic::User));
    world.running.stop().await;
}

/// It is the program's mistake: the request gets a 500 with a code, an alert counts it, and nothing is written. (There is
/// no way to append what was not prepared.)
#[tokio::test]
async fn an_event_that_does_not_fit_is_refused_before_anything_is_written() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let before = person.get("/api/v1/changes?since=0").await;
    let actor = Actor { user_id: person.id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL };
    let draft =
        Draft { topic: Topic::Todo, event_type: "TASK_EATEN", subject_id: person.id, payload: json!({ "title": 7 }) };
    let refused = world.running.app().log.prepare(&actor, &draft).unwrap_err();
    assert!(refused.to_string().contains("/eventType"), "{refused}");
    let problem = Problem::from(todo::task::Error::from(refused));
    assert!(format!("{problem:?}").contains("code: \"internal\""), "{problem:?}");
    assert_eq!(problem.into_response().status().as_u16(), 500);
    let metrics = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("events_schema_refused_total{topic=\"todo-events\"} 1"), "{metrics}");
    assert_eq!(person.get("/api/v1/changes?since=0").await, before);
}
