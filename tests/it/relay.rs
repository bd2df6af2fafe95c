//! The relay against a broker that follows a script: refusals, pauses and partners, on both databases.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::json;
use todo::events::{Broker, Draft, EventLog, PublishError, Record, Relay, Topic};
use todo::kernel::{Actor, Channel, Clock, Ids, ProbeResult, Scopes};
use todo::storage::{Db, Migrations};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{config, on_both, until};

type Answer = Box<dyn Fn(Uuid, i64) -> Result<(), PublishError> + Send + Sync>;

/// A broker that keeps the port's contract and answers by the script.
struct Script {
    taken: Mutex<Vec<(Uuid, i64)>>,
    answer: Answer,
}

impl Script {
    fn new(answer: impl Fn(Uuid, i64) -> Result<(), PublishError> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), answer: Box::new(answer) })
    }

    fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

impl Broker for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn publish(&self, batch: Vec<Record>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        Box::pin(async move {
            let mut stopped = HashSet::new();
            let mut take = |record: Record| {
                if stopped.contains(&record.key) {
                    return Err(PublishError::Held);
                }
                let (_, seq) = record.headers.iter().find(|(name, _)| *name == "seq").unwrap();
                let seq = seq.parse().unwrap();
                let answer = (self.answer)(record.key, seq);
                match &answer {
                    Ok(()) => self.taken.lock().unwrap().push((record.key, seq)),
                    Err(_) => _ = stopped.insert(record.key),
                }
                answer
            };
            batch.into_iter().map(&mut take).collect()
        })
    }

    fn publish_raw(&self, batch: Vec<todo::events::RawRecord>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        Box::pin(std::future::ready(batch.iter().map(|_| Ok(())).collect()))
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A log, and relays over it.
struct Desk {
    db: Db,
    log: EventLog,
    ids: Ids,
    config: todo::config::Config,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn open(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut flags = vec!["events.relay_lease_ms=1000".to_owned(), "events.relay_poll_ms=20".to_owned()];
        flags.extend(url.map(|url| format!("storage.url={url}")));
        let config = config(folder.path(), &flags);
        let db = Db::open(&config.storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        let ids = Ids::system(Clock::system());
        let log = EventLog::new(Clock::system(), ids.clone()).unwrap();
        Self { db, log, ids, config, _folder: folder }
    }

    async fn user(&self) -> Actor {
        let user_id = self.ids.uuid();
        let mut tx = self.db.begin().await.unwrap();
        self.log.open(&mut tx, user_id).await.unwrap();
        tx.commit().await.unwrap();
        Actor { user_id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL }
    }

    async fn append(&self, actor: &Actor) {
        let task = self.ids.uuid();
        let payload = json!({ "taskId": task, "title": "x", "completed": false });
        let draft = Draft { topic: Topic::Todo, event_type: "TASK_CREATED", subject_id: task, payload };
        let event = self.log.prepare(actor, &draft).unwrap();
        let mut tx = self.db.begin().await.unwrap();
        self.log.append(&mut tx, &event).await.unwrap();
        tx.commit().await.unwrap();
        self.log.committed(actor.user_id);
    }

    /// `users` people with `events` each, one after the other.
    async fn fill(&self, users: usize, events: usize) -> Vec<Actor> {
        let mut actors = Vec::new();
        for _ in 0..users {
            actors.push(self.user().await);
        }
        for _ in 0..events {
            for actor in &actors {
                self.append(actor).await;
            }
        }
        actors
    }

    fn relay(&self, broker: &Arc<Script>) -> Relay {
        self.relay_over(self.db.clone(), broker)
    }

    fn relay_over(&self, db: Db, broker: &Arc<Script>) -> Relay {
        let broker: Arc<dyn Broker> = Arc::<Script>::clone(broker);
        let (hint, ids) = (self.log.hint(), self.ids.clone());
        Relay::new(db, broker, hint, Clock::system(), ids, self.config.events.clone())
    }

    fn start(&self, broker: &Arc<Script>) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(self.relay(broker).run(stop.clone()));
        Running { stop, task }
    }

    async fn waiting(&self) -> i64 {
        todo::events::backlog(&self.db).await.unwrap().waiting
    }

    async fn drained(&self) {
        until("the outbox is empty", || async { self.waiting().await == 0 }).await;
    }

    async fn holders(&self) -> Vec<i64> {
        todo::events::holders(&self.db).await.unwrap().into_iter().map(|(_, shards)| shards).collect()
    }
}

struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// First occurrences are dense and in order for each user: `events` of them.
fn in_order(brokers: &[&Arc<Script>], users: usize, events: i64) {
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    for broker in brokers {
        for (user, seq) in broker.taken.lock().unwrap().iter() {
            let last = last.entry(*user).or_default();
            assert!(*seq <= *last + 1, "user {user}: {seq} came after {last}");
            *last = (*last).max(*seq);
        }
    }
    assert_eq!(last.len(), users);
    assert!(last.values().all(|seq| *seq == events), "{last:?}");
}

/// A record that fails for a while holds back its own user's, and nobody is passed over.
async fn a_failing_record_is_tried_again_in_its_place(url: Option<String>) {
    let desk = Desk::open(url).await;
    let people = desk.fill(5, 8).await;
    let (unlucky, tries) = (people[0].user_id, Mutex::new(0));
    let broker = Script::new(move |user, seq| {
        let mut tries = tries.lock().unwrap();
        if user == unlucky && seq == 3 && *tries < 3 {
            *tries += 1;
            return Err(PublishError::Transient("not now".to_owned()));
        }
        Ok(())
    });
    let relay = desk.start(&broker);
    desk.drained().await;
    in_order(&[&broker], 5, 8);
    assert_eq!(broker.count(), 40, "what was acknowledged is not sent again");
    relay.stop().await;
    assert_eq!(desk.holders().await, [0; 0], "the shards are given back");
}

/// A record that is refused for good parks its user; others flow on; re-armed, they go on in order.
async fn a_refused_record_parks_its_user_only(url: Option<String>) {
    let desk = Desk::open(url).await;
    let people = desk.fill(5, 8).await;
    let (unlucky, mended) = (people[2].user_id, Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let is_mended = Arc::clone(&mended);
    let broker = Script::new(move |user, seq| {
        if user == unlucky && seq == 4 && !is_mended.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(PublishError::Permanent("too large".to_owned()));
        }
        Ok(())
    });
    let relay = desk.start(&broker);
    until("the others' events are out", || async { broker.count() == 4 * 8 + 3 && desk.waiting().await == 5 }).await;
    let parked = todo::events::parked(&desk.db).await.unwrap();
    assert_eq!((parked.len(), parked[0].user_id, parked[0].reason.as_str()), (1, unlucky, "too large"));
    // A later event of the parked user waits too.
    desk.append(&people[2]).await;
    desk.append(&people[3]).await;
    until("the other's event is out", || async { broker.count() == 4 * 8 + 4 && desk.waiting().await == 6 }).await;
    mended.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(todo::events::rearm(&desk.db, Some(unlucky)).await.unwrap(), 1);
    desk.drained().await;
    desk.append(&people[0]).await;
    desk.append(&people[1]).await;
    desk.append(&people[4]).await;
    desk.drained().await;
    in_order(&[&broker], 5, 9);
    relay.stop().await;
}

/// Two share the shards; when one leaves, the other takes all.
async fn relays_share_and_take_over(url: Option<String>) {
    let desk = Desk::open(url).await;
    let (one, two) = (Script::new(|_, _| Ok(())), Script::new(|_, _| Ok(())));
    let (first, second) = (desk.start(&one), desk.start(&two));
    until("each has half", || async { desk.holders().await == [32, 32] }).await;
    let people = desk.fill(40, 3).await;
    desk.drained().await;
    assert!(one.count() > 0 && two.count() > 0, "{} and {}", one.count(), two.count());
    first.stop().await;
    for actor in &people {
        desk.append(actor).await;
    }
    desk.drained().await;
    in_order(&[&one, &two], 40, 4);
    until("the one that is left has all", || async { desk.holders().await == [64] }).await;
    second.stop().await;
}

/// A relay that is paused beyond its lease: another goes on, and what the first one was told meanwhile counts nothing.
async fn a_paused_relay_cannot_record_an_acknowledgement(url: Option<String>) {
    let desk = Desk::open(url).await;
    let (wake, sleeping) = std::sync::mpsc::channel::<()>();
    let sleeping = Mutex::new(Some(sleeping));
    let asleep = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let falls_asleep = Arc::clone(&asleep);
    // Blocks its thread, so everything of this relay stands still, as with SIGSTOP.
    let slow = Script::new(move |_, _| {
        if let Some(sleeping) = sleeping.lock().unwrap().take() {
            falls_asleep.store(true, std::sync::atomic::Ordering::SeqCst);
            sleeping.recv().unwrap();
        }
        Ok(())
    });
    let people = desk.fill(1, 3).await;
    // Its connections are its own: they stand still with its thread, and nobody else may be handed one of them.
    let own = Db::open(&desk.config.storage).unwrap();
    let (relay, stop) = (desk.relay_over(own, &slow), CancellationToken::new());
    let stopping = stop.clone();
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(relay.run(stopping));
    });
    until("the first one has a batch in hand", || async { asleep.load(std::sync::atomic::Ordering::SeqCst) }).await;
    let first = todo::events::holders(&desk.db).await.unwrap()[0].0;
    // The second is refused by its broker, so that nothing but the first one's word could empty the outbox.
    let down = Script::new(|_, _| Err(PublishError::Transient("down".to_owned())));
    let second = desk.start(&down);
    let db = &desk.db;
    until("the second one has taken over", || async {
        let holders = todo::events::holders(db).await.unwrap();
        holders.iter().all(|(owner, _)| *owner != first) && holders.iter().map(|(_, shards)| *shards).sum::<i64>() == 64
    })
    .await;
    // Woken: it hands over what it held, is told yes, and must not record it.
    stop.cancel();
    wake.send(()).unwrap();
    let joined = tokio::task::spawn_blocking(move || thread.join().unwrap());
    tokio::time::timeout(Duration::from_secs(30), joined).await.expect("the woken relay stops").unwrap();
    assert_eq!((slow.count(), desk.waiting().await), (3, 3));
    second.stop().await;
    let up = Script::new(|_, _| Ok(()));
    let third = desk.start(&up);
    desk.append(&people[0]).await;
    desk.drained().await;
    in_order(&[&slow, &up], 1, 4);
    third.stop().await;
}

/// A commit is published at once, not at the next poll, whichever lane its user's shard belongs to.
async fn a_commit_wakes_its_lane(url: Option<String>) {
    let mut desk = Desk::open(url).await;
    desk.config.events.relay_poll_ms = 60_000;
    let broker = Script::new(|_, _| Ok(()));
    let relay = desk.start(&broker);
    until("the relay has the shards", || async { desk.holders().await == [64] }).await;
    let mut people = vec![desk.user().await];
    let lane = |actor: &Actor| todo::events::shard_of(actor.user_id) % 2;
    while people.len() < 8 || people.iter().all(|actor| lane(actor) == lane(&people[0])) {
        people.push(desk.user().await);
    }
    for actor in &people {
        desk.append(actor).await;
    }
    tokio::time::timeout(Duration::from_secs(20), desk.drained()).await.expect("published before the poll");
    in_order(&[&broker], people.len(), 1);
    relay.stop().await;
}

on_both! {
    a_failing_record_is_tried_again_in_its_place: a_failing_record_on_sqlite, real_a_failing_record_on_postgres;
    a_refused_record_parks_its_user_only: a_refused_record_on_sqlite, real_a_refused_record_on_postgres;
    relays_share_and_take_over: two_relays_on_sqlite, real_two_relays_on_postgres;
    a_commit_wakes_its_lane: a_commit_on_sqlite, real_a_commit_on_postgres;
    a_paused_relay_cannot_record_an_acknowledgement: a_paused_relay_on_sqlite, real_a_paused_relay_on_postgres;
}
