//! Housekeeping: what is too old is deleted, a little at a time.
//!
//! **Rule.** Each step is one short transaction over rows that nobody writes any more, and there is a pause after it:
//! the requests go first.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use metrics::{Unit, describe_counter};
use tokio_util::sync::CancellationToken;

use super::compose::App;
use crate::events::consumer::{self, Forgetter};
use crate::events::{self, Pruner};
use crate::http::idempotency;
use crate::kernel::{Clock, Rounds};
use crate::notification::Notifications;
use crate::storage::Db;
use crate::task::Tasks;
use crate::telemetry::metrics::{round_done, round_failed};
use crate::user::Accounts;
use crate::webhook::Webhooks;

/// Rows that were deleted, by table.
const DELETED: &str = "housekeeping_deleted_rows_total";

/// Describes the metric to the installed recorder.
pub(super) fn describe() {
    describe_counter!(DELETED, Unit::Count, "Rows that housekeeping deleted, by table");
}

const PERIOD: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
/// Rows that one statement deletes, at most.
const BATCH: i64 = 1000;
/// Steps of each kind in a round; the next round goes on where this one stopped.
const STEPS: usize = 300;

/// Keeps house.
pub(super) struct Housekeeper {
    db: Db,
    clock: Clock,
    accounts: Accounts,
    tasks: Arc<Tasks>,
    notifications: Notifications,
    /// `None`: for ever.
    history: Option<TimeDelta>,
    inbox: TimeDelta,
    dead_letters: TimeDelta,
    deliveries: TimeDelta,
    pruner: Pruner,
    forgetter: Forgetter,
}

impl Housekeeper {
    pub(super) fn new(app: &App) -> Self {
        let config = &app.config.events;
        Self {
            db: app.db.clone(),
            clock: app.clock.clone(),
            accounts: app.accounts.clone(),
            tasks: Arc::clone(&app.tasks),
            notifications: app.notifications.clone(),
            history: (config.history_days > 0).then(|| TimeDelta::days(config.history_days)),
            inbox: TimeDelta::days(config.inbox_days),
            dead_letters: TimeDelta::days(config.dead_letter_days),
            deliveries: TimeDelta::days(app.config.webhooks.delivery_days),
            pruner: Pruner::new(BATCH),
            forgetter: Forgetter::new(100),
        }
    }

    /// Runs until told to stop. A step that is under way then is undone.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut rounds = Rounds::new(PERIOD, stop.clone());
        while rounds.next().await {
            tokio::select! {
                () = stop.cancelled() => return,
                well = self.round() => if well {
                    round_done("housekeeping");
                },
            }
        }
    }

    /// Whether all of it went well.
    async fn round(&mut self) -> bool {
        let now = self.clock.now();
        let (letters, deliveries) = (now - self.dead_letters, now - self.deliveries);
        let purged = [
            in_batches("idempotency_keys", || idempotency::purge(&self.db, now, BATCH)).await,
            in_batches("sessions", || self.accounts.purge(BATCH)).await,
            report(events::forget_erased(&self.db, 100).await, &[("events", |rows| *rows)]),
            self.prune_history().await,
            in_batches("tasks", || self.tasks.empty_trash(BATCH)).await,
            in_batches("imports", || self.tasks.purge_imports(BATCH)).await,
            in_batches("dead_letters", || consumer::purge_decided(&self.db, letters, BATCH)).await,
            in_batches("notifications", || self.notifications.purge(BATCH)).await,
            in_batches("webhook_deliveries", || Webhooks::purge(&self.db, deliveries, BATCH)).await,
            self.forget_accounts().await,
        ];
        purged.into_iter().all(|well| well)
    }

    async fn prune_history(&mut self) -> bool {
        let Some(kept) = self.history else { return true };
        let before = self.clock.now() - kept;
        for _ in 0..STEPS {
            let pruned = self.pruner.step(&self.db, before).await;
            let more = matches!(pruned, Ok(Some(_)));
            let well = report(pruned, &[("events", |rows| rows.unwrap_or_default())]);
            if !more {
                return well;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    async fn forget_accounts(&mut self) -> bool {
        let before = self.clock.now() - self.inbox;
        let forgotten = self.forgetter.step(&self.db, before).await;
        report(forgotten, &[("inbox", |rows| rows.0), ("dead_letters", |rows| rows.1)])
    }
}

/// Deletes from a table as long as whole batches go. Returns whether it went well.
async fn in_batches<F, E>(table: &'static str, mut step: impl FnMut() -> F) -> bool
where
    F: Future<Output = Result<u64, E>>,
    E: std::fmt::Display,
{
    for _ in 0..STEPS {
        let purged = step().await;
        let full = matches!(purged, Ok(rows) if rows >= BATCH.unsigned_abs());
        let well = report(purged, &[(table, |rows| *rows)]);
        if !full {
            return well;
        }
        tokio::time::sleep(PAUSE).await;
    }
    true
}

/// A table, and how many of its rows a step deleted.
type Deleted<T> = (&'static str, fn(&T) -> u64);

/// Counts what a step deleted. Returns whether it went well.
#[expect(clippy::needless_pass_by_value, reason = "an outcome is reported once")]
fn report<T, E: std::fmt::Display>(outcome: Result<T, E>, tables: &[Deleted<T>]) -> bool {
    if outcome.is_err() {
        round_failed("housekeeping");
    }
    for (table, rows) in tables {
        match &outcome {
            Ok(outcome) => metrics::counter!(DELETED, "table" => *table).increment(rows(outcome)),
            Err(error) => tracing::warn!(%error, table, "old rows could not be deleted: the next round will"),
        }
    }
    outcome.is_ok()
}
