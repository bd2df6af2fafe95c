//! What the collector keeps when it keeps nothing at random: a trace that failed and one that was slow.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use super::{Server, client, trace, trace_id, traceparent};
use crate::process::{Process, token};
use crate::support::{fresh_database, server, until};

/// Somebody who holds what a write must have: the row of a person's log.
pub struct Holder(PgConnection);

impl Holder {
    pub async fn take(url: &str, user: &str) -> Self {
        let mut held = PgConnection::connect(url).await.unwrap();
        held.execute("BEGIN").await.unwrap();
        let row = sqlx::query("SELECT 1 FROM user_logs WHERE user_id = CAST($1 AS uuid) FOR UPDATE").bind(user);
        row.execute(&mut held).await.unwrap();
        Self(held)
    }

    /// The server's processes that wait for a lock.
    async fn waiting(&mut self) -> Vec<i32> {
        let rows = sqlx::query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        rows.fetch_all(&mut self.0).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    async fn someone_waits(&mut self) -> i32 {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(pid) = self.waiting().await.first() {
                return *pid;
            }
            assert!(std::time::Instant::now() < deadline, "no write waits");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whoever waits loses the connection.
    pub async fn end_who_waits(&mut self) {
        let pid = self.someone_waits().await;
        let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
        end.execute(&mut self.0).await.unwrap();
    }

    pub async fn release(mut self) {
        self.0.execute("ROLLBACK").await.unwrap();
        self.0.close().await.unwrap();
    }
}

/// The person's id.
pub async fn me(client: &Client, api: &str, token: &str) -> String {
    let answer = client.get(format!("{api}/api/v1/me")).bearer_auth(token).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Makes a task within a trace of its own. Returns that and the status of the answer.
async fn create(client: &Client, api: &str, token: &str) -> (String, u16) {
    let id = trace_id();
    let body = json!({ "title": "x" });
    let request = client.post(format!("{api}/api/v1/tasks")).bearer_auth(token).json(&body);
    let answer = request.header("traceparent", traceparent(&id)).send().await.unwrap();
    (id, answer.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_failed_and_slow_traces_are_kept_where_the_share_is_nothing() {
    let (Some(postgres), Some(jaeger), Some(scripts)) =
        (server("TODO_TEST_POSTGRES_URL"), server("TODO_TEST_JAEGER_URL"), server("TODO_TEST_SERVERS"))
    else {
        return;
    };
    let (folder, client) = (tempfile::tempdir().unwrap(), client());
    let collector = Server::reserve("collector", &scripts, folder.path(), 3);
    let settings = [("TODO_TRACES_KEPT_PERCENT", "0".to_owned()), ("TODO_TRACES_DECIDED_AFTER", "1s".to_owned())];
    tokio::task::block_in_place(|| collector.start(&[], &settings));
    let url = fresh_database(&postgres).await;
    let flags = [format!("storage.url={url}"), format!("telemetry.otlp_endpoint={}", collector.url(0))];
    let process = tokio::task::block_in_place(|| Process::start(folder.path(), &flags));
    let token = token(&client, &process.api, "ann@example.org").await;

    let user = me(&client, &process.api, &token).await;
    let (ordinary, status) = create(&client, &process.api, &token).await;
    assert_eq!(status, 201);
    let mut holder = Holder::take(&url, &user).await;
    let (slow, failed) = tokio::join!(create(&client, &process.api, &token), async {
        holder.someone_waits().await;
        // As long as it takes to be slow; nothing can be polled for.
        tokio::time::sleep(Duration::from_millis(300)).await;
        holder.release().await;
        let mut holder = Holder::take(&url, &user).await;
        let failing = create(&client, &process.api, &token);
        let ending = async {
            holder.end_who_waits().await;
            holder
        };
        let (failed, holder) = tokio::join!(failing, ending);
        holder.release().await;
        failed
    });
    assert_eq!((slow.1, failed.1 / 100), (201, 5));
    until("both are in Jaeger", || async {
        let (slow, failed) = (trace(&client, &jaeger, &slow.0).await, trace(&client, &jaeger, &failed.0).await);
        let request = |spans: &[super::Span]| spans.iter().any(|span| span.name == "POST /api/v1/tasks");
        request(&slow) && request(&failed) && slow.iter().any(|span| span.name == "process todo-events")
    })
    .await;
    // The ordinary one was decided about before them.
    let own = client.get(format!("{}/metrics", collector.url(1))).send().await.unwrap().text().await.unwrap();
    let decided = own.lines().any(|line| {
        line.starts_with("otelcol_processor_tail_sampling_global_count_traces_sampled")
            && line.contains("sampled=\"false\"")
    });
    assert!(decided, "{own}");
    assert_eq!(trace(&client, &jaeger, &ordinary).await.len(), 0);
    assert_eq!(tokio::task::block_in_place(|| process.terminate()), Some(0));
}
