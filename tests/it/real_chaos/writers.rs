//! People who create tasks one after the other, and note what was acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
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
    began: Instant,
    failed: Arc<Mutex<BTreeMap<String, Failed>>>,
}

/// Writes that failed for the same reason.
struct Failed {
    count: u32,
    first: Duration,
    last: Duration,
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
        let (stop, done, began) = (CancellationToken::new(), Arc::<AtomicU32>::default(), Instant::now());
        let failed = Arc::<Mutex<BTreeMap<String, Failed>>>::default();
        let write = |token: &String| {
            let request = client.post(format!("{api}/api/v1/tasks")).bearer_auth(token).json(&json!({ "title": "x" }));
            let (stop, done, failed) = (stop.clone(), Arc::clone(&done), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.is_cancelled() {
                    let at = Instant::now();
                    match created(request.try_clone().unwrap()).await {
                        Ok(task) => {
                            acknowledged.push(Write { task, at, took: at.elapsed() });
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(why) => {
                            let now = began.elapsed();
                            let mut failed = failed.lock().unwrap();
                            let own = failed.entry(why).or_insert(Failed { count: 0, first: now, last: now });
                            (own.count, own.last) = (own.count + 1, now);
                        }
                    }
                    tokio::time::sleep(pause).await;
                }
                acknowledged
            })
        };
        let running = tokens.iter().map(write).collect();
        Self { stop, running, done, began, failed }
    }

    /// What was acknowledged, and how many writes were not.
    pub async fn stop(self) -> (Vec<Write>, u32) {
        self.stop.cancel();
        let all = join_all(self.running).await.into_iter().flat_map(Result::unwrap).collect();
        let failed = self.failed.lock().unwrap();
        for (why, Failed { count, first, last }) in &*failed {
            let (first, last, whole) = (first.as_secs_f64(), last.as_secs_f64(), self.began.elapsed().as_secs_f64());
            println!("{count} writes failed between {first:.1} s and {last:.1} s of {whole:.1} s: {why}");
        }
        (all, failed.values().map(|own| own.count).sum())
    }
}

/// The id of the task when the answer is a whole 201, else what it was.
async fn created(request: reqwest::RequestBuilder) -> Result<String, String> {
    let kind =
        |error: reqwest::Error| if error.is_timeout() { "no answer in time" } else { "no whole answer" }.to_owned();
    let response = request.send().await.map_err(kind)?;
    let status = response.status();
    let body: Value = response.json().await.map_err(kind)?;
    if status.as_u16() == 201 { Ok(text(&body["id"])) } else { Err(format!("{status} {}", text(&body["code"]))) }
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
