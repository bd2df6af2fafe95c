//! Full text search, on both databases.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, World, expect, on_both, problem};

async fn titles(person: &Person<'_>, query: &str) -> Vec<String> {
    let found = person.get(&format!("/api/v1/tasks/search?q={query}")).await;
    found["results"].as_array().unwrap().iter().map(|hit| hit["task"]["title"].as_str().unwrap().to_owned()).collect()
}

async fn make(person: &Person<'_>, body: Value) -> Value {
    expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await
}

async fn words_are_found_best_first(url: Option<String>) {
    let flags: Vec<_> = url.iter().map(|url| format!("storage.url={url}")).collect();
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    let long = format!("{} the rent is due {}", "before ".repeat(60), "after ".repeat(60));
    make(&person, json!({ "title": "Call the landlord", "description": long })).await;
    let tagged = make(&person, json!({ "title": "Standing order", "tags": ["Rent"] })).await;
    let first = make(&person, json!({ "title": "Pay rent in Zürich" })).await;
    make(&person, json!({ "title": "Buy milk" })).await;
    let other = world.person("bob@example.org").await;
    make(&other, json!({ "title": "Rent a bike" })).await;

    assert_eq!(titles(&person, "rent").await, ["Pay rent in Zürich", "Standing order", "Call the landlord"]);
    assert_eq!(titles(&person, "RENT%20pay").await, ["Pay rent in Zürich"]);
    assert_eq!(titles(&person, "zuri").await, ["Pay rent in Zürich"], "the beginning of a word, without its accent");
    assert_eq!(titles(&person, "ay").await, [""; 0]);
    assert_eq!(titles(&other, "rent").await, ["Rent a bike"], "everybody finds what is theirs");
    let found = person.get("/api/v1/tasks/search?q=rent&limit=200").await;
    assert_eq!(found["results"][0]["marks"], json!([{ "field": "title", "start": 4, "end": 8 }]));
    assert_eq!(found["results"][1]["marks"], json!([{ "field": "tags", "index": 0, "start": 0, "end": 4 }]));
    assert!(found["results"][2]["snippet"].as_str().unwrap().contains("the rent is due"));

    // What is done is found, and what is in the trash is not; what changes is found by what it is now.
    let path = |task: &Value| format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    expect(person.send(Method::POST, &format!("{}/complete", path(&first)), None, &[]).await, 200).await;
    let retagged = Some(json!({ "tags": ["home"] }));
    expect(person.send(Method::PATCH, &path(&tagged), retagged, &[("if-match", "*")]).await, 200).await;
    assert_eq!(titles(&person, "rent").await, ["Pay rent in Zürich", "Call the landlord"]);
    assert_eq!(titles(&person, "rent&state=open").await, ["Call the landlord"]);
    assert_eq!(titles(&person, "rent&state=completed").await, ["Pay rent in Zürich"]);
    assert_eq!(titles(&person, "home").await, ["Standing order"]);
    assert_eq!(person.send(Method::DELETE, &path(&first), None, &[("if-match", "*")]).await.status(), 204);
    assert_eq!(titles(&person, "zurich").await, [""; 0]);

    // A word with a mistake, where the database can.
    let found = person.get("/api/v1/tasks/search?q=landlrod").await;
    if url.is_some() {
        assert_eq!(
            (&found["nearly"], &found["results"][0]["task"]["title"]),
            (&json!(true), &json!("Call the landlord"))
        );
    } else {
        assert_eq!(found, json!({ "results": [], "nearly": false }));
    }
    for bad in ["?q=", "?q=%20", "?q=!", "?q=a%20b%20c%20d%20e%20f%20g%20h%20i%20j%20k", "?q=a&state=trash", ""] {
        let refused = person.send(Method::GET, &format!("/api/v1/tasks/search{bad}"), None, &[]).await;
        assert_eq!(problem(refused, 422).await, "validation_failed", "{bad}");
    }
    // The account's words go with it.
    let body = Some(json!({ "password": crate::support::PASSWORD }));
    assert_eq!(person.send(Method::DELETE, "/api/v1/me", body, &[]).await.status(), 204);
    assert_eq!(titles(&other, "rent").await, ["Rent a bike"]);
    world.running.stop().await;
}

on_both! {
    words_are_found_best_first: search_on_sqlite, real_search_on_postgres;
}
