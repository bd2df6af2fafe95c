//! Ended requests on their way to the collector: in batches, by a thread of its own, so that a request pays for a copy.
//!
//! Past the queue's end they are dropped and counted: memory stays bounded while a collector is slow or away.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use futures::executor::block_on;
use opentelemetry_sdk::Resource;

use super::collector::Collector;
use super::counted::{QUEUE, count};
use super::otlp::{Done, Encoder, Head};

/// Spans of a batch, and as many as one more request has: it costs a call, and the waking of a thread on either side.
const BATCH: usize = 2048;
/// What is no batch yet waits so long.
const DELAY: Duration = Duration::from_secs(1);

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::new());
}

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
    /// All but the last are whole.
    batches: VecDeque<Batch>,
    /// The spans of all of them.
    spans: usize,
    /// The length of the batch that was taken last: the next one need not grow to it.
    usual: usize,
    /// Nothing is taken any more.
    closed: bool,
    over: bool,
}

struct Batch {
    /// The spans as fields of the message.
    bytes: Vec<u8>,
    spans: usize,
}

impl Queue {
    fn put(&mut self, bytes: &[u8], spans: usize) {
        if self.batches.back().is_none_or(|last| last.spans >= BATCH) {
            self.batches.push_back(Batch { bytes: Vec::with_capacity(self.usual), spans: 0 });
        }
        if let Some(last) = self.batches.back_mut() {
            last.bytes.extend_from_slice(bytes);
            last.spans += spans;
            self.spans += spans;
        }
    }

    fn take(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.spans -= batch.spans;
        self.usual = batch.bytes.len();
        Some(batch)
    }
}

impl Requests {
    /// Starts the thread.
    pub(super) fn start(collector: Collector, resource: &Resource) -> io::Result<Self> {
        let requests = Self::default();
        let shared = Arc::clone(&requests.0);
        let head = Head::new(resource);
        thread::Builder::new().name("spans".to_owned()).spawn(move || shared.run(collector, &head))?;
        Ok(requests)
    }

    /// A request has ended.
    pub(super) fn put(&self, done: &Done<'_>) {
        ENCODER.with_borrow_mut(|encoder| self.put_spans(encoder.write(done), done.spans()));
    }

    fn put_spans(&self, bytes: &[u8], spans: usize) {
        let mut queue = self.0.lock();
        if queue.closed || queue.spans + spans > QUEUE {
            drop(queue);
            count("dropped", spans);
            return;
        }
        let before = queue.spans;
        queue.put(bytes, spans);
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

    /// The next batch, when it is due. None when nothing more will come.
    fn next(&self) -> Option<Batch> {
        let mut queue = self.lock();
        loop {
            let early = |queue: &mut Queue| queue.spans < BATCH && !queue.closed;
            let waited = self.filled.wait_timeout_while(queue, DELAY, early);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            if queue.spans > 0 || queue.closed {
                return queue.take();
            }
        }
    }

    fn run(&self, mut collector: Collector, head: &Head) {
        while let Some(Batch { bytes, spans }) = self.next() {
            let refused = block_on(collector.export(head.of(bytes.len()), bytes));
            let refused = refused.map_or(spans, |refused| refused.min(spans));
            count("failed", refused);
            count("exported", spans - refused);
        }
        self.lock().over = true;
        self.ended.notify_all();
    }
}

#[cfg(test)]
#[path = "ended_tests.rs"]
mod tests;
