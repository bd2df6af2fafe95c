//! More partitions for a topic, without breaking the order of anybody's events.
//!
//! A key's partition depends on how many there are, so that a user's next event may go to another partition than the one
//! before, and be read first. Therefore: **fence** the topic, so that no relay publishes to it (events wait in the
//! outbox); **drain**: wait until every relay's batches from before are over, and every consumer group has read what is
//! there; **expand**; **go on** when every broker knows the new partitions, with producers that know them too.
//!
//! Whatever goes wrong on the way, the fence ends: an expansion that was given up leaves the topic as it was.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::broker_kafka::client_settings;
use super::{KafkaConfig, Topic, fence};
use crate::storage::Db;

const CALL: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The topic.
    pub topic: Topic,
    /// How many partitions it shall have.
    pub partitions: usize,
    /// The longest wait for relays and consumers.
    pub patience: Duration,
    /// Groups whose place is not waited for.
    pub ignore: Vec<String>,
}

/// Expands; tells `progress` each step in a sentence.
pub async fn expand(db: &Db, config: &KafkaConfig, asked: &Expansion, progress: impl Fn(String)) -> Result<(), String> {
    let cluster = Cluster::new(config, asked);
    let before = cluster.partitions(None).await?;
    if before >= asked.partitions {
        return Err(format!("{} has {before} partitions already: Kafka only ever adds partitions", asked.topic));
    }
    let generation = fence::set(db, asked.topic.name(), true).await.map_err(|error| error.to_string())?;
    progress(format!("fenced: {} takes no events, they wait in the outbox", asked.topic));
    let expanded = drain_and_expand(db, &cluster, asked, generation, &progress).await;
    let ended = fence::set(db, asked.topic.name(), false).await;
    ended.map_err(|error| {
        format!("the fence of {} could not be ended ({error}): run `todo topics unfence {}`", asked.topic, asked.topic)
    })?;
    expanded?;
    progress(format!(
        "done: {} went from {before} to {} partitions, and takes events again",
        asked.topic, asked.partitions
    ));
    Ok(())
}

/// Ends a fence that a killed expansion left behind.
pub async fn unfence(db: &Db, topic: Topic) -> Result<(), String> {
    fence::set(db, topic.name(), false).await.map(drop).map_err(|error| error.to_string())
}

async fn drain_and_expand(
    db: &Db,
    cluster: &Cluster,
    asked: &Expansion,
    generation: i64,
    progress: &impl Fn(String),
) -> Result<(), String> {
    let end = Instant::now() + asked.patience;
    wait(end, "relays have batches under way", async || {
        fence::behind(db, generation).await.map(|behind| behind == 0).map_err(|error| error.to_string())
    })
    .await?;
    progress("drained: no relay has a batch under way".to_owned());
    wait(end, "consumer groups are behind (name one with --ignore-group to go on without it)", async || {
        Ok(cluster.groups_behind().await?.is_empty())
    })
    .await?;
    progress("drained: every consumer group has read what is there".to_owned());
    cluster.expand().await?;
    for broker in cluster.brokers().await? {
        wait(end, &format!("{broker} does not know the new partitions"), async || {
            Ok(cluster.partitions(Some(&broker)).await? == asked.partitions)
        })
        .await?;
    }
    progress("expanded: every broker knows the new partitions".to_owned());
    Ok(())
}

async fn wait(
    end: Instant,
    otherwise: &str,
    mut holds: impl AsyncFnMut() -> Result<bool, String>,
) -> Result<(), String> {
    while !holds().await? {
        if Instant::now() > end {
            return Err(format!("gave up, and changed nothing that was not said: {otherwise}"));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// What is asked of the cluster. librdkafka's calls block, so each has a thread.
struct Cluster {
    settings: ClientConfig,
    asked: Expansion,
}

impl Cluster {
    fn new(config: &KafkaConfig, asked: &Expansion) -> Self {
        Self { settings: client_settings(config), asked: asked.clone() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        settings: ClientConfig,
        ask: impl FnOnce(&BaseConsumer) -> Result<T, rdkafka::error::KafkaError> + Send + 'static,
    ) -> Result<T, String> {
        let asking = tokio::task::spawn_blocking(move || {
            let client: BaseConsumer = settings.create()?;
            ask(&client)
        });
        match asking.await {
            Ok(answer) => answer.map_err(|error| format!("kafka: {error}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// How many partitions the topic has, by any broker or by this one.
    async fn partitions(&self, broker: Option<&str>) -> Result<usize, String> {
        let (mut settings, topic) = (self.settings.clone(), self.asked.topic.name());
        if let Some(broker) = broker {
            settings.set("bootstrap.servers", broker);
        }
        let found = self.blocking(settings, move |client| {
            let metadata = client.fetch_metadata(Some(topic), CALL)?;
            Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len()))
        });
        match found.await? {
            0 => Err(format!("{topic} is not there: run `todo topics ensure`")),
            partitions => Ok(partitions),
        }
    }

    async fn brokers(&self) -> Result<Vec<String>, String> {
        self.blocking(self.settings.clone(), |client| {
            let metadata = client.fetch_metadata(None, CALL)?;
            Ok(metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect())
        })
        .await
    }

    /// The groups that have a place in the topic and are not at its end.
    async fn groups_behind(&self) -> Result<Vec<String>, String> {
        let topic = self.asked.topic.name();
        let (groups, ends) = self
            .blocking(self.settings.clone(), move |client| {
                let groups = client.fetch_group_list(None, CALL)?;
                let groups: Vec<_> = groups.groups().iter().map(|group| group.name().to_owned()).collect();
                let metadata = client.fetch_metadata(Some(topic), CALL)?;
                let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
                let mut ends = Vec::with_capacity(partitions);
                for partition in 0..i32::try_from(partitions).unwrap_or_default() {
                    ends.push((partition, client.fetch_watermarks(topic, partition, CALL)?.1));
                }
                Ok((groups, ends))
            })
            .await?;
        let mut behind = Vec::new();
        for group in groups.into_iter().filter(|group| !self.asked.ignore.contains(group)) {
            let (mut settings, ends) = (self.settings.clone(), ends.clone());
            settings.set("group.id", &group);
            let is_behind = self.blocking(settings, move |client| {
                let mut list = TopicPartitionList::new();
                for (partition, _) in &ends {
                    list.add_partition(topic, *partition);
                }
                let committed = client.committed_offsets(list, CALL)?;
                let at = |partition| committed.find_partition(topic, partition).map(|element| element.offset());
                let reads = ends.iter().any(|(partition, _)| matches!(at(*partition), Some(Offset::Offset(_))));
                let left = ends.iter().any(|(partition, end)| match at(*partition) {
                    Some(Offset::Offset(at)) => at < *end,
                    _ => *end > 0,
                });
                Ok(reads && left)
            });
            if is_behind.await? {
                behind.push(group);
            }
        }
        Ok(behind)
    }

    async fn expand(&self) -> Result<(), String> {
        let admin: AdminClient<DefaultClientContext> =
            self.settings.create().map_err(|error| format!("kafka: {error}"))?;
        let options = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL * 2));
        let wanted = NewPartitions::new(self.asked.topic.name(), self.asked.partitions);
        let outcomes = admin.create_partitions([&wanted], &options).await.map_err(|error| format!("kafka: {error}"))?;
        match outcomes.into_iter().next() {
            Some(Err((topic, code))) => Err(format!("{topic} was not expanded: {code}")),
            _ => Ok(()),
        }
    }
}
