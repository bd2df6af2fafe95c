//! Server-sent events (HTML Living Standard, section 9.2): an answer that goes on.
//!
//! **Rule.** A slice gives the events, each with a number that only rises; whoever comes back names the last one that it
//! has (`Last-Event-ID`) and goes on after it. This file does the rest.
//!
//! **Invariants.** The number of open streams is bounded, for each user and for the process: they count neither as
//! requests in flight nor against a request's time, and must not take every connection. A stream ends when its token
//! does, soon after the service begins to stop, and with its client.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _, stream};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bearer::{self, Authenticate, Rejected};
use super::{Config, Problem, metrics as names};
use crate::kernel::Ids;

/// The streams of a process. Clones share everything.
#[derive(Clone)]
pub struct Streams(Arc<Inner>);

struct Inner {
    authenticate: Arc<dyn Authenticate>,
    ids: Ids,
    heartbeat: Duration,
    most: usize,
    most_of_user: usize,
    open: Mutex<Open>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Open {
    all: usize,
    of: HashMap<Uuid, usize>,
}

impl Streams {
    /// None is open yet. `authenticate` is asked again and again whether a stream's token still holds.
    pub fn new(config: &Config, authenticate: Arc<dyn Authenticate>, ids: Ids) -> Self {
        Self(Arc::new(Inner {
            authenticate,
            ids,
            heartbeat: Duration::from_millis(config.stream_heartbeat_ms),
            most: config.max_streams,
            most_of_user: config.max_streams_per_user,
            open: Mutex::default(),
            stop: CancellationToken::new(),
        }))
    }

    /// Ends all of them, and opens none any more: a drain would wait for them.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Takes a place for a stream of this user, whose request had these headers.
    pub fn open(&self, user_id: Uuid, headers: &HeaderMap) -> Result<Place, Problem> {
        let inner = &self.0;
        if inner.stop.is_cancelled() {
            let detail = "The service is about to stop: connect again.";
            return Err(Problem::unavailable(detail, Duration::from_secs(1)));
        }
        let mut open = inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= inner.most {
            metrics::counter!(names::SHED).increment(1);
            let detail = "The service has as many open streams as it takes: try again shortly.";
            return Err(
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(Duration::from_secs(5))
            );
        }
        let own = open.of.entry(user_id).or_insert(0);
        if *own >= inner.most_of_user {
            let detail = format!("You have {own} open streams, and may have no more: close one of them.");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail)
                .retry_after(Duration::from_secs(5)));
        }
        *own += 1;
        open.all += 1;
        metrics::gauge!(names::STREAMS).increment(1.0);
        let token = bearer::token(headers).unwrap_or_default().to_owned().into();
        Ok(Place { streams: self.clone(), user_id, token })
    }
}

/// The place of an open stream: dropped, it is free again.
pub struct Place {
    streams: Streams,
    user_id: Uuid,
    token: SecretString,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(own) = open.of.get_mut(&self.user_id) {
            *own -= 1;
            if *own == 0 {
                open.of.remove(&self.user_id);
            }
        }
        metrics::gauge!(names::STREAMS).decrement(1.0);
    }
}

/// What is written between events so that proxies and clients see a connection that lives: a comment.
fn heartbeat() -> Event {
    Event::default().comment("")
}

/// What an open stream is made of.
struct Live<S> {
    place: Place,
    events: Pin<Box<S>>,
    heartbeat: Interval,
}

impl Place {
    /// The answer: `events` as they come, and heartbeats. `after` is the number after which they begin: a client that
    /// breaks off before the first event comes back with it.
    pub fn answer<S>(self, after: i64, events: S) -> Response
    where
        S: Stream<Item = Event> + Send + 'static,
    {
        let inner = &self.streams.0;
        let mut heartbeat = tokio::time::interval_at(Instant::now() + inner.heartbeat, inner.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Those whom a stop sends away at once do not come back at once.
        let [jitter] = inner.ids.noise::<1>();
        let retry = Duration::from_millis(1000 + u64::from(jitter) * 8);
        let first = Event::default().retry(retry).id(after.to_string());
        let live = Live { place: self, events: Box::pin(events), heartbeat };
        let rest = stream::unfold(live, |mut live| async move { live.next().await.map(|event| (event, live)) });
        let all = stream::once(std::future::ready(first)).chain(rest).map(Ok::<_, Infallible>);
        let mut response = Sse::new(all).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx and its kin hand it on as it comes.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    /// Whether its token still holds. One that cannot be told now does, until it can.
    async fn holds(&self) -> bool {
        let answer = self.streams.0.authenticate.authenticate(self.token.expose_secret()).await;
        !matches!(answer, Err(Rejected::Invalid(_)))
    }
}

impl<S: Stream<Item = Event> + Send> Live<S> {
    async fn next(&mut self) -> Option<Event> {
        let stop = &self.place.streams.0.stop;
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            _ = self.heartbeat.tick() => tokio::select! {
                () = stop.cancelled() => None,
                holds = self.place.holds() => holds.then(heartbeat),
            },
            event = self.events.next() => event,
        }
    }
}

/// One event: its number, its name, and its data as one line of JSON.
pub fn event(number: i64, name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().id(number.to_string()).event(name);
    // What cannot be written as JSON has no other form either: its number is passed on, so that the client goes on.
    event.clone().json_data(data).unwrap_or(event)
}

/// The number of the last event that a client has; `None` at the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("last-event-id") else { return Ok(Self(None)) };
        let number = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok()).filter(|number| *number >= 0);
        let says = "use the id of an event of this stream";
        number
            .map(|number| Self(Some(number)))
            .ok_or_else(|| Problem::validation().field("Last-Event-ID", "invalid", says))
    }
}

#[cfg(test)]
#[path = "sse_tests.rs"]
mod tests;
