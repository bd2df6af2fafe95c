//! What is copied to Loki, and at which pace. The library loses lines when its queue is full, and would send each line by
//! itself as soon as the one before has arrived, some hundred requests a second: so what it is given is bounded, and its
//! task is run at a pace. The task itself and its end are in `shipper.rs`.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{self, Waker};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Context, Filter, Layer};

use super::metrics;

/// The library's task runs every so often, and sends what came meanwhile as one request.
const PACE: Duration = Duration::from_millis(50);
/// Lines that are copied in that time on the whole: a thousand a second.
const LINES: u64 = 50;
/// Lines that are copied at once, at most: the library's queue has room for 512, and loses what comes then without a word.
const BURST: u64 = 400;

/// Runs it every so often, whoever wakes it, and makes room for the next lines.
pub(super) async fn paced(task: impl Future<Output = ()>) {
    // It may take all that came: its pace is its limit.
    let mut task = pin!(tokio::task::unconstrained(task));
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        tell_dropped();
        if task.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        let _ = GIVEN
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |given| Some(given.min(BURST).saturating_sub(LINES)));
    }
}

/// Lets so many lines through, and counts the rest.
#[derive(Clone, Copy)]
pub(super) struct Budget;

/// Whether there is a Loki that takes lines.
static OPEN: AtomicBool = AtomicBool::new(false);
/// Lines that were given and not made room for yet.
static GIVEN: AtomicU64 = AtomicU64::new(0);
/// Lines that had no room, and are not in the metric yet: past the limit there is one for each request.
static DROPPED: AtomicU64 = AtomicU64::new(0);

fn tell_dropped() {
    ::metrics::counter!(metrics::LOKI_DROPPED).increment(DROPPED.swap(0, Ordering::Relaxed));
}

/// Whether a line would be copied now.
pub(super) fn has_room() -> bool {
    OPEN.load(Ordering::Relaxed) && GIVEN.load(Ordering::Relaxed) < BURST
}

/// From here on lines are copied.
pub(super) fn open() {
    FAILURES.store(0, Ordering::Relaxed);
    GIVEN.store(0, Ordering::Relaxed);
    OPEN.store(true, Ordering::Relaxed);
}

/// From here on none is.
pub(super) fn close() {
    OPEN.store(false, Ordering::Relaxed);
    tell_dropped();
}

impl<S> Filter<S> for Budget {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, _: &Event<'_>, _: &Context<'_, S>) -> bool {
        if !OPEN.load(Ordering::Relaxed) {
            return false;
        }
        let fits = GIVEN.fetch_add(1, Ordering::Relaxed) < BURST;
        if !fits {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }
}

/// The shipper reports its failures as events only, and those are process-wide as the subscriber is.
static FAILURES: AtomicU32 = AtomicU32::new(0);

/// How many there were since the copy began, or since they were forgiven.
pub(super) fn failures() -> u32 {
    FAILURES.load(Ordering::Relaxed)
}

/// A calm time makes up for them.
pub(super) fn forgive() {
    FAILURES.store(0, Ordering::Relaxed);
}

/// Counts the shipper's own errors.
pub(super) fn note_failure(metadata: &Metadata<'_>) {
    if metadata.target().starts_with("tracing_loki") {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        ::metrics::counter!(metrics::LOKI_ERRORS).increment(1);
    }
}

/// What is shipped: INFO and above, not the shipper's own lines nor those of its HTTP client. A line has the fields of the
/// spans around it, and the one that is wanted of them is the trace's id: other spans would be copied for nothing.
pub(super) fn filter<S: Subscriber>() -> impl Filter<S> {
    let worth = filter_fn(|metadata| metadata.is_event() || metadata.fields().field("trace_id").is_some());
    worth.and(EnvFilter::new("info,tracing_loki=off,reqwest=off,hyper=off,hyper_util=off,h2=off"))
}

/// Counts log events by level: whether an alert on errors is due does not depend on a log store.
impl<S: Subscriber> Layer<S> for metrics::CountEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = event.metadata().level().as_str();
        ::metrics::counter!(metrics::LOG_EVENTS, "level" => level).increment(1);
        note_failure(event.metadata());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The limits are the process's: one test at a time.
    pub(in crate::telemetry) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    struct Count(Arc<AtomicU64>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn what_is_copied_is_bounded_and_the_task_runs_at_its_pace() {
        let _alone = ALONE.lock().await;
        assert!(!has_room(), "there is no Loki");
        open();
        assert!(has_room());
        let copied = Arc::new(AtomicU64::new(0));
        let count = Count(Arc::clone(&copied)).with_filter(Budget);
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(count));
        let lines = |most: u64| {
            for n in 0..most {
                tracing::info!(n, "a line");
            }
        };
        lines(BURST + 50);
        assert_eq!(copied.load(Ordering::SeqCst), BURST);
        assert!(!has_room());
        let mut runs = 0;
        let began = Instant::now();
        // It asks to be run again at once, as the library's does for each line.
        paced(std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            lines(3 * LINES);
            runs += 1;
            if runs == 5 { task::Poll::Ready(()) } else { task::Poll::Pending }
        }))
        .await;
        assert!(began.elapsed() >= PACE * 4, "{:?}", began.elapsed());
        assert_eq!(copied.load(Ordering::SeqCst), BURST + 4 * LINES, "a thousand a second after the burst");
        close();
        lines(1);
        assert_eq!(copied.load(Ordering::SeqCst), BURST + 4 * LINES, "and nothing where Loki is away");
    }
}
