//! What is done with a batch of messages: each event's effect once, in the order of its user's events.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{Instrument as _, Span};

use super::dead::{self, Failed};
use super::inbox::{self, Places};
use super::message::{Delivery, Message};
use super::retry::{self, Due, Waiting};
use super::{Failure, Handler, trace};
use crate::events::{Error, Topic, metrics as names};
use crate::kernel::{Clock, Ids};
use crate::storage::{Db, Tx};

/// How long an event waits before each further try; past the last one it is a dead letter.
#[derive(Clone, Debug)]
pub struct Ladder(Vec<TimeDelta>);

impl Ladder {
    /// From milliseconds.
    pub fn new(steps: &[u64]) -> Self {
        Self(steps.iter().map(|ms| TimeDelta::milliseconds(i64::try_from(*ms).unwrap_or(i64::MAX / 1000))).collect())
    }

    /// When an event that failed `attempts` times is tried again; `None`: never.
    fn next(&self, attempts: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let step = usize::try_from(attempts - 1).ok().and_then(|step| self.0.get(step));
        step.map(|wait| now + *wait)
    }
}

/// A consumer at work. One is enough for a process; any number may run elsewhere.
pub struct Processor {
    db: Db,
    handler: Arc<dyn Handler>,
    clock: Clock,
    ids: Ids,
    ladder: Ladder,
}

/// An event with the message that it came in.
struct Item<'a> {
    message: &'a Message,
    event: Delivery,
    span: Span,
}

impl Processor {
    /// A consumer over `db`.
    pub fn new(db: Db, handler: Arc<dyn Handler>, clock: Clock, ids: Ids, ladder: Ladder) -> Self {
        Self { db, handler, clock, ids, ladder }
    }

    /// The consumer's name.
    pub fn name(&self) -> &'static str {
        self.handler.name()
    }

    /// The topics it reads.
    pub fn topics(&self) -> &'static [Topic] {
        self.handler.topics()
    }

    /// How long its events may wait at the broker for others.
    pub fn patience(&self) -> Option<Duration> {
        self.handler.patience()
    }

    /// Sees to it that these messages need not come again: each was applied, waits in the database, or is a dead
    /// letter. An error says that the database does not answer, and that all of them must come again.
    pub async fn process(&self, batch: &[Message]) -> Result<(), Error> {
        let mut by_topic: [Vec<Item<'_>>; 3] = Default::default();
        for message in batch {
            match message.decode() {
                Ok(event) => by_topic[event.topic as usize].push(Item { message, event, span: Span::none() }),
                Err(reason) => self.bury_undecodable(message, &reason).await?,
            }
        }
        for (topic, items) in Topic::ALL.into_iter().zip(&mut by_topic) {
            if items.is_empty() {
                continue;
            }
            let all = self.pass_over(items).await?;
            for item in items.iter_mut() {
                item.span = trace::span(self.name(), &item.event);
            }
            if !items.is_empty() {
                self.process_topic(topic, items, all).await?;
            }
        }
        Ok(())
    }

    /// Leaves only what may have an effect. Returns whether that is everything in any case.
    async fn pass_over(&self, items: &mut Vec<Item<'_>>) -> Result<bool, Error> {
        let users = items.iter().map(|item| item.event.user_id).collect();
        let Some(concerned) = self.handler.concerned(&self.db, &users).await? else { return Ok(true) };
        let before = items.len();
        items.retain(|item| concerned.contains(&item.event.user_id));
        self.count("passed", (before - items.len()) as u64);
        Ok(false)
    }

    /// `all`: whether a number that is missing was to come here.
    async fn process_topic(&self, topic: Topic, items: &[Item<'_>], all: bool) -> Result<(), Error> {
        // What is done for all of them belongs in the first span that is recorded.
        let first =
            items.iter().map(|item| &item.span).find(|span| !span.is_none()).cloned().unwrap_or_else(Span::none);
        match self.apply(topic, items, all).instrument(first).await {
            Ok(()) => return Ok(()),
            Err(Failure::Storage(error)) => return Err(error.into()),
            Err(_) => {}
        }
        // One of them fails: the others do not wait for it.
        for item in items {
            self.process_one(topic, item, all).instrument(item.span.clone()).await?;
        }
        Ok(())
    }

    async fn process_one(&self, topic: Topic, item: &Item<'_>, all: bool) -> Result<(), Error> {
        match self.apply(topic, std::slice::from_ref(item), all).await {
            Ok(()) => Ok(()),
            Err(Failure::Storage(error)) => Err(error.into()),
            Err(failure) => {
                trace::failed(&item.span, &failure);
                self.put_aside(item, &failure).await
            }
        }
    }

    /// All of these in one transaction: what is new and free to go is applied, what must wait is kept.
    async fn apply(&self, topic: Topic, items: &[Item<'_>], all: bool) -> Result<(), Failure> {
        let mut tx = self.db.begin().await?;
        let users = items.iter().map(|item| item.event.user_id);
        let mut places = inbox::lock(&mut tx, self.db.engine(), self.name(), topic, users).await?;
        let (mut fresh, mut repeated) = (Vec::with_capacity(items.len()), 0);
        for item in items {
            let Some(place) = places.get_mut(&item.event.user_id) else { continue };
            if item.event.seq <= place.last_seq {
                repeated += 1;
                continue;
            }
            if all && place.last_seq > 0 && item.event.seq > place.last_seq + 1 {
                self.look_for_a_gap(&mut tx, place.last_seq, &item.event).await?;
            }
            place.last_seq = item.event.seq;
            if place.waiting > 0 {
                place.waiting += 1;
                let behind = Waiting { attempts: 0, error: "", first_failed_at: None, due_at: None };
                retry::keep(&mut tx, self.name(), item.message, &item.event, &behind).await?;
            } else {
                fresh.push(item.event.clone());
            }
        }
        self.count("repeated", repeated);
        if repeated == items.len() as u64 {
            return Ok(tx.rollback().await?);
        }
        if !fresh.is_empty() {
            self.handler.apply(&mut tx, &fresh).await?;
        }
        inbox::advance(&mut tx, self.db.engine(), self.name(), topic, &places).await?;
        tx.commit().await?;
        self.handler.applied(&fresh);
        self.count("applied", fresh.len() as u64);
        self.observe_delay(&fresh);
        Ok(())
    }

    async fn look_for_a_gap(&self, tx: &mut Tx, last_seq: i64, event: &Delivery) -> Result<(), Failure> {
        let missing = inbox::missing(tx, last_seq, event).await?;
        if missing > 0 {
            metrics::counter!(names::GAPS, "consumer" => self.name())
                .increment(u64::try_from(missing).unwrap_or_default());
            tracing::error!(consumer = self.name(), user_id = %event.user_id, topic = event.topic.name(), last_seq,
                seq = event.seq, missing, "published events did not come to this consumer");
        }
        Ok(())
    }

    /// An event whose effect failed waits for its next try, or is a dead letter at once.
    async fn put_aside(&self, item: &Item<'_>, failure: &Failure) -> Result<(), Error> {
        let (event, now) = (&item.event, self.clock.now());
        let mut tx = self.db.begin().await?;
        let mut places = self.lock_one(&mut tx, event).await?;
        let Some(place) = places.get_mut(&event.user_id).filter(|place| event.seq > place.last_seq) else {
            return Ok(tx.rollback().await?);
        };
        place.last_seq = event.seq;
        let error = failure.to_string();
        if let Some(due_at) = self.next_try(1, failure, now) {
            place.waiting += 1;
            let again = Waiting { attempts: 1, error: &error, first_failed_at: Some(now), due_at: Some(due_at) };
            retry::keep(&mut tx, self.name(), item.message, event, &again).await?;
            self.count("failed", 1);
            tracing::warn!(consumer = self.name(), user_id = %event.user_id, seq = event.seq, error,
                "an event's effect failed: it is tried again");
        } else {
            self.bury(&mut tx, item, (1, &error), (now, now)).await?;
        }
        inbox::advance(&mut tx, self.db.engine(), self.name(), event.topic, &places).await?;
        Ok(tx.commit().await?)
    }

    /// Tries what is due. Returns how many events were tried.
    pub async fn retry_due(&self) -> Result<usize, Error> {
        let due = retry::due(&self.db, self.name(), self.clock.now(), 100).await?;
        for row in &due {
            let message = row.message();
            match message.decode() {
                Ok(event) => {
                    let span = trace::span(self.name(), &event);
                    let item = Item { message: &message, event, span: span.clone() };
                    self.retry(row, &item).instrument(span).await?;
                }
                // It was decoded before it was kept.
                Err(reason) => {
                    tracing::error!(consumer = self.name(), user_id = %row.user_id, seq = row.seq, reason, "an event that waits cannot be read");
                }
            }
        }
        Ok(due.len())
    }

    async fn retry(&self, row: &Due, item: &Item<'_>) -> Result<(), Error> {
        let event = &item.event;
        let mut tx = self.db.begin().await?;
        let mut places = self.lock_one(&mut tx, event).await?;
        if !retry::is_first(&mut tx, self.name(), event, row.attempts).await? {
            return Ok(tx.rollback().await?);
        }
        match self.handler.apply(&mut tx, std::slice::from_ref(event)).await {
            Ok(()) => {
                self.leave(&mut tx, event, &mut places).await?;
                tx.commit().await?;
                self.handler.applied(std::slice::from_ref(event));
                self.count("applied", 1);
                self.observe_delay(std::slice::from_ref(event));
                Ok(())
            }
            Err(Failure::Storage(error)) => Err(error.into()),
            Err(failure) => {
                tx.rollback().await?;
                trace::failed(&item.span, &failure);
                self.failed_again(row, item, &failure).await
            }
        }
    }

    async fn failed_again(&self, row: &Due, item: &Item<'_>, failure: &Failure) -> Result<(), Error> {
        let (event, now) = (&item.event, self.clock.now());
        let mut tx = self.db.begin().await?;
        let mut places = self.lock_one(&mut tx, event).await?;
        if !retry::is_first(&mut tx, self.name(), event, row.attempts).await? {
            return Ok(tx.rollback().await?);
        }
        let (attempts, error) = (row.attempts + 1, failure.to_string());
        self.count("failed", 1);
        if let Some(due_at) = self.next_try(attempts, failure, now) {
            retry::again(&mut tx, self.name(), event, &error, (now, due_at)).await?;
        } else {
            self.bury(&mut tx, item, (attempts, &error), (row.first_failed_at.unwrap_or(now), now)).await?;
            self.leave(&mut tx, event, &mut places).await?;
        }
        Ok(tx.commit().await?)
    }

    fn next_try(&self, attempts: i64, failure: &Failure, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.ladder.next(attempts, now).filter(|_| matches!(failure, Failure::Retry(_)))
    }

    async fn bury(
        &self,
        tx: &mut Tx,
        item: &Item<'_>,
        (attempts, error): (i64, &str),
        (first, last): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<(), Error> {
        let of = Some((item.event.user_id, item.event.seq));
        let failed = Failed { message: item.message, of, attempts, error, first, last };
        Ok(dead::bury(tx, self.ids.uuid(), self.name(), &failed).await?)
    }

    /// The event waits no more.
    async fn leave(&self, tx: &mut Tx, event: &Delivery, places: &mut Places) -> Result<(), Error> {
        retry::done(tx, self.name(), event, self.clock.now()).await?;
        for place in places.values_mut() {
            place.waiting -= 1;
        }
        Ok(inbox::advance(tx, self.db.engine(), self.name(), event.topic, places).await?)
    }

    async fn lock_one(&self, tx: &mut Tx, event: &Delivery) -> Result<Places, Error> {
        let user = std::iter::once(event.user_id);
        Ok(inbox::lock(tx, self.db.engine(), self.name(), event.topic, user).await?)
    }

    async fn bury_undecodable(&self, message: &Message, reason: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let failed = Failed { message, of: None, attempts: 1, error: reason, first: now, last: now };
        let mut tx = self.db.begin().await?;
        dead::bury(&mut tx, self.ids.uuid(), self.name(), &failed).await?;
        Ok(tx.commit().await?)
    }

    fn count(&self, outcome: &'static str, events: u64) {
        if events > 0 {
            metrics::counter!(names::CONSUMED, "consumer" => self.name(), "outcome" => outcome).increment(events);
        }
    }

    fn observe_delay(&self, applied: &[Delivery]) {
        let now = self.clock.now();
        let delay = metrics::histogram!(names::EFFECT_DELAY, "consumer" => self.name());
        for event in applied {
            delay.record((now - event.occurred_at).to_std().unwrap_or_default().as_secs_f64());
        }
    }

    /// How many of its events wait in the database.
    pub(super) async fn waiting(&self) -> Result<i64, Error> {
        Ok(retry::count(&self.db, self.name()).await?)
    }
}
