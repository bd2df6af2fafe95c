//! What a request did, noted while it runs: cheap enough to be kept of each, and thrown away where nobody wants to see it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Statements and events that are noted of one request, at most: a bulk call has thousands.
const MOST: usize = 512;

/// The notes of one request.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Noted>);

/// What was noted so far.
#[derive(Debug, Default)]
pub struct Noted {
    /// In the order of their beginnings.
    pub statements: Vec<Statement>,
    /// Warnings and errors.
    pub events: Vec<Event>,
    /// What there was no room for.
    pub left_out: u32,
    /// Whether it was taken: what comes later is noted for nobody.
    taken: bool,
}

/// A statement to a database.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Its name in the source.
    pub summary: &'static str,
    /// The database's `db.system.name`.
    pub system: &'static str,
    /// When it was sent.
    pub began: Instant,
    /// When it was answered; `None` while it runs.
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

impl Notes {
    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A statement begins. Returns its place, for [`Notes::ended`].
    pub fn began(&self, summary: &'static str, system: &'static str, began: Instant) -> usize {
        let mut noted = self.lock();
        if noted.taken || noted.statements.len() == MOST {
            noted.left_out += 1;
            return MOST;
        }
        noted.statements.push(Statement { summary, system, began, ended: None, error: None });
        noted.statements.len() - 1
    }

    /// The statement at this place has ended.
    pub fn ended(&self, place: usize, ended: Instant, error: Option<&'static str>) {
        if let Some(statement) = self.lock().statements.get_mut(place) {
            (statement.ended, statement.error) = (Some(ended), error);
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
        let first = notes.began("a", "sqlite", now);
        for _ in 0..MOST + 3 {
            let place = notes.began("b", "sqlite", now);
            notes.ended(place, now, None);
        }
        notes.event("gone wrong", now);
        let taken = notes.take();
        assert_eq!((taken.statements.len(), taken.left_out, taken.events.len()), (MOST, 4, 1));
        assert_eq!(taken.statements.iter().filter(|statement| statement.ended.is_none()).count(), 1, "still running");
        notes.ended(first, now, None);
        let late = notes.began("c", "sqlite", now);
        notes.ended(late, now, None);
        notes.event("late", now);
        let again = notes.take();
        assert!(again.statements.is_empty() && again.events.is_empty());
    }
}
