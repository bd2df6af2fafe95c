//! The use cases: a function each, a transaction each.

use uuid::Uuid;

use super::Error;
use super::event;
use super::model::{Draft, Happening, Input, Step, Task};
use super::store::{self, Query};
use crate::events::EventLog;
use crate::http::idempotency::{self, Key, Outcome, Reply, Seen};
use crate::kernel::{Actor, Clock, Ids, Page};
use crate::storage::{self, Db, Engine, Tx};

/// The task slice.
pub struct Tasks {
    db: Db,
    log: EventLog,
    clock: Clock,
    ids: Ids,
}

/// Which version a caller means to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever the present one is.
    Any,
    /// One of these (the numbers of an If-Match).
    OneOf(Vec<i64>),
}

/// How a reply is made and kept for an Idempotency-Key.
pub struct Once<'a> {
    /// The key.
    pub key: &'a Key,
    /// The reply for a task.
    pub reply: fn(&Task) -> Reply,
}

impl Tasks {
    /// A slice over `db`.
    pub fn new(db: Db, log: EventLog, clock: Clock, ids: Ids) -> Self {
        Self { db, log, clock, ids }
    }

    /// Creates a task.
    pub async fn create(&self, actor: &Actor, draft: Draft, once: Option<Once<'_>>) -> Result<Outcome<Task>, Error> {
        let task = Task::create(self.ids.uuid(), actor.user_id, draft, self.clock.now());
        let event = self.log.prepare(actor, &event::draft(None, &task, Happening::Created))?;
        let reply = once.as_ref().map(|once| (once.key, (once.reply)(&task)));
        let kept = reply.as_ref().map(|(key, reply)| (*key, reply));
        let written = match self.db.engine() {
            Engine::Postgres => store::create(&self.db, &task, &event, kept).await?.is_some(),
            Engine::Sqlite => {
                let mut tx = self.db.begin().await?;
                let fresh = Self::keep(&mut tx, kept, &task).await?;
                if fresh {
                    self.log.append(&mut tx, &event).await?;
                    store::insert(&mut tx, &task).await?;
                    tx.commit().await?;
                }
                fresh
            }
        };
        if written {
            self.log.committed(actor.user_id);
            return Ok(Outcome::Done(task));
        }
        match once {
            Some(once) => self.seen(actor, once.key).await?.ok_or(Error::NotFound),
            None => Err(crate::events::Error::NoLog.into()),
        }
    }

    /// One task.
    pub async fn get(&self, actor: &Actor, id: Uuid) -> Result<Task, Error> {
        store::get(&self.db, actor.user_id, id).await?.ok_or(Error::NotFound)
    }

    /// One page of tasks.
    pub async fn list(&self, actor: &Actor, query: &Query) -> Result<Page<Task>, Error> {
        store::list(&self.db, actor.user_id, query).await
    }

    /// Replaces everything that a client may set.
    pub async fn replace(&self, actor: &Actor, id: Uuid, expect: &Expect, draft: Draft) -> Result<Task, Error> {
        let now = self.clock.now();
        self.change(actor, id, expect, |task| Ok(task.replace(draft.clone(), now)?)).await
    }

    /// Merges a patch (RFC 7396) into the present task: `merge` gets it as an input and gives the new one.
    pub async fn patch<M>(&self, actor: &Actor, id: Uuid, expect: &Expect, merge: M) -> Result<Task, Error>
    where
        M: Fn(Input) -> Result<Draft, Error> + Send + Sync,
    {
        let now = self.clock.now();
        self.change(actor, id, expect, |task| Ok(task.replace(merge(task.as_input())?, now)?)).await
    }

    /// Marks it done.
    pub async fn complete(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        let now = self.clock.now();
        self.change_once(actor, id, expect, once, |task| Ok(task.complete(now)?)).await
    }

    /// Marks it not done.
    pub async fn reopen(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        let now = self.clock.now();
        self.change_once(actor, id, expect, once, |task| Ok(task.reopen(now)?)).await
    }

    /// Takes it out of the trash.
    pub async fn restore(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        let now = self.clock.now();
        self.change_once(actor, id, expect, once, |task| Ok(task.restore(now))).await
    }

    /// Moves it to the trash.
    pub async fn delete(&self, actor: &Actor, id: Uuid, expect: &Expect) -> Result<Task, Error> {
        let now = self.clock.now();
        self.change(actor, id, expect, |task| Ok(task.delete(now))).await
    }

    /// At most `limit` of the user's tasks, the trash included, after `after` in the order of ids: for an export.
    pub async fn export(&self, actor: &Actor, after: Uuid, limit: i64) -> Result<Vec<Task>, Error> {
        Ok(store::export(&self.db, actor.user_id, after, limit).await?)
    }

    /// Deletes all of a user's tasks, in the transaction that erases the account.
    pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
        store::erase(tx, user_id).await
    }

    async fn change<F>(&self, actor: &Actor, id: Uuid, expect: &Expect, transition: F) -> Result<Task, Error>
    where
        F: Fn(&Task) -> Result<Step, Error> + Send + Sync,
    {
        match self.change_once(actor, id, expect, None, transition).await? {
            Outcome::Done(task) => Ok(task),
            Outcome::Replay(_) => Err(Error::NotFound),
        }
    }

    /// Reads the task, asks the model, and writes task and event together. The write holds only if the version is
    /// still the one that was read; else it starts again, and an If-Match then tells the caller.
    async fn change_once<F>(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
        transition: F,
    ) -> Result<Outcome<Task>, Error>
    where
        F: Fn(&Task) -> Result<Step, Error> + Send + Sync,
    {
        if let Some(once) = &once
            && let Some(replay) = self.seen(actor, once.key).await?
        {
            return Ok(replay);
        }
        loop {
            let before = self.get(actor, id).await?;
            if let Expect::OneOf(versions) = expect
                && !versions.contains(&before.version)
            {
                return Err(Error::Stale { current: before.version });
            }
            let Some((after, happening)) = transition(&before)? else { return Ok(Outcome::Done(before)) };
            let event = self.log.prepare(actor, &event::draft(Some(&before), &after, happening))?;
            let reply = once.as_ref().map(|once| (once.key, (once.reply)(&after)));
            let kept = reply.as_ref().map(|(key, reply)| (*key, reply));
            let mut tx = self.db.begin().await?;
            self.log.append(&mut tx, &event).await?;
            if !Self::keep(&mut tx, kept, &after).await? {
                tx.rollback().await?;
                let done_before = match &once {
                    Some(once) => self.seen(actor, once.key).await?,
                    None => None,
                };
                return done_before.ok_or(Error::NotFound);
            }
            if store::update(&mut tx, &after).await? {
                tx.commit().await?;
                self.log.committed(actor.user_id);
                return Ok(Outcome::Done(after));
            }
            tx.rollback().await?;
        }
    }

    async fn keep(tx: &mut Tx, kept: Option<(&Key, &Reply)>, task: &Task) -> Result<bool, Error> {
        match kept {
            Some((key, reply)) => Ok(idempotency::store(tx, task.user_id, key, reply, task.updated_at).await?),
            None => Ok(true),
        }
    }

    async fn seen(&self, actor: &Actor, key: &Key) -> Result<Option<Outcome<Task>>, Error> {
        match idempotency::find(&self.db, actor.user_id, key).await? {
            Seen::Never => Ok(None),
            Seen::Same(reply) => Ok(Some(Outcome::Replay(reply))),
            Seen::Other => Err(Error::KeyReused),
        }
    }
}
