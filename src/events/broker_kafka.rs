//! Kafka through librdkafka.
//!
//! **Order.** The producer is idempotent, so librdkafka retries without reordering, and `message.timeout.ms=0` means
//! that it never gives up on a record: it cannot skip one and go on with the next. A record that is refused before it
//! is queued (too large) holds back the later ones of its key in the batch. What a broker refuses for good after that
//! (an authorization, a topic that is gone) concerns the whole topic, so no later record passes either.
//!
//! **Fatal errors.** An idempotent producer whose sequence no longer fits the broker's (data was lost there, its epoch
//! was fenced) refuses everything from then on. It is replaced by a new one; what it held is in the outbox still.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::{ClientConfig, ClientContext, Statistics};
use secrecy::ExposeSecret as _;

use super::broker::{Broker, PublishError, RawRecord, Record};
use super::{KafkaConfig, Topic, metrics as names};
use crate::kernel::ProbeResult;

/// librdkafka's own words and figures.
#[derive(Default)]
struct Context {
    /// What the statistics, which count from the producer's start, said last.
    retries: AtomicU64,
    errors: AtomicU64,
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let up = statistics.brokers.values().filter(|broker| broker.nodeid >= 0 && broker.state == "UP").count();
        metrics::gauge!(names::KAFKA_BROKERS_UP).set(f64::from(u32::try_from(up).unwrap_or_default()));
        metrics::gauge!(names::KAFKA_QUEUE).set(f64::from(u32::try_from(statistics.msg_cnt).unwrap_or_default()));
        metrics::gauge!(names::KAFKA_BYTES).set(f64::from(u32::try_from(statistics.msg_size).unwrap_or(u32::MAX)));
        let brokers = || statistics.brokers.values();
        let slowest =
            brokers().filter_map(|broker| broker.rtt.as_ref()).map(|window| window.p99).max().unwrap_or_default();
        let slowest = Duration::from_micros(u64::try_from(slowest).unwrap_or_default());
        metrics::gauge!(names::KAFKA_ROUND_TRIP).set(slowest.as_secs_f64());
        let retries = brokers().map(|broker| broker.txretries).sum();
        metrics::counter!(names::KAFKA_RETRIES).increment(since(&self.retries, retries));
        metrics::counter!(names::KAFKA_ERRORS).increment(since(&self.errors, failed_requests(&statistics)));
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if level as u8 <= RDKafkaLogLevel::Error as u8 {
            tracing::warn!(target: "kafka", facility, reason = message, "librdkafka");
        } else {
            tracing::debug!(target: "kafka", facility, reason = message, "librdkafka");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // "All brokers are down" comes with every lost connection: the backlog and the probe tell it better.
        tracing::warn!(target: "kafka", %error, reason, "librdkafka");
    }
}

/// Requests that could not be sent, were refused or were not answered in time, over all brokers.
pub(super) fn failed_requests(statistics: &Statistics) -> u64 {
    statistics.brokers.values().map(|broker| broker.txerrs + broker.rxerrs + broker.req_timeouts).sum()
}

/// How much a total of the statistics grew.
pub(super) fn since(last: &AtomicU64, total: u64) -> u64 {
    total.saturating_sub(last.swap(total, Ordering::Relaxed))
}

/// What a topic should be like.
#[derive(Clone, Copy, Debug)]
pub struct TopicSpec {
    /// Partitions.
    pub partitions: i32,
    /// Copies.
    pub replication: i32,
    /// Copies that must acknowledge.
    pub min_insync: i32,
}

/// A Kafka cluster.
pub struct KafkaBroker {
    producer: ArcSwap<FutureProducer<Context>>,
    settings: ClientConfig,
    producer_settings: ClientConfig,
}

type Producer = Arc<FutureProducer<Context>>;

impl KafkaBroker {
    /// Connects in the background; an address that does not answer is not an error here.
    pub fn connect(config: &KafkaConfig) -> Result<Self, String> {
        let settings = client_settings(config);
        let mut producer = settings.clone();
        producer
            .set("enable.idempotence", "true")
            // A record that is refused once it was sent is a fatal error: the next of its partition must not pass it.
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", config.linger_ms.to_string())
            .set("compression.type", "lz4")
            .set("message.timeout.ms", "0")
            .set("message.max.bytes", "1000000")
            .set("queue.buffering.max.messages", "100000")
            .set("statistics.interval.ms", "5000");
        let first = create(&producer)?;
        Ok(Self { producer: ArcSwap::new(first), settings, producer_settings: producer })
    }

    /// Replaces a producer that can do nothing any more.
    fn replace_if_fatal(&self, used: &Producer) {
        let Some((code, reason)) = used.client().fatal_error() else { return };
        match create(&self.producer_settings) {
            // Another lane may have replaced it a moment ago: its producer stays.
            Ok(fresh) => drop(self.producer.compare_and_swap(used, fresh)),
            Err(error) => tracing::error!(error, "a new Kafka producer could not be made: the next batch tries again"),
        }
        metrics::counter!(names::FAILURES, "stage" => "producer").increment(1);
        tracing::error!(%code, reason, "the Kafka producer had a fatal error and was replaced: its events are sent again");
    }

    /// Queues the batch; where the queue is full it waits for room, so that order is kept and memory bounded.
    async fn enqueue_all<R: Outgoing>(producer: &Producer, batch: &[R]) -> Vec<Result<DeliveryFuture, PublishError>> {
        let mut stopped: HashSet<&[u8]> = HashSet::new();
        let mut queued = Vec::with_capacity(batch.len());
        for record in batch {
            if stopped.contains(record.key()) {
                queued.push(Err(PublishError::Held));
                continue;
            }
            queued.push(loop {
                match record.enqueue(producer) {
                    Ok(future) => break Ok(future),
                    Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(error) => {
                        stopped.insert(record.key());
                        break Err(sort(&error));
                    }
                }
            });
        }
        queued
    }

    async fn send<R: Outgoing>(&self, batch: Vec<R>) -> Vec<Result<(), PublishError>> {
        let producer = self.producer.load_full();
        let queued = Self::enqueue_all(&producer, &batch).await;
        let mut outcomes = Vec::with_capacity(queued.len());
        for delivery in queued {
            outcomes.push(match delivery {
                Err(error) => Err(error),
                Ok(future) => match future.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(sort(&error)),
                    Err(_) => Err(PublishError::Transient("the producer was closed".to_owned())),
                },
            });
        }
        self.replace_if_fatal(&producer);
        outcomes
    }
}

/// What can be queued.
trait Outgoing {
    /// What is ordered.
    fn key(&self) -> &[u8];

    fn enqueue(&self, producer: &Producer) -> Result<DeliveryFuture, KafkaError>;
}

impl Outgoing for Record {
    fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }

    fn enqueue(&self, producer: &Producer) -> Result<DeliveryFuture, KafkaError> {
        let key = self.key.to_string();
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers = headers.insert(Header { key: name, value: Some(value.as_str()) });
        }
        let message = FutureRecord::to(self.topic.name()).key(&key).payload(&self.value).headers(headers);
        producer.send_result(message).map_err(|(error, _)| error)
    }
}

impl Outgoing for RawRecord {
    fn key(&self) -> &[u8] {
        self.key.as_deref().unwrap_or_default()
    }

    fn enqueue(&self, producer: &Producer) -> Result<DeliveryFuture, KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        let mut message = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(headers);
        (message.key, message.payload) = (self.key.as_deref(), self.value.as_deref());
        producer.send_result(message).map_err(|(error, _)| error)
    }
}

fn create(settings: &ClientConfig) -> Result<Producer, String> {
    settings.create_with_context(Context::default()).map(Arc::new).map_err(|error| format!("kafka: {error}"))
}

/// Whether the same record may be taken later.
fn sort(error: &KafkaError) -> PublishError {
    use RDKafkaErrorCode as Code;
    let text = error.to_string();
    match error.rdkafka_error_code() {
        Some(
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidMessage
            | Code::InvalidRecord
            | Code::PolicyViolation,
        ) => PublishError::Permanent(text),
        _ => PublishError::Transient(text),
    }
}

pub(super) fn client_settings(config: &KafkaConfig) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &config.brokers).set("client.id", &config.client_id);
    let sasl = !config.sasl_username.is_empty();
    let protocol = match (config.tls, sasl) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    settings.set("security.protocol", protocol);
    if sasl {
        settings
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", &config.sasl_username)
            .set("sasl.password", config.sasl_password.expose_secret());
    }
    let files = [
        ("ssl.ca.location", &config.ca_file),
        ("ssl.certificate.location", &config.cert_file),
        ("ssl.key.location", &config.key_file),
    ];
    for (key, path) in files.into_iter().filter(|(_, path)| !path.is_empty()) {
        settings.set(key, path);
    }
    settings.set("socket.keepalive.enable", "true").set("reconnect.backoff.max.ms", "2000");
    settings
}

impl Broker for KafkaBroker {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn publish(&self, batch: Vec<Record>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        Box::pin(self.send(batch))
    }

    fn publish_raw(&self, batch: Vec<RawRecord>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        Box::pin(self.send(batch))
    }

    fn refresh(&self) {
        match create(&self.producer_settings) {
            Ok(fresh) => self.producer.store(fresh),
            Err(error) => tracing::error!(error, "a new Kafka producer could not be made: the old one goes on"),
        }
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        let producer = self.producer.load_full();
        Box::pin(async move {
            let ask = move || {
                producer
                    .client()
                    .fetch_metadata(Some(Topic::Todo.name()), Duration::from_millis(900))
                    .map(|found| found.topics().first().is_some_and(|topic| !topic.partitions().is_empty()))
            };
            match tokio::task::spawn_blocking(ask).await {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false)) => Err("the topics are missing: run `todo topics ensure`".to_owned()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn close(&self, deadline: Duration) -> BoxFuture<'_, ()> {
        let producer = self.producer.load_full();
        Box::pin(async move {
            // Dropping a producer purges its queue. What is not flushed stays in the outbox and is sent again.
            let flush = tokio::task::spawn_blocking(move || producer.flush(deadline));
            if !matches!(flush.await, Ok(Ok(()))) {
                tracing::warn!("Kafka did not take everything before the deadline: it stays in the outbox");
            }
        })
    }
}

impl KafkaBroker {
    /// Whether the cluster has a topic. All of them are asked for: asking for one by its name may make it.
    pub async fn has_topic(&self, name: &str) -> Result<bool, String> {
        let producer = self.producer.load_full();
        let ask = move || producer.client().fetch_metadata(None, Duration::from_secs(10));
        let found = tokio::task::spawn_blocking(ask).await.map_err(|error| error.to_string())?;
        let found = found.map_err(|error| format!("kafka: {error}"))?;
        Ok(found.topics().iter().any(|topic| topic.name() == name))
    }

    /// Creates the topics that are missing, those of the dead letters too. Returns one line for each topic.
    pub async fn ensure_topics(&self, spec: TopicSpec) -> Result<Vec<String>, String> {
        let admin: AdminClient<_> = self.settings.create().map_err(|error| error.to_string())?;
        let min_insync = spec.min_insync.to_string();
        let names: Vec<_> =
            Topic::ALL.iter().flat_map(|topic| [topic.name().to_owned(), topic.dead_letters()]).collect();
        let topics: Vec<_> = names
            .iter()
            .map(|name| {
                NewTopic::new(name, spec.partitions, TopicReplication::Fixed(spec.replication))
                    .set("min.insync.replicas", &min_insync)
                    .set("unclean.leader.election.enable", "false")
            })
            .collect();
        let options = AdminOptions::new()
            .operation_timeout(Some(Duration::from_secs(20)))
            .request_timeout(Some(Duration::from_secs(25)));
        let outcomes = admin.create_topics(&topics, &options).await.map_err(|error| error.to_string())?;
        outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Ok(topic) => Ok(format!("{topic}: created, {} partitions", spec.partitions)),
                Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(self.compare(&topic, spec)),
                Err((topic, code)) => Err(format!("{topic}: {code}")),
            })
            .collect()
    }

    fn compare(&self, topic: &str, spec: TopicSpec) -> String {
        let found = self.producer.load().client().fetch_metadata(Some(topic), Duration::from_secs(5));
        let shape = found.ok().and_then(|found| {
            let partitions = found.topics().first()?.partitions();
            Some((partitions.len(), partitions.first()?.replicas().len()))
        });
        let wanted = (usize::try_from(spec.partitions).ok(), usize::try_from(spec.replication).ok());
        match shape {
            Some((partitions, copies)) if (Some(partitions), Some(copies)) == wanted => {
                format!("{topic}: there already, {partitions} partitions")
            }
            Some((partitions, copies)) => format!(
                "{topic}: there already, with {partitions} partitions and {copies} copies instead of {} and {}",
                spec.partitions, spec.replication
            ),
            None => format!("{topic}: there already"),
        }
    }
}

#[cfg(test)]
#[path = "broker_kafka_tests.rs"]
mod tests;
