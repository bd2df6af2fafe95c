//! What became of spans is counted, one by one: those that arrived, those that the collector did not take, and those for which
//! there was no room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use crate::process::{Process, token};
use crate::support::until;
use crate::telemetry::silent;

/// What was seen of spans: of requests with their statements, and of work behind them, which take a way of their own each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    of_requests: usize,
    behind: usize,
}

impl Seen {
    fn all(self) -> usize {
        self.of_requests + self.behind
    }
}

#[derive(Default)]
struct State {
    refuses: bool,
    arrived: Seen,
    refused: Seen,
}

/// A collector that takes spans until it is told to refuse them.
#[derive(Clone, Default)]
struct Moody(Arc<Mutex<State>>);

#[tonic::async_trait]
impl TraceService for Moody {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans: Vec<_> = scopes.flat_map(|scope| scope.spans).collect();
        let behind = |name: &str| name.starts_with("send ") || name.starts_with("process ");
        let behind = spans.iter().any(|span| behind(&span.name));
        let mut state = self.0.lock().unwrap();
        let refuses = state.refuses;
        let seen = if refuses { &mut state.refused } else { &mut state.arrived };
        *(if behind { &mut seen.behind } else { &mut seen.of_requests }) += spans.len();
        // Nothing that may go well another time: it is not tried again.
        if refuses {
            Err(Status::invalid_argument("no"))
        } else {
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }
}

impl Moody {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let moody = Self::default();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(moody.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        (moody, endpoint)
    }

    fn seen(&self) -> (Seen, Seen) {
        let state = self.0.lock().unwrap();
        (state.arrived, state.refused)
    }
}

/// `telemetry_spans_total` by its outcome.
async fn counted(client: &Client, process: &Process) -> BTreeMap<String, usize> {
    let text = client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    let lines =
        text.lines().filter_map(|line| line.strip_prefix("telemetry_spans_total{outcome=\"")?.split_once("\"} "));
    lines.map(|(outcome, count)| (outcome.to_owned(), count.parse().unwrap())).collect()
}

fn expected(exported: usize, failed: usize) -> BTreeMap<String, usize> {
    [("dropped", 0), ("exported", exported), ("failed", failed)].map(|(name, count)| (name.to_owned(), count)).into()
}

/// Makes so many tasks with one request.
async fn make(client: &Client, process: &Process, token: &str, tasks: usize) {
    let items: Vec<_> = (0..tasks).map(|n| json!({ "op": "create", "task": { "title": format!("t{n}") } })).collect();
    let request = client.post(format!("{}/api/v1/tasks/bulk", process.api)).bearer_auth(token);
    assert_eq!(request.json(&json!({ "items": items })).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_arrives_and_what_is_refused_is_counted() {
    let (moody, endpoint) = Moody::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[format!("telemetry.otlp_endpoint={endpoint}")]);
    let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let token = token(&client, &process.api, "ann@example.org").await;
    make(&client, &process, &token, 3).await;
    let agrees = async || {
        let (arrived, refused) = moody.seen();
        counted(&client, &process).await == expected(arrived.all(), refused.all())
    };
    until("those of both ways have arrived", || async {
        let (arrived, _) = moody.seen();
        arrived.of_requests > 0 && arrived.behind > 0 && agrees().await
    })
    .await;
    moody.0.lock().unwrap().refuses = true;
    make(&client, &process, &token, 3).await;
    until("those of both ways were refused", || async {
        let (_, refused) = moody.seen();
        refused.of_requests > 0 && refused.behind > 0 && agrees().await
    })
    .await;
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}

/// Requests in one process, what follows from them in another one: each has a queue of its own.
#[tokio::test]
async fn what_has_no_room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [format!("telemetry.otlp_endpoint={}", silent().await), "telemetry.otlp_timeout_ms=60000".to_owned()];
    let api = Process::start_as("api", folder.path(), &flags);
    let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let token = token(&client, &api.api, "ann@example.org").await;
    assert_eq!(counted(&client, &api).await, expected(0, 0));
    // The collector has a batch and says nothing, so what comes after it waits: at most 8,192 spans. A request for a hundred
    // tasks has hundreds; of each task one is sent later, and one consumer has it.
    for _ in 0..80 {
        make(&client, &api, &token, 100).await;
    }
    let dropped = async |process: &Process| {
        let counted = counted(&client, process).await;
        assert_eq!(counted["exported"], 0, "{counted:?}");
        counted["dropped"] > 0
    };
    assert!(dropped(&api).await, "of the requests");
    let rest = Process::start_as("relay,worker", folder.path(), &flags);
    until("some of what follows is dropped", || async { dropped(&rest).await }).await;
    api.kill();
    rest.kill();
}
