//! Editing an occurrence: the caller says how far an edit reaches.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use chrono_tz::Tz;

use super::{Series, store};
use crate::kernel::zone;
use crate::task::Error;
use crate::task::change::Work;
use crate::task::input::Invalid;
use crate::task::model::{Due, Task};
use crate::task::reminder::Reminder;

/// How far a change of an occurrence reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// This occurrence alone.
    This,
    /// This one, and those that come after it.
    Following,
    /// These, and the open ones before it too.
    All,
}

/// Open occurrences that one change may reach.
const OPEN_MAX: usize = 400;

impl Work<'_> {
    /// What becomes of a new or an edited task and its series, before that is noted.
    pub async fn recur(
        &mut self,
        before: Option<&Task>,
        after: Task,
        home: Tz,
        reach: Option<Reach>,
    ) -> Result<Task, Error> {
        let under_way = match before {
            Some(before) => self.series_of(before).await?.map(|series| (before, series)),
            None => None,
        };
        match (under_way, &after.recurrence) {
            (Some((before, series)), Some(_)) => self.edit_series(before, after, &series, reach).await,
            // It recurs no more.
            (under_way, None) => {
                if let Some((_, series)) = under_way {
                    self.set_series(series.id, Some(&series), Some(series.end()));
                }
                Ok(Task { series_id: None, occurrence: None, ..after })
            }
            // Its series ended; it recurs again only if it is said how.
            (None, recurrence) if before.is_some_and(|before| before.recurrence == *recurrence) => Ok(after),
            (None, Some(_)) => {
                let id = self.fresh();
                let after = Task { series_id: Some(id), occurrence: after.due_date, ..after };
                self.set_series(id, None, Series::of(id, &after, home));
                Ok(after)
            }
        }
    }

    async fn edit_series(
        &mut self,
        before: &Task,
        after: Task,
        series: &Series,
        reach: Option<Reach>,
    ) -> Result<Task, Error> {
        let rule_changes = before.recurrence != after.recurrence;
        if !rule_changes && !differs(before, &after) {
            return Ok(after);
        }
        let reach = match (reach, rule_changes) {
            (Some(Reach::This), true) => {
                let says = "how it recurs is not of one occurrence: say series=following or series=all";
                return Err(Error::Invalid(Invalid::one("/recurrence", "contradiction", says)));
            }
            (None, false) => return Err(Error::Series),
            (reach, _) => reach.unwrap_or(Reach::Following),
        };
        if reach == Reach::This {
            return Ok(after);
        }
        let restarts = rule_changes || before.due_date != after.due_date;
        let mut after = after;
        if restarts {
            let taken = match after.due_date {
                Some(date) => store::occurrence(self.tx(), before.user_id, series.id, date).await?,
                None => None,
            };
            if taken.is_none() {
                after.occurrence = after.due_date;
            }
        }
        let edited = series.edited(&after, restarts, self.now());
        self.set_series(series.id, Some(series), Some(edited));
        self.reach_others(before, &after, restarts, reach).await?;
        Ok(after)
    }

    /// The other open occurrences: those after it are made again where the dates change, and have what changes else.
    async fn reach_others(&mut self, before: &Task, after: &Task, restarts: bool, reach: Reach) -> Result<(), Error> {
        let now = self.now();
        for other in self.open_occurrences(before).await? {
            let is_later = other.occurrence > before.occurrence;
            if is_later && restarts {
                self.step(&other, other.delete(now))?;
            } else if is_later || reach == Reach::All {
                self.step(&other, other.become_again(like(&other, before, after), now))?;
            }
        }
        Ok(())
    }

    /// What an occurrence's deletion reaches: its series, and other open occurrences.
    pub async fn drop_occurrence(&mut self, task: &Task, reach: Option<Reach>) -> Result<Option<Series>, Error> {
        let Some(series) = self.series_of(task).await?.filter(|_| !task.completed && task.deleted_at.is_none()) else {
            return Ok(None);
        };
        let reach = reach.ok_or(Error::Series)?;
        if reach == Reach::This {
            return self.following(task).await;
        }
        self.set_series(series.id, Some(&series), Some(series.end()));
        let now = self.now();
        for other in self.open_occurrences(task).await? {
            if reach == Reach::All || other.occurrence > task.occurrence {
                self.step(&other, other.delete(now))?;
            }
        }
        Ok(None)
    }

    /// The other open occurrences of a task's series.
    async fn open_occurrences(&mut self, of: &Task) -> Result<Vec<Task>, Error> {
        let Some(series) = of.series_id else { return Ok(Vec::new()) };
        let limit = i64::try_from(OPEN_MAX).unwrap_or(i64::MAX - 1) + 1;
        let ids = store::open(self.tx(), of.user_id, series, limit).await?;
        if ids.len() > OPEN_MAX {
            return Err(Error::TooMany { what: "occurrences", limit: OPEN_MAX });
        }
        let mut others = Vec::new();
        for id in ids.into_iter().filter(|id| *id != of.id) {
            others.extend(self.find(id).await?);
        }
        Ok(others)
    }
}

impl Series {
    /// The series after an edit of an occurrence that reaches further; `restarts`: its dates are others from there on.
    fn edited(&self, after: &Task, restarts: bool, now: chrono::DateTime<chrono::Utc>) -> Self {
        let zone = after.due_zone.unwrap_or(self.zone);
        let Some(restarted) = Self::of(self.id, after, zone) else { return self.end() };
        if restarts {
            return restarted;
        }
        let there = Self { last_date: after.due_date.unwrap_or(self.last_date), ..restarted.clone() };
        let template = there.template_on(self.last_date, now);
        Self { recurrence: restarted.recurrence, template, zone, ..self.clone() }
    }
}

/// Whether an edit is of what an occurrence has from its series.
fn differs(before: &Task, after: &Task) -> bool {
    let told = |task: &Task| Task {
        position: before.position.clone(),
        completed: false,
        completed_at: None,
        version: 0,
        updated_at: before.updated_at,
        ..task.clone()
    };
    told(before) != told(after)
}

/// Another occurrence with what changes between these two, its date apart.
fn like(other: &Task, before: &Task, after: &Task) -> Task {
    let mut task = other.clone();
    macro_rules! follow {
        ($($field:ident)+) => {$(
            if before.$field != after.$field {
                task.$field.clone_from(&after.$field);
            }
        )+};
    }
    follow!(title description priority tags project_id section_id parent_id);
    let time = |task: &Task| task.due_at.zip(task.due_zone).map(|(at, zone)| (zone::civil(at, zone).time(), zone));
    if time(before) != time(after) {
        let due = match (time(after), task.due_date) {
            (Some((time, zone)), Some(date)) => Due::at(zone::instant(date.and_time(time), zone), zone),
            (_, date) => date.map(Due::on),
        };
        task.due_date = due.map(|due| due.date);
        task.due_at = due.and_then(|due| due.time).map(|(at, _)| at);
        task.due_zone = due.and_then(|due| due.time).map(|(_, zone)| zone);
    }
    if before.reminders != after.reminders {
        let due = task.due_date.map(|date| Due { date, time: task.due_at.zip(task.due_zone) });
        let home = after.due_zone.unwrap_or(Tz::UTC);
        let remind = |reminder: &Reminder| Reminder::before(reminder.minutes_before?, due.as_ref()?, home);
        task.reminders = after.reminders.iter().filter_map(remind).collect();
        task.reminders.sort_by_key(|reminder| reminder.at);
    }
    task
}
