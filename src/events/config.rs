//! The `[events]` and `[kafka]` sections.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::TopicSpec;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrokerKind {
    /// In this process.
    Memory,
    /// A Kafka cluster.
    Kafka,
}

/// The relay.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where events go.
    pub broker: BrokerKind,
    /// Events that a relay sends before it waits for their acknowledgements.
    pub relay_batch: i64,
    /// Batches that a relay has under way at once while it is behind, over different users; otherwise one.
    pub relay_lanes: i64,
    /// How long a relay owns a shard without renewing, milliseconds.
    pub relay_lease_ms: u64,
    /// How often the outbox is looked at when nothing woke the relay, milliseconds.
    pub relay_poll_ms: u64,
    /// Messages that a consumer takes in one transaction.
    pub consumer_batch: usize,
    /// The waits before each further try of an event whose effect failed, milliseconds.
    pub retry_ladder_ms: Vec<u64>,
    /// Days that published events are kept; 0: for ever.
    pub history_days: i64,
    /// Days after an account's erasure until consumers forget it.
    pub inbox_days: i64,
    /// Days that a dead letter is kept after it was decided about.
    pub dead_letter_days: i64,
}

impl Config {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !(1..=10_000).contains(&self.relay_batch) {
            found.push(("relay_batch", "must be 1 to 10000 events".to_owned()));
        }
        if !(1..=16).contains(&self.relay_lanes) {
            found.push(("relay_lanes", "must be 1 to 16".to_owned()));
        }
        if !(500..=300_000).contains(&self.relay_lease_ms) {
            found.push(("relay_lease_ms", "must be 500 to 300000 milliseconds".to_owned()));
        }
        if !(5..=60_000).contains(&self.relay_poll_ms) {
            found.push(("relay_poll_ms", "must be 5 to 60000 milliseconds".to_owned()));
        }
        if !(1..=10_000).contains(&self.consumer_batch) {
            found.push(("consumer_batch", "must be 1 to 10000 messages".to_owned()));
        }
        if !(0..=36_500).contains(&self.history_days) {
            found.push(("history_days", "must be 1 to 36500 days, or 0 for ever".to_owned()));
        }
        for (key, days) in [("inbox_days", self.inbox_days), ("dead_letter_days", self.dead_letter_days)] {
            if !(1..=36_500).contains(&days) {
                found.push((key, "must be 1 to 36500 days".to_owned()));
            }
        }
        let a_week = 604_800_000;
        if self.retry_ladder_ms.len() > 20 || self.retry_ladder_ms.iter().any(|wait| !(1..=a_week).contains(wait)) {
            found.push(("retry_ladder_ms", "must be at most 20 waits of 1 ms to a week".to_owned()));
        }
        found
    }
}

/// The Kafka cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port,host:port`.
    pub brokers: String,
    /// How this process is named in the brokers' logs and quotas.
    pub client_id: String,
    /// Encrypt the connections.
    pub tls: bool,
    /// PEM file of the authority that signed the brokers' certificates; empty: the system's.
    pub ca_file: String,
    /// PEM files for mutual TLS; empty: none.
    pub cert_file: String,
    /// See `cert_file`.
    pub key_file: String,
    /// SASL/SCRAM-SHA-512; empty: none.
    pub sasl_username: String,
    /// See `sasl_username`.
    pub sasl_password: SecretString,
    /// How long the producer waits for company, milliseconds.
    pub linger_ms: f64,
    /// The name under which this process keeps its place in consumer groups; empty: none.
    pub group_instance_id: String,
    /// For `todo topics ensure`.
    pub partitions: i32,
    /// For `todo topics ensure`.
    pub replication: i32,
    /// For `todo topics ensure`.
    pub min_insync_replicas: i32,
}

impl KafkaConfig {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let is_address = |broker: &str| broker.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !self.brokers.split(',').map(str::trim).all(is_address) {
            found.push(("brokers", "must be `host:port`, or several with commas".to_owned()));
        }
        if self.sasl_username.is_empty() != self.sasl_password.expose_secret().is_empty() {
            found.push(("sasl_password", "sasl_username and sasl_password must be given together".to_owned()));
        }
        if self.cert_file.is_empty() != self.key_file.is_empty() {
            found.push(("key_file", "cert_file and key_file must be given together".to_owned()));
        }
        for (key, path) in [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)] {
            if !path.is_empty() && !std::path::Path::new(path).is_file() {
                found.push((key, "must name a readable file".to_owned()));
            }
        }
        if !(0.0..=1_000.0).contains(&self.linger_ms) {
            found.push(("linger_ms", "must be 0 to 1000 milliseconds".to_owned()));
        }
        for (key, value, most) in [("partitions", self.partitions, 10_000), ("replication", self.replication, 9)] {
            if !(1..=most).contains(&value) {
                found.push((key, format!("must be 1 to {most}")));
            }
        }
        if !(1..=self.replication).contains(&self.min_insync_replicas) {
            found.push(("min_insync_replicas", "must be 1 to kafka.replication".to_owned()));
        }
        found
    }

    /// What the topics should be like.
    pub fn topic_spec(&self) -> TopicSpec {
        TopicSpec { partitions: self.partitions, replication: self.replication, min_insync: self.min_insync_replicas }
    }
}
