//! A real Prometheus and promtool on what a process emits.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use crate::catalogue::{a_day, flags};
use crate::process::{Process, token};
use crate::support::{server, until};
use crate::telemetry::Collector;

/// The folder of the programs.
fn programs() -> Option<PathBuf> {
    server("TODO_TEST_PROMETHEUS_BIN").map(PathBuf::from)
}

/// A Prometheus that scrapes one process every second; it ends with the test.
struct Prometheus {
    child: Child,
    base: String,
}

impl Prometheus {
    fn start(programs: &Path, folder: &Path, target: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- job_name: todo\n  static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let log = std::fs::File::create(folder.join("prometheus.log")).unwrap();
        let child = Command::new(programs.join("prometheus"))
            .current_dir(folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--enable-feature=exemplar-storage"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, base: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn real_promtool_finds_nothing_wrong_with_the_metrics() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut flags = flags();
    flags.push("telemetry.probe_seconds=1".to_owned());
    let process = Process::start(folder.path(), &flags);
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    a_day(&client, &process).await;
    let metrics = async || client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    until("the probe and the sampler were there", || async {
        let text = metrics().await;
        text.contains("synthetic_probe_last_success")
            && text.contains("outbox_backlog")
            && text.contains("tokio_workers")
    })
    .await;
    let mut promtool = Command::new(programs.join("promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(metrics().await.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}

#[tokio::test]
async fn real_prometheus_gives_an_exemplars_trace_back() {
    let Some(programs) = programs() else { return };
    let (_collector, endpoint) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[format!("telemetry.otlp_endpoint={endpoint}")]);
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let token = token(&client, &process.api, "ann@example.org").await;
    let prometheus = Prometheus::start(&programs, folder.path(), process.admin.trim_start_matches("http://"));
    let create =
        client.post(format!("{}/api/v1/tasks", process.api)).bearer_auth(&token).json(&json!({ "title": "x" }));
    let created = create.send().await.unwrap();
    assert_eq!(created.status(), 201);
    let refused =
        client.post(format!("{}/api/v1/tasks", process.api)).bearer_auth(&token).json(&json!({ "title": "" }));
    let refused: Value = refused.send().await.unwrap().json().await.unwrap();
    let trace = refused["traceId"].as_str().unwrap();
    let query = [
        ("query", "http_server_request_duration_seconds_bucket{http_response_status_code=\"422\"}"),
        ("start", "2020-01-01T00:00:00Z"),
        ("end", "2100-01-01T00:00:00Z"),
    ];
    let ask = reqwest::Url::parse_with_params(&format!("{}/api/v1/query_exemplars", prometheus.base), query).unwrap();
    until("Prometheus has the exemplar", || async {
        let Ok(answer) = client.get(ask.clone()).send().await else { return false };
        let answer: Value = answer.json().await.unwrap_or_default();
        let series = answer["data"].as_array().cloned().unwrap_or_default();
        let all = series.iter().flat_map(|one| one["exemplars"].as_array().cloned().unwrap_or_default());
        all.into_iter().any(|exemplar| exemplar["labels"]["trace_id"] == trace)
    })
    .await;
    drop(prometheus);
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}
