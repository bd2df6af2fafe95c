//! The in-process broker of the embedded default: topics that live as long as the process. What was published stays in
//! the log in the database, so nothing is lost with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::broadcast;

use super::Topic;
use super::broker::{Broker, PublishError, RawRecord, Record};
use super::consumer::{Message, Processor};
use crate::kernel::ProbeResult;

/// Records that are kept for late readers, for each topic.
const KEPT: usize = 10_000;

/// The broker.
pub struct MemoryBroker {
    topics: [Mutex<VecDeque<Record>>; 3],
    raw: Mutex<VecDeque<RawRecord>>,
    live: broadcast::Sender<Record>,
    consumers: Mutex<Vec<Arc<Processor>>>,
}

impl Default for MemoryBroker {
    fn default() -> Self {
        let live = broadcast::channel(4096).0;
        Self { topics: Default::default(), raw: Mutex::default(), live, consumers: Mutex::default() }
    }
}

impl MemoryBroker {
    /// What is kept of a topic, oldest first.
    pub fn records(&self, topic: Topic) -> Vec<Record> {
        let records = self.topics[topic as usize].lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().cloned().collect()
    }

    /// What is kept of other topics, those of dead letters, oldest first.
    pub fn raw(&self) -> Vec<RawRecord> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Lets a consumer take part: from now on a batch is acknowledged when this consumer has it for good.
    pub fn attach(&self, consumer: Arc<Processor>) {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner).push(consumer);
    }

    async fn consume(&self, batch: &[Record]) -> Result<(), PublishError> {
        let consumers = self.consumers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for consumer in consumers {
            let its_own = batch.iter().filter(|record| consumer.topics().contains(&record.topic));
            let messages: Vec<_> = its_own.map(Message::from).collect();
            let processed = consumer.process(&messages).await;
            processed.map_err(|error| PublishError::Transient(format!("{}: {error}", consumer.name())))?;
        }
        Ok(())
    }

    fn keep(&self, record: Record) {
        let mut records = self.topics[record.topic as usize].lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(record.clone());
        // Nobody may be listening.
        let _ = self.live.send(record);
    }

    /// What is published from now on. A reader that falls behind by 4,096 records is told that it missed some.
    pub fn subscribe(&self) -> broadcast::Receiver<Record> {
        self.live.subscribe()
    }
}

impl Broker for MemoryBroker {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn publish(&self, batch: Vec<Record>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        Box::pin(async move {
            // What a consumer had already is dropped by its inbox when the batch comes again.
            if let Err(error) = self.consume(&batch).await {
                return batch.iter().map(|_| Err(error.clone())).collect();
            }
            let taken = |record| {
                self.keep(record);
                Ok(())
            };
            batch.into_iter().map(taken).collect()
        })
    }

    fn publish_raw(&self, batch: Vec<RawRecord>) -> BoxFuture<'_, Vec<Result<(), PublishError>>> {
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |record| {
            if raw.len() == KEPT {
                raw.pop_front();
            }
            raw.push_back(record);
            Ok(())
        };
        Box::pin(std::future::ready(batch.into_iter().map(take).collect()))
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
