//! One change of a user's tasks: everything that follows from it, in one transaction.
//!
//! **How.** The user's log is locked first, so that what is read then stays as it is: no other change of the user's comes
//! between. What changes is collected as steps, one event each; [`Work::commit`] writes them in their order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Error;
use super::collection::{Collection, Kind};
use super::event;
use super::input::Draft;
use super::model::{Happening, Step, Task};
use super::place;
use super::reminder;
use super::search;
use super::series::{self, Series};
use super::service::Tasks;
use super::store;
use super::write::{self, Written};
use crate::events::contract::FieldChange;
use crate::events::{self, Event, EventLog};
use crate::http::idempotency::{self, Key, Reply};
use crate::kernel::{Actor, Ids};
use crate::storage::Tx;

/// How many subtasks, of all depths, one change may reach.
pub const TREE_MAX: usize = 5000;

/// Where a change was: its events, its steps that are not written, and the same of series.
pub(super) type Mark = (usize, usize, BTreeMap<Uuid, Option<Series>>);

/// A change under way.
pub(super) struct Work<'a> {
    log: &'a EventLog,
    ids: &'a Ids,
    actor: &'a Actor,
    now: DateTime<Utc>,
    /// What the events of this change have in common.
    change: Uuid,
    tx: Tx,
    events: Vec<Event>,
    steps: Vec<Written>,
    /// What becomes of series.
    series: BTreeMap<Uuid, Option<Series>>,
    /// The same, until the next event tells it.
    untold: Option<FieldChange>,
}

impl<'a> Work<'a> {
    /// Begins a transaction and locks the user's log.
    pub async fn begin(tasks: &'a Tasks, actor: &'a Actor) -> Result<Self, Error> {
        let mut tx = tasks.db.begin().await?;
        tasks.log.lock(&mut tx, actor.user_id).await?;
        let now = tasks.clock.now();
        let (log, ids) = (&tasks.log, &tasks.ids);
        Ok(Self {
            log,
            ids,
            actor,
            now,
            change: ids.uuid(),
            tx,
            events: Vec::new(),
            steps: Vec::new(),
            series: BTreeMap::new(),
            untold: None,
        })
    }

    /// Whose tasks these are.
    pub fn user_id(&self) -> Uuid {
        self.actor.user_id
    }

    /// The transaction.
    pub fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// The instant of the change.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// What the events of this change have in common.
    pub fn change(&self) -> Uuid {
        self.change
    }

    /// A new id.
    pub fn fresh(&self) -> Uuid {
        self.ids.uuid()
    }

    /// A task of the user's, as it is after the steps so far.
    pub async fn find(&mut self, id: Uuid) -> Result<Option<Task>, Error> {
        if let Some(task) = self.after(id) {
            return Ok(Some(task.clone()));
        }
        Ok(store::get(&mut self.tx, self.actor.user_id, id).await?)
    }

    /// All subtasks of a task, of all depths, those in the trash included, and how many levels they are.
    pub async fn descendants(&mut self, id: Uuid) -> Result<(Vec<Task>, usize), Error> {
        let (mut all, mut level, mut depth) = (Vec::new(), vec![id], 0);
        while !level.is_empty() && depth < place::DEPTH_MAX {
            let room = i64::try_from(TREE_MAX - all.len()).unwrap_or(0) + 1;
            let children = store::children(&mut self.tx, self.actor.user_id, &level, room).await?;
            level = children.iter().map(|child| child.id).collect();
            depth += usize::from(!level.is_empty());
            all.extend(children.into_iter().map(|child| self.after(child.id).cloned().unwrap_or(child)));
            if all.len() > TREE_MAX {
                return Err(Error::TooMany { what: "subtasks", limit: TREE_MAX });
            }
        }
        Ok((all, depth))
    }

    /// The tasks of a project or a section as they are after the steps so far, those in the trash left out.
    pub async fn inside(&mut self, of: &Collection) -> Result<Vec<Task>, Error> {
        let room = i64::try_from(TREE_MAX).unwrap_or(i64::MAX - 1) + 1;
        let is_section = of.kind == Kind::Section;
        let found = store::inside(&mut self.tx, self.actor.user_id, of.id, is_section, room).await?;
        if found.len() > TREE_MAX {
            return Err(Error::TooMany { what: "tasks", limit: TREE_MAX });
        }
        let found = found.into_iter().map(|task| self.after(task.id).cloned().unwrap_or(task));
        let stays = |task: &Task| if is_section { task.section_id == Some(of.id) } else { task.project_id == of.id };
        Ok(found.filter(|task| task.deleted_at.is_none() && stays(task)).collect())
    }

    /// Refuses one more task where a user has as many as there may be.
    pub async fn ask_for_room(&mut self) -> Result<(), Error> {
        if store::has_room(&mut self.tx, self.actor.user_id).await? {
            return Ok(());
        }
        Err(Error::Full { what: "tasks", limit: usize::try_from(store::TASKS_MAX).unwrap_or_default() })
    }

    /// Makes a task of a draft.
    pub async fn add(&mut self, draft: Draft) -> Result<Task, Error> {
        let (place, home) = (place::of_draft(self, None, &draft).await?, draft.home);
        let task = Task::create(self.fresh(), self.actor.user_id, draft, place, self.now);
        let task = self.recur(None, task, home, None).await?;
        self.create(task.clone())?;
        Ok(task)
    }

    /// Notes a new task.
    pub fn create(&mut self, task: Task) -> Result<(), Error> {
        self.tell(None, &task, Happening::Created)?;
        self.steps.push(Written { before: None, after: task });
        Ok(())
    }

    /// Notes what becomes of a task, if anything does.
    pub fn step(&mut self, before: &Task, step: Step) -> Result<(), Error> {
        if let Some((after, happening)) = step {
            self.tell(Some(before), &after, happening)?;
            self.steps.push(Written { before: Some(before.clone()), after });
        }
        Ok(())
    }

    fn tell(&mut self, before: Option<&Task>, after: &Task, happening: Happening) -> Result<(), Error> {
        let mut payload = event::payload(before, after);
        payload.change_id = Some(self.change);
        if let Some(change) = self.untold.take() {
            payload.changes.insert("series".to_owned(), change);
        }
        self.note(&event::of(happening, payload))
    }

    /// Notes what else happens: its rows are written by who notes it.
    pub fn note<P: Serialize>(&mut self, draft: &events::Draft<P>) -> Result<(), Error> {
        self.events.push(self.log.prepare(self.actor, draft)?);
        Ok(())
    }

    /// A series of the user's as it is after the changes so far.
    pub async fn series(&mut self, id: Uuid) -> Result<Option<Series>, Error> {
        if let Some(series) = self.series.get(&id) {
            return Ok(series.clone());
        }
        Ok(series::store::get(&mut self.tx, self.actor.user_id, id).await?)
    }

    /// Notes what becomes of a series. The next event tells it.
    pub fn set_series(&mut self, id: Uuid, before: Option<&Series>, after: Option<Series>) {
        let first = self.untold.take().map_or_else(|| json!(before), |untold| untold.before);
        self.untold = Some(FieldChange { before: first, after: json!(after) });
        self.series.insert(id, after);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// What a task is after the steps, if one of them is of it.
    pub fn after(&self, id: Uuid) -> Option<&Task> {
        self.steps.iter().rev().map(|written| &written.after).find(|task| task.id == id)
    }

    /// The tasks that change, each once, as they are after the steps.
    pub fn changed(&self) -> Vec<Task> {
        let ids: BTreeSet<_> = self.steps.iter().map(|written| written.after.id).collect();
        ids.into_iter().filter_map(|id| self.after(id).cloned()).collect()
    }

    /// Writes the steps, their events and the reply that is kept for a key, all or nothing. `false`: the key was used
    /// meanwhile, and nothing is written.
    pub async fn commit(mut self, kept: Option<(&Key, &Reply)>) -> Result<bool, Error> {
        if let Some((key, reply)) = kept
            && !idempotency::store(&mut self.tx, self.actor.user_id, key, reply, self.now).await?
        {
            self.tx.rollback().await?;
            return Ok(false);
        }
        self.log.append_all(&mut self.tx, &self.events).await?;
        if let Err(error) = self.write().await {
            self.tx.rollback().await?;
            return Err(error);
        }
        self.tx.commit().await?;
        self.log.committed(self.actor.user_id);
        Ok(true)
    }

    /// Writes the steps so far: what is read after it has them.
    pub async fn write(&mut self) -> Result<(), Error> {
        let user_id = self.actor.user_id;
        for layer in layers(std::mem::take(&mut self.steps)) {
            if !write::put(&mut self.tx, user_id, &layer).await? {
                return Err(Error::Conflict);
            }
            search::put(&mut self.tx, &layer).await?;
            reminder::store::put(&mut self.tx, user_id, &layer, self.now).await?;
        }
        for (id, series) in std::mem::take(&mut self.series) {
            series::store::put(&mut self.tx, user_id, id, series.as_ref()).await?;
        }
        Ok(())
    }

    /// Where the change is, for [`Work::back`].
    pub fn mark(&self) -> Mark {
        (self.events.len(), self.steps.len(), self.series.clone())
    }

    /// Forgets what was noted since `mark`, of which nothing was written yet.
    pub fn back(&mut self, mark: Mark) {
        self.events.truncate(mark.0);
        self.steps.truncate(mark.1);
        self.series = mark.2;
        self.untold = None;
    }

    /// Writes what there is to write.
    pub async fn close(self) -> Result<(), Error> {
        if self.is_empty() { self.abandon().await } else { self.commit(None).await.map(drop) }
    }

    /// Gives the change up.
    pub async fn abandon(self) -> Result<(), Error> {
        Ok(self.tx.rollback().await?)
    }
}

/// The steps in their order, cut so that no task is twice in one statement.
fn layers(steps: Vec<Written>) -> Vec<Vec<Written>> {
    let (mut layers, mut layer, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for written in steps {
        if !seen.insert(written.after.id) {
            layers.push(std::mem::take(&mut layer));
            seen = BTreeSet::from([written.after.id]);
        }
        layer.push(written);
    }
    if !layer.is_empty() {
        layers.push(layer);
    }
    layers
}
