//! The use cases: a function each, a transaction each.

use std::sync::Arc;

use chrono::Weekday;
use chrono_tz::Tz;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::change::Work;
use super::edit::Edit;
use super::event;
use super::find::{self, Moment, Query};
use super::input::{Draft, Input, Local};
use super::model::{Happening, Place, Task};
use super::place::Destination;
use super::series::{self, Reach};
use super::{Error, collection, reminder, store, transfer, write};
use crate::events::EventLog;
use crate::http::idempotency::{self, Key, Outcome, Reply, Seen};
use crate::kernel::{Actor, Clock, Ids, Page, zone};
use crate::recurrence::Language;
use crate::storage::{self, Db, Engine, Tx};

/// The settings of a person that tasks depend on.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The IANA time zone whose days are theirs.
    pub zone: Tz,
    /// The day with which their week begins.
    pub week_start: Weekday,
    /// Whether they write the day before the month.
    pub day_first: bool,
    /// The language that they write and read.
    pub language: Language,
}

/// Who knows people's settings: the accounts do, which this slice does not import.
pub trait People: Send + Sync {
    /// The settings of a user.
    fn home(&self, user_id: Uuid) -> BoxFuture<'_, Result<Home, storage::Error>>;
}

/// The task slice.
pub struct Tasks {
    pub(super) db: Db,
    pub(super) log: EventLog,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    people: Arc<dyn People>,
}

/// Which version a caller means to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever the present one is.
    Any,
    /// One of these (the numbers of an If-Match).
    OneOf(Vec<i64>),
}

/// What becomes of open subtasks when their task is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subtasks {
    /// Nothing is done yet: the caller is told that there are some, and says what shall be.
    #[default]
    Ask,
    /// They are done too.
    Complete,
    /// They stay open.
    Keep,
}

/// What a caller says of what follows from a change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Follow {
    /// What becomes of open subtasks.
    pub subtasks: Subtasks,
    /// How far the change of an occurrence reaches.
    pub series: Option<Reach>,
}

/// How a reply is made and kept for an Idempotency-Key.
pub struct Once<'a> {
    /// The key.
    pub key: &'a Key,
    /// The reply for a task.
    pub reply: &'a (dyn Fn(&Task) -> Reply + Send + Sync),
}

impl Tasks {
    /// A slice over `db`.
    pub fn new(db: Db, log: EventLog, clock: Clock, ids: Ids, people: Arc<dyn People>) -> Self {
        Self { db, log, clock, ids, people }
    }

    /// The settings of the actor.
    pub async fn home(&self, actor: &Actor) -> Result<Home, Error> {
        Ok(self.people.home(actor.user_id).await?)
    }

    /// What an input of the actor's depends on.
    pub async fn local(&self, actor: &Actor) -> Result<Local, Error> {
        let Home { zone, language, .. } = self.home(actor).await?;
        Ok(Local { zone, language, today: zone::day(self.clock.now(), zone) })
    }

    /// The same, asked for only where it matters.
    pub async fn local_of(&self, actor: &Actor, input: &Input) -> Result<Local, Error> {
        if input.is_local() { self.local(actor).await } else { Ok(Local::NOWHERE) }
    }

    /// Creates a task.
    pub async fn create(&self, actor: &Actor, draft: Draft, once: Option<Once<'_>>) -> Result<Outcome<Task>, Error> {
        if !draft.is_plain() || self.db.engine() == Engine::Sqlite {
            return self.create_placed(actor, draft, once).await;
        }
        let inbox = Place { project: actor.user_id, section: None, parent: None };
        let task = Task::create(self.ids.uuid(), actor.user_id, draft, inbox, self.clock.now());
        let event = self.log.prepare_at(actor, &event::draft(None, &task, Happening::Created), task.created_at)?;
        let reply = once.as_ref().map(|once| (once.key, (once.reply)(&task)));
        let kept = reply.as_ref().map(|(key, reply)| (*key, reply));
        if store::create(&self.db, &task, &event, kept).await?.is_some() {
            self.log.committed(actor.user_id);
            return Ok(Outcome::Done(task));
        }
        if let Some(replay) = self.replayed(actor, once.as_ref()).await? {
            return Ok(replay);
        }
        let mut work = Work::begin(self, actor).await?;
        work.ask_for_room().await?;
        // There is room by now.
        Err(Error::Conflict)
    }

    /// The same where a project, a section, a parent or tags are looked up: under the user's lock.
    async fn create_placed(&self, actor: &Actor, draft: Draft, once: Option<Once<'_>>) -> Result<Outcome<Task>, Error> {
        if let Some(replay) = self.replayed(actor, once.as_ref()).await? {
            return Ok(replay);
        }
        let mut work = Work::begin(self, actor).await?;
        work.ask_for_room().await?;
        let task = work.add(draft).await?;
        self.finish(actor, work, task, once).await
    }

    /// One task.
    pub async fn get(&self, actor: &Actor, id: Uuid) -> Result<Task, Error> {
        let mut exec = self.db.read().await?;
        store::get(&mut exec, actor.user_id, id).await?.ok_or(Error::NotFound)
    }

    async fn moment(&self, actor: &Actor, query: &Query) -> Result<Option<Moment>, Error> {
        if !query.needs_moment() {
            return Ok(None);
        }
        let Home { zone, week_start, .. } = self.home(actor).await?;
        Ok(Some(Moment { now: self.clock.now(), zone, week_start }))
    }

    /// One page of tasks.
    pub async fn list(&self, actor: &Actor, query: &Query) -> Result<Page<Task>, Error> {
        let moment = self.moment(actor, query).await?;
        find::page(&self.db, actor.user_id, query, moment.as_ref()).await
    }

    /// The database's plan for a page of tasks, a line each: what a test, or an operator with a slow listing, looks at.
    pub async fn explain(&self, actor: &Actor, query: &Query) -> Result<Vec<String>, Error> {
        let moment = self.moment(actor, query).await?;
        find::plan(&self.db, actor.user_id, query, moment.as_ref()).await
    }

    /// Replaces everything that a client may set.
    pub async fn replace(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        draft: Draft,
        follow: Follow,
    ) -> Result<Task, Error> {
        self.change(actor, id, expect, &Edit::Replace(Box::new(draft), follow)).await
    }

    /// Merges a patch (RFC 7396) into the present task: `merge` gets it as an input and gives the new one.
    pub async fn patch<M>(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        merge: M,
        follow: Follow,
    ) -> Result<Task, Error>
    where
        M: Fn(Input) -> Result<Draft, Error> + Send + Sync,
    {
        self.change(actor, id, expect, &Edit::Patch(&merge, follow)).await
    }

    /// Moves it to another place, with its subtasks.
    pub async fn shift(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        to: Destination,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        self.change_once(actor, id, expect, once, &Edit::Move(to)).await
    }

    /// Marks it done.
    pub async fn complete(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
        subtasks: Subtasks,
    ) -> Result<Outcome<Task>, Error> {
        self.change_once(actor, id, expect, once, &Edit::Complete(subtasks)).await
    }

    /// Marks it not done.
    pub async fn reopen(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        self.change_once(actor, id, expect, once, &Edit::Reopen).await
    }

    /// Takes it out of the trash, with the subtasks that went there with it.
    pub async fn restore(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        self.change_once(actor, id, expect, once, &Edit::Restore).await
    }

    /// Moves it to the trash, with its subtasks.
    pub async fn delete(&self, actor: &Actor, id: Uuid, expect: &Expect, series: Option<Reach>) -> Result<Task, Error> {
        self.change(actor, id, expect, &Edit::Delete(series)).await
    }

    /// At most `limit` of the user's tasks, the trash included, after `after` in the order of ids: for an export.
    pub async fn export(&self, actor: &Actor, after: Uuid, limit: i64) -> Result<Vec<Task>, Error> {
        Ok(store::export(&self.db, actor.user_id, after, limit).await?)
    }

    /// Deletes everything of a user's, in the transaction that erases the account.
    pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
        write::erase_tags(tx, user_id).await?;
        reminder::store::erase(tx, user_id).await?;
        series::store::erase(tx, user_id).await?;
        transfer::store::erase(tx, user_id).await?;
        collection::store::erase(tx, user_id).await?;
        store::erase(tx, user_id).await
    }

    async fn change(&self, actor: &Actor, id: Uuid, expect: &Expect, edit: &Edit<'_>) -> Result<Task, Error> {
        match self.change_once(actor, id, expect, None, edit).await? {
            Outcome::Done(task) => Ok(task),
            Outcome::Replay(_) => Err(Error::NotFound),
        }
    }

    async fn change_once(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: &Expect,
        once: Option<Once<'_>>,
        edit: &Edit<'_>,
    ) -> Result<Outcome<Task>, Error> {
        if let Some(replay) = self.replayed(actor, once.as_ref()).await? {
            return Ok(replay);
        }
        let mut work = Work::begin(self, actor).await?;
        let before = work.find(id).await?.ok_or(Error::NotFound)?;
        if let Expect::OneOf(versions) = expect
            && !versions.contains(&before.version)
        {
            return Err(Error::Stale { current: before.version });
        }
        work.apply(&before, edit).await?;
        if work.is_empty() {
            work.abandon().await?;
            return Ok(Outcome::Done(before));
        }
        let after = work.after(id).cloned().unwrap_or(before);
        self.finish(actor, work, after, once).await
    }

    /// Commits, and keeps the reply for the key.
    async fn finish(
        &self,
        actor: &Actor,
        work: Work<'_>,
        task: Task,
        once: Option<Once<'_>>,
    ) -> Result<Outcome<Task>, Error> {
        let reply = once.as_ref().map(|once| (once.key, (once.reply)(&task)));
        if work.commit(reply.as_ref().map(|(key, reply)| (*key, reply))).await? {
            return Ok(Outcome::Done(task));
        }
        // Only a key that was taken meanwhile refuses the commit.
        self.replayed(actor, once.as_ref()).await?.ok_or(Error::NotFound)
    }

    async fn replayed(&self, actor: &Actor, once: Option<&Once<'_>>) -> Result<Option<Outcome<Task>>, Error> {
        match once {
            Some(once) => self.seen(actor, once.key).await,
            None => Ok(None),
        }
    }

    pub(super) async fn seen<T>(&self, actor: &Actor, key: &Key) -> Result<Option<Outcome<T>>, Error> {
        match idempotency::find(&self.db, actor.user_id, key).await? {
            Seen::Never => Ok(None),
            Seen::Same(reply) => Ok(Some(Outcome::Replay(reply))),
            Seen::Other => Err(Error::KeyReused),
        }
    }
}
