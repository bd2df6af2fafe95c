//! The worker: carries deliveries out. Any number of processes share the work.
//!
//! **Rule.** A delivery is taken by a lease in the database, then sent outside of any transaction, then recorded where the
//! lease is still this sender's. Of one webhook a process has few under way at once, so that a receiver that is slow
//! holds up its own events and not everybody's.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::queue::{self, Job};
use super::service::Webhooks;
use super::{Error, metrics as names};
use crate::storage;
use crate::telemetry::metrics::{round_done, round_failed};

/// How often what is due is looked for.
const LOOK: Duration = Duration::from_millis(250);
/// Looks between two counts of what is pending.
const COUNT_EVERY: u32 = 40;
/// Deliveries of one webhook that a process has under way at once.
const PER_WEBHOOK: usize = 4;
/// Deliveries that are looked at for each that can be taken: enough to find some of other webhooks.
const SPREAD: usize = 4;

/// A sender.
pub struct Sender {
    webhooks: Webhooks,
    under_way: JoinSet<()>,
    /// The webhook of each task.
    of: HashMap<Id, Uuid>,
}

impl Sender {
    /// A sender over this slice.
    pub fn new(webhooks: Webhooks) -> Self {
        Self { webhooks, under_way: JoinSet::new(), of: HashMap::new() }
    }

    /// Runs until told to stop, and to the end of what is under way then.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = 0_u32;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = self.under_way.join_next_with_id() => {
                    self.done(done);
                    while let Some(done) = self.under_way.try_join_next_with_id() {
                        self.done(done);
                    }
                }
                _ = tick.tick() => looks = looks.wrapping_add(1),
            }
            if looks % COUNT_EVERY == 1 {
                self.count().await;
                looks = looks.wrapping_add(1);
            }
            match self.take_all().await {
                Ok(()) => round_done("webhooks"),
                Err(error) => {
                    round_failed("webhooks");
                    tracing::warn!(%error, "webhooks: what is due could not be looked for: the next round will");
                }
            }
        }
        while self.under_way.join_next().await.is_some() {}
    }

    fn done(&mut self, done: Result<(Id, ()), JoinError>) {
        self.of.remove(&done.map_or_else(|error| error.id(), |(id, ())| id));
    }

    /// Takes what is due until nothing is left, or there is no room.
    async fn take_all(&mut self) -> Result<(), storage::Error> {
        while self.of.len() < self.webhooks.config.concurrency {
            let claim = self.webhooks.ids.uuid();
            let jobs = self.take(claim).await?;
            if jobs.is_empty() {
                return Ok(());
            }
            for job in jobs {
                let (webhooks, webhook) = (self.webhooks.clone(), job.webhook_id);
                let task = self.under_way.spawn(async move { deliver(&webhooks, &job, claim).await });
                self.of.insert(task.id(), webhook);
            }
        }
        Ok(())
    }

    async fn take(&self, claim: Uuid) -> Result<Vec<Job>, storage::Error> {
        let (webhooks, room) = (&self.webhooks, self.webhooks.config.concurrency - self.of.len());
        let mut loads = HashMap::<Uuid, usize>::new();
        for webhook in self.of.values() {
            *loads.entry(*webhook).or_default() += 1;
        }
        let busy: Vec<_> = loads.iter().filter(|(_, load)| **load >= PER_WEBHOOK).map(|(id, _)| *id).collect();
        let now = webhooks.clock.now();
        // On SQLite a transaction would hold up every writer for a look in vain.
        if !queue::is_due(&webhooks.db, now, &busy).await? {
            return Ok(Vec::new());
        }
        let mut tx = webhooks.db.begin().await?;
        let due = queue::candidates(&mut tx, now, &busy, room * SPREAD).await?;
        let mut fits = |webhook: &Uuid| {
            let load = loads.entry(*webhook).or_default();
            *load += 1;
            *load <= PER_WEBHOOK
        };
        let chosen = due.iter().filter(|(_, webhook)| fits(webhook)).map(|(id, _)| *id).take(room);
        let chosen: Vec<_> = chosen.collect();
        if chosen.is_empty() {
            tx.rollback().await?;
            return Ok(Vec::new());
        }
        let jobs = queue::claim(&mut tx, &chosen, claim, now + webhooks.config.lease()).await?;
        tx.commit().await?;
        Ok(jobs)
    }

    async fn count(&self) {
        if let Ok(pending) = queue::pending(&self.webhooks.db).await {
            metrics::gauge!(names::PENDING).set(f64::from(u32::try_from(pending).unwrap_or(u32::MAX)));
        }
    }
}

async fn deliver(webhooks: &Webhooks, job: &Job, claim: Uuid) {
    let recorded: Result<(), Error> = if job.disabled_at.is_some() {
        webhooks.cancel(job, claim).await
    } else {
        let answer = webhooks.send(job).await.answer;
        if let Err(says) = &answer {
            tracing::debug!(webhook = %job.webhook_id, delivery = %job.id, says, "a delivery was not answered");
        }
        webhooks.record(job, claim, answer).await
    };
    if let Err(error) = recorded {
        round_failed("webhooks");
        tracing::warn!(%error, webhook = %job.webhook_id, delivery = %job.id,
            "what came of a delivery could not be recorded: it is sent once more when the lease ends");
    }
}
