//! The worker: fires what is due. Any number of processes share the work.
//!
//! **Rule.** What is due is claimed by a lease in the database, many at once; then each user's are fired in one transaction
//! that writes their events and deletes their rows, where the claim is still this worker's. A process that dies leaves
//! its claims to another one when their lease ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use metrics::{Unit, describe_counter, describe_histogram};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::{self, DueReminder};
use crate::events::contract::{ReminderFired, UserEvent};
use crate::events::{self, Draft};
use crate::kernel::{Actor, Channel, Scopes};
use crate::task::model::Task;
use crate::task::rounds::drain;
use crate::task::{Error, Tasks, store as tasks};
use crate::telemetry::metrics::round_failed;

/// How often what is due is looked for.
const LOOK: Duration = Duration::from_millis(200);
/// How many are claimed at once (the more, the more a user's transaction has of them where many are due), and how many
/// users' are fired side by side: few, so that the API's requests go first.
const BATCH: i64 = 2000;
const SIDE_BY_SIDE: usize = 4;
/// How long a claim is good for.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// What fires later than this says so.
const LATE: TimeDelta = TimeDelta::seconds(60);

/// Reminders by whether they were late.
const FIRED: &str = "task_reminders_fired_total";
/// Time from the instant of a reminder to its event.
const LATENESS: &str = "task_reminder_lateness_seconds";

/// Tells the recorder what they mean.
pub fn describe() {
    describe_counter!(FIRED, Unit::Count, "Reminders that fired, by whether they were more than a minute late");
    describe_histogram!(LATENESS, Unit::Seconds, "Time from the instant of a reminder to its event");
}

/// A worker that fires reminders.
pub struct Reminders(Arc<Tasks>);

impl Reminders {
    /// A worker over this slice.
    pub fn new(tasks: Arc<Tasks>) -> Self {
        Self(tasks)
    }

    /// Runs until told to stop, and to the end of what is under way then.
    pub async fn run(self, stop: CancellationToken) {
        drain(LOOK, stop, "reminders", || async { Ok(self.0.fire_due().await? > 0) }).await;
    }
}

impl Tasks {
    /// Fires some of what is due. Returns how many reminders were claimed.
    pub async fn fire_due(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        // On SQLite a transaction would hold up every writer for a look in vain.
        if !store::is_due(&self.db, now).await? {
            return Ok(0);
        }
        let claim = self.ids.uuid();
        let mut tx = self.db.begin().await?;
        let due = store::claim(&mut tx, now, BATCH, claim, now + LEASE).await?;
        tx.commit().await?;
        let mut users: BTreeMap<Uuid, Vec<&DueReminder>> = BTreeMap::new();
        for reminder in &due {
            users.entry(reminder.user_id).or_default().push(reminder);
        }
        let fire = async |user_id: &Uuid| {
            if let Err(error) = self.fire(*user_id, claim).await {
                round_failed("reminders");
                tracing::warn!(%error, "reminders could not be fired: they are when their claim ends");
            }
        };
        futures::stream::iter(users.keys()).for_each_concurrent(SIDE_BY_SIDE, fire).await;
        Ok(due.len())
    }

    /// Fires those of a user that are claimed.
    async fn fire(&self, user_id: Uuid, claim: Uuid) -> Result<(), Error> {
        let actor = Actor { user_id, session_id: None, channel: Channel::Scheduler, scopes: Scopes::NONE };
        let mut tx = self.db.begin().await?;
        match self.log.lock(&mut tx, user_id).await {
            // The account is erased: so are its reminders.
            Err(events::Error::NoLog) => return Ok(tx.rollback().await?),
            locked => locked?,
        }
        let fired = store::fire(&mut tx, user_id, claim).await?;
        let now = self.clock.now();
        let ids: Vec<_> = fired.iter().map(|(task_id, _)| *task_id).collect();
        let tasks: HashMap<_, _> =
            tasks::some(&mut tx, user_id, &ids).await?.into_iter().map(|task| (task.id, task)).collect();
        let mut events = Vec::new();
        for (task_id, at) in &fired {
            if let Some(task) = tasks.get(task_id) {
                events.push(self.log.prepare(&actor, &event(task, *at, now))?);
            }
        }
        self.log.append_all(&mut tx, &events).await?;
        tx.commit().await?;
        self.log.committed(user_id);
        for (_, at) in &fired {
            let late = if now - *at > LATE { "true" } else { "false" };
            metrics::counter!(FIRED, "late" => late).increment(1);
            metrics::histogram!(LATENESS).record((now - *at).as_seconds_f64().max(0.0));
        }
        Ok(())
    }
}

fn event(task: &Task, at: DateTime<Utc>, now: DateTime<Utc>) -> Draft<impl serde::Serialize + use<>> {
    let minutes = task.reminders.iter().find(|reminder| reminder.at == at).and_then(|reminder| reminder.minutes_before);
    let lateness = (now - at).max(TimeDelta::zero());
    let fired = ReminderFired {
        task_id: task.id,
        task_title: task.title.clone(),
        remind_at: at,
        minutes_before: minutes,
        due_date: task.due_date,
        due_at: task.due_at,
        due_zone: task.due_zone.map(|zone| zone.name().to_owned()),
        late_seconds: (lateness > LATE).then(|| lateness.num_seconds()),
    };
    Draft::of(task.id, UserEvent::ReminderFired(fired))
}
