//! Ended requests on their way to the collector: in batches, by a thread of its own, so that a request pays for a copy.
//!
//! Past the queue's end they are dropped and counted: memory stays bounded while a collector is slow or away.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use futures::executor::block_on;
use opentelemetry_sdk::Resource;

use super::collector::Collector;
use super::counted::{QUEUE, count};
use super::otlp::{Done, Encoder};

/// Spans of a batch, and as many as one more request has: it costs a call, and the waking of a thread on either side.
const BATCH: usize = 2048;
/// What is no batch yet waits so long.
const DELAY: Duration = Duration::from_secs(1);

/// The queue of the thread. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is a batch, or no more will come.
    filled: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Done>,
    /// Spans of which no export has begun, those that the thread has taken included.
    spans: usize,
    /// Nothing is taken any more.
    closed: bool,
    over: bool,
}

impl Requests {
    /// Starts the thread.
    pub(super) fn start(collector: Collector, resource: &Resource) -> io::Result<Self> {
        let requests = Self::default();
        let shared = Arc::clone(&requests.0);
        let encoder = Encoder::new(resource);
        thread::Builder::new().name("spans".to_owned()).spawn(move || shared.run(collector, encoder))?;
        Ok(requests)
    }

    /// A request has ended.
    pub(super) fn put(&self, done: Done) {
        let spans = done.spans();
        let mut queue = self.0.lock();
        if queue.closed || queue.spans + spans > QUEUE {
            drop(queue);
            count("dropped", spans);
            return;
        }
        let before = queue.spans;
        queue.spans += spans;
        queue.waiting.push(done);
        if before < BATCH && queue.spans >= BATCH {
            self.0.filled.notify_one();
        }
    }

    /// Exports what waits, and takes no more. `false` where that took longer than the limit.
    pub(super) fn shutdown(&self, limit: Duration) -> bool {
        let mut queue = self.0.lock();
        queue.closed = true;
        self.0.filled.notify_one();
        let waited = self.0.ended.wait_timeout_while(queue, limit, |queue| !queue.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Swaps what waits for `taken`, which is empty, when it is due. `false` when nothing more will come.
    fn next(&self, taken: &mut Vec<Done>) -> bool {
        let due = Instant::now() + DELAY;
        let mut queue = self.lock();
        while queue.spans < BATCH && !queue.closed {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.filled.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut queue.waiting, taken);
        !(taken.is_empty() && queue.closed)
    }

    fn run(&self, mut collector: Collector, mut encoder: Encoder) {
        let mut taken = Vec::new();
        while self.next(&mut taken) {
            let mut spans = 0;
            for done in taken.drain(..) {
                spans += done.spans();
                encoder.add(&done);
                if spans >= BATCH {
                    self.export(&mut collector, encoder.take(), std::mem::take(&mut spans));
                }
            }
            if spans > 0 {
                self.export(&mut collector, encoder.take(), spans);
            }
        }
        self.lock().over = true;
        self.ended.notify_all();
    }

    fn export(&self, collector: &mut Collector, batch: Vec<u8>, spans: usize) {
        self.lock().spans -= spans;
        let refused = block_on(collector.export(batch)).map_or(spans, |refused| refused.min(spans));
        count("failed", refused);
        count("exported", spans - refused);
    }
}

#[cfg(test)]
#[path = "ended_tests.rs"]
mod tests;
