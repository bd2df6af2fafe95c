//! The admin port: a page of the state, metrics, liveness, readiness, version, the log's filter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::future::join_all;
use serde::Serialize;

use super::Problem;
use crate::kernel::Probe;
use crate::telemetry::exemplars::{self, Exemplars};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::{self, filter};

/// Whether this process should get requests.
#[derive(Clone)]
pub struct Readiness {
    probes: Arc<[Arc<dyn Probe>]>,
    draining: Arc<AtomicBool>,
}

/// What readiness says.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `ready`, `unready` or `draining`.
    pub status: &'static str,
    /// One entry for each dependency.
    pub checks: Vec<Check>,
}

/// One dependency.
#[derive(Debug, Serialize)]
pub struct Check {
    name: &'static str,
    status: &'static str,
    critical: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Readiness {
    /// Asks these dependencies.
    pub fn of(probes: Vec<Arc<dyn Probe>>) -> Self {
        Self { probes: probes.into(), draining: Arc::new(AtomicBool::new(false)) }
    }

    /// From now on readiness fails: load balancers send no new requests. Liveness stays green.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Asks all dependencies at once, each for a second at most.
    pub async fn report(&self) -> Report {
        let checks = join_all(self.probes.iter().map(|probe| async move {
            let answer = tokio::time::timeout(Duration::from_secs(1), probe.check()).await;
            let outcome = answer.unwrap_or_else(|_| Err("no answer within a second".to_owned()));
            let status = if outcome.is_ok() { "ok" } else { "failing" };
            Check { name: probe.name(), status, critical: probe.critical(), detail: outcome.err() }
        }))
        .await;
        let failing = checks.iter().any(|check| check.critical && check.status == "failing");
        let status = if self.draining.load(Ordering::SeqCst) {
            "draining"
        } else if failing {
            "unready"
        } else {
            "ready"
        };
        Report { status, checks }
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    metrics: Metrics,
    exemplars: Arc<Exemplars>,
}

/// The routes of the admin port.
pub fn admin(readiness: Readiness, metrics: Metrics, exemplars: Arc<Exemplars>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(exposition))
        .route("/version", get(version))
        .route("/", get(status))
        .route("/recent-errors", get(|| async { Json(telemetry::recent()) }))
        .route("/log-filter", get(log_filter).put(set_log_filter))
        .with_state(Admin { readiness, metrics, exemplars })
}

async fn ready(State(admin): State<Admin>) -> Response {
    let report = admin.readiness.report().await;
    let status = if report.status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

/// The Prometheus text format; OpenMetrics, with exemplars, for who takes it.
async fn exposition(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let text = admin.metrics.render();
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("application/openmetrics-text") {
        return ([(header::CONTENT_TYPE, exemplars::CONTENT_TYPE)], admin.exemplars.openmetrics(&text)).into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Which log lines are written.
async fn log_filter() -> Result<String, Problem> {
    filter::current().map(|filter| format!("{filter}\n")).map_err(Problem::internal)
}

/// Changes it until the process ends; the body is the directives, such as `info,todo::task=debug`.
async fn set_log_filter(directives: String) -> Result<String, Problem> {
    let wrong = |error: telemetry::Error| {
        let detail = format!("{error}: send directives such as `info` or `info,todo::task=debug`");
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    };
    let filter = filter::set(directives.trim()).map_err(wrong)?;
    tracing::warn!(filter, "the log filter was changed");
    Ok(format!("{filter}\n"))
}

/// The state of this process at a glance, for who has no Grafana at hand: a page that asks this port's other routes.
async fn status() -> Response {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, include_str!("status.html")).into_response()
}

async fn version() -> Response {
    Json(serde_json::json!({ "name": "todo", "version": env!("CARGO_PKG_VERSION") })).into_response()
}
