//! People who create tasks one after the other, and note what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::kafka::text;
use crate::process;

pub struct Writers {
    stop: CancellationToken,
    running: Vec<tokio::task::JoinHandle<Vec<Write>>>,
    pub done: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
}

/// One acknowledged write.
pub struct Write {
    pub task: String,
    pub at: Instant,
    pub took: Duration,
}

impl Writers {
    /// One for each token, with a pause after each write.
    pub fn start(client: &reqwest::Client, api: &str, tokens: &[String]) -> Self {
        // A pace that is bounded, and no flood of errors against a service that is dead.
        Self::at_pace(client, api, tokens, Duration::from_millis(4))
    }

    pub fn at_pace(client: &reqwest::Client, api: &str, tokens: &[String], pause: Duration) -> Self {
        let (stop, done, failed) = (CancellationToken::new(), Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let write = |token: &String| {
            let request = client.post(format!("{api}/api/v1/tasks")).bearer_auth(token).json(&json!({ "title": "x" }));
            let (stop, done, failed) = (stop.clone(), Arc::clone(&done), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.is_cancelled() {
                    let at = Instant::now();
                    match created(request.try_clone().unwrap()).await {
                        Some(task) => {
                            acknowledged.push(Write { task, at, took: at.elapsed() });
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                        None => _ = failed.fetch_add(1, Ordering::SeqCst),
                    }
                    tokio::time::sleep(pause).await;
                }
                acknowledged
            })
        };
        let running = tokens.iter().map(write).collect();
        Self { stop, running, done, failed }
    }

    /// What was acknowledged, and how many writes were not.
    pub async fn stop(self) -> (Vec<Write>, u32) {
        self.stop.cancel();
        let all = join_all(self.running).await.into_iter().flat_map(Result::unwrap).collect();
        (all, self.failed.load(Ordering::SeqCst))
    }
}

/// The id of the task when the answer is a whole 201.
async fn created(request: reqwest::RequestBuilder) -> Option<String> {
    let response = request.send().await.ok()?;
    (response.status().as_u16() == 201).then_some(())?;
    Some(text(&response.json::<Value>().await.ok()?["id"]))
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// New accounts: their tokens, and their ids in the same order.
pub async fn people(client: &reqwest::Client, api: &str, count: usize) -> (Vec<String>, Vec<String>) {
    let token = |n| async move { process::token(client, api, &format!("p{n}@example.org")).await };
    let tokens = join_all((0..count).map(token)).await;
    let users = ids(client, api, &tokens).await;
    (tokens, users)
}

/// Who the tokens belong to.
async fn ids(client: &reqwest::Client, api: &str, tokens: &[String]) -> Vec<String> {
    let id = |token: &String| {
        let request = client.get(format!("{api}/api/v1/me")).bearer_auth(token);
        async move { text(&request.send().await.unwrap().json::<Value>().await.unwrap()["id"]) }
    };
    let found = join_all(tokens.iter().map(id)).await;
    assert!(!found.contains(&String::new()), "a token was refused");
    found
}
