//! The newest warnings and errors of this process, for the status page; those of a request also for its trace.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{self, Layer};

use super::propagation::current_trace_id;
use crate::kernel::{Clock, Notes};

/// So many are kept.
const KEPT: usize = 50;

/// A warning or an error, without its fields: its message is a constant of the source, so it tells nothing of anybody.
#[derive(Clone, Debug, Serialize)]
pub struct Recent {
    timestamp: String,
    level: &'static str,
    target: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// Process-wide, as the subscriber is.
static NEWEST: Mutex<VecDeque<Recent>> = Mutex::new(VecDeque::new());

/// The newest first.
pub fn recent() -> Vec<Recent> {
    NEWEST.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
}

/// Keeps them.
pub(super) struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        if let Some(notes) = Notes::current() {
            notes.event(&message.0, Instant::now());
        }
        let timestamp = Clock::system().now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let (level, target) = (metadata.level().as_str(), metadata.target());
        let one = Recent { timestamp, level, target, message: message.0, trace_id: current_trace_id() };
        let mut newest = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() == KEPT {
            newest.pop_front();
        }
        newest.push_back(one);
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
