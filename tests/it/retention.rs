//! What is too old goes, and nothing else: history, inbox rows of erased accounts, dead letters, replies, sessions. On both
//! databases.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use todo::events::consumer::{self, Forgetter, LetterState};
use todo::events::{Pruner, changes, first_seq};
use todo::http::idempotency;
use todo::kernel::{Actor, Clock};
use todo::storage::{Db, Sql};
use uuid::Uuid;

use crate::replay::Desk;
use crate::support::{World, expect, on_both, problem, until};

const FILL: Sql = Sql {
    summary: "test.fill",
    postgres: "INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, occurred_at, value) \
        SELECT $1, n, gen_random_uuid(), 'todo-events', 'TASK_CREATED', gen_random_uuid(), 'person', $3, '{}' \
        FROM generate_series(CAST(1 AS bigint), $2) AS n",
    sqlite: "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $2) \
        INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, occurred_at, value) \
        SELECT $1, n, randomblob(16), 'todo-events', 'TASK_CREATED', randomblob(16), 'person', $3, '{}' FROM n",
};
const END: Sql = both("UPDATE user_logs SET last_seq = $2 WHERE user_id = $1");
const PLACE: Sql =
    both("INSERT INTO inbox (consumer, topic, user_id, last_seq, waiting) VALUES ('test', $2, $1, $3, $4)");
const PLACES: Sql = both("SELECT topic FROM inbox WHERE user_id = $1 ORDER BY topic");
const FREE: Sql = both("UPDATE inbox SET waiting = 0 WHERE user_id = $1");
const LETTER: Sql = both(
    "INSERT INTO dead_letters (id, consumer, topic, partition, record_offset, user_id, seq, headers, attempts, error, \
     first_failed_at, last_failed_at, state, published_at) \
     VALUES ($1, 'test', 'todo-events', 0, 0, $2, 1, '[]', 1, 'e', $3, $3, 'dead', $4)",
);

const fn both(text: &'static str) -> Sql {
    Sql { summary: "test", postgres: text, sqlite: text }
}

async fn fill(desk: &Desk, actor: &Actor, events: i64) {
    let mut tx = desk.db.begin().await.unwrap();
    todo::sql!(execute tx, FILL, actor.user_id, events, desk.clock.now()).unwrap();
    todo::sql!(execute tx, END, actor.user_id, events).unwrap();
    tx.commit().await.unwrap();
}

async fn seqs(db: &Db, actor: &Actor) -> Vec<i64> {
    changes(db, actor.user_id, 0, 10_000).await.unwrap().into_iter().map(|change| change.seq).collect()
}

async fn prune(db: &Db, before: DateTime<Utc>) -> u64 {
    let (mut pruner, mut deleted) = (Pruner::new(1000), 0);
    while let Some(rows) = pruner.step(db, before).await.unwrap() {
        assert!(rows <= 1000, "{rows} rows in one statement");
        deleted += rows;
    }
    deleted
}

/// Only the old and published beginning of a log goes; its newest event stays.
async fn old_history_goes(url: Option<String>) {
    let desk = Desk::open(url).await;
    let (long, mixed) = (desk.user().await, desk.user().await);
    let (waits, asleep) = (desk.with(10, 5).await, desk.with(4, 4).await);
    fill(&desk, &long, 3500).await;
    desk.append(&mixed, 2).await;
    desk.clock.advance(TimeDelta::days(10));
    desk.append(&mixed, 1).await;
    // Older than the one before it: the clock is read before the number is taken.
    desk.clock.advance(TimeDelta::days(-10));
    desk.append(&mixed, 1).await;
    desk.clock.advance(TimeDelta::days(10));
    desk.append(&mixed, 1).await;
    desk.append(&long, 2).await;
    for actor in [&mixed, &long] {
        desk.published(actor, i64::MAX).await;
    }
    let before = desk.clock.now() - TimeDelta::days(7);
    assert_eq!(prune(&desk.db, before).await, 3500 + 5 + 3 + 2);
    assert_eq!(seqs(&desk.db, &long).await, [3501, 3502]);
    assert_eq!(seqs(&desk.db, &waits).await, [6, 7, 8, 9, 10], "what the outbox holds stays");
    assert_eq!(seqs(&desk.db, &asleep).await, [4], "the log says where it ends");
    assert_eq!(seqs(&desk.db, &mixed).await, [3, 4, 5], "no hole");
    assert_eq!(prune(&desk.db, before).await, 0);
    desk.published(&waits, i64::MAX).await;
    assert_eq!(prune(&desk.db, before).await, 4);
}

/// Fifty writers beside a long deletion: none fails, none waits long, and their logs are dense.
async fn writers_do_not_wait(url: Option<String>) {
    let desk = Arc::new(Desk::open(url).await);
    let mut old = Vec::new();
    for _ in 0..4 {
        let actor = desk.user().await;
        fill(&desk, &actor, 10_000).await;
        old.push(actor);
    }
    desk.clock.advance(TimeDelta::days(10));
    let before = desk.clock.now() - TimeDelta::days(7);
    let writers = join_all((0..50_usize).map(|n| {
        let (desk, old) = (Arc::clone(&desk), old.get(n).copied());
        async move {
            let actor = if let Some(actor) = old { actor } else { desk.user().await };
            let mut slowest = Duration::ZERO;
            for _ in 0..20 {
                let started = Instant::now();
                desk.append(&actor, 1).await;
                slowest = slowest.max(started.elapsed());
            }
            (actor, slowest)
        }
    }));
    let (done, deleted) = tokio::join!(writers, prune(&desk.db, before));
    // The last old one of a log may have been its newest then.
    let more = prune(&desk.db, before).await;
    assert_eq!(deleted + more, 40_000);
    for (n, (actor, slowest)) in done.into_iter().enumerate() {
        assert!(slowest < Duration::from_secs(5), "a writer waited {slowest:?}");
        let first = if n < 4 { 10_001 } else { 1 };
        assert_eq!(seqs(&desk.db, &actor).await, (first..first + 20).collect::<Vec<_>>());
    }
}

async fn places(db: &Db, user_id: Uuid) -> Vec<String> {
    let mut exec = db.read().await.unwrap();
    todo::sql!(fetch_all (String,) => exec, PLACES, user_id).unwrap().into_iter().map(|(topic,)| topic).collect()
}

async fn letter(desk: &Desk, user_id: Uuid, published: bool) -> Uuid {
    let (id, now) = (desk.ids.uuid(), desk.clock.now());
    let mut tx = desk.db.begin().await.unwrap();
    todo::sql!(execute tx, LETTER, id, user_id, now, published.then_some(now)).unwrap();
    tx.commit().await.unwrap();
    id
}

/// What consumers keep of an erased account goes when nothing of it is under way, and not before the time.
async fn erased_accounts_are_forgotten(url: Option<String>) {
    let desk = Desk::open(url).await;
    let (gone, live) = (desk.with(3, 2).await, desk.with(3, 3).await);
    let id = letter(&desk, gone.user_id, true).await;
    let mut tx = desk.db.begin().await.unwrap();
    for (user, waiting) in [(gone.user_id, 1_i64), (live.user_id, 0)] {
        todo::sql!(execute tx, PLACE, user, "todo-events", 3_i64, waiting).unwrap();
    }
    todo::sql!(execute tx, PLACE, gone.user_id, "user-events", 2_i64, 0_i64).unwrap();
    desk.log.erase(&mut tx, gone.user_id).await.unwrap();
    tx.commit().await.unwrap();
    let forget = async || Forgetter::new(100).step(&desk.db, desk.clock.now() - TimeDelta::days(30)).await.unwrap();
    desk.published(&gone, 3).await;
    assert_eq!(todo::events::forget_erased(&desk.db, 10).await.unwrap(), 1);
    assert!(consumer::discard(&desk.db, &desk.clock, id).await.unwrap());
    assert_eq!(forget().await, (0, 0), "a broker may deliver its events again");
    desk.clock.advance(TimeDelta::days(31));
    assert_eq!(forget().await, (0, 0), "one waits for its next try, and the erasure itself has not come");
    let mut tx = desk.db.begin().await.unwrap();
    todo::sql!(execute tx, FREE, gone.user_id).unwrap();
    tx.commit().await.unwrap();
    let undecided = letter(&desk, gone.user_id, true).await;
    assert_eq!(forget().await, (0, 0), "a letter waits for a decision");
    assert!(consumer::discard(&desk.db, &desk.clock, undecided).await.unwrap());
    assert_eq!(forget().await, (1, 0));
    assert_eq!(places(&desk.db, gone.user_id).await, ["user-events"]);
    let mut tx = desk.db.begin().await.unwrap();
    todo::sql!(execute tx, END, gone.user_id, 2_i64).unwrap();
    tx.commit().await.unwrap();
    assert_eq!(forget().await, (1, 2));
    assert_eq!(places(&desk.db, live.user_id).await, ["todo-events"]);
}

/// Decided letters go after their time, which begins with the decision; the others stay.
async fn decided_letters_go(url: Option<String>) {
    let desk = Desk::open(url).await;
    let user = desk.user().await.user_id;
    let (old, dead) = (letter(&desk, user, true).await, letter(&desk, user, true).await);
    let unpublished = letter(&desk, user, false).await;
    desk.clock.advance(TimeDelta::days(40));
    for id in [old, unpublished] {
        assert!(consumer::discard(&desk.db, &desk.clock, id).await.unwrap());
    }
    let purge = async || consumer::purge_decided(&desk.db, desk.clock.now() - TimeDelta::days(30), 1000).await.unwrap();
    assert_eq!(purge().await, 0, "decided just now");
    desk.clock.advance(TimeDelta::days(31));
    assert_eq!(purge().await, 1);
    let left = consumer::letters(&desk.db, None, "", "", 10).await.unwrap();
    let left: HashSet<_> = left.iter().map(|letter| (letter.id, letter.state().as_str())).collect();
    let expected = [(dead, LetterState::Dead), (unpublished, LetterState::Discarded)];
    assert_eq!(left, expected.map(|(id, state)| (id, state.as_str())).into());
}

/// The housekeeper cuts the history, and a client that asks for what was cut is told.
async fn a_client_is_told(url: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let url = url.unwrap_or_else(|| format!("sqlite:{}/history.db", folder.path().display()));
    let flags = [format!("storage.url={url}"), "events.history_days=30".to_owned()];
    let clock = Clock::fixed(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let world = World::at(clock.clone(), &flags).await;
    let id = world.person("ann@example.org").await.id;
    world.drained().await;
    world.running.stop().await;
    clock.advance(TimeDelta::days(31));
    // Its first round comes at the start.
    let world = World::at(clock, &flags).await;
    let db = world.running.app().db.clone();
    until("the history is cut", || async { first_seq(&db, id).await.unwrap() > Some(1) }).await;
    let pair = world.sign_in("ann@example.org").await;
    let get = |since: i64| {
        let request = world.request(Method::GET, &format!("/api/v1/changes?since={since}"));
        request.bearer_auth(pair["access_token"].as_str().unwrap()).send()
    };
    assert_eq!(problem(get(0).await.unwrap(), 410).await, "resync_required");
    assert_eq!(get(1).await.unwrap().status().as_u16(), 200);
    let metrics = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("housekeeping_deleted_rows_total{table=\"events\"}"), "{metrics}");
    world.running.stop().await;
}

/// A few at a time, and the newer ones stay.
async fn old_replies_and_sessions_go(url: Option<String>) {
    let flags: Vec<_> = url.map(|url| format!("storage.url={url}")).into_iter().collect();
    let clock = Clock::fixed(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let world = World::api_only(clock.clone(), &flags).await;
    let app = world.running.app();
    let mut ann = world.person("ann@example.org").await;
    for _ in 0..2 {
        world.sign_in("ann@example.org").await;
    }
    for key in ["a", "b", "c", "d"] {
        if key == "d" {
            clock.advance(TimeDelta::hours(25));
            ann.signs_in("ann@example.org").await;
        }
        let task = Some(json!({ "title": "x" }));
        let made = ann.send(Method::POST, "/api/v1/tasks", task, &[("idempotency-key", key)]).await;
        expect(made, 201).await;
    }
    let replies = async || idempotency::purge(&app.db, clock.now(), 2).await.unwrap();
    assert_eq!([replies().await, replies().await, replies().await], [2, 1, 0]);
    clock.advance(TimeDelta::days(365));
    ann.signs_in("ann@example.org").await;
    let sessions = async || app.accounts.purge(2).await.unwrap();
    assert_eq!([sessions().await, sessions().await, sessions().await], [2, 2, 0]);
    assert_eq!(ann.get("/api/v1/me").await["id"], json!(ann.id));
    assert_eq!(replies().await, 1);
    world.running.stop().await;
}

on_both! {
    old_history_goes: old_history_goes_on_sqlite, real_old_history_goes_on_postgres;
    writers_do_not_wait: writers_do_not_wait_on_sqlite, real_writers_do_not_wait_on_postgres;
    erased_accounts_are_forgotten: erased_accounts_on_sqlite, real_erased_accounts_on_postgres;
    decided_letters_go: decided_letters_on_sqlite, real_decided_letters_on_postgres;
    a_client_is_told: a_client_is_told_on_sqlite, real_a_client_is_told_on_postgres;
    old_replies_and_sessions_go: old_replies_and_sessions_on_sqlite, real_old_replies_and_sessions_on_postgres;
}
