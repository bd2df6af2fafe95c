//! Which log lines are written: a filter that can be changed while the process runs, and a limit on repeats.
//!
//! The subscriber is process-wide, and so is this.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::{EnvFilter, reload};

use super::Error;
use super::metrics::SUPPRESSED;

/// So many warnings and errors of one place in the code are written in a window; the rest is counted and told of once.
const BURST: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);

type Change = Box<dyn Fn(Option<EnvFilter>) -> Result<String, String> + Send + Sync>;
static CHANGE: OnceLock<Change> = OnceLock::new();

/// A filter that [`set`] changes.
pub(super) fn changeable<S>(first: EnvFilter) -> reload::Layer<EnvFilter, S>
where
    S: Subscriber + 'static,
{
    let (filter, handle) = reload::Layer::new(first);
    let change: Change = Box::new(move |new| {
        if let Some(new) = new {
            handle.reload(new).map_err(|error| error.to_string())?;
        }
        handle.with_current(ToString::to_string).map_err(|error| error.to_string())
    });
    let _ = CHANGE.set(change);
    filter
}

/// The filter directives in force.
pub fn current() -> Result<String, Error> {
    change(None)
}

/// Takes other filter directives, such as `info,todo::task=debug`, until the process ends. Returns them as understood.
pub fn set(directives: &str) -> Result<String, Error> {
    let filter = EnvFilter::try_new(directives).map_err(|error| Error::Setting(error.to_string()))?;
    change(Some(filter))
}

fn change(new: Option<EnvFilter>) -> Result<String, Error> {
    let change = CHANGE.get().ok_or_else(|| Error::Setting("no log is installed in this process".to_owned()))?;
    change(new).map_err(Error::Setting)
}

/// Lets the first warnings and errors of each place in the code through, and leaves out what repeats them. Each output has
/// its own count of what it wrote.
#[derive(Clone, Copy)]
pub(super) struct Repeats(pub(super) &'static Places);

/// What one output wrote of each place in the code.
pub(super) struct Places {
    places: Mutex<Option<HashMap<Identifier, Place>>>,
    /// Whether what it leaves out is counted and told of: a copy leaves out the same.
    first: bool,
}

/// Of standard output.
pub(super) static SHOWN: Places = Places { places: Mutex::new(None), first: true };
/// Of the copy to Loki.
pub(super) static COPIED: Places = Places { places: Mutex::new(None), first: false };

struct Place {
    name: &'static str,
    target: &'static str,
    since: Instant,
    written: u32,
    left_out: u64,
}

impl<S> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        *metadata.level() > Level::WARN || self.0.admit(metadata, Instant::now())
    }
}

impl Places {
    fn admit(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.get_or_insert_default().entry(metadata.callsite()).or_insert_with(|| Place {
            name: metadata.name(),
            target: metadata.target(),
            since: now,
            written: 0,
            left_out: 0,
        });
        if now.duration_since(place.since) >= WINDOW {
            (place.since, place.written) = (now, 0);
        }
        if place.written < BURST {
            place.written += 1;
            return true;
        }
        if self.first {
            place.left_out += 1;
            ::metrics::counter!(SUPPRESSED).increment(1);
        }
        false
    }
}

/// Tells what was left out since the last call.
pub(super) fn tell_repeats() {
    let told: Vec<_> = {
        let mut places = SHOWN.places.lock().unwrap_or_else(PoisonError::into_inner);
        let places = places.iter_mut().flat_map(HashMap::values_mut).filter(|place| place.left_out > 0);
        places.map(|place| (place.name, place.target, std::mem::take(&mut place.left_out))).collect()
    };
    for (name, target, left_out) in told {
        tracing::warn!(place = name, module = target, left_out, "log lines that repeat each other were left out");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    struct Count(Arc<AtomicU32>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn repeats_are_left_out_place_by_place_and_told_of_once() {
        let (seen, copied) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let count = Count(Arc::clone(&seen)).with_filter(Repeats(&SHOWN));
        let copy = Count(Arc::clone(&copied)).with_filter(Repeats(&COPIED));
        let taken = || seen.swap(0, Ordering::SeqCst);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(count).with(copy), || {
            for n in 0..BURST + 20 {
                tracing::warn!(n, "again and again");
                tracing::info!(n, "news is no repeat");
            }
            assert_eq!(taken(), BURST + BURST + 20);
            tracing::warn!("another place");
            assert_eq!(taken(), 1);
            tell_repeats();
            assert_eq!(taken(), 1, "one line for the twenty");
            tell_repeats();
            assert_eq!(taken(), 0);
            assert_eq!(copied.load(Ordering::SeqCst), BURST + BURST + 20 + 1 + 1, "the copy has what is shown");
        });
    }
}
