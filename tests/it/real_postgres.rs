//! On a real PostgreSQL: the same contracts, twenty starts at once, a pooler, a restart.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

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
    assert_eq!(crate::support::problem(response, 503).await, "unavailable");

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
