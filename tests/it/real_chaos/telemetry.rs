//! Check 14: whoever takes the log and the spans falls silent: Loki takes connections and answers nobody, the collector is gone.
//! Check 15: nobody reads the metrics. Check 16: Kafka is away. Check 17: the database is slow.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::writers::{Writers, client, people};
use super::{figure, full, latency, metrics, setting};
use crate::kafka::{Cluster, ensure_topics};
use crate::process::Process;
use crate::real_observability::pages::Inbox;
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

/// Starts the service. A check takes longer than an access token lasts.
fn serve(folder: &Path, flags: &[String]) -> Process {
    let own = ["auth.access_token_seconds=86400".to_owned()];
    tokio::task::block_in_place(|| Process::start(folder, &[flags, &own].concat()))
}

/// Starts Prometheus, and returns when it has read the service's metrics.
async fn watch(client: &reqwest::Client, prometheus: &Server, process: &Process) {
    watch_and_tell(client, prometheus, process, None).await;
}

/// The same, with an Alertmanager that nobody reads the messages of.
async fn watch_and_tell(
    client: &reqwest::Client,
    prometheus: &Server,
    process: &Process,
    alertmanager: Option<&Server>,
) {
    let mut hurry = vec![("TODO_TEST_SCRAPE", "1s".to_owned())];
    if let Some(alertmanager) = alertmanager {
        let (_, inbox) = Inbox::open().await;
        tokio::task::block_in_place(|| alertmanager.start(&[&inbox], &[]));
        hurry.push(("TODO_TEST_ALERTMANAGER_PORT", alertmanager.port.to_string()));
    }
    let admin = process.admin.trim_start_matches("http://");
    tokio::task::block_in_place(|| prometheus.start(&[admin], &hurry));
    until("Prometheus sees the service", || async { holds(client, prometheus, UP).await }).await;
}

const UP: &str = "up{job=\"todo\"} == 1";

/// Whether a query has an answer.
async fn holds(client: &reqwest::Client, prometheus: &Server, query: &str) -> bool {
    let url = format!("{}/api/v1/query", prometheus.url(0));
    let answer = ask(client, &url, &[("query", query)]).await;
    answer.is_some_and(|answer| answer["data"]["result"][0].is_object())
}

/// What somebody is paged for: it fires, and nothing inhibits it.
async fn pages(client: &reqwest::Client, alertmanager: &Server) -> BTreeSet<String> {
    let url = format!("{}/api/v2/alerts", alertmanager.url(0));
    let asked = [("active", "true"), ("inhibited", "false"), ("silenced", "false"), ("filter", "severity=\"page\"")];
    let answer = ask(client, &url, &asked).await.unwrap_or_default();
    let all = answer.as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
}

/// Whether the service would be sent requests.
async fn ready(client: &reqwest::Client, process: &Process) -> bool {
    client.get(format!("{}/readyz", process.admin)).send().await.unwrap().status() == 200
}

/// People who write, since when, and what rings while all is well: what a small installation lacks (Kafka, the probe) is no
/// matter of these checks. So many people that none of them comes to the 100,000 tasks that one may have.
async fn people_write(
    client: &reqwest::Client,
    prometheus: &Server,
    process: &Process,
    pause: Duration,
) -> (Writers, Instant, BTreeSet<String>) {
    let (tokens, _) = people(client, &process.api, 12).await;
    let writers = Writers::at_pace(client, &process.api, &tokens, pause);
    let calm = Instant::now();
    until("people have written", || async { writers.done.load(Ordering::SeqCst) > 100 }).await;
    (writers, calm, alerts(client, &prometheus.url(0), "pending|firing").await)
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
    let process = serve(folder.path(), &flags);
    watch(&client, &prometheus, &process).await;
    let (writers, calm, before) = people_write(&client, &prometheus, &process, Duration::from_millis(20)).await;
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
    assert!(ready(&client, &process).await, "no request needs them");
    let (written, failed) = writers.stop().await;
    assert_eq!(failed, 0, "a write has failed");
    // The two queues of spans have 8192 places each, that of lines 512 and what it cannot send until it is ended.
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
    let process = serve(folder.path(), &[]);
    watch(&client, &prometheus, &process).await;
    let (writers, calm, before) = people_write(&client, &prometheus, &process, Duration::from_millis(300)).await;
    let memory = resident(&process);

    let away = Instant::now();
    prometheus.signal("STOP");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (end, grown) = (Instant::now(), resident(&process) - memory);
    assert!(ready(&client, &process).await, "no request needs a reader of metrics");
    prometheus.signal("CONT");
    until("Prometheus sees the service again", || async { holds(&client, &prometheus, UP).await }).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_an_absent_kafka_rings_once_and_no_reader_of_the_api_knows() {
    let (Some(postgres), Some(scripts)) = (server("TODO_TEST_POSTGRES_URL"), server("TODO_TEST_SERVERS")) else {
        return;
    };
    let Some(cluster) = tokio::task::block_in_place(Cluster::start) else { return };
    // The page of an event that waits comes after three minutes. In the short form it is enough that the cause is told of.
    let seconds = setting("TODO_TEST_AWAY_SECONDS", 30, 360);
    let expected: &[_] =
        if full() { &["TodoKafkaUnreachable", "TodoOldestEventTooOld"] } else { &["TodoKafkaUnreachable"] };
    let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
    let state = if full() { "firing" } else { "pending|firing" };
    let (folder, client) = (tempfile::tempdir().unwrap(), client());
    let prometheus = Server::reserve("prometheus", &scripts, folder.path(), 1);
    let alertmanager = Server::reserve("alertmanager", &scripts, folder.path(), 1);
    let own = vec![format!("storage.url={}", fresh_database(&postgres).await)];
    tokio::task::block_in_place(|| ensure_topics(&cluster.flags()));
    let process = serve(folder.path(), &[cluster.flags(), own].concat());
    watch_and_tell(&client, &prometheus, &process, Some(&alertmanager)).await;
    let (writers, calm, before) = people_write(&client, &prometheus, &process, Duration::from_millis(150)).await;
    let memory = resident(&process);

    let away = Instant::now();
    tokio::task::block_in_place(|| cluster.crash());
    let ringing = async || &alerts(&client, &prometheus.url(0), state).await - &before;
    let whole = Duration::from_secs(seconds);
    while (full() || !ringing().await.is_superset(&expected)) && away.elapsed() < whole {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let rings = ringing().await;
    assert!(if full() { rings == expected } else { rings.is_superset(&expected) }, "{rings:?}");
    let ready: Value = client.get(format!("{}/readyz", process.admin)).send().await.unwrap().json().await.unwrap();
    let told = |ready: &Value| (ready["status"].clone(), ready["checks"][1]["status"].clone());
    assert_eq!(told(&ready), ("ready".into(), "failing".into()), "people can write; it says what is away");
    let (end, grown) = (Instant::now(), resident(&process) - memory);
    assert!(grown < 100.0, "{grown:.0} MB more");
    tokio::task::block_in_place(|| cluster.recover());
    until("all of it is there again", || async {
        let answer = client.get(format!("{}/readyz", process.admin)).send().await.unwrap();
        told(&answer.json().await.unwrap()) == ("ready".into(), "ok".into())
    })
    .await;
    let settled = settle(&client, &alertmanager, &before).await;
    assert!(settled.is_subset(&expected), "paged once more for what is over: {settled:?}");
    let (written, failed) = writers.stop().await;
    assert_eq!(failed, 0, "a write has failed");
    let (before, during) = (latency(&written, calm, away), latency(&written, away, end));
    let seconds = (end - away).as_secs();
    figure(
        16,
        &format!(
            "{seconds} s without Kafka: {during} ({before} before), 0 failed, {grown:+.0} MB; {rings:?}; \
             paged for until after it: {settled:?}"
        ),
    );
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(0));
}

/// What somebody is paged for after the outage, while what waited arrives late and rates remember it.
async fn settle(client: &reqwest::Client, alertmanager: &Server, before: &BTreeSet<String>) -> BTreeSet<String> {
    let (began, seconds) = (Instant::now(), setting("TODO_TEST_SETTLE_SECONDS", 0, 720));
    let mut paged = BTreeSet::new();
    while began.elapsed() < Duration::from_secs(seconds) {
        paged.extend(&pages(client, alertmanager).await - before);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(!full() || !paged.is_empty(), "Alertmanager knows of the outage");
    paged
}

/// Stands between the service and the database, and hands each answer on only after a while.
async fn slowed(database: &str, delay: Arc<AtomicU64>) -> String {
    let mut url: reqwest::Url = database.parse().unwrap();
    let target = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (far, delay) = (TcpStream::connect(&target).await.unwrap(), Arc::clone(&delay));
            let ((mut asks, mut hears), (mut answers, mut takes)) = (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut asks, &mut takes).await });
            tokio::spawn(async move {
                let mut part = vec![0; 1 << 16];
                while let Ok(count @ 1..) = answers.read(&mut part).await {
                    tokio::time::sleep(Duration::from_millis(delay.load(Ordering::SeqCst))).await;
                    if hears.write_all(&part[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_slow_database_rings_as_what_people_feel() {
    let (Some(postgres), Some(scripts)) = (server("TODO_TEST_POSTGRES_URL"), server("TODO_TEST_SERVERS")) else {
        return;
    };
    // The page waits for two minutes. In the short form it is enough that it has begun to; the long one goes on for longer
    // than what tells of a database waits, and none of that is to ring.
    let page = "TodoLatencyBurn14x";
    let state = if full() { "firing" } else { "pending|firing" };
    let patience = Duration::from_secs(setting("TODO_TEST_SLOW_SECONDS", 120, 780));
    let (folder, client, delay) = (tempfile::tempdir().unwrap(), client(), Arc::<AtomicU64>::default());
    let prometheus = Server::reserve("prometheus", &scripts, folder.path(), 1);
    let url = slowed(&fresh_database(&postgres).await, Arc::clone(&delay)).await;
    let process = serve(folder.path(), &[format!("storage.url={url}")]);
    watch(&client, &prometheus, &process).await;
    let (writers, calm, mut before) = people_write(&client, &prometheus, &process, Duration::from_millis(300)).await;
    let memory = resident(&process);
    // A machine that runs other tests beside this one may be slow by itself.
    before.retain(|name| full() || name != page);

    // A write waits for one answer of the database at least, and that is later than the 200 ms that a request may take.
    let slow = Instant::now();
    delay.store(250, Ordering::SeqCst);
    let ringing = async || &alerts(&client, &prometheus.url(0), state).await - &before;
    while (full() || !ringing().await.contains(page)) && slow.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let rings = ringing().await;
    assert!(rings.contains(page), "{rings:?}");
    // The same in longer windows is the same fault, and held back by the first.
    let others: Vec<_> = rings.iter().filter(|name| !name.starts_with("TodoLatencyBurn")).collect();
    assert!(!full() || others.is_empty(), "{others:?}");
    // Also for as many as would have to wait for a connection, or for one to be made.
    let asked = join_all((0..20).map(|_| ready(&client, &process))).await;
    assert!(asked.into_iter().all(|ready| ready), "slow, and there");
    let (end, grown) = (Instant::now(), resident(&process) - memory);
    assert!(grown < 100.0, "{grown:.0} MB more");
    delay.store(0, Ordering::SeqCst);
    let done = writers.done.load(Ordering::SeqCst);
    until("people write as before", || async { writers.done.load(Ordering::SeqCst) > done + 50 }).await;
    let (written, failed) = writers.stop().await;
    assert_eq!(failed, 0, "a write has failed");
    let (before, during) = (latency(&written, calm, slow), latency(&written, slow, end));
    let seconds = (end - slow).as_secs();
    let figures = format!("{during} ({before} before), 0 failed, {grown:+.0} MB; {rings:?}");
    figure(17, &format!("{seconds} s with answers 250 ms late: {figures}"));
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(0));
}
