//! The life of a consumer in a process.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::dead;
use super::kafka::KafkaSource;
use super::processor::Processor;
use crate::events::{Broker, Error, Topic, metrics as names};
use crate::kernel::{Clock, Rounds};
use crate::storage::Db;
use crate::telemetry::metrics::{round_done, round_failed};

/// How often what is due is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// The worker that has dead letters.
const DEAD_LETTERS: &str = "dead letters";

/// Runs a consumer until told to stop: its messages, where they come from Kafka, and what waits in the database. Where
/// its messages end before, it ends too.
pub async fn run(processor: Arc<Processor>, source: Option<KafkaSource>, stop: CancellationToken) {
    let ended = stop.child_token();
    let feed = async {
        match source {
            Some(source) => source.run(&processor, stop).await,
            // The in-process broker feeds it.
            None => stop.cancelled().await,
        }
        ended.cancel();
    };
    tokio::join!(feed, retries(&processor, &ended));
}

async fn retries(processor: &Processor, stop: &CancellationToken) {
    let mut rounds = Rounds::new(LOOK, stop.clone());
    while rounds.next().await {
        match try_all(processor, stop).await.and(processor.waiting().await) {
            Ok(waiting) => {
                round_done(processor.name());
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

/// Publishes dead letters to their topics and counts them, until told to stop. The count does not wait for the broker: an
/// effect that was given up is somebody's trouble though Kafka is away, and the alert on it goes by the count.
pub async fn run_dead_letters(db: Db, broker: Arc<dyn Broker>, clock: Clock, stop: CancellationToken) {
    tokio::join!(publish_letters(&db, &*broker, &clock, &stop), count_letters(&db, &stop));
}

async fn publish_letters(db: &Db, broker: &dyn Broker, clock: &Clock, stop: &CancellationToken) {
    let mut rounds = Rounds::new(LOOK, stop.clone());
    while rounds.next().await {
        // The broker keeps what it was given until it can send it, so that this may wait for long.
        match stop.run_until_cancelled(Box::pin(dead::publish(db, broker, clock))).await {
            Some(Ok(())) => round_done(DEAD_LETTERS),
            Some(Err(error)) => {
                round_failed(DEAD_LETTERS);
                tracing::warn!(%error, "dead letters could not be published: the next round will");
            }
            None => return,
        }
    }
}

/// What is not known is NaN: the last number must not pass for the present one.
async fn count_letters(db: &Db, stop: &CancellationToken) {
    let mut rounds = Rounds::new(LOOK, stop.clone());
    while rounds.next().await {
        let counts = dead::count(db).await.inspect_err(|error| {
            round_failed(DEAD_LETTERS);
            tracing::warn!(%error, "dead letters could not be counted: the next round will");
        });
        for topic in Topic::ALL {
            let count = counts.as_ref().map_or(f64::NAN, |counts| {
                let count = counts.iter().find(|(name, _)| name == topic.name()).map_or(0, |(_, count)| *count);
                f64::from(u32::try_from(count).unwrap_or(u32::MAX))
            });
            metrics::gauge!(names::DEAD_LETTERS, "topic" => topic.name()).set(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::future::BoxFuture;

    use super::*;
    use crate::events::KafkaConfig;
    use crate::events::consumer::{Delivery, Failure, Handler, Ladder};
    use crate::kernel::Ids;
    use crate::storage::{Config, Migrations, Tx};

    struct Nothing;

    impl Handler for Nothing {
        fn name(&self) -> &'static str {
            "nothing"
        }

        fn topics(&self) -> &'static [Topic] {
            &[Topic::Todo]
        }

        fn apply<'a>(&'a self, _: &'a mut Tx, _: &'a [Delivery]) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn section<T: serde::de::DeserializeOwned>(text: &str, name: &str) -> T {
        toml::from_str::<BTreeMap<String, toml::Value>>(text).unwrap()[name].clone().try_into().unwrap()
    }

    #[tokio::test]
    async fn a_consumer_whose_client_is_silent_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage: Config = section(include_str!("../../storage/default.toml"), "storage");
        storage.url = format!("sqlite:{}/todo.db", folder.path().display()).into();
        let db = Db::open(&storage).unwrap();
        Migrations::of(&db).apply().await.unwrap();
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let processor = Processor::new(db, Arc::new(Nothing), clock, ids, Ladder::new(&[]));
        let mut kafka: KafkaConfig = section(include_str!("../default.toml"), "kafka");
        // Nobody is there.
        kafka.brokers = "127.0.0.1:1".to_owned();
        let mut source = KafkaSource::join(&kafka, "nothing", &["todo-events"], 10, None).unwrap();
        source.silence = Duration::ZERO;
        let ended = Box::pin(run(Arc::new(processor), Some(source), CancellationToken::new()));
        tokio::time::timeout(Duration::from_mins(1), ended).await.expect("it was not told to stop, and ends");
    }
}
