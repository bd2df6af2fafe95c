//! Counts what becomes of spans: the SDK drops those that its queue has no room for and tells nobody. These are of background
//! work and of consumers; those of requests take a way of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

use super::metrics::SPANS;

/// Spans that wait for their export, at most: past it they are dropped, so memory stays bounded while a collector is down.
pub(super) const QUEUE: usize = 8192;
const BATCH: usize = 512;

/// The SDK's batches, with a queue whose losses are counted.
#[derive(Debug)]
pub(super) struct Counted {
    inner: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
}

impl Counted {
    pub(super) fn new(exporter: impl SpanExporter + 'static) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        let exporter = Counting { inner: exporter, waiting: Arc::clone(&waiting) };
        // Its own bound is never reached, so what is dropped is dropped here.
        let batch = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE + BATCH)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(Duration::from_secs(1))
            .build();
        Self { inner: BatchSpanProcessor::builder(exporter).with_batch_config(batch).build(), waiting }
    }
}

impl SpanProcessor for Counted {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE {
            self.inner.on_end(span);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            count("dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[derive(Debug)]
struct Counting<E> {
    inner: E,
    waiting: Arc<AtomicUsize>,
}

impl<E: SpanExporter> SpanExporter for Counting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let outcome = self.inner.export(batch).await;
        count(if outcome.is_ok() { "exported" } else { "failed" }, spans);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

pub(super) fn count(outcome: &'static str, spans: usize) {
    ::metrics::counter!(SPANS, "outcome" => outcome).increment(spans as u64);
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    /// An exporter that takes its time.
    #[derive(Debug)]
    struct Slow(Arc<AtomicUsize>);

    impl SpanExporter for Slow {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            std::thread::sleep(Duration::from_millis(200));
            self.0.fetch_add(batch.len(), Ordering::SeqCst);
            Ok(())
        }
    }

    #[test]
    fn what_has_no_room_is_dropped_and_the_rest_arrives() {
        let arrived = Arc::new(AtomicUsize::new(0));
        let counted = Counted::new(Slow(Arc::clone(&arrived)));
        let waiting = Arc::clone(&counted.waiting);
        let provider = SdkTracerProvider::builder().with_span_processor(counted).build();
        let tracer = provider.tracer("test");
        for _ in 0..30_000 {
            drop(tracer.start("x"));
        }
        assert!(waiting.load(Ordering::SeqCst) <= QUEUE);
        provider.shutdown_with_timeout(Duration::from_secs(20)).unwrap();
        let arrived = arrived.load(Ordering::SeqCst);
        assert!((QUEUE..30_000).contains(&arrived), "{arrived}");
        assert_eq!(waiting.load(Ordering::SeqCst), 0, "each is out of the count");
    }
}
