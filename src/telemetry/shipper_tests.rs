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
    let mut config: Config =
        toml::from_str::<toml::Table>(include_str!("default.toml")).unwrap()["telemetry"].clone().try_into().unwrap();
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
