//! The live stream of notifications: nothing is lost and nothing comes twice, and it is nobody's burden.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::future::join;
use reqwest::Method;
use serde_json::json;
use todo::events::Topic;
use todo::kernel::{Clock, Ids};

use crate::notifications::{LIST, change_password, elsewhere, message, token};
use crate::support::{Person, World, expect, on_both, problem, until};
use crate::tap::Tap;

fn flags(url: Option<String>, more: &[&str]) -> Vec<String> {
    let url = url.map(|url| format!("storage.url={url}"));
    url.into_iter().chain(more.iter().map(|flag| (*flag).to_owned())).collect()
}

/// What the consumer of this process makes is told at once, and looks alike in the list.
async fn what_comes_is_told_at_once(url: Option<String>) {
    // Nobody looks by himself for a minute.
    let world = World::with(&flags(url, &["notifications.poll_ms=60000"])).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    token(&ann, "before").await;
    world.drained().await;
    let (mut one, mut two) =
        (Tap::notifications(&ann, "", None).await, Tap::notifications(&ann, "?since=0", None).await);
    let mut other = Tap::notifications(&bob, "", None).await;
    assert_eq!(two.next().await.unwrap()["kind"], "api_token_created");
    let started = Instant::now();
    change_password(&ann).await;
    let (first, second) = join(one.next(), two.next()).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(first, second);
    assert_eq!(first.unwrap(), ann.get(LIST).await["results"][0]);
    // What it was that was there before is not told, and a client that broke off in between would have said so.
    assert_eq!((one.last_id.as_str(), two.last_id.as_str()), ("2", "2"));
    token(&bob, "his own").await;
    assert_eq!(other.next().await.unwrap()["number"], 1);
    // A number that was never given: from now on.
    let mut ahead = Tap::notifications(&ann, "", Some("4000")).await;
    assert!(ahead.block().await.unwrap().ends_with("\nid: 2"));
    for (query, id) in [("", Some("two")), ("?since=-1", None), ("?since=x", None), ("?from=1", None)] {
        let headers: Vec<_> = id.iter().map(|id| ("last-event-id", *id)).collect();
        let refused = ann.send(Method::GET, &format!("{LIST}/stream{query}"), None, &headers).await;
        assert_eq!(problem(refused, 422).await, "validation_failed", "{query}");
    }
    world.running.stop().await;
}

/// Two transactions at a time write for one user, in another process, while a client breaks off again and again.
async fn nothing_is_lost_and_nothing_comes_twice(url: Option<String>) {
    const EACH: i64 = 150;
    let world = World::with(&flags(url, &["notifications.poll_ms=20"])).await;
    let ann = world.person("ann@example.org").await;
    let (ids, at) = (Ids::system(Clock::system()), world.clock.now().to_rfc3339());
    let write = async |topic: Topic, most: usize| {
        let consumer = elsewhere(&world, &[]);
        let payload = json!({ "reason": topic.name() });
        let all: Vec<_> = (1000..1000 + EACH)
            .map(|seq| message(&ids, ann.id, topic, seq, ("WEBHOOK_DISABLED", &payload), &at))
            .collect();
        for batch in all.chunks(most) {
            while consumer.process(batch).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    };
    let listen = async {
        let (mut told, mut last, mut opened) = (Vec::new(), "0".to_owned(), 0);
        while told.len() < usize::try_from(2 * EACH).unwrap() {
            let mut tap = Tap::notifications(&ann, "", Some(&last)).await;
            opened += 1;
            for _ in 0..=(opened * 7) % 23 {
                if told.len() == usize::try_from(2 * EACH).unwrap() {
                    break;
                }
                let one = tap.next().await.unwrap();
                told.push((one["number"].as_i64().unwrap(), one["data"]["reason"].to_string()));
            }
            last = tap.last_id;
        }
        (told, opened)
    };
    let ((told, opened), ..) = tokio::join!(listen, write(Topic::Todo, 3), write(Topic::User, 2));
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=2 * EACH).collect::<Vec<_>>());
    assert!(opened > 10, "{opened}");
    let turns = told.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    assert!(turns > 1, "the two never met");
    // Which is what the list says.
    let page = ann.get(&format!("{LIST}?limit=1")).await;
    assert_eq!((&page["unreadCount"], &page["lastNumber"]), (&json!(2 * EACH), &json!(2 * EACH)));
    world.running.stop().await;
}

on_both! {
    what_comes_is_told_at_once: at_once_on_sqlite, real_at_once_on_postgres;
    nothing_is_lost_and_nothing_comes_twice: no_loss_on_sqlite, real_no_loss_on_postgres;
}

/// An open stream lives longer than a request may, shows that it lives, and stands in nobody's way; it ends with its
/// token.
#[tokio::test]
async fn a_stream_is_no_request_in_flight() {
    let more = [
        "http.max_in_flight=1",
        "http.request_timeout_ms=300",
        "http.idle_timeout_ms=300",
        "http.header_read_timeout_ms=300",
        "http.stream_heartbeat_ms=100",
    ];
    let clock = Clock::fixed("2026-11-24T09:00:00Z".parse().unwrap());
    let world = World::at(clock.clone(), &flags(None, &more)).await;
    let ann = world.person("ann@example.org").await;
    let (mut one, mut two) = (Tap::notifications(&ann, "", None).await, Tap::notifications(&ann, "", None).await);
    for tap in [&mut one, &mut two] {
        tap.block().await.unwrap();
        for _ in 0..8 {
            assert_eq!(tap.block().await.unwrap(), ": ");
        }
    }
    token(&ann, "meanwhile").await;
    assert_eq!(one.next().await.unwrap()["number"], 1);
    clock.advance(TimeDelta::minutes(16));
    assert_eq!((one.next().await, one.comments < 100), (None, true));
    let signed = world.sign_in("ann@example.org").await;
    let token = signed["access_token"].as_str().unwrap().to_owned();
    let ann = Person { world: &world, id: ann.id, token, refresh: String::new() };
    let mut again = Tap::notifications(&ann, "", Some(&one.last_id)).await;
    again.block().await.unwrap();
    world.running.stop().await;
}

/// A stop waits for no stream.
#[tokio::test]
async fn a_stop_ends_streams() {
    let world = World::with(&flags(None, &["http.drain_deadline_ms=60000"])).await;
    let ann = world.person("ann@example.org").await;
    let mut taps = Vec::new();
    for _ in 0..5 {
        let mut tap = Tap::notifications(&ann, "", None).await;
        tap.block().await.unwrap();
        taps.push(tap);
    }
    let started = Instant::now();
    assert_eq!(world.running.stop().await, 0, "none had to be cut off");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    for mut tap in taps {
        assert_eq!(tap.next().await, None);
    }
}

/// One user has so many streams, the process so many; one that is closed makes room.
#[tokio::test]
async fn open_streams_are_bounded() {
    let more = ["http.max_streams=3", "http.max_streams_per_user=2", "http.stream_heartbeat_ms=50"];
    let world = World::with(&flags(None, &more)).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    let open = async |person: &Person<'_>| person.send(Method::GET, &format!("{LIST}/stream"), None, &[]).await;
    let first = Tap::notifications(&ann, "", None).await;
    let _second = Tap::notifications(&ann, "", None).await;
    let full = open(&ann).await;
    assert!(full.headers().contains_key("retry-after"));
    assert_eq!(problem(full, 429).await, "too_many_streams");
    let _third = Tap::notifications(&bob, "", None).await;
    assert_eq!(problem(open(&bob).await, 503).await, "overloaded");
    expect(ann.send(Method::GET, LIST, None, &[]).await, 200).await;
    let metrics = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("http_server_open_streams "), "{metrics}");
    drop(first);
    until("there is room", || async { open(&ann).await.status().as_u16() == 200 }).await;
    world.running.stop().await;
}
