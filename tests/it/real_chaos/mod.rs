//! What is killed, frozen, stalled or poisoned, and what must not be lost by it. Short here; `make chaos`
//! (`TODO_TEST_CHAOS=full`) does it at the lengths of the list in `docs/chaos.md` and prints each check's figure.

mod backlog;
mod cluster;
mod consumers;
mod contract;
mod database;
mod relays;
mod schedule;
mod service;
mod soak;
mod telemetry;
mod writers;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, Instant};

use todo::storage::Db;

use crate::kafka::{Checker, read_each, text};
use crate::support::World;
use writers::Write;

/// Whether it is to be done at full length.
fn full() -> bool {
    std::env::var_os("TODO_TEST_CHAOS").is_some_and(|length| length == "full")
}

/// How often or how long: little, or what the list of checks says, or what the variable says.
fn setting(variable: &str, little: u64, much: u64) -> u64 {
    let length = if full() { much } else { little };
    std::env::var(variable).map_or(length, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: `{text}`")))
}

/// What came of a check, by its number in the list.
pub fn figure(check: u32, says: &str) {
    let line = format!("check {check:>2}  {says}");
    println!("{line}");
    if let Some(path) = std::env::var_os("TODO_TEST_FIGURES") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// What a comparison of the database and the topics found; anything lost, invented or out of order has failed it.
struct Found {
    acknowledged: usize,
    events: usize,
    repeated: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, events, repeated } = self;
        write!(
            f,
            "{acknowledged} acknowledged, {events} events on Kafka ({repeated} repetitions): 0 lost, 0 out of order"
        )
    }
}

/// Each acknowledged write is on Kafka, and what is on Kafka is byte for byte what the log has: nothing lost, nothing
/// invented, first occurrences in order.
async fn compare(db: &Db, brokers: &str, users: &[String], written: &[Write]) -> Found {
    let all = users.iter().cloned().collect();
    let mut checker = Checker::new(&all);
    let mut missing: HashSet<&str> = written.iter().map(|write| write.task.as_str()).collect();
    tokio::task::block_in_place(|| {
        read_each(brokers, |message| {
            let value: serde_json::Value = serde_json::from_str(&message.value).unwrap();
            missing.remove(text(&value["payload"]["taskId"]).as_str());
            checker.see(&message);
        });
    });
    assert_eq!(missing.len(), 0, "acknowledged and lost");
    let repeated = checker.repeated;
    let found = checker.dense();
    for user in users {
        let log = todo::events::changes(db, user.parse().unwrap(), 0, i64::MAX).await.unwrap();
        let log: BTreeMap<i64, String> = log.iter().map(|change| (change.seq, change.event.get().to_owned())).collect();
        assert!(found[user] == log, "user {user}: Kafka has {} events, the log {}", found[user].len(), log.len());
    }
    Found { acknowledged: written.len(), events: found.values().map(BTreeMap::len).sum(), repeated }
}

/// The median and the 99th percentile of how long the writes between two moments took, in milliseconds.
fn latency(writes: &[Write], from: Instant, to: Instant) -> String {
    let within = writes.iter().filter(|write| (from..to).contains(&write.at));
    let took: Vec<_> = within.map(|write| write.took.as_secs_f64() * 1000.0).collect();
    format!("p50 {:.1} p99 {:.1} ms of {} writes", percentile(&took, 50), percentile(&took, 99), took.len())
}

/// Waits until the outbox is empty. A backlog of ten minutes takes longer than [`until`] waits.
async fn drained(db: &Db) {
    let deadline = Instant::now() + Duration::from_mins(5);
    loop {
        let waiting = todo::events::backlog(db).await.unwrap().waiting;
        if waiting == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{waiting} events still wait after five minutes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn percentile(values: &[f64], hundredth: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() * hundredth / 100).copied().unwrap_or(f64::NAN)
}

/// The service's own metrics.
async fn metrics(client: &reqwest::Client, admin: &str) -> String {
    client.get(format!("{admin}/metrics")).send().await.unwrap().text().await.unwrap()
}

async fn gauge(world: &World, name: &str) -> f64 {
    let text = metrics(&world.client, &world.admin).await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(f64::NAN)
}

/// The histogram of the delays from commit to acknowledgement: how many took at most so many seconds.
async fn delays(client: &reqwest::Client, admin: &str) -> Vec<(f64, f64)> {
    let text = metrics(client, admin).await;
    let bucket = |line: &str| {
        let rest = line.strip_prefix("outbox_publish_delay_seconds_bucket{le=\"")?;
        let (edge, count) = rest.split_once("\"} ")?;
        Some((edge.parse().ok()?, count.parse().ok()?))
    };
    text.lines().filter_map(bucket).collect()
}

/// The upper edge, in milliseconds, of the bucket that holds this percentile of what came between two looks.
fn at_most(before: &[(f64, f64)], after: &[(f64, f64)], hundredth: f64) -> f64 {
    let before: HashMap<_, _> = before.iter().map(|(edge, count)| (edge.to_bits(), *count)).collect();
    let between: Vec<_> =
        after.iter().map(|(edge, count)| (edge, count - before.get(&edge.to_bits()).unwrap_or(&0.0))).collect();
    let all = between.last().map_or(0.0, |(_, count)| *count);
    let bucket = between.iter().find(|(_, count)| all > 0.0 && *count >= all * hundredth / 100.0);
    bucket.map_or(f64::NAN, |(edge, _)| **edge * 1000.0)
}
