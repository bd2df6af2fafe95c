//! The consumer: what events do to the figures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use futures::future::BoxFuture;
use serde::Deserialize;
use uuid::Uuid;

use super::book::Book;
use super::model::Facts;
use super::rows::{DayRow, SinceRow, TaskKey, TaskRow, ZoneRow};
use super::{metrics as names, store};
use crate::events::Topic;
use crate::events::consumer::{self, Delivery, Failure, Handler};
use crate::events::contract::{ProfileUpdated, Registered, TaskPayload};
use crate::storage::{self, Tx};

/// Keeps the figures of all users.
#[derive(Clone, Copy, Debug)]
pub struct Projector;

impl Handler for Projector {
    fn name(&self) -> &'static str {
        "todo-insights"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Todo, Topic::User]
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, events: &'a [Delivery]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mut users = BTreeMap::new();
            for event in events {
                let as_of = users.entry(event.user_id).or_insert(None);
                *as_of = (*as_of).max(Some(event.occurred_at));
            }
            // The lock comes first: what another transaction did to a user before it is seen after it.
            let mut generations = store::lock(tx, &users).await?;
            for user_id in erased(tx, events).await? {
                store::forget(tx, user_id).await?;
                generations.remove(&user_id);
            }
            let counts = write(tx, &generations, events).await?;
            // Nothing can fail after this but the commit.
            metrics::counter!(names::CREATED).increment(counts.created);
            metrics::counter!(names::COMPLETED).increment(counts.completed);
            Ok(())
        })
    }
}

/// The users whose account is gone. Events of their tasks may come after that of the erasure.
async fn erased(tx: &mut Tx, events: &[Delivery]) -> Result<BTreeSet<Uuid>, Failure> {
    let users: BTreeSet<_> = events.iter().map(|event| event.user_id).collect();
    let mut erased = consumer::erased(tx, &users).await?;
    let told = events.iter().filter(|event| event.event_type == "USER_ERASED");
    erased.extend(told.map(|event| event.user_id));
    Ok(erased)
}

/// What an event says.
enum Said {
    Zone(String),
    Task(Uuid, Facts),
}

/// `None`: nothing that matters here. Event types that are not known are skipped, as the contract asks.
fn said(event: &Delivery) -> Result<Option<Said>, Failure> {
    Ok(match (event.topic, event.event_type.as_str()) {
        (Topic::Todo, "TASK_CREATED" | "TASK_UPDATED" | "TASK_COMPLETED" | "TASK_DELETED") => {
            let task = TaskPayload::deserialize(&event.payload).map_err(Failure::unreadable)?;
            let at = event.occurred_at;
            let deleted = event.event_type == "TASK_DELETED";
            let facts = Facts {
                seq: event.seq,
                created_at: task.created_at.unwrap_or(at),
                due_date: task.due_date,
                completed_at: task.completed_at.or(task.completed.then_some(at)),
                deleted_at: task.deleted_at.or(deleted.then_some(at)),
            };
            Some(Said::Task(task.task_id, facts))
        }
        (Topic::User, "USER_REGISTERED") => {
            Some(Said::Zone(Registered::deserialize(&event.payload).map_err(Failure::unreadable)?.time_zone))
        }
        (Topic::User, "USER_PROFILE_UPDATED") => {
            ProfileUpdated::deserialize(&event.payload).map_err(Failure::unreadable)?.time_zone.map(Said::Zone)
        }
        _ => None,
    })
}

/// How many tasks were new, and how many were done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    created: u64,
    completed: u64,
}

/// Writes what the events change of these users' generations. Their rows are locked.
pub(super) async fn write(
    tx: &mut Tx,
    generations: &BTreeMap<Uuid, i64>,
    events: &[Delivery],
) -> Result<Counts, Failure> {
    let (mut zones, mut tasks) = (Vec::new(), Vec::new());
    for event in events {
        let user_id = event.user_id;
        let Some(generation) = generations.get(&user_id).copied() else { continue };
        match said(event)? {
            Some(Said::Zone(time_zone)) => {
                zones.push(ZoneRow { user_id, generation, seq: event.seq, since: event.occurred_at, time_zone });
            }
            Some(Said::Task(task_id, facts)) => tasks.push((TaskKey { user_id, generation, task_id }, facts)),
            None => {}
        }
    }
    if zones.is_empty() && tasks.is_empty() {
        return Ok(Counts::default());
    }
    let mut books = open(tx, generations, &zones, &tasks).await?;
    if !zones.is_empty() {
        store::set_zones(tx, &zones).await?;
    }
    for zone in &zones {
        books.entry(zone.user_id).or_default().zone(zone.since, zone.seq, &zone.time_zone);
    }
    for (key, facts) in tasks {
        books.entry(key.user_id).or_default().task(key.task_id, facts);
    }
    Ok(close(tx, generations, books).await?)
}

/// The books of the users with what is known: their zones, the tasks that are spoken of, and those that a new zone may
/// move to another day.
async fn open(
    tx: &mut Tx,
    generations: &BTreeMap<Uuid, i64>,
    zones: &[ZoneRow],
    tasks: &[(TaskKey, Facts)],
) -> Result<BTreeMap<Uuid, Book>, storage::Error> {
    let mut books: BTreeMap<Uuid, Book> = BTreeMap::new();
    for known in store::zones(tx, generations).await? {
        books.entry(known.user_id).or_default().zone(known.since, known.seq, &known.time_zone);
    }
    let mut known = Vec::new();
    if !zones.is_empty() {
        let since = |zone: &ZoneRow| {
            let since = books.get(&zone.user_id).map_or(DateTime::UNIX_EPOCH, |book| book.moved_by(zone.since));
            SinceRow { user_id: zone.user_id, generation: zone.generation, since }
        };
        known = store::tasks_since(tx, zones.iter().map(since)).await?;
    }
    if !tasks.is_empty() {
        known.extend(store::tasks(tx, tasks.iter().map(|(key, _)| key)).await?);
    }
    for row in known {
        let (user_id, task_id) = (row.user_id, row.task_id);
        let (facts, counted) = row.parts();
        books.entry(user_id).or_default().known(task_id, facts, counted);
    }
    Ok(books)
}

async fn close(
    tx: &mut Tx,
    generations: &BTreeMap<Uuid, i64>,
    books: BTreeMap<Uuid, Book>,
) -> Result<Counts, storage::Error> {
    let (mut tasks, mut days, mut counts) = (Vec::new(), Vec::new(), Counts::default());
    for (user_id, book) in books {
        let generation = generations.get(&user_id).copied().unwrap_or_default();
        let settled = book.settle();
        let row = |(id, facts, counted)| TaskRow::new(user_id, generation, id, &facts, &counted);
        tasks.extend(settled.tasks.into_iter().map(row));
        days.extend(settled.days.into_iter().map(|(day, tally)| DayRow {
            user_id,
            generation,
            day,
            created: tally.created,
            completed: tally.completed,
        }));
        counts.created += settled.created;
        counts.completed += settled.completed;
    }
    if !tasks.is_empty() {
        store::set_tasks(tx, &tasks).await?;
    }
    if !days.is_empty() {
        store::add_days(tx, &days).await?;
    }
    Ok(counts)
}
