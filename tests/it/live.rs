//! The live stream of changes: in order, nothing lost and nothing twice, across instances.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use todo::kernel::Clock;

use crate::process::Process;
use crate::support::{Person, World, on_both, postgres, problem, until};
use crate::tap::Tap;

async fn changes_are_told_as_they_come(url: Option<String>) {
    let world = World::with(&url.into_iter().map(|url| format!("storage.url={url}")).collect::<Vec<_>>()).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    let (mut now, mut all) = (Tap::changes(&ann, "", None).await, Tap::changes(&ann, "?since=0", None).await);
    let mut other = Tap::changes(&bob, "", None).await;
    let task = ann.task("a").await;
    let told = now.next().await.unwrap();
    assert_eq!((&told["event"]["eventType"], &told["channel"]), (&json!("TASK_CREATED"), &json!("person")));
    assert_eq!(told["event"]["payload"]["taskId"], task["id"]);
    let page = ann.get("/api/v1/changes?since=0").await;
    for expected in page["results"].as_array().unwrap() {
        assert_eq!(all.next().await.unwrap(), *expected, "the same as in the list");
    }
    // Whoever breaks off goes on after the last one.
    let last = now.last_id.clone();
    drop(now);
    ann.task("b").await;
    ann.task("c").await;
    let mut again = Tap::changes(&ann, "", Some(&last)).await;
    for title in ["b", "c"] {
        assert_eq!(again.next().await.unwrap()["event"]["payload"]["title"], title);
    }
    bob.task("d").await;
    assert_eq!(other.next().await.unwrap()["event"]["payload"]["title"], "d", "and nothing of anybody else");
    for query in ["?since=-1", "?since=x", "?from=1"] {
        let refused = ann.send(Method::GET, &format!("/api/v1/events{query}"), None, &[]).await;
        assert_eq!(problem(refused, 422).await, "validation_failed", "{query}");
    }
    // What was cut cannot be told.
    let db = &world.running.app().db;
    let mut pruner = todo::events::Pruner::new(1000);
    world.drained().await;
    while pruner.step(db, world.clock.now() + chrono::TimeDelta::days(1)).await.unwrap().is_some() {}
    let refused = ann.send(Method::GET, "/api/v1/events?since=1", None, &[]).await;
    assert_eq!(problem(refused, 410).await, "resync_required");
    let refused = ann.send(Method::GET, "/api/v1/events", None, &[("last-event-id", "2")]).await;
    assert_eq!(problem(refused, 410).await, "resync_required");
    // The stream ends with the service.
    world.running.stop().await;
    while again.next().await.is_some() {}
}

/// What one instance commits, the others tell; a client that comes back to another one goes on there.
#[tokio::test]
async fn real_a_client_goes_from_instance_to_instance() {
    let Some(url) = postgres().await else { return };
    let keys = tempfile::tempdir().unwrap();
    let flags = [
        format!("storage.url={url}"),
        format!("auth.keys_dir={}", keys.path().display()),
        "auth.issuer=http://live.test".to_owned(),
    ];
    let one = World::with(&flags).await;
    let two = World::api_only(Clock::system(), &flags).await;
    let ann = one.person("ann@example.org").await;
    let there = Person { world: &two, id: ann.id, token: ann.token.clone(), refresh: String::new() };
    let mut tap = Tap::changes(&there, "?since=0", None).await;
    let (mut titles, mut last) = (Vec::new(), String::new());
    for n in 0..30 {
        ann.task(&n.to_string()).await;
        if n % 7 == 3 {
            // A deploy: the stream breaks off, and is opened again elsewhere.
            let at = if n % 2 == 0 { &ann } else { &there };
            tap = Tap::changes(at, "", Some(&last)).await;
        }
        while titles.len() <= n {
            let told = tap.next().await.unwrap();
            last.clone_from(&tap.last_id);
            if let Some(title) = told["event"]["payload"]["title"].as_str() {
                titles.push(title.to_owned());
            }
        }
    }
    assert_eq!(titles, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
    two.running.stop().await;
    one.running.stop().await;
}

/// Resident memory of a process, in KiB.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// 5,000 idle streams shall take less than 100 MB: 20 KiB each. `TODO_TEST_STREAMS` says how many; a thousand else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_streams_take_little_memory() {
    let most: usize = std::env::var("TODO_TEST_STREAMS").map_or(1000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let flags = ["http.max_streams=10000", "http.max_streams_per_user=10000", "http.max_connections=12000"];
    let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let process = tokio::task::block_in_place(|| Process::start(folder.path(), &flags));
    let client = reqwest::Client::new();
    let token = crate::process::token(&client, &process.api, "ann@example.org").await;
    let open = async || {
        let request = client.get(format!("{}/api/v1/events", process.api)).bearer_auth(&token);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        response
    };
    // The first ones bring what all of them share.
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(open().await);
    }
    let before = resident(process.id());
    while streams.len() < most {
        streams.extend(futures::future::join_all((0..50).map(|_| open())).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let grown = resident(process.id()).saturating_sub(before);
    let each = grown / u64::try_from(most - 50).unwrap();
    println!("{most} idle streams: {grown} KiB more than 50, {each} KiB each");
    assert!(each < 20, "{each} KiB a stream");
    until("they are all there", || async { streams.len() >= most }).await;
    process.kill();
}

on_both! {
    changes_are_told_as_they_come: told_on_sqlite, real_told_on_postgres;
}
