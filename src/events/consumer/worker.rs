//! The life of a consumer in a process.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::dead;
use super::kafka::KafkaSource;
use super::processor::Processor;
use crate::events::{Broker, Error, metrics as names};
use crate::kernel::Clock;
use crate::storage::Db;

/// How often what is due is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Runs a consumer until told to stop: its messages, where they come from Kafka, and what waits in the database.
pub async fn run(processor: Arc<Processor>, source: Option<KafkaSource>, stop: CancellationToken) {
    let feed = async {
        match source {
            Some(source) => source.run(&processor, stop.clone()).await,
            // The in-process broker feeds it.
            None => stop.cancelled().await,
        }
    };
    tokio::join!(feed, retries(&processor, &stop));
}

async fn retries(processor: &Processor, stop: &CancellationToken) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        match try_all(processor, stop).await.and(processor.waiting().await) {
            Ok(waiting) => {
                let waiting = f64::from(u32::try_from(waiting).unwrap_or(u32::MAX));
                metrics::gauge!(names::RETRIES_WAITING, "consumer" => processor.name()).set(waiting);
            }
            Err(error) => {
                metrics::counter!(names::CONSUMER_FAILURES, "consumer" => processor.name()).increment(1);
                tracing::warn!(consumer = processor.name(), %error, "events that wait could not be tried: the next round will");
            }
        }
    }
}

/// Tries what is due until nothing is: with each one that is done, its user's next one is.
async fn try_all(processor: &Processor, stop: &CancellationToken) -> Result<(), Error> {
    while !stop.is_cancelled() && processor.retry_due().await? > 0 {}
    Ok(())
}

/// Publishes dead letters to their topics and counts them, until told to stop.
pub async fn run_dead_letters(db: Db, broker: Arc<dyn Broker>, clock: Clock, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = dead::publish(&db, &*broker, &clock).await {
            tracing::warn!(%error, "dead letters could not be published: the next round will");
        }
        if let Ok(counts) = dead::count(&db).await {
            for topic in crate::events::Topic::ALL {
                let count = counts.iter().find(|(name, _)| name == topic.name()).map_or(0, |(_, count)| *count);
                metrics::gauge!(names::DEAD_LETTERS, "topic" => topic.name())
                    .set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
            }
        }
    }
}
