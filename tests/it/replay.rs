//! `todo events replay` against a broker that follows a script, on both databases.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use serde_json::json;
use todo::events::{
    Broker, Draft, EventLog, Progress, PublishError, RawRecord, Record, Replay, Start, Topic, changes, replay,
};
use todo::kernel::{Actor, Channel, Clock, Ids, ProbeResult, Scopes};
use todo::storage::{Db, Migrations, Sql};
use uuid::Uuid;

use crate::support::{config, on_both};

const PUBLISHED: Sql = Sql {
    summary: "test.published",
    postgres: "DELETE FROM outbox WHERE user_id = $1 AND seq <= $2",
    sqlite: "DELETE FROM outbox WHERE user_id = $1 AND seq <= $2",
};

/// A log at a time of its own.
pub struct Desk {
    pub db: Db,
    pub log: EventLog,
    pub ids: Ids,
    pub clock: Clock,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub async fn open(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut flags = vec!["storage.acquire_timeout_ms=30000".to_owned()];
        flags.extend(url.map(|url| format!("storage.url={url}")));
        let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        let clock = Clock::fixed(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let ids = Ids::system(Clock::system());
        let log = EventLog::new(clock.clone(), ids.clone()).unwrap();
        Self { db, log, ids, clock, _folder: folder }
    }

    pub async fn user(&self) -> Actor {
        let user_id = self.ids.uuid();
        let mut tx = self.db.begin().await.unwrap();
        self.log.open(&mut tx, user_id).await.unwrap();
        tx.commit().await.unwrap();
        Actor { user_id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL }
    }

    /// Returns the number of the last one.
    pub async fn append(&self, actor: &Actor, events: usize) -> i64 {
        let mut seq = 0;
        let mut tx = self.db.begin().await.unwrap();
        for _ in 0..events {
            let task = self.ids.uuid();
            let payload = json!({ "taskId": task, "title": "x", "completed": false });
            let draft = Draft { topic: Topic::Todo, event_type: "TASK_CREATED", subject_id: task, payload };
            let event = self.log.prepare(actor, &draft).unwrap();
            seq = self.log.append(&mut tx, &event).await.unwrap();
        }
        tx.commit().await.unwrap();
        seq
    }

    /// As the relay does when the broker has them.
    pub async fn published(&self, actor: &Actor, to: i64) {
        let mut tx = self.db.begin().await.unwrap();
        todo::sql!(execute tx, PUBLISHED, actor.user_id, to).unwrap();
        tx.commit().await.unwrap();
    }

    /// A user with so many events, of which so many were published.
    pub async fn with(&self, events: usize, published: i64) -> Actor {
        let actor = self.user().await;
        self.append(&actor, events).await;
        self.published(&actor, published).await;
        actor
    }
}

type Answer = Box<dyn Fn(Uuid, i64) -> Result<(), PublishError> + Send + Sync>;

/// A broker that keeps the port's contract and answers by the script.
struct Script {
    taken: Mutex<Vec<RawRecord>>,
    answer: Mutex<Answer>,
}

impl Script {
    fn new() -> Self {
        Self { taken: Mutex::default(), answer: Mutex::new(Box::new(|_, _| Ok(()))) }
    }

    fn answers(&self, answer: impl Fn(Uuid, i64) -> Result<(), PublishError> + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    fn seqs(&self, actor: &Actor) -> Vec<i64> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(place).filter(|(user, _)| *user == actor.user_id).map(|(_, seq)| seq).collect()
    }

    fn forget(&self) -> Vec<RawRecord> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }
}

fn header(record: &RawRecord, name: &str) -> String {
    let (_, value) = record.headers.iter().find(|(found, _)| found == name).unwrap();
    String::from_utf8(value.clone()).unwrap()
}

fn place(record: &RawRecord) -> (Uuid, i64) {
    let user = String::from_utf8(record.key.clone().unwrap()).unwrap();
    (user.parse().unwrap(), header(record, "seq").parse().unwrap())
}

impl Broker for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn publish(&self, _: Vec<Record>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        unreachable!("a replay is not the relay's")
    }

    fn publish_raw(&self, batch: Vec<RawRecord>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        let mut stopped = HashSet::new();
        let take = |record: RawRecord| {
            let (user, seq) = place(&record);
            if stopped.contains(&user) {
                return Err(PublishError::Held);
            }
            let answer = (self.answer.lock().unwrap())(user, seq);
            match &answer {
                Ok(()) => self.taken.lock().unwrap().push(record),
                Err(_) => _ = stopped.insert(user),
            }
            answer
        };
        Box::pin(std::future::ready(batch.into_iter().map(take).collect()))
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn since(time: DateTime<Utc>) -> Replay {
    Replay { from: Start::Time(time), user: None, after: Uuid::nil(), topic: None, to: None, dry_run: false }
}

fn of(actor: &Actor, seq: i64) -> Replay {
    Replay { from: Start::Seq(seq), user: Some(actor.user_id), ..since(DateTime::UNIX_EPOCH) }
}

async fn run(desk: &Desk, broker: &Script, asked: &Replay) -> (Progress, Result<(), String>) {
    let mut progress = Progress::default();
    let outcome = replay(&desk.db, broker, &desk.clock, asked, &mut progress, |_| {}).await;
    (progress, outcome.map_err(|error| error.to_string()))
}

/// What goes once more is what the log has, each user's in order, over several pages; what waits is left to the relay.
async fn the_log_goes_once_more_behind_the_relay(url: Option<String>) {
    let (desk, broker) = (Desk::open(url).await, Script::new());
    let long = desk.with(1201, 1201).await;
    let (short, waits, fresh) = (desk.with(20, 20).await, desk.with(20, 10).await, desk.with(5, 0).await);
    let asked = Replay { dry_run: true, ..since(DateTime::UNIX_EPOCH) };
    let (dry, outcome) = run(&desk, &broker, &asked).await;
    assert_eq!((dry.replayed, dry.left_out, outcome), (1231, 15, Ok(())));
    assert!(broker.forget().is_empty(), "a dry run sends nothing");
    let (progress, outcome) = run(&desk, &broker, &since(DateTime::UNIX_EPOCH)).await;
    assert_eq!((progress.replayed, progress.left_out, outcome), (1231, 15, Ok(())));
    assert_eq!(broker.seqs(&long), (1..=1201).collect::<Vec<_>>());
    assert_eq!(broker.seqs(&short), (1..=20).collect::<Vec<_>>());
    assert_eq!(broker.seqs(&waits), (1..=10).collect::<Vec<_>>());
    assert_eq!(broker.seqs(&fresh), Vec::<i64>::new());
    let kept = changes(&desk.db, short.user_id, 0, 100).await.unwrap();
    for record in broker.forget().iter().filter(|record| place(record).0 == short.user_id) {
        let (_, seq) = place(record);
        let change = kept.iter().find(|change| change.seq == seq).unwrap();
        assert_eq!(record.value.as_deref(), Some(change.event.get().as_bytes()), "byte for byte");
        assert_eq!((record.topic.as_str(), header(record, "ce_type").as_str()), ("todo-events", "TASK_CREATED"));
        assert_eq!(header(record, "replayed-at"), "2026-09-21T14:13:20.000000Z");
    }
    // A part of one user's, to another topic; another topic's, of which there are none.
    let elsewhere = Replay { to: Some("elsewhere".to_owned()), ..of(&short, 18) };
    assert_eq!(run(&desk, &broker, &elsewhere).await.0.replayed, 3);
    assert_eq!(broker.seqs(&short), [18, 19, 20]);
    assert!(broker.forget().iter().all(|record| record.topic == "elsewhere"));
    let others = Replay { topic: Some(Topic::User), ..of(&short, 1) };
    assert_eq!(run(&desk, &broker, &others).await.0.replayed, 0);
    // Since a time: only what came from then on.
    desk.clock.advance(TimeDelta::hours(1));
    let seq = desk.append(&short, 2).await;
    desk.published(&short, seq).await;
    assert_eq!(run(&desk, &broker, &since(desk.clock.now())).await.0.replayed, 2);
    assert_eq!(broker.seqs(&short), [21, 22]);
}

/// A broker that refuses ends it; it says how far it came, and from there it goes on without a loss.
async fn a_replay_that_stopped_goes_on(url: Option<String>) {
    let (desk, broker) = (Desk::open(url).await, Script::new());
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(desk.with(400, 400).await);
    }
    people.sort_by_key(|actor| actor.user_id);
    let unlucky = people[2].user_id;
    broker.answers(move |user, seq| {
        if user == unlucky && seq == 301 { Err(PublishError::Transient("down".to_owned())) } else { Ok(()) }
    });
    let (progress, outcome) = run(&desk, &broker, &of(&people[2], 100)).await;
    assert_eq!(outcome, Err("the broker: down".to_owned()));
    assert_eq!((progress.replayed, progress.last), (201, Some((unlucky, 300))));
    broker.forget();
    let (progress, outcome) = run(&desk, &broker, &since(DateTime::UNIX_EPOCH)).await;
    assert!(outcome.is_err() && progress.done == Some(people[1].user_id), "{progress:?}");
    broker.answers(|_, _| Ok(()));
    let rest = Replay { after: progress.done.unwrap(), ..since(DateTime::UNIX_EPOCH) };
    assert_eq!(run(&desk, &broker, &rest).await.0.replayed, 800);
    for actor in &people {
        let (mut seqs, mut last) = (broker.seqs(actor), 0);
        seqs.retain(|seq| {
            let first = *seq > last;
            last = last.max(*seq);
            first
        });
        assert_eq!(seqs, (1..=400).collect::<Vec<_>>(), "first occurrences are whole and in order");
    }
}

on_both! {
    the_log_goes_once_more_behind_the_relay: the_log_goes_once_more_on_sqlite, real_the_log_goes_once_more_on_postgres;
    a_replay_that_stopped_goes_on: a_replay_that_stopped_on_sqlite, real_a_replay_that_stopped_on_postgres;
}
