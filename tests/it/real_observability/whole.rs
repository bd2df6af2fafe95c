//! Everything at once: PostgreSQL, Kafka, Redis, TLS, the collector, Jaeger, Loki, Prometheus and Alertmanager, and one person
//! whose day is followed through all of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::panels::{panels_are_alive, selectors_are_alive};
use super::{Server, Span, ask, trace, trace_id, traceparent};
use crate::catalogue::{Checked, Needs};
use crate::kafka::{Cluster, certificate, ensure_topics};
use crate::process::{Process, token};
use crate::receiver::Receiver;
use crate::support::{fresh_database, server, until};

/// A stack of this test's own, but for Loki and Jaeger, in which others do not disturb. Ended from the top: the
/// process first.
pub struct Stack {
    pub process: Process,
    pub client: Client,
    pub token: String,
    pub prometheus: Server,
    pub loki: String,
    pub jaeger: String,
    /// `storage.url`.
    pub database: String,
    /// The file that `http.tls_cert_file` names.
    pub certificate: PathBuf,
    _alertmanager: Server,
    _collector: Server,
    _cluster: Cluster,
    _folder: TempDir,
}

impl Stack {
    /// `None` where one of the servers is missing.
    async fn start() -> Option<Self> {
        let (postgres, redis) = (server("TODO_TEST_POSTGRES_URL")?, server("TODO_TEST_REDIS_URL")?);
        let (loki, jaeger) = (server("TODO_TEST_LOKI_URL")?, server("TODO_TEST_JAEGER_URL")?);
        let scripts = server("TODO_TEST_SERVERS")?;
        let cluster = tokio::task::block_in_place(Cluster::start)?;
        tokio::task::block_in_place(|| ensure_topics(&cluster.flags()));
        let folder = tempfile::tempdir().unwrap();
        let reserve = |name, count| Server::reserve(name, &scripts, folder.path(), count);
        let (collector, alertmanager, prometheus) =
            (reserve("collector", 3), reserve("alertmanager", 1), reserve("prometheus", 1));
        let keep = [("TODO_TRACES_KEPT_PERCENT", "100".to_owned()), ("TODO_TRACES_DECIDED_AFTER", "1s".to_owned())];
        tokio::task::block_in_place(|| collector.start(&[], &keep));
        certificate(folder.path());
        let database = fresh_database(&postgres).await;
        let mut flags = Self::flags(folder.path(), &collector, &[&database, &redis, &loki]);
        flags.extend(cluster.flags());
        let process = tokio::task::block_in_place(|| Process::start(folder.path(), &flags));
        let settings = [
            ("TODO_TEST_SCRAPE", "1s".to_owned()),
            ("TODO_TEST_KAFKA_PORT", cluster.port.to_string()),
            ("TODO_TEST_COLLECTOR_PORT", collector.port.to_string()),
            ("TODO_TEST_ALERTMANAGER_PORT", alertmanager.port.to_string()),
        ];
        tokio::task::block_in_place(|| {
            // Nobody is at home there: what it sends fails, and that is counted too.
            alertmanager.start(&["http://127.0.0.1:9"], &[]);
            prometheus.start(&[process.admin.trim_start_matches("http://")], &settings);
        });
        let root = reqwest::Certificate::from_pem(&std::fs::read(folder.path().join("cert.pem")).unwrap()).unwrap();
        let builder = Client::builder().timeout(Duration::from_secs(10));
        let client = builder.tls_certs_merge([root]).build().unwrap();
        let token = token(&client, &process.api, "ann@example.org").await;
        Some(Self {
            process,
            client,
            token,
            prometheus,
            loki,
            jaeger,
            database,
            certificate: folder.path().join("cert.pem"),
            _alertmanager: alertmanager,
            _collector: collector,
            _cluster: cluster,
            _folder: folder,
        })
    }

    /// All of the product that a panel can show.
    fn flags(folder: &Path, collector: &Server, [database, redis, loki]: &[&str; 3]) -> Vec<String> {
        let file = |name: &str| folder.join(name).display().to_string();
        vec![
            format!("storage.url={database}"),
            format!("limits.redis_url={redis}"),
            format!("http.tls_cert_file={}", file("cert.pem")),
            format!("http.tls_key_file={}", file("key.pem")),
            format!("telemetry.otlp_endpoint={}", collector.url(0)),
            format!("telemetry.loki_url={loki}"),
            "telemetry.probe_seconds=1".to_owned(),
            "webhooks.allow_private=true".to_owned(),
            "limits.sign_in_address_per_minute=100000".to_owned(),
        ]
    }

    /// A request of the person's, within a trace where there is one.
    pub async fn send(&self, method: Method, path: &str, body: &Value, trace: Option<&str>) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.process.api)).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(body) };
        let request = match trace {
            Some(id) => request.header("traceparent", traceparent(id)),
            None => request,
        };
        let answer = request.header("if-match", "*").send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_what_it_tells_of_itself_arrives_and_can_be_asked_for() {
    let Some(stack) = Stack::start().await else { return };
    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url, "eventTypes": ["TASK_CREATED"] });
    assert_eq!(stack.send(Method::POST, "/api/v1/webhooks", &hook, None).await.0, 201);
    one_trace(&stack).await;
    a_line_by_its_trace(&stack).await;
    an_exemplars_trace(&stack).await;
    panels_are_alive(&stack).await;
    selectors_are_alive(&stack).await;
    what_it_emits_is_listed(&stack).await;
    let process = stack.process;
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(0));
}

/// When all of it has happened: each metric that needs a real server is there, with the type and the labels that are listed.
async fn what_it_emits_is_listed(stack: &Stack) {
    let mut checked = Checked::new();
    let met = Needs::met_by_the_real_stack;
    let missing = checked.metrics_until(&stack.client, &stack.process, met, Duration::from_mins(1)).await;
    assert_eq!(missing, [""; 0], "listed, and not emitted");
    checked.lines(&stack.process.lines.lock().unwrap());
}

/// From the request through the database and Kafka to the effects, in one trace.
async fn one_trace(stack: &Stack) {
    let (id, title) = (trace_id(), "a private matter");
    let (status, task) = stack.send(Method::POST, "/api/v1/tasks", &json!({ "title": title }), Some(&id)).await;
    assert_eq!(status, 201);
    let consumers = ["todo-insights", "todo-webhooks"];
    let of = |spans: &[Span], consumer: &str| {
        spans.iter().filter(|span| span.attribute("messaging.consumer.group.name") == Some(consumer)).count()
    };
    until("the whole trace is in Jaeger", || async {
        let spans = trace(&stack.client, &stack.jaeger, &id).await;
        consumers.iter().all(|name| of(&spans, name) == 1) && spans.iter().any(|span| span.name == "webhook delivery")
    })
    .await;
    let spans = trace(&stack.client, &stack.jaeger, &id).await;
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let request = named("POST /api/v1/tasks");
    assert_eq!((request.parent.as_str(), request.kind), ("00f067aa0ba902b7", 2), "a server's, below the caller's");
    let statements: Vec<_> = spans.iter().filter(|span| span.attribute("db.system.name").is_some()).collect();
    assert!(statements.iter().any(|span| span.parent == request.id), "{spans:?}");
    for span in &statements {
        assert_eq!((span.kind, span.attribute("db.system.name")), (3, Some("postgresql")), "{span:?}");
        assert_eq!(span.attribute("db.query.summary"), Some(span.name.as_str()));
        assert_eq!(span.attribute("db.query.text").or(span.attribute("db.statement")), None, "{span:?}");
    }
    let sent = named("send todo-events");
    assert_eq!((sent.parent.as_str(), sent.kind), (request.id.as_str(), 4), "a producer's");
    for consumer in consumers {
        assert_eq!(of(&spans, consumer), 1, "{consumer} had it once: {spans:?}");
    }
    for span in spans.iter().filter(|span| span.name == "process todo-events") {
        assert_eq!((span.parent.as_str(), span.kind), (request.id.as_str(), 5), "a consumer's");
        assert_eq!(span.links, [request.id.as_str()], "linked to what made the event");
    }
    // The effect: rows that one consumer writes, a call that another one has made.
    let insights = |span: &&Span| span.attribute("messaging.consumer.group.name") == Some("todo-insights");
    assert_eq!(named("insights.set_tasks").parent, spans.iter().find(insights).unwrap().id);
    assert_eq!(named("webhook delivery").parent, request.id);
    // Names, never values.
    let values = [title, "ann@example.org", &stack.token, task["id"].as_str().unwrap()];
    for (name, text) in spans.iter().flat_map(|span| &span.attributes) {
        for value in values {
            assert!(!text.contains(value), "{name} tells {text}");
        }
    }
}

/// The line of a request in Loki, found by the trace id that its caller was given; and its trace.
async fn a_line_by_its_trace(stack: &Stack) {
    let (status, refused) = stack.send(Method::POST, "/api/v1/tasks", &json!({ "title": "" }), None).await;
    assert_eq!(status, 422);
    let id = refused["traceId"].as_str().unwrap();
    let query = format!("{{service_name=\"todo\"}} | json | trace_id=\"{id}\"");
    let lines = async || {
        let answer = ask(&stack.client, &format!("{}/loki/api/v1/query_range", stack.loki), &[("query", &query)]).await;
        let streams = answer.map(|answer| answer["data"]["result"].as_array().cloned().unwrap_or_default());
        let values = streams.unwrap_or_default().into_iter().flat_map(|one| one["values"].as_array().cloned().unwrap());
        values.map(|pair| serde_json::from_str::<Value>(pair[1].as_str().unwrap()).unwrap()).collect::<Vec<_>>()
    };
    let of_the_request = |line: &Value| line["_target"] == "todo::request";
    until("Loki has the line", || async { lines().await.iter().any(of_the_request) }).await;
    let lines = lines().await;
    let line = lines.iter().find(|line| of_the_request(line)).unwrap();
    assert_eq!((&line["http.response.status_code"], &line["request_id"]), (&json!(422), &refused["requestId"]));
    until("Jaeger has its trace", || async { !trace(&stack.client, &stack.jaeger, id).await.is_empty() }).await;
}

/// From a bucket of the latency in Prometheus to the trace in Jaeger.
async fn an_exemplars_trace(stack: &Stack) {
    let (status, missing) = stack.send(Method::GET, "/no/such/thing", &Value::Null, None).await;
    assert_eq!(status, 404);
    let id = missing["traceId"].as_str().unwrap();
    let query = [
        ("query", "http_server_request_duration_seconds_bucket{http_response_status_code=\"404\"}"),
        ("start", "2020-01-01T00:00:00Z"),
        ("end", "2100-01-01T00:00:00Z"),
    ];
    let url = format!("{}/api/v1/query_exemplars", stack.prometheus.url(0));
    until("Prometheus has the exemplar", || async {
        let answer = ask(&stack.client, &url, &query).await.unwrap_or_default();
        answer["data"].to_string().contains(id)
    })
    .await;
    until("Jaeger has its trace", || async {
        let spans = trace(&stack.client, &stack.jaeger, id).await;
        spans.iter().any(|span| span.attribute("http.response.status_code") == Some("404"))
    })
    .await;
}
