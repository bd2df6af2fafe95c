use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Request;
use futures::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::kernel::{Actor, Channel, Clock, Scopes};

/// Takes the token `good` as long as it is told to.
struct Door(AtomicBool);

impl Authenticate for Door {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Actor, Rejected>> {
        let actor = Actor { user_id: Uuid::nil(), session_id: None, channel: Channel::Person, scopes: Scopes::NONE };
        let holds = token == "good" && self.0.load(Ordering::SeqCst);
        Box::pin(std::future::ready(if holds { Ok(actor) } else { Err(Rejected::Invalid("no")) }))
    }
}

fn streams(most: usize, most_of_user: usize) -> (Streams, Arc<Door>) {
    let text = include_str!("default.toml").parse::<toml::Table>().unwrap();
    let mut config: Config = text["http"].clone().try_into().unwrap();
    (config.max_streams, config.max_streams_per_user, config.stream_heartbeat_ms) = (most, most_of_user, 100);
    let door = Arc::new(Door(AtomicBool::new(true)));
    (Streams::new(&config, Arc::<Door>::clone(&door), Ids::system(Clock::system())), door)
}

fn signed() -> HeaderMap {
    [(header::AUTHORIZATION, HeaderValue::from_static("Bearer good"))].into_iter().collect()
}

fn body(response: Response) -> impl Stream<Item = String> + Unpin {
    response.into_body().into_data_stream().map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap())
}

#[test]
fn places_are_bounded_and_come_back() {
    let (streams, _) = streams(3, 2);
    let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let code = |user| streams.open(user, &signed()).err().map(|problem| problem.code);
    let first = streams.open(ann, &signed()).ok().unwrap();
    let second = streams.open(ann, &signed()).ok().unwrap();
    assert_eq!(code(ann), Some("too_many_streams"));
    let third = streams.open(bob, &signed()).ok().unwrap();
    assert_eq!(code(bob), Some("overloaded"));
    drop(first);
    assert_eq!(code(ann), None);
    drop((second, third));
    assert!(streams.0.open.lock().unwrap().of.is_empty());
    streams.stop();
    assert_eq!(code(ann), Some("unavailable"));
}

#[tokio::test]
async fn a_stream_begins_with_its_place_and_ends_with_its_token() {
    let (streams, door) = streams(1, 1);
    let user = Uuid::from_u128(1);
    let place = streams.open(user, &signed()).ok().unwrap();
    let events =
        stream::once(std::future::ready(event(8, "made", &json!({ "text": "a\nb" })))).chain(stream::pending());
    let mut body = body(place.answer(7, events));
    let first = body.next().await.unwrap();
    assert!(first.starts_with("retry:") && first.contains("\nid:") && first.ends_with("7\n\n"), "{first}");
    assert_eq!(body.next().await.unwrap().replace(": ", ":"), "id:8\nevent:made\ndata:{\"text\":\"a\\nb\"}\n\n");
    assert_eq!(body.next().await.unwrap().trim(), ":");
    door.0.store(false, Ordering::SeqCst);
    assert_eq!(body.next().await, None);
    drop(body);
    assert!(streams.open(user, &signed()).is_ok());
}

#[tokio::test]
async fn a_stop_ends_what_waits() {
    let (streams, _) = streams(1, 1);
    let mut body = body(streams.open(Uuid::nil(), &signed()).ok().unwrap().answer(0, stream::pending()));
    body.next().await.unwrap();
    streams.stop();
    assert_eq!(body.next().await, None);
}

#[tokio::test]
async fn only_a_number_is_a_last_event_id() {
    let read = async |text: Option<&str>| {
        let mut request = Request::builder();
        if let Some(text) = text {
            request = request.header("last-event-id", text);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        LastEventId::from_request_parts(&mut parts, &()).await.map_err(|problem| problem.code)
    };
    assert_eq!(read(None).await, Ok(LastEventId(None)));
    assert_eq!(read(Some("17")).await, Ok(LastEventId(Some(17))));
    for bad in ["", "-1", "x", "99999999999999999999"] {
        assert_eq!(read(Some(bad)).await, Err("validation_failed"), "{bad}");
    }
}
