//! The use cases: a function each, and a transaction for each that writes.

use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use chrono::TimeDelta;
use futures::Stream;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::hub::{Hub, Told};
use super::model::Notification;
use super::notifier::Notifier;
use super::{Config, Error, event, store};
use crate::events::EventLog;
use crate::kernel::{Actor, Clock, Cursor, Page};
use crate::storage::{self, Db, Tx};

/// The notification slice. Clones share everything.
#[derive(Clone)]
pub struct Notifications {
    db: Db,
    hub: Arc<Hub>,
    log: EventLog,
    clock: Clock,
    config: Config,
}

/// What a listing asks for.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) unread: bool,
    pub(super) cursor: Option<String>,
    pub(super) limit: usize,
}

/// A page, and what there is beside it.
pub(super) struct Listing {
    pub(super) page: Page<Notification>,
    pub(super) unread: i64,
    pub(super) last_number: i64,
}

impl Notifications {
    /// A slice over `db`.
    pub fn new(db: Db, log: EventLog, clock: Clock, config: Config) -> Self {
        Self { hub: Hub::new(Told(db.clone())), db, log, clock, config }
    }

    /// The consumer that makes notifications, and tells those who wait for them in this process.
    pub fn notifier(&self) -> Notifier {
        Notifier::new(self.clock.clone(), self.config.clone(), Arc::clone(&self.hub))
    }

    /// Looks for new notifications of those who have a stream open, until told to stop.
    pub async fn look(self, stop: CancellationToken) {
        self.hub.run(Duration::from_millis(self.config.poll_ms), stop).await;
    }

    /// The caller's notifications after a number, and all that come, as events of a stream.
    pub(super) fn follow(&self, actor: &Actor, after: i64) -> impl Stream<Item = Event> + Send + use<> {
        self.hub.follow(actor.user_id, after)
    }

    /// The caller's notifications, newest first.
    pub(super) async fn list(&self, actor: &Actor, query: &Query) -> Result<Listing, Error> {
        let user_id = actor.user_id;
        let before = query.cursor.as_deref().map(Cursor::decode::<i64>).transpose()?.unwrap_or(i64::MAX);
        // Read first: one that comes meanwhile is told by a stream that begins there, though the page has it too.
        let last_number = store::last_number(&self.db, user_id).await?;
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
        let rows = store::page(&self.db, user_id, query.unread, before, limit).await?;
        let page = Page::of(rows, query.limit, |notification| notification.number);
        Ok(Listing { page, unread: store::unread(&self.db, user_id).await?, last_number })
    }

    /// Where a stream begins that was asked to go on after `since`; without it, with what comes from now on. A number
    /// that was never given (of a database that was put back to an earlier time) is as the last one.
    pub(super) async fn start(&self, actor: &Actor, since: Option<i64>) -> Result<i64, Error> {
        let last = store::last_number(&self.db, actor.user_id).await?;
        Ok(since.map_or(last, |since| since.min(last)))
    }

    /// Marks one as read. Once more changes nothing.
    pub(super) async fn read(&self, actor: &Actor, id: Uuid) -> Result<Notification, Error> {
        loop {
            let known = store::get(&self.db, actor.user_id, id).await?.ok_or(Error::NotFound)?;
            if known.read_at.is_some() {
                return Ok(known);
            }
            // Where it was read or deleted meanwhile, it is looked at again.
            self.mark(actor, id, &[id]).await?;
        }
    }

    /// Marks all up to a number as read. Returns how many are unread then.
    pub(super) async fn read_all(&self, actor: &Actor, up_to: i64) -> Result<i64, Error> {
        loop {
            let ids = store::unread_ids(&self.db, actor.user_id, up_to).await?;
            if ids.is_empty() || self.mark(actor, actor.user_id, &ids).await? {
                return Ok(store::unread(&self.db, actor.user_id).await?);
            }
        }
    }

    /// Marks exactly these, with their event. False: one of them is not unread any more, and nothing was done.
    async fn mark(&self, actor: &Actor, subject: Uuid, ids: &[Uuid]) -> Result<bool, Error> {
        let event = self.log.prepare(actor, &event::read(subject, ids))?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        store::lock(&mut tx, actor.user_id).await?;
        if store::read(&mut tx, actor.user_id, ids, event.occurred_at).await? != ids.len() {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        self.log.committed(actor.user_id);
        Ok(true)
    }

    /// Deletes one.
    pub(super) async fn delete(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let event = self.log.prepare(actor, &event::deleted(id))?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        store::lock(&mut tx, actor.user_id).await?;
        if !store::delete(&mut tx, actor.user_id, id).await? {
            tx.rollback().await?;
            return Err(Error::NotFound);
        }
        tx.commit().await?;
        self.log.committed(actor.user_id);
        Ok(())
    }

    /// All that are kept of the caller, newest first.
    pub async fn export(&self, actor: &Actor) -> Result<Value, storage::Error> {
        let all = store::page(&self.db, actor.user_id, false, i64::MAX, self.config.per_user).await?;
        Ok(json!(all))
    }

    /// Deletes everything of a user, in the transaction that erases the account. (The account's last event does it once
    /// more, after those that were under way.)
    pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
        store::forget(tx, user_id).await
    }

    /// Deletes at most `limit` of those that are too old. Returns how many.
    pub async fn purge(&self, limit: i64) -> Result<u64, storage::Error> {
        store::purge(&self.db, self.clock.now() - TimeDelta::days(self.config.days), limit).await
    }
}
