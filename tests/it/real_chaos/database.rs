//! Checks 3 and 6: PostgreSQL killed under writes, and writers that stall inside their transactions.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use todo::events::{Draft, EventLog, Topic};
use todo::kernel::{Actor, Channel, Clock, Ids, Scopes};
use todo::storage::{Db, Tx};

use super::writers::{Writers, people};
use super::{at_most, compare, delays, figure, setting};
use crate::kafka::flags;
use crate::support::{World, config, problem, server, until};

/// A PostgreSQL of the test's own, because it is killed.
struct Postgres {
    folder: tempfile::TempDir,
    servers: PathBuf,
    port: u16,
}

impl Postgres {
    fn start() -> Option<Self> {
        let servers = PathBuf::from(server("TODO_TEST_SERVERS")?);
        let folder = tempfile::Builder::new().prefix("todo-pg-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let postgres = Self { folder, servers, port };
        postgres.run("start", &[]);
        Some(postgres)
    }

    fn url(&self) -> String {
        format!("postgres://todo:todo@127.0.0.1:{}/todo", self.port)
    }

    fn run(&self, what: &str, arguments: &[&str]) {
        let status = Command::new(self.servers.join("postgres").join(what))
            .arg(self.folder.path().join("pg"))
            .args(arguments)
            .env("TODO_TEST_POSTGRES_PORT", self.port.to_string())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{what}");
    }

    /// kill -9.
    fn kill(&self) {
        self.run("stop", &["KILL"]);
    }

    /// With the data of before.
    fn restart(&self) {
        self.run("start", &[]);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("stop", &[]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn real_a_killed_database_loses_nothing_and_needs_no_restarted_service() {
    let (Some((mut flags, brokers)), Some(postgres)) = (flags().await, tokio::task::block_in_place(Postgres::start))
    else {
        return;
    };
    let kills = setting("TODO_TEST_DATABASE_KILLS", 2, 20);
    flags.retain(|flag| !flag.starts_with("storage.url="));
    flags.push(format!("storage.url={}", postgres.url()));
    let world = World::with(&flags).await;
    let (tokens, users) = people(&world.client, &world.base, 4).await;
    let writers = Writers::start(&world.client, &world.base, &tokens);
    let (mut slowest, person) = (Duration::ZERO, world.person("ann@example.org").await);
    for round in 1..=kills {
        let before = writers.done.load(Ordering::SeqCst);
        until("there are writes", || async { writers.done.load(Ordering::SeqCst) >= before + 20 }).await;
        // At another moment each time.
        tokio::time::sleep(Duration::from_millis(round * 53 % 200)).await;
        tokio::task::block_in_place(|| postgres.kill());
        until("readiness says that the database is gone", || async {
            let ready = world.client.get(format!("{}/readyz", world.admin)).send().await.unwrap();
            ready.status().as_u16() == 503
        })
        .await;
        let response = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "during" })), &[]).await;
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(problem(response, 503).await, "unavailable");
        tokio::task::block_in_place(|| postgres.restart());
        let back = Instant::now();
        until("the API works again", || async {
            let response = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "after" })), &[]).await;
            response.status().as_u16() == 201
        })
        .await;
        slowest = slowest.max(back.elapsed());
    }
    assert!(slowest < Duration::from_secs(10), "healthy {slowest:?} after the database");
    let (written, failed) = writers.stop().await;
    world.drained().await;
    let found = compare(&world.running.app().db, &brokers, &users, &written).await;
    let slowest = slowest.as_secs_f64();
    figure(
        3,
        &format!(
            "{kills} kills of PostgreSQL: healthy at most {slowest:.2} s after it, {failed} writes refused; {found}"
        ),
    );
    world.running.stop().await;
}

/// Somebody's transaction with an event in it, not committed.
async fn stall(db: &Db, log: &EventLog, ids: &Ids, user: &str) -> Tx {
    let task = ids.uuid();
    let user_id = user.parse().unwrap();
    let actor = Actor { user_id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL };
    let payload = json!({ "taskId": task, "title": "stalled", "completed": false });
    let draft = Draft { topic: Topic::Todo, event_type: "TASK_CREATED", subject_id: task, payload };
    let event = log.prepare(&actor, &draft).unwrap();
    let mut tx = db.begin().await.unwrap();
    log.append(&mut tx, &event).await.unwrap();
    tx
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_stalled_writers_hold_up_nobody_else_and_are_not_skipped() {
    let Some((flags, brokers)) = flags().await else { return };
    let seconds = setting("TODO_TEST_STALL_SECONDS", 5, 60);
    let world = World::with(&flags).await;
    let (tokens, users) = people(&world.client, &world.base, 8).await;
    let stuck = &users[4..];
    let writers = Writers::start(&world.client, &world.base, &tokens[..4]);
    let calm = delays(&world.client, &world.admin).await;
    tokio::time::sleep(Duration::from_secs(seconds.min(10))).await;
    let before = delays(&world.client, &world.admin).await;

    // Connections without the limit on idle transactions, as another program's might be.
    let folder = tempfile::tempdir().unwrap();
    let db =
        Db::open(&config(folder.path(), &[&flags[..], &["storage.pooler=transaction".to_owned()]].concat()).storage);
    let (db, ids) = (db.unwrap(), Ids::system(Clock::system()));
    let log = EventLog::new(Clock::system(), ids.clone()).unwrap();
    let mut stalled = Vec::new();
    for user in stuck {
        stalled.push(stall(&db, &log, &ids, user).await);
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = delays(&world.client, &world.admin).await;
    let (written, failed) = writers.stop().await;
    // All that is visible is with Kafka, though older numbers of the outbox are still under way.
    world.drained().await;
    for tx in stalled {
        tx.commit().await.unwrap();
    }
    world.drained().await;
    assert_eq!(failed, 0, "writes that failed");
    let found = compare(&world.running.app().db, &brokers, &users, &written).await;
    assert_eq!(
        found.events,
        users.len() + written.len() + stuck.len() + users.len(),
        "sign-ups, sign-ins, writes, stalled"
    );
    let (calm, stall) = (at_most(&calm, &before, 99.0), at_most(&before, &after, 99.0));
    figure(
        6,
        &format!(
            "{} writers stalled for {seconds} s: others' events p99 ≤ {stall} ms (≤ {calm} ms before), none skipped; {found}",
            stuck.len()
        ),
    );
    world.running.stop().await;
}
