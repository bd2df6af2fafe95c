//! Everything of a user, for other programs.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::interop::{self, Portable, ical};
use crate::kernel::Actor;
use crate::task::collection::{self, Kind};
use crate::task::find::{Query, Sort, State};
use crate::task::model::Task;
use crate::task::{Error, Tasks, store};

/// Tasks that are read at once.
const PAGE: i64 = 1_000;
/// Tasks of a feed.
const FEED_MAX: usize = 5_000;
/// What was done for longer is not in the feed.
const FEED_DONE: TimeDelta = TimeDelta::days(30);

impl Tasks {
    /// Everything of a user's but the trash.
    pub async fn portable(&self, actor: &Actor) -> Result<Portable, Error> {
        let (mut portable, inbox) = (Portable::default(), actor.user_id);
        let mut exec = self.db.read().await?;
        for (order, one) in collection::store::all(&mut exec, inbox).await?.into_iter().enumerate() {
            let (key, name, color, archived) = (one.id.to_string(), one.name, one.color, one.archived_at.is_some());
            match one.kind {
                Kind::Project => portable.projects.push(interop::Project { key, name, color, archived, order }),
                Kind::Section => {
                    let project = one.project_id.filter(|id| *id != inbox).map(|id| id.to_string());
                    portable.sections.push(interop::Section { key, project, name, color, archived, order });
                }
                Kind::Filter => {
                    let query = one.query.unwrap_or_default();
                    portable.filters.push(interop::SavedFilter { key, name, query, color, order });
                }
                Kind::Tag => portable.tags.push(interop::Tag { name, color }),
            }
        }
        drop(exec);
        let (mut all, mut after) = (Vec::new(), Uuid::nil());
        loop {
            let page = store::export(&self.db, inbox, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            all.extend(page.into_iter().filter(|task| task.deleted_at.is_none()));
        }
        all.sort_by(|one, other| (&one.position, one.id).cmp(&(&other.position, other.id)));
        portable.tasks = all.iter().enumerate().map(|(order, task)| told(task, order, inbox)).collect();
        Ok(portable)
    }

    /// What a calendar shows: what is due, and what was done lately.
    pub async fn calendar(&self, user_id: Uuid) -> Result<Vec<ical::Item>, Error> {
        let (mut items, since) = (Vec::new(), self.clock.now() - FEED_DONE);
        for (state, sort) in [(State::Open, Sort::Due), (State::Completed, Sort::Completed)] {
            let mut query = Query { state: Some(state), sort: Some(sort), limit: 500, ..Query::default() };
            loop {
                let page = crate::task::find::page(&self.db, user_id, &query, None).await?;
                let wanted = |task: &&Task| task.completed_at.is_none_or(|at| at > since) && task.due_date.is_some();
                let before = items.len();
                items.extend(page.results.iter().filter(wanted).map(item));
                // In both orders what comes after a page without one is none either.
                query.cursor = page.next.filter(|_| items.len() > before && items.len() < FEED_MAX);
                if query.cursor.is_none() {
                    break;
                }
            }
        }
        Ok(items)
    }
}

fn due(task: &Task) -> Option<interop::Due> {
    task.due_date.map(|date| interop::Due { date, time: task.due_at.zip(task.due_zone) })
}

fn repeat(task: &Task) -> Option<interop::Repeat> {
    let recurrence = task.recurrence.as_ref()?;
    let from_completion = recurrence.from == crate::task::series::From::Completion;
    Some(interop::Repeat { rule: Some(recurrence.rule.to_string()), phrase: None, from_completion })
}

fn reminders(task: &Task) -> Vec<interop::Reminder> {
    let told = |reminder: &crate::task::Reminder| match reminder.minutes_before {
        Some(minutes) => interop::Reminder { at: None, minutes_before: Some(minutes) },
        None => interop::Reminder { at: Some(reminder.at), minutes_before: None },
    };
    task.reminders.iter().map(told).collect()
}

fn rank(task: &Task) -> u8 {
    u8::try_from(task.priority.rank()).unwrap_or_default()
}

fn told(task: &Task, order: usize, inbox: Uuid) -> interop::Task {
    interop::Task {
        key: task.id.to_string(),
        title: task.title.clone(),
        description: task.description.clone(),
        priority: rank(task),
        project: Some(task.project_id).filter(|id| *id != inbox).map(|id| id.to_string()),
        section: task.section_id.map(|id| id.to_string()),
        parent: task.parent_id.map(|id| id.to_string()),
        order,
        tags: task.tags.clone(),
        due: due(task),
        start_date: task.start_date,
        deadline: task.deadline,
        completed_at: task.completed_at,
        created_at: Some(task.created_at),
        recurrence: repeat(task),
        reminders: reminders(task),
        ..interop::Task::default()
    }
}

fn item(task: &Task) -> ical::Item {
    ical::Item {
        id: task.id.to_string(),
        title: task.title.clone(),
        description: task.description.clone(),
        priority: rank(task),
        tags: task.tags.clone(),
        due: due(task),
        start_date: task.start_date,
        completed_at: task.completed_at,
        created_at: task.created_at,
        updated_at: task.updated_at,
        parent: task.parent_id.map(|id| id.to_string()),
        recurrence: repeat(task),
        reminders: reminders(task),
    }
}

/// When the export is made.
pub(super) fn own(portable: &Portable, now: DateTime<Utc>) -> String {
    interop::own::write(portable, now)
}
