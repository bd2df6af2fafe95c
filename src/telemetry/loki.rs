//! A copy of the log lines to Loki. The library loses lines when its queue is full, has no time-out, and keeps what it
//! cannot deliver; so its task is watched, ended after sustained failure or where Loki says nothing at all, and never waited
//! for without a limit. What it is given is bounded, and so is what it may keep until then. And it would send each line by
//! itself as soon as the one before has arrived, some hundred requests a second; so it is run at a pace.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{self, Waker};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Context, Filter, Layer};

use super::{Config, Error, metrics};

/// So many errors of the shipper end it, unless a minute without one lies between them.
const SUSTAINED: u32 = 20;
const CALM: u32 = 60;
/// Loki is asked every so often whether it answers at all: the library would wait for ever, and keep every line.
const ASK_EVERY: u32 = 5;
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// So many silences in a row end the copy.
const SILENCES: u32 = 3;
/// The library's task runs every so often, and sends what came meanwhile as one request.
const PACE: Duration = Duration::from_millis(50);
/// Lines that are copied in that time on the whole: a thousand a second.
const LINES: u64 = 50;
/// Lines that are copied at once, at most: the library's queue has room for 512, and loses what comes then without a word.
const BURST: u64 = 400;

/// The shipping task.
pub(super) struct Shipper {
    controller: tracing_loki::BackgroundTaskController,
    task: JoinHandle<()>,
}

impl Shipper {
    /// Starts the task, when an address is configured.
    pub(super) fn start(config: &Config) -> Result<Option<(tracing_loki::Layer, Self)>, Error> {
        if config.loki_url.is_empty() {
            return Ok(None);
        }
        let wrong = |error: &dyn std::fmt::Display| Error::Setting(format!("telemetry.loki_url: {error}"));
        let url: reqwest::Url = config.loki_url.parse().map_err(|error| wrong(&error))?;
        let push = url.join("/loki/api/v1/push").map_err(|error| wrong(&error))?;
        let client = reqwest::Client::builder().timeout(ANSWERS_WITHIN).build().map_err(|error| wrong(&error))?;
        let (layer, controller, task) = tracing_loki::builder()
            .label("service_name", &config.service_name)
            .and_then(|builder| builder.label("environment", &config.environment))
            .and_then(|builder| builder.build_controller_url(url))
            .map_err(|error| wrong(&error))?;
        GIVEN.store(0, Ordering::Relaxed);
        let mut shipping = tokio::spawn(paced(task));
        let task = tokio::spawn(async move {
            let mut watch = tokio::time::interval(Duration::from_secs(1));
            let (mut before, mut calm, mut silences, mut seconds) = (0, 0, 0, 0_u32);
            loop {
                tokio::select! {
                    _ = &mut shipping => break,
                    _ = watch.tick() => {
                        let failures = FAILURES.load(Ordering::Relaxed);
                        calm = if failures == before { calm + 1 } else { 0 };
                        if calm >= CALM {
                            FAILURES.store(0, Ordering::Relaxed);
                        }
                        before = FAILURES.load(Ordering::Relaxed);
                        seconds = seconds.wrapping_add(1);
                        if seconds % ASK_EVERY == 0 {
                            silences = if answers(&client, &push).await { 0 } else { silences + 1 };
                        }
                        let failed = failures >= SUSTAINED || silences >= SILENCES;
                        ::metrics::gauge!(metrics::LOKI_UP).set(if failed { 0.0 } else { 1.0 });
                        if failed {
                            // It keeps every line that it cannot deliver: end it before it keeps too many.
                            shipping.abort();
                            tracing::warn!("Loki cannot be reached: log lines go to stdout only until a restart");
                            break;
                        }
                    }
                }
            }
        });
        Ok(Some((layer, Self { controller, task })))
    }

    pub(super) async fn shutdown(self, limit: Duration) {
        let Self { controller, mut task } = self;
        let ended = tokio::time::timeout(limit, async {
            controller.shutdown().await;
            let _ = (&mut task).await;
        });
        if ended.await.is_err() {
            task.abort();
        }
    }
}

/// Runs it every so often, whoever wakes it, and makes room for the next lines.
async fn paced(task: impl Future<Output = ()>) {
    // It may take all that came: its pace is its limit.
    let mut task = pin!(tokio::task::unconstrained(task));
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        if task.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        let _ = GIVEN
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |given| Some(given.min(BURST).saturating_sub(LINES)));
    }
}

/// Whether Loki says anything, be it a refusal.
async fn answers(client: &reqwest::Client, push: &reqwest::Url) -> bool {
    let nothing = client.post(push.clone()).header("content-type", "application/json").body("{\"streams\":[]}");
    nothing.send().await.is_ok()
}

/// Lets so many lines through, and counts the rest.
#[derive(Clone, Copy)]
pub(super) struct Budget;

/// Lines that were given and not made room for yet; as if there were no room, until there is a Loki.
static GIVEN: AtomicU64 = AtomicU64::new(BURST);

/// Whether a line would be copied now.
pub(super) fn has_room() -> bool {
    GIVEN.load(Ordering::Relaxed) < BURST
}

impl<S> Filter<S> for Budget {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, _: &Event<'_>, _: &Context<'_, S>) -> bool {
        let fits = GIVEN.fetch_add(1, Ordering::Relaxed) < BURST;
        if !fits {
            ::metrics::counter!(metrics::LOKI_DROPPED).increment(1);
        }
        fits
    }
}

/// The shipper reports its failures as events only, and those are process-wide as the subscriber is.
static FAILURES: AtomicU32 = AtomicU32::new(0);

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
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    struct Count(Arc<AtomicU64>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn what_is_copied_is_bounded_and_the_task_runs_at_its_pace() {
        GIVEN.store(0, Ordering::SeqCst);
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
    }
}
