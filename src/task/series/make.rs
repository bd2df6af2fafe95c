//! Making an occurrence: a task like the template, so many days later, with the subtasks of the one before.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Series, store};
use crate::events::contract::FieldChange;
use crate::kernel::zone;
use crate::recurrence::Occurrence;
use crate::task::change::Work;
use crate::task::model::{Due, Task};
use crate::task::position::Position;
use crate::task::reminder::Reminder;
use crate::task::undo::Refusal;
use crate::task::{Error, place};

/// Subtasks of an occurrence that the next one gets too.
const SUBTASKS_MAX: usize = 500;
/// Dates in a row that tasks may have already, before a series ends for it.
const TAKEN_MAX: usize = 1_000;

/// A date so many days away; where there is none, the same.
fn moved(date: NaiveDate, days: i64) -> NaiveDate {
    let count = Days::new(days.unsigned_abs());
    let other = if days < 0 { date.checked_sub_days(count) } else { date.checked_add_days(count) };
    other.unwrap_or(date)
}

/// The same time of the clock on the wall, so many days away.
fn moved_instant(at: DateTime<Utc>, days: i64, in_zone: Tz) -> DateTime<Utc> {
    let civil = zone::civil(at, in_zone);
    zone::instant(moved(civil.date(), days).and_time(civil.time()), in_zone)
}

impl Task {
    /// A new task like this one, open, so many days later.
    fn again(&self, id: Uuid, days: i64, home: Tz, now: DateTime<Utc>) -> Self {
        let zone = self.due_zone.unwrap_or(home);
        let due = match (self.due_at, self.due_date) {
            (Some(at), _) => Due::at(moved_instant(at, days, zone), zone),
            (None, date) => date.map(|date| Due::on(moved(date, days))),
        };
        let remind = |reminder: &Reminder| match (reminder.minutes_before, &due) {
            (Some(minutes), Some(due)) => Reminder::before(minutes, due, home),
            _ => Some(Reminder { at: moved_instant(reminder.at, days, home), minutes_before: None }),
        };
        let mut reminders: Vec<_> = self.reminders.iter().filter_map(remind).collect();
        reminders.sort_by_key(|reminder| reminder.at);
        reminders.dedup_by_key(|reminder| reminder.at);
        Self {
            id,
            due_date: due.map(|due| due.date),
            due_at: due.and_then(|due| due.time).map(|(at, _)| at),
            start_date: self.start_date.map(|date| moved(date, days)),
            deadline: self.deadline.map(|date| moved(date, days)),
            reminders,
            completed: false,
            completed_at: None,
            deleted_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
            ..self.clone()
        }
    }
}

impl Series {
    /// The template on another date.
    pub fn template_on(&self, date: NaiveDate, now: DateTime<Utc>) -> Task {
        let days = (date - self.last_date).num_days();
        self.template.again(self.template.id, days, self.zone, now)
    }

    /// The series when its last occurrence is that one.
    pub fn at(&self, last: Occurrence, now: DateTime<Utc>) -> Self {
        let template = self.template_on(last.date, now);
        Self { last_date: last.date, last_number: last.number, template, ..self.clone() }
    }

    /// The series that goes no further.
    pub fn end(&self) -> Self {
        Self { ended: true, ..self.clone() }
    }
}

impl Work<'_> {
    /// The series of a task, if it is under way.
    pub async fn series_of(&mut self, task: &Task) -> Result<Option<Series>, Error> {
        let Some(id) = task.series_id else { return Ok(None) };
        Ok(self.series(id).await?.filter(|series| !series.ended))
    }

    /// Where the series of a task waited for it, goes on to the next date and notes that; the next event tells it. Returns
    /// the series as it is then, which [`Work::make`] takes.
    pub async fn following(&mut self, task: &Task) -> Result<Option<Series>, Error> {
        let Some(series) = self.series_of(task).await? else { return Ok(None) };
        if !series.waits() || task.occurrence != Some(series.last_date) {
            return Ok(None);
        }
        let today = zone::day(self.now(), series.zone);
        let next = series.following(today);
        self.go_on(&series, next).await
    }

    /// Notes that a series goes on to a date, or to the first one after it that no task has; without one, that it ended.
    pub async fn go_on(&mut self, series: &Series, next: Option<Occurrence>) -> Result<Option<Series>, Error> {
        let (now, user_id) = (self.now(), self.user_id());
        let (mut after, mut next) = (series.end(), next);
        for _ in 0..TAKEN_MAX {
            let Some(date) = next else { break };
            after = series.at(date, now);
            let found = store::occurrence(self.tx(), user_id, series.id, date.date).await?;
            let found = match found {
                Some(id) => self.find(id).await?,
                None => None,
            };
            if found.is_none_or(|task| task.deleted_at.is_some()) {
                self.set_series(series.id, Some(series), Some(after.clone()));
                return Ok(Some(after));
            }
            next = after.following(date.date);
        }
        self.set_series(series.id, Some(series), Some(after.end()));
        Ok(None)
    }

    /// Makes the occurrence that a series is at, with what the one of `before` had below it.
    pub async fn make(&mut self, series: &Series, before: NaiveDate) -> Result<(), Error> {
        let (now, user_id) = (self.now(), self.user_id());
        if let Some(there) = store::occurrence(self.tx(), user_id, series.id, series.last_date).await?
            && let Some(there) = self.find(there).await?
        {
            // It was made, and an undone completion left it in the trash.
            let back = Task { deleted_at: None, completed: false, completed_at: None, ..there.clone() };
            return self.step(&there, there.become_again(back, now));
        }
        self.ask_for_room().await?;
        let id = self.fresh();
        let occurrence = Some(series.last_date);
        let like = Task { id, user_id, occurrence, series_id: Some(series.id), ..series.template.clone() };
        let at = place::of_restored(self, &like).await?;
        let (project_id, section_id, parent_id) = (at.project, at.section, at.parent);
        // Where the one before may be open still, that has the place.
        let position = if series.waits() { like.position.clone() } else { Position::of(id) };
        let (version, created_at, updated_at) = (1, now, now);
        let task = Task { project_id, section_id, parent_id, position, version, created_at, updated_at, ..like };
        self.create(task.clone())?;
        let previous = store::occurrence(self.tx(), user_id, series.id, before).await?;
        let Some(previous) = previous else { return Ok(()) };
        self.copy_below(previous, &task, (series.last_date - before).num_days(), series.zone).await
    }

    /// The subtasks of one task, open again, below another one.
    async fn copy_below(&mut self, from: Uuid, to: &Task, days: i64, home: Tz) -> Result<(), Error> {
        let now = self.now();
        let (below, _) = self.descendants(from).await?;
        let mut ids = BTreeMap::from([(from, to.id)]);
        for old in below.iter().filter(|old| old.deleted_at.is_none()).take(SUBTASKS_MAX) {
            // Parents come first. What is below something in the trash has none.
            let Some(parent) = old.parent_id.and_then(|parent| ids.get(&parent)).copied() else { continue };
            let id = self.fresh();
            ids.insert(old.id, id);
            let copy = old.again(id, days, home, now);
            let (project_id, section_id, parent_id) = (to.project_id, to.section_id, Some(parent));
            // What is a series of its own goes on by itself.
            let (recurrence, series_id, occurrence) = (None, None, None);
            self.create(Task { project_id, section_id, parent_id, recurrence, series_id, occurrence, ..copy })?;
        }
        Ok(())
    }

    /// Moves a task to the trash, which ends its series.
    pub async fn trash(&mut self, task: &Task) -> Result<(), Error> {
        if let Some(series) = self.series_of(task).await?
            && !task.completed
        {
            self.set_series(series.id, Some(&series), Some(series.end()));
        }
        self.step(task, task.delete(self.now()))
    }

    /// Makes a series what it was before a change, if it is still what the change made it.
    pub async fn series_again(&mut self, change: &FieldChange) -> Result<(), Error> {
        let read = |value: &Value| serde_json::from_value::<Option<Series>>(value.clone()).map_err(|_| Refusal::Gone);
        let (before, after) = (read(&change.before)?, read(&change.after)?);
        let Some(id) = before.as_ref().or(after.as_ref()).map(|series| series.id) else { return Ok(()) };
        let present = self.series(id).await?;
        if json!(present) != change.after {
            return Err(Refusal::Changed(vec!["series".to_owned()]).into());
        }
        self.set_series(id, present.as_ref(), before);
        Ok(())
    }
}
