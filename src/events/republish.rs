//! Publishes events of the log once more: for a consumer that lost some, or another topic that shall have them.
//!
//! **Order.** Each user's events go in the order of their numbers, from the first one that was asked for. Users go one
//! after the other by id, so that a run that stopped can go on after the last user that it was done with.
//!
//! **The relay is not overtaken.** What the outbox holds of a user, and all that is later, is left to the relay. The
//! log's end is read before the outbox: what is up to the end and not in the outbox then was published.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::broker::{Broker, PublishError, RawRecord};
use super::outbox::{self, Stored};
use super::{Error, Topic};
use crate::kernel::Clock;
use crate::storage::Db;
use crate::{sql, statements};

statements! {
    USERS: "republish.users" = "SELECT user_id, last_seq FROM user_logs WHERE user_id > $1 ORDER BY user_id LIMIT $2";
    USER: "republish.user" = "SELECT user_id, last_seq FROM user_logs WHERE user_id = $1";
    STARTS: "republish.starts" = "SELECT user_id, min(seq) FROM events WHERE user_id >= $1 AND user_id <= $2 AND occurred_at >= $3 \
        GROUP BY user_id ORDER BY user_id";
    PAGE: "republish.page" = "SELECT user_id, seq, event_id, topic, event_type, subject_id, traceparent, occurred_at, value FROM events \
        WHERE user_id = $1 AND seq >= $2 AND seq < $3 AND ($4 = '' OR topic = $4) ORDER BY seq LIMIT $5";
    LEFT: "republish.left" = "SELECT count(*) FROM events WHERE user_id = $1 AND seq >= $2 AND ($3 = '' OR topic = $3)";
}

/// Users that are looked at in one go.
const USERS_AT_ONCE: i64 = 100;
/// Events that are read, and sent, in one go.
const BATCH: usize = 500;
/// Without an answer for so long, it gives up: the producer itself never does.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At this number of one user's log.
    Seq(i64),
    /// At each user's first event of this time or later.
    Time(DateTime<Utc>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Where it begins.
    pub from: Start,
    /// Only this user. A [`Start::Seq`] needs one.
    pub user: Option<Uuid>,
    /// Only users after this one.
    pub after: Uuid,
    /// Only events of this topic.
    pub topic: Option<Topic>,
    /// To this topic instead of each event's own.
    pub to: Option<String>,
    /// Count, and send nothing.
    pub dry_run: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events that the broker has once more.
    pub replayed: u64,
    /// Events that are left to the relay.
    pub left_out: u64,
    /// The last event before the first that the broker did not take: of whom, and its number.
    pub last: Option<(Uuid, i64)>,
    /// The last user of whom it took all.
    pub done: Option<Uuid>,
}

/// Publishes what was asked for; `progress` is right after an error too, and `tell` hears of each batch.
pub async fn replay(
    db: &Db,
    broker: &dyn Broker,
    clock: &Clock,
    asked: &Replay,
    progress: &mut Progress,
    tell: impl FnMut(&Progress),
) -> Result<(), Error> {
    let mut run = Run { db, broker, clock, asked, progress, tell, batch: Vec::with_capacity(BATCH), ended: None };
    let mut after = asked.after;
    loop {
        let mut exec = db.read().await?;
        let users = match asked.user {
            Some(user_id) => sql!(fetch_all (Uuid, i64) => exec, USER, user_id)?,
            None => sql!(fetch_all (Uuid, i64) => exec, USERS, after, USERS_AT_ONCE)?,
        };
        drop(exec);
        let (Some((first, _)), Some((last, _))) = (users.first(), users.last()) else { break };
        run.users(&users, *first, *last).await?;
        after = *last;
        if asked.user.is_some() {
            break;
        }
    }
    run.flush().await
}

struct Run<'a, F> {
    db: &'a Db,
    broker: &'a dyn Broker,
    clock: &'a Clock,
    asked: &'a Replay,
    progress: &'a mut Progress,
    tell: F,
    batch: Vec<Stored>,
    /// The last user all of whose events are in the batch or gone.
    ended: Option<Uuid>,
}

impl<F: FnMut(&Progress)> Run<'_, F> {
    /// `users` are those from `first` to `last`, with the ends of their logs.
    async fn users(&mut self, users: &[(Uuid, i64)], first: Uuid, last: Uuid) -> Result<(), Error> {
        let held = outbox::held(self.db, first, last).await?;
        let starts = match self.asked.from {
            Start::Seq(seq) => vec![(first, seq)],
            Start::Time(time) => {
                let mut exec = self.db.read().await?;
                sql!(fetch_all (Uuid, i64) => exec, STARTS, first, last, time)?
            }
        };
        for (user_id, start) in starts {
            let Some((_, end)) = users.iter().find(|(id, _)| *id == user_id) else { continue };
            let end = held.get(&user_id).copied().unwrap_or(end + 1);
            self.user(user_id, start, end).await?;
            if held.contains_key(&user_id) {
                let mut exec = self.db.read().await?;
                let (left,) = sql!(fetch_one (i64,) => exec, LEFT, user_id, start.max(end), self.topic())?;
                self.progress.left_out += left.unsigned_abs();
            }
            self.ended = Some(user_id);
        }
        Ok(())
    }

    /// The user's events from `start` up to, and without, `end`.
    async fn user(&mut self, user_id: Uuid, mut start: i64, end: i64) -> Result<(), Error> {
        loop {
            let room = i64::try_from(BATCH - self.batch.len()).unwrap_or(1);
            let mut exec = self.db.read().await?;
            let page = sql!(fetch_all Stored => exec, PAGE, user_id, start, end, self.topic(), room)?;
            drop(exec);
            let Some(last) = page.last() else { return Ok(()) };
            start = last.seq + 1;
            self.batch.extend(page);
            if self.batch.len() < BATCH {
                return Ok(());
            }
            self.flush().await?;
        }
    }

    fn topic(&self) -> &'static str {
        self.asked.topic.map_or("", Topic::name)
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let batch = std::mem::take(&mut self.batch);
        let places: Vec<_> = batch.iter().map(|event| (event.user_id, event.seq)).collect();
        let outcomes = match (self.asked.dry_run, places.len()) {
            (true, count) => vec![Ok(()); count],
            (false, 0) => Vec::new(),
            (false, _) => self.send(&batch).await?,
        };
        let mut failure = None;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => {
                    self.progress.replayed += 1;
                    if failure.is_none() {
                        self.progress.last = Some(place);
                    }
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        (self.tell)(self.progress);
        if let Some(error) = failure {
            return Err(Error::Broker(error.to_string()));
        }
        self.progress.done = self.ended;
        Ok(())
    }

    async fn send(&self, batch: &[Stored]) -> Result<Vec<Result<(), PublishError>>, Error> {
        // A topic that is about to get more partitions: what is sent now could be read after what comes later.
        let fenced = super::fence::fenced(self.db).await?;
        if let Some(topic) = fenced.first().filter(|_| self.asked.to.is_none()) {
            return Err(Error::Broker(format!("`todo topics expand {topic}` is at work: wait until it is done")));
        }
        let records = batch.iter().map(|event| self.record(event)).collect::<Result<_, _>>()?;
        let published = tokio::time::timeout(PATIENCE, self.broker.publish_raw(records)).await;
        published.map_err(|_| Error::Broker(format!("it acknowledged too little in {} s", PATIENCE.as_secs())))
    }

    fn record(&self, event: &Stored) -> Result<RawRecord, Error> {
        let record = event.record().map_err(Error::Broker)?;
        let topic = self.asked.to.clone().unwrap_or_else(|| record.topic.name().to_owned());
        let mut record = record.into_raw(topic);
        let now = self.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        record.headers.push(("replayed-at".to_owned(), now.into_bytes()));
        Ok(record)
    }
}
