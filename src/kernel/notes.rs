//! What a request did, noted while it runs: cheap enough to be kept of each, and thrown away where nobody wants to see it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Steps and events that are noted of one request, at most: a bulk call has thousands of statements.
const MOST: usize = 512;

/// The notes of one request.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Noted>);

/// What was noted so far.
#[derive(Debug, Default)]
pub struct Noted {
    /// In the order of their beginnings.
    pub steps: Vec<Step>,
    /// Warnings and errors.
    pub events: Vec<Event>,
    /// What there was no room for.
    pub left_out: u32,
    /// Whether it was taken: what comes later is noted for nobody.
    taken: bool,
}

/// What a request waits for: a statement to a database, or something that takes its time in this process.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its name in the source.
    pub name: &'static str,
    /// The database's `db.system.name`; `None` where it is no statement.
    pub system: Option<&'static str>,
    /// When it began.
    pub began: Instant,
    /// When it was over; `None` while it runs.
    pub ended: Option<Instant>,
    /// The kind of its error.
    pub error: Option<&'static str>,
}

/// A warning or an error.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its message, a constant of the source.
    pub message: String,
    /// When it was told.
    pub at: Instant,
}

/// `work` as a step of its own in the trace of the request that waits for it, where there is one.
pub async fn step<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let Some(notes) = Notes::current() else { return work.await };
    let place = notes.began(name, None, Instant::now());
    let done = work.await;
    notes.ended(place, Instant::now(), None);
    done
}

tokio::task_local! {
    /// Not a value of OpenTelemetry's context: each would cost a map of values, for every request.
    static CURRENT: Option<Arc<Notes>>;
}

impl Notes {
    /// Those of the request that this is part of: its trace has them.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// `work` as part of the request whose notes these are; of none, without any.
    pub fn scope<W: Future>(notes: Option<Arc<Self>>, work: W) -> impl Future<Output = W::Output> {
        CURRENT.scope(notes, work)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step begins. Returns its place, for [`Notes::ended`].
    pub fn began(&self, name: &'static str, system: Option<&'static str>, began: Instant) -> usize {
        let mut noted = self.lock();
        if noted.taken || noted.steps.len() == MOST {
            noted.left_out += 1;
            return MOST;
        }
        noted.steps.push(Step { name, system, began, ended: None, error: None });
        noted.steps.len() - 1
    }

    /// The step at this place has ended.
    pub fn ended(&self, place: usize, ended: Instant, error: Option<&'static str>) {
        if let Some(step) = self.lock().steps.get_mut(place) {
            (step.ended, step.error) = (Some(ended), error);
        }
    }

    /// Something went wrong.
    pub fn event(&self, message: &str, at: Instant) {
        let mut noted = self.lock();
        if noted.taken || noted.events.len() == MOST {
            noted.left_out += 1;
        } else {
            noted.events.push(Event { message: message.to_owned(), at });
        }
    }

    /// Takes them.
    pub fn take(&self) -> Noted {
        std::mem::replace(&mut *self.lock(), Noted { taken: true, ..Noted::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_or_comes_too_late_is_noted_for_nobody() {
        let (notes, now) = (Notes::default(), Instant::now());
        let first = notes.began("a", Some("sqlite"), now);
        for _ in 0..MOST + 3 {
            let place = notes.began("b", Some("sqlite"), now);
            notes.ended(place, now, None);
        }
        notes.event("gone wrong", now);
        let taken = notes.take();
        assert_eq!((taken.steps.len(), taken.left_out, taken.events.len()), (MOST, 4, 1));
        assert_eq!(taken.steps.iter().filter(|step| step.ended.is_none()).count(), 1, "still running");
        notes.ended(first, now, None);
        let late = notes.began("c", Some("sqlite"), now);
        notes.ended(late, now, None);
        notes.event("late", now);
        let again = notes.take();
        assert!(again.steps.is_empty() && again.events.is_empty());
    }
}
