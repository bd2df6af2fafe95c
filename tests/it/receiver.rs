//! Somebody who takes webhooks, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::support::until;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Arrived {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How a receiver answers: after so long, with a status and a `Location`.
#[derive(Clone)]
struct Manner {
    status: u16,
    pause: Duration,
    location: Option<String>,
}

/// Somebody who takes webhooks.
pub struct Receiver {
    pub url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    manner: Arc<Mutex<Manner>>,
    /// The most requests of one id that were under way at once.
    at_once: Arc<Mutex<(HashMap<String, usize>, usize)>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let manner = Manner { status: 204, pause: Duration::ZERO, location: None };
        let receiver = Self {
            url: String::new(),
            arrived: Arc::default(),
            manner: Arc::new(Mutex::new(manner)),
            at_once: Arc::default(),
        };
        let (arrived, manner, at_once) =
            (Arc::clone(&receiver.arrived), Arc::clone(&receiver.manner), Arc::clone(&receiver.at_once));
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let id = headers["webhook-id"].to_str().unwrap().to_owned();
            let manner = manner.lock().unwrap().clone();
            arrived.lock().unwrap().push(Arrived { headers, body });
            {
                let mut at_once = at_once.lock().unwrap();
                let now = at_once.0.entry(id.clone()).or_default();
                *now += 1;
                let now = *now;
                at_once.1 = at_once.1.max(now);
            }
            tokio::time::sleep(manner.pause).await;
            *at_once.lock().unwrap().0.get_mut(&id).unwrap() -= 1;
            let location = manner.location.into_iter().map(|url| ("location", url)).collect::<Vec<_>>();
            let location = axum::response::AppendHeaders(location);
            (StatusCode::from_u16(manner.status).unwrap(), location, "x".repeat(100_000))
        };
        let routes = axum::Router::new().fallback(take);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=hunter2", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, ..receiver }
    }

    pub fn answers(&self, status: u16) {
        self.manner.lock().unwrap().status = status;
    }

    pub fn redirects(&self, status: u16, url: &str) {
        *self.manner.lock().unwrap() = Manner { status, pause: Duration::ZERO, location: Some(url.to_owned()) };
    }

    pub fn pauses(&self, pause: Duration) {
        self.manner.lock().unwrap().pause = pause;
    }

    pub fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap().1
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub async fn count(&self, requests: usize) {
        until(&format!("{requests} requests"), || async { self.arrived().len() >= requests }).await;
    }
}
