//! The worker: makes the occurrences that wait for nothing but their day. Any number of processes share the work.
//!
//! **Rule.** A series that is due is claimed by a lease in the database; then its occurrence is made in a transaction that
//! locks the user's log, where the claim is still this worker's. What crashes in between is made by another one when the
//! lease ends.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::StreamExt as _;
use metrics::{Unit, describe_counter, describe_histogram};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store;
use crate::events;
use crate::kernel::{Actor, Channel, Scopes, zone};
use crate::task::change::Work;
use crate::task::rounds::drain;
use crate::task::{Error, Tasks};
use crate::telemetry::metrics::round_failed;

/// How often what is due is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How many are claimed at once, and how many are made side by side: few, so that the API's requests go first.
const BATCH: i64 = 200;
const SIDE_BY_SIDE: usize = 4;
/// How long a claim is good for.
const LEASE: TimeDelta = TimeDelta::seconds(15);

/// Occurrences that workers made.
const MADE: &str = "task_occurrences_made_total";
/// Time from when an occurrence was to be made until it was.
const LATENESS: &str = "task_occurrence_lateness_seconds";

/// Tells the recorder what they mean.
pub fn describe() {
    describe_counter!(MADE, Unit::Count, "Occurrences of series that workers made");
    metrics::counter!(MADE).absolute(0);
    describe_histogram!(LATENESS, Unit::Seconds, "Time from when an occurrence was to be made until it was");
}

/// A worker that makes occurrences.
pub struct Recurrences(Arc<Tasks>);

impl Recurrences {
    /// A worker over this slice.
    pub fn new(tasks: Arc<Tasks>) -> Self {
        Self(tasks)
    }

    /// Runs until told to stop, and to the end of what is under way then.
    pub async fn run(self, stop: CancellationToken) {
        drain(LOOK, stop, "recurrence", || async { Ok(self.0.make_due().await? > 0) }).await;
    }
}

impl Tasks {
    /// Makes the next occurrence of some series that are due. Returns how many series were claimed.
    pub async fn make_due(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        // On SQLite a transaction would hold up every writer for a look in vain.
        if !store::is_due(&self.db, now).await? {
            return Ok(0);
        }
        let claim = self.ids.uuid();
        let mut tx = self.db.begin().await?;
        let due = store::claim(&mut tx, now, BATCH, claim, now + LEASE).await?;
        tx.commit().await?;
        let make = async |(user_id, id): &(Uuid, Uuid)| {
            if let Err(error) = self.make_next(*user_id, *id, claim).await {
                round_failed("recurrence");
                tracing::warn!(%error, series = %id, "an occurrence could not be made: it is when its claim ends");
            }
        };
        futures::stream::iter(&due).for_each_concurrent(SIDE_BY_SIDE, make).await;
        Ok(due.len())
    }

    async fn make_next(&self, user_id: Uuid, id: Uuid, claim: Uuid) -> Result<(), Error> {
        let actor = Actor { user_id, session_id: None, channel: Channel::Scheduler, scopes: Scopes::NONE };
        let mut work = match Work::begin(self, &actor).await {
            // The account is erased: so are its series.
            Err(Error::Events(events::Error::NoLog)) => return Ok(()),
            begun => begun?,
        };
        let due = store::claimed(work.tx(), user_id, id, claim).await?;
        let Some((series, at)) = due.and_then(|series| series.next_at().map(|at| (series, at))) else {
            return work.abandon().await;
        };
        let today = zone::day(work.now(), series.zone);
        let next = work.go_on(&series, series.scheduled(today)).await?;
        if let Some(next) = &next {
            work.make(next, series.last_date).await?;
        }
        work.commit(None).await?;
        if next.is_some() {
            metrics::counter!(MADE).increment(1);
            let late = self.clock.now() - at;
            metrics::histogram!(LATENESS).record(late.as_seconds_f64().max(0.0));
        }
        Ok(())
    }
}
