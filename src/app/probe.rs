//! The synthetic probe: a task that nobody needs, made now and then and followed until its event had its effect.
//!
//! **What it shows.** The database takes a change and shows it, a relay publishes the event, the broker hands it over, and a
//! consumer applies it: the whole way of a change, also at night when nobody makes any.
//!
//! **Rule.** It asks the rooms and not the HTTP API, so it is in none of the service's objectives; its account is one that
//! nobody can sign in to. It takes its task away again, and its events after a day.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::compose::{App, Failure, says};
use crate::events::consumer::{self, Handler as _};
use crate::events::{self, Pruner, Topic};
use crate::http::idempotency::Outcome;
use crate::insights::Projector;
use crate::kernel::{Actor, Rounds};
use crate::task::{Input, Local, Task};

/// Runs by outcome.
const RUNS: &str = "synthetic_probe_runs_total";
/// Time from the change to the consumer's effect.
const DURATION: &str = "synthetic_probe_duration_seconds";
/// When it succeeded last, seconds since 1970.
const LAST: &str = "synthetic_probe_last_success_timestamp_seconds";

/// Longer than this is a failure: ten times what the objective of freshness allows nobody is to wait.
const LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// Describes them to the installed recorder.
pub(super) fn describe() {
    describe_counter!(RUNS, Unit::Count, "Runs of the synthetic probe: succeeded or failed");
    describe_histogram!(DURATION, Unit::Seconds, "Time from the probe's change to its effect in a consumer");
    describe_gauge!(LAST, Unit::Seconds, "When the synthetic probe succeeded last, as Unix time");
    for outcome in ["succeeded", "failed"] {
        metrics::counter!(RUNS, "outcome" => outcome).absolute(0);
    }
}

/// Runs every `telemetry.probe_seconds` until told to stop.
pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let period = Duration::from_secs(app.config.telemetry.probe_seconds);
    let mut rounds = Rounds::new(period, stop.clone());
    while rounds.next().await {
        let run = tokio::time::timeout(LIMIT, once(&app));
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = run => outcome.unwrap_or_else(|_| Err(format!("no effect within {} s", LIMIT.as_secs()))),
        };
        match outcome {
            Ok(took) => {
                metrics::counter!(RUNS, "outcome" => "succeeded").increment(1);
                metrics::histogram!(DURATION).record(took.as_secs_f64());
                let now = u32::try_from(app.clock.now().timestamp()).unwrap_or_default();
                metrics::gauge!(LAST).set(f64::from(now));
            }
            Err(cause) => {
                metrics::counter!(RUNS, "outcome" => "failed").increment(1);
                tracing::warn!(cause, "the synthetic probe failed");
            }
        }
    }
}

async fn once(app: &App) -> Result<Duration, Failure> {
    let actor = app.accounts.probe().await.map_err(says)?;
    let started = Instant::now();
    let task = make(app, &actor).await?;
    app.tasks.get(&actor, task).await.map_err(says)?;
    let seq = events::last_seq(&app.db, actor.user_id).await.map_err(says)?.unwrap_or(i64::MAX);
    while consumer::taken(&app.db, Projector.name(), Topic::Todo, actor.user_id).await.map_err(says)? < seq {
        tokio::time::sleep(LOOK).await;
    }
    let took = started.elapsed();
    app.tasks.discard(&actor, task).await.map_err(says)?;
    let before = app.clock.now() - TimeDelta::days(1);
    Pruner::new(1000).of_user(&app.db, actor.user_id, before).await.map_err(says)?;
    Ok(took)
}

async fn make(app: &App, actor: &Actor) -> Result<Uuid, Failure> {
    let input = Input { title: Some("Synthetic probe".to_owned()), ..Input::default() };
    let draft = input.parse(Local::NOWHERE).map_err(|_| "the probe's task is not one".to_owned())?;
    match app.tasks.create(actor, draft, None).await.map_err(says)? {
        Outcome::Done(Task { id, .. }) => Ok(id),
        Outcome::Replay(_) => Err("the probe's task was not made".to_owned()),
    }
}
