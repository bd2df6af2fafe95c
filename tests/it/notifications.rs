//! Notifications: what events tell a person, and what a person does with it, on both databases.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use todo::events::Topic;
use todo::events::consumer::{Ladder, Message, Processor};
use todo::kernel::{Clock, Ids};
use todo::notification::Notifications;
use todo::storage::Sql;
use uuid::Uuid;

use crate::support::{PASSWORD, Person, World, config, expect, on_both, postgres, problem, until};

pub const LIST: &str = "/api/v1/notifications";
const NOW: &str = "2026-11-24T09:00:00Z";

async fn world(url: Option<String>) -> World {
    let flags: Vec<_> = url.map(|url| format!("storage.url={url}")).into_iter().collect();
    World::with(&flags).await
}

/// A consumer of the same name in another process: its commits wake nobody here.
pub fn elsewhere(world: &World, flags: &[String]) -> Processor {
    let app = world.running.app();
    let config = config(std::path::Path::new("."), flags).notifications;
    let other = Notifications::new(app.db.clone(), app.log.clone(), app.clock.clone(), config);
    let ladder = Ladder::new(&[1_000]);
    Processor::new(app.db.clone(), Arc::new(other.notifier()), app.clock.clone(), app.ids.clone(), ladder)
}

/// An event as a broker delivers it.
pub fn message(ids: &Ids, user: Uuid, topic: Topic, seq: i64, (kind, payload): (&str, &Value), at: &str) -> Message {
    let value =
        json!({ "eventId": ids.uuid(), "eventType": kind, "timestamp": at, "userId": user, "payload": payload });
    Message {
        topic: topic.name().to_owned(),
        key: Some(user.to_string().into_bytes()),
        value: Some(value.to_string().into_bytes()),
        headers: vec![("seq".to_owned(), seq.to_string().into_bytes())],
        ..Message::default()
    }
}

pub async fn token(person: &Person<'_>, name: &str) -> String {
    let body = Some(json!({ "name": name, "scopes": "account:read tasks:write" }));
    let made = expect(person.send(Method::POST, "/api/v1/me/api-tokens", body, &[]).await, 201).await;
    made["secret"].as_str().unwrap().to_owned()
}

pub async fn change_password(person: &Person<'_>) {
    let body = Some(json!({ "currentPassword": PASSWORD, "newPassword": "a new one for the horse" }));
    let changed = person.send(Method::PUT, "/api/v1/me/password", body, &[]).await;
    assert_eq!(changed.status().as_u16(), 204);
}

/// A member of each result.
fn each<'a>(page: &'a Value, name: &str) -> Vec<&'a Value> {
    page["results"].as_array().unwrap().iter().map(|one| &one[name]).collect()
}

async fn put(person: &Person<'_>, path: &str, body: Option<Value>) -> Value {
    expect(person.send(Method::PUT, &format!("{LIST}{path}"), body, &[]).await, 200).await
}

/// A changed password is told once, however often its event comes.
async fn a_password_change_is_told_once(url: Option<String>) {
    let world = world(url).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    change_password(&ann).await;
    world.drained().await;
    let page = ann.get(LIST).await;
    let records = world.running.app().memory.clone().unwrap().records(Topic::User);
    let told: Vec<_> = records.iter().filter(|record| record.value.contains("USER_PASSWORD_CHANGED")).collect();
    let event: Value = serde_json::from_str(&told[0].value).unwrap();
    let expected = json!([{
        "id": event["eventId"], "number": 1, "kind": "password_changed", "severity": "warning",
        "title": "Your password was changed", "subject": null, "data": {},
        "createdAt": page["results"][0]["createdAt"], "readAt": null,
    }]);
    assert_eq!(page, json!({ "results": expected, "nextCursor": null, "unreadCount": 1, "lastNumber": 1 }));
    let time = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!(time(&page["results"][0]["createdAt"]), time(&event["timestamp"]));
    // Delivered again; and again with a number that no consumer has seen.
    let again = Message::from(told[0]);
    let mut later = again.clone();
    later.headers = vec![("seq".to_owned(), b"1000".to_vec())];
    elsewhere(&world, &[]).process(&[again.clone(), again, later]).await.unwrap();
    assert_eq!(ann.get(LIST).await["results"], expected);
    assert_eq!(bob.get(LIST).await, json!({ "results": [], "nextCursor": null, "unreadCount": 0, "lastNumber": 0 }));
    world.running.stop().await;
}

/// Listing, paging, reading and deleting, each change an event, and nothing of somebody else's.
async fn a_person_reads_and_deletes(url: Option<String>) {
    let world = world(url).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    for n in 0..5 {
        token(&ann, &format!("token {n}")).await;
    }
    world.drained().await;
    let first = ann.get(&format!("{LIST}?limit=2")).await;
    assert_eq!((each(&first, "number"), &first["unreadCount"]), (vec![&json!(5), &json!(4)], &json!(5)));
    assert_eq!(first["results"][0]["data"], json!({ "scopes": ["tasks:write", "account:read"] }));
    assert_eq!(first["results"][0]["subject"]["type"], "api_token");
    let second = ann.get(&format!("{LIST}?limit=3&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!((each(&second, "number"), &second["nextCursor"]), (vec![&json!(3), &json!(2), &json!(1)], &json!(null)));

    // The third: read, twice.
    let third = second["results"][0]["id"].clone();
    let path = format!("/{}/read", third.as_str().unwrap());
    let read = put(&ann, &path, None).await;
    assert!(read["readAt"].is_string(), "{read}");
    assert_eq!(put(&ann, &path, None).await, read);
    let unread = ann.get(&format!("{LIST}?unread=true")).await;
    assert_eq!(
        (each(&unread, "number"), &unread["unreadCount"]),
        ([5, 4, 2, 1].map(|n| json!(n)).iter().collect(), &json!(4))
    );
    // All that were seen, the first, second and fourth: the fifth came later, so to speak.
    for _ in 0..2 {
        assert_eq!(put(&ann, "/read", Some(json!({ "upTo": 4 }))).await, json!({ "unreadCount": 1 }));
    }
    let unread = ann.get(&format!("{LIST}?unread=true&limit=1")).await;
    assert_eq!(
        (each(&unread, "number"), &unread["nextCursor"], &unread["lastNumber"]),
        (vec![&json!(5)], &json!(null), &json!(5))
    );

    let gone = format!("{LIST}/{}", third.as_str().unwrap());
    for (method, path) in [(Method::DELETE, gone.clone()), (Method::PUT, format!("{LIST}{path}"))] {
        assert_eq!(problem(bob.send(method, &path, None, &[]).await, 404).await, "not_found");
    }
    assert_eq!(ann.send(Method::DELETE, &gone, None, &[]).await.status().as_u16(), 204);
    assert_eq!(problem(ann.send(Method::DELETE, &gone, None, &[]).await, 404).await, "not_found");
    assert_eq!(each(&ann.get(LIST).await, "number"), [5, 4, 2, 1].map(|n| json!(n)).iter().collect::<Vec<_>>());
    assert_eq!(ann.get("/api/v1/me/export").await["notifications"].as_array().unwrap().len(), 4);

    let changes = ann.get("/api/v1/changes?limit=1000").await;
    let of = |name: &str| {
        let events = changes["results"].as_array().unwrap().iter().map(|change| &change["event"]);
        let own = events.filter(|event| event["eventType"] == name);
        own.map(|event| event["payload"]["notificationIds"].as_array().unwrap().clone()).collect::<Vec<_>>()
    };
    let read = of("NOTIFICATION_READ");
    assert_eq!((read.len(), &read[0][..], read[1].len()), (2, &[third.clone()][..], 3));
    assert_eq!(of("NOTIFICATION_DELETED"), [vec![third]]);
    world.running.stop().await;
}

/// A token that may only read does not write, nobody reads without one, and bad input is named.
async fn what_is_wrong_is_refused(url: Option<String>) {
    let world = world(url).await;
    let ann = world.person("ann@example.org").await;
    let narrow = token(&ann, "narrow").await;
    let with = |method, path: &str| world.request(method, path).bearer_auth(&narrow);
    assert_eq!(with(Method::GET, LIST).send().await.unwrap().status().as_u16(), 200);
    let refused = with(Method::PUT, &format!("{LIST}/read")).json(&json!({ "upTo": 9 })).send().await.unwrap();
    assert_eq!(problem(refused, 403).await, "insufficient_scope");
    assert_eq!(problem(world.request(Method::GET, LIST).send().await.unwrap(), 401).await, "unauthorized");
    let below = ann.send(Method::PUT, &format!("{LIST}/read"), Some(json!({ "upTo": -1 })), &[]).await;
    assert_eq!(problem(below, 422).await, "validation_failed");
    for query in ["limit=0", "limit=201", "cursor=%24", "unread=maybe", "state=all"] {
        let response = ann.send(Method::GET, &format!("{LIST}?{query}"), None, &[]).await;
        assert_eq!(problem(response, 422).await, "validation_failed", "{query}");
    }
    world.running.stop().await;
}

/// Two devices that read and delete at once agree, and each change is an event once.
async fn devices_do_not_disturb_each_other(url: Option<String>) {
    let world = world(url).await;
    let ann = world.person("ann@example.org").await;
    let (consumer, ids) = (elsewhere(&world, &[]), Ids::system(Clock::system()));
    let webhook = json!({ "webhookId": ids.uuid(), "host": "example.org", "reason": "gone" });
    let at = world.clock.now().to_rfc3339();
    let make = |seq| message(&ids, ann.id, Topic::Todo, seq, ("WEBHOOK_DISABLED", &webhook), &at);
    consumer.process(&(100..140).map(make).collect::<Vec<_>>()).await.unwrap();
    let page = ann.get(&format!("{LIST}?limit=200")).await;
    assert_eq!(page["results"][0]["title"], "The webhook to example.org was switched off");
    let all: Vec<_> = each(&page, "id").into_iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let device = async || {
        for (n, id) in all.iter().enumerate() {
            match n % 4 {
                0 => drop(ann.send(Method::DELETE, &format!("{LIST}/{id}"), None, &[]).await),
                1 => drop(put(&ann, "/read", Some(json!({ "upTo": 40 - n }))).await),
                _ => drop(ann.send(Method::PUT, &format!("{LIST}/{id}/read"), None, &[]).await),
            }
        }
    };
    let makes = async {
        for seq in 140..160 {
            consumer.process(&[make(seq)]).await.unwrap();
        }
    };
    tokio::join!(device(), device(), device(), makes);
    let left = ann.get(&format!("{LIST}?limit=200")).await;
    assert_eq!((each(&left, "id").len(), &left["unreadCount"], &left["lastNumber"]), (50, &json!(20), &json!(60)));
    let changes = ann.get("/api/v1/changes?limit=1000").await;
    let mut seen = std::collections::BTreeMap::<_, usize>::new();
    for change in changes["results"].as_array().unwrap() {
        let event = &change["event"];
        for id in event["payload"]["notificationIds"].as_array().into_iter().flatten() {
            *seen.entry((event["eventType"].to_string(), id.to_string())).or_default() += 1;
        }
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    assert_eq!(seen.keys().filter(|(name, _)| name.contains("DELETED")).count(), 10);
    world.running.stop().await;
}

/// The rows of a user.
async fn rows(world: &World, user_id: Uuid) -> i64 {
    const ROWS: &str = "SELECT (SELECT count(*) FROM notification_users WHERE user_id = $1) \
        + (SELECT count(*) FROM notifications WHERE user_id = $1)";
    const SQL: Sql = Sql { summary: "test.rows", postgres: ROWS, sqlite: ROWS };
    let mut exec = world.running.app().db.read().await.unwrap();
    todo::sql!(fetch_one (i64,) => exec, SQL, user_id).unwrap().0
}

/// Nothing is left of an account that is erased, not by what comes after its last event either.
async fn an_erased_account_leaves_no_notifications(url: Option<String>) {
    let world = world(url).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    token(&ann, "a").await;
    token(&bob, "b").await;
    world.drained().await;
    assert_eq!((rows(&world, ann.id).await, rows(&world, bob.id).await), (2, 2));
    token(&ann, "on its way").await;
    let erase = Some(json!({ "password": PASSWORD }));
    assert_eq!(ann.send(Method::DELETE, "/api/v1/me", erase, &[]).await.status().as_u16(), 204);
    world.drained().await;
    assert_eq!(rows(&world, ann.id).await, 0);
    let (consumer, at) = (elsewhere(&world, &[]), world.clock.now().to_rfc3339());
    let late = message(&world.running.app().ids, ann.id, Topic::Todo, 99, ("WEBHOOK_DISABLED", &json!({})), &at);
    consumer.process(&[late]).await.unwrap();
    assert_eq!((rows(&world, ann.id).await, rows(&world, bob.id).await), (0, 2));
    assert_eq!(ann.send(Method::PUT, &format!("{LIST}/read"), Some(json!({ "upTo": 1 })), &[]).await.status(), 200);
    world.running.stop().await;
}

/// Nobody has more than so many, and none grows older than so many days.
async fn old_ones_make_room(url: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let url = url.unwrap_or_else(|| format!("sqlite:{}/notifications.db", folder.path().display()));
    let (days, most) = ("notifications.days=30".to_owned(), "notifications.per_user=5".to_owned());
    let flags = [format!("storage.url={url}"), days, most];
    let clock = Clock::fixed(NOW.parse().unwrap());
    let world = World::api_only(clock.clone(), &flags).await;
    let (consumer, ids, user) = (elsewhere(&world, &flags), Ids::system(clock.clone()), Uuid::from_u128(7));
    let make = |seq, at: &str| message(&ids, user, Topic::User, seq, ("USER_PASSWORD_CHANGED", &json!({})), at);
    // What happened before the log was read for the first time, and is too old to tell.
    consumer.process(&[make(1, "2026-10-24T09:00:00Z"), make(2, "2026-11-23T09:00:00Z")]).await.unwrap();
    assert_eq!(rows(&world, user).await, 2);
    consumer.process(&(3..10).map(|seq| make(seq, NOW)).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(rows(&world, user).await, 1 + 5);
    for seq in 10..12 {
        consumer.process(&[make(seq, NOW)]).await.unwrap();
    }
    assert_eq!(rows(&world, user).await, 1 + 5);
    let purge = async |world: &World, limit| world.running.app().notifications.purge(limit).await.unwrap();
    assert_eq!(purge(&world, 1000).await, 0);
    clock.advance(TimeDelta::days(31));
    assert_eq!((purge(&world, 2).await, rows(&world, user).await), (2, 1 + 3));
    world.running.stop().await;
    // Housekeeping's first round comes at the start.
    let world = World::at(clock, &flags).await;
    until("they are gone", || async { rows(&world, user).await == 1 }).await;
    let metrics = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("housekeeping_deleted_rows_total{table=\"notifications\"}"), "{metrics}");
    assert!(metrics.contains("notifications_created_total{kind=\"password_changed\"}"), "{metrics}");
    world.running.stop().await;
}

/// Each statement goes by an index, also one that was planned while the tables were empty.
#[tokio::test]
async fn real_every_statement_goes_by_an_index() {
    use sqlx::{Connection as _, Executor as _};
    let Some(url) = postgres().await else { return };
    let world = World::with(&[format!("storage.url={url}")]).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
    let statements = todo::app::statements().into_iter().filter(|sql| sql.summary.starts_with("notification."));
    for (n, sql) in statements.enumerate() {
        let prepare = format!("PREPARE n{n} AS {}", sql.postgres);
        connection.execute(sqlx::AssertSqlSafe(prepare)).await.unwrap();
        let count = (1..20).take_while(|n| sql.postgres.contains(&format!("${n}"))).count();
        let explain = format!("EXPLAIN EXECUTE n{n} ({})", vec!["NULL"; count].join(", "));
        let plan: Vec<(String,)> =
            sqlx::query_as(sqlx::AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
        let plan = plan.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n");
        assert!(!plan.contains("Seq Scan"), "{}: {plan}", sql.summary);
    }
    world.running.stop().await;
}

on_both! {
    a_password_change_is_told_once: a_password_change_on_sqlite, real_a_password_change_on_postgres;
    a_person_reads_and_deletes: a_person_reads_on_sqlite, real_a_person_reads_on_postgres;
    what_is_wrong_is_refused: refusals_on_sqlite, real_refusals_on_postgres;
    devices_do_not_disturb_each_other: devices_on_sqlite, real_devices_on_postgres;
    an_erased_account_leaves_no_notifications: an_erased_account_on_sqlite, real_an_erased_account_on_postgres;
    old_ones_make_room: old_ones_on_sqlite, real_old_ones_on_postgres;
}
