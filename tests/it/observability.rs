//! What somebody on duty asks the admin port: metrics with exemplars, the log's filter, the synthetic probe.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use todo::kernel::Clock;
use todo::storage::Db;
use tokio_util::sync::CancellationToken;

use crate::process::{Process, token};
use crate::support::{config, until};
use crate::telemetry::Collector;

fn client() -> Client {
    Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

async fn terminate(process: Process) {
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_bucket_of_the_requests_duration_names_a_trace() {
    let (_collector, endpoint) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[format!("telemetry.otlp_endpoint={endpoint}")]);
    let client = client();
    let token = token(&client, &process.api, "ann@example.org").await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let create =
        client.post(format!("{}/api/v1/tasks", process.api)).bearer_auth(&token).json(&json!({ "title": "x" }));
    let created = create.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);

    let scrape =
        |accept: &'static str| client.get(format!("{}/metrics", process.admin)).header("accept", accept).send();
    let open = scrape("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5").await.unwrap();
    assert!(
        open.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text; version=1.0.0")
    );
    let open = open.text().await.unwrap();
    let of_the_route =
        "http_server_request_duration_seconds_bucket{http_request_method=\"POST\",http_route=\"/api/v1/tasks\"";
    let line = open
        .lines()
        .find(|line| line.starts_with(of_the_route) && line.contains(trace))
        .unwrap_or_else(|| panic!("{open}"));
    assert!(line.contains(&format!(" # {{trace_id=\"{trace}\"}} 0.")), "{line}");
    assert!(open.ends_with("# EOF\n") && !open.contains("\n\n") && open.contains("# TYPE log_events counter\n"));
    // Who does not ask for it gets the text format, where nothing stands behind a value.
    let plain = scrape("text/plain").await.unwrap().text().await.unwrap();
    assert!(plain.contains("# TYPE log_events_total counter\n") && !plain.contains(trace));
    terminate(process).await;
}

#[tokio::test]
async fn the_log_filter_changes_while_the_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let client = client();
    let filter = format!("{}/log-filter", process.admin);
    let get = async |path: &str| client.get(format!("{}{path}", process.api)).send().await.unwrap();
    let lines = |route: &str| {
        let lines = process.lines.lock().unwrap();
        let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["target"] == "todo::request" && line["http.route"] == route).count()
    };
    assert_eq!(client.get(&filter).send().await.unwrap().text().await.unwrap(), "info\n");
    assert_eq!(get("/api/v1/tasks").await.status(), StatusCode::UNAUTHORIZED);
    until("the request's line is there", || async { lines("/api/v1/tasks") == 1 }).await;
    let line = process.lines.lock().unwrap().iter().find(|line| line.contains("todo::request")).unwrap().clone();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["http.request.method"], &line["http.response.status_code"]), (&json!("GET"), &json!(401)));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line["trace_id"].as_str().unwrap().len() == 32, "{line}");

    let put = async |body: &'static str| client.put(&filter).body(body).send().await.unwrap();
    // As it is understood: the more exact directive first.
    assert_eq!(put("info,todo::request=off").await.text().await.unwrap(), "todo::request=off,info\n");
    assert_eq!(get("/api/v1/me").await.status(), StatusCode::UNAUTHORIZED);
    let refused = put("no such level=x=y").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.json::<Value>().await.unwrap()["detail"].as_str().unwrap().contains("info,todo::task=debug"));
    assert_eq!(put("info").await.status(), StatusCode::OK);
    assert_eq!(get("/api/v1/sessions").await.status(), StatusCode::UNAUTHORIZED);
    until("the later line is there", || async { lines("/api/v1/sessions") == 1 }).await;
    assert_eq!(lines("/api/v1/me"), 0, "it was off then");
    terminate(process).await;
}

#[tokio::test]
async fn the_probe_follows_a_task_to_its_effect() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["telemetry.probe_seconds=1".to_owned()]);
    let client = client();
    let value = async |name: &str| {
        let text = client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).unwrap_or_default()
    };
    let succeeded = "synthetic_probe_runs_total{outcome=\"succeeded\"}";
    until("it succeeded twice", || async { value(succeeded).await >= 2.0 }).await;
    assert_eq!(value("synthetic_probe_runs_total{outcome=\"failed\"}").await.to_bits(), 0_f64.to_bits());
    assert!(value("synthetic_probe_duration_seconds_count").await >= 2.0);
    assert!(value("synthetic_probe_last_success_timestamp_seconds").await > 1.7e9);
    assert!(value("worker_last_round_timestamp_seconds{worker=\"relay\"}").await > 1.7e9);
    // It is no request, and its tasks are gone.
    assert!(value("http_server_request_duration_seconds_count").await < 1.0);
    terminate(process).await;
}

#[tokio::test]
async fn the_status_page_has_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let client = client();
    let page = client.get(format!("{}/", process.admin)).send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = page.text().await.unwrap();
    // Each metric that it reads is one of the catalogue's.
    let quoted = regex::Regex::new("'([a-z]+_[a-z_]+)'").unwrap();
    let catalogue = include_str!("../../dashboards/catalogue.toml");
    let mut read = 0;
    for (_, [name]) in quoted.captures_iter(&page).map(|found| found.extract()) {
        let own = ["_bucket", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        assert!(catalogue.contains(&format!("name = \"{own}\"")), "{name}");
        read += 1;
    }
    assert!(read > 15, "{read}");
    let change = client.put(format!("{}/log-filter", process.admin)).body("info").send().await.unwrap();
    assert_eq!(change.status(), StatusCode::OK);
    let errors: Value =
        client.get(format!("{}/recent-errors", process.admin)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&errors[0]["level"], &errors[0]["message"]), (&json!("WARN"), &json!("the log filter was changed")));
    terminate(process).await;
}

/// The page of the oldest event's age must not fall silent, nor say that all is well, when nobody can look.
#[test]
fn an_age_that_nobody_knows_is_no_number() {
    // A recorder of this thread alone: other tests of this process sample outboxes of their own.
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let flags = ["storage.url=postgres://nobody@127.0.0.1:9/nothing", "storage.connect_timeout_ms=500"];
    let config = config(folder.path(), &flags.map(str::to_owned));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sampled = metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (db, stop) = (Db::open(&config.storage).unwrap(), CancellationToken::new());
            let period = Duration::from_millis(20);
            let sampling = todo::events::sample(db, Clock::system(), period, stop.clone());
            let seen = async {
                let seen = || handle.render().contains("outbox_oldest_unpublished_age_seconds");
                until("it has looked", || async { seen() }).await;
                stop.cancel();
                handle.render()
            };
            tokio::join!(sampling, seen).1
        })
    });
    assert!(sampled.contains("outbox_oldest_unpublished_age_seconds NaN"), "{sampled}");
    for silent in ["outbox_backlog ", "outbox_parked_keys ", "outbox_sampled_timestamp_seconds "] {
        assert!(!sampled.contains(&format!("\n{silent}")), "{silent}is told of and was not read: {sampled}");
    }
}

#[tokio::test]
async fn whoever_went_away_has_a_line_and_so_has_what_fails_after_that() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["storage.acquire_timeout_ms=300".to_owned()]);
    let client = client();
    let token = token(&client, &process.api, "ann@example.org").await;
    // Somebody else writes: the request waits for its turn, its client does not, and then its time is up.
    let url = format!("sqlite:{}/data/todo.db", folder.path().display());
    let mut hand = SqliteConnection::connect(&url).await.unwrap();
    hand.execute("PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE").await.unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let create =
        client.post(format!("{}/api/v1/tasks", process.api)).bearer_auth(&token).json(&json!({ "title": "x" }));
    let create =
        create.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).header("x-request-id", "gone-1");
    let gone = create.timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(gone.is_timeout(), "{gone}");
    let line = |message: &str| {
        let lines = process.lines.lock().unwrap();
        let mut lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == message && line["trace_id"] == trace)
    };
    until("both are told of", || async {
        line("request aborted").is_some() && line("a write failed that nobody waited for any more").is_some()
    })
    .await;
    let aborted = line("request aborted").unwrap();
    assert_eq!((&aborted["http.route"], &aborted["request_id"]), (&json!("/api/v1/tasks"), &json!("gone-1")));
    let failed = line("a write failed that nobody waited for any more").unwrap();
    assert_eq!((&failed["level"], &failed["status"]), (&json!("ERROR"), &json!(503)));
    hand.execute("ROLLBACK").await.unwrap();
    terminate(process).await;
}
