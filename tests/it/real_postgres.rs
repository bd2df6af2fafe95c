//! On a real PostgreSQL: the same contracts, twenty starts at once, a pooler.

use std::time::Duration;

use futures::future::join_all;

use crate::process::Process;
use crate::support::{World, expect, fresh_database, server, until};
use crate::{tasks, writers};

#[tokio::test]
async fn real_the_contracts_hold_on_postgres() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let world = World::with(&[format!("storage.url={}", fresh_database(&url).await)]).await;
    tasks::journey(&world.person("ann@example.org").await).await;
    let person = world.person("bob@example.org").await;
    writers::one_key_one_task(&person).await;
    writers::one_winner(&person).await;
    world.drained().await;
    assert_eq!(world.running.stop().await, 0);
}

#[tokio::test]
async fn real_twenty_starts_at_once_migrate_once() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let url = fresh_database(&url).await;
    let folder = tempfile::tempdir().unwrap();
    let starts = (0..20).map(|_| {
        let (folder, url) = (folder.path().to_owned(), url.clone());
        tokio::task::spawn_blocking(move || {
            Process::start(&folder, &[format!("storage.url={url}"), "storage.max_connections=4".to_owned()])
        })
    });
    let processes: Vec<_> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    for process in &processes {
        let ready = client.get(format!("{}/readyz", process.admin)).send().await.unwrap();
        assert_eq!(expect(ready, 200).await["status"], "ready");
    }
    // They share the shards: nobody has more than a fair part of the 64 for long.
    let db = todo::storage::Db::open(&crate::support::config(folder.path(), &[format!("storage.url={url}")]).storage)
        .unwrap();
    until("twenty relays share 64 shards", || async {
        let holders = todo::events::holders(&db).await.unwrap();
        holders.len() >= 16 && holders.iter().map(|(_, shards)| *shards).sum::<i64>() == 64
    })
    .await;
}

#[tokio::test]
async fn real_a_transaction_pooler_may_stand_between() {
    let (Some(direct), Some(pooler)) = (server("TODO_TEST_POSTGRES_URL"), server("TODO_TEST_PGBOUNCER_URL")) else {
        return;
    };
    let name = fresh_database(&direct).await.rsplit('/').next().unwrap().to_owned();
    let (address, _) = pooler.rsplit_once('/').unwrap();
    let flags = [format!("storage.url={address}/{name}"), "storage.pooler=transaction".to_owned()];
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    tasks::journey(&person).await;
    // More at once than the pooler has servers: statements of different connections must not mix.
    join_all((0..60).map(|n| {
        let person = &person;
        async move {
            let id = person.task(&format!("t{n}")).await["id"].as_str().unwrap().to_owned();
            assert_eq!(person.get(&format!("/api/v1/tasks/{id}")).await["title"], format!("t{n}"));
        }
    }))
    .await;
    world.drained().await;
    world.running.stop().await;
}
