//! What the service tells of itself: one trace through everything, its id in the logs; and sinks that are broken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;

use crate::process::{Process, token};
use crate::receiver::Receiver;
use crate::support::until;

/// A collector: OTLP over gRPC, as the real one takes it.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<ResourceSpans>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.lock().unwrap().extend(request.into_inner().resource_spans);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> (Self, String) {
        // tonic binds by itself, so the port is found first.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let collector = Self::default();
        let service = TraceServiceServer::new(collector.clone()).accept_compressed(CompressionEncoding::Gzip);
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve(address));
        (collector, format!("http://{address}"))
    }

    /// The spans of a trace by name, each with its own id and its parent's.
    fn trace(&self, id: &str) -> HashMap<String, (String, String)> {
        let trace = |span: &Span| format!("{:032x}", u128::from_be_bytes(span.trace_id[..].try_into().unwrap()));
        let hex = |id: &[u8]| format!("{:016x}", u64::from_be_bytes(id.try_into().unwrap_or_default()));
        let spans = self.spans();
        let own = spans.iter().filter(|span| trace(span) == id);
        own.map(|span| (span.name.clone(), (hex(&span.span_id), hex(&span.parent_span_id)))).collect()
    }

    /// All that arrived.
    pub fn spans(&self) -> Vec<Span> {
        let all = self.0.lock().unwrap();
        let scopes = all.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.iter().cloned()).collect()
    }

    /// Every text that arrived, wherever it stands: names, attributes, events, links, the words of a status, the resource, the
    /// scope. What has no place of its own here has none in OTLP.
    pub fn texts(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

/// A Loki that takes everything, with the bytes that it was sent; and its address.
pub async fn loki() -> (Arc<Mutex<usize>>, String) {
    let pushed = Arc::new(Mutex::new(0_usize));
    let count = Arc::clone(&pushed);
    let push = move |body: axum::body::Bytes| async move {
        *count.lock().unwrap() += body.len();
        StatusCode::NO_CONTENT
    };
    let router = axum::Router::new().route("/loki/api/v1/push", axum::routing::post(push));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (pushed, address)
}

#[tokio::test]
async fn one_trace_runs_from_the_request_through_the_database_to_the_publish_and_the_webhook() {
    let (collector, endpoint) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        format!("telemetry.otlp_endpoint={endpoint}"),
        "telemetry.log_filter=info,todo=debug".to_owned(),
        "webhooks.allow_private=true".to_owned(),
    ];
    let process = Process::start(folder.path(), &flags);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let token = token(&client, &process.api, "canary@example.org").await;
    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url, "eventTypes": ["TASK_CREATED"] });
    let hook = client.post(format!("{}/api/v1/webhooks", process.api)).bearer_auth(&token).json(&hook).send();
    assert_eq!(hook.await.unwrap().status(), StatusCode::CREATED);
    let post = |body: Value| {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = client.post(format!("{}/api/v1/tasks", process.api)).bearer_auth(&token).json(&body);
        request.header("traceparent", trace).send()
    };
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(post(json!({ "title": "a private matter" })).await.unwrap().status(), StatusCode::CREATED);
    until("the whole trace has arrived", || async {
        let trace = collector.trace(id);
        let whole = ["POST /api/v1/tasks", "send todo-events", "process todo-events", "webhook delivery"];
        whole.iter().all(|name| trace.contains_key(*name))
    })
    .await;
    let trace = collector.trace(id);
    let (request, caller) = &trace["POST /api/v1/tasks"];
    assert_eq!(caller, "00f067aa0ba902b7", "the caller's span is its parent");
    let steps = ["log.take", "log.insert", "log.queue", "task.put"];
    for name in steps.into_iter().chain(["send todo-events", "process todo-events", "webhook delivery"]) {
        assert_eq!(&trace[name].1, request, "{name} in {:?}", trace.keys());
    }
    // A refusal: its problem, its log line and its trace have one id.
    let refused: Value = post(json!({ "title": "" })).await.unwrap().json().await.unwrap();
    assert_eq!(refused["traceId"], id);
    let line = || {
        let lines = process.lines.lock().unwrap();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|line| line["trace_id"] == id && line["code"].is_string())
    };
    until("the log line is there", || async { line().is_some() }).await;
    assert_eq!(
        (&line().unwrap()["code"], &line().unwrap()["request_id"]),
        (&json!("validation_failed"), &refused["requestId"])
    );
    // Polling makes no traces, and nobody's words are in any span or line.
    let polls = collector.spans().iter().filter(|span| span.name.starts_with("outbox.")).count();
    assert_eq!(polls, 0);
    let all = collector.texts() + &process.lines.lock().unwrap().join("\n");
    for canary in ["canary@example.org", "a private matter", "hunter2", crate::support::PASSWORD, &token] {
        assert!(!all.contains(canary), "{canary}");
    }
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
    assert!(collector.spans().iter().any(|span| span.name == "POST /api/v1/sessions"), "flushed at the end");
}

/// A sink that takes connections and never says a word.
pub async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn silent_sinks_slow_no_request_and_hold_up_no_stop() {
    let (otlp, loki) = (silent().await, silent().await);
    let folder = tempfile::tempdir().unwrap();
    let flags = [format!("telemetry.otlp_endpoint={otlp}"), format!("telemetry.loki_url={loki}")];
    let process = Process::start(folder.path(), &flags);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let token = token(&client, &process.api, "ann@example.org").await;
    for n in 0..200 {
        let request = client.post(format!("{}/api/v1/tasks", process.api)).bearer_auth(&token);
        let response = request.json(&json!({ "title": format!("t{n}") })).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
    }
    let stopping = Instant::now();
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
    println!("stopped in {:.1} s with both sinks silent", stopping.elapsed().as_secs_f64());
    assert!(stopping.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn log_lines_reach_loki() {
    let (pushed, loki) = loki().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[format!("telemetry.loki_url={loki}")]);
    until("lines have arrived", || async { *pushed.lock().unwrap() > 0 }).await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let metrics = async || client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    until("the gauge says so", || async { metrics().await.contains("loki_shipper_up 1") }).await;
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}

#[tokio::test]
async fn the_copy_to_a_loki_that_says_nothing_ends() {
    let loki = silent().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[format!("telemetry.loki_url={loki}")]);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let metrics = async || client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    until("the copy goes on", || async { metrics().await.contains("loki_shipper_up 1") }).await;
    until("it gave up", || async { metrics().await.contains("loki_shipper_up 0") }).await;
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}
