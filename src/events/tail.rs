//! Follows the log of all users: what `todo events tail` shows.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Error, Topic};
use crate::storage::Db;
use crate::{sql, statements};

statements! {
    SINCE: "tail.since" = "SELECT user_id, seq, event_id, topic, event_type, occurred_at, value FROM events \
        WHERE occurred_at >= $1 AND ($2 = '' OR topic = $2) ORDER BY occurred_at, user_id, seq LIMIT $3";
}

/// One line of the log.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    /// Whose.
    pub user_id: Uuid,
    /// Its number in the user's log.
    pub seq: i64,
    /// The event.
    pub event_id: Uuid,
    /// The topic's name.
    pub topic: String,
    /// The contract's name for it.
    pub event_type: String,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// The JSON.
    pub value: String,
}

/// A commit may become visible this long after the time that its event carries.
const LATE: TimeDelta = TimeDelta::seconds(10);
const PAGE: i64 = 500;

/// Follows the log from a moment on, each event once.
pub struct Tail {
    db: Db,
    topic: Option<Topic>,
    from: DateTime<Utc>,
    seen: HashSet<Uuid>,
    order: VecDeque<Uuid>,
}

impl Tail {
    /// From `from` on, of one topic or of all.
    pub fn new(db: Db, topic: Option<Topic>, from: DateTime<Utc>) -> Self {
        Self { db, topic, from, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// What is new. It looks back a little, so that a commit that became visible late is not passed by.
    pub async fn next(&mut self) -> Result<Vec<Entry>, Error> {
        let topic = self.topic.map_or("", Topic::name);
        let mut fresh = Vec::new();
        loop {
            let mut exec = self.db.read().await?;
            let page = sql!(fetch_all Entry => exec, SINCE, self.from, topic, PAGE)?;
            drop(exec);
            let full = page.len() == usize::try_from(PAGE).unwrap_or_default();
            let last = page.last().map(|entry| entry.occurred_at);
            let before = fresh.len();
            for entry in page {
                if self.seen.insert(entry.event_id) {
                    self.order.push_back(entry.event_id);
                    fresh.push(entry);
                }
            }
            match last {
                Some(last) if full && (last > self.from || fresh.len() > before) => self.from = last,
                Some(last) => {
                    self.from = self.from.max(last - LATE);
                    break;
                }
                None => break,
            }
        }
        while self.order.len() > 200_000 {
            if let Some(oldest) = self.order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
        Ok(fresh)
    }
}
