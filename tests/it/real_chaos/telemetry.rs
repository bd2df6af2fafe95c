//! Check 14: whoever takes the log and the spans falls silent: Loki takes connections and answers nobody, the collector is gone.
//! Check 15: nobody reads the metrics.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::writers::{Writers, client, people};
use super::{figure, full, latency, metrics, setting};
use crate::process::Process;
use crate::real_observability::{Server, ask};
use crate::support::{fresh_database, server, until};
use crate::telemetry::silent;

/// The alerts of the service that fire, or will unless something changes.
async fn alerts(client: &reqwest::Client, prometheus: &str, state: &str) -> BTreeSet<String> {
    let query = format!("ALERTS{{service=\"todo\", alertstate=~\"{state}\"}}");
    let answer = ask(client, &format!("{prometheus}/api/v1/query"), &[("query", &query)]).await.unwrap_or_default();
    let all = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one: &Value| one["metric"]["alertname"].as_str().unwrap().to_owned()).collect()
}

fn resident(process: &Process) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Starts Prometheus, and returns when it has read the service's metrics.
async fn watch(client: &reqwest::Client, prometheus: &Server, process: &Process) {
    let hurry = [("TODO_TEST_SCRAPE", "1s".to_owned())];
    let admin = process.admin.trim_start_matches("http://");
    tokio::task::block_in_place(|| prometheus.start(&[admin], &hurry));
    until("Prometheus sees the service", || async { sees(client, prometheus).await }).await;
}

async fn sees(client: &reqwest::Client, prometheus: &Server) -> bool {
    let url = format!("{}/api/v1/query", prometheus.url(0));
    let up = ask(client, &url, &[("query", "up{job=\"todo\"} == 1")]).await;
    up.is_some_and(|answer| answer["data"]["result"][0].is_object())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_silent_sinks_of_telemetry_stop_nobody_and_ring() {
    let (Some(postgres), Some(scripts)) = (server("TODO_TEST_POSTGRES_URL"), server("TODO_TEST_SERVERS")) else {
        return;
    };
    // TodoSpansDropped waits for a quarter of an hour. In the short form it is enough that it has begun to; that nothing else
    // rings means something only after as long as others wait.
    let state = if full() { "firing" } else { "pending|firing" };
    let patience = Duration::from_secs(setting("TODO_TEST_SILENT_SECONDS", 60, 1200));
    let (folder, client, loki) = (tempfile::tempdir().unwrap(), client(), silent().await);
    let reserve = |name, ports| Server::reserve(name, &scripts, folder.path(), ports);
    let (collector, prometheus) = (reserve("collector", 3), reserve("prometheus", 1));
    tokio::task::block_in_place(|| collector.start(&[], &[]));
    let flags = [
        format!("storage.url={}", fresh_database(&postgres).await),
        format!("telemetry.otlp_endpoint={}", collector.url(0)),
        format!("telemetry.loki_url={loki}"),
    ];
    let process = tokio::task::block_in_place(|| Process::start(folder.path(), &flags));
    watch(&client, &prometheus, &process).await;
    let (tokens, _) = people(&client, &process.api, 4).await;
    let writers = Writers::start(&client, &process.api, &tokens);
    let calm = Instant::now();
    until("people have written", || async { writers.done.load(Ordering::SeqCst) > 100 }).await;
    // What a small installation lacks (Kafka, the probe) is no matter of this check.
    let before = alerts(&client, &prometheus.url(0), "pending|firing").await;
    let memory = resident(&process);

    let away = Instant::now();
    drop(collector);
    let expected = BTreeSet::from(["TodoLokiShipperDown", "TodoSpansDropped"].map(str::to_owned));
    let ringing = async || &alerts(&client, &prometheus.url(0), state).await - &before;
    while !ringing().await.is_superset(&expected) && away.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let rings = ringing().await;
    assert!(if full() { rings == expected } else { rings.is_superset(&expected) }, "{rings:?}");
    let (end, grown) = (Instant::now(), resident(&process) - memory);
    let (written, failed) = writers.stop().await;
    assert_eq!(failed, 0, "a write has failed");
    // The queue of spans has 8192 places, that of lines 512 and what it cannot send until it is ended.
    assert!(grown < 100.0, "{grown:.0} MB more");
    let before = latency(&written, calm, away);
    let during = latency(&written, away, end);
    let seconds = (end - away).as_secs();
    figure(
        14,
        &format!(
            "{seconds} s with Loki silent and the collector gone: {during} ({before} before), 0 failed, {grown:+.0} MB"
        ),
    );
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_metrics_that_nobody_reads_take_no_room_and_are_whole_afterwards() {
    let Some(scripts) = server("TODO_TEST_SERVERS") else { return };
    let seconds = setting("TODO_TEST_UNREAD_SECONDS", 10, 3600);
    let (folder, client) = (tempfile::tempdir().unwrap(), client());
    let prometheus = Server::reserve("prometheus", &scripts, folder.path(), 1);
    let process = tokio::task::block_in_place(|| Process::start(folder.path(), &[]));
    watch(&client, &prometheus, &process).await;
    let (tokens, _) = people(&client, &process.api, 4).await;
    let writers = Writers::at_pace(&client, &process.api, &tokens, Duration::from_millis(100));
    let calm = Instant::now();
    until("people have written", || async { writers.done.load(Ordering::SeqCst) > 100 }).await;
    let before = alerts(&client, &prometheus.url(0), "pending|firing").await;
    let memory = resident(&process);

    let away = Instant::now();
    prometheus.signal("STOP");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (end, grown) = (Instant::now(), resident(&process) - memory);
    prometheus.signal("CONT");
    until("Prometheus sees the service again", || async { sees(&client, &prometheus).await }).await;
    let (written, failed) = writers.stop().await;
    assert_eq!(failed, 0, "a write has failed");
    assert!(grown < 50.0, "{grown:.0} MB more");
    // Each write is in the count that nobody read meanwhile.
    let text = metrics(&client, &process.admin).await;
    let counted = "http_server_request_duration_seconds_count{http_request_method=\"POST\",http_route=\"/api/v1/tasks\",\
                   http_response_status_code=\"201\"} ";
    let counted: usize = text.lines().find_map(|line| line.strip_prefix(counted)).unwrap().parse().unwrap();
    assert_eq!(counted, written.len());
    let rings = &alerts(&client, &prometheus.url(0), "firing").await - &before;
    assert!(rings.is_empty(), "{rings:?}");
    let (before, during) = (latency(&written, calm, away), latency(&written, away, end));
    figure(
        15,
        &format!("{seconds} s without Prometheus: {during} ({before} before), 0 failed, {grown:+.0} MB, all counted"),
    );
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(0));
}
