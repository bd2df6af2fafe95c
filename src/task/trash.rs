//! The end of the trash: what was there for 30 days goes for good.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::model::{Happening, Task};
use super::service::{Expect, Tasks};
use super::{Error, event, store, write};
use crate::events;
use crate::kernel::{Actor, Channel, Scopes};

/// How long a task stays in the trash.
pub const TRASH_KEPT: TimeDelta = TimeDelta::days(30);

impl Tasks {
    /// Deletes at most `limit` tasks that were in the trash for 30 days, of everybody, each with its last event. Returns
    /// how many went.
    pub async fn empty_trash(&self, limit: i64) -> Result<u64, Error> {
        let before = self.clock.now() - TRASH_KEPT;
        let mut users: BTreeMap<Uuid, Vec<Task>> = BTreeMap::new();
        for task in store::in_trash(&self.db, before, limit).await? {
            users.entry(task.user_id).or_default().push(task);
        }
        let mut gone = 0;
        for (user_id, tasks) in users {
            gone += match self.purge(user_id, &tasks, before).await {
                // The account is erased: so are its tasks.
                Err(Error::Events(events::Error::NoLog)) => 0,
                purged => purged?,
            };
        }
        Ok(gone)
    }

    /// Takes a task away for good, past the trash.
    pub async fn discard(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let task = self.delete(actor, id, &Expect::Any, None).await?;
        // What was deleted at this very instant is gone too.
        let after = self.clock.now() + TimeDelta::seconds(1);
        self.purge(actor.user_id, &[task], after).await.map(drop)
    }

    /// What was deleted before `before`.
    async fn purge(&self, user_id: Uuid, tasks: &[Task], before: DateTime<Utc>) -> Result<u64, Error> {
        let actor = Actor { user_id, session_id: None, channel: Channel::Scheduler, scopes: Scopes::NONE };
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        self.log.lock(&mut tx, user_id).await?;
        let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
        // Who was restored meanwhile is not among them.
        let purged = store::purge(&mut tx, user_id, before, &ids).await?;
        let mut events = Vec::new();
        for task in tasks.iter().filter(|task| purged.contains(&task.id)) {
            let mut draft = event::payload(None, task);
            draft.purged_at = Some(now);
            events.push(self.log.prepare(&actor, &event::of(Happening::Deleted, draft))?);
        }
        if events.is_empty() {
            tx.rollback().await?;
            return Ok(0);
        }
        self.log.append_all(&mut tx, &events).await?;
        write::untag(&mut tx, user_id, &purged).await?;
        tx.commit().await?;
        self.log.committed(user_id);
        Ok(u64::try_from(purged.len()).unwrap_or_default())
    }
}
