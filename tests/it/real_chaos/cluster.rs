//! Check 2: brokers, and then all of Kafka, killed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::writers::{Writers, people};
use super::{compare, figure, gauge, latency, setting};
use crate::kafka::{Cluster, ensure_topics};
use crate::support::{World, fresh_database, server, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn real_a_failing_cluster_loses_nothing_and_stops_nobody() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let Some(cluster) = tokio::task::block_in_place(Cluster::start) else { return };
    let kills = setting("TODO_TEST_BROKER_KILLS", 2, 20);
    let outage = setting("TODO_TEST_OUTAGE_SECONDS", 5, 600);
    // The whole takes about as long as an access token lasts.
    let own = vec![format!("storage.url={}", fresh_database(&url).await), "auth.access_token_seconds=86400".to_owned()];
    let flags = [cluster.flags(), own].concat();
    tokio::task::block_in_place(|| ensure_topics(&cluster.flags()));
    let world = World::with(&flags).await;
    // So many that nobody comes to the hundred thousand tasks that one may have.
    let (tokens, users) = people(&world.client, &world.base, 12).await;
    let writers = Writers::at_pace(&world.client, &world.base, &tokens, Duration::from_millis(12));

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
    super::drained(&world.running.app().db).await;
    let drained = recovered.elapsed().as_secs_f64();

    assert_eq!(failed, 0, "writes that failed");
    let found = compare(&world.running.app().db, &cluster.plain(), &users, &written).await;
    figure(2, &format!("a write while all is well: {}", latency(&written, calm, killing)));
    figure(2, &format!("{kills} kills of a broker: {}, 0 failed", latency(&written, killing, away)));
    figure(2, &format!("{outage} s without Kafka: {}, 0 failed", latency(&written, away, back)));
    figure(2, &format!("{waiting} events waited, drained {drained:.1} s after the brokers were back: {found}"));
    world.running.stop().await;
}
