//! Checks 10 and 11: a consumer killed between its effect and the commit, and an event that never works.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use todo::events::consumer::{self, Failure, Handler, KafkaSource, Ladder, Letter, LetterState, Processor};
use todo::events::{Broker, KafkaBroker};
use todo::kernel::{Clock, Ids};
use todo::storage::Db;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{figure, full, percentile, setting};
use crate::consumers::{Scripted, effects};
use crate::real_consumers::Group;
use crate::support::{config, until};

/// The child's orders: its flags a line each; the consumer's name; how many effects it may have.
const CHILD: [&str; 3] = ["TODO_TEST_CHILD_FLAGS", "TODO_TEST_CHILD_NAME", "TODO_TEST_CHILD_EFFECTS"];

/// Not a test but the consumer that check 10 kills, in a process of its own: it ends itself as `kill -9` would, after
/// an effect was written and before it is committed.
#[tokio::test]
async fn real_child_that_is_killed() {
    let [Ok(flags), Ok(name), Ok(effects)] = CHILD.map(std::env::var) else { return };
    let flags: Vec<_> = flags.lines().map(str::to_owned).collect();
    let (folder, left) = (tempfile::tempdir().unwrap(), AtomicI64::new(effects.parse().unwrap()));
    let config = config(folder.path(), &flags);
    let db = Db::open(&config.storage).unwrap();
    let handler = Scripted::new(Box::leak(name.into_boxed_str()));
    handler.fails(move |_, _| {
        if left.fetch_sub(1, Ordering::SeqCst) <= 1 {
            let me = std::process::id().to_string();
            assert!(Command::new("kill").args(["-9", &me]).status().unwrap().success());
            std::thread::park();
        }
        Ok(())
    });
    let source = KafkaSource::join(&config.kafka, handler.name(), &["todo-events"], 50, None).unwrap();
    let ids = Ids::system(Clock::system());
    let processor = Processor::new(db, handler, Clock::system(), ids, Ladder::new(&[]));
    let stop = CancellationToken::new();
    let run = Box::pin(consumer::run(Arc::new(processor), Some(source), stop));
    let _ = tokio::time::timeout(Duration::from_mins(1), run).await;
}

/// Runs the child until it is dead; it is the member of before that comes back, as a pod of a StatefulSet is.
fn killed_after(effects: u64, group: &Group) {
    let flags = group.flags.iter().map(String::as_str).chain(["kafka.group_instance_id=the-one"]);
    let orders = [flags.collect::<Vec<_>>().join("\n"), group.handler.name().to_owned(), effects.to_string()];
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["real_chaos::consumers::real_child_that_is_killed", "--exact"])
        .envs(CHILD.into_iter().zip(orders))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(9), "it was to be killed at effect {effects}: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_consumer_killed_before_its_commit_has_each_effect_once() {
    let Some(group) = Group::open(&[]).await else { return };
    let kills = setting("TODO_TEST_CONSUMER_KILLS", 5, 100);
    let users: Vec<_> = (0..10).map(|_| group.ids.uuid()).collect();
    let mut last = 0;
    for round in 1..=kills {
        group.publish(&users, last + 1..=last + 6).await;
        last += 6;
        // At another one of its transaction's effects each time, and in the first batch or a later one.
        tokio::task::block_in_place(|| killed_after(1 + round * 13 % 50, &group));
    }
    let stop = CancellationToken::new();
    let member = group.member(&stop);
    for user in &users {
        until("every effect is there", || group.has(*user, last)).await;
    }
    stop.cancel();
    member.await.unwrap();
    for user in &users {
        assert_eq!(effects(&group.db, *user).await, (1..=last).collect::<Vec<_>>(), "{user}");
    }
    let all = last * i64::try_from(users.len()).unwrap();
    figure(
        10,
        &format!("{kills} kills of a consumer between effect and commit: {all} events, each effect once and in order"),
    );
}

/// The waits between the tries of check 11: as many as in the product, and shorter.
const LADDER: [u64; 5] = [50, 100, 150, 200, 250];

/// Events of `users` at a steady pace, until each had its effect. Returns how long each took to it, in milliseconds.
async fn pace(group: &Group, users: &[Uuid], from: i64, rounds: i64) -> Vec<f64> {
    group.handler.delays.lock().unwrap().clear();
    for seq in from..from + rounds {
        group.publish(users, seq..=seq).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for user in users {
        until("others flow on", || group.has(*user, from + rounds - 1)).await;
    }
    let delays = group.handler.delays.lock().unwrap();
    delays.iter().filter(|(user, _)| users.contains(user)).map(|(_, delay)| *delay).collect()
}

/// The letter as `<topic>.dlq` has it.
async fn published(group: &Group, id: &str) -> consumer::Message {
    let name = format!("{}-dlq", group.handler.name());
    let reader = KafkaSource::join(&group.config.kafka, &name, &["todo-events.dlq"], 100, None).unwrap();
    let found = async {
        loop {
            let mut batch = reader.next_batch().await.into_iter();
            if let Some(letter) = batch.find(|letter| letter.header("dlq-id") == Some(id)) {
                return letter;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(40), found).await.expect("the letter is in its topic")
}

fn has_its_origin(message: &consumer::Message, letter: &Letter, consumer: &str) {
    let tries = (LADDER.len() + 1).to_string();
    let (partition, offset) = (letter.partition.to_string(), letter.offset.to_string());
    let expected = [
        ("dlq-topic", "todo-events"),
        ("dlq-partition", &partition),
        ("dlq-offset", &offset),
        ("dlq-consumer-group", consumer),
        ("dlq-attempts", &tries),
        ("dlq-error", "poison"),
        ("seq", "2"),
    ];
    for (name, value) in expected {
        assert_eq!(message.header(name), Some(value), "{name}");
    }
    let at = |name| message.header(name).unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let waits = i64::try_from(LADDER.iter().sum::<u64>()).unwrap();
    assert!((at("dlq-last-failed-at") - at("dlq-first-failed-at")).num_milliseconds() >= waits);
    assert_eq!((&message.value, &message.key), (&letter.value, &letter.key));
}

#[tokio::test(flavor = "multi_thread")]
async fn real_a_poison_event_becomes_a_dead_letter_and_holds_up_its_user_only() {
    let Some(group) = Group::open(&LADDER).await else { return };
    let rounds = i64::try_from(setting("TODO_TEST_POISON_ROUNDS", 20, 400)).unwrap();
    let users: Vec<_> = (0..20).map(|_| group.ids.uuid()).collect();
    let poisoned = users[0];
    let (stop, broker) = (CancellationToken::new(), KafkaBroker::connect(&group.config.kafka).unwrap());
    let member = group.member(&stop);
    let broker: Arc<dyn Broker> = Arc::new(broker);
    let letters = tokio::spawn(consumer::run_dead_letters(group.db.clone(), broker, Clock::system(), stop.clone()));
    pace(&group, &users, 1, 1).await;
    let calm = pace(&group, &users[1..], 2, rounds).await;
    group.handler.fails(
        move |user, seq| {
            if user == poisoned && seq == 2 { Err(Failure::Retry("poison".to_owned())) } else { Ok(()) }
        },
    );
    group.publish(&users[..1], 2..=5).await;
    let troubled = pace(&group, &users[1..], 2 + rounds, rounds).await;
    until("it goes on after the letter", || group.has(poisoned, 4)).await;
    assert_eq!(effects(&group.db, poisoned).await, [1, 3, 4, 5]);
    let name = group.handler.name();
    let dead = consumer::letters(&group.db, Some(LetterState::Dead), "todo-events", name, 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].error.as_str()), (1, "poison"));
    has_its_origin(&published(&group, &dead[0].id.to_string()).await, &dead[0], name);
    group.handler.fails(|_, _| Ok(()));
    assert!(consumer::redrive(&group.db, &Clock::system(), &dead[0]).await.unwrap());
    // What comes now waits behind what was redriven.
    group.publish(&users[..1], 6..=6).await;
    until("the redriven one has its effect", || group.has(poisoned, 6)).await;
    assert_eq!(effects(&group.db, poisoned).await, [1, 3, 4, 5, 2, 6]);
    stop.cancel();
    member.await.unwrap();
    letters.await.unwrap();
    let (calm, troubled) = (percentile(&calm, 99), percentile(&troubled, 99));
    assert!(!full() || troubled < calm * 2.0 + 20.0, "others' p99 was {calm:.1} ms and became {troubled:.1} ms");
    figure(
        11,
        &format!(
            "a poison event: a dead letter after {} tries, redriven in order; others' p99 {troubled:.1} ms ({calm:.1} ms before)",
            LADDER.len() + 1
        ),
    );
}
