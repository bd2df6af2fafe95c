//! Webhooks: what arrives at a receiver, how often, and what follows when it does not, on both databases.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use todo::app::Roles;
use todo::events::consumer::{Ladder, Message, Processor};
use todo::events::{Topic, changes};
use todo::kernel::{Clock, Ids};
use todo::storage::Sql;
use todo::webhook::{Fanout, Sender};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::receiver::{Arrived, Receiver};
use crate::support::{PASSWORD, Person, World, expect, on_both, problem, until};

pub fn flags(url: Option<String>) -> Vec<String> {
    let mut flags = vec!["webhooks.allow_private=true".to_owned(), "auth.access_token_seconds=86400".to_owned()];
    flags.extend(url.map(|url| format!("storage.url={url}")));
    flags
}

fn clock() -> Clock {
    Clock::fixed(DateTime::from_timestamp(1_790_000_000, 0).unwrap())
}

/// A webhook for these types of events: its path, and the answer.
pub async fn hook(person: &Person<'_>, url: &str, types: &[&str]) -> (String, Value) {
    let body = if types.is_empty() { json!({ "url": url }) } else { json!({ "url": url, "eventTypes": types }) };
    let made = expect(person.send(Method::POST, "/api/v1/webhooks", Some(body), &[]).await, 201).await;
    (format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap()), made)
}

async fn deliveries(person: &Person<'_>, path: &str) -> Vec<Value> {
    person.get(&format!("{path}/deliveries")).await["results"].as_array().unwrap().clone()
}

/// Waits until the latest delivery is as it should be.
async fn latest(person: &Person<'_>, path: &str, state: &str, attempts: i64) -> Value {
    let what = format!("{state} after {attempts}");
    until(&what, || async {
        deliveries(person, path).await.first().is_some_and(|one| one["state"] == state && one["attempts"] == attempts)
    })
    .await;
    deliveries(person, path).await.remove(0)
}

async fn events(world: &World, user: Uuid) -> Vec<(String, Value)> {
    let all = changes(&world.running.app().db, user, 0, 1000).await.unwrap();
    let read = |change: todo::events::Change| {
        let event: Value = serde_json::from_str(change.event.get()).unwrap();
        (event["eventType"].as_str().unwrap().to_owned(), event["payload"].clone())
    };
    all.into_iter().map(read).collect()
}

/// The README's program, which knows nothing of this one.
fn verified(secret: &str, arrived: &Arrived) -> Option<bool> {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("\n```python\n").unwrap();
    let program = rest.split_once("\n```").unwrap().0;
    let call = "\nimport sys\nheaders = {name: value for name, value in zip(sys.argv[3::2], sys.argv[4::2])}\n\
        print(verify(sys.argv[1], headers, sys.argv[2].encode(), now=int(headers['webhook-timestamp']) + 60))";
    let mut command = Command::new("python3");
    command.args(["-c", &format!("{program}{call}"), secret, std::str::from_utf8(&arrived.body).unwrap()]);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        command.args([name, arrived.header(name)]);
    }
    let Ok(output) = command.output() else {
        assert!(std::env::var_os("TODO_TEST_REQUIRE_SERVERS").is_none(), "python3 is missing");
        return None;
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    Some(out.trim() == "True")
}

/// Each event arrives once, byte for byte, with a signature that another program takes.
async fn an_event_arrives_once_and_signed(url: Option<String>) {
    let (world, receiver) = (World::at(clock(), &flags(url)).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (path, made) = hook(&ann, &receiver.url, &[]).await;
    ann.task("Pay “rent” \u{1F3E0}").await;
    receiver.count(2).await;
    until("both are recorded", || async {
        deliveries(&ann, &path).await.iter().filter(|one| one["state"] == "delivered").count() == 2
    })
    .await;
    let arrived = receiver.arrived();
    let types: HashSet<_> = arrived.iter().map(|one| one.json()["eventType"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, HashSet::from(["WEBHOOK_CREATED".to_owned(), "TASK_CREATED".to_owned()]));
    let log = changes(&world.running.app().db, ann.id, 0, 100).await.unwrap();
    for one in &arrived {
        assert!(log.iter().any(|change| change.event.get().as_bytes() == one.body), "not as in the log");
        assert_eq!(one.header("content-type"), "application/json");
        assert_eq!(one.header("webhook-timestamp"), "1790000000");
        let secret = made["secret"].as_str().unwrap();
        assert_ne!(verified(secret, one), Some(false));
        let mut altered = one.clone();
        altered.body =
            Bytes::from(String::from_utf8(one.body.to_vec()).unwrap().replace("WEB", "web").replace("TASK", "task"));
        assert_ne!(verified(secret, &altered), Some(true));
        assert!(!String::from_utf8_lossy(&one.body).contains("hunter2"), "an event tells the whole address");
    }
    // The consumer reads everything once more from nothing: no delivery is made twice.
    let app = world.running.app();
    let (ids, fanout) = (Ids::system(Clock::system()), Fanout::new(world.clock.clone(), app.ids.clone()));
    let again = Processor::new(app.db.clone(), Arc::new(fanout), world.clock.clone(), ids, Ladder::new(&[1]));
    forget_inbox(&world).await;
    let records = app.memory.clone().unwrap();
    for topic in Topic::ALL {
        again.process(&records.records(topic).iter().map(Message::from).collect::<Vec<_>>()).await.unwrap();
    }
    assert_eq!(deliveries(&ann, &path).await.len(), 2);
    world.running.stop().await;
    assert_eq!(receiver.arrived().len(), 2);
}

async fn forget_inbox(world: &World) {
    const FORGET: Sql = both("DELETE FROM inbox WHERE consumer = 'todo-webhooks'");
    let mut tx = world.running.app().db.begin().await.unwrap();
    assert!(todo::sql!(execute tx, FORGET).unwrap() > 0);
    tx.commit().await.unwrap();
}

const fn both(text: &'static str) -> Sql {
    Sql { summary: "test", postgres: text, sqlite: text }
}

/// Five tries with one id; then it is given up. After two such in a row the webhook is off, and comes back when asked.
async fn a_receiver_that_fails_is_left_alone(url: Option<String>) {
    let mut flags = flags(url);
    flags.push("webhooks.disable_after=2".to_owned());
    let (world, receiver) = (World::at(clock(), &flags).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (path, _) = hook(&ann, &receiver.url, &["TASK_CREATED"]).await;
    receiver.answers(500);
    for task in 1..=2 {
        // The latest is listed first.
        world.clock.advance(TimeDelta::seconds(1));
        ann.task("rent").await;
        for (attempts, wait) in (1..).zip([5, 30, 300, 1800]) {
            let tried = latest(&ann, &path, "pending", attempts).await;
            assert_eq!((&tried["responseStatus"], &tried["error"]), (&json!(500), &json!("the answer was 500")));
            let due: DateTime<chrono::Utc> = tried["nextTryAt"].as_str().unwrap().parse().unwrap();
            let waits = (due - world.clock.now()).num_milliseconds();
            assert!((wait * 1000..=wait * 1200).contains(&waits), "{waits} ms after {attempts}");
            world.clock.advance(TimeDelta::milliseconds(waits));
        }
        let failed = latest(&ann, &path, "failed", 5).await;
        assert_eq!((&failed["nextTryAt"], receiver.arrived().len()), (&Value::Null, task * 5));
    }
    let ids: Vec<_> = receiver.arrived().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!((ids[..5].iter().collect::<HashSet<_>>().len(), ids.iter().collect::<HashSet<_>>().len()), (1, 2));
    let times: HashSet<_> = receiver.arrived().iter().map(|one| one.header("webhook-timestamp").to_owned()).collect();
    assert_eq!(times.len(), 10, "each try has its own time");

    until("it is off", || async { ann.get(&path).await["enabled"] == false }).await;
    let off = ann.get(&path).await;
    assert_eq!((&off["disabledReason"], off["disabledAt"].is_string()), (&json!("failing"), true));
    let told = events(&world, ann.id).await;
    let (kind, payload) = told.last().unwrap();
    let expected = json!({ "webhookId": off["id"], "host": "127.0.0.1", "reason": "failing" });
    assert_eq!((kind.as_str(), payload), ("WEBHOOK_DISABLED", &expected));
    ann.task("nobody is told of this one").await;
    let redeliver = format!("{path}/deliveries/{}/redeliver", ids[0]);
    let refused = ann.send(Method::POST, &redeliver, None, &[]).await;
    assert_eq!(problem(refused, 409).await, "webhook_disabled");
    world.drained().await;

    receiver.answers(200);
    let on = Some(json!({ "enabled": true }));
    let on = expect(ann.send(Method::PATCH, &path, on, &[("if-match", "*")]).await, 200).await;
    assert_eq!((&on["enabled"], &on["disabledReason"], &on["disabledAt"]), (&json!(true), &Value::Null, &Value::Null));
    let begun = expect(ann.send(Method::POST, &redeliver, None, &[]).await, 200).await;
    assert_eq!((&begun["id"], &begun["state"]), (&json!(ids[0]), &json!("pending")));
    receiver.count(11).await;
    assert_eq!(receiver.arrived()[10].header("webhook-id"), ids[0]);
    ann.task("this one counts again").await;
    receiver.count(12).await;
    assert_eq!(receiver.arrived()[11].json()["payload"]["title"], "this one counts again");
    latest(&ann, &path, "delivered", 1).await;
    assert_eq!(deliveries(&ann, &path).await.len(), 3, "what happened while it was off is not sent");
    world.running.stop().await;
}

/// 410 switches it off at once; what waits for another try is cancelled when it comes due.
async fn a_receiver_that_is_gone_is_believed(url: Option<String>) {
    let (world, receiver) = (World::at(clock(), &flags(url)).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (path, made) = hook(&ann, &receiver.url, &["TASK_CREATED", "WEBHOOK_DISABLED"]).await;
    receiver.answers(503);
    ann.task("waits").await;
    latest(&ann, &path, "pending", 1).await;
    receiver.answers(410);
    // The latest is listed first.
    world.clock.advance(TimeDelta::seconds(1));
    ann.task("is refused").await;
    let failed = latest(&ann, &path, "failed", 1).await;
    assert_eq!(failed["responseStatus"], 410);
    until("it is off", || async { ann.get(&path).await["disabledReason"] == "gone" }).await;
    world.clock.advance(TimeDelta::seconds(7));
    until("the other is cancelled", || async { deliveries(&ann, &path).await[1]["state"] == "cancelled" }).await;
    let last = events(&world, ann.id).await.pop().unwrap();
    assert_eq!((last.0.as_str(), &last.1["reason"]), ("WEBHOOK_DISABLED", &json!("gone")));
    // Its owner is told.
    let told = async || ann.get("/api/v1/notifications").await["results"][0].clone();
    until("there is a notification", || async { told().await["kind"] == "webhook_disabled" }).await;
    assert_eq!((&told().await["subject"]["id"], &told().await["data"]["reason"]), (&made["id"], &json!("gone")));
    world.drained().await;
    assert_eq!((receiver.arrived().len(), deliveries(&ann, &path).await.len()), (2, 2));
    world.running.stop().await;
}

/// A service whose deliveries are made, and sent by nobody but the test's own senders.
async fn without_sender(clock: Clock, flags: &[String]) -> World {
    let roles = Roles { api: true, relay: true, worker: false };
    let world = World::with_roles(clock, roles, flags).await;
    let app = world.running.app();
    let fanout = Fanout::new(world.clock.clone(), app.ids.clone());
    let (db, clock, ids) = (app.db.clone(), world.clock.clone(), app.ids.clone());
    let processor = Processor::new(db, Arc::new(fanout), clock, ids, Ladder::new(&[1]));
    app.memory.clone().unwrap().attach(Arc::new(processor));
    world
}

fn sender(world: &World, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
    tokio::spawn(Sender::new(world.running.app().webhooks.clone()).run(stop.clone()))
}

/// Two senders share the work, and send nothing twice.
async fn senders_share(url: Option<String>) {
    let (world, receiver) = (without_sender(clock(), &flags(url)).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let mut paths = Vec::new();
    for _ in 0..4 {
        paths.push(hook(&ann, &receiver.url, &["TASK_CREATED"]).await.0);
    }
    for _ in 0..15 {
        ann.task("rent").await;
    }
    world.drained().await;
    receiver.pauses(Duration::from_millis(20));
    let stop = CancellationToken::new();
    let senders = [sender(&world, &stop), sender(&world, &stop), sender(&world, &stop)];
    receiver.count(60).await;
    for path in &paths {
        until("all are recorded", || async {
            deliveries(&ann, path).await.iter().filter(|one| one["state"] == "delivered").count() == 15
        })
        .await;
    }
    stop.cancel();
    for sender in senders {
        sender.await.unwrap();
    }
    let ids: HashSet<_> = receiver.arrived().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!((receiver.arrived().len(), ids.len(), receiver.most_at_once()), (60, 60, 1));
    world.running.stop().await;
}

/// A receiver that is slow holds up its own events only.
async fn a_slow_receiver_holds_up_nobody_else(url: Option<String>) {
    let mut flags = flags(url);
    flags.push("webhooks.concurrency=6".to_owned());
    let world = without_sender(clock(), &flags).await;
    let (slow, fast) = (Receiver::start().await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (slow_path, _) = hook(&ann, &slow.url, &["TASK_CREATED"]).await;
    for _ in 0..30 {
        ann.task("rent").await;
    }
    hook(&ann, &fast.url, &["TASK_CREATED"]).await;
    for _ in 0..10 {
        ann.task("milk").await;
    }
    world.drained().await;
    assert_eq!(deliveries(&ann, &slow_path).await.len(), 40);
    slow.pauses(Duration::from_mins(5));
    let stop = CancellationToken::new();
    let sender = sender(&world, &stop);
    fast.count(10).await;
    assert_eq!(slow.arrived().len(), 4, "all others wait behind these");
    sender.abort();
    assert!(sender.await.unwrap_err().is_cancelled());
    world.running.stop().await;
}

/// A sender that is killed between the request and the record: another one sends it again, with the same id.
async fn a_killed_senders_work_is_done(url: Option<String>) {
    let (world, receiver) = (without_sender(clock(), &flags(url)).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (path, _) = hook(&ann, &receiver.url, &["TASK_CREATED"]).await;
    ann.task("rent").await;
    world.drained().await;
    receiver.pauses(Duration::from_mins(5));
    let stop = CancellationToken::new();
    let killed = sender(&world, &stop);
    receiver.count(1).await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    receiver.pauses(Duration::ZERO);
    let other = sender(&world, &stop);
    world.clock.advance(TimeDelta::seconds(29));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(receiver.arrived().len(), 1, "the lease has not ended");
    world.clock.advance(TimeDelta::seconds(2));
    receiver.count(2).await;
    latest(&ann, &path, "delivered", 1).await;
    let arrived = receiver.arrived();
    assert_eq!(arrived[0].header("webhook-id"), arrived[1].header("webhook-id"));
    stop.cancel();
    other.await.unwrap();
    world.running.stop().await;
}

/// Nothing is kept of an erased account, and nothing of a deleted webhook; what is old goes.
async fn what_is_over_goes(url: Option<String>) {
    const ROWS: Sql = both("SELECT (SELECT count(*) FROM webhooks) + (SELECT count(*) FROM webhook_deliveries)");
    let (world, receiver) = (World::at(clock(), &flags(url)).await, Receiver::start().await);
    let db = world.running.app().db.clone();
    let rows = async || {
        let mut exec = db.read().await.unwrap();
        todo::sql!(fetch_one (i64,) => exec, ROWS).unwrap().0
    };
    let ann = world.person("ann@example.org").await;
    let (path, _) = hook(&ann, &receiver.url, &["TASK_CREATED"]).await;
    ann.task("rent").await;
    latest(&ann, &path, "delivered", 1).await;
    let purge = async |days| todo::webhook::Webhooks::purge(&db, world.clock.now() + TimeDelta::days(days), 10).await;
    assert_eq!((purge(-1).await.unwrap(), purge(1).await.unwrap(), rows().await), (0, 1, 1));
    ann.task("milk").await;
    latest(&ann, &path, "delivered", 1).await;
    let gone = ann.send(Method::DELETE, &path, None, &[("if-match", "\"1\"")]).await;
    assert_eq!((gone.status().as_u16(), rows().await), (204, 0));
    assert_eq!(events(&world, ann.id).await.last().unwrap().0, "WEBHOOK_DELETED");
    let (path, _) = hook(&ann, &receiver.url, &[]).await;
    ann.task("cake").await;
    until("it arrived", || async { deliveries(&ann, &path).await.iter().all(|one| one["state"] == "delivered") }).await;
    let erase = Some(json!({ "password": PASSWORD }));
    assert_eq!(ann.send(Method::DELETE, "/api/v1/me", erase, &[]).await.status().as_u16(), 204);
    assert_eq!(rows().await, 0);
    world.drained().await;
    world.running.stop().await;
    let told = receiver.arrived().iter().any(|one| one.json()["eventType"] == "USER_ERASED");
    assert!(!told, "nobody is left to tell");
}

on_both! {
    an_event_arrives_once_and_signed: arrives_once_on_sqlite, real_arrives_once_on_postgres;
    a_receiver_that_fails_is_left_alone: left_alone_on_sqlite, real_left_alone_on_postgres;
    a_receiver_that_is_gone_is_believed: gone_on_sqlite, real_gone_on_postgres;
    senders_share: senders_share_on_sqlite, real_senders_share_on_postgres;
    a_slow_receiver_holds_up_nobody_else: slow_on_sqlite, real_slow_on_postgres;
    a_killed_senders_work_is_done: killed_on_sqlite, real_killed_on_postgres;
    what_is_over_goes: what_is_over_goes_on_sqlite, real_what_is_over_goes_on_postgres;
}
