//! A consumer group on real Kafka and PostgreSQL: members come and go under load, and each effect happens once.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;
use todo::events::consumer::{self, Failure, Handler, KafkaSource, Ladder, Processor};
use todo::events::{Broker as _, KafkaBroker, Record, Topic};
use todo::kernel::{Clock, Ids};
use todo::storage::{Db, Migrations};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::consumers::{Scripted, effects, make_table};
use crate::kafka::flags;
use crate::support::{config, until};

const USERS: usize = 30;
const ROUND: i64 = 20;

pub struct Group {
    pub db: Db,
    pub config: todo::config::Config,
    pub handler: Arc<Scripted>,
    pub ids: Ids,
    pub flags: Vec<String>,
    ladder: Ladder,
    broker: KafkaBroker,
    _folder: tempfile::TempDir,
}

/// Puts the group's offsets to the end of `todo-events`.
fn begin_at_the_end(brokers: &str, group: &str) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", group).create().unwrap();
    let (topic, patience) = ("todo-events", Duration::from_secs(20));
    let metadata = consumer.fetch_metadata(Some(topic), patience).unwrap();
    let mut ends = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let (_, end) = consumer.fetch_watermarks(topic, partition.id(), patience).unwrap();
        ends.add_partition_offset(topic, partition.id(), Offset::Offset(end)).unwrap();
    }
    consumer.commit(&ends, CommitMode::Sync).unwrap();
}

impl Group {
    pub async fn open(ladder: &[u64]) -> Option<Self> {
        let (flags, _) = flags().await?;
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &flags);
        let db = Db::open(&config.storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        make_table(&db).await;
        let ids = Ids::system(Clock::system());
        // A group of its own for each test. What others wrote to the topic before, a million events in one check, is not
        // its matter.
        let name: &'static str = Box::leak(format!("test-{}", ids.uuid()).into_boxed_str());
        tokio::task::block_in_place(|| begin_at_the_end(&config.kafka.brokers, name));
        let (handler, ladder) = (Scripted::new(name), Ladder::new(ladder));
        let broker = KafkaBroker::connect(&config.kafka).unwrap();
        Some(Self { db, config, handler, ids, flags, ladder, broker, _folder: folder })
    }

    /// One more member. Aborting the task is as sudden as a kill: nothing is committed or told on the way out.
    pub fn member(&self, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
        let handler: Arc<dyn Handler> = Arc::<Scripted>::clone(&self.handler);
        let processor =
            Processor::new(self.db.clone(), handler, Clock::system(), self.ids.clone(), self.ladder.clone());
        let source = KafkaSource::join(&self.config.kafka, self.handler.name(), &["todo-events"], 50, None).unwrap();
        tokio::spawn(consumer::run(Arc::new(processor), Some(source), stop.clone()))
    }

    pub async fn publish(&self, users: &[Uuid], seqs: impl Iterator<Item = i64> + Clone) {
        let batch = seqs.flat_map(|seq| users.iter().map(move |user| (*user, seq)));
        let batch: Vec<_> = batch.map(|(user, seq)| self.record(user, seq)).collect();
        let outcomes = self.broker.publish(batch).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    fn record(&self, key: Uuid, seq: i64) -> Record {
        let value = json!({
            "eventId": self.ids.uuid(), "eventType": "TASK_CREATED", "timestamp": Clock::system().now(), "userId": key,
            "payload": { "taskId": self.ids.uuid(), "title": "x", "completed": false }
        });
        Record { topic: Topic::Todo, key, value: value.to_string(), headers: vec![("seq", seq.to_string())] }
    }

    pub async fn has(&self, user: Uuid, last: i64) -> bool {
        effects(&self.db, user).await.len() >= usize::try_from(last).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_members_come_and_go_and_each_effect_happens_once() {
    let Some(group) = Group::open(&[50, 100]).await else { return };
    let users: Vec<_> = (0..USERS).map(|_| group.ids.uuid()).collect();
    let (unlucky, tries) = (users[7], std::sync::atomic::AtomicI64::new(0));
    group.handler.fails(move |user, seq| {
        // A failing batch, then its single event, then a try from the ladder.
        let fails = user == unlucky && seq == 5 && tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3;
        if fails { Err(Failure::Retry("not now".to_owned())) } else { Ok(()) }
    });
    let stop = CancellationToken::new();
    let mut members = vec![group.member(&stop), group.member(&stop), group.member(&stop)];
    group.publish(&users, 1..=ROUND).await;
    until("the first member works", || group.has(users[0], 1)).await;
    group.publish(&users, ROUND + 1..=2 * ROUND).await;
    members.remove(0).abort();
    members.push(group.member(&stop));
    // What a relay that died before it recorded the acknowledgements sends again.
    group.publish(&users, ROUND + 1..=2 * ROUND).await;
    group.publish(&users, 2 * ROUND + 1..=3 * ROUND).await;
    for user in &users {
        until("every effect is there", || group.has(*user, 3 * ROUND)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for user in &users {
        assert_eq!(effects(&group.db, *user).await, (1..=3 * ROUND).collect::<Vec<_>>(), "{user}");
    }
    stop.cancel();
    for member in members {
        member.await.unwrap();
    }
}
