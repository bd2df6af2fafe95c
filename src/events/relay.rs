//! The relay: carries the outbox to the broker.
//!
//! **How nothing is lost.** A row leaves the outbox only when the broker acknowledged it. There is no cursor: each look
//! takes the oldest rows that are there, so a commit that became visible late is not passed by.
//!
//! **How order is kept**, for each user and topic. A lease on the user's shard says which relay sends; one lane of it has
//! one batch of that shard under way; the batch begins with the oldest rows, in the order of the outbox, which within a
//! user is the order of the log; and the broker takes no record after one of the same user and topic that it did not
//! take. A relay that was paused beyond its lease can only repeat what another sends too, in order: first occurrences
//! stay in order, and consumers drop repetitions by `seq`. `tests/it/model` visits every state of this.
//!
//! **When the broker is down** the lanes that have shards wait in it with one batch each; the backlog stays in the database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Span;
use tracing::field::Empty;

use super::broker::{Broker, PublishError, Record};
use super::fence;
use super::lanes::Lanes;
use super::lease::{Lease, Leases};
use super::log::Commits;
use super::outbox::{self, Waiting};
use super::{Config, Error, metrics as names};
use crate::kernel::{Backoff, Clock, Ids};
use crate::storage::Db;
use crate::telemetry::metrics::round_done;
use crate::telemetry::propagation;

/// How long a stopping relay waits for the batches that are under way.
const LAST_BATCH: Duration = Duration::from_secs(10);

/// One relay. Any number may run, here and elsewhere.
pub struct Relay {
    db: Db,
    broker: Arc<dyn Broker>,
    hint: watch::Receiver<Commits>,
    clock: Clock,
    ids: Ids,
    config: Config,
    leases: Leases,
    lanes: Lanes,
    /// The shards that a lane has a batch of under way: bit n for shard n.
    busy: Vec<AtomicI64>,
    /// How many turns each lane has begun: the turn before is over then.
    turns: Vec<AtomicU64>,
    /// The generation of fences that the broker's producer was made in.
    generation: Mutex<i64>,
}

impl Relay {
    /// A relay over `db` to `broker`, woken by `hint`.
    pub fn new(
        db: Db,
        broker: Arc<dyn Broker>,
        hint: watch::Receiver<Commits>,
        clock: Clock,
        ids: Ids,
        config: Config,
    ) -> Self {
        let leases = Leases::new(db.clone(), ids.uuid(), Duration::from_millis(config.relay_lease_ms));
        let busy = (0..config.relay_lanes).map(|_| AtomicI64::new(0)).collect();
        let turns = (0..config.relay_lanes).map(|_| AtomicU64::new(0)).collect();
        let (generation, lanes) = (Mutex::new(-1), Lanes::new(config.relay_lanes));
        Self { db, broker, hint, clock, ids, config, leases, lanes, busy, turns, generation }
    }

    /// Runs until told to stop; then finishes the batches under way and gives the shards back.
    pub async fn run(self, stop: CancellationToken) {
        let relay = Arc::new(self);
        let (fresh, _) = watch::channel(0_u64);
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..relay.config.relay_lanes {
            lanes.spawn(Arc::clone(&relay).lane(lane, fresh.subscribe(), stop.clone()));
        }
        relay.keep_leases(&fresh, &stop).await;
        let ended = tokio::time::timeout(LAST_BATCH, async { while lanes.join_next().await.is_some() {} });
        if ended.await.is_err() {
            tracing::warn!("the broker did not acknowledge the last batch in time: it stays in the outbox");
            lanes.abort_all();
        }
        if let Err(error) = relay.leases.release().await {
            tracing::warn!(%error, "the leases could not be given back: they end on their own");
        }
    }

    async fn keep_leases(&self, fresh: &watch::Sender<u64>, stop: &CancellationToken) {
        let period = Duration::from_millis(self.config.relay_lease_ms) / 4;
        let mut fences = Fences::default();
        loop {
            if let Err(error) = fences.look(self).await {
                tracing::warn!(%error, "the fences could not be read");
            }
            let busy = |shard: i64| self.busy.iter().any(|bits| bits.load(Ordering::SeqCst) >> shard & 1 == 1);
            match self.leases.tick(busy, fences.seen).await {
                Ok(true) => fresh.send_modify(|count| *count += 1),
                Ok(false) => {}
                Err(error) => {
                    metrics::counter!(names::FAILURES, "stage" => "lease").increment(1);
                    // They may be another relay's by now.
                    self.leases.show();
                    tracing::warn!(%error, "the relay's leases could not be renewed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(period) => {}
            }
        }
    }

    async fn lane(self: Arc<Self>, lane: i64, mut fresh: watch::Receiver<u64>, stop: CancellationToken) {
        let (mut hint, mut moved) = (self.hint.clone(), self.lanes.moved());
        let mut pause = Pause::new(Duration::from_millis(self.config.relay_poll_ms));
        let mut told = true;
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        while !stop.is_cancelled() {
            // What is committed from here on may be missed by this turn's query, and is news after it.
            let before = *hint.borrow_and_update();
            moved.mark_unchanged();
            let leases = self.leases_of(lane);
            let shards = leases.keys().fold(0_i64, |bits, shard| bits | 1 << shard);
            let turn = self.turn(lane, shards, &leases).await;
            if let (Ok(turn), true) = (&turn, shards != 0) {
                self.lanes.after(lane, *turn == Turn::Full);
            }
            match turn {
                Ok(turn) => {
                    round_done("relay");
                    backoff.reset();
                    if turn == Turn::Full {
                        continue;
                    }
                    pause.after(turn == Turn::Some, told);
                }
                Err(error) => {
                    let stage = if matches!(error, Error::Broker(_)) { "publish" } else { "database" };
                    metrics::counter!(names::FAILURES, "stage" => stage).increment(1);
                    tracing::warn!(%error, lane, "the relay could not publish a batch: it will try again");
                    let pause = backoff.next(self.ids.bytes::<1>()[0]);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => continue,
                    }
                }
            }
            told = tokio::select! {
                () = stop.cancelled() => return,
                () = news(&mut hint, &before, shards) => true,
                _ = fresh.changed() => true,
                _ = moved.changed() => true,
                () = tokio::time::sleep(pause.now) => false,
            };
        }
    }

    fn leases_of(&self, lane: i64) -> BTreeMap<i64, Lease> {
        self.leases.valid().into_iter().filter(|(shard, _)| self.lanes.takes(lane, *shard)).collect()
    }

    /// One batch of this lane's `shards`.
    async fn turn(&self, lane: i64, shards: i64, leases: &BTreeMap<i64, Lease>) -> Result<Turn, Error> {
        if let Some(turns) = usize::try_from(lane).ok().and_then(|lane| self.turns.get(lane)) {
            turns.fetch_add(1, Ordering::SeqCst);
        }
        if shards == 0 {
            return Ok(Turn::Empty);
        }
        let busy = Busy::mark(self.busy.get(usize::try_from(lane).unwrap_or_default()), shards);
        let waiting = outbox::batch(&self.db, shards, self.config.relay_batch).await?;
        if waiting.is_empty() {
            return Ok(Turn::Empty);
        }
        // After a fence the topic may have other partitions.
        self.know_fences(waiting.first().map_or(0, |row| row.generation));
        let full = i64::try_from(waiting.len()).unwrap_or(i64::MAX) >= self.config.relay_batch;
        let outcome = self.publish(waiting, leases).await;
        drop(busy);
        outcome.map(|()| if full { Turn::Full } else { Turn::Some })
    }

    /// Locked until the new producer is there: no lane goes on with the old one.
    fn know_fences(&self, generation: i64) {
        let mut known = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != generation {
            self.broker.refresh();
            *known = generation;
        }
    }

    async fn publish(&self, mut waiting: Vec<Waiting>, leases: &BTreeMap<i64, Lease>) -> Result<(), Error> {
        // The read took time: send only what is still ours.
        let now = Instant::now();
        waiting.retain(|row| leases.get(&row.shard).is_some_and(|lease| lease.until > now));
        let mut records = Vec::with_capacity(waiting.len());
        for row in &waiting {
            records.push(row.event.record().map_err(Error::Broker)?);
        }
        let spans: Vec<_> = waiting.iter().zip(&records).map(|(row, record)| span(row, record)).collect();
        let started = Instant::now();
        let outcomes = self.broker.publish(records).await;
        metrics::histogram!(names::BATCH).record(started.elapsed().as_secs_f64());
        for (span, outcome) in spans.into_iter().zip(&outcomes) {
            if let Err(error) = outcome {
                propagation::failed(&span, error.kind());
            }
        }
        self.record(&waiting, outcomes, leases).await
    }

    /// Takes what was acknowledged out of the outbox, and parks what will never be.
    async fn record(
        &self,
        waiting: &[Waiting],
        outcomes: Vec<Result<(), PublishError>>,
        leases: &BTreeMap<i64, Lease>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut acknowledged = Vec::with_capacity(waiting.len());
        let mut failure = None;
        for (row, outcome) in waiting.iter().zip(outcomes) {
            let name = match outcome {
                Ok(()) => {
                    acknowledged.push(row.id);
                    let delay = (now - row.event.occurred_at).num_microseconds().unwrap_or(i64::MAX).max(0);
                    metrics::histogram!(names::DELAY).record(Duration::from_micros(delay.unsigned_abs()).as_secs_f64());
                    "acknowledged"
                }
                Err(PublishError::Held) => "held",
                Err(PublishError::Transient(cause)) => {
                    failure = Some(cause);
                    "failed"
                }
                Err(PublishError::Permanent(reason)) => {
                    let epoch = leases.get(&row.shard).map_or(0, |lease| lease.epoch);
                    if outbox::park(&self.db, row, &reason, now, (self.leases.owner, epoch)).await? {
                        tracing::error!(user_id = %row.event.user_id, topic = row.event.topic, reason,
                            "the broker refuses an event for good: this user's events wait for `todo events rearm`");
                    }
                    "refused"
                }
            };
            metrics::counter!(names::PUBLISHED, "topic" => row.event.topic.clone(), "outcome" => name).increment(1);
        }
        if !acknowledged.is_empty() {
            let epochs: BTreeMap<_, _> = leases.iter().map(|(shard, lease)| (shard, lease.epoch)).collect();
            let epochs = serde_json::to_string(&epochs).unwrap_or_default();
            outbox::acknowledge(&self.db, &acknowledged, self.leases.owner, &epochs).await?;
        }
        failure.map_or(Ok(()), |cause| Err(Error::Broker(cause)))
    }
}

/// What a turn found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing.
    Empty,
    /// Less than a batch.
    Some,
    /// A whole batch: there may be more at once.
    Full,
}

/// How long a lane waits for a hint before it looks by itself. Rows that no hint told of were committed by another
/// process, which will hardly have been its last ones: the next look comes soon.
struct Pause {
    now: Duration,
    most: Duration,
}

impl Pause {
    const SOON: Duration = Duration::from_millis(10);

    fn new(most: Duration) -> Self {
        Self { now: most, most }
    }

    fn after(&mut self, found: bool, told: bool) {
        self.now = match (found, told) {
            (true, true) => self.now,
            (true, false) => Self::SOON.min(self.most),
            (false, _) => (self.now * 2).min(self.most),
        };
    }
}

/// Which fences this relay has seen: a generation counts as seen when every lane has begun a turn after it was read, so
/// that no batch from before is under way.
#[derive(Default)]
struct Fences {
    seen: i64,
    read: Option<(i64, Vec<u64>)>,
}

impl Fences {
    async fn look(&mut self, relay: &Relay) -> Result<(), Error> {
        let turns: Vec<_> = relay.turns.iter().map(|turns| turns.load(Ordering::SeqCst)).collect();
        if let Some((generation, before)) = &self.read {
            if turns.iter().zip(before).any(|(now, then)| now == then) {
                return Ok(());
            }
            self.seen = *generation;
        }
        let generation = fence::generation(&relay.db).await?;
        // Counted after the read: a turn that began before it may not have seen the fence.
        let turns = relay.turns.iter().map(|turns| turns.load(Ordering::SeqCst)).collect();
        self.read = Some((generation, turns));
        Ok(())
    }
}

/// Returns when a commit to one of `shards` came after `before`: each look costs a query, so that a commit that is
/// another lane's, or another relay's, wakes nobody.
async fn news(hint: &mut watch::Receiver<Commits>, before: &Commits, shards: i64) {
    while !hint.borrow_and_update().since(before, shards) {
        if hint.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// A span of its own for an event whose request is traced: one trace runs from the request to the broker.
fn span(row: &Waiting, record: &Record) -> Span {
    let Some(traceparent) = row.event.traceparent.as_deref().filter(|text| propagation::is_sampled(text)) else {
        return Span::none();
    };
    let topic = record.topic.name();
    let span = tracing::info_span!(
        "publish", otel.name = %format_args!("send {topic}"), otel.kind = "producer", messaging.system = "kafka",
        messaging.operation.type = "send", messaging.destination.name = topic, otel.status_code = Empty,
        error.type = Empty,
    );
    propagation::set_parent(&span, propagation::parent_from_traceparent(traceparent));
    // Entered once, so that it has a start.
    span.in_scope(|| {});
    span
}

/// The shards of a batch, marked for as long as it is under way.
struct Busy<'a>(Option<&'a AtomicI64>);

impl<'a> Busy<'a> {
    fn mark(bits: Option<&'a AtomicI64>, shards: i64) -> Self {
        if let Some(bits) = bits {
            bits.store(shards, Ordering::SeqCst);
        }
        Self(bits)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if let Some(bits) = self.0 {
            bits.store(0, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_looks_soon_while_other_processes_commit() {
        let mut pause = Pause::new(Duration::from_millis(100));
        pause.after(true, true);
        assert_eq!(pause.now.as_millis(), 100, "its own process tells it");
        pause.after(true, false);
        assert_eq!(pause.now.as_millis(), 10);
        let waits = [false; 5].map(|told| {
            pause.after(false, told);
            pause.now.as_millis()
        });
        assert_eq!(waits, [20, 40, 80, 100, 100], "an idle relay looks as often as it is told to");
    }
}
