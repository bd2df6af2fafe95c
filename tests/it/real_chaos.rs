//! What is killed, and what must not be lost by it: the service, brokers, a whole cluster, the database. Short here; `make chaos`
//! does it at length (`TODO_TEST_KILLS`, `TODO_TEST_BROKER_KILLS`, `TODO_TEST_OUTAGE_SECONDS`) and shows the figures.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use todo::storage::Db;
use tokio_util::sync::CancellationToken;

use crate::kafka::{Cluster, check, ensure_topics, flags, read_back, text};
use crate::process::{self, Process};
use crate::support::{World, fresh_database, problem, server, until};

/// How often or how long: what `make chaos` sets, or little.
fn setting(variable: &str, little: u64) -> u64 {
    std::env::var(variable).map_or(little, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: `{text}`")))
}

/// People who create tasks one after the other, and note what was acknowledged.
struct Writers {
    stop: CancellationToken,
    running: Vec<tokio::task::JoinHandle<Vec<Write>>>,
    done: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
}

/// One acknowledged write.
struct Write {
    task: String,
    at: Instant,
    took: Duration,
}

impl Writers {
    fn start(client: &reqwest::Client, api: &str, tokens: &[String]) -> Self {
        let (stop, done, failed) = (CancellationToken::new(), Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let write = |token: &String| {
            let request = client.post(format!("{api}/api/v1/tasks")).bearer_auth(token).json(&json!({ "title": "x" }));
            let (stop, done, failed) = (stop.clone(), Arc::clone(&done), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.is_cancelled() {
                    let at = Instant::now();
                    match created(request.try_clone().unwrap()).await {
                        Some(task) => {
                            acknowledged.push(Write { task, at, took: at.elapsed() });
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                        None => _ = failed.fetch_add(1, Ordering::SeqCst),
                    }
                    // A pace that is bounded, and no flood of errors against a service that is dead.
                    tokio::time::sleep(Duration::from_millis(4)).await;
                }
                acknowledged
            })
        };
        let running = tokens.iter().map(write).collect();
        Self { stop, running, done, failed }
    }

    /// What was acknowledged, and how many writes were not.
    async fn stop(self) -> (Vec<Write>, u32) {
        self.stop.cancel();
        let all = join_all(self.running).await.into_iter().flat_map(Result::unwrap).collect();
        (all, self.failed.load(Ordering::SeqCst))
    }
}

/// The id of the task when the answer is a whole 201.
async fn created(request: reqwest::RequestBuilder) -> Option<String> {
    let response = request.send().await.ok()?;
    (response.status().as_u16() == 201).then_some(())?;
    Some(text(&response.json::<Value>().await.ok()?["id"]))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

async fn people(client: &reqwest::Client, api: &str) -> Vec<String> {
    join_all((0..4).map(|n| async move { process::token(client, api, &format!("p{n}@example.org")).await })).await
}

/// Who the tokens belong to.
async fn ids(client: &reqwest::Client, api: &str, tokens: &[String]) -> HashSet<String> {
    let id = |token: &String| {
        let request = client.get(format!("{api}/api/v1/me")).bearer_auth(token);
        async move { text(&request.send().await.unwrap().json::<Value>().await.unwrap()["id"]) }
    };
    let found: HashSet<_> = join_all(tokens.iter().map(id)).await.into_iter().collect();
    assert_eq!(found.len(), tokens.len());
    assert!(!found.contains(""), "a token was refused");
    found
}

/// Each acknowledged write is on Kafka, and what is on Kafka is what the log has: nothing lost, nothing invented.
async fn compare(db: &Db, brokers: &str, users: &HashSet<String>, acknowledged: &HashSet<&String>) {
    let found = check(&read_back(brokers), users);
    let tasks: HashSet<_> =
        found.values().flat_map(BTreeMap::values).map(|value| text(&value["payload"]["taskId"])).collect();
    let lost = acknowledged.iter().filter(|task| !tasks.contains(**task)).count();
    println!("{} acknowledged, {lost} lost", acknowledged.len());
    assert_eq!(lost, 0);
    for user in users {
        let log = todo::events::changes(db, user.parse().unwrap(), 0, i64::MAX).await.unwrap();
        let log: BTreeMap<i64, Value> =
            log.iter().map(|change| (change.seq, serde_json::from_str(change.event.get()).unwrap())).collect();
        assert!(found[user] == log, "user {user}: Kafka has {} events, the log {}", found[user].len(), log.len());
    }
}

#[tokio::test]
async fn real_a_killed_service_loses_no_acknowledged_write() {
    let Some((mut flags, brokers)) = flags().await else { return };
    let kills = setting("TODO_TEST_KILLS", 5);
    let folder = tempfile::tempdir().unwrap();
    // Each start has another port: a token must outlive it.
    flags.extend(["events.relay_lease_ms=1000", "auth.issuer=http://chaos.test"].map(str::to_owned));
    let client = client();
    let start = || {
        let (folder, flags) = (folder.path().to_owned(), flags.clone());
        async move { tokio::task::spawn_blocking(move || Process::start(&folder, &flags)).await.unwrap() }
    };
    let first = start().await;
    let tokens = people(&client, &first.api).await;
    let users = ids(&client, &first.api, &tokens).await;
    let (mut process, mut acknowledged) = (Some(first), Vec::new());
    for round in 1..=kills {
        let running = match process.take() {
            Some(running) => running,
            None => start().await,
        };
        let writers = Writers::start(&client, &running.api, &tokens);
        until("there are writes", || async { writers.done.load(Ordering::SeqCst) >= 20 }).await;
        // At another moment of the relay's work each time.
        tokio::time::sleep(Duration::from_millis(round * 37 % 200)).await;
        running.kill();
        let (written, _) = writers.stop().await;
        acknowledged.extend(written.into_iter().map(|write| write.task));
    }
    let last = start().await;
    let db = Db::open(&crate::support::config(folder.path(), &flags).storage).unwrap();
    until("the outbox is empty", || async { todo::events::backlog(&db).await.unwrap().waiting == 0 }).await;
    println!("{kills} kills of the service:");
    compare(&db, &brokers, &users, &acknowledged.iter().collect()).await;
    assert_eq!(tokio::task::spawn_blocking(move || last.terminate()).await.unwrap(), Some(0));
}

/// The share of the writes between two moments that took longest, in milliseconds: their median and 99th percentile.
fn latency(writes: &[Write], from: Instant, to: Instant) -> String {
    let mut took: Vec<_> =
        writes.iter().filter(|write| (from..to).contains(&write.at)).map(|write| write.took.as_secs_f64()).collect();
    took.sort_by(f64::total_cmp);
    let at = |hundredth: usize| took.get(took.len() * hundredth / 100).map_or(f64::NAN, |seconds| seconds * 1000.0);
    format!("p50 {:.1} ms, p99 {:.1} ms of {} writes", at(50), at(99), took.len())
}

async fn gauge(world: &World, name: &str) -> f64 {
    let text = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(f64::NAN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn real_a_failing_cluster_loses_nothing_and_stops_nobody() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let Some(cluster) = tokio::task::block_in_place(Cluster::start) else { return };
    let (kills, outage) = (setting("TODO_TEST_BROKER_KILLS", 2), setting("TODO_TEST_OUTAGE_SECONDS", 5));
    let flags = [cluster.flags(), vec![format!("storage.url={}", fresh_database(&url).await)]].concat();
    tokio::task::block_in_place(|| ensure_topics(&cluster.flags()));
    let world = World::with(&flags).await;
    let tokens = people(&world.client, &world.base).await;
    let users = ids(&world.client, &world.base, &tokens).await;
    let writers = Writers::start(&world.client, &world.base, &tokens);

    let calm = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let killing = Instant::now();
    for n in 0..kills {
        let broker = u32::try_from(n % 3).unwrap() + 1;
        tokio::task::block_in_place(|| cluster.kill(broker));
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::task::block_in_place(|| cluster.restart(broker));
    }
    // The cluster's own recovery is over when nothing waits any more; the writers go on meanwhile.
    until("the backlog is small", || async { gauge(&world, "outbox_backlog ").await < 50.0 }).await;
    let away = Instant::now();
    tokio::task::block_in_place(|| cluster.crash());
    tokio::time::sleep(Duration::from_secs(outage)).await;
    until("the backlog gauge rises", || async { gauge(&world, "outbox_backlog ").await > 100.0 }).await;
    let ready: Value = world.client.get(format!("{}/readyz", world.admin)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&ready["status"], &ready["checks"][1]["status"]), (&json!("ready"), &json!("failing")));
    let back = Instant::now();
    let (written, failed) = writers.stop().await;
    let waiting = todo::events::backlog(&world.running.app().db).await.unwrap().waiting;
    tokio::task::block_in_place(|| cluster.recover());
    let recovered = Instant::now();
    world.drained().await;

    println!("calm:                 {}", latency(&written, calm, killing));
    println!("{kills} kills of a broker: {}", latency(&written, killing, away));
    println!("{outage} s without Kafka:    {}", latency(&written, away, back));
    println!("{waiting} events waited; drained {:.1} s after the brokers", recovered.elapsed().as_secs_f64());
    assert_eq!(failed, 0, "writes that failed");
    let tasks = written.iter().map(|write| &write.task).collect();
    compare(&world.running.app().db, &cluster.plain(), &users, &tasks).await;
    world.running.stop().await;
}

#[tokio::test]
async fn real_a_restarted_database_needs_no_restarted_service() {
    let Some(servers) = server("TODO_TEST_SERVERS") else { return };
    // A server of its own, because it is killed.
    let folder = tempfile::Builder::new().prefix("todo-pg-").tempdir_in("/tmp").unwrap();
    let data = folder.path().join("pg");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = |what: &str| {
        let status = Command::new(format!("{servers}/postgres/{what}"))
            .arg(&data)
            .env("TODO_TEST_POSTGRES_PORT", port.to_string())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{what}");
    };
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    run("start");
    let url = format!("postgres://todo:todo@127.0.0.1:{port}/todo");
    let world = World::with(&[format!("storage.url={url}")]).await;
    let person = world.person("ann@example.org").await;
    person.task("before").await;

    let pid = std::fs::read_to_string(data.join("cluster/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().trim().to_owned();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    until("readiness says that the database is gone", || async {
        let ready = world.client.get(format!("{}/readyz", world.admin)).send().await.unwrap();
        ready.status().as_u16() == 503
    })
    .await;
    let response = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "during" })), &[]).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(problem(response, 503).await, "unavailable");

    run("start");
    let back = Instant::now();
    until("the API works again", || async {
        let response = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "after" })), &[]).await;
        response.status().as_u16() == 201
    })
    .await;
    println!("healthy {:.1} s after the database", back.elapsed().as_secs_f64());
    assert!(back.elapsed() < Duration::from_secs(10));
    world.drained().await;
    world.running.stop().await;
    run("stop");
}
