//! The books of some users while a batch of events is applied: pure.
//!
//! **Invariant.** What comes out depends on which events were applied, not on their order across topics, nor on how
//! often: a task is what its event with the greatest number says, and a day is that of the zone at that instant.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::model::{Counted, Facts, Tally, Zones, zone};

/// One user's book: what is known, and what events change of it.
#[derive(Debug, Default)]
pub(super) struct Book {
    zones: Zones,
    entries: BTreeMap<Uuid, Entry>,
    completed: u64,
}

#[derive(Debug)]
struct Entry {
    facts: Facts,
    /// How it was counted; `None` for a task that was not known.
    before: Option<Counted>,
    changed: bool,
}

/// What is to be written of a book.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Tasks that changed, or are counted elsewhere now.
    pub(super) tasks: Vec<(Uuid, Facts, Counted)>,
    /// What is added to each day, or taken from it.
    pub(super) days: BTreeMap<NaiveDate, Tally>,
    /// How many tasks are new.
    pub(super) created: u64,
    /// How many were done.
    pub(super) completed: u64,
}

impl Book {
    /// From `since` on the user's zone is that of this name.
    pub(super) fn zone(&mut self, since: DateTime<Utc>, seq: i64, name: &str) {
        self.zones.set(since, seq, zone(name));
    }

    /// What happened since this instant may be counted on another day once there is a zone from `since` on: before the
    /// first zone it is the first one, too.
    pub(super) fn moved_by(&self, since: DateTime<Utc>) -> DateTime<Utc> {
        let first = self.zones.first();
        if first.is_some_and(|first| first <= since) { since } else { DateTime::UNIX_EPOCH }
    }

    /// A task as it was counted.
    pub(super) fn known(&mut self, id: Uuid, facts: Facts, counted: Counted) {
        self.entries.entry(id).or_insert(Entry { facts, before: Some(counted), changed: false });
    }

    /// What an event says of a task.
    pub(super) fn task(&mut self, id: Uuid, facts: Facts) {
        let done = facts.completed_at.is_some();
        match self.entries.get_mut(&id) {
            Some(entry) if entry.facts.seq >= facts.seq => {}
            Some(entry) => {
                self.completed += u64::from(done && entry.facts.completed_at.is_none());
                entry.facts = facts;
                entry.changed = true;
            }
            None => {
                self.completed += u64::from(done);
                self.entries.insert(id, Entry { facts, before: None, changed: true });
            }
        }
    }

    /// What is to be written.
    pub(super) fn settle(self) -> Settled {
        let mut settled = Settled { completed: self.completed, ..Settled::default() };
        for (id, entry) in self.entries {
            let after = entry.facts.counted(&self.zones);
            settled.created += u64::from(entry.before.is_none());
            if !entry.changed && entry.before.as_ref() == Some(&after) {
                continue;
            }
            if let Some(before) = &entry.before {
                before.add_to(&mut settled.days, -1);
            }
            after.add_to(&mut settled.days, 1);
            settled.tasks.push((id, entry.facts, after));
        }
        settled.days.retain(|_, tally| *tally != Tally::default());
        settled
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
