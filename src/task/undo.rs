//! Undo: the inverse of a change, as a new change.
//!
//! **What is undone.** All events of the change that the number belongs to (they share a `changeId`), the last one first. An
//! edit is undone field by field: each gets what it was before, and only if it still is what the change made it; else
//! nothing is undone, and the caller is told which fields differ. Undoing is a change too: it can be undone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::change::Work;
use super::collection::{self, Collection};
use super::model::Task;
use super::place;
use super::service::Tasks;
use crate::events::contract::FieldChange;
use crate::events::{self, Change};
use crate::http::idempotency::{Key, Outcome, Reply};
use crate::kernel::Actor;

/// How many events of one change are undone together: as many as a change reaches, and those of what they were in.
const EVENTS_MAX: usize = super::change::TREE_MAX + 300;
const PAGE: i64 = 200;

/// What came of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Undone {
    /// The numbers of the changes that were undone.
    #[serde(rename = "undone")]
    pub changes: Vec<i64>,
    /// The tasks that changed, as they are now.
    pub tasks: Vec<Task>,
    /// The projects, sections and saved filters that changed, as they are now; a deleted one is not among them.
    pub collections: Vec<Collection>,
}

/// How a reply is made and kept for an Idempotency-Key.
type Keyed<'a> = Option<(&'a Key, fn(&Undone) -> Reply)>;

/// Why a change cannot be undone.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is of another kind.
    #[error("only changes of tasks, projects, sections and saved filters can be undone")]
    Kind,
    /// It is gone for good.
    #[error("the task left the trash for good")]
    Purged,
    /// It is there no more.
    #[error("what was changed does not exist any more")]
    Gone,
    /// These were changed since.
    #[error("it was changed since: {}", .0.join(", "))]
    Changed(Vec<String>),
    /// There is something in it by now.
    #[error("there are tasks in it: move or delete them first")]
    InUse,
    /// What it was in is gone.
    #[error("the project, the section or the task that it was in is gone")]
    NoPlace,
    /// It would change nothing.
    #[error("it is as it was before already")]
    Nothing,
    /// Its events are too many for one transaction.
    #[error("it is of more than {EVENTS_MAX} events: undo what you need of it by hand")]
    TooMany,
}

/// An event of the log, as far as undoing needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    event_type: String,
    payload: Map<String, Value>,
}

impl Stored {
    fn of(change: &Change) -> Result<Self, Error> {
        serde_json::from_str(change.event.get()).map_err(|error| {
            let reason = format!("stored event {}: {error}", change.seq);
            events::Error::Schema { topic: events::Topic::Todo, reason }.into()
        })
    }

    fn change_id(&self) -> Option<&str> {
        self.payload.get("changeId").and_then(Value::as_str)
    }

    fn id(&self, member: &str) -> Option<Uuid> {
        self.payload.get(member).and_then(Value::as_str).and_then(|id| id.parse().ok())
    }

    fn changes(&self) -> BTreeMap<String, FieldChange> {
        self.payload.get("changes").and_then(|changes| serde_json::from_value(changes.clone()).ok()).unwrap_or_default()
    }
}

impl Tasks {
    /// Undoes the change that the number `seq` of the user's log belongs to.
    pub async fn undo(&self, actor: &Actor, seq: i64, once: Keyed<'_>) -> Result<Outcome<Undone>, Error> {
        if let Some((key, _)) = once
            && let Some(replay) = self.seen(actor, key).await?
        {
            return Ok(replay);
        }
        let set = self.set_of(actor, seq).await?;
        let mut work = Work::begin(self, actor).await?;
        let mut kept = Vec::new();
        for (_, event) in set.iter().rev() {
            match event.event_type.split('_').next() {
                Some("TASK") => undo_task(&mut work, event).await?,
                Some("PROJECT" | "SECTION" | "FILTER" | "TAG") => {
                    kept.retain(|other: &Collection| Some(other.id) != event.id("collectionId"));
                    kept.extend(undo_collection(&mut work, event).await?);
                }
                _ => return Err(Refusal::Kind.into()),
            }
        }
        if work.is_empty() {
            return Err(Refusal::Nothing.into());
        }
        // A tree moves task by task: whether each has its place is asked of what all steps make. In the trash a task keeps
        // the place that it had, also one that is no more.
        for task in work.changed().iter().filter(|task| task.deleted_at.is_none()) {
            place::exists(&mut work, task).await?;
        }
        let changes = set.iter().map(|(seq, _)| *seq).collect();
        let undone = Undone { changes, tasks: work.changed(), collections: kept };
        let reply = once.map(|(key, reply)| (key, reply(&undone)));
        if work.commit(reply.as_ref().map(|(key, reply)| (*key, reply))).await? {
            return Ok(Outcome::Done(undone));
        }
        match once {
            Some((key, _)) => self.seen(actor, key).await?.ok_or(Error::NotFound),
            None => Err(Error::Conflict),
        }
    }

    /// The events of the change that `seq` belongs to, in their order.
    async fn set_of(&self, actor: &Actor, seq: i64) -> Result<Vec<(i64, Stored)>, Error> {
        let read = async |since: i64, limit: i64| -> Result<Vec<(i64, Stored)>, Error> {
            let page = events::changes(&self.db, actor.user_id, since.max(0), limit).await?;
            page.iter().map(|change| Ok((change.seq, Stored::of(change)?))).collect()
        };
        let mut set = read(seq - 1, 1).await?;
        set.retain(|(number, _)| *number == seq);
        let Some((_, event)) = set.first() else { return Err(Error::NotFound) };
        let Some(change) = event.change_id().map(str::to_owned) else { return Ok(set) };
        let same = |event: &Stored| event.change_id() == Some(&change);
        // Those before it.
        while let Some(first) = set.first().map(|(number, _)| *number).filter(|first| *first > 1) {
            let from = (first - 1 - PAGE).max(0);
            let page = read(from, first - 1 - from).await?;
            let whole = page.iter().all(|(_, event)| same(event)) && !page.is_empty();
            let mut page: Vec<_> = page.into_iter().rev().take_while(|(_, event)| same(event)).collect();
            page.reverse();
            set.splice(0..0, page);
            if set.len() > EVENTS_MAX {
                return Err(Refusal::TooMany.into());
            }
            if !whole {
                break;
            }
        }
        // Those after it.
        while let Some(last) = set.last().map(|(number, _)| *number) {
            let page = read(last, PAGE).await?;
            let before = set.len();
            set.extend(page.into_iter().take_while(|(_, event)| same(event)));
            if set.len() > EVENTS_MAX {
                return Err(Refusal::TooMany.into());
            }
            if set.len() - before < usize::try_from(PAGE).unwrap_or_default() {
                break;
            }
        }
        Ok(set)
    }
}

async fn undo_task(work: &mut Work<'_>, event: &Stored) -> Result<(), Error> {
    if event.payload.contains_key("purgedAt") {
        return Err(Refusal::Purged.into());
    }
    let id = event.id("taskId").ok_or(Refusal::Gone)?;
    let now = work.now();
    let task = work.find(id).await?.ok_or(Refusal::Gone)?;
    if event.event_type == "TASK_CREATED" {
        if let Some(series) = event.changes().get("series") {
            work.series_again(series).await?;
        }
        work.step(&task, task.delete(now))?;
        for below in work.descendants(id).await?.0 {
            work.step(&below, below.delete(now))?;
        }
        return Ok(());
    }
    let mut changes = event.changes();
    if let Some(series) = changes.remove("series") {
        work.series_again(&series).await?;
    }
    let after: Task = with(&json!(task), &changes)?;
    let after = Task { user_id: task.user_id, version: task.version, updated_at: task.updated_at, ..after };
    let after = Task { completed: after.completed_at.is_some(), ..after };
    if after.place() != task.place() {
        work.step(&task, task.become_again(after.clone(), now))?;
        return work.follow(&task, after.place()).await;
    }
    work.step(&task, task.become_again(after, now))
}

async fn undo_collection(work: &mut Work<'_>, event: &Stored) -> Result<Option<Collection>, Error> {
    let id = event.id("collectionId").ok_or(Refusal::Gone)?;
    match event.event_type.split('_').nth(1) {
        Some("CREATED") => collection::remove_again(work, id).await.map(|()| None),
        Some("DELETED") => collection::make_again(work, id, &event.event_type, &event.payload).await.map(Some),
        _ => {
            let present = collection::present(work, id).await?.ok_or(Refusal::Gone)?;
            let after: Collection = with(&json!(present), &event.changes())?;
            let after = Collection { user_id: present.user_id, ..after };
            collection::become_again(work, &present, after).await.map(Some)
        }
    }
}

/// The present thing with each changed field as it was before. Fields that were changed since are named.
fn with<T: serde::de::DeserializeOwned>(present: &Value, changes: &BTreeMap<String, FieldChange>) -> Result<T, Error> {
    // Whether a task is done follows from when.
    let told = changes.iter().filter(|(name, _)| *name != "completed" || !changes.contains_key("completedAt"));
    let told: Vec<_> = told.collect();
    let differs = |(name, change): &&(&String, &FieldChange)| present[name.as_str()] != change.after;
    let since: Vec<_> = told.iter().filter(differs).map(|(name, _)| (*name).clone()).collect();
    if !since.is_empty() {
        return Err(Refusal::Changed(since).into());
    }
    let mut fields = present.as_object().cloned().unwrap_or_default();
    fields.extend(told.into_iter().map(|(name, change)| (name.clone(), change.before.clone())));
    // A change of an older version may tell fields that are no more.
    serde_json::from_value(Value::Object(fields)).map_err(|_| Refusal::Gone.into())
}
