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
use super::input::{self, Input};
use super::model::{Happening, Place, Step, Task};
use super::place::{self, Destination};
use super::reminder;
use super::series::{self, Reach, Series};
use super::service::{Follow, Subtasks, Tasks};
use super::store;
use super::write::{self, Written};
use crate::events::contract::FieldChange;
use crate::events::{Draft, Event, EventLog};
use crate::http::idempotency::{self, Key, Reply};
use crate::kernel::{Actor, Ids};
use crate::storage::Tx;

/// How many subtasks, of all depths, one change may reach.
pub const TREE_MAX: usize = 5000;

/// What is done to one task.
pub(super) enum Edit<'a> {
    /// Everything that a client may set is replaced.
    Replace(Box<input::Draft>, Follow),
    /// The same, made of what it is.
    Patch(&'a (dyn Fn(Input) -> Result<input::Draft, Error> + Send + Sync), Follow),
    /// It is moved.
    Move(Destination),
    /// It is done.
    Complete(Subtasks),
    /// It is not done.
    Reopen,
    /// It goes to the trash, and its subtasks with it.
    Delete(Option<Reach>),
    /// It comes out of the trash, and what went there with it.
    Restore,
}

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
    pub fn note<P: Serialize>(&mut self, draft: &Draft<P>) -> Result<(), Error> {
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

    /// What is done to a task, and what follows for its subtasks.
    pub async fn apply(&mut self, before: &Task, edit: &Edit<'_>) -> Result<(), Error> {
        let now = self.now;
        match edit {
            Edit::Replace(draft, follow) => self.replace(before, (**draft).clone(), *follow).await,
            Edit::Patch(merge, follow) => self.replace(before, merge(before.as_input())?, *follow).await,
            Edit::Move(to) => {
                if before.deleted_at.is_some() {
                    return Err(super::model::InTrash.into());
                }
                let (place, position) = place::of_move(self, before, to).await?;
                self.step(before, before.shift(place, position, now))?;
                self.follow(before, place).await
            }
            Edit::Complete(subtasks) => self.finish(before, before.complete(now)?, *subtasks).await,
            Edit::Reopen => {
                self.step(before, before.reopen(now)?)?;
                Ok(())
            }
            Edit::Delete(reach) => self.delete(before, *reach).await,
            Edit::Restore => self.restore(before).await,
        }
    }

    async fn replace(&mut self, before: &Task, draft: input::Draft, follow: Follow) -> Result<(), Error> {
        let place = place::of_draft(self, Some(before), &draft).await?;
        let (done, home) = (draft.completed && !before.completed, draft.home);
        let step = match before.replace(draft, place, self.now)? {
            Some((after, happening)) => Some((self.recur(Some(before), after, home, follow.series).await?, happening)),
            None => None,
        };
        if done {
            self.finish(before, step, follow.subtasks).await?;
        } else {
            self.step(before, step)?;
        }
        self.follow(before, place).await
    }

    /// A step that makes a task done: what is below it, and the next occurrence.
    async fn finish(&mut self, before: &Task, step: Step, subtasks: Subtasks) -> Result<(), Error> {
        let next = match &step {
            Some((after, _)) if !before.completed => self.following(after).await?,
            _ => None,
        };
        let date = step.as_ref().and_then(|(after, _)| after.occurrence);
        self.step(before, step)?;
        self.complete_below(before, subtasks).await?;
        match (next, date) {
            (Some(next), Some(date)) => self.make(&next, date).await,
            _ => Ok(()),
        }
    }

    async fn delete(&mut self, before: &Task, reach: Option<Reach>) -> Result<(), Error> {
        let next = self.drop_occurrence(before, reach).await?;
        self.step(before, before.delete(self.now))?;
        for task in self.descendants(before.id).await?.0 {
            self.trash(&task).await?;
        }
        if let (Some(next), Some(date)) = (next, before.occurrence) {
            self.make(&next, date).await?;
        }
        Ok(())
    }

    /// The subtasks go where their task goes.
    pub async fn follow(&mut self, before: &Task, place: Place) -> Result<(), Error> {
        if (place.project, place.section) == (before.project_id, before.section_id) {
            return Ok(());
        }
        for task in self.descendants(before.id).await?.0 {
            let step = task.shift(Place { parent: task.parent_id, ..place }, task.position.clone(), self.now);
            self.step(&task, step)?;
        }
        Ok(())
    }

    async fn complete_below(&mut self, before: &Task, subtasks: Subtasks) -> Result<(), Error> {
        if subtasks == Subtasks::Keep || before.completed && subtasks == Subtasks::Ask {
            return Ok(());
        }
        let below = self.descendants(before.id).await?.0;
        let open: Vec<_> = below.iter().filter(|task| !task.completed && task.deleted_at.is_none()).collect();
        if subtasks == Subtasks::Ask && !open.is_empty() {
            return Err(Error::OpenSubtasks { count: open.len() });
        }
        for task in open {
            let next = self.following(task).await?;
            let step = task.complete(self.now)?;
            self.step(task, step)?;
            if let (Some(next), Some(date)) = (next, task.occurrence) {
                self.make(&next, date).await?;
            }
        }
        Ok(())
    }

    async fn restore(&mut self, before: &Task) -> Result<(), Error> {
        let Some(deleted_at) = before.deleted_at else { return Ok(()) };
        let place = place::of_restored(self, before).await?;
        self.step(before, before.restore(place, self.now))?;
        for task in self.descendants(before.id).await?.0 {
            // What went to the trash at another time was deleted for itself.
            if task.deleted_at == Some(deleted_at) {
                let step = task.restore(Place { parent: task.parent_id, ..place }, self.now);
                self.step(&task, step)?;
            }
        }
        Ok(())
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
        for layer in layers(self.steps) {
            if !write::put(&mut self.tx, self.actor.user_id, &layer).await? {
                self.tx.rollback().await?;
                return Err(Error::Conflict);
            }
            reminder::store::put(&mut self.tx, self.actor.user_id, &layer, self.now).await?;
        }
        for (id, series) in &self.series {
            series::store::put(&mut self.tx, self.actor.user_id, *id, series.as_ref()).await?;
        }
        self.tx.commit().await?;
        self.log.committed(self.actor.user_id);
        Ok(true)
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
