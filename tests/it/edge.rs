//! What stands in front of every route: headers, limits, time-outs, caps, and a client that behaves badly.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{World, expect, problem, until};

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap()
}

/// What the server answers until it closes, at most for ten seconds.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the server closes").unwrap_or_default();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect() {
    let world = World::with(&["http.cors_origins=https://app.example.org".to_owned()]).await;
    let person = world.person("ann@example.org").await;
    let response = person.send(Method::GET, "/api/v1/tasks", None, &[("x-request-id", "abc-1")]).await;
    let headers = response.headers();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cache-control", "private, no-cache"),
        ("x-request-id", "abc-1"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"user\";r="), "{headers:?}");
    assert!(headers["ratelimit-policy"].to_str().unwrap().starts_with("\"user\";q="), "{headers:?}");
    let odd = person.send(Method::GET, "/api/v1/tasks", None, &[("x-request-id", "a b<script>")]).await;
    assert_ne!(odd.headers()["x-request-id"], "a b<script>", "an odd id is not echoed");

    let asked = |origin: &'static str| {
        let preflight = world.request(Method::OPTIONS, "/api/v1/tasks").header("origin", origin);
        preflight.header("access-control-request-method", "POST").send()
    };
    let allowed = asked("https://app.example.org").await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://app.example.org");
    assert!(!asked("https://evil.example").await.unwrap().headers().contains_key("access-control-allow-origin"));

    for n in 0..40 {
        person.task(&format!("a title that is said again and again {n}")).await;
    }
    let zipped = person.send(Method::GET, "/api/v1/tasks", None, &[("accept-encoding", "gzip")]).await;
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    world.running.stop().await;
}

async fn get(url: String) -> (StatusCode, reqwest::header::HeaderMap, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status(), response.headers().clone(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_description_and_its_page_load_nothing_from_elsewhere() {
    let world = World::embedded().await;
    let (_, _, json) = get(format!("{}/api/openapi.json", world.base)).await;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["openapi"], "3.1.0");
    let (status, headers, page) = get(format!("{}/docs", world.base)).await;
    assert_eq!(status, StatusCode::OK);
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("http"), "{policy}");
    let links: Vec<_> = page.split(['"', '\'']).filter(|text| text.contains("://")).collect();
    assert!(links.is_empty(), "{links:?}");
    // Each file that the page names is here.
    let files: Vec<_> = page.split('"').filter(|text| text.starts_with("./")).collect();
    assert!(files.len() >= 3, "{page}");
    for file in files {
        let (status, ..) = get(format!("{}/docs/{}", world.base, &file[2..])).await;
        assert_eq!(status, StatusCode::OK, "{file}");
    }
    world.running.stop().await;
}

#[tokio::test]
async fn a_user_and_an_address_have_budgets_of_their_own() {
    let flags = ["limits.user_burst=4", "limits.user_per_minute=1", "http.trusted_proxies=127.0.0.1/32"];
    let more = ["limits.address_burst=3", "limits.address_per_minute=1"];
    let world =
        World::with(&[&flags[..], &more[..]].concat().iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    let get =
        |forwarded: &str| world.request(Method::GET, "/.well-known/jwks.json").header("x-forwarded-for", forwarded);
    for left in ["2", "1", "0"] {
        let response = get("203.0.113.7").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let state = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        assert!(state.starts_with(&format!("\"address\";r={left};")), "{state}");
    }
    let refused = get("203.0.113.7").send().await.unwrap();
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(problem(refused, 429).await, "too_many_requests");
    // What the client wrote itself, further left, changes nothing; another address has its own budget.
    assert_eq!(problem(get("198.51.100.1, 203.0.113.7").send().await.unwrap(), 429).await, "too_many_requests");
    assert_eq!(get("203.0.113.8").send().await.unwrap().status(), StatusCode::OK);
    let person = world.person("ann@example.org").await;
    for _ in 0..4 {
        assert_eq!(person.request(Method::GET, "/api/v1/me").send().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(problem(person.send(Method::GET, "/api/v1/me", None, &[]).await, 429).await, "too_many_requests");
    world.running.stop().await;
}

#[tokio::test]
async fn who_is_slow_is_cut_off_and_others_are_served() {
    let flags = ["http.header_read_timeout_ms=300", "http.body_read_timeout_ms=700", "http.max_in_flight=1"];
    let world = World::with(&flags.map(str::to_owned)).await;
    // A connection that idles longer than a head may take is used again.
    let mut idle = connect(&world).await;
    let request = b"GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut answer = vec![0; 4096];
    for _ in 0..2 {
        idle.write_all(request).await.unwrap();
        let read = idle.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        // What is left of the answer.
        while tokio::time::timeout(Duration::from_millis(700), idle.read(&mut answer)).await.is_ok() {}
    }
    // A head that never ends.
    let mut slowloris = connect(&world).await;
    slowloris.write_all(b"GET /api/v1/tasks HTTP/1.1\r\nhost: x\r\nx-a: ").await.unwrap();
    expect(world.request(Method::GET, "/api/openapi.json").send().await.unwrap(), 200).await;
    assert!(!read_all(&mut slowloris).await.contains("200 OK"));
    // A body that never comes holds the one place; the next is told to come back, and the slow one is ended.
    let mut slow_body = connect(&world).await;
    let head = "POST /api/v1/users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
                content-length: 99\r\n\r\n{";
    slow_body.write_all(head.as_bytes()).await.unwrap();
    let refused = loop {
        let response = world.request(Method::GET, "/api/openapi.json").send().await.unwrap();
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            break response;
        }
    };
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(problem(refused, 503).await, "overloaded");
    let ended = read_all(&mut slow_body).await;
    assert!(ended.starts_with("HTTP/1.1 408") && ended.contains("\"code\":\"timeout\""), "{ended}");
    until("the place is free again", || async {
        world.request(Method::GET, "/api/openapi.json").send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    world.running.stop().await;
}

/// A client's first bytes say what it speaks, in however many pieces they come.
#[tokio::test]
async fn http_1_and_http_2_are_told_apart_by_the_first_bytes() {
    let world = World::with(&["http.header_read_timeout_ms=1000".to_owned()]).await;
    let url = format!("{}/api/openapi.json", world.base);
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    for _ in 0..2 {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::OK, reqwest::Version::HTTP_2));
        assert!(response.text().await.unwrap().starts_with('{'));
    }
    let pause = || tokio::time::sleep(Duration::from_millis(30));
    let mut slow = connect(&world).await;
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".chunks(5) {
        slow.write_all(byte).await.unwrap();
        pause().await;
    }
    slow.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap(); // its settings: none
    let mut frame = [0; 9];
    slow.read_exact(&mut frame).await.unwrap();
    assert_eq!((frame[3], frame[4]), (4, 0), "the server's settings");

    // As HTTP/2 begins, but for its last bytes; and a method that begins alike.
    for (pieces, status) in [
        (["PRI * HTTP/2.0\r\n\r\nS", "X\r\n\r\n"], "HTTP/1.1 "),
        (["P", "OST /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"], "HTTP/1.1 404"),
        (["GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n", "connection: close\r\n\r\n"], "HTTP/1.1 200"),
    ] {
        let mut stream = connect(&world).await;
        for piece in pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
            pause().await;
        }
        let answer = read_all(&mut stream).await;
        assert!(answer.starts_with(status), "{pieces:?}: {answer}");
    }
    // Who says nothing, or too little to tell, is cut off like anybody whose head is late.
    for some in ["", "PRI * HTTP/2.0\r\n"] {
        let mut stream = connect(&world).await;
        stream.write_all(some.as_bytes()).await.unwrap();
        assert_eq!(read_all(&mut stream).await, "", "{some:?}");
    }
    world.running.stop().await;
}

/// A stop waits for what is being answered, in either protocol, and for nobody who says nothing.
#[tokio::test]
async fn a_stop_finishes_requests_and_closes_what_idles() {
    for is_http2 in [false, true] {
        let world = World::with(&["storage.acquire_timeout_ms=20000".to_owned()]).await;
        let person = world.person("ann@example.org").await;
        let builder = reqwest::Client::builder();
        let client = if is_http2 { builder.http2_prior_knowledge() } else { builder }.build().unwrap();
        let request = client.post(format!("{}/api/v1/tasks", world.base)).bearer_auth(&person.token);
        let held = world.running.app().db.begin().await.unwrap();
        let answer = tokio::spawn(request.json(&json!({ "title": "x" })).send());
        let mut silent = connect(&world).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let stopped = tokio::spawn(world.running.stop());
        assert_eq!(read_all(&mut silent).await, "");
        assert!(!stopped.is_finished() && !answer.is_finished());
        held.rollback().await.unwrap();
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::CREATED);
        assert_eq!(stopped.await.unwrap(), 0);
    }
}

#[tokio::test]
async fn over_the_cap_connections_wait_and_are_served_later() {
    let world = World::with(&["http.max_connections=2".to_owned()]).await;
    let idle = [connect(&world).await, connect(&world).await];
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let third = tokio::spawn(client.get(format!("{}/api/openapi.json", world.base)).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!third.is_finished(), "it waits");
    drop(idle);
    assert_eq!(third.await.unwrap().unwrap().status(), StatusCode::OK);
    world.running.stop().await;
}

#[tokio::test]
async fn a_busy_database_is_a_503_and_never_a_hang() {
    let world = World::with(&["storage.acquire_timeout_ms=200".to_owned()]).await;
    let person = world.person("ann@example.org").await;
    let held = world.running.app().db.begin().await.unwrap();
    let response = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "x" })), &[]).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(problem(response, 503).await, "unavailable");
    held.rollback().await.unwrap();
    person.task("x").await;
    world.running.stop().await;
}

#[tokio::test]
async fn a_write_is_finished_though_its_client_has_gone() {
    let world = World::with(&["storage.acquire_timeout_ms=20000".to_owned()]).await;
    let person = world.person("ann@example.org").await;
    let held = world.running.app().db.begin().await.unwrap();
    let mut stream = connect(&world).await;
    let body = r#"{"title":"the client left"}"#;
    let request = format!(
        "POST /api/v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        person.token,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // It is in the handler once it is counted as active; then its client goes away while it waits for the database.
    let active = || async {
        let text = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
        text.contains("http_server_aborted_requests_total{http_route=\"/api/v1/tasks\"}")
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    until("the abort is counted", active).await;
    held.rollback().await.unwrap();
    until("the task is there", || async {
        person.get("/api/v1/tasks").await["results"][0]["title"] == "the client left"
    })
    .await;
    assert_eq!(person.get("/api/v1/changes?since=2").await["results"][0]["event"]["eventType"], "TASK_CREATED");
    world.running.stop().await;
}
