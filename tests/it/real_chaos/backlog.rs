//! Check 8: a backlog, drained by one relay while people go on writing.

use std::time::{Duration, Instant};

use serde_json::json;
use todo::storage::Db;

use super::writers::{Writers, client, people};
use super::{at_most, compare, delays, figure, full, setting};
use crate::kafka::{Checker, flags, read_each};
use crate::process::Process;
use crate::support::config;

/// Whose events wait.
const OWNERS: u64 = 1_000;

/// A backlog in the order in which people who take turns would have made it. Returns whose it is.
async fn fill(url: &str, events: u64) -> Vec<String> {
    use sqlx::{Connection as _, Executor as _};
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let owner = "'0193a7c0-0000-7000-8000-' || (100000000000 + n)";
    let value = json!({ "eventId": "ID", "eventType": "TASK_CREATED", "timestamp": "2026-11-24T09:00:00.000001Z",
        "userId": "OWNER", "payload": { "taskId": "ID", "title": "waits", "completed": false } });
    let each = events / OWNERS;
    connection
        .execute(sqlx::AssertSqlSafe(format!(
            "CREATE TEMPORARY TABLE owners AS SELECT n, CAST({owner} AS uuid) AS id FROM generate_series(1, {OWNERS}) AS n; \
             INSERT INTO user_logs (user_id, shard, last_seq) SELECT id, get_byte(uuid_send(id), 15) & 63, {each} FROM owners; \
             INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, occurred_at, value) \
             SELECT owners.id, seq, CAST(event AS uuid), 'todo-events', 'TASK_CREATED', CAST(event AS uuid), 'person', now(), \
                 replace(replace('{value}', 'OWNER', CAST(owners.id AS text)), 'ID', event) \
             FROM generate_series(1, {each}) AS seq, owners, \
                 CAST('0193a7c2-0000-7000-8000-' || (100000000000 + seq * {OWNERS} + n) AS text) AS event; \
             INSERT INTO outbox (shard, user_id, seq) SELECT log.shard, log.user_id, seq \
             FROM generate_series(1, {each}) AS seq, owners JOIN user_logs AS log ON log.user_id = owners.id ORDER BY seq, n; \
             ANALYZE events, outbox, user_logs"
        )))
        .await
        .unwrap();
    let ids: Vec<(uuid::Uuid,)> = sqlx::query_as("SELECT id FROM owners").fetch_all(&mut connection).await.unwrap();
    ids.into_iter().map(|(id,)| id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_backlog_is_drained_in_order_while_people_write() {
    let Some((flags, brokers)) = flags().await else { return };
    let events = setting("TODO_TEST_BACKLOG", 5_000, 1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let start = |roles: &str| tokio::task::block_in_place(|| Process::start_as(roles, folder.path(), &flags));
    let (api, client) = (start("api"), client());
    let (tokens, users) = people(&client, &api.api, 4).await;
    let url = flags.iter().find_map(|flag| flag.strip_prefix("storage.url=")).unwrap();
    let owners = fill(url, events).await;
    let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
    let writers = Writers::at_pace(&client, &api.api, &tokens, Duration::from_millis(20));
    let begun = Instant::now();
    let relay = start("relay");
    until_within(Duration::from_mins(5), || async { todo::events::backlog(&db).await.unwrap().waiting < 200 }).await;
    let took = begun.elapsed().as_secs_f64();
    // What is written from here on meets no backlog.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = delays(&client, &relay.admin).await;
    tokio::time::sleep(Duration::from_secs(if full() { 20 } else { 2 })).await;
    let after = delays(&client, &relay.admin).await;
    let (written, failed) = writers.stop().await;
    super::drained(&db).await;
    assert_eq!(failed, 0, "writes that failed");

    let all = owners.iter().cloned().collect();
    let mut checker = Checker::new(&all);
    tokio::task::block_in_place(|| read_each(&brokers, |message| checker.see(&message)));
    let count: usize = checker.dense().values().map(std::collections::BTreeMap::len).sum();
    assert_eq!(u64::try_from(count).unwrap(), events / OWNERS * OWNERS, "of the backlog on Kafka");
    let found = compare(&db, &brokers, &users, &written).await;
    #[expect(clippy::cast_precision_loss, reason = "millions at most")]
    let rate = events as f64 / took;
    let live = at_most(&before, &after, 99.0);
    figure(
        8,
        &format!(
            "a backlog of {events}: drained in {took:.1} s ({rate:.0}/s) while people wrote, then p99 ≤ {live} ms; {found}"
        ),
    );
    assert!(!full() || (rate >= 20_000.0 && took + 2.0 < 60.0 && live <= 100.0), "a bar of check 8 was missed");
}

async fn until_within<F: Future<Output = bool>>(limit: Duration, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + limit;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
