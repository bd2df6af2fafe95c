//! `todo consume`: a subscriber to look with and to learn from. It does what every consumer of the topics should do:
//! a group of its own from the earliest message on, each event once, the offset after the effect. Its effect is a line
//! on a screen, so that it keeps what it saw in memory; `docs/consumers.md` shows consumers whose effect must last.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use uuid::Uuid;

use super::commands::{show, signals};
use super::compose::Failure;
use crate::config::Config;
use crate::events::consumer::{KafkaSource, Message};
use crate::events::{Broker as _, BrokerKind, Entry, KafkaBroker, KafkaConfig, Topic};

/// Messages that are printed before their offsets are stored.
const BATCH: usize = 500;

/// `todo consume …`
#[derive(Args)]
pub(super) struct ConsumeArgs {
    /// todo-events, chat-events or user-events
    topic: Topic,
    /// The consumer group. A new one begins with the earliest message, one that was there goes on after its last; its
    /// members share the partitions
    #[arg(long, default_value = "todo-consume", value_parser = NonEmptyStringValueParser::new())]
    group: String,
    /// One JSON object a line, as published
    #[arg(long)]
    json: bool,
    /// Stop after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Stop when no message came for so long; to join the group takes some seconds of the first wait
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle: Option<u64>,
}

/// Runs `todo consume …` until it has enough or is told to stop.
pub(super) async fn command(config: &Config, args: ConsumeArgs) -> Result<(), Failure> {
    if config.events.broker == BrokerKind::Memory {
        return Err(
            "events.broker is `memory`, whose events nobody outside `todo serve` can consume: look at the log \
                    with `todo events tail --follow`, or for a cluster add `--set events.broker=kafka`"
                .to_owned(),
        );
    }
    // Registered before anything is slow, so that an early signal is not lost.
    let mut signals = std::pin::pin!(signals()?);
    tokio::select! {
        () = &mut signals => return Ok(()),
        there = reachable(&config.kafka) => there?,
    }
    // The service's member name is not this process's. Without one it leaves its partitions to others when it ends.
    let kafka = KafkaConfig { group_instance_id: String::new(), ..config.kafka.clone() };
    let source = KafkaSource::join(&kafka, &args.group, &[args.topic.name()], BATCH, None)?;
    let person = std::io::stderr().is_terminal();
    if person {
        eprintln!("todo: reading {} in the group {}; Ctrl-C ends", args.topic, args.group);
    }
    let idle = args.idle.map_or(Duration::MAX, Duration::from_secs);
    let (mut seen, mut left) = (Seen::default(), args.max.unwrap_or(u64::MAX));
    while left > 0 {
        let batch = tokio::select! {
            () = &mut signals => break,
            batch = tokio::time::timeout(idle, source.next_batch()) => batch,
        };
        let Ok(batch) = batch else { break };
        let mut done = 0;
        while done < batch.len() && left > 0 {
            match seen.sort(&batch[done]) {
                Sorted::Event(entry) => {
                    show(&entry, args.json)?;
                    left -= 1;
                }
                Sorted::Repetition => {}
                Sorted::Undecodable(says) => eprintln!("todo: passed over: {says}"),
            }
            done += 1;
        }
        source.store(&batch[..done]);
    }
    // What was stored is committed here.
    drop(source);
    if person {
        eprintln!(
            "todo: {} event(s), {} repetition(s) dropped, {} passed over",
            seen.events, seen.repetitions, seen.undecodable
        );
    }
    Ok(())
}

/// librdkafka waits in silence for brokers and topics that are not there. A person is told instead.
async fn reachable(config: &KafkaConfig) -> Result<(), Failure> {
    let broker = KafkaBroker::connect(config)?;
    let mut tries = 1;
    while let Err(says) = broker.check().await {
        if tries == 5 {
            return Err(format!("kafka at {}: {says}", config.brokers));
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// What to do with a message.
#[derive(Debug)]
enum Sorted {
    /// The first time that it comes.
    Event(Entry),
    /// It came before.
    Repetition,
    /// No event; where it is, and what is wrong with it.
    Undecodable(String),
}

/// The last `seq` of each user in the topic. Repetitions never overtake: what is not greater came before.
#[derive(Default)]
struct Seen {
    last: HashMap<Uuid, i64>,
    events: u64,
    repetitions: u64,
    undecodable: u64,
}

impl Seen {
    fn sort(&mut self, message: &Message) -> Sorted {
        let delivery = match message.decode() {
            Ok(delivery) => delivery,
            Err(says) => {
                self.undecodable += 1;
                return Sorted::Undecodable(format!(
                    "{}, partition {}, offset {}: {says}",
                    message.topic, message.partition, message.offset
                ));
            }
        };
        let last = self.last.entry(delivery.user_id).or_default();
        if delivery.seq <= *last {
            self.repetitions += 1;
            return Sorted::Repetition;
        }
        *last = delivery.seq;
        self.events += 1;
        Sorted::Event(Entry {
            user_id: delivery.user_id,
            seq: delivery.seq,
            event_id: delivery.event_id,
            topic: message.topic.clone(),
            event_type: delivery.event_type,
            occurred_at: delivery.occurred_at,
            value: String::from_utf8_lossy(message.value.as_deref().unwrap_or_default()).into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "0193a7c0-0000-7000-8000-000000000002";
    const BOB: &str = "0193a7c0-0000-7000-8000-000000000003";

    fn message(user: &str, seq: &str) -> Message {
        let value = format!(
            r#"{{"eventId":"0193a7c0-0000-7000-8000-000000000001","eventType":"TASK_CREATED","timestamp":"2026-11-24T09:00:00Z","userId":"{user}","payload":{{}}}}"#
        );
        Message {
            topic: "todo-events".to_owned(),
            partition: 3,
            offset: 17,
            key: Some(user.into()),
            value: Some(value.into_bytes()),
            headers: vec![("seq".to_owned(), seq.into())],
        }
    }

    #[test]
    fn each_users_event_is_shown_once() {
        let mut seen = Seen::default();
        let mut shown = Vec::new();
        for (user, seq) in [(ANN, "2"), (BOB, "1"), (ANN, "2"), (ANN, "5"), (ANN, "2"), (BOB, "1"), (BOB, "2")] {
            if let Sorted::Event(entry) = seen.sort(&message(user, seq)) {
                assert_eq!(entry.value.as_bytes(), message(user, seq).value.unwrap());
                shown.push((entry.user_id.to_string(), entry.seq));
            }
        }
        let wanted = [(ANN, 2), (BOB, 1), (ANN, 5), (BOB, 2)].map(|(user, seq)| (user.to_owned(), seq));
        assert_eq!((shown, seen.repetitions), (wanted.to_vec(), 3));
    }

    #[test]
    fn what_is_no_event_is_named_by_its_place() {
        let mut seen = Seen::default();
        let Sorted::Undecodable(says) = seen.sort(&message(ANN, "x")) else { panic!("it was taken for an event") };
        assert_eq!(says, "todo-events, partition 3, offset 17: its header `seq` is not a positive number");
        assert!(matches!(seen.sort(&message(ANN, "1")), Sorted::Event(_)), "it leaves no trace");
    }
}
