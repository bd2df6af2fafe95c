//! A consumer group on real Kafka and PostgreSQL: members come and go under load, and each effect happens once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use todo::events::consumer::{self, Failure, Handler, KafkaSource, Ladder, LetterState, Processor};
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

struct Group {
    db: Db,
    config: todo::config::Config,
    handler: Arc<Scripted>,
    ids: Ids,
    _folder: tempfile::TempDir,
}

impl Group {
    async fn open() -> Option<Self> {
        let (flags, _) = flags().await?;
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &flags);
        let db = Db::open(&config.storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        make_table(&db).await;
        let ids = Ids::system(Clock::system());
        // A group of its own for each test: it reads the topic from the beginning.
        let name: &'static str = Box::leak(format!("test-{}", ids.uuid()).into_boxed_str());
        Some(Self { db, config, handler: Scripted::new(name), ids, _folder: folder })
    }

    /// One more member. Aborting the task is as sudden as a kill: nothing is committed or told on the way out.
    fn member(&self, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
        let handler: Arc<dyn Handler> = Arc::<Scripted>::clone(&self.handler);
        let ladder = Ladder::new(&[50, 100]);
        let processor = Processor::new(self.db.clone(), handler, Clock::system(), self.ids.clone(), ladder);
        let source = KafkaSource::join(&self.config.kafka, self.handler.name(), &["todo-events"], 50).unwrap();
        tokio::spawn(consumer::run(Arc::new(processor), Some(source), stop.clone()))
    }

    async fn publish(&self, users: &[Uuid], seqs: impl Iterator<Item = i64> + Clone) {
        let broker = KafkaBroker::connect(&self.config.kafka).unwrap();
        let batch = seqs.flat_map(|seq| users.iter().map(move |user| (*user, seq)));
        let batch: Vec<_> = batch.map(|(user, seq)| self.record(user, seq)).collect();
        let outcomes = broker.publish(batch).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    fn record(&self, key: Uuid, seq: i64) -> Record {
        let value = json!({
            "eventId": self.ids.uuid(), "eventType": "TASK_CREATED", "timestamp": Clock::system().now(), "userId": key,
            "payload": { "taskId": self.ids.uuid(), "title": "x", "completed": false }
        });
        Record { topic: Topic::Todo, key, value: value.to_string(), headers: vec![("seq", seq.to_string())] }
    }

    async fn has(&self, user: Uuid, last: i64) -> bool {
        effects(&self.db, user).await.len() >= usize::try_from(last).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_members_come_and_go_and_each_effect_happens_once() {
    let Some(group) = Group::open().await else { return };
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

#[tokio::test(flavor = "multi_thread")]
async fn real_a_poison_event_reaches_the_topic_of_dead_letters() {
    let Some(group) = Group::open().await else { return };
    let users: Vec<_> = (0..3).map(|_| group.ids.uuid()).collect();
    let poisoned = users[1];
    group.handler.fails(
        move |user, seq| {
            if user == poisoned && seq == 2 { Err(Failure::Retry("poison".to_owned())) } else { Ok(()) }
        },
    );
    let (stop, broker) = (CancellationToken::new(), KafkaBroker::connect(&group.config.kafka).unwrap());
    let member = group.member(&stop);
    let broker: Arc<dyn todo::events::Broker> = Arc::new(broker);
    let letters = tokio::spawn(consumer::run_dead_letters(group.db.clone(), broker, Clock::system(), stop.clone()));
    group.publish(&users, 1..=5).await;
    for user in users.iter().filter(|user| **user != poisoned) {
        until("others flow on", || group.has(*user, 5)).await;
    }
    until("it goes on after the letter", || group.has(poisoned, 4)).await;
    assert_eq!(effects(&group.db, poisoned).await, [1, 3, 4, 5]);
    let dead =
        consumer::letters(&group.db, Some(LetterState::Dead), "todo-events", group.handler.name(), 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts, dead[0].error.as_str()), (1, 3, "poison"));
    let reader =
        KafkaSource::join(&group.config.kafka, &format!("{}-dlq", group.handler.name()), &["todo-events.dlq"], 100);
    let (reader, id) = (reader.unwrap(), dead[0].id.to_string());
    let found = async {
        loop {
            if let Some(letter) =
                reader.next_batch().await.into_iter().find(|letter| letter.header("dlq-id") == Some(&id))
            {
                return letter;
            }
        }
    };
    let letter = tokio::time::timeout(Duration::from_secs(40), found).await.expect("the letter is in its topic");
    assert_eq!(
        (letter.header("dlq-topic"), letter.header("dlq-attempts"), letter.header("seq")),
        (Some("todo-events"), Some("3"), Some("2"))
    );
    assert_eq!((letter.value, letter.key), (dead[0].value.clone(), dead[0].key.clone()));
    group.handler.fails(|_, _| Ok(()));
    assert!(consumer::redrive(&group.db, &Clock::system(), &dead[0]).await.unwrap());
    until("the redriven one has its effect", || group.has(poisoned, 5)).await;
    assert_eq!(effects(&group.db, poisoned).await, [1, 3, 4, 5, 2]);
    stop.cancel();
    member.await.unwrap();
    letters.await.unwrap();
}
