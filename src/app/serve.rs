//! The life of a serving process: start, run, drain, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::middleware::from_fn_with_state;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::compose::{App, Failure, says};
use super::schemas::SchemaWatch;
use super::workers::Workers;
use crate::config::Config;
use crate::events;
use crate::http::{self, Certificate, Limiter, Readiness, Server, Shared};
use crate::kernel::{Clock, Ids, Probe, ProbeResult};
use crate::storage::Migrations;
use crate::task;
use crate::telemetry::exemplars::Exemplars;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::Tracer;

/// What a process does; any combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Answers the API.
    pub api: bool,
    /// Publishes events.
    pub relay: bool,
    /// Keeps house.
    pub worker: bool,
}

impl Roles {
    /// All of them: the default.
    pub const ALL: Self = Self { api: true, relay: true, worker: true };
}

/// A process that serves.
pub struct Running {
    app: Arc<App>,
    roles: Roles,
    /// Where the API is, when this process answers it.
    pub api: Option<SocketAddr>,
    /// Where metrics and health are.
    pub admin: SocketAddr,
    readiness: Readiness,
    shared: Arc<Shared>,
    stop_api: CancellationToken,
    stop_admin: CancellationToken,
    api_task: Option<JoinHandle<usize>>,
    admin_task: JoinHandle<usize>,
    workers: Workers,
}

/// Starts a process: storage, then the listeners, then the workers. When it returns, requests are answered.
pub async fn start(config: Config, roles: Roles, clock: Clock, ids: Ids, metrics: Metrics) -> Result<Running, Failure> {
    super::describe_metrics();
    let bind = |what: &'static str, address: SocketAddr| {
        move |error: std::io::Error| format!("{what} {address} cannot be listened on: {error}")
    };
    let certificate = Certificate::open(&config.http)?;
    let admin_server = Server::bind(config.http.admin_listen, &config.http, None)
        .await
        .map_err(bind("http.admin_listen", config.http.admin_listen))?;
    let admin = admin_server.address().map_err(says)?;
    let api_server = if roles.api {
        let bound = Server::bind(config.http.listen, &config.http, certificate.clone()).await;
        Some(bound.map_err(bind("http.listen", config.http.listen))?)
    } else {
        None
    };
    let api = api_server.as_ref().and_then(|server| server.address().ok());
    let app = Arc::new(App::compose(config, clock, ids, api.unwrap_or(admin))?);
    prepare_storage(&app).await?;
    let schemas = SchemaWatch::of(&app.config)?;
    let readiness = Readiness::of(probes(&app, schemas.as_ref()));
    let exemplars = Arc::new(Exemplars::new(http::metrics::DURATION));
    let (stop_api, stop_admin) = (CancellationToken::new(), CancellationToken::new());
    let deadline = Duration::from_millis(app.config.http.drain_deadline_ms);
    let admin_router = http::admin(readiness.clone(), metrics.clone(), Arc::clone(&exemplars))
        .merge(super::dead_letters::routes(app.db.clone()))
        .layer(from_fn_with_state(app.ids.clone(), http::problems));
    let admin_task = tokio::spawn(admin_server.serve(admin_router, stop_admin.clone(), Duration::from_secs(1)));
    let shared = shared(&app, exemplars);
    let api_task = api_server.map(|server| {
        let router = http::stack(app.routes(), &shared);
        tokio::spawn(server.serve(router, stop_api.clone(), deadline))
    });
    let workers = Workers::start(&app, roles, metrics, certificate, schemas)?;
    Ok(Running { app, roles, api, admin, readiness, shared, stop_api, stop_admin, api_task, admin_task, workers })
}

fn shared(app: &App, exemplars: Arc<Exemplars>) -> Arc<Shared> {
    let limiter: Limiter = app.limiter.clone();
    let tracer = Tracer::of(&app.config.telemetry);
    let (config, authenticate) = (app.config.http.clone(), Arc::clone(&app.authenticate));
    Shared::new(app.ids.clone(), config, authenticate, limiter, tracer, exemplars, task::FILES)
}

async fn prepare_storage(app: &App) -> Result<(), Failure> {
    let migrations = Migrations::of(&app.db);
    let migrated = if app.config.storage.migrate_on_start {
        migrations.apply().await.map(|plan| {
            for (version, name) in plan.pending {
                tracing::info!(version, name, "migration applied");
            }
        })
    } else {
        migrations.verify().await
    };
    migrated.map_err(says)?;
    let indexed = task::index(&app.db).await.map_err(says)?;
    if indexed > 0 {
        tracing::info!(indexed, "the words of tasks were written: searches find them from here on");
    }
    Ok(())
}

fn probes(app: &Arc<App>, schemas: Option<&SchemaWatch>) -> Vec<Arc<dyn Probe>> {
    let mut probes: Vec<Arc<dyn Probe>> = vec![Arc::new(app.db.clone()), Arc::new(BrokerProbe(Arc::clone(app)))];
    probes.extend(schemas.map(|schemas| Arc::new(schemas.clone()) as Arc<dyn Probe>));
    probes
}

/// The broker is no reason to refuse requests: writes go on, and the backlog waits in the database.
struct BrokerProbe(Arc<App>);

impl Probe for BrokerProbe {
    fn name(&self) -> &'static str {
        "broker"
    }

    fn critical(&self) -> bool {
        false
    }

    fn check(&self) -> futures::future::BoxFuture<'_, ProbeResult> {
        self.0.broker.check()
    }
}

/// Waits for the end of a task; for ever where there is none.
async fn ended(task: Option<&mut JoinHandle<usize>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

impl Running {
    /// The wired rooms: for a test that looks behind the API.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Waits for a fault: a worker or a listener that ended though nobody stopped it.
    pub async fn fault(&mut self) -> String {
        tokio::select! {
            fault = self.workers.fault() => fault,
            _ = &mut self.admin_task => "the admin listener ended".to_owned(),
            () = ended(self.api_task.as_mut()) => "the API listener ended".to_owned(),
        }
    }

    /// Drains and stops. Returns how many requests had to be cut off.
    pub async fn stop(mut self) -> usize {
        let http = &self.app.config.http;
        let deadline = Duration::from_millis(http.drain_deadline_ms);
        self.readiness.start_draining();
        if self.roles.api {
            tracing::info!(pause_ms = http.drain_pause_ms, "draining: readiness fails, the API still answers");
            tokio::time::sleep(Duration::from_millis(http.drain_pause_ms)).await;
        }
        // Open streams end of themselves never, and the API would wait for them.
        self.app.streams.stop();
        self.stop_api.cancel();
        let mut cut = match self.api_task.take() {
            Some(task) => task.await.unwrap_or_default(),
            None => 0,
        };
        if !self.shared.finish_writes(deadline).await {
            cut += 1;
        }
        if self.roles.relay {
            self.drain_outbox(Duration::from_secs(5)).await;
        }
        self.workers.stop(Duration::from_secs(15)).await;
        self.app.broker.close(Duration::from_secs(5)).await;
        self.stop_admin.cancel();
        let _ = self.admin_task.await;
        tracing::info!(cut, "stopped");
        cut
    }

    /// Gives the relay the time to publish what is there; what is left stays in the outbox for the next process.
    async fn drain_outbox(&self, limit: Duration) {
        let started = Instant::now();
        while started.elapsed() < limit {
            match events::backlog(&self.app.db).await {
                Ok(backlog) if backlog.waiting > 0 => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return,
            }
        }
        tracing::info!("the outbox is not empty: another relay, or the next start, goes on with it");
    }
}
