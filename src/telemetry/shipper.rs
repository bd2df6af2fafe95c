//! The task that copies log lines to Loki, and whoever watches it.
//!
//! The library's task has no time-out, keeps what it cannot deliver, and is never done with it. So it is watched, ended after
//! sustained failure or where Loki says nothing at all, begun again when Loki answers, and never waited for without a limit.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing_subscriber::reload;

use super::loki::{self, paced};
use super::{Config, Error, metrics};
use crate::kernel::Backoff;

/// How much is borne.
#[derive(Clone, Copy)]
struct Patience {
    /// How often it is looked at.
    look: Duration,
    /// So many errors of the library end the copy, unless so many looks without one lie between them.
    errors: u32,
    calm: u32,
    /// After so many looks Loki is asked whether it answers at all: the library would wait for ever, and keep every line.
    ask_every: u32,
    answers_within: Duration,
    /// So many silences in a row end the copy.
    silences: u32,
    /// How long Loki is left alone before it is asked again whether it is back: at first, and at most.
    again: (Duration, Duration),
}

const PATIENCE: Patience = Patience {
    look: Duration::from_secs(1),
    errors: 20,
    calm: 60,
    ask_every: 5,
    answers_within: Duration::from_secs(3),
    silences: 3,
    again: (Duration::from_secs(5), Duration::from_mins(5)),
};

/// The copy of this process.
pub(super) struct Shipper {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Puts another layer of the library in the place of the one whose task has ended.
type Renew = Box<dyn Fn(tracing_loki::Layer) -> bool + Send + Sync>;
/// The layer: what is copied goes through it.
pub(super) type Layer<S> = reload::Layer<tracing_loki::Layer, S>;

impl Shipper {
    /// Starts the copy, when an address is configured.
    pub(super) fn start<S: Subscriber>(config: &Config) -> Result<Option<(Layer<S>, Self)>, Error> {
        if config.loki_url.is_empty() {
            return Ok(None);
        }
        Self::with(config, PATIENCE).map(Some)
    }

    fn with<S: Subscriber>(config: &Config, patience: Patience) -> Result<(Layer<S>, Self), Error> {
        let url: reqwest::Url = config.loki_url.parse().map_err(|error| wrong(&error))?;
        let client = reqwest::Client::builder().timeout(patience.answers_within).build();
        let (layer, copy) = Copying::begin(config, &url)?;
        let (layer, handle) = reload::Layer::new(layer);
        loki::open();
        let watch = Watch {
            push: url.join("/loki/api/v1/push").map_err(|error| wrong(&error))?,
            client: client.map_err(|error| wrong(&error))?,
            config: config.clone(),
            url,
            patience,
            renew: Box::new(move |layer| handle.reload(layer).is_ok()),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(watch.run(copy, stop.clone()));
        Ok((layer, Self { stop, task }))
    }

    /// Sends what is on its way, at most until the limit.
    pub(super) async fn shutdown(self, limit: Duration) {
        let Self { stop, mut task } = self;
        stop.cancel();
        if tokio::time::timeout(limit, &mut task).await.is_err() {
            task.abort();
        }
    }
}

fn wrong(error: &dyn std::fmt::Display) -> Error {
    Error::Setting(format!("telemetry.loki_url: {error}"))
}

/// The library's task at work.
struct Copying {
    controller: tracing_loki::BackgroundTaskController,
    task: JoinHandle<()>,
}

impl Copying {
    fn begin(config: &Config, url: &reqwest::Url) -> Result<(tracing_loki::Layer, Self), Error> {
        let (layer, controller, task) = tracing_loki::builder()
            .label("service_name", &config.service_name)
            .and_then(|builder| builder.label("environment", &config.environment))
            .and_then(|builder| builder.build_controller_url(url.clone()))
            .map_err(|error| wrong(&error))?;
        Ok((layer, Self { controller, task: tokio::spawn(paced(task)) }))
    }

    async fn end(mut self) {
        self.controller.shutdown().await;
        let _ = (&mut self.task).await;
    }
}

/// It keeps every line that it cannot deliver: it is ended before it keeps too many.
impl Drop for Copying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watch {
    config: Config,
    url: reqwest::Url,
    push: reqwest::Url,
    client: reqwest::Client,
    patience: Patience,
    renew: Renew,
}

impl Watch {
    async fn run(self, mut copy: Copying, stop: CancellationToken) {
        let (least, most) = self.patience.again;
        let mut backoff = Backoff::new(least, most);
        let mut trusted = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return copy.end().await,
                well = self.failure(&mut copy, trusted) => if well {
                    backoff.reset();
                },
            }
            drop(copy);
            loki::close();
            ::metrics::gauge!(metrics::LOKI_UP).set(0.0);
            tracing::warn!("Loki cannot be reached: until it answers, log lines go to stdout only");
            copy = match stop.run_until_cancelled(self.begin_again(&mut backoff)).await {
                Some(copy) => copy,
                None => return,
            };
            // What answers need not take lines: it shows after a while.
            trusted = false;
            tracing::info!("Loki answers again: log lines are copied to it");
        }
    }

    /// Returns when the copy has failed for good, and whether it went well before. It is shown as up while it does.
    async fn failure(&self, copy: &mut Copying, mut well: bool) -> bool {
        let mut look = tokio::time::interval(self.patience.look);
        let (mut before, mut calm, mut silences, mut looks) = (0, 0, 0, 0_u32);
        loop {
            tokio::select! {
                _ = &mut copy.task => return well,
                _ = look.tick() => {}
            }
            let failures = loki::failures();
            calm = if failures == before { calm + 1 } else { 0 };
            if calm >= self.patience.calm {
                loki::forgive();
                well = true;
            }
            before = loki::failures();
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(self.patience.ask_every) {
                silences = if self.answers().await { 0 } else { silences + 1 };
            }
            if failures >= self.patience.errors || silences >= self.patience.silences {
                return well;
            }
            ::metrics::gauge!(metrics::LOKI_UP).set(if well { 1.0 } else { 0.0 });
        }
    }

    /// Waits until Loki answers, and begins the copy anew.
    async fn begin_again(&self, backoff: &mut Backoff) -> Copying {
        loop {
            tokio::time::sleep(backoff.next(0)).await;
            if !self.answers().await {
                continue;
            }
            // It was right when the process began.
            let Ok((layer, copy)) = Copying::begin(&self.config, &self.url) else { continue };
            // Lines are let through when there is a layer that takes them: the one before has lost its task.
            if (self.renew)(layer) {
                loki::open();
                return copy;
            }
        }
    }

    /// Whether Loki says anything, be it a refusal.
    async fn answers(&self) -> bool {
        let nothing = self.client.post(self.push.clone()).header("content-type", "application/json");
        nothing.body("{\"streams\":[]}").send().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use axum::Router;
    use axum::http::StatusCode;
    use tokio::net::TcpListener;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::filter::FilterExt as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::loki::tests::ALONE;

    const IMPATIENT: Patience = Patience {
        look: Duration::from_millis(10),
        errors: 20,
        calm: 5,
        ask_every: 1,
        answers_within: Duration::from_millis(100),
        silences: 2,
        again: (Duration::from_millis(20), Duration::from_millis(50)),
    };

    async fn until(what: &str, is: impl Fn() -> bool) {
        let began = Instant::now();
        while !is() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            tracing::info!("a line");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn the_copy_ends_where_loki_is_silent_and_goes_on_when_it_answers() {
        let _alone = ALONE.lock().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let silent = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        let mut config: Config = toml::from_str::<toml::Table>(include_str!("default.toml")).unwrap()["telemetry"]
            .clone()
            .try_into()
            .unwrap();
        config.loki_url = format!("http://{address}");
        let (layer, shipper) = Shipper::with(&config, IMPATIENT).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(loki::filter().and(loki::Budget)));
        let _subscriber = tracing::subscriber::set_default(subscriber);
        until("it takes lines at first", loki::has_room).await;
        until("it ends", || !loki::has_room()).await;
        silent.abort();
        let _ = silent.await;
        let pushes = Arc::new(AtomicU32::new(0));
        let (counted, listener) = (Arc::clone(&pushes), TcpListener::bind(address).await.unwrap());
        let loki = Router::new().fallback(move |headers: axum::http::HeaderMap| {
            if headers["content-type"] == "application/x-protobuf" {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            std::future::ready(StatusCode::NO_CONTENT)
        });
        tokio::spawn(async move { axum::serve(listener, loki).await });
        until("lines come again", || pushes.load(Ordering::SeqCst) > 0).await;
        shipper.shutdown(Duration::from_secs(2)).await;
        loki::close();
    }
}
