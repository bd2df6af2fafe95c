//! The workers of a process: each by name, with what its end means.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::compose::{App, Failure};
use super::housekeeping::Housekeeper;
use super::probe;
use super::schemas::SchemaWatch;
use super::serve::Roles;
use crate::events::consumer::{self, KafkaSource};
use crate::events::{self, Relay};
use crate::http::Certificate;
use crate::kernel::Rounds;
use crate::task::{Imports, Recurrences, Reminders};
use crate::telemetry::metrics::{Metrics, round_done, round_failed};
use crate::webhook::Sender;

/// Runs workers. Each takes `stop` and ends soon after it; one that ends before is a fault, and the process stops.
pub(super) struct Workers {
    running: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Workers {
    /// Starts those of the roles.
    pub(super) fn start(
        app: &Arc<App>,
        roles: Roles,
        metrics: Metrics,
        certificate: Option<Certificate>,
        schemas: Option<SchemaWatch>,
    ) -> Result<Self, Failure> {
        let mut workers = Self { running: JoinSet::new(), stop: CancellationToken::new() };
        workers.upkeep(app, metrics, certificate);
        if roles.api {
            let notifications = app.notifications.clone();
            workers.add("notification streams", |stop| notifications.look(stop));
            let live = app.live.clone();
            workers.add("change streams", |stop| live.look(stop));
        }
        if roles.worker {
            // Before the relay: what the in-process broker acknowledges, its consumers have.
            workers.consumers(app)?;
            let sender = Sender::new(app.webhooks.clone());
            workers.add("webhooks", |stop| sender.run(stop));
            let reminders = Reminders::new(Arc::clone(&app.tasks));
            workers.add("reminders", |stop| reminders.run(stop));
            let imports = Imports::new(Arc::clone(&app.tasks));
            workers.add("imports", |stop| imports.run(stop));
            let recurrences = Recurrences::new(Arc::clone(&app.tasks));
            workers.add("recurrence", |stop| recurrences.run(stop));
            if app.config.telemetry.probe_seconds > 0 {
                let probed = Arc::clone(app);
                workers.add("probe", |stop| probe::run(probed, stop));
            }
            let housekeeper = Housekeeper::new(app);
            workers.add("housekeeping", |stop| housekeeper.run(stop));
        }
        if let Some(schemas) = schemas {
            workers.add("schemas", |stop| schemas.run(Duration::from_secs(5), stop));
        }
        if roles.relay {
            let relay = Relay::new(
                app.db.clone(),
                Arc::clone(&app.broker),
                app.log.hint(),
                app.clock.clone(),
                app.ids.clone(),
                app.config.events.clone(),
            );
            workers.add("relay", |stop| relay.run(stop));
            let (db, clock) = (app.db.clone(), app.clock.clone());
            workers.add("sampler", |stop| events::sample(db, clock, Duration::from_secs(2), stop));
        }
        Ok(workers)
    }

    /// What every process has to keep fresh.
    fn upkeep(&mut self, app: &App, metrics: Metrics, certificate: Option<Certificate>) {
        self.add("metrics", |stop| metrics.run_upkeep(stop));
        let (ring, limiter) = (Arc::clone(&app.ring), app.limiter.clone());
        self.add("keys", |stop| async move {
            let mut rounds = Rounds::new(Duration::from_secs(5), stop);
            while rounds.next().await {
                match ring.reload() {
                    Ok(()) => round_done("keys"),
                    Err(error) => {
                        round_failed("keys");
                        tracing::error!(%error, "the signing keys could not be read again: the old ones stay");
                    }
                }
            }
        });
        let db = app.db.clone();
        self.add("database pools", |stop| async move { db.run_upkeep(stop).await });
        self.add("limits", |stop| limiter.run_upkeep(stop));
        if let Some(certificate) = certificate {
            self.add("certificate", |stop| certificate.watch(Duration::from_secs(5), stop));
        }
    }

    fn consumers(&mut self, app: &App) -> Result<(), Failure> {
        for processor in app.consumers() {
            let source = if let Some(memory) = &app.memory {
                memory.attach(Arc::clone(&processor));
                None
            } else {
                let topics: Vec<_> = processor.topics().iter().map(|topic| topic.name()).collect();
                let batch = app.config.events.consumer_batch;
                let patience = processor.patience();
                Some(KafkaSource::join(&app.config.kafka, processor.name(), &topics, batch, patience)?)
            };
            self.add(processor.name(), |stop| consumer::run(processor, source, stop));
        }
        let (db, broker, clock) = (app.db.clone(), Arc::clone(&app.broker), app.clock.clone());
        self.add("dead letters", |stop| consumer::run_dead_letters(db, broker, clock, stop));
        Ok(())
    }

    fn add<F>(&mut self, name: &'static str, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let work = work(self.stop.clone());
        self.running.spawn(async move {
            work.await;
            name
        });
    }

    /// Waits until one of them ends, which none of them should. Returns its name.
    pub(super) async fn fault(&mut self) -> String {
        match self.running.join_next().await {
            Some(Ok(name)) => format!("the worker `{name}` ended"),
            Some(Err(error)) => format!("a worker failed: {error}"),
            None => std::future::pending().await,
        }
    }

    /// Stops all of them, at most until the deadline.
    pub(super) async fn stop(mut self, deadline: Duration) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(deadline, all).await.is_err() {
            tracing::warn!("some workers did not stop in time");
            self.running.abort_all();
        }
    }
}
