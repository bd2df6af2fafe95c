//! The consumer kit against a handler that follows a script: repetitions, failures, dead letters, on both databases.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta};
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use todo::events::consumer::{Delivery, Failure, Handler, Ladder, LetterState, Message, Processor};
use todo::events::{MemoryBroker, Topic, consumer};
use todo::kernel::{Clock, Ids};
use todo::storage::{Db, Migrations, Sql, Tx};
use uuid::Uuid;

use crate::support::{config, on_both, until};

const TABLE: Sql = Sql {
    summary: "test.table",
    postgres: "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, seq bigint NOT NULL)",
    sqlite: "CREATE TABLE effects (id integer PRIMARY KEY AUTOINCREMENT, user_id blob NOT NULL, seq integer NOT NULL)",
};
const EFFECT: Sql = Sql {
    summary: "test.effect",
    postgres: "INSERT INTO effects (user_id, seq) VALUES ($1, $2)",
    sqlite: "INSERT INTO effects (user_id, seq) VALUES ($1, $2)",
};
const EFFECTS: Sql = Sql {
    summary: "test.effects",
    postgres: "SELECT seq FROM effects WHERE user_id = $1 ORDER BY id",
    sqlite: "SELECT seq FROM effects WHERE user_id = $1 ORDER BY id",
};

type Script = Box<dyn Fn(Uuid, i64) -> Result<(), Failure> + Send + Sync>;

/// Writes a row for each event, and fails where the script says so.
pub struct Scripted {
    name: &'static str,
    script: Mutex<Script>,
    /// How long each event took to its effect, in milliseconds, and whose it is.
    pub delays: Mutex<Vec<(Uuid, f64)>>,
}

impl Scripted {
    pub fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, script: Mutex::new(Box::new(|_, _| Ok(()))), delays: Mutex::default() })
    }

    pub fn fails(&self, script: impl Fn(Uuid, i64) -> Result<(), Failure> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }
}

impl Handler for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Todo]
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, events: &'a [Delivery]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for event in events {
                todo::sql!(execute tx, EFFECT, event.user_id, event.seq)?;
                // After the effect: what a failure leaves behind must be undone.
                (self.script.lock().unwrap())(event.user_id, event.seq)?;
                let delay = Clock::system().now() - event.occurred_at;
                self.delays.lock().unwrap().push((event.user_id, delay.as_seconds_f64() * 1000.0));
            }
            Ok(())
        })
    }
}

pub async fn make_table(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    todo::sql!(execute tx, TABLE).unwrap();
    tx.commit().await.unwrap();
}

pub async fn effects(db: &Db, user: Uuid) -> Vec<i64> {
    let mut exec = db.read().await.unwrap();
    let rows = todo::sql!(fetch_all (i64,) => exec, EFFECTS, user).unwrap();
    rows.into_iter().map(|(seq,)| seq).collect()
}

struct Desk {
    db: Db,
    clock: Clock,
    ids: Ids,
    handler: Arc<Scripted>,
    processor: Arc<Processor>,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn open(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags: Vec<_> = url.map(|url| format!("storage.url={url}")).into_iter().collect();
        let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        make_table(&db).await;
        let clock = Clock::fixed(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let ids = Ids::system(clock.clone());
        let handler = Scripted::new("test");
        let it: Arc<dyn Handler> = Arc::<Scripted>::clone(&handler);
        let ladder = Ladder::new(&[1_000, 5_000]);
        let processor = Arc::new(Processor::new(db.clone(), it, clock.clone(), ids.clone(), ladder));
        Self { db, clock, ids, handler, processor, _folder: folder }
    }

    fn messages(&self, user: Uuid, seqs: impl IntoIterator<Item = i64>) -> Vec<Message> {
        seqs.into_iter().map(|seq| message(&self.ids, user, seq)).collect()
    }

    async fn process(&self, messages: &[Message]) {
        self.processor.process(messages).await.unwrap();
    }

    /// Time goes by, and what is due is tried.
    async fn after(&self, milliseconds: i64) -> usize {
        self.clock.advance(TimeDelta::milliseconds(milliseconds));
        self.processor.retry_due().await.unwrap()
    }

    async fn dead(&self) -> Vec<consumer::Letter> {
        consumer::letters(&self.db, Some(LetterState::Dead), "", "", 100).await.unwrap()
    }
}

pub fn message(ids: &Ids, user: Uuid, seq: i64) -> Message {
    let value = json!({
        "eventId": ids.uuid(), "eventType": "TASK_CREATED", "timestamp": "2026-11-24T09:00:00.000001Z", "userId": user,
        "payload": { "taskId": ids.uuid(), "title": "x", "completed": false }
    });
    Message {
        topic: "todo-events".to_owned(),
        partition: 3,
        offset: 100 + seq,
        key: Some(user.to_string().into_bytes()),
        value: Some(value.to_string().into_bytes()),
        headers: vec![("seq".to_owned(), seq.to_string().into_bytes())],
    }
}

/// Whatever comes twice, in one batch, in the next one or at the same time elsewhere, has its effect once and in order.
async fn repetitions_have_no_effect(url: Option<String>) {
    let desk = Desk::open(url).await;
    let (ann, bob) = (desk.ids.uuid(), desk.ids.uuid());
    let mut batch = desk.messages(ann, [1, 2, 2, 1, 3]);
    batch.extend(desk.messages(bob, [4, 9, 10]));
    desk.process(&batch).await;
    desk.process(&batch).await;
    batch.extend(desk.messages(ann, 4..=20));
    let elsewhere = (0..8).map(|_| {
        let (processor, batch) = (Arc::clone(&desk.processor), batch.clone());
        tokio::spawn(async move {
            while processor.process(&batch).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
    });
    for done in elsewhere.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    assert_eq!(effects(&desk.db, ann).await, (1..=20).collect::<Vec<_>>());
    assert_eq!(effects(&desk.db, bob).await, [4, 9, 10]);
}

/// An event that fails waits and is tried again; its user's later ones wait behind it; others flow on.
async fn a_failure_holds_back_its_user_only(url: Option<String>) {
    let desk = Desk::open(url).await;
    let (ann, bob) = (desk.ids.uuid(), desk.ids.uuid());
    desk.handler.fails(move |user, seq| match (user == ann, seq) {
        (true, 3) => Err(Failure::Retry("not now".to_owned())),
        _ => Ok(()),
    });
    let mut batch = desk.messages(ann, 1..=5);
    batch.extend(desk.messages(bob, 1..=5));
    desk.process(&batch).await;
    assert_eq!(effects(&desk.db, ann).await, [1, 2]);
    assert_eq!(effects(&desk.db, bob).await, [1, 2, 3, 4, 5]);
    desk.process(&desk.messages(ann, [6])).await;
    assert_eq!(desk.after(999).await, 0, "not due yet");
    assert_eq!(desk.after(1).await, 1, "the first one, and only it");
    assert_eq!(desk.after(4_999).await, 0, "the second wait is longer");
    desk.handler.fails(|_, _| Ok(()));
    while desk.after(1).await > 0 {}
    assert_eq!(effects(&desk.db, ann).await, [1, 2, 3, 4, 5, 6]);
    desk.process(&desk.messages(ann, 3..=8)).await;
    assert_eq!(effects(&desk.db, ann).await, (1..=8).collect::<Vec<_>>());
    assert!(desk.dead().await.is_empty());
}

/// What fails to the end of the ladder is a dead letter and its user goes on; a redrive has its effect once.
async fn a_dead_letter_is_redriven_once_and_in_order(url: Option<String>) {
    let desk = Desk::open(url).await;
    let ann = desk.ids.uuid();
    desk.handler.fails(|_, seq| match seq {
        2 => Err(Failure::Retry("never".to_owned())),
        4 => Err(Failure::Reject("cannot be".to_owned())),
        _ => Ok(()),
    });
    desk.process(&desk.messages(ann, 1..=5)).await;
    for milliseconds in [1_000, 5_000, 0, 0, 0, 0] {
        desk.after(milliseconds).await;
    }
    assert_eq!(effects(&desk.db, ann).await, [1, 3, 5]);
    let dead = desk.dead().await;
    let told: Vec<_> =
        dead.iter().map(|letter| (letter.seq.unwrap(), letter.attempts, letter.error.as_str())).collect();
    assert_eq!(told, [(2, 3, "never"), (4, 1, "cannot be")]);
    let first = &dead[0];
    assert_eq!(
        (first.topic.as_str(), first.partition, first.offset, first.consumer.as_str()),
        ("todo-events", 3, 102, "test")
    );
    assert_eq!((first.last_failed_at - first.first_failed_at).num_milliseconds(), 6_000);
    desk.handler.fails(|_, _| Ok(()));
    for letter in &dead {
        assert!(consumer::redrive(&desk.db, &desk.clock, letter).await.unwrap());
        assert!(!consumer::redrive(&desk.db, &desk.clock, letter).await.unwrap(), "once");
    }
    // A new event of the user waits behind what was redriven.
    desk.process(&desk.messages(ann, [6])).await;
    assert_eq!(effects(&desk.db, ann).await, [1, 3, 5]);
    while desk.after(1).await > 0 {}
    assert_eq!(effects(&desk.db, ann).await, [1, 3, 5, 2, 4, 6]);
    assert!(desk.dead().await.is_empty() && !consumer::discard(&desk.db, &desk.clock, first.id).await.unwrap());
}

/// What cannot be decoded is a dead letter with its bytes intact, once, and stops nobody.
async fn what_cannot_be_decoded_stops_nobody(url: Option<String>) {
    let desk = Desk::open(url).await;
    let ann = desk.ids.uuid();
    let mut batch = desk.messages(ann, 1..=3);
    batch[1].value = Some(vec![0xff, 0, b'{']);
    batch[1].headers.push(("odd".to_owned(), vec![0xfe]));
    desk.process(&batch).await;
    desk.process(&batch).await;
    assert_eq!(effects(&desk.db, ann).await, [1, 3]);
    let dead = desk.dead().await;
    assert_eq!((dead.len(), dead[0].message() == batch[1], dead[0].user_id), (1, true, None));
    let refused = consumer::redrive(&desk.db, &desk.clock, &dead[0]).await.unwrap_err().to_string();
    assert!(refused.contains("not an event"), "{refused}");
    let (broker, stop) = (Arc::new(MemoryBroker::default()), tokio_util::sync::CancellationToken::new());
    let port: Arc<dyn todo::events::Broker> = Arc::<MemoryBroker>::clone(&broker);
    let publishing = tokio::spawn(consumer::run_dead_letters(desk.db.clone(), port, desk.clock.clone(), stop.clone()));
    until("the letter is in its topic", || async { broker.raw().len() == 1 }).await;
    stop.cancel();
    publishing.await.unwrap();
    let letter = broker.raw().remove(0);
    assert_eq!(
        (letter.topic.as_str(), &letter.key, &letter.value),
        ("todo-events.dlq", &batch[1].key, &batch[1].value)
    );
    assert_eq!(letter.headers[..2], batch[1].headers);
    let names: Vec<_> = letter.headers[2..].iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        ["dlq-topic", "dlq-partition", "dlq-offset", "dlq-error", "dlq-consumer-group"]
            .iter()
            .all(|name| names.contains(name))
    );
    assert!(consumer::discard(&desk.db, &desk.clock, dead[0].id).await.unwrap() && desk.dead().await.is_empty());
}

/// A database that is away is nobody's failure: nothing counts as a try, and all of it comes again.
async fn a_lost_database_is_no_try(url: Option<String>) {
    let desk = Desk::open(url).await;
    let ann = desk.ids.uuid();
    let away = || Failure::Storage(todo::storage::Error::Unavailable("gone".to_owned()));
    desk.handler.fails(move |_, seq| if seq == 2 { Err(away()) } else { Ok(()) });
    let batch = desk.messages(ann, 1..=3);
    desk.processor.process(&batch).await.unwrap_err();
    desk.handler.fails(|_, _| Ok(()));
    desk.process(&batch).await;
    assert_eq!(effects(&desk.db, ann).await, [1, 2, 3]);
}

on_both! {
    repetitions_have_no_effect: repetitions_on_sqlite, real_repetitions_on_postgres;
    a_failure_holds_back_its_user_only: a_failure_on_sqlite, real_a_failure_on_postgres;
    a_dead_letter_is_redriven_once_and_in_order: a_dead_letter_on_sqlite, real_a_dead_letter_on_postgres;
    what_cannot_be_decoded_stops_nobody: the_undecodable_on_sqlite, real_the_undecodable_on_postgres;
    a_lost_database_is_no_try: a_lost_database_on_sqlite, real_a_lost_database_on_postgres;
}

/// What took effect late is late, and an alert on it must not see the events alone that had no trouble.
#[tokio::test]
async fn an_effect_at_a_later_try_counts_in_its_delay() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let desk = Desk::open(None).await;
    let ann = desk.ids.uuid();
    let tries = AtomicU32::new(0);
    desk.handler.fails(move |_, seq| match seq {
        2 if tries.fetch_add(1, Ordering::SeqCst) < 2 => Err(Failure::Retry("not yet".to_owned())),
        _ => Ok(()),
    });
    desk.process(&desk.messages(ann, 1..=2)).await;
    let count = || {
        let text = recorder.handle().render();
        let of = |line: &str| {
            line.strip_prefix("consumer_effect_delay_seconds_count{consumer=\"test\"} ").map(str::to_owned)
        };
        text.lines().find_map(of).unwrap()
    };
    assert_eq!(count(), "1");
    desk.after(1_000).await;
    assert_eq!((effects(&desk.db, ann).await, &*count()), (vec![1, 2], "2"));
}
