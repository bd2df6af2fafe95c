//! On a real PostgreSQL and three real Kafka brokers: what people did is read back from the topics by another client.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use todo::events::{Schemas, Topic};
use tokio::sync::OnceCell;

use crate::process::{self, Process};
use crate::support::{PASSWORD, World, fresh_database, server, until};

/// PostgreSQL and Kafka as flags, with the topics made.
async fn flags() -> Option<(Vec<String>, String)> {
    static TOPICS: OnceCell<()> = OnceCell::const_new();
    let (url, brokers) = (server("TODO_TEST_POSTGRES_URL")?, server("TODO_TEST_KAFKA_BROKERS")?);
    let flags = vec![
        format!("storage.url={}", fresh_database(&url).await),
        "events.broker=kafka".to_owned(),
        format!("kafka.brokers={brokers}"),
    ];
    TOPICS
        .get_or_init(|| async {
            let output = Command::new(process::TODO).args(["topics", "ensure", "--set", &flags[2]]).output().unwrap();
            let says = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{says} {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(says.lines().count(), 3, "{says}");
        })
        .await;
    Some((flags, brokers))
}

/// A message as kcat reads it.
struct Message {
    topic: Topic,
    key: String,
    value: String,
    headers: HashMap<String, String>,
}

/// Everything in the topics, read by kcat: a client that shares no code with the service.
fn read_back(brokers: &str) -> Vec<Message> {
    let mut all = Vec::new();
    for topic in [Topic::Todo, Topic::User] {
        let output = Command::new("kcat")
            .args(["-b", brokers, "-C", "-t", topic.name(), "-o", "beginning", "-e", "-q", "-J"])
            .output()
            .expect("kcat is installed by scripts/setup test");
        assert!(output.status.success());
        // kcat reads a partition in its order; partitions are mixed, and a user is in one of them.
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            let headers = message["headers"].as_array().unwrap();
            all.push(Message {
                topic,
                key: message["key"].as_str().unwrap().to_owned(),
                value: message["payload"].as_str().unwrap().to_owned(),
                headers: headers.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            });
        }
    }
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Checks the messages of `users`: dense numbers over all topics, in order within each, right by schema and headers.
/// Returns each user's values by number.
fn check(messages: &[Message], users: &HashSet<String>) -> BTreeMap<String, BTreeMap<i64, Value>> {
    let schemas = Schemas::embedded().unwrap();
    let mut found: BTreeMap<String, BTreeMap<i64, Value>> = BTreeMap::new();
    let mut last: HashMap<(Topic, &str), i64> = HashMap::new();
    for message in messages.iter().filter(|message| users.contains(&message.key)) {
        let value: Value = serde_json::from_str(&message.value).unwrap();
        let seq: i64 = message.headers["seq"].parse().unwrap();
        schemas.check(message.topic, &value).unwrap();
        assert_eq!(value["userId"], message.key.as_str());
        assert_eq!(message.headers["ce_specversion"], "1.0");
        assert_eq!(message.headers["ce_id"], value["eventId"].as_str().unwrap());
        assert_eq!(message.headers["ce_type"], value["eventType"].as_str().unwrap());
        assert_eq!(message.headers["ce_dataschema"], message.topic.dataschema());
        assert_eq!(message.headers["content-type"], "application/json");
        let by_seq = found.entry(message.key.clone()).or_default();
        if by_seq.insert(seq, value).is_none() {
            // A first occurrence: nothing later came before it.
            let before = last.insert((message.topic, &message.key), seq).unwrap_or(0);
            assert!(before < seq, "user {}: {seq} came after {before}", message.key);
        }
    }
    for (user, by_seq) in &found {
        let numbers: Vec<_> = by_seq.keys().copied().collect();
        assert_eq!(numbers, (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(), "user {user}");
    }
    found
}

#[tokio::test]
async fn real_a_thousand_users_changes_arrive_whole_and_in_order() {
    let Some((flags, brokers)) = flags().await else { return };
    let world = World::with(&flags).await;
    let one = world.person("one@example.org").await;
    let log = crate::tasks::journey(&one).await;
    // The hash of a password costs 20 ms; here the accounts are made below the API, and their changes over it.
    let users: Vec<_> = stream::iter(0..1_000)
        .map(|n| {
            let accounts = &world.running.app().accounts;
            async move { accounts.register(format!("u{n}@example.org"), PASSWORD.to_owned().into()).await.unwrap() }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let tasks = &world.running.app().tasks;
    stream::iter(&users)
        .for_each_concurrent(32, |user| async move {
            let actor = todo::kernel::Actor {
                user_id: *user,
                session_id: None,
                channel: todo::kernel::Channel::Person,
                scopes: todo::kernel::Scopes::ALL,
            };
            for n in 0..3 {
                let input = todo::task::Input { title: Some(format!("task {n}")), ..todo::task::Input::default() };
                let made = tasks.create(&actor, input.parse().unwrap(), None).await.unwrap();
                let todo::task::Outcome::Done(task) = made else { panic!("a replay without a key") };
                tasks.complete(&actor, task.id, &todo::task::Expect::Any, None).await.unwrap();
            }
        })
        .await;
    world.drained().await;
    let mut keys: HashSet<_> = users.iter().map(ToString::to_string).collect();
    keys.insert(one.id.to_string());
    let found = check(&read_back(&brokers), &keys);
    assert_eq!(found.len(), 1_001);
    assert!(users.iter().all(|user| found[&user.to_string()].len() == 7));
    // Byte for byte what the log has.
    for change in log["results"].as_array().unwrap() {
        assert_eq!(found[&one.id.to_string()][&change["seq"].as_i64().unwrap()], change["event"]);
    }
    world.running.stop().await;
}

/// Writes until told to stop; returns the ids of the tasks whose creation was acknowledged.
async fn write(
    client: reqwest::Client,
    api: String,
    token: String,
    stop: tokio_util::sync::CancellationToken,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !stop.is_cancelled() {
        let request = client.post(format!("{api}/api/v1/tasks")).bearer_auth(&token).json(&json!({ "title": "x" }));
        let Ok(response) = request.send().await else { break };
        if response.status().as_u16() == 201 {
            let Ok(task) = response.json::<Value>().await else { break };
            acknowledged.push(task["id"].as_str().unwrap().to_owned());
        }
    }
    acknowledged
}

/// kill -9 of the service under writes, again and again: `TODO_TEST_KILLS` times (5; `make chaos`: 50).
#[tokio::test]
async fn real_a_killed_service_loses_no_acknowledged_write() {
    let Some((mut flags, brokers)) = flags().await else { return };
    let kills: u32 = std::env::var("TODO_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    flags.push("events.relay_lease_ms=1000".to_owned());
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).pool_max_idle_per_host(0).build().unwrap();
    let start = || {
        let (folder, flags) = (folder.path().to_owned(), flags.clone());
        async move { tokio::task::spawn_blocking(move || Process::start(&folder, &flags)).await.unwrap() }
    };
    let first = start().await;
    let tokens = join_all((0..4).map(|n| {
        let (client, api) = (&client, &first.api);
        async move { process::token(client, api, &format!("k{n}@example.org")).await }
    }))
    .await;
    let mut acknowledged: HashSet<String> = HashSet::new();
    let mut process = Some(first);
    for _ in 0..kills {
        let running = match process.take() {
            Some(running) => running,
            None => start().await,
        };
        let stop = tokio_util::sync::CancellationToken::new();
        let writers: Vec<_> = tokens
            .iter()
            .map(|token| tokio::spawn(write(client.clone(), running.api.clone(), token.clone(), stop.clone())))
            .collect();
        tokio::time::sleep(Duration::from_millis(400)).await;
        running.kill();
        stop.cancel();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
    }
    let last = start().await;
    let db = todo::storage::Db::open(&crate::support::config(folder.path(), &flags).storage).unwrap();
    until("the outbox is empty", || async { todo::events::backlog(&db).await.unwrap().waiting == 0 }).await;
    let users: HashSet<_> = join_all(tokens.iter().map(|token| {
        let request = client.get(format!("{}/api/v1/me", last.api)).bearer_auth(token);
        async move { text(&request.send().await.unwrap().json::<Value>().await.unwrap()["id"]) }
    }))
    .await
    .into_iter()
    .collect();
    let found = check(&read_back(&brokers), &users);
    let published: HashSet<_> =
        found.values().flat_map(|log| log.values()).map(|value| text(&value["payload"]["taskId"])).collect();
    let lost: Vec<_> = acknowledged.difference(&published).collect();
    println!("{kills} kills, {} acknowledged, {} lost", acknowledged.len(), lost.len());
    assert!(lost.is_empty() && acknowledged.len() > 20, "{lost:?}");
    // None is invented: each event's task is in the database.
    for token in &tokens {
        let request = client.get(format!("{}/api/v1/changes?since=0&limit=1000", last.api)).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }
    assert_eq!(tokio::task::spawn_blocking(move || last.terminate()).await.unwrap(), Some(0));
}

#[tokio::test]
async fn real_while_kafka_is_away_writes_go_on_and_the_backlog_drains_in_order() {
    let Some((mut flags, brokers)) = flags().await else { return };
    // A port where nobody listens stands for a cluster that is away: the others' brokers stay up.
    let away = flags.iter().position(|flag| flag.starts_with("kafka.brokers=")).unwrap();
    let there = std::mem::replace(&mut flags[away], "kafka.brokers=127.0.0.1:1".to_owned());
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    for n in 0..50 {
        person.task(&format!("t{n}")).await;
    }
    let ready: Value = world.client.get(format!("{}/readyz", world.admin)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&ready["status"], &ready["checks"][1]["status"]), (&json!("ready"), &json!("failing")));
    let backlog = todo::events::backlog(&world.running.app().db).await.unwrap();
    assert_eq!(backlog.waiting, 52);
    let id = person.id.to_string();
    world.running.stop().await;

    flags[away] = there;
    let world = World::with(&flags).await;
    world.drained().await;
    let found = check(&read_back(&brokers), &HashSet::from([id.clone()]));
    assert_eq!(found[&id].len(), 52);
    let titles: Vec<_> = found[&id].values().skip(2).map(|value| text(&value["payload"]["title"])).collect();
    assert_eq!(titles, (0..50).map(|n| format!("t{n}")).collect::<Vec<_>>());
    assert_eq!(world.request(Method::GET, "/api/v1/me").send().await.unwrap().status().as_u16(), 401);
    world.running.stop().await;
}
