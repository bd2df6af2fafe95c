//! Messages from Kafka: a member of the consumer group that has the consumer's name.
//!
//! Partitions move between members one by one (`cooperative-sticky`), and a member that comes back within its session
//! time-out under its own name (`group.instance.id`) gets its old ones without a rebalance. Offsets are stored after the
//! messages were processed and committed by librdkafka; what is read twice is dropped by the inbox.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::statistics::{Partition, Statistics};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::message::Message;
use super::processor::Processor;
use crate::events::broker_kafka::{client_settings, failed_requests, since};
use crate::events::{KafkaConfig, metrics as names};
use crate::kernel::Backoff;

/// How long a batch waits for more. A transaction for each event would cost the database more than the events did.
const GATHER: Duration = Duration::from_millis(3);
/// What is enough for a patient consumer to be answered at once, in bytes: some dozens of events.
const ENOUGH: usize = 32 * 1024;
/// How long a broker holds the request of one that wants each event at once while there is none.
const HOLD: Duration = Duration::from_millis(50);

/// How often the client tells its statistics, and how long it may be silent. librdkafka can lock itself up for good when
/// brokers come and go (confluentinc/librdkafka#5476, open in 2.12): it reads nothing any more, tells nobody, and can
/// not be closed. Only a new process helps.
const STATISTICS: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_mins(1);
/// How long a stop waits for the client to leave its group; one that is locked up never does.
const CLOSE: Duration = Duration::from_secs(5);

/// Tells what the client knows: how far the group is behind over this member's partitions, and how the member is.
struct Told {
    group: String,
    /// When the client told anything last.
    heard: Mutex<Instant>,
    /// What the statistics, which count from the client's start, said last.
    rebalances: AtomicU64,
    errors: AtomicU64,
}

impl Told {
    fn new(group: &str) -> Self {
        let (rebalances, errors) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { group: group.to_owned(), heard: Mutex::new(Instant::now()), rebalances, errors }
    }

    fn silent_for(&self) -> Duration {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl ClientContext for Told {
    fn stats(&self, statistics: Statistics) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        for (name, topic) in &statistics.topics {
            // Of a partition that another member has now the client keeps what it knew last.
            let own = topic.partitions.values().filter(|partition| partition.desired);
            let lag = f64::from(u32::try_from(own.map(behind).sum::<i64>()).unwrap_or(u32::MAX));
            metrics::gauge!(names::LAG, "consumer" => self.group.clone(), "topic" => name.clone()).set(lag);
        }
        let group = || self.group.clone();
        if let Some(member) = &statistics.cgrp {
            metrics::gauge!(names::ASSIGNED, "consumer" => group()).set(f64::from(member.assignment_size));
            let rebalances = u64::try_from(member.rebalance_cnt).unwrap_or_default();
            metrics::counter!(names::REBALANCES, "consumer" => group()).increment(since(&self.rebalances, rebalances));
        }
        let errors = failed_requests(&statistics);
        metrics::counter!(names::CLIENT_ERRORS, "consumer" => group()).increment(since(&self.errors, errors));
    }
}

impl ConsumerContext for Told {}

/// How many messages of a partition this member has not processed. Before its group has processed any, that is all of
/// them: what the client calls the lag counts from the first one on and is -1 until then.
fn behind(partition: &Partition) -> i64 {
    if partition.consumer_lag >= 0 {
        partition.consumer_lag
    } else {
        (partition.hi_offset.max(0) - partition.lo_offset.max(0)).max(0)
    }
}

/// A member of a group.
pub struct KafkaSource {
    consumer: StreamConsumer<Told>,
    batch: usize,
    /// How long the client may be silent.
    pub(super) silence: Duration,
}

impl KafkaSource {
    /// Joins the group `group` for `topics` in the background. With `patience` the brokers gather events for so long
    /// before they answer, which saves them most of a consumer's requests.
    pub fn join(
        config: &KafkaConfig,
        group: &str,
        topics: &[&str],
        batch: usize,
        patience: Option<Duration>,
    ) -> Result<Self, String> {
        let mut settings = client_settings(config);
        settings
            .set("group.id", group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            .set("enable.auto.offset.store", "false")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "30000")
            .set("fetch.wait.max.ms", patience.unwrap_or(HOLD).as_millis().to_string())
            .set("fetch.min.bytes", patience.map_or(1, |_| ENOUGH).to_string())
            // What is read ahead: some batches, in a few megabytes of memory, however far behind the group is.
            .set("queued.min.messages", "500")
            .set("queued.max.messages.kbytes", "1024")
            .set("fetch.max.bytes", "2097152")
            .set("max.partition.fetch.bytes", "65536")
            // By default a partition whose messages are enough for now is left alone for a whole second.
            .set("fetch.queue.backoff.ms", "10")
            // New partitions are found within it.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("isolation.level", "read_committed");
        if !config.group_instance_id.is_empty() {
            settings.set("group.instance.id", &config.group_instance_id);
        }
        settings.set("statistics.interval.ms", STATISTICS.as_millis().to_string());
        let consumer: StreamConsumer<Told> =
            settings.create_with_context(Told::new(group)).map_err(|error| format!("kafka: {error}"))?;
        consumer.subscribe(topics).map_err(|error| format!("kafka: {error}"))?;
        Ok(Self { consumer, batch, silence: SILENCE })
    }

    /// Feeds `processor` until told to stop, or until the client is locked up: then the process has to end.
    pub async fn run(self, processor: &Processor, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        'feed: while !stop.is_cancelled() {
            let batch = tokio::select! {
                () = stop.cancelled() => break,
                batch = self.next_batch() => batch,
                () = self.silence() => {
                    tracing::error!(consumer = processor.name(), seconds = self.silence.as_secs(), "the Kafka client tells nothing any more: this process has to be started again");
                    break;
                }
            };
            while let Err(error) = processor.process(&batch).await {
                metrics::counter!(names::CONSUMER_FAILURES, "consumer" => processor.name()).increment(1);
                tracing::warn!(consumer = processor.name(), %error, "the database does not take this consumer's work: it will try again");
                tokio::select! {
                    () = stop.cancelled() => break 'feed,
                    () = tokio::time::sleep(backoff.next(0)) => {}
                }
            }
            backoff.reset();
            self.store(&batch);
        }
        self.close().await;
    }

    /// Leaves the group; what was stored is committed. In a thread of its own, because a runtime waits for its threads.
    async fn close(self) {
        let (closed, done) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            drop(self);
            let _ = closed.send(());
        });
        if tokio::time::timeout(CLOSE, done).await.is_err() {
            tracing::warn!("the Kafka client could not be closed: it is left behind");
        }
    }

    /// Returns when the client was silent for too long, though it was listened to.
    async fn silence(&self) {
        loop {
            tokio::time::sleep(STATISTICS).await;
            if self.consumer.context().silent_for() > self.silence {
                return;
            }
        }
    }

    /// At least one message, and what comes soon after it: a full batch at once where the group is behind.
    pub async fn next_batch(&self) -> Vec<Message> {
        let mut batch = vec![self.next().await];
        let end = tokio::time::Instant::now() + GATHER;
        while batch.len() < self.batch {
            match tokio::time::timeout_at(end, self.consumer.recv()).await {
                Ok(Ok(message)) => batch.push(owned(&message)),
                _ => break,
            }
        }
        batch
    }

    async fn next(&self) -> Message {
        loop {
            match self.consumer.recv().await {
                Ok(message) => return owned(&message),
                Err(error) => {
                    // A broker that is away, a topic that is not there yet: librdkafka goes on by itself.
                    tracing::debug!(%error, "the consumer was told of an error");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// These were processed. A partition that was taken from this member meanwhile is the next one's business: it reads
    /// again what was not committed.
    pub fn store(&self, batch: &[Message]) {
        let mut last: BTreeMap<(&str, i64), i64> = BTreeMap::new();
        for message in batch {
            last.insert((&message.topic, message.partition), message.offset + 1);
        }
        for ((topic, partition), offset) in last {
            let mut stored = TopicPartitionList::new();
            let partition = i32::try_from(partition).unwrap_or_default();
            if stored.add_partition_offset(topic, partition, Offset::Offset(offset)).is_ok() {
                let _ = self.consumer.store_offsets(&stored);
            }
        }
    }
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Message {
    let headers = message.headers().map(|headers| {
        let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
            (header.key.to_owned(), header.value.unwrap_or_default().to_vec())
        };
        headers.iter().map(pair).collect()
    });
    Message {
        topic: message.topic().to_owned(),
        partition: i64::from(message.partition()),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(consumer_lag: i64, lo_offset: i64, hi_offset: i64) -> Partition {
        Partition { desired: true, consumer_lag, lo_offset, hi_offset, ..Partition::default() }
    }

    #[test]
    fn a_group_that_has_processed_nothing_is_behind_by_everything() {
        assert_eq!(behind(&partition(7, 0, 100)), 7);
        assert_eq!(behind(&partition(0, 0, 100)), 0);
        assert_eq!(behind(&partition(-1, 40, 100)), 60, "what retention left");
        assert_eq!(behind(&partition(-1, -1001, 100)), 100, "where the partition begins is not known yet");
        assert_eq!(behind(&partition(-1, -1001, -1001)), 0, "nothing is known yet");
    }
}
