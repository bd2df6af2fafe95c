//! More partitions under load: nobody's events are lost, repeated or out of order, on a cluster of its own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use todo::events::consumer::{self, Handler, KafkaSource, Ladder, Processor};
use todo::events::{Broker, Draft, EventLog, KafkaBroker, Relay, Topic};
use todo::kernel::{Actor, Channel, Clock, Ids, Scopes};
use todo::storage::{Db, Migrations};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::consumers::{Scripted, effects, make_table};
use crate::kafka::{Cluster, ensure_topics};
use crate::process;
use crate::support::{config, fresh_database, server, until};

const USERS: usize = 24;

struct Desk {
    db: Db,
    log: EventLog,
    ids: Ids,
    config: todo::config::Config,
    flags: Vec<String>,
    handler: Arc<Scripted>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn open(flags: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &flags);
        let db = Db::open(&config.storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        make_table(&db).await;
        let ids = Ids::system(Clock::system());
        let log = EventLog::new(Clock::system(), ids.clone()).unwrap();
        let (handler, stop) = (Scripted::new("test-expand"), CancellationToken::new());
        Self { db, log, ids, config, flags, handler, stop, _folder: folder }
    }

    async fn user(&self) -> Actor {
        let user_id = self.ids.uuid();
        let mut tx = self.db.begin().await.unwrap();
        self.log.open(&mut tx, user_id).await.unwrap();
        tx.commit().await.unwrap();
        Actor { user_id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL }
    }

    fn relay(&self) -> JoinHandle<()> {
        let broker: Arc<dyn Broker> = Arc::new(KafkaBroker::connect(&self.config.kafka).unwrap());
        let (hint, clock) = (self.log.hint(), Clock::system());
        let relay = Relay::new(self.db.clone(), broker, hint, clock, self.ids.clone(), self.config.events.clone());
        tokio::spawn(relay.run(self.stop.clone()))
    }

    fn member(&self) -> JoinHandle<()> {
        let handler: Arc<dyn Handler> = Arc::<Scripted>::clone(&self.handler);
        let processor = Processor::new(self.db.clone(), handler, Clock::system(), self.ids.clone(), Ladder::new(&[50]));
        let source = KafkaSource::join(&self.config.kafka, "test-expand", &["todo-events"], 100, None).unwrap();
        tokio::spawn(consumer::run(Arc::new(processor), Some(source), self.stop.clone()))
    }

    /// Writes events of `actor` until told to stop. Returns how many.
    fn writer(&self, actor: Actor, stop: Arc<AtomicBool>) -> JoinHandle<i64> {
        let (db, log, ids) = (self.db.clone(), self.log.clone(), self.ids.clone());
        tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(Ordering::SeqCst) {
                let task = ids.uuid();
                let payload = json!({ "taskId": task, "title": "x", "completed": false });
                let draft = Draft { topic: Topic::Todo, event_type: "TASK_CREATED", subject_id: task, payload };
                let event = log.prepare(&actor, &draft).unwrap();
                let mut tx = db.begin().await.unwrap();
                log.append(&mut tx, &event).await.unwrap();
                tx.commit().await.unwrap();
                log.committed(actor.user_id);
                written += 1;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            written
        })
    }

    fn expand(&self, partitions: &str) -> (bool, String) {
        let sets = self.flags.iter().flat_map(|flag| ["--set", flag]);
        let arguments = ["topics", "expand", "todo-events", "--timeout", "90", "--partitions", partitions];
        let output = Command::new(process::TODO).args(arguments).args(sets).output().unwrap();
        let says = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), says)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn real_a_topic_gets_more_partitions_under_load() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let Some(cluster) = tokio::task::block_in_place(Cluster::start) else { return };
    tokio::task::block_in_place(|| ensure_topics(&cluster.flags()));
    let lease = "events.relay_lease_ms=2000".to_owned();
    let desk =
        Desk::open([cluster.flags(), vec![format!("storage.url={}", fresh_database(&url).await), lease]].concat())
            .await;
    let mut people = Vec::new();
    for _ in 0..USERS {
        people.push(desk.user().await);
    }
    let working = [desk.relay(), desk.relay(), desk.member(), desk.member()];
    let enough = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = people.iter().map(|actor| desk.writer(*actor, Arc::clone(&enough))).collect();
    until("the consumers work", || async { !effects(&desk.db, people[0].user_id).await.is_empty() }).await;
    let (done, says) = tokio::task::block_in_place(|| desk.expand("16"));
    assert!(done && says.contains("from 10 to 16 partitions"), "{says}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    enough.store(true, Ordering::SeqCst);
    for (actor, writer) in people.iter().zip(writers) {
        let written = writer.await.unwrap();
        let whole = (1..=written).collect::<Vec<_>>();
        until("every effect is there", || async { effects(&desk.db, actor.user_id).await.len() >= whole.len() }).await;
        assert_eq!(effects(&desk.db, actor.user_id).await, whole);
    }
    let fresh = (10..16).filter(|partition| tokio::task::block_in_place(|| has_messages(&cluster, *partition))).count();
    assert!(fresh > 0, "none of {USERS} users' events went to a new partition");
    let (done, says) = tokio::task::block_in_place(|| desk.expand("16"));
    assert!(!done && says.contains("16 partitions already") && says.lines().count() == 1, "{says}");
    assert!(todo::events::fenced(&desk.db).await.unwrap().is_empty());
    desk.stop.cancel();
    for worker in working {
        worker.await.unwrap();
    }
}

fn has_messages(cluster: &Cluster, partition: i32) -> bool {
    let output = Command::new("kcat")
        .args(["-b", &cluster.plain(), "-C", "-t", "todo-events", "-p", &partition.to_string(), "-c", "1", "-e", "-q"])
        .output()
        .unwrap();
    assert!(output.status.success());
    !output.stdout.is_empty()
}
