//! The in-process broker of the embedded default: topics that live as long as the process. What was published stays in
//! the log in the database, so nothing is lost with it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::broadcast;

use super::Topic;
use super::broker::{Broker, PublishError, Record};
use crate::kernel::ProbeResult;

/// Records that are kept for late readers, for each topic.
const KEPT: usize = 10_000;

/// The broker.
pub struct MemoryBroker {
    topics: [Mutex<VecDeque<Record>>; 3],
    live: broadcast::Sender<Record>,
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self { topics: Default::default(), live: broadcast::channel(4096).0 }
    }
}

impl MemoryBroker {
    /// What is kept of a topic, oldest first.
    pub fn records(&self, topic: Topic) -> Vec<Record> {
        let records = self.topics[topic as usize].lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().cloned().collect()
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
        let outcomes = batch
            .into_iter()
            .map(|record| {
                let mut records = self.topics[record.topic as usize].lock().unwrap_or_else(PoisonError::into_inner);
                if records.len() == KEPT {
                    records.pop_front();
                }
                records.push_back(record.clone());
                // Nobody may be listening.
                let _ = self.live.send(record);
                Ok(())
            })
            .collect();
        Box::pin(std::future::ready(outcomes))
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
