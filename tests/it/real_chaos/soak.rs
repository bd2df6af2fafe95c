//! Check 9: a steady load for half an hour, after which nothing has grown but what was asked for.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::writers::{Writers, client, people};
use super::{compare, drained, figure, full, setting};
use crate::kafka::flags;
use crate::process::Process;
use crate::support::config;
use todo::storage::Db;

/// What is bounded, at one moment.
struct Sample {
    outbox: i64,
    /// Of the tables that rows come and go in, summed.
    dead: i64,
    /// Resident memory in KiB.
    resident: i64,
}

async fn sample(connection: &mut PgConnection, process: &Process) -> Sample {
    let (outbox, dead): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM outbox), CAST(coalesce(sum(n_dead_tup), 0) AS bigint) FROM pg_stat_user_tables \
         WHERE relname IN ('outbox', 'relay_leases', 'relay_members', 'inbox', 'consumer_retries', 'user_logs')",
    )
    .fetch_one(connection)
    .await
    .unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    Sample { outbox, dead, resident }
}

/// The mean of a figure over some samples.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn mean(samples: &[Sample], of: impl Fn(&Sample) -> i64) -> f64 {
    samples.iter().map(|sample| of(sample) as f64).sum::<f64>() / samples.len().max(1) as f64
}

fn most(samples: &[Sample], of: impl Fn(&Sample) -> i64) -> i64 {
    samples.iter().map(of).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_steady_load_leaves_nothing_behind() {
    let Some((mut flags, brokers)) = flags().await else { return };
    let seconds = setting("TODO_TEST_SOAK_SECONDS", 15, 1_800);
    let folder = tempfile::tempdir().unwrap();
    let url = flags.iter().find_map(|flag| flag.strip_prefix("storage.url=")).unwrap().to_owned();
    // Tokens are renewed by nobody here.
    flags.push(format!("auth.access_token_seconds={}", (seconds + 600).min(86_400)));
    let process = tokio::task::block_in_place(|| Process::start(folder.path(), &flags));
    let client = client();
    let (tokens, users) = people(&client, &process.api, 8).await;
    let writers = Writers::at_pace(&client, &process.api, &tokens, Duration::from_millis(40));
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let (mut samples, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_secs((seconds / 180).max(1))).await;
        samples.push(sample(&mut connection, &process).await);
    }
    let (written, failed) = writers.stop().await;
    let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
    drained(&db).await;
    assert_eq!(failed, 0, "writes that failed");
    let found = compare(&db, &brokers, &users, &written).await;

    // The first tenth is the start: caches fill, autovacuum has not come round.
    let steady = &samples[samples.len() / 10..];
    let (early, late) = steady.split_at(steady.len() / 2);
    let tenth = (samples.len() / 10).max(1);
    let resident = |sample: &Sample| sample.resident;
    let (first, last) = (mean(&early[..tenth], resident), mean(&late[late.len() - tenth..], resident));
    let drift = 100.0 * (last - first) / first;
    let outbox = most(&samples, |sample| sample.outbox);
    let dead = (most(early, |sample| sample.dead), most(late, |sample| sample.dead));
    let (before, after, resident) = (dead.0, dead.1, last / 1024.0);
    figure(
        9,
        &format!(
            "{seconds} s of writes: outbox at most {outbox} rows; rows not yet vacuumed at most {before}, then {after}; \
        resident {resident:.1} MB ({drift:+.1} %); {found}"
        ),
    );
    assert!(outbox < 1_000, "the outbox grew to {outbox} rows");
    if full() {
        assert!(dead.1 <= dead.0 * 3 / 2 + 1_000, "dead rows: {dead:?}");
        assert!(drift < 5.0, "resident memory went from {first} to {last} KiB");
    }
}
